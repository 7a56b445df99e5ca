"""What the tables of a Hasura's metadata are in the database, and how our file calls them.

Rule: a table that is named there and not found here has no columns, and nothing is guessed of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reflector.access.names import database_names
from reflector.catalog.model import Catalog, DatabaseKind, Table
from server.commands.hasura_files import parts_of


@dataclass(frozen=True, slots=True)
class Names:
    """`catalog`: of the database, None where none is named."""

    catalog: Catalog | None

    def label(self, given: Any) -> str:
        """A table as our file calls it: plain in the first schema."""
        found = self.found(given)
        if found is not None and self.catalog is not None:
            return next(name for name, table in database_names(self.catalog).items() if table is found)
        schema, name = parts_of(given)
        return name if schema in (None, "public", "dbo") else f"{schema}.{name}"

    def found(self, given: Any) -> Table | None:
        """The table in the database. Where schemas are called otherwise than in PostgreSQL, one of that name will do."""
        if self.catalog is None:
            return None
        schema, name = parts_of(given)
        named = [table for table in self.catalog.tables.values() if table.name == name]
        if self.catalog.kind is DatabaseKind.POSTGRESQL:
            return next((table for table in named if table.schema == (schema or "public")), None)
        return next((table for table in named if table.schema == schema), named[0] if len(named) == 1 else None)

    def table(self, label: str) -> Table | None:
        """The table in the database that our file calls so; None where it is not known."""
        return None if self.catalog is None else database_names(self.catalog).get(label)

    def columns(self, label: str) -> list[str] | None:
        """All columns of a table that our file calls so; None where it is not known."""
        table = self.table(label)
        return None if table is None else [column.name for column in table.columns]
