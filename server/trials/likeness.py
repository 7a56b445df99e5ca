"""Whether a value, a row or a list of rows that was seen is the one that was expected, however each is spelled.

Rule: what is not named may be anything, rows may come in any order, and a value is compared as its column's type reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from reflector.catalog.model import Catalog, Column, Table
from reflector.datatypes import parse_json
from reflector.errors import InvalidValue
from server.config.values import thaw
from server.trials.aggregates import same_number
from server.trials.trial import exact

Same = Callable[[Any, Any], bool]


def same_row(catalog: Catalog, table: Table | None, wanted: Mapping[str, Any], row: Any) -> bool:
    """Whether the row has these values; what is not named may be anything."""
    return isinstance(row, Mapping) and all(
        name in row and _same_member(catalog, table, name, value, row[name]) for name, value in wanted.items()
    )


def _same_member(catalog: Catalog, table: Table | None, name: str, wanted: Any, value: Any) -> bool:
    """A column's value, or related rows."""
    column = None if table is None else table.by_name.get(name)
    if column is not None:
        return same_value(column, wanted, value)
    related = catalog.relationships.get(table, {}).get(name) if table is not None else None
    target = None if related is None else related.target
    if isinstance(wanted, tuple):
        missing, surplus = matched(wanted, value or (), lambda each, row: same_row(catalog, target, each, row))
        return not missing and not surplus
    return value is None if wanted is None else same_row(catalog, target, wanted, value)


def same_cell(table: Table | None, name: str, wanted: Any, value: Any) -> bool:
    """Whether what was worked out of rows is the same: a number, or a value of the column that the name ends with."""
    column = None if table is None else table.by_name.get(name.rpartition(" ")[2])
    given = exact(thaw(wanted))
    return same_number(given, value) or (column is not None and same_value(column, wanted, value))


def same_value(column: Column, wanted: Any, value: Any) -> bool:
    """Whether both are the same value of the column, however they are spelled."""
    given = exact(thaw(wanted))
    try:
        return bool(parse_json(column.type, given) == parse_json(column.type, value))
    except InvalidValue:
        return bool(plain(given) == plain(value))


def plain(value: Any) -> Any:
    """The value with all its numbers of one type."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return value
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def matched(wanted: Sequence[Any], seen: Sequence[Any], same: Same) -> tuple[list[Any], list[Any]]:
    """What of the wanted is missing and what was not wanted, when as many as possible are paired; in any order."""
    takers: dict[int, int] = {}

    def pair(index: int, tried: set[int]) -> bool:
        for place, row in enumerate(seen):
            if place in tried or not same(wanted[index], row):
                continue
            tried.add(place)
            if place not in takers or pair(takers[place], tried):
                takers[place] = index
                return True
        return False

    missing = [wanted[index] for index in range(len(wanted)) if not pair(index, set())]
    return missing, [row for place, row in enumerate(seen) if place not in takers]
