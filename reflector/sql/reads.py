"""Reads as statements: the database builds the JSON, one statement a read.

A list is read in two strides inside one statement: first the page (the rows, their order, one row beyond the limit),
then the documents of the page's rows; so embedded rows are only looked up for what is answered, and "is there more"
and the next cursor cost no second statement.

Rule: every column stands qualified by its row's alias, and a label is the tree's, never a caller's text made SQL.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, assert_never

import sqlalchemy as sa

from reflector.catalog.model import Column
from reflector.errors import InternalError, InvalidRequest
from reflector.query.expressions import grouped, type_of
from reflector.query.nodes import (
    TRUE,
    Apart,
    Counted,
    Embed,
    Expression,
    FixedText,
    Group,
    Order,
    Output,
    Parameter,
    Read,
    Selected,
    Spread,
    all_of,
)
from reflector.query.walk import own_columns
from reflector.sql.computed import as_document
from reflector.sql.filters import Rows, column_of, condition, joined_rows, nullable, raw, related_rows
from reflector.sql.groups import NO_NAMES, Names, followed, group_rows, keyed, named_order, names_of, one_by_one
from reflector.sql.making_documents import Linked, Member, Page, Source
from reflector.sql.ordering import Sorting
from reflector.sql.plan import Expect, FromRequest, Part, Step
from reflector.sql.shaped import Sql
from reflector.sql.statement import Writer

PAGE = "page"
"""The page's alias. Aliases of tables are t0, t1, …, so they never meet."""
COUNTED = "counted"
"""The alias of the rows that are counted where not all are."""
RELATED = "related_"
"""How the names of views of related rows begin."""


def read_step(writer: Writer, read: Read) -> Step:
    """The whole read as one step."""
    if read.single:
        return writer.finish(single(writer, read), Expect.ANSWER, (Part.BODY,))
    statement = paged(writer, read)
    parts = [Part.BODY, Part.SEEN]
    if read.keyset:
        parts.append(Part.LAST)
    if read.count:
        statement = statement.add_columns(total(writer, read).label("total"))
        parts.append(Part.TOTAL)
    return writer.finish(statement, Expect.ANSWER, tuple(parts))


def single(writer: Writer, read: Read) -> sa.Select[tuple[object]]:
    """One row as an object."""
    alias = writer.alias(read.table)
    where = all_of(read.where, read.after)
    if names := names_of(read):
        rows = grouped_rows(writer, read, alias, names)
        source = Source(rows, limit=sa.literal_column("1"))
        return writer.dialect.one(members(writer, followed(read.select), (rows.name,), names), source)
    source = Source(
        writer.dialect.table(read.table).alias(alias),
        [condition(writer, where, (alias,))] if where != TRUE else [],
        limit=sa.literal_column("1"),
    )
    return writer.dialect.one(members(writer, read.select, (alias,)), source)


def paged(writer: Writer, read: Read) -> sa.Select[tuple[object, ...]]:
    """A page of rows as an array, with what a caller needs to ask for the next."""
    page = page_rows(writer, read, 1)
    return writer.dialect.page(
        Page(
            page,
            PAGE,
            page_members(writer, read),
            [each for index in range(len(read.order)) for each in reordered(writer, read, index)],
            [shown_key(writer, read, index) for index in range(len(read.order))] if read.keyset else None,
            amount(writer, read.limit),
            amount(writer, read.limit, -1),
        )
    )


def page_rows(writer: Writer, read: Read, beyond: int) -> sa.Select[Any]:
    """The rows of the page with the columns that documents and order need, `beyond` more than the limit."""
    dialect = writer.dialect
    alias = writer.alias(read.table)
    writer.made.add(PAGE)
    rows: Rows = (alias,)
    if names := names_of(read):
        return limited(writer, read, named_rows(writer, read, grouped_rows(writer, read, alias, names), names), beyond)
    keys = order_keys(read)
    columns = [dialect.column(alias, column).label(dialect.key(column.name)) for column in page_columns(read)]
    columns += [raw(writer, expression, rows).label(name) for name, expression in keys.items()]
    page = sa.select(*(columns or [sa.literal_column("1").label("one")]))
    page = page.select_from(dialect.table(read.table).alias(alias))
    where = all_of(read.where, read.after)
    if where != TRUE:
        page = page.where(condition(writer, where, rows))
    return limited(
        writer, read, page.order_by(*(each for order in read.order for each in ordered(writer, order, rows))), beyond
    )


def limited(writer: Writer, read: Read, page: sa.Select[Any], beyond: int) -> sa.Select[Any]:
    limit = amount(writer, read.limit, beyond)
    page = page.limit(limit) if limit is not None else page
    return page if read.offset is None else page.offset(amount(writer, read.offset))


def page_members(writer: Writer, read: Read) -> list[Member]:
    """The members of the documents of the page's rows."""
    names = names_of(read)
    return members(writer, followed(read.select) if names else read.select, (PAGE,), names)


# ── groups ───────────────────────────────────────────────────────────────────────────────────


def grouped_rows(writer: Writer, read: Read, alias: str, names: Names) -> sa.Subquery:
    """One row per group, of all rows that are asked for."""
    where = all_of(read.where, read.after)
    conditions = [] if where == TRUE else [condition(writer, where, (alias,))]
    rows = group_rows(writer, names, (alias,), writer.dialect.table(read.table).alias(alias), conditions, function_rows)
    return rows.subquery(writer.alias())


