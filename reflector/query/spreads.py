"""A spread of one row in terms of what there is besides: what it lifts are expressions of the row it leads to.

Rule: rewriting by rules comes first. What is lifted carries the rows that may be seen into each expression, so that
nothing further on needs to know that there was a spread.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import assert_never

from reflector.query.masks import Masked
from reflector.query.nodes import (
    TRUE,
    Aggregate,
    Apart,
    Cast,
    Computed,
    Counted,
    Embed,
    Expression,
    Field,
    FixedText,
    Group,
    Guarded,
    JsonPath,
    Lowered,
    Outer,
    Output,
    Related,
    Selected,
    Spread,
    all_of,
)


def lifted(spread: Spread) -> tuple[Selected, ...]:
    """The members that a spread adds to its document, in their order; a spread of many rows stays what it is."""
    return (spread,) if spread.relationship.many else tuple(_lifted(spread))


def _lifted(spread: Spread) -> Iterator[Selected]:
    for member in spread.read.select:
        match member:
            case Output(label=label, expression=expression, form=form):
                yield Output(label, _led(expression, spread), form)
            case Embed() | Group() | Spread():
                yield replace(spread, read=replace(spread.read, select=(member,)))
            case Apart():
                yield member
            case _:
                assert_never(member)


def _led(expression: Expression, spread: Spread) -> Expression:
    """The expression of the row that the spread leads to; aggregates are of the row in hand."""
    match expression:
        case Aggregate(function=function, expression=inner):
            return expression if inner is None else Aggregate(function, _related(inner, spread))
        case Cast(expression=inner) | JsonPath(expression=inner) | Lowered(expression=inner):
            return replace(expression, expression=_led(inner, spread))
        case Field() | Outer() | Related() | Guarded() | Computed() | FixedText() | Counted() | Masked():
            return _related(expression, spread)
        case _:
            assert_never(expression)


def _related(expression: Expression, spread: Spread) -> Expression:
    related = Related(spread.relationship, expression, all_of(spread.read.where, spread.read.after))
    return related if spread.guard == TRUE else Guarded(spread.guard, related)
