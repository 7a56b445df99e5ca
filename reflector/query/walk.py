"""Visits to a tree: every place in which a column can stand, and rewriting without naming every node.

Rule: whoever needs to know which columns a query touches asks `columns_of`; a node that is not visited here fails the
type checker, not a review.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import assert_never

from reflector.catalog.model import Column, Relationship
from reflector.query.inside import nodes_of
from reflector.query.masks import Masked
from reflector.query.nodes import (
    And,
    Apart,
    Assignment,
    Compare,
    Computed,
    Counted,
    Delete,
    Embed,
    Exists,
    Expression,
    Field,
    Filter,
    Group,
    Insert,
    IsNull,
    Not,
    Operand,
    Or,
    Outer,
    Output,
    Overview,
    Query,
    Read,
    Selected,
    Spread,
    Update,
)
from reflector.query.reach import levels_of, tables_inside, tables_of

__all__ = [
    "Replace",
    "columns_inside",
    "columns_of",
    "columns_of_relationship",
    "filter_with",
    "levels_of",
    "masked_in",
    "own_columns",
    "read_with",
    "source_columns",
    "tables_inside",
    "tables_of",
    "target_columns",
    "with_operands",
]


def columns_of(query: Query) -> Iterator[Column]:
    """Every column of every table that the query names, in any place, with repetitions."""
    match query:
        case Read():
            yield from _columns_of_read(query)
        case Overview(select=select):
            yield from _columns_of_members(select)
        case (
            Insert(values=values, check=check, returning=returning)
            | Update(values=values, check=check, returning=returning)
        ):
            for each in values:
                yield each.column
                yield from columns_inside(each.operand)
            yield from columns_inside(check)
            if isinstance(query, Update):
                yield from columns_inside(query.where)
            if returning is not None:
                yield from _columns_of_read(returning)
        case Delete(where=where, returning=returning):
            yield from columns_inside(where)
            if returning is not None:
                yield from _columns_of_read(returning)
        case _:
            assert_never(query)


def _columns_of_members(members: tuple[Selected, ...]) -> Iterator[Column]:
    for member in members:
        match member:
            case Output(expression=expression):
                yield from columns_inside(expression)
            case (
                Embed(relationship=relationship, read=inner, guard=guard, through=through)
                | Spread(relationship=relationship, read=inner, guard=guard, through=through)
            ):
                yield from columns_of_relationship(relationship)
                yield from columns_inside(guard)
                yield from columns_inside(through)
                yield from _columns_of_read(inner)
            case Group(select=select):
                yield from _columns_of_members(select)
            case Apart(read=inner):
                yield from _columns_of_read(inner)
            case _:
                assert_never(member)


def _columns_of_read(read: Read) -> Iterator[Column]:
    yield from _columns_of_members(read.select)
    yield from columns_inside(read.where)
    yield from columns_inside(read.after)
    for order in read.order:
        yield from columns_inside(order.expression)


def columns_inside(start: Filter | Expression | Operand) -> Iterator[Column]:
    """Every column that a condition or an expression names, at any depth, with repetitions."""
    for node in nodes_of(start):
        match node:
            case Field(column=column) | Outer(column=column):
                yield column
            case Computed(function=function):
                yield from () if function.of_row is None else function.of_row.columns
            case Relationship():
                yield from columns_of_relationship(node)


def columns_of_relationship(relationship: Relationship) -> Iterator[Column]:
    """The columns on both ends; those of a junction's own table as well, and all that a function is given."""
    if relationship.function is not None:
        yield from relationship.source.columns
    pairs = relationship.pairs
    if relationship.junction is not None:
        pairs = relationship.junction.near + relationship.junction.far
    for pair in pairs:
        yield from pair


def source_columns(relationship: Relationship) -> tuple[Column, ...]:
    """The columns of the row the relationship starts from."""
    pairs = relationship.pairs if relationship.junction is None else relationship.junction.near
    return tuple(source for source, _ in pairs)


def target_columns(relationship: Relationship) -> tuple[Column, ...]:
    """The columns of the rows the relationship leads to."""
    pairs = relationship.pairs if relationship.junction is None else relationship.junction.far
    return tuple(target for _, target in pairs)


