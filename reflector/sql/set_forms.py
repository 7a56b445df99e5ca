"""How a database takes many rows at once: given rows as a relation, rows found again by their keys.

What stands here every database says; `reflector/dialects` has a subclass for each that says the rest.

Rule: however many rows there are, the text of a statement is the same: the rows are one bound value, or one a column.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy as sa

from reflector.catalog.model import Column
from reflector.datatypes import DataType
from reflector.sql.plan import Encode, Pack, Source
from reflector.sql.shaped import Sql

if TYPE_CHECKING:  # a writer has a dialect, and a dialect these forms
    from reflector.sql.statement import Writer

Origin: TypeAlias = Callable[[Pack], Source]
"""Where rows come from, once it is known how they are packed into one bound value."""


class SetForms(ABC):
    """The constructs for sets of rows. A `relation` has the columns n (the row's place), c0, c1, …"""

    def encoder(self, writer: Writer, type_: DataType) -> Encode | None:
        """How a canonical value is put into given rows."""
        return writer.dialect.encoder(type_)

    @abstractmethod
    def relation(self, writer: Writer, types: Sequence[DataType | None], origin: Origin, name: str) -> sa.FromClause:
        """The rows as something to select from. A type of None is a number of the database's own."""

    def as_column(self, given: Sql, column: Column) -> Sql:
        """A given value as it is compared with the column."""
        return given

    def among(self, writer: Writer, left: Sequence[Sql], types: Sequence[DataType | None], origin: Origin) -> Sql:
        """The row's key, `left`, is one of these."""
        rows = self.relation(writer, types, origin, "listed")
        keys = sa.select(*(rows.c[f"c{index}"] for index in range(len(left))))
        found: Sql = (left[0] if len(left) == 1 else sa.tuple_(*left)).in_(keys)
        return found

    def locked(self, select: sa.Select[Any], rows: sa.FromClause) -> sa.Select[Any]:
        """The rows of the select are nobody else's until the transaction ends."""
        return select.with_for_update()

    def insert(self, target: sa.TableClause) -> Any:
        return sa.insert(target)

    def default(self, column: Column) -> Sql:
        """What a column is that is given no value, in an UPDATE."""
        return sa.literal_column("DEFAULT")


class IgnoringSets(SetForms):
    """Of a database whose inserts can leave existing rows alone by themselves, told by the columns of a key."""

    @abstractmethod
    def ignoring(self, insert: Any, key: Sequence[str]) -> Any:
        """The insert, leaving rows alone that have the key already."""
