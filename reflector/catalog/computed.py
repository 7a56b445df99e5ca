"""Computed fields and computed relationships: functions of the database that are asked of a row.

    full_name(person) returns text            a field of person
    books(person) returns setof book          a relationship of person, to many
    home(person) returns setof place rows 1   a relationship of person, to one

Rule: a function belongs to a table where the database itself would find it: in the table's own schema, then along the
search path. What has further arguments, with defaults, is a field and no relationship; of several in one schema none is found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from reflector.catalog.model import Function, Relationship, Table

Ranked = Mapping[Table, tuple[Function, ...]]


def of_rows(functions: Iterable[Function], path: Sequence[str]) -> Ranked:
    """The functions that may be asked of each table's rows, those that the database would find first before others."""
    found: dict[Table, list[Function]] = {}
    for function in functions:
        table = function.of_row
        if function.callable and table is not None and function.schema in {table.schema, *path}:
            found.setdefault(table, []).append(function)
    return {table: tuple(sorted(_certain(each), key=_place([table.schema, *path]))) for table, each in found.items()}


def _certain(functions: Sequence[Function]) -> list[Function]:
    """Those that can be told from others by their names."""
    several = Counter((each.schema, each.name) for each in functions)
    return [each for each in functions if several[each.schema, each.name] == 1]


def _place(path: Sequence[str]) -> Callable[[Function], int]:
    return lambda function: path.index(function.schema)


def computed_fields(ranked: Ranked) -> Ranked:
    """The functions that give one value."""
    return MappingProxyType(
        {
            table: tuple(each for each in found if each.value is not None and not each.returns_set)
            for table, found in ranked.items()
        }
    )


def computed_relationships(ranked: Ranked) -> Mapping[Table, tuple[Relationship, ...]]:
    """The ways that functions make, by giving rows of a table that is served."""
    return MappingProxyType(
        {
            table: tuple(way for each in found if (way := _way(table, each)) is not None)
            for table, found in ranked.items()
        }
    )


def _way(source: Table, function: Function) -> Relationship | None:
    if not function.of_table or function.rows is None or len(function.takes) > 1:
        return None
    many = not function.at_most_one
    return Relationship(function.name, source, function.rows, many, (), function=function)
