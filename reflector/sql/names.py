"""How a database is told which row, column or table is meant.

Rule: every name that comes into a statement goes through `quote`.
"""

from __future__ import annotations

from typing import ClassVar, Final

import sqlalchemy as sa

from reflector.catalog.model import Column, Table
from reflector.errors import NotSupported
from reflector.sql.shaped import Sql

PERCENT: Final = "\x00"
"""Stands for `%` in names until the text is finished, so that no paramstyle takes a name for a placeholder: the one
character that no database has in a name."""


class Names:
    """`name` is the database's own, as it is told to people."""

    name: ClassVar[str]
    percent: ClassVar[str] = "%"
    """How a `%` of a name is written in a finished statement."""
    position: ClassVar[str | None] = None
    """The database's own name for a row's place, which finds a row without a key inside one transaction."""

    def quote(self, name: str) -> str:
        """A name as an identifier; the one place where names become SQL."""
        return '"' + name.replace('"', '""').replace("%", PERCENT) + '"'

    def column(self, alias: str, column: Column) -> Sql:
        return self.named(alias, column.name)

    def named(self, alias: str, name: str) -> Sql:
        return sa.literal_column(f"{alias}.{self.quote(name)}")

    def table(self, table: Table) -> sa.TableClause:
        """The table by its own, qualified name; without a schema it is a view at the head of the statement."""
        schema = sa.sql.quoted_name(table.schema.replace("%", PERCENT), quote=True) if table.schema else None
        return sa.table(sa.sql.quoted_name(table.name.replace("%", PERCENT), quote=True), schema=schema)

    def whole(self, alias: str, table: Table, *, made: bool) -> Sql:
        """The row as one value of its table's row type. `made`: the row has the table's columns, and not its type."""
        raise self.unsupported("give a function a row")

    def present(self, alias: str) -> Sql:
        """That a row of a function has any value at all."""
        raise self.unsupported("take rows from a function")

    def place(self, alias: str, name: str) -> Sql:
        """The row's place, as it is bound again by `by_position`."""
        return sa.literal_column(f"{alias}.{name}")

    def by_position(self, alias: str, name: str, bind: Sql) -> Sql:
        return sa.literal_column(f"{alias}.{name}") == bind

    def key(self, label: str) -> str:
        return label.replace("%", PERCENT)

    def finished(self, text: str) -> str:
        """The statement's text with the names' `%` in it."""
        return text.replace(PERCENT, self.percent)

    def unsupported(self, what: str) -> NotSupported:
        return NotSupported(f"{self.name} cannot {what}")
