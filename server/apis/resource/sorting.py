"""The order of a list: `sort=-created_at,author.name,title.nullslast`.

Rule: NULLs come last ascending and first descending unless said otherwise, and a path leads through relationships to
one, because rows cannot be sorted by several values of one column.
"""

from __future__ import annotations

from typing import Final

from reflector.catalog.model import Column
from reflector.errors import InvalidRequest, LimitExceeded, UnknownColumn
from reflector.query.nodes import TRUE, Expression, Field, Order, Related
from reflector.query.paging import can_page
from reflector.query.scope import Scope, TableScope
from reflector.query.told import told
from server.apis.resource.faults import FaultList, in_query
from server.apis.resource.selection import trimmed
from server.config.limits import EffectiveLimits

KEYS: Final = 16
"""Columns that one order can have."""
NULLS: Final = {".nullslast": True, ".nullsfirst": False}


def read_sort(
    scope: Scope, table: TableScope, text: str, limits: EffectiveLimits, faults: FaultList
) -> tuple[Order, ...]:
    """The orders; what is wrong is noted."""
    entries = [trimmed(entry, table) for entry in text.split(",")]
    orders: list[Order] = []
    with faults.at(in_query("sort")):
        if len(entries) > KEYS:
            raise LimitExceeded(f"an order has at most {KEYS} columns, not {len(entries)}")
        for entry in entries:
            with faults.at(in_query("sort")):
                orders.append(_order(scope, table, entry, limits))
    return tuple(orders)


def _order(scope: Scope, table: TableScope, text: str, limits: EffectiveLimits) -> Order:
    descending = text.startswith("-") and text not in table.readable
    name = text[1:] if descending else text
    nulls_last = None
    if name not in table.readable:
        for suffix, last in NULLS.items():
            if name.endswith(suffix):
                name, nulls_last = name.removesuffix(suffix), last
                break
    return Order(_expression(scope, table, name, limits, ()), descending, nulls_last)


def _expression(
    scope: Scope, table: TableScope, name: str, limits: EffectiveLimits, path: tuple[str, ...]
) -> Expression:
    if (column := table.readable.get(name)) is not None:
        _check_sortable(column)
        return Field(column)
    head, dot, rest = name.partition(".")
    if not dot and name not in table.relationships:
        raise UnknownColumn(table.table.label, name, [*table.readable, *table.relationships])
    relationship = table.relationship(head)
    if relationship.many:
        raise InvalidRequest(f"a list cannot be sorted by {head!r}: it leads to many rows")
    if not dot:
        column_there = scope.on(relationship.target).example()
        raise InvalidRequest(
            f"{name!r} is a relationship: a list is sorted by columns",
            hint=None if column_there is None else "sort=" + ".".join((*path, name, column_there)),
        )
    if len(path) >= limits.depth:
        raise LimitExceeded(f"a path goes through at most {limits.depth} relationships")
    inner = _expression(scope, scope.on(relationship.target), rest, limits, (*path, head))
    return Related(relationship, inner, TRUE)


def _check_sortable(column: Column) -> None:
    if not can_page(column.type):
        raise InvalidRequest(f"a list cannot be sorted by {column.name!r}: {told(column.type)} has no order")
