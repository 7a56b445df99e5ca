"""What a query reaches: how deep its related rows nest, and which tables are read to answer it.

Rule: what is kept follows the tables told of here, so a node through which rows are read is visited here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from reflector.catalog.model import Relationship, Table
from reflector.query.nodes import (
    Aggregate,
    And,
    Apart,
    Cast,
    Claim,
    Compare,
    Counted,
    Delete,
    Embed,
    Exists,
    Expression,
    Field,
    Filter,
    FixedText,
    Group,
    Guarded,
    Insert,
    IsNull,
    JsonPath,
    Literal,
    Lowered,
    Not,
    Now,
    Operand,
    Or,
    Outer,
    Output,
    Overview,
    Parameter,
    Query,
    Read,
    Related,
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
        yield from tables_of_filter(query.where)
    if isinstance(query, Insert | Update):
        yield from tables_of_filter(query.check)
    if query.returning is not None:
        yield from _tables_of_read(query.returning)


def tables_of_members(members: tuple[Selected, ...]) -> Iterator[Table]:
    """The other tables that the members of a document read."""
    for member in members:
        match member:
            case Output(expression=expression):
                yield from tables_of_expression(expression)
            case (
                Embed(relationship=relationship, read=read, guard=guard, through=through)
                | Spread(relationship=relationship, read=read, guard=guard, through=through)
            ):
                yield from _tables_of_relationship(relationship)
                yield from tables_of_filter(guard)
                yield from tables_of_filter(through)
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
    yield from tables_of_filter(read.where)
    yield from tables_of_filter(read.after)
    for order in read.order:
        yield from tables_of_expression(order.expression)


def _tables_of_relationship(relationship: Relationship) -> Iterator[Table]:
    yield relationship.target
    if relationship.junction is not None:
        yield relationship.junction.table


def tables_of_filter(where: Filter) -> Iterator[Table]:
    """The other tables that a filter reads to be decided."""
    match where:
        case Compare(expression=expression, operand=operand):
            yield from tables_of_expression(expression)
            yield from tables_of_expression(operand)
        case IsNull(expression=expression):
            yield from tables_of_expression(expression)
        case And(parts=parts) | Or(parts=parts):
            for part in parts:
                yield from tables_of_filter(part)
        case Not(part=part):
            yield from tables_of_filter(part)
        case Exists(via=via, where=inner, through=through):
            if isinstance(via, Relationship):
                yield from _tables_of_relationship(via)
            else:
                yield via
            yield from tables_of_filter(through)
            yield from tables_of_filter(inner)
        case _:
            assert_never(where)


def tables_of_expression(expression: Expression | Operand) -> Iterator[Table]:
    """The other tables that an expression reads."""
    match expression:
        case Related(relationship=relationship, expression=inner, where=where):
            yield from _tables_of_relationship(relationship)
            yield from tables_of_expression(inner)
            yield from tables_of_filter(where)
        case Aggregate(expression=inner):
            yield from () if inner is None else tables_of_expression(inner)
        case Guarded(rule=rule, expression=inner):
            yield from tables_of_filter(rule)
            yield from tables_of_expression(inner)
        case Lowered(expression=inner) | JsonPath(expression=inner) | Cast(expression=inner):
            yield from tables_of_expression(inner)
        case Counted(via=via, where=where):
            yield from _tables_of_relationship(via) if isinstance(via, Relationship) else (via,)
            for condition in (where, expression.through, expression.guard):
                yield from () if condition is None else tables_of_filter(condition)
        case Field() | Outer() | FixedText() | Literal() | Claim() | Parameter() | Now():
            return
        case _:
            assert_never(expression)
