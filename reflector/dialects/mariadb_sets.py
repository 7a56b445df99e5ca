"""Sets of rows on MariaDB: a list of rows in the statement's text, where the driver writes every value.

A list of rows has types and collations of its own. A given value takes the column's before it is compared with it, so
that what is equal is what the column's unique index says, and the index serves.

Rule: no `ON DUPLICATE KEY`, no `IGNORE`, no `REPLACE`: they react to any key, and hide what else is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import sqlalchemy as sa

from reflector.catalog.model import Column
from reflector.datatypes import DataType, Kind
from reflector.sql.plan import Cells, RowList
from reflector.sql.set_forms import Origin, SetForms
from reflector.sql.shaped import Shaped, Sql
from reflector.sql.statement import Writer

COLLATION = re.compile(r"(?:utf8mb[34]|[a-z0-9]+)_[a-z0-9_]+\Z")


class MariaDBSets(SetForms):
    def relation(self, writer: Writer, types: Sequence[DataType | None], origin: Origin, name: str) -> sa.FromClause:
        bind = writer.bind(origin(_placed))
        names = ["n", *(f"c{index}" for index in range(len(types)))]
        shown = ", ".join(f"listed.{each} AS {each}" for each in names)
        text = f"WITH listed ({', '.join(names)}) AS (VALUES :{bind.key}) SELECT {shown} FROM listed"
        return sa.text(text).bindparams(bind).columns(*(sa.column(each) for each in names)).subquery(name)

    def as_column(self, given: Sql, column: Column) -> Sql:
        if column.type.kind is Kind.DECIMAL:
            return Shaped(f"CAST({{x}} AS DECIMAL(65,{min(column.type.scale or 0, 38)}))", given)
        collation = column.collation or ""
        if not COLLATION.match(collation):
            return given
        charset = collation.partition("_")[0]
        return Shaped(f"CONVERT({{x}} USING {charset}) COLLATE {collation}", given)

    def among(self, writer: Writer, left: Sequence[Sql], types: Sequence[DataType | None], origin: Origin) -> Sql:
        listed = writer.bind(origin(_bare if len(left) == 1 else _cells))
        key = left[0] if len(left) == 1 else sa.tuple_(*left)
        return key.op("IN", is_comparison=True)(sa.tuple_(listed))


def _placed(rows: Sequence[tuple[int, Cells]]) -> RowList:
    return RowList((place, *cells) for place, cells in rows)


def _cells(rows: Sequence[tuple[int, Cells]]) -> RowList:
    return RowList(cells for _, cells in rows)


def _bare(rows: Sequence[tuple[int, Cells]]) -> RowList:
    return RowList((cells for _, cells in rows), bare=True)
