"""Which rows come after a given one: the filter that a cursor stands for.

For an order (a, b, c) and the values of a row, the rows after it are those beyond it in `a`, or equal to it in `a` and
beyond it in `b`, and so on. The whole is bounded by the first key once more, because databases find the beginning of a
range in an index by a bound, and never by an OR.

Rule: the filter means the very order that `Order` means, direction and place of NULLs included, and text is compared by
its collation as ORDER BY does; so following a cursor gives every row once, provided that the order ends in a key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import assert_never

from reflector.catalog.model import Column
from reflector.datatypes import DataType, Kind, Value
from reflector.query.comparisons import EQ, GT, GTE, IN, LT, LTE
from reflector.query.expressions import type_of
from reflector.query.masks import Masked
from reflector.query.nodes import (
    FALSE,
    TRUE,
    Aggregate,
    Cast,
    Compare,
    Computed,
    Counted,
    Expression,
    Field,
    Filter,
    FixedText,
    Guarded,
    IsNull,
    JsonPath,
    Literal,
    Lowered,
    Not,
    Order,
    Outer,
    Related,
    all_of,
    any_of,
)

NeverNull = Callable[[Column], bool]
"""Whether a column of the rows in hand has a value on each of them."""


def not_nullable(column: Column) -> bool:
    """What the catalog says. Whoever asks for a caller who sees a column on some rows only has to know better."""
    return not column.nullable


def can_page(type_: DataType) -> bool:
    """Whether rows can be sorted by the type and asked what comes after a value of it."""
    return type_.facts.ordered or type_.kind is Kind.ENUM


def after(
    order: Sequence[Order], values: Sequence[Value], never_null: NeverNull = not_nullable, *, including: bool = False
) -> Filter:
    """The rows that come after the one with these order values, that one `including`; None stands for NULL.

    `values` are canonical, one for each order. Without any order nothing comes after anything.
    """
    keys = [
        Place(each, value, value is None or not _sure(each.expression, never_null))
        for each, value in zip(order, values, strict=True)
    ]
    steps = [all_of(*(key.same() for key in keys[:index]), key.beyond()) for index, key in enumerate(keys)]
    if including and len(keys) == 1:
        return keys[0].not_before()
    if including:
        steps.append(all_of(*(key.same() for key in keys)))
    found = any_of(*steps)
    return found if len(keys) < 2 else all_of(keys[0].not_before(), found)


def reversed_order(order: Sequence[Order]) -> tuple[Order, ...]:
    """The same rows from the other end."""
    return tuple(replace(each, descending=not each.descending, nulls_last=not each.nulls_come_last) for each in order)


class Place:
    """Where a row stands in one of the keys of an order."""

    def __init__(self, order: Order, value: Value, nullable: bool) -> None:
        self.expression = order.expression
        self.descending = order.descending
        self.nulls_last = order.nulls_come_last
        self.value = value
        self.nullable = nullable
        self.type = type_of(order.expression)

    def same(self) -> Filter:
        if self.value is None:
            return IsNull(self.expression)
        return Compare(self.expression, EQ, Literal(self.value, self.type))

    def beyond(self) -> Filter:
        """Strictly after, in this key alone."""
        if self.value is None:
            return FALSE if self.nulls_last else Not(IsNull(self.expression))
        return self._with_nulls(self._compared(equal=False))

    def not_before(self) -> Filter:
        """After or equal, in this key alone."""
        if self.value is None:
            return IsNull(self.expression) if self.nulls_last else TRUE
        return self._with_nulls(self._compared(equal=True))

    def _with_nulls(self, found: Filter) -> Filter:
        return any_of(found, IsNull(self.expression)) if self.nullable and self.nulls_last else found

    def _compared(self, *, equal: bool) -> Filter:
        if self.type.kind is Kind.ENUM:
            return self._among_labels(equal=equal)
        larger, smaller = (GTE, LTE) if equal else (GT, LT)
        return Compare(self.expression, smaller if self.descending else larger, Literal(self.value, self.type))

    def _among_labels(self, *, equal: bool) -> Filter:
        """Databases sort labels as they were declared, and compare them as text or not at all: so they are listed."""
        labels = self.type.labels[::-1] if self.descending else self.type.labels
        rest = labels[labels.index(self.value) + (0 if equal else 1) :]
        return Compare(self.expression, IN, Literal(tuple(rest), self.type, many=True)) if rest else FALSE


def _sure(expression: Expression, never_null: NeverNull) -> bool:
    match expression:
        case Field(column=column):
            return never_null(column)
        case Lowered(expression=inner):
            return _sure(inner, never_null)
        case FixedText() | Counted():
            return True
        case Related() | Guarded() | Outer() | JsonPath() | Cast() | Aggregate() | Computed() | Masked():
            return False
        case _:
            assert_never(expression)
