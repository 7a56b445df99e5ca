"""Reads as statements: the database builds the JSON, one statement a read.

A list is read in two strides inside one statement: first the page (the rows, their order, one row beyond the limit),
then the documents of the page's rows; so embedded rows are only looked up for what is answered, and "is there more"
and the next cursor cost no second statement.

Rule: every column stands qualified by its row's alias.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from reflector.catalog.model import Column
from reflector.query.expressions import type_of
from reflector.query.nodes import TRUE, Expression, Read, all_of
from reflector.query.walk import own_columns
from reflector.sql.filters import Rows, column_of, condition, nullable, raw
from reflector.sql.groups import Names, followed, group_rows, named_order, names_of
from reflector.sql.making_documents import Member, Page, Source
from reflector.sql.members import function_rows, members
from reflector.sql.plan import Expect, Part, Step
from reflector.sql.shaped import Sql
from reflector.sql.slices import amount, named_sorting, ordered
from reflector.sql.statement import Writer

PAGE = "page"
"""The page's alias. Aliases of tables are t0, t1, …, so they never meet."""
COUNTED = "counted"
"""The alias of the rows that are counted where not all are."""


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


def reordered(writer: Writer, read: Read, index: int) -> list[Sql]:
    order, expression = read.order[index], key_in_page(writer, read, index)
    return writer.dialect.order(expression, order.descending, order.nulls_come_last, nullable(order.expression))


def shown_key(writer: Writer, read: Read, index: int) -> Sql:
    expression = read.order[index].expression
    return writer.dialect.show(key_in_page(writer, read, index), type_of(expression), column_of(expression))
