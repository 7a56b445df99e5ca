"""What a test asks of several rows together, and whether it was answered what it expects.

    {aggregate: book, count: 3, sum: {stock: 12}, max: {price: 30}}        of all rows
    {aggregate: book, by: [status], groups: [{status: draft, count: 2}]}   of each group, in any order

Rule: a column is asked for by the caller's own scope, as in any request; numbers are equal whatever their digits behind.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from reflector.query.aggregates import AGGREGATES, check_aggregate
from reflector.query.nodes import Aggregate, Field, Output
from reflector.query.scope import TableScope
from server.config.trials import AGGREGATED, Trial
from server.trials.trial import rows_of

COUNT: Final = "count"
CLOSE: Final = 1e-9
"""How far numbers may differ: databases give averages with other numbers of digits."""


def selected(table: TableScope, said: Trial) -> tuple[Output, ...]:
    """What is asked for; raises UnknownColumn, and InvalidRequest for an aggregate that a column has not."""
    groups = tuple(Output(name, Field(table.column(name))) for name in said.by or ())
    counted = Output(COUNT, Aggregate(AGGREGATES[COUNT]))
    return (*groups, counted, *(_aggregate(table, name, column) for name, column in asked(said)))


def _aggregate(table: TableScope, name: str, column: str) -> Output:
    field = Field(table.column(column))
    check_aggregate(AGGREGATES[name], field.column.type)
    return Output(label(name, column), Aggregate(AGGREGATES[name], field))


def asked(said: Trial) -> Sequence[tuple[str, str]]:
    """The functions, each with a column, that something is expected of; each once."""
    found: dict[tuple[str, str], None] = {}
    for row in (totals(said), *rows_of(said.groups)):
        for name in AGGREGATED:
            found |= dict.fromkeys((name, column) for column in _mapping(row.get(name)))
    return tuple(found)


def totals(said: Trial) -> Mapping[str, Any]:
    """What is expected of all rows together."""
    return {name: value for name in (COUNT, *AGGREGATED) if (value := getattr(said, name)) is not None}


def expects_nothing(said: Trial) -> bool:
    """Whether all that is expected is what there is of no row at all."""
    expected = totals(said)
    values = (value for name, value in cells(expected) if name != COUNT)
    return (
        not said.groups
        and not said.count
        and (said.groups is not None or bool(expected))
        and all(value is None for value in values)
    )


def label(name: str, column: str) -> str:
    return f"{name} {column}"


def cells(wanted: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What is expected of one answer, by the label that it is answered under."""
    for name, value in wanted.items():
        if name in AGGREGATED:
            yield from ((label(name, column), each) for column, each in _mapping(value).items())
        else:
            yield name, value


def same_number(wanted: Any, value: Any) -> bool:
    """Whether both are numbers that mean the same."""
    both = (wanted, value)
    if any(isinstance(each, bool) or not isinstance(each, int | float | Decimal) for each in both):
        return False
    return math.isclose(float(wanted), float(value), rel_tol=CLOSE, abs_tol=CLOSE) if wanted != value else True


def _mapping(given: Any) -> Mapping[str, Any]:
    return given if isinstance(given, Mapping) else {}
