"""From a rewritten query to a plan, and from a plan and a request to what is bound.

Rule: compiling sees no value of any caller, and binding sees no text: the two meet only through a plan's binds.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, assert_never

from reflector.catalog.model import Deed, Table
from reflector.datatypes import DataType, Kind, Value
from reflector.query.nodes import Delete, Insert, Overview, Query, Read, Update
from reflector.query.walk import levels_of, tables_of
from reflector.sql.dialect import Dialect
from reflector.sql.flat import cut_of, flat_step
from reflector.sql.overviews import overview_step
from reflector.sql.plan import Bind, BoundPlan, Constant, FromClaim, FromRequest, FromStep, Moment, Plan, Step
from reflector.sql.reads import read_step
from reflector.sql.statement import Writer
from reflector.sql.writes import delete_plan, insert_plan, update_plan

Claims = Callable[[FromClaim], Value]
"""Gives a claim as a canonical value of its type; raises MissingClaim."""


def compile_query(dialect: Dialect, query: Query) -> Plan:
    """The plan of a parameterized and rewritten query; raises NotSupported for what the database cannot do."""
    if levels_of(query) > dialect.deepest:
        raise dialect.unsupported(f"answer more than {dialect.deepest} levels of related rows at once")
    try:
        return _compiled(dialect, query)
    except RecursionError:
        raise dialect.unsupported("answer a question that is nested so deeply") from None


def _compiled(dialect: Dialect, query: Query) -> Plan:
    match query:
        case Read():
            cut = cut_of(dialect, query)
            step = read_step(Writer(dialect), query) if cut is None else flat_step(Writer(dialect), query)
            return replace(_reading(query, step), cut=cut)
        case Overview():
            return _reading(query, overview_step(Writer(dialect), query))
        case Insert():
            return _touching(insert_plan(dialect, query), query.table, Deed.INSERT)
        case Update():
            return _touching(update_plan(dialect, query), query.table, Deed.UPDATE)
        case Delete():
            return _touching(delete_plan(dialect, query), query.table, Deed.DELETE)
        case _:
            assert_never(query)


def _reading(query: Read | Overview, step: Step) -> Plan:
    return Plan((step,), volatile=_volatile(step), reads=tables_of(query))


def _touching(plan: Plan, table: Table, deed: Deed) -> Plan:
    return replace(plan, touches=(table, deed)) if plan.writes else plan


def _volatile(step: Step) -> bool:
    return any(isinstance(bind.source, Moment) for bind in step.binds)


def bind_plan(plan: Plan, values: Sequence[Value], claims: Claims, now: dt.datetime) -> BoundPlan:
    """The plan with a request's values. `now` is the request's moment, in UTC."""
    return BoundPlan(plan, [[_bound(bind, values, claims, now) for bind in step.binds] for step in plan.steps])


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
    else:
        return source
    return value if value is None or bind.encode is None else bind.encode(value)


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
