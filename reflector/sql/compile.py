"""From a rewritten query to a plan, and from a plan and a request to what is bound.

Rule: compiling sees no value of any caller, and binding sees no text: the two meet only through a plan's binds.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, assert_never

from reflector.catalog.model import Deed
from reflector.datatypes import DataType, Kind, Value
from reflector.query.calls import Call, Gathered
from reflector.query.nodes import Delete, Embed, Group, Insert, Overview, Query, Read, Selected, Spread, Update
from reflector.query.sets import AnyQuery, DeleteMany, InsertMany, PlacedRows, SetQuery, UpdateMany
from reflector.query.walk import levels_of, tables_of
from reflector.sql.calls import call_plan
from reflector.sql.dialect import Dialect
from reflector.sql.flat import cut_of, flat_step
from reflector.sql.gathering import gathered_plan
from reflector.sql.making_documents import FlatPages
from reflector.sql.overviews import overview_step
from reflector.sql.plan import (
    Bind,
    BoundPlan,
    Called,
    Constant,
    FromClaim,
    FromRequest,
    FromRows,
    FromStep,
    Moment,
    Plan,
    Step,
    Waiting,
)
from reflector.sql.reads import read_step
from reflector.sql.set_changes import delete_many_plan, update_many_plan
from reflector.sql.set_inserts import insert_many_plan
from reflector.sql.statement import Writer
from reflector.sql.writes import delete_plan, insert_plan, update_plan

Claims = Callable[[FromClaim], Value]
"""Gives a claim as a canonical value of its type; raises MissingClaim."""


def compile_any(dialect: Dialect, query: AnyQuery) -> Plan:
    """`compile_query`, for writes of sets and calls as well."""
    return _calling(_compiled_any(dialect, query))


def _calling(plan: Plan) -> Plan:
    """A plan that calls functions for rows: as with any call it has a transaction, and a connection that is cleaned
    afterwards; and as nobody knows what they read, no answer is kept for longer than its time to live."""
    if plan.called is not None or not any(step.calls for step in plan.steps):
        return plan
    return replace(plan, transaction=True, volatile=True, called=Called())


def _compiled_any(dialect: Dialect, query: AnyQuery) -> Plan:
    match query:
        case InsertMany() | UpdateMany() | DeleteMany():
            if query.returning is not None:
                _check_depth(dialect, query.returning)
            try:
                return _set_plan(dialect, query)
            except RecursionError:
                raise dialect.unsupported("answer a question that is nested so deeply") from None
        case Call(read=read):
            if read is not None:
                _check_depth(dialect, read)
            try:
                return call_plan(dialect, query)
            except RecursionError:
                raise dialect.unsupported("answer a question that is nested so deeply") from None
        case Gathered(read=read):
            _check_depth(dialect, read)
            try:
                return gathered_plan(dialect, query)
            except RecursionError:
                raise dialect.unsupported("answer a question that is nested so deeply") from None
        case _:
            return compile_query(dialect, query)


def _set_plan(dialect: Dialect, query: SetQuery) -> Plan:
    match query:
        case InsertMany(conflict=conflict):
            updates = conflict is not None and conflict.update is not None
            deed = Deed.UPDATE if updates else Deed.INSERT  # what an update reaches, an insert reaches as well
            return replace(insert_many_plan(dialect, query), touches=(query.table, deed))
        case UpdateMany():
            return replace(update_many_plan(dialect, query), touches=(query.table, Deed.UPDATE))
        case DeleteMany():
            return replace(delete_many_plan(dialect, query), touches=(query.table, Deed.DELETE))
        case _:
            assert_never(query)


def _check_depth(dialect: Dialect, query: Query) -> None:
    if levels_of(query) > dialect.deepest:
        raise dialect.unsupported(f"answer more than {dialect.deepest} levels of related rows at once")


def compile_query(dialect: Dialect, query: Query) -> Plan:
    """The plan of a parameterized and rewritten query; raises NotSupported for what the database cannot do."""
    if levels_of(query) > dialect.deepest:
        raise dialect.unsupported(f"answer more than {dialect.deepest} levels of related rows at once")
    try:
        return _calling(_compiled(dialect, query))
    except RecursionError:
        raise dialect.unsupported("answer a question that is nested so deeply") from None


def _compiled(dialect: Dialect, query: Query) -> Plan:
    match query:
        case Read():
            if isinstance(dialect, FlatPages) and (cut := cut_of(query)) is not None:
                return replace(_reading(query, flat_step(Writer(dialect), dialect, query)), cut=cut)
            return _reading(query, read_step(Writer(dialect), query))
        case Overview():
            return _reading(query, overview_step(Writer(dialect), query))
        case Insert():
            return _touching(insert_plan(dialect, query), query, Deed.INSERT)
        case Update():
            return _touching(update_plan(dialect, query), query, Deed.UPDATE)
        case Delete():
            return _touching(delete_plan(dialect, query), query, Deed.DELETE)
        case _:
            assert_never(query)


def _reading(query: Read | Overview, step: Step) -> Plan:
    return Plan((step,), volatile=_volatile(step), reads=tables_of(query))


def _touching(plan: Plan, query: Insert | Update | Delete, deed: Deed) -> Plan:
    """What is answered with other rows may be more than may be answered: then the write is to be taken back."""
    if not plan.writes:
        return plan
    shown = () if query.returning is None else query.returning.select
    return replace(plan, touches=(query.table, deed), transaction=plan.transaction or _with_others(shown))


def _with_others(select: tuple[Selected, ...]) -> bool:
    """Whether rows of other tables are answered too."""
    return any(
        isinstance(each, Embed | Spread) or (isinstance(each, Group) and _with_others(each.select)) for each in select
    )


def _volatile(step: Step) -> bool:
    return any(isinstance(bind.source, Moment) for bind in step.binds)


def bind_plan(plan: Plan, values: Sequence[Value], claims: Claims, now: dt.datetime) -> BoundPlan:
    """The plan with a request's values. `now` is the request's moment, in UTC."""
    original = None
    if plan.many is not None and plan.many.sorted:
        values, original = _sorted(plan.many.sorted, values)
    bound = [[_bound(bind, values, claims, now) for bind in step.binds] for step in plan.steps]
    if plan.called is not None and plan.called.most is not None:
        return BoundPlan(plan, bound, most=values[plan.called.most])
    if plan.many is None:
        return BoundPlan(plan, bound)
    most = None if plan.many.most is None else values[plan.many.most]
    repeats = {
        step.repeat: [place for place, _ in values[step.repeat]] for step in plan.steps if step.repeat is not None
    }
    return BoundPlan(plan, bound, most=most, repeats=repeats, original=original)


def _sorted(columns: Sequence[tuple[int, tuple[int, ...]]], values: Sequence[Value]) -> tuple[list[Value], list[int]]:
    """The values with the rows in an order that is the same for all writers, numbered anew; and where each was."""
    found, original = list(values), list[int]()
    for index, key in columns:
        rows = sorted(values[index], key=lambda row: [repr(row[1][at]) for at in key])
        found[index] = tuple((len(original) + number, cells) for number, (_, cells) in enumerate(rows))
        original += [place for place, _ in rows]
    return found, original


def _bound(bind: Bind, values: Sequence[Value], claims: Claims, now: dt.datetime) -> Any:
    source = bind.source
    if type(source) is FromRequest:
        value = values[source.index]
        if source.item is not None:
            value = value[source.item]
    elif type(source) is Constant:
        value = source.value
    elif type(source) is FromClaim:
        value = claims(source)
    elif type(source) is Moment:
        value = moment(now, source.type)
    elif type(source) is FromRows:
        return _waiting(source, values[source.index])
    else:
        return source
    return value if value is None or bind.encode is None else bind.encode(value)


def _waiting(source: FromRows, rows: PlacedRows) -> Waiting:
    """The request's rows, encoded cell by cell."""
    encoders = source.encoders
    if not any(encoders):
        return Waiting(source, rows)
    encoded = [
        (
            place,
            tuple(
                [
                    cell if cell is None or encode is None else encode(cell)
                    for cell, encode in zip(cells, encoders, strict=True)
                ]
            ),
        )
        for place, cells in rows
    ]
    return Waiting(source, encoded)


def moment(now: dt.datetime, type_: DataType) -> Value:
    """The moment as a value of the type: an instant, the same without its zone, or its date in UTC."""
    match type_.kind:
        case Kind.DATE:
            return now.date()
        case Kind.TIMESTAMP:
            return now.replace(tzinfo=None)
        case Kind.TIME:
            return now.time()
        case _:
            return now


__all__ = ["FromStep", "bind_plan", "compile_query", "moment"]
