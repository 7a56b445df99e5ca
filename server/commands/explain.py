"""`reflector explain`: what becomes of a request, step by step, for a caller with these roles and claims.

    query        what was asked, as it was understood
    rewritten    the same with the rules of the roles in it, values lifted out
    rules        the rules that spoke, as the file words them, and where
    cache        whether its answer is kept, and for whom
    sql          what the database is asked, and where each value comes from
    plan         how the database would answer it

Rule: nothing is changed: the request is held back where it would be carried out, and the database is asked for its plan
alone. Whoever asks runs the server, so that what the database says when it refuses is told as it stands; no caller is
told so much.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from reflector.access.database import quoted
from reflector.access.principal import Principal
from reflector.access.rewrite_sets import rewrite_any
from reflector.catalog.model import DatabaseKind
from reflector.engine import Engine
from reflector.errors import ConnectionRefused, DatabaseError, InvalidRequest, ReflectorError
from reflector.query.nodes import Delete, Insert, Literal, Operand, Overview, Parameter, Read, Update
from reflector.query.parameterize import parameterize_any
from reflector.query.sets import AnyQuery
from reflector.query.walk import with_operands
from reflector.sql.plan import (
    BoundPlan,
    Constant,
    FromClaim,
    FromKept,
    FromRequest,
    FromRows,
    FromStep,
    Moment,
    Plan,
    Source,
    Waiting,
)
from server.app import engine_of
from server.binding import Binding
from server.cache.rules import cache_rules, together
from server.commands.holding import Held, held_back, taken_apart
from server.commands.spoken import spoken
from server.commands.tree import shown
from server.config import Config
from server.config.claim_checks import strange_claim
from server.config.trials import ANONYMOUS, Calling
from server.database_settings import informed
from server.trials.callers import principal_for

ASKS: Final = {
    DatabaseKind.POSTGRESQL: "EXPLAIN ",
    DatabaseKind.MARIADB: "EXPLAIN ",
    DatabaseKind.MYSQL: "EXPLAIN ",
    DatabaseKind.SQLITE: "EXPLAIN QUERY PLAN ",
}
LATER: Final = (FromStep, FromKept, Waiting)
"""Values that only come when the statements before have been carried out."""


async def explain(
    config: Config, request: str, caller: str | None, say: Callable[[str], None], headers: Sequence[str] = ()
) -> None:
    """Say the explanation, line by line. Raises what the request would be refused with, and what starting raises."""
    sent = taken_apart(request, headers)
    calling = known_caller(config, caller)
    config = await informed(config)
    principal = principal_for(config, calling)
    binding = Binding(config)
    with own_words():
        engine = await engine_of(config, binding)
    try:
        access = engine.snapshot.access(principal)
        claims = "".join(f", {name} = {value!r}" for name, value in calling.claims.items())
        say(f"caller: roles {', '.join(access.roles) or 'none'}{claims}")
        for held in await held_back(engine, config, sent, principal):
            for line in _explained(engine, binding, held, principal):
                say(line)
            await _plans(engine, config, held, principal, say)
    finally:
        await engine.close()


def _explained(engine: Engine, binding: Binding, held: Held, principal: Principal) -> Iterator[str]:
    """Everything that is known before the database is asked for its plan."""
    access = engine.snapshot.access(principal)
    shape, _ = parameterize_any(held.query, buckets=engine.dialect.buckets)
    values, plans = held.prepared.values, held.prepared.plans
    yield from ("", "query:", *shown(restored(held.query, shape, values), "  "))
    for rewritten in rewrite_any(shape, access.grants):
        yield from ("", "rewritten:", *shown(rewritten, "  "))
    yield from ("", "rules:", *spoken(binding, engine.snapshot.catalog, access.roles, held.query))
    yield from ("", "cache:", *_cache(engine, binding.config, plans[0], access.roles))
    for number, plan in enumerate(plans, start=1):
        which = f" (right {number} of {len(plans)}, tried in turn)" if len(plans) > 1 else ""
        yield from ("", f"sql:{which}", *_sql(plan, values))


async def _plans(engine: Engine, config: Config, held: Held, principal: Principal, say: Callable[[str], None]) -> None:
    say("\nplan:")
    if config.decided_by_database:
        role = quoted(principal.roles[0])
        say(f"  as the role itself alone: BEGIN; SET LOCAL ROLE {role}; EXPLAIN …; ROLLBACK")
        return
    for plan in held.prepared.plans:
        bound = engine.bind(plan, held.prepared.values, principal)
        with own_words():
            for line in await _plan(engine, bound):
                say(line)


@contextmanager
def own_words() -> Iterator[None]:
    """Where the database refuses, raise DatabaseError with what it said itself."""
    try:
        yield
    except ConnectionRefused:
        raise  # says all there is to say, and a driver's words may hold what the URL holds
    except ReflectorError as error:
        cause = error.__cause__
        if cause is None or isinstance(cause, ReflectorError):
            raise
        raise DatabaseError(f"{error.message}: {' '.join(str(cause).split())}", hint=error.hint) from cause


def principal_of(config: Config, caller: str | None) -> Principal:
    """The caller that `role=user,sub=7` means; raises Forbidden and InvalidRequest."""
    return principal_for(config, known_caller(config, caller))


def known_caller(config: Config, caller: str | None) -> Calling:
    """Whom `role=user,sub=7` means; raises InvalidRequest, also for a claim that callers cannot be expected to carry."""
    calling = calling_of(caller)
    strange = strange_claim(config, calling.claims)
    if strange is not None:
        message, hint = strange
        raise InvalidRequest(message, hint=hint)
    return calling


def calling_of(caller: str | None) -> Calling:
    """Whom `role=user,sub=7` means: several `role=` are a list, what is JSON means what it means there; who carries
    nothing, where nothing is said, or `anonymous`."""
    if caller is None or caller == ANONYMOUS:
        return Calling(anonymous=True)
    roles: list[str] = []
    claims: dict[str, Any] = {}
    for part in caller.split(","):
        name, equals, value = part.partition("=")
        if not equals or not name.strip():
            hint = "commas separate, several role= are a list"
            raise InvalidRequest("a caller is written role=user,sub=7", hint=hint)
        if name.strip() == "role":
            roles.append(value.strip())
        else:
            claims[name.strip()] = _value(value.strip())
    return Calling(tuple(dict.fromkeys(roles)) or None, claims)


def _value(text: str) -> Any:
    """A claim: what is JSON means what it means there, anything else is text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def restored(query: AnyQuery, shape: AnyQuery, values: Sequence[Any]) -> AnyQuery:
    """The query with the values of this request, where it was prepared for any values."""

    def value(operand: Operand) -> Operand:
        if not isinstance(operand, Parameter):
            return operand
        return Literal(values[operand.index], operand.type, operand.many)

    if not isinstance(shape, Read | Overview | Insert | Update | Delete):
        return query
    found = with_operands(shape, value)
    if isinstance(found, Read) and isinstance(query, Read):
        return replace(found, limit=query.limit, offset=query.offset)
    return found


