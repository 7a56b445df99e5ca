"""The members of a row's document: its values, related rows, groups of them, and what is lifted out of related rows.

Rule: a member is looked up for the row in hand, under the rules that its read has; a label is the tree's, never a
caller's text made SQL.
"""

from __future__ import annotations

from typing import assert_never

import sqlalchemy as sa

from reflector.errors import InternalError, InvalidRequest
from reflector.query.expressions import grouped, type_of
from reflector.query.nodes import TRUE, Apart, Counted, Embed, FixedText, Group, Output, Selected, Spread, all_of
from reflector.sql.computed import as_document
from reflector.sql.filters import Rows, column_of, condition, joined_rows, raw, related_rows
from reflector.sql.groups import NO_NAMES, Names, followed, group_rows, keyed, names_of, one_by_one
from reflector.sql.making_documents import Linked, Member, Source
from reflector.sql.shaped import Sql
from reflector.sql.slices import amount, named_sorting, ordered, sorting
from reflector.sql.statement import Writer

RELATED = "related_"
"""How the names of views of related rows begin."""


def members(writer: Writer, select: tuple[Selected, ...], rows: Rows, names: Names = NO_NAMES) -> list[Member]:
    """The members of the row's document. `names` tell what the row has already."""
    found: list[Member] = []
    for member in select:
        if isinstance(member, Spread):
            found += spread_members(writer, member, rows, names)
        else:
            found.append(Member(member.label, member_value(writer, member, rows, names)))
    return found


def member_value(writer: Writer, member: Selected, rows: Rows, names: Names = NO_NAMES) -> Sql:
    match member:
        case Output(expression=expression) if expression in names:
            return shown(writer, member, writer.dialect.named(rows[-1], names[expression]))
        case Output(expression=expression):
            return shown(writer, member, raw(writer, expression, rows))
        case Embed() if member in names:
            return as_document(writer.dialect.named(rows[-1], names[member]))
        case Embed():
            return embedded(writer, member, rows)
        case Group(select=select):
            return writer.dialect.grouped(members(writer, select, rows, names))
        case Spread() | Apart():
            raise InternalError("a row's document holds rows that have nothing to do with it")
        case _:
            assert_never(member)


def shown(writer: Writer, member: Output, value: Sql) -> Sql:
    """The member's value as a document has it."""
    expression = member.expression
    if isinstance(expression, FixedText | Counted):
        return value
    if member.form is not None:
        return writer.dialect.formed(value, type_of(expression), member.form, column_of(expression))
    return writer.dialect.show(value, type_of(expression), column_of(expression))


# ── related rows ─────────────────────────────────────────────────────────────────────────────


def embedded(writer: Writer, embed: Embed, rows: Rows) -> Sql:
    """Related rows as a member of the row's document."""
    read = embed.read
    if names := names_of(read):
        return embedded_groups(writer, embed, names, rows)
    alias = writer.alias()
    table, ends, joined = joined_rows(writer, embed.relationship, rows[-1], alias, embed.through)
    where = all_of(read.where, read.after)
    if where != TRUE:
        joined.append(condition(writer, where, (alias,)))
    return writer.dialect.related(
        Linked(
            RELATED + alias,
            members(writer, read.select, (alias,)),
            embed.relationship.many,
            table,
            ends,
            joined,
            [sorting(writer, order, (alias,)) for order in read.order] if embed.relationship.many else (),
            amount(writer, read.limit),
            amount(writer, read.offset),
            None if embed.guard == TRUE else condition(writer, embed.guard, rows),
        )
    )


