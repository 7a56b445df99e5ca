"""Sets of rows on PostgreSQL: an array for each column, unnested side by side.

Rule: values travel as `operand` has them, native where asyncpg knows the type and as text elsewhere, and take their
type by a cast.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from reflector.datatypes import DataType, Kind
from reflector.sql.plan import Cells, Encode, Pack
from reflector.sql.set_forms import IgnoringSets, Origin
from reflector.sql.shaped import Sql
from reflector.sql.statement import Writer

NATIVE = (Kind.BOOLEAN, Kind.INTEGER, Kind.BYTES)
BY_JSON = "(SELECT made.v FROM pg_catalog.json_to_record(pg_catalog.json_build_object('v', {x})) AS made(v {type}))"
"""A value that PostgreSQL makes of the JSON `{x}`, as a member of a document."""


class PostgreSQLSets(IgnoringSets):
    def encoder(self, writer: Writer, type_: DataType) -> Encode | None:
        if type_.kind is not Kind.ARRAY:
            return writer.dialect.encoder(type_)
        texts = writer.dialect.encoder(type_, many=True)  # arrays of several lengths are no array: each is a text
        return None if texts is None else lambda value: texts((value,))[0]

    def relation(self, writer: Writer, types: Sequence[DataType | None], origin: Origin, name: str) -> sa.FromClause:
        binds = [writer.bind(origin(places))]
        unnested = [f"pg_catalog.unnest(CAST(:{_key(binds[0])} AS pg_catalog.int8[]))"]
        shown = ["listed.n AS n"]
        for index, type_ in enumerate(types):
            binds.append(writer.bind(origin(_column(index))))
            own = _cast(type_)
            writer.calls |= type_ is not None and type_.busy
            native = type_ is None or type_.kind in NATIVE
            carrier = own if native else "pg_catalog.text"
            unnested.append(f"pg_catalog.unnest(CAST(:{_key(binds[-1])} AS {carrier}[]))")
            value = f"listed.c{index}" if native else f"CAST(listed.c{index} AS {own})"
            shown.append(f"{_made(value, type_)} AS c{index}")
        names = ", ".join(["n", *(f"c{index}" for index in range(len(types)))])
        text = f"SELECT {', '.join(shown)} FROM ROWS FROM ({', '.join(unnested)}) AS listed({names})"
        columns: list[sa.ColumnClause[Any]] = [sa.column("n"), *(sa.column(f"c{index}") for index in range(len(types)))]
        return sa.text(text).bindparams(*binds).columns(*columns).subquery(name)

    def among(self, writer: Writer, left: Sequence[Sql], types: Sequence[DataType | None], origin: Origin) -> Sql:
        type_ = types[0]
        if len(left) > 1 or type_ is None or type_.kind is Kind.ARRAY:
            return super().among(writer, left, types, origin)
        dialect = writer.dialect
        found: Sql = dialect.contained(left[0], dialect.operand(writer.bind(origin(_column(0))), type_, many=True))
        return found

    def locked(self, select: sa.Select[Any], rows: sa.FromClause) -> sa.Select[Any]:
        return select.with_for_update(of=rows)

    def insert(self, target: sa.TableClause) -> Any:
        return postgresql.insert(target)

    def ignoring(self, insert: Any, key: Sequence[str]) -> Any:
        return insert.on_conflict_do_nothing(index_elements=[sa.column(name) for name in key])


def places(rows: Sequence[tuple[int, Cells]]) -> list[int]:
    return [place for place, _ in rows]


def _column(index: int) -> Pack:
    return lambda rows: [cells[index] for _, cells in rows]


def _key(bind: Any) -> str:
    return str(bind.key)


def _cast(type_: DataType | None) -> str:
    """The type's name, with what SQLAlchemy would take for a placeholder."""
    return _plain("pg_catalog.int8" if type_ is None else type_.cast or "pg_catalog.text")


def _made(value: str, type_: DataType | None) -> str:
    """The value, or what a function makes of it, or PostgreSQL itself of JSON."""
    if type_ is not None and type_.by_json and type_.kind is Kind.JSON:
        return BY_JSON.replace("{type}", _plain(type_.by_json)).replace("{x}", value)
    return value if type_ is None or not type_.by else f"{_plain(type_.by)}({value})"


def _plain(name: str) -> str:
    return name.replace(":", "\\:")