def named_rows(writer: Writer, read: Read, rows: sa.Subquery, names: Names) -> sa.Select[Any]:
    """The groups in their order."""
    dialect = writer.dialect
    columns = [dialect.named(rows.name, name).label(dialect.key(name)) for name in names.values()]
    order = [named_sorting(writer, each, rows.name, names) for each in read.order]
    return sa.select(*columns).select_from(rows).order_by(*dialect.sorted(order))


def named_sorting(writer: Writer, order: Order, alias: str, names: Names) -> Sorting:
    expression = writer.dialect.named(alias, named_order(names, order.expression))
    return Sorting(expression, order.descending, order.nulls_come_last, nullable(order.expression))


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


# ── a page's other parts ─────────────────────────────────────────────────────────────────────


def total(writer: Writer, read: Read) -> Sql:
    """How many rows the filter finds, whatever the page; looking for no more than are to be counted."""
    alias = writer.alias(read.table)
    counted: sa.Select[Any] = sa.select(
        sa.func.count() if read.most_counted is None else sa.literal_column("1").label("one")
    ).select_from(writer.dialect.table(read.table).alias(alias))
    if read.where != TRUE:
        counted = counted.where(condition(writer, read.where, (alias,)))
    if read.most_counted is not None:
        found = counted.limit(amount(writer, read.most_counted)).subquery(COUNTED)
        counted = sa.select(sa.func.count()).select_from(found)
    return counted.scalar_subquery()


# ── the page's columns and order ─────────────────────────────────────────────────────────────


def page_columns(read: Read) -> Iterable[Column]:
    """The columns of the table that documents and order need, each once."""
    own = set(read.table.columns)
    needed = [*own_columns(read.select), *(column for order in read.order if (column := column_of(order.expression)))]
    return dict.fromkeys(column for column in needed if column in own)


def key_name(read: Read, index: int) -> str:
    """The page's name for an order value: its column's, or for what is no plain column one that no column has."""
    expression = read.order[index].expression
    if names := names_of(read):
        return named_order(names, expression)
    column = column_of(expression)
    if column is not None:
        return column.name
    name = f"key {index}"
    while name in read.table.by_name:
        name += "_"
    return name


def order_keys(read: Read) -> dict[str, Expression]:
    """The order values that are no plain columns, by their names in the page."""
    values = {key_name(read, index): order.expression for index, order in enumerate(read.order)}
    return {name: expression for name, expression in values.items() if column_of(expression) is None}


def key_in_page(writer: Writer, read: Read, index: int) -> Sql:
    return writer.dialect.named(PAGE, key_name(read, index))


def sorting(writer: Writer, order: Order, rows: Rows) -> Sorting:
    expression = writer.dialect.ranked(raw(writer, order.expression, rows), type_of(order.expression))
    return Sorting(expression, order.descending, order.nulls_come_last, nullable(order.expression))


def ordered(writer: Writer, order: Order, rows: Rows) -> list[Sql]:
    return writer.dialect.sorted([sorting(writer, order, rows)])


def reordered(writer: Writer, read: Read, index: int) -> list[Sql]:
    order, expression = read.order[index], key_in_page(writer, read, index)
    return writer.dialect.order(expression, order.descending, order.nulls_come_last, nullable(order.expression))


def shown_key(writer: Writer, read: Read, index: int) -> Sql:
    expression = read.order[index].expression
    return writer.dialect.show(key_in_page(writer, read, index), type_of(expression), column_of(expression))


def amount(writer: Writer, count: int | Parameter | None, more: int = 0) -> Sql | None:
    """A LIMIT or OFFSET, `more` beyond the count."""
    if count is None:
        return None
    if isinstance(count, int):
        return sa.literal_column(str(count + more))
    bound: Sql = writer.dialect.operand(writer.bind(FromRequest(count.index), lambda given: given + more), count.type)
    return bound


# ── documents ────────────────────────────────────────────────────────────────────────────────


def members(writer: Writer, select: tuple[Selected, ...], rows: Rows, names: Names = NO_NAMES) -> list[Member]:
    """The members of the row's document. `names` tell what the row has already."""
    found: list[Member] = []
    for member in select:
        if isinstance(member, Spread):
            found += spread_members(writer, member, rows, names)
        else:
            found.append(Member(member.label, member_value(writer, member, rows, names)))
    return found


def function_rows(writer: Writer, member: Embed | Spread, rows: Rows) -> Sql:
    """The document of the rows that a function gives for the row in hand; of a spread, of its one member."""
    if isinstance(member, Embed):
        return embedded(writer, member, rows)
    shown = spread_members(writer, member, rows)
    if len(shown) != 1:
        raise InvalidRequest("rows that a function gives are not spread twice beside aggregates")
    return shown[0].shown


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


def shown(writer: Writer, member: Output, value: Sql) -> Sql:
    """The member's value as a document has it."""
    expression = member.expression
    if isinstance(expression, FixedText | Counted):
        return value
    if member.form is not None:
        return writer.dialect.formed(value, type_of(expression), member.form, column_of(expression))
    return writer.dialect.show(value, type_of(expression), column_of(expression))


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
