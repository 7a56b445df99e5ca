"""Values out of the tree, so that equal questions share one plan.

`parameterize` lifts every literal of a query into a list and leaves its number behind: what remains is the shape,
which is hashable and is the key of the plan cache.

Rule: roles choose the shape, values and claims fill parameters. A literal that changes the statement's text (a list's
length where a database has no arrays) leaves its mark in the shape, in buckets, so that shapes stay few.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from reflector.datatypes import Value
from reflector.query.calls import Call, Gathered, lifted_call
from reflector.query.nodes import COUNT, Apart, Literal, Operand, Overview, Parameter, Query, Read
from reflector.query.sets import AnyQuery, DeleteMany, InsertMany, UpdateMany, lifted
from reflector.query.walk import read_with, with_operands

COMMON_LIMITS = frozenset({1, 2, 5, 10, 20, 25, 30, 50, 100, 200, 250, 500, 1000})
"""Limits that stay in the statement's text: a planner that sees the number plans better, and these are few."""


def parameterize(query: Query, *, buckets: bool) -> tuple[Query, list[Value]]:
    """The query's shape and its values. `buckets` asks for lists in sizes of powers of two (no arrays to bind)."""
    values: list[Value] = []

    shape = with_operands(query, _lifting(values, buckets=buckets))
    if isinstance(shape, Read):
        shape = _with_paging(shape, values)
    elif isinstance(shape, Overview):
        members = [
            replace(each, read=_with_paging(each.read, values)) if isinstance(each, Apart) else each
            for each in shape.select
        ]
        shape = replace(shape, select=tuple(members))
    return shape, values


def _lifting(values: list[Value], *, buckets: bool) -> Callable[[Operand], Operand]:
    def lift(operand: Operand) -> Operand:
        if type(operand) is not Literal:
            return operand
        index = len(values)
        if operand.many and buckets:
            values.append(_padded(operand.value))
            return Parameter(index, operand.type, True, len(values[-1]))
        values.append(operand.value)
        return Parameter(index, operand.type, operand.many)

    return lift


def parameterize_any(query: AnyQuery, *, buckets: bool) -> tuple[AnyQuery, list[Value]]:
    """`parameterize`, for writes of sets and calls as well: rows and bounds are values, one each."""
    match query:
        case InsertMany() | UpdateMany() | DeleteMany():
            values: list[Value] = []
            shape = lifted(query, _lifting(values, buckets=buckets), _keeping(values))
            if shape.returning is not None:
                shape = replace(shape, returning=_with_paging(shape.returning, values))
            return shape, values
        case Call():
            values = []
            call = lifted_call(query, _lifting(values, buckets=buckets))
            if isinstance(call.most, int):
                call = replace(call, most=Parameter(_keeping(values)(call.most), COUNT))
            return call if call.read is None else replace(call, read=_with_paging(call.read, values)), values
        case Gathered():
            values = []
            read = read_with(query.read, _lifting(values, buckets=buckets))
            return replace(query, read=_with_paging(read, values)), values
        case _:
            return parameterize(query, buckets=buckets)


def _keeping(values: list[Value]) -> Callable[[Value], int]:
    def keep(value: Value) -> int:
        values.append(value)
        return len(values) - 1

    return keep


def _padded(items: tuple[Value, ...]) -> tuple[Value, ...]:
    """The list with its last item repeated up to the next power of two: `IN` does not mind."""
    if len(items) < 3:
        return items
    size = 1 << (len(items) - 1).bit_length()
    return items + (items[-1],) * (size - len(items))


def _with_paging(read: Read, values: list[Value]) -> Read:
    """Limit and offset as parameters too, but for the limits everybody uses."""
    if isinstance(read.offset, int):
        values.append(read.offset)
        read = replace(read, offset=Parameter(len(values) - 1, COUNT))
    if isinstance(read.limit, int) and read.limit not in COMMON_LIMITS:
        values.append(read.limit)
        read = replace(read, limit=Parameter(len(values) - 1, COUNT))
    return read
