"""Writes as plans: the row is written, checked as it was written, and answered as its reader may see it.

Where a database's RETURNING may hold subqueries (PostgreSQL), write, check and answer are one statement.
Elsewhere, and where the check or the answer reads the written table itself (a statement does not see its own writes),
they are steps of one transaction, and later steps find the row by the key that the first one returned.

Rule: a check is judged on the row as the database stored it, defaults and triggers included, and what it refuses is
rolled back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from reflector.catalog.model import Column, Key, Table
from reflector.datatypes import Kind
from reflector.query.comparisons import EQ
from reflector.query.nodes import TRUE, Assignment, Delete, Embed, Filter, Insert, Read, Spread, Update
from reflector.query.reach import tables_inside, tables_of_members
from reflector.sql.dialect import Dialect
from reflector.sql.filters import ONE, condition, operand
from reflector.sql.making_documents import Source
from reflector.sql.members import members
from reflector.sql.plan import Expect, FromStep, Part, Plan, Step
from reflector.sql.shaped import Sql
from reflector.sql.statement import Writer


def insert_plan(dialect: Dialect, query: Insert) -> Plan:
    if dialect.fused_writes and _in_one_statement(query):
        return _fused(query, _insert(Writer(dialect), query))
    if row_key(dialect, query.table) is None:
        return _without_key(dialect, query)
    writer = Writer(dialect)
    first = writer.finish(_insert(writer, query).returning(*key_columns(dialect, query.table)), Expect.ROW, _KEY_PART)
    found = Found(dialect, query.table, tuple(FromStep(0, index + 1) for index in range(_width(dialect, query.table))))
    return _plan([first, *_later(found, query.check, query.returning)])


def update_plan(dialect: Dialect, query: Update) -> Plan:
    if not query.values:
        return _unchanged(dialect, query)
    if dialect.fused_writes and _in_one_statement(query):
        return _fused(query, _update(Writer(dialect), query))
    steps, found = _updated(dialect, query)
    return _plan([*steps, *_later(found, query.check, query.returning)])


def delete_plan(dialect: Dialect, query: Delete) -> Plan:
    writer = Writer(dialect)
    alias = dialect.quote(query.table.name)
    gone = sa.delete(dialect.table(query.table)).where(condition(writer, query.where, (alias,)))
    if query.returning is None:
        return Plan((writer.finish(gone.returning(ONE), Expect.ROW),), writes=True)
    if dialect.fused_writes:
        body = written_document(writer, query.returning, alias).label("body")
        return Plan((writer.finish(gone.returning(body), Expect.ANSWER, (Part.BODY,)),), writes=True)
    return _last_seen(dialect, query, query.returning)


def _last_seen(dialect: Dialect, query: Delete, returning: Read) -> Plan:
    """Lock the row under its rule, read it, and delete it by key."""
    if row_key(dialect, query.table) is None:
        raise dialect.unsupported(f"answer with a deleted row of {query.table.label}, which has no key")
    first, found = _locked(dialect, query)
    writer = Writer(dialect)
    here = dialect.quote(query.table.name)
    gone = sa.delete(dialect.table(query.table)).where(found.where(writer, here)).returning(ONE)
    return _plan([first, *_later(found, TRUE, returning), writer.finish(gone, Expect.ROW)])


# ── one statement ────────────────────────────────────────────────────────────────────────────


def _in_one_statement(query: Insert | Update) -> bool:
    """Whether check and answer can be told from the written row alone, or from other tables."""
    read = set(tables_inside(query.check))
    if query.returning is not None:
        read |= set(tables_inside(query.returning.where))
        read.update(tables_of_members(query.returning.select))
    return query.table not in read


def _fused(query: Insert | Update, write: Writing) -> Plan:
    """`INSERT … RETURNING document, check, key`: all that is to be known comes back with the write itself."""
    columns, parts = _answer_columns(write.writer, query)
    step = write.writer.finish(write.returning(*columns), Expect.ANSWER, parts)
    return Plan((step,), transaction=query.check != TRUE, writes=True)


def _answer_columns(writer: Writer, query: Insert | Update) -> tuple[list[Any], tuple[Part | None, ...]]:
    alias = writer.dialect.quote(query.table.name)
    columns: list[Any] = []
    parts: list[Part | None] = []
    if query.returning is not None:
        columns.append(written_document(writer, query.returning, alias).label("body"))
        parts.append(Part.BODY)
    if query.check != TRUE:
        columns.append(condition(writer, query.check, (alias,)).label("holds"))
        parts.append(Part.HOLDS)
    key, asked = query.table.primary_key, not isinstance(query, Insert) or query.keyed
    if key is not None and asked:
        columns.append(_told_key(writer.dialect, key, alias).label("key"))
        parts.append(Part.KEY)
    return columns or [sa.literal_column("1").label("done")], tuple(parts) or (None,)


def written_document(writer: Writer, read: Read, alias: str) -> Sql:
    """The written row as its reader sees it; null when they may not."""
    document = writer.dialect.bare_document(members(writer, read.select, (alias,)))
    return document if read.where == TRUE else sa.case((condition(writer, read.where, (alias,)), document))


def _without_key(dialect: Dialect, query: Insert) -> Plan:
    """A table whose rows cannot be found again: only what its own row tells can be answered."""
    related = query.returning is not None and any(isinstance(each, Embed | Spread) for each in query.returning.select)
    if related or not _in_one_statement(query):
        raise dialect.unsupported(f"answer a write to {query.table.label}, which has no key, with related rows")
    return _fused(query, _insert(Writer(dialect), query))


# ── several steps ────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Found:
    """A written row, found again by what an earlier step returned (or by what was assigned to its key)."""

    dialect: Dialect
    table: Table
    sources: tuple[FromStep | Assignment, ...]

    def where(self, writer: Writer, alias: str) -> Sql:
        key = row_key(self.dialect, self.table) or ()
        return sa.and_(
            *(self._same(writer, alias, name, source) for name, source in zip(key, self.sources, strict=True))
        )

    def _same(self, writer: Writer, alias: str, key: Column | str, source: FromStep | Assignment) -> Sql:
        if isinstance(source, Assignment):
            return self.dialect.column(alias, source.column) == operand(writer, source.operand, (alias,), EQ)
        if isinstance(key, str):
            return self.dialect.by_position(alias, key, writer.bind(source))
        same: Sql = self.dialect.column(alias, key) == self.dialect.operand(writer.bind(source), key.type)
        return same


def _later(found: Found, check: Filter, returning: Read | None) -> list[Step]:
    """The steps after the write: the check, then the answer."""
    steps: list[Step] = []
    dialect = found.dialect
    if check != TRUE:
        writer = Writer(dialect)
        alias = writer.alias()
        rows = dialect.table(found.table).alias(alias)
        holds = sa.select(condition(writer, check, (alias,)).label("holds"))
        holds = holds.select_from(rows).where(found.where(writer, alias))
        steps.append(writer.finish(holds, Expect.ANSWER, (Part.HOLDS,)))
    if returning is not None:
        writer = Writer(dialect)
        alias = writer.alias()
        where = [found.where(writer, alias)]
        if returning.where != TRUE:
            where.append(condition(writer, returning.where, (alias,)))
        source = Source(dialect.table(found.table).alias(alias), where, limit=sa.literal_column("1"))
        document = dialect.one(members(writer, returning.select, (alias,)), source)
        steps.append(writer.finish(sa.select(dialect.nested(document).label("body")), Expect.ANSWER, (Part.BODY,)))
    return steps


def _updated(dialect: Dialect, query: Update) -> tuple[list[Step], Found]:
    """The update itself, and how the row is found afterwards."""
    table = query.table
    width = _width(dialect, table)
    if dialect.update_returning:
        write = _update(Writer(dialect), query)
        returning = write.statement.returning(*key_columns(dialect, table))
        step = write.writer.finish(returning, Expect.ROW, _KEY_PART)
        return [step], Found(dialect, table, tuple(FromStep(0, index + 1) for index in range(width)))
    return _locked_update(dialect, query)


def _locked_update(dialect: Dialect, query: Update) -> tuple[list[Step], Found]:
    """Lock the row under its rule, then write it by key: for databases whose UPDATE returns nothing."""
    table = query.table
    first, old = _locked(dialect, query)
    writer = Writer(dialect)
    here = dialect.quote(table.name)
    write = sa.update(_target(dialect, query)).values(_assigned(writer, query.values, here))
    second = writer.finish(write.where(old.where(writer, here)), Expect.DONE)
    given = {each.column: each for each in query.values}
    key = row_key(dialect, table) or ()
    sources = tuple(
        given.get(column, FromStep(0, index + 1)) if isinstance(column, Column) else FromStep(0, index + 1)
        for index, column in enumerate(key)
    )
    return [first, second], Found(dialect, table, sources)


def _locked(dialect: Dialect, query: Update | Delete) -> tuple[Step, Found]:
    """The row is locked under its rule, and found again by what that returned."""
    table = query.table
    writer = Writer(dialect)
    alias = writer.alias()
    lock = sa.select(*key_columns(dialect, table, alias)).select_from(dialect.table(table).alias(alias))
    lock = lock.where(condition(writer, query.where, (alias,))).with_for_update()
    sources = tuple(FromStep(0, index + 1) for index in range(_width(dialect, table)))
    return writer.finish(lock, Expect.ROW), Found(dialect, table, sources)


def _unchanged(dialect: Dialect, query: Update) -> Plan:
    """An update without values: the row as it is, when it might have been updated."""
    writer = Writer(dialect)
    alias = writer.alias()
    rows = dialect.table(query.table).alias(alias)
    where = [condition(writer, query.where, (alias,))]
    if query.returning is None:
        found = sa.select(ONE).select_from(rows).where(*where)
        return Plan((writer.finish(found, Expect.ROW),))
    where.append(condition(writer, query.returning.where, (alias,)))
    source = Source(rows, where, limit=sa.literal_column("1"))
    document = dialect.one(members(writer, query.returning.select, (alias,)), source)
    return Plan((writer.finish(document, Expect.ANSWER, (Part.BODY,)),))


# ── statements ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Writing:
    """A write that is not finished yet."""

    writer: Writer
    statement: Any

    def returning(self, *columns: Any) -> Any:
        return self.statement.returning(*columns)


def _target(dialect: Dialect, query: Insert | Update) -> sa.TableClause:
    """The table with the columns that are assigned."""
    named = dialect.table(query.table)
    columns: list[sa.ColumnClause[Any]] = [sa.column(_column_name(dialect, each)) for each in query.values]
    return sa.table(named.name, *columns, schema=named.schema)


def _column_name(dialect: Dialect, assignment: Assignment) -> str:
    return sa.sql.quoted_name(dialect.key(assignment.column.name), quote=True)


def _assigned(writer: Writer, values: Sequence[Assignment], alias: str) -> dict[str, Sql]:
    return {_column_name(writer.dialect, each): operand(writer, each.operand, (alias,), EQ) for each in values}


def _insert(writer: Writer, query: Insert) -> Writing:
    alias = writer.dialect.quote(query.table.name)
    target = _target(writer.dialect, query)
    return Writing(writer, sa.insert(target).values(_assigned(writer, query.values, alias)))


def _update(writer: Writer, query: Update) -> Writing:
    alias = writer.dialect.quote(query.table.name)
    write = sa.update(_target(writer.dialect, query)).values(_assigned(writer, query.values, alias))
    return Writing(writer, write.where(condition(writer, query.where, (alias,))))


def row_key(dialect: Dialect, table: Table) -> tuple[Column | str, ...] | None:
    """What finds one row again: the primary key, or the database's own name for a row's place, if it has one."""
    if table.primary_key is not None:
        return table.primary_key.columns
    return None if dialect.position is None else (dialect.position,)


_KEY_PART: tuple[Part | None, ...] = (Part.KEY,)


def _width(dialect: Dialect, table: Table) -> int:
    return len(row_key(dialect, table) or ())


def key_columns(dialect: Dialect, table: Table, alias: str | None = None) -> list[Any]:
    """What a write gives back to find the row again: the key as JSON, then each part of it as it is bound again."""
    here = alias or dialect.quote(table.name)
    key = row_key(dialect, table) or ()
    shown = sa.null() if table.primary_key is None else shown_key(dialect, table.primary_key, here)
    carried = [
        dialect.carried(dialect.column(here, each), each.type)
        if isinstance(each, Column)
        else dialect.place(here, each)
        for each in key
    ]
    return [shown.label("key"), *carried]


def _told_key(dialect: Dialect, key: Key, alias: str) -> Sql:
    """The key for the address of the row. One whole number is told as it is: to make a document of it costs the database a
    tenth of an insert, and the driver can."""
    if len(key.columns) == 1 and key.columns[0].type.kind is Kind.INTEGER:
        return dialect.column(alias, key.columns[0])
    return shown_key(dialect, key, alias)


def shown_key(dialect: Dialect, key: Key, alias: str) -> Sql:
    return dialect.values([dialect.show(dialect.column(alias, each), each.type, each) for each in key.columns])


def _plan(steps: list[Step]) -> Plan:
    return Plan(tuple(steps), transaction=True, writes=True)
