"""Which of the rows, and in what order: ORDER BY, LIMIT and OFFSET of a read."""

from __future__ import annotations

import sqlalchemy as sa

from reflector.query.expressions import type_of
from reflector.query.nodes import Order, Parameter
from reflector.sql.filters import Rows, nullable, raw
from reflector.sql.groups import Names, named_order
from reflector.sql.ordering import Sorting
from reflector.sql.plan import FromRequest
from reflector.sql.shaped import Sql
from reflector.sql.statement import Writer


def sorting(writer: Writer, order: Order, rows: Rows) -> Sorting:
    expression = writer.dialect.ranked(raw(writer, order.expression, rows), type_of(order.expression))
    return Sorting(expression, order.descending, order.nulls_come_last, nullable(order.expression))


def named_sorting(writer: Writer, order: Order, alias: str, names: Names) -> Sorting:
    expression = writer.dialect.named(alias, named_order(names, order.expression))
    return Sorting(expression, order.descending, order.nulls_come_last, nullable(order.expression))


def ordered(writer: Writer, order: Order, rows: Rows) -> list[Sql]:
    return writer.dialect.sorted([sorting(writer, order, rows)])


def amount(writer: Writer, count: int | Parameter | None, more: int = 0) -> Sql | None:
    """A LIMIT or OFFSET, `more` beyond the count."""
    if count is None:
        return None
    if isinstance(count, int):
        return sa.literal_column(str(count + more))
    bound: Sql = writer.dialect.operand(writer.bind(FromRequest(count.index), lambda given: given + more), count.type)
    return bound