def _cache(engine: Engine, config: Config, plan: Plan, roles: Sequence[str]) -> Iterator[str]:
    """Whether the answer is kept, and what has to be the same for another caller to be given it."""
    if plan.writes:
        yield "  not kept: it writes"
        return
    known = cache_rules(config, engine.snapshot.catalog)
    rules = {table.label: known.get(table) for table in plan.reads}
    without = sorted(label for label, rule in rules.items() if rule is None)
    if len(without) == len(rules):
        yield "  not kept: none of its tables has a cache"
    elif plan.volatile and without:
        yield f"  not kept: it depends on the moment, and {', '.join(without)} has no cache"
    else:
        ttl, stale = together(list(rules.values()))
        until = "" if plan.volatile else ", or until one of its tables changes"
        shown = f", shown for {stale:g} s more while a new one is fetched" if stale else ""
        yield (
            f"  kept for {ttl:g} s{shown}{until}" if not without else "  kept while every change of its tables is heard"
        )
    claims = [".".join(each.path) for each in plan.claims]
    yield f"  key: roles {', '.join(roles) or 'none'}; the statement; its values; " + (
        f"claims {', '.join(claims)}" if claims else "no claim"
    )


def _sql(plan: Plan, values: Sequence[Any]) -> Iterator[str]:
    for step in plan.steps:
        yield from (f"  {line.rstrip()}" for line in step.text.splitlines())
        for number, bind in enumerate(step.binds, start=1):
            yield f"    {number}: {_source(bind.source, values)}"


def _source(source: Source, values: Sequence[Any]) -> str:
    match source:
        case FromRequest(index, item):
            return f"the request's {values[index] if item is None else values[index][item]!r}"
        case FromClaim(path):
            return f"claims.{'.'.join(path)}"
        case Constant(value):
            return f"{value!r}"
        case Moment():
            return "the moment of the request"
        case FromRows():
            return "the rows of the request" + ("" if not source.split else ", as an earlier statement parts them")
        case FromStep(step):
            return f"what statement {step + 1} brings"
        case FromKept(steps):
            return f"what {' and '.join(f'statement {each + 1}' for each in steps)} brings"


async def _plan(engine: Engine, bound: BoundPlan) -> list[str]:
    """What the database says it would do."""
    lines: list[str] = []
    for step, values in zip(bound.plan.steps, bound.values, strict=True):
        if any(isinstance(value, LATER) for value in values):
            lines.append("  (with what the statements before it bring)")
            continue
        rows = await engine.driver.fetch(ASKS[engine.driver.kind] + step.text, *values)
        if engine.driver.kind is DatabaseKind.SQLITE:
            lines += _nested([(row[0], row[1], row[3]) for row in rows])
        else:
            lines += ["  " + "  ".join("-" if cell is None else str(cell) for cell in row) for row in rows]
    return lines


def _nested(rows: Sequence[tuple[int, int, str]]) -> Iterator[str]:
    """SQLite's plan: each row names the one it belongs to."""
    depth = {0: 0}
    for own, parent, words in rows:
        depth[own] = depth.get(parent, 0) + 1
        yield "  " * depth[own] + words
