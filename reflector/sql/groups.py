"""Rows in groups: a select of one row per group, whose columns are what documents and order are made of.

A read that selects an aggregate is grouped by everything else that it selects. What a group has is worked out in a
subquery of its own, under a name each, so that no database has to recognise an expression with bound values as the one
it was told to group by.

Rule: a column that leads to related rows is grouped by as far as its row may be followed, and no further.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias, assert_never

import sqlalchemy as sa

from reflector.errors import InvalidRequest
from reflector.query.expressions import aggregates, grouped, type_of
from reflector.query.nodes import (
    TRUE,
    Apart,
    Embed,
    Expression,
    Field,
    Group,
    Guarded,
    Output,
    Read,
    Selected,
    Spread,
)
from reflector.query.walk import source_columns
from reflector.sql.computed import as_key
from reflector.sql.filters import Rows, raw
from reflector.sql.shaped import Sql
from reflector.sql.statement import Writer

Named: TypeAlias = Expression | Embed | Spread
Names = Mapping[Named, str]
"""What the rows in hand have already, by the names it has there: values, and as texts the documents of rows that a function gave."""
NO_NAMES: Names = {}


def names_of(read: Read) -> Names:
    """The names of all that the read's groups have; none where it is not grouped."""
    if not grouped(read.select):
        return NO_NAMES
    names: dict[Named, str] = {}
    for named in _selected(read.select):
        names.setdefault(named, _name(read, named, len(names)))
    for expression in _leading(read.select):
        field = expression.expression if isinstance(expression, Guarded) else expression
        if isinstance(field, Field) and field not in names:
            names.setdefault(expression, field.column.name)
    return names


def _name(read: Read, expression: Named, number: int) -> str:
    if isinstance(expression, Field):
        return expression.column.name
    name = f"made {number}"
    while name in read.table.by_name:
        name += "_"
    return name


def _selected(members: tuple[Selected, ...]) -> Iterator[Named]:
    for member in members:
        match member:
            case Output(expression=expression):
                yield expression
            case Group(select=select):
                yield from _selected(select)
            case Embed(relationship=relationship):
                yield from () if relationship.function is None else (member,)
            case Spread(relationship=relationship):
                yield from () if relationship.function is None else one_by_one(member)
            case Apart():
                continue
            case _:
                assert_never(member)


def _leading(members: tuple[Selected, ...]) -> Iterator[Expression]:
    """What leads to related rows."""
    for member in members:
        match member:
            case Embed(relationship=relationship, guard=guard) | Spread(relationship=relationship, guard=guard):
                # What a function gives is grouped by itself: the row that it was asked of is none of a group's columns.
                for column in () if relationship.function is not None else source_columns(relationship):
                    yield Field(column) if guard == TRUE else Guarded(guard, Field(column))
            case Group(select=select):
                yield from _leading(select)
            case Output() | Apart():
                continue
            case _:
                assert_never(member)


def followed(select: tuple[Selected, ...]) -> tuple[Selected, ...]:
    """The same members about a group: what its rows may not follow is not in the group's columns."""
    return tuple(_followed(member) for member in select)


def _followed(member: Selected) -> Selected:
    match member:
        case Embed(relationship=relationship) | Spread(relationship=relationship):
            return replace(member, guard=TRUE) if relationship.function is None else member
        case Group(label=label, select=select):
            return Group(label, followed(select))
        case Output() | Apart():
            return member
        case _:
            assert_never(member)


def keyed(names: Names) -> bool:
    """Whether there is anything to group by: otherwise all rows are one group, also when there are none."""
    return not all(not isinstance(named, Embed | Spread) and aggregates(named) for named in names)


def one_by_one(spread: Spread) -> Iterator[Spread]:
    """The spread's members, each spread by itself."""
    for member in spread.read.select:
        yield replace(spread, read=replace(spread.read, select=(member,)))


Documents: TypeAlias = Callable[[Writer, "Embed | Spread", Rows], Sql]
"""What makes the document of related rows."""


def group_rows(
    writer: Writer,
    names: Names,
    rows: Rows,
    source: sa.FromClause,
    where: Sequence[Sql],
    documents: Documents,
    ends: Sequence[Sql] = (),
) -> sa.Select[Any]:
    """One row per group of the rows `source` that fulfil `where`, grouped by `ends` as well: columns `end 0`, …"""
    dialect = writer.dialect
    keys = [end.label(f"end {index}") for index, end in enumerate(ends)]
    made = []
    for expression, name in names.items():
        if isinstance(expression, Embed | Spread):
            keys.append(as_key(documents(writer, expression, rows)).label(dialect.key(name)))
            continue
        value = raw(writer, expression, rows)
        if aggregates(expression):
            made.append(value.label(dialect.key(name)))
        else:
            keys.append(dialect.ranked(value, type_of(expression)).label(dialect.key(name)))
    select = sa.select(*keys, *made).select_from(source).where(*where)
    return select.group_by(*(sa.literal_column(str(index + 1)) for index in range(len(keys))))


def named_order(names: Names, expression: Expression) -> str:
    """The name of what groups are ordered by; raises InvalidRequest for what they are not made of."""
    if expression not in names:
        raise InvalidRequest("rows in groups are ordered by what is selected of them")
    return names[expression]