def embedded_groups(writer: Writer, embed: Embed, names: Names, rows: Rows) -> Sql:
    """Groups of related rows as a member: those of each row by themselves."""
    dialect, read = writer.dialect, embed.read
    alias = writer.alias()
    table, ends, where = joined_rows(writer, embed.relationship, rows[-1], alias, embed.through)
    condition_ = all_of(read.where, read.after)
    if condition_ != TRUE:
        where.append(condition(writer, condition_, (alias,)))
    guard = None if embed.guard == TRUE else condition(writer, embed.guard, rows)
    here = [*(near == far for near, far in ends), *([] if guard is None else [guard]), *where]
    if not keyed(names):
        document = dialect.bare_document(whole_members(writer, read.select, alias, table, here))
        return dialect.values([document]) if embed.relationship.many else document
    far = () if dialect.lateral else [end for _, end in ends]
    groups = group_rows(writer, names, (alias,), table, here if dialect.lateral else where, function_rows, far)
    found = groups.subquery(writer.alias())
    return dialect.related(
        Linked(
            RELATED + alias,
            members(writer, followed(read.select), (found.name,), names),
            embed.relationship.many,
            found,
            [(ends[index][0], dialect.named(found.name, f"end {index}")) for index in range(len(far))],
            (),
            [named_sorting(writer, order, found.name, names) for order in read.order],
            amount(writer, read.limit),
            amount(writer, read.offset),
            None if dialect.lateral else guard,
            apart=not dialect.lateral,
        )
    )


def whole_members(
    writer: Writer, select: tuple[Selected, ...], alias: str, rows: sa.FromClause, where: list[Sql]
) -> list[Member]:
    """The members of the one document about all of the rows, each worked out by itself."""
    return [Member(member.label, _whole_value(writer, member, alias, rows, where)) for member in select]


def _whole_value(writer: Writer, member: Selected, alias: str, rows: sa.FromClause, where: list[Sql]) -> Sql:
    match member:
        case Output(expression=expression):
            value = sa.select(raw(writer, expression, (alias,))).select_from(rows).where(*where).scalar_subquery()
            return shown(writer, member, value)
        case Group(select=select):
            return writer.dialect.grouped(whole_members(writer, select, alias, rows, where))
        case _:
            raise InternalError("a document about all rows holds what only some of them have")


# ── lifted out of related rows ───────────────────────────────────────────────────────────────


def spread_members(writer: Writer, spread: Spread, rows: Rows, names: Names = NO_NAMES) -> list[Member]:
    """The members of related rows, each looked up by itself, but for those that the row in hand has."""
    if grouped(spread.read.select):
        raise InvalidRequest("rows that are spread into arrays cannot be aggregated")
    if names and spread.relationship.function is not None:
        known = [(each.read.select[0].label, names[each]) for each in one_by_one(spread)]
        return [Member(label, as_document(writer.dialect.named(rows[-1], name))) for label, name in known]
    found: list[Member] = []
    for inner in spread.read.select:
        alias = writer.alias()
        lifted = members(writer, (inner,), (alias,))
        found += [Member(each.label, spread_value(writer, spread, each.shown, rows, alias)) for each in lifted]
    return found


def spread_value(writer: Writer, spread: Spread, shown: Sql, rows: Rows, alias: str) -> Sql:
    dialect, read = writer.dialect, spread.read
    table, where = related_rows(writer, spread.relationship, rows[-1], alias, spread.through)
    condition_ = all_of(read.where, read.after)
    if condition_ != TRUE:
        where.append(condition(writer, condition_, (alias,)))
    if spread.relationship.many:
        order = [each for order in read.order for each in ordered(writer, order, (alias,))]
        source = Source(table, where, order, amount(writer, read.limit), amount(writer, read.offset))
        value = dialect.parallel(shown, source)
    else:
        one = sa.select(shown).select_from(table).where(*where).limit(sa.literal_column("1"))
        value = dialect.nested(one)
    if spread.guard == TRUE:
        return value
    guard = condition(writer, spread.guard, rows)
    return sa.case((guard, value), else_=dialect.nothing(spread.relationship.many))


def function_rows(writer: Writer, member: Embed | Spread, rows: Rows) -> Sql:
    """The document of the rows that a function gives for the row in hand; of a spread, of its one member."""
    if isinstance(member, Embed):
        return embedded(writer, member, rows)
    shown = spread_members(writer, member, rows)
    if len(shown) != 1:
        raise InvalidRequest("rows that a function gives are not spread twice beside aggregates")
    return shown[0].shown
