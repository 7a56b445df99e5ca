"""Small databases as facts, so that a test shows only what matters to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reflector.catalog.facts import ColumnFact, Facts, ForeignKeyFact, KeyFact, TableFact
from reflector.catalog.model import Catalog, DatabaseKind, Fill, TableKind
from reflector.datatypes import DataType, Kind

INTEGER = DataType(Kind.INTEGER, "integer")
TEXT = DataType(Kind.TEXT, "text")


def column(spelling: str) -> ColumnFact:
    """`name`, `name?` for one that may be null."""
    return ColumnFact(spelling.rstrip("?"), INTEGER, spelling.endswith("?"), Fill.NONE)


def table(
    name: str, columns: str, *, key: str = "id", uniques: Sequence[str] = (), schema: str = "public"
) -> TableFact:
    """Columns, and those of keys, separated by blanks; an empty `key` for none."""
    return TableFact(
        schema=schema,
        name=name,
        kind=TableKind.TABLE,
        columns=tuple(column(each) for each in columns.split()),
        primary_key=KeyFact(f"{name}_pkey", tuple(key.split())) if key else None,
        uniques=tuple(KeyFact(f"{name}_{number}_key", tuple(each.split())) for number, each in enumerate(uniques)),
    )


def foreign_key(reference: str, *, name: str | None = "", schema: str = "public", to: str = "public") -> ForeignKeyFact:
    """`book(author_id) -> author(id)`; the name is made as PostgreSQL makes it, None for none."""
    source, target = (side.strip().rstrip(")").split("(") for side in reference.split("->"))
    columns = tuple(source[1].split())
    return ForeignKeyFact(
        name=f"{source[0]}_{'_'.join(columns)}_fkey" if name == "" else name,
        schema=schema,
        table=source[0],
        columns=columns,
        target_schema=to,
        target_table=target[0],
        target_columns=tuple(target[1].split()),
    )


def facts(*parts: TableFact | ForeignKeyFact, schemas: Sequence[str] = ("public",)) -> Facts:
    return Facts(
        kind=DatabaseKind.POSTGRESQL,
        version=(15, 1),
        schemas=tuple(schemas),
        tables=tuple(part for part in parts if isinstance(part, TableFact)),
        foreign_keys=tuple(part for part in parts if isinstance(part, ForeignKeyFact)),
    )


def with_column(fact: TableFact, *columns: ColumnFact) -> TableFact:
    return replace(fact, columns=(*fact.columns, *columns))


def ways(catalog: Catalog, label: str) -> dict[str, str]:
    """The relationships of a table in words: name → `one author`, `many book`, `many tag via book_tag`."""
    return {
        name: f"{'many' if each.many else 'one'} {each.target.label}"
        + (f" via {each.junction.table.label}" if each.junction else "")
        for name, each in catalog.relationships[catalog.tables[label]].items()
    }
