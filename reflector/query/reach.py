"""What a query reaches: how deep its related rows nest, and which tables are read to answer it.

Rule: what is kept follows the tables told of here, so a node through which rows are read is visited here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from reflector.catalog.model import Relationship, Table
from reflector.query.inside import nodes_of
from reflector.query.nodes import (
    Apart,
    Delete,
    Embed,
    Expression,
    Filter,
    Group,
    Insert,
    Operand,
    Output,
    Overview,
    Query,
    Read,
    Selected,
    Spread,
    Update,
)


def levels_of(query: Query) -> int:
    """How many levels of related rows the query asks for."""
    match query:
        case Read(select=select) | Overview(select=select):
            return _levels(select)
        case Insert(returning=returning) | Update(returning=returning) | Delete(returning=returning):
            return 0 if returning is None else _levels(returning.select)
        case _:
            assert_never(query)


def _levels(members: tuple[Selected, ...]) -> int:
    return max((_levels_below(member) for member in members), default=0)


def _levels_below(member: Selected) -> int:
    match member:
        case Output():
            return 0
        case Embed(read=read) | Spread(read=read):
            return 1 + _levels(read.select)
        case Group(select=select):
            return _levels(select)
        case Apart(read=read):
            return _levels(read.select)
        case _:
            assert_never(member)


def tables_of(query: Query) -> frozenset[Table]:
    """Every table the query reads or writes."""
    return frozenset(_tables(query))


def _tables(query: Query) -> Iterator[Table]:
    yield query.table
    if isinstance(query, Read):
        yield from _tables_of_read(query)
        return
    if isinstance(query, Overview):
        yield from tables_of_members(query.select)
        return
    if isinstance(query, Update | Delete):
        yield from tables_inside(query.where)
    if isinstance(query, Insert | Update):
        yield from tables_inside(query.check)
    if query.returning is not None:
        yield from _tables_of_read(query.returning)


def tables_of_members(members: tuple[Selected, ...]) -> Iterator[Table]:
    """The other tables that the members of a document read."""
    for member in members:
        match member:
            case Output(expression=expression):
                yield from tables_inside(expression)
            case (
                Embed(relationship=relationship, read=read, guard=guard, through=through)
                | Spread(relationship=relationship, read=read, guard=guard, through=through)
            ):
                yield from _tables_of_relationship(relationship)
                yield from tables_inside(guard)
                yield from tables_inside(through)
                yield from _tables_of_read(read)
            case Group(select=select):
                yield from tables_of_members(select)
            case Apart(read=read):
                yield from _tables_of_read(read)
            case _:
                assert_never(member)


def _tables_of_read(read: Read) -> Iterator[Table]:
    yield read.table
    yield from tables_of_members(read.select)
    yield from tables_inside(read.where)
    yield from tables_inside(read.after)
    for order in read.order:
        yield from tables_inside(order.expression)


def _tables_of_relationship(relationship: Relationship) -> Iterator[Table]:
    yield relationship.target
    if relationship.junction is not None:
        yield relationship.junction.table


def tables_inside(start: Filter | Expression | Operand) -> Iterator[Table]:
    """The other tables that are read to decide a condition or to work out an expression, at any depth."""
    for node in nodes_of(start):
        match node:
            case Relationship():
                yield from _tables_of_relationship(node)
            case Table():
                yield node
