"""Calls of functions as statements: `WITH called AS (SELECT * FROM f(x => …)) …`, whose rows are then read as a table's.

The function runs once, whatever is asked of its rows. A database that takes no rows from functions is asked for one value.

Rule: arguments are bound values of the function's own types; its name and theirs come from the catalog.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from reflector.catalog.model import Table
from reflector.datatypes import DataType, Kind
from reflector.errors import InternalError
from reflector.query.calls import Call, Given
from reflector.query.comparisons import EQ
from reflector.query.nodes import TRUE, Output, Parameter, Read
from reflector.query.walk import tables_of
from reflector.sql.dialect import Dialect
from reflector.sql.filters import operand
from reflector.sql.gathering import gathered
from reflector.sql.making_documents import Source
from reflector.sql.plan import Called, Expect, Part, Plan, Step
from reflector.sql.procedures import procedure_plan
from reflector.sql.reads import PAGE, page_members, page_rows, paged, total
from reflector.sql.routine import Routine
from reflector.sql.shaped import Sql
from reflector.sql.slices import amount
from reflector.sql.statement import Writer

CALLED = "called"
"""What the function gave, as a table without a schema; every other table of a statement has one."""


def call_plan(dialect: Dialect, call: Call) -> Plan:
    """The plan of a call. It has a transaction, read-only unless something may be changed."""
    if call.most is not None and not isinstance(call.most, Parameter):
        raise InternalError("a call was compiled with a value in it")
    bounds = Called(call.exactly_one, None if call.most is None else call.most.index)
    if call.function.procedure:
        return procedure_plan(dialect, call, replace(bounds, procedure=True))
    reads = frozenset[Table]() if call.read is None else tables_of(call.read) - {call.read.table}
    step = _step(Writer(dialect), call)
    return Plan((step,), transaction=True, writes=call.writes, volatile=True, reads=reads, called=bounds)


def _step(writer: Writer, call: Call) -> Step:
    routine = _called(writer, call)
    if call.read is None:
        return writer.finish(sa.select(routine), Expect.DONE)
    if writer.dialect.function_rows:
        return _rows(writer, call, call.read, routine)
    if not call.function.scalar:
        raise writer.dialect.unsupported("take rows from a function")
    return _value(writer, call.read, routine)


# ── the function itself ──────────────────────────────────────────────────────────────────────


def _called(writer: Writer, call: Call) -> Routine:
    dialect, function = writer.dialect, call.function
    name = f"{dialect.quote(function.schema)}.{dialect.quote(function.name)}"
    given = [operand(writer, each.operand, (), EQ) for each in call.arguments]
    return Routine(name, [_word(dialect, each) for each in call.arguments], given)


def _word(dialect: Dialect, given: Given) -> str:
    """What stands before an argument: its name, where the database takes names and it has one."""
    if not dialect.function_rows or not given.argument.name:
        return ""
    several = "VARIADIC " if given.argument.mode == "variadic" else ""
    return f"{several}{dialect.quote(given.argument.name)} => "


# ── what it gives ────────────────────────────────────────────────────────────────────────────


def _rows(writer: Writer, call: Call, read: Read, routine: Routine) -> Step:
    """All of its rows, of which a page is answered, and how many there are."""
    dialect = writer.dialect
    rows: sa.Select[Any]
    if call.function.scalar:
        [column] = read.table.columns
        named = routine.table_valued(dialect.key(column.name)).render_derived("given")
        rows = sa.select(sa.literal_column(f"given.{dialect.quote(column.name)}")).select_from(named)
    else:
        rows = sa.select(sa.literal_column("*")).select_from(routine)
    called = rows.cte(CALLED).prefix_with("MATERIALIZED")
    read = replace(read, table=replace(read.table, schema="", name=CALLED))
    if call.bare:
        return _bare(writer, read, called)
    statement = _answered(writer, call, read).add_cte(called)
    parts = [Part.BODY, Part.SEEN]
    if call.exactly_one or call.most is not None:
        given = sa.select(sa.func.count()).select_from(page_rows(writer, read, 0).subquery(writer.alias()))
        statement = statement.add_columns(given.scalar_subquery().label("given"))
        parts.append(Part.GIVEN)
    if read.count:
        statement = statement.add_columns(total(writer, read).label("total"))
        parts.append(Part.TOTAL)
    return writer.finish(statement, Expect.ANSWER, tuple(parts))


def _answered(writer: Writer, call: Call, read: Read) -> sa.Select[Any]:
    """The document of a page, and how many rows the page has."""
    if call.handler is not None:
        return gathered(writer, call.handler, read)
    return _values(writer, read) if call.function.scalar else paged(writer, read)


def _values(writer: Writer, read: Read) -> sa.Select[Any]:
    """A page of bare values."""
    kept = page_rows(writer, read, 1).cte(PAGE).prefix_with("MATERIALIZED")
    [value] = page_members(writer, read)
    body = writer.dialect.parallel(value.shown, Source(kept, limit=amount(writer, read.limit)))
    seen = sa.select(sa.func.count()).select_from(kept).scalar_subquery()
    return sa.select(body.label("body"), seen.label("seen"))


def _bare(writer: Writer, read: Read, called: sa.CTE) -> Step:
    """The value by itself: bytes as they are, all else as its text."""
    [column] = read.table.columns
    value: Any = sa.literal_column(f"given.{writer.dialect.quote(column.name)}")
    if column.type.kind is not Kind.BYTES:
        value = sa.cast(value, sa.Text())
    rows = page_rows(writer, read, 0).subquery("given")
    one = sa.select(value).select_from(rows).limit(sa.literal_column("1")).scalar_subquery()
    return writer.finish(sa.select(one.label("body")).add_cte(called), Expect.ANSWER, (Part.BODY,))


def _value(writer: Writer, read: Read, routine: Routine) -> Step:
    """The one value of a function that is asked without FROM."""
    if read.where != TRUE or read.order or read.offset is not None:
        raise writer.dialect.unsupported("filter, order or skip what a function gives")
    [column] = read.table.columns
    # With a limit it is not unfolded where its value is used, so that the function runs once.
    given = sa.select(routine.label("value")).limit(sa.literal_column("1")).subquery("given")
    shown = _shown(writer.dialect, read, sa.literal_column("given.value"), column.type)
    one: Sql = sa.literal_column("1")
    statement = sa.select(writer.dialect.values([shown]).label("body"), one.label("seen"), one.label("given"))
    return writer.finish(statement.select_from(given), Expect.ANSWER, (Part.BODY, Part.SEEN, Part.GIVEN))


def _shown(dialect: Dialect, read: Read, value: Sql, type_: DataType) -> Sql:
    """The one value as the one member of the read has it."""
    form = next((each.form for each in read.select if isinstance(each, Output)), None)
    return dialect.show(value, type_) if form is None else dialect.formed(value, type_, form)