def own_columns(members: tuple[Selected, ...]) -> Iterator[Column]:
    """The columns of the row in hand that its members need: their own, and the near ends of relationships.

    Columns inside an `Exists` of a guard may belong to other tables; the caller keeps those of its own table.
    """
    for member in members:
        match member:
            case Output(expression=expression):
                yield from columns_inside(expression)
            case Embed(relationship=relationship, guard=guard) | Spread(relationship=relationship, guard=guard):
                yield from (
                    source_columns(relationship) if relationship.function is None else relationship.source.columns
                )
                yield from columns_inside(guard)
            case Group(select=select):
                yield from own_columns(select)
            case Apart():
                continue
            case _:
                assert_never(member)


def masked_in(members: tuple[Selected, ...]) -> Column | None:
    """A column that is shown masked among the values of these members."""
    for member in members:
        match member:
            case Output(expression=expression):
                for node in nodes_of(expression):
                    if isinstance(node, Masked):
                        return next(columns_inside(node.expression))
            case Group(select=select):
                if (column := masked_in(select)) is not None:
                    return column
            case Embed() | Spread() | Apart():
                continue
            case _:
                assert_never(member)
    return None


# ── rewriting the values, leaving the shape ──────────────────────────────────────────────────

Replace = Callable[[Operand], Operand]


def with_operands(query: Query, change: Replace) -> Query:
    """The same query with every operand replaced; what does not change is shared with the old tree."""
    match query:
        case Read():
            return read_with(query, change)
        case Overview():
            return replace(query, select=_select_with(query.select, change))
        case Insert():
            returning = None if query.returning is None else read_with(query.returning, change)
            return replace(
                query,
                values=_values_with(query.values, change),
                check=filter_with(query.check, change),
                returning=returning,
            )
        case Update():
            returning = None if query.returning is None else read_with(query.returning, change)
            return replace(
                query,
                where=filter_with(query.where, change),
                values=_values_with(query.values, change),
                check=filter_with(query.check, change),
                returning=returning,
            )
        case Delete():
            returning = None if query.returning is None else read_with(query.returning, change)
            return replace(query, where=filter_with(query.where, change), returning=returning)
        case _:
            assert_never(query)


def _values_with(values: tuple[Assignment, ...], change: Replace) -> tuple[Assignment, ...]:
    return tuple([Assignment(each.column, change(each.operand)) for each in values])


def read_with(read: Read, change: Replace) -> Read:
    """`with_operands`, for what stays a read."""
    where = filter_with(read.where, change)
    after = filter_with(read.after, change)
    select = _select_with(read.select, change)
    if where is read.where and after is read.after and select is read.select:
        return read
    return replace(read, where=where, after=after, select=select)


def _select_with(select: tuple[Selected, ...], change: Replace) -> tuple[Selected, ...]:
    changed = False
    members: list[Selected] = []
    for member in select:
        new = member if type(member) is Output and type(member.expression) is Field else _member_with(member, change)
        changed = changed or new is not member
        members.append(new)
    return tuple(members) if changed else select


def _member_with(member: Selected, change: Replace) -> Selected:
    match member:
        case Embed(read=read) | Spread(read=read) | Apart(read=read):
            inner = read_with(read, change)
            return member if inner is read else replace(member, read=inner)
        case Group(label=label, select=select):
            return Group(label, _select_with(select, change))
        case Output(label=label, expression=Counted() as counted):
            return Output(label, replace(counted, where=filter_with(counted.where, change)))
        case Output():
            return member
        case _:
            assert_never(member)


def filter_with(where: Filter, change: Replace) -> Filter:
    """The filter with every operand replaced."""
    match where:
        case Compare(expression=expression, comparison=comparison, operand=operand, exact=exact):
            return Compare(expression, comparison, change(operand), exact)
        case IsNull():
            return where
        case And(parts=parts):
            return And(tuple([filter_with(part, change) for part in parts])) if parts else where
        case Or(parts=parts):
            return Or(tuple([filter_with(part, change) for part in parts])) if parts else where
        case Not(part=part):
            return Not(filter_with(part, change))
        case Exists(via=via, where=inner, through=through, beyond=beyond):
            return Exists(via, filter_with(inner, change), filter_with(through, change), beyond)
        case _:
            assert_never(where)
