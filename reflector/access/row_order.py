"""The order of rows that other tables decide about: one that hidden rows cannot move.

Where a filter asks another table (`Exists`), or rows are reached by way of a junction, a database may begin with that
table and find the rows in its order. Whether it does is said by how many rows there are, hidden ones among them. Rows that
nobody ordered would tell by their order how many, and a page of them by which rows it has. So the order of such a read
is ended by what tells its rows apart. So is that of groups: whether they are found by sorting or by hashing is chosen by
numbers of rows, too. Of rows that a function gives the order is the function's own; that one is kept.

Rule: nothing is ordered by what its reader does not see, and rows of a read that asks no other table are left as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from reflector.access.permissions import TableGrant
from reflector.catalog.model import Column, Relationship
from reflector.query.expressions import aggregates, grouped, type_of
from reflector.query.inside import nodes_of
from reflector.query.nodes import (
    TRUE,
    Embed,
    Exists,
    Expression,
    Field,
    Filter,
    FixedText,
    Group,
    Guarded,
    IsNull,
    Not,
    Order,
    Output,
    Read,
    Selected,
    Spread,
    all_of,
)
from reflector.query.paging import can_page
from reflector.query.walk import source_columns

FOUND: Final = FixedText("found")


def settled(read: Read, grant: TableGrant, *, elsewhere: bool = False) -> Read:
    """The rewritten read, its order ended where other tables decide which rows it finds, by its filter or as `elsewhere` says;
    that of groups always."""
    groups = grouped(read.select)
    if read.single or read.keyset or not (groups or elsewhere or decided_elsewhere(read.where, read.after)):
        return read  # one row, or an order that tells any two rows apart already
    asked = [each.expression for each in read.order]
    ends = _of_groups(read.select) if groups else _of_rows(grant)
    return replace(read, order=(*read.order, *(Order(each) for each in ends if each not in asked)))


def settled_related(relationship: Relationship, read: Read, grant: TableGrant, through: Filter) -> Read:
    """`settled`, of related rows. Of a junction with all of its rows in sight, and all that they lead to, nothing is hidden."""
    if not relationship.many:
        return read
    if relationship.function is not None:
        return as_given(read, grant)
    met = relationship.junction is not None and all_of(through, read.where, read.after) != TRUE
    return settled(read, grant, elsewhere=met)


def as_given(read: Read, grant: TableGrant) -> Read:
    """`settled`, of rows that a function gives: those that are wanted are found one by one, in the order in which it gives them."""
    if grouped(read.select) or not decided_elsewhere(read.where):
        return settled(read, grant)
    return replace(read, where=Not(IsNull(Guarded(read.where, FOUND))))


def decided_elsewhere(*filters: Filter) -> bool:
    """Whether any of these asks another table which rows there are."""
    return any(isinstance(node, Exists) for each in filters for node in nodes_of(each))


# ── what tells apart ─────────────────────────────────────────────────────────────────────────


def _of_rows(grant: TableGrant) -> Sequence[Expression]:
    """The first key that is seen on every row; without one, all that is seen and has an order. Rows that are the same in
    all of that are told apart by nothing."""
    table = grant.table
    keys = [() if table.primary_key is None else table.primary_key.columns]
    keys += [each.columns for each in table.uniques if not any(column.nullable for column in each.columns)]
    for key in keys:
        if key and all(grant.columns.get(column) == TRUE for column in key):
            return [Field(column) for column in key]
    return [_seen(column, rule) for column, rule in grant.columns.items() if _has_order(Field(column))]


def _seen(column: Column, rule: Filter) -> Expression:
    return Field(column) if rule == TRUE else Guarded(rule, Field(column))


def _of_groups(members: tuple[Selected, ...]) -> Sequence[Expression]:
    """What the groups are made by: all that is selected, and the columns that lead to related rows, each once."""
    made = {each: each for each in _selected(members)}
    for each in _leading(members):
        made.setdefault(_plain(each), each)
    return [each for each in made.values() if not aggregates(each) and _has_order(each)]


def _selected(members: tuple[Selected, ...]) -> Iterator[Expression]:
    for member in members:
        if isinstance(member, Output):
            yield member.expression
        elif isinstance(member, Group):
            yield from _selected(member.select)


def _leading(members: tuple[Selected, ...]) -> Iterator[Expression]:
    for member in members:
        if isinstance(member, Embed | Spread):
            yield from (_seen(column, member.guard) for column in source_columns(member.relationship))
        elif isinstance(member, Group):
            yield from _leading(member.select)


def _plain(expression: Expression) -> Expression:
    return expression.expression if isinstance(expression, Guarded) else expression


def _has_order(expression: Expression) -> bool:
    type_ = type_of(expression)
    return can_page(type_) or type_.ranked
