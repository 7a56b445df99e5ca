"""`reflector explain`: what becomes of a request, step by step, for a caller with these roles and claims.

    query        what was asked, as it was understood
    rewritten    the same with the rules of the roles in it, values lifted out
    rules        the rules that spoke, as the file words them
    sql          what the database is asked, and where each value comes from
    plan         how the database would answer it

Rule: nothing is changed: only requests that read are explained, and the database is asked for its plan alone. Whoever
asks runs the server, so that what the database says when it refuses is told as it stands; no caller is told so much.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from reflector.access.database import quoted
from reflector.access.description import RuleText
from reflector.access.entries import read_entries
from reflector.access.principal import Principal
from reflector.access.rewrite import rewrite
from reflector.catalog.model import Catalog, DatabaseKind, Table
from reflector.drivers.protocol import PLAIN
from reflector.engine import Engine
from reflector.errors import (
    ConnectionRefused,
    DatabaseError,
    Forbidden,
    InvalidRequest,
    ReflectorError,
    UnknownTable,
    suggestion,
)
from reflector.query.nodes import Read
from reflector.query.parameterize import parameterize
from reflector.query.scope import TableScope
from reflector.query.walk import tables_of
from reflector.sql.plan import BoundPlan, Constant, FromClaim, FromRequest, Moment, Plan, Source
from server.access import anonymous_role
from server.apis.resource.caller import Rights
from server.apis.resource.cursors import Cursors
from server.apis.resource.faults import FaultList
from server.apis.resource.keys import key_of, read_key
from server.apis.resource.listing import read_listing
from server.apis.resource.rows import by_key, read_members
from server.app import cursor_key, engine_of
from server.binding import Binding
from server.commands.tree import inline, shown
from server.config import Config
from server.house import limits_of

ASKS: Final = {
    DatabaseKind.POSTGRESQL: "EXPLAIN ",
    DatabaseKind.MARIADB: "EXPLAIN ",
    DatabaseKind.MYSQL: "EXPLAIN ",
    DatabaseKind.SQLITE: "EXPLAIN QUERY PLAN ",
}
READING: Final = ("GET", "HEAD")
ROOT: Final = "/api/"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request line, taken apart: the table as it is written in the address, the key or None, the query string."""

    table: str
    key: str | None
    path: str
    query: str


async def explain(config: Config, request: str, caller: str | None, say: Callable[[str], None]) -> None:
    """Say the explanation, line by line. Raises what the request would be refused with, and what starting raises."""
    asked, principal = taken_apart(request), principal_of(config, caller)
    binding = Binding(config)
    with own_words():
        engine = await engine_of(config, binding)
    try:
        snapshot = engine.snapshot
        access = snapshot.access(principal)
        rights = Rights(snapshot, access, limits_of(config)(principal.roles), PLAIN)
        table = access.scope.table(unquote(asked.table))
        read = _read(config, rights, table, asked)
        shape, values = parameterize(read, buckets=engine.dialect.buckets)
        (rewritten,) = rewrite(shape, access.grants)
        prepared = engine.prepare(snapshot, access, read)
        bound = engine.bind(prepared.plans[0], prepared.values, principal)
        lines = [f"caller: roles {', '.join(access.roles) or 'none'}{_claims(principal)}", "", "query:"]
        lines += [*shown(read, "  "), "", "rewritten:", *shown(rewritten, "  "), "", "rules:"]
        lines += _rules(binding, snapshot.catalog, access.roles, read)
        lines += ["", "sql:", *_sql(prepared.plans[0], values), "", "plan:"]
        say("\n".join(lines))
        if config.decided_by_database:
            say(f"  as the role itself alone: BEGIN; SET LOCAL ROLE {quoted(access.roles[0])}; EXPLAIN …; ROLLBACK")
            return
        with own_words():
            say("\n".join(await _plan(engine, bound)))
    finally:
        await engine.close()


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


def taken_apart(request: str) -> Asked:
    """The parts of `GET /api/{table}` or `GET /api/{table}/{key}`, with or without a query string."""
    method, _, address = request.strip().partition(" ")
    path, _, query = address.strip().partition("?")
    parts = path.removeprefix(ROOT).split("/")
    if method not in READING or not path.startswith(ROOT) or len(parts) > 2 or not all(parts):
        raise InvalidRequest("a request is written 'GET /api/table?…' or 'GET /api/table/key'")
    return Asked(parts[0], parts[1] if len(parts) == 2 else None, path, query)


def principal_of(config: Config, caller: str | None) -> Principal:
    """The caller that `role=user,sub=7` means; who carries nothing, where nothing is said."""
    if caller is None:
        role = anonymous_role(config)
        return Principal(roles=() if role is None else (role,), anonymous=True)
    roles: list[str] = []
    claims: dict[str, Any] = {}
    for part in caller.split(","):
        name, equals, value = part.partition("=")
        if not equals or not name.strip():
            raise InvalidRequest(
                "a caller is written role=user,sub=7", hint="commas separate, several role= are a list"
            )
        if name.strip() == "role":
            roles.append(value.strip())
        else:
            claims[name.strip()] = _value(value.strip())
    for role in roles:
        if role not in config.roles:
            raise Forbidden(f"there is no role {role!r}", hint=suggestion(role, config.roles))
    subject = claims.get("sub")
    return Principal(tuple(dict.fromkeys(roles)), claims, subject=None if subject is None else str(subject))


def _value(text: str) -> Any:
    """A claim: what is JSON means what it means there, anything else is text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _claims(principal: Principal) -> str:
    return "".join(f", {name} = {value!r}" for name, value in principal.claims.items())


def _read(config: Config, rights: Rights, table: TableScope, asked: Asked) -> Read:
    if not table.may_read:
        raise UnknownTable(asked.table)
    if asked.key is None:
        return read_listing(rights, table, asked.path, asked.query, Cursors(cursor_key(config))).read
    faults, key = FaultList(), key_of(table)
    select = read_members(rights, table, asked.query, faults)
    faults.check()
    return Read(table.table, select, where=by_key(key, read_key(key, asked.key)), single=True)


def _rules(binding: Binding, catalog: Catalog, roles: Sequence[str], read: Read) -> Iterator[str]:
    """What the file says of the tables that the caller named, for each role."""
    if binding.config.open:
        yield "  none: without auth, tables and defaults everybody reads"
        return
    entries = {entry.table: entry for entry in read_entries(binding.description, catalog, lambda _: None)}
    for table in sorted(tables_of(read), key=lambda each: each.label):
        found = [(role, entries[table].allowed.get(role)) for role in roles]
        said = [(role, allowed.rules.read) for role, allowed in found if allowed and allowed.rules.read]
        for role, rules in said:
            columns = f"; columns {', '.join(rules.columns.names)}" if rules.columns else ""
            yield f"  {table.label}: {role} reads {_worded(rules.rows)}{columns}{_place(rules.rows)}"
        if not said:
            yield from _default(binding, table)


def _default(binding: Binding, table: Table) -> Iterator[str]:
    reads = binding.description.default_read
    yield f"  {table.label}: {'defaults.read: everybody with a role reads' if reads else 'nothing opens it'}"


def _worded(rule: RuleText) -> str:
    return f"where {rule.rule}" if isinstance(rule.rule, str) else "all rows" if rule.rule is True else f"{rule.rule}"


def _place(rule: RuleText) -> str:
    position = getattr(rule.where, "position", None)
    return "" if position is None else f"   ({position})"


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
        case _:
            return inline(source)


async def _plan(engine: Engine, bound: BoundPlan) -> list[str]:
    """What the database says it would do."""
    lines: list[str] = []
    for step, values in zip(bound.plan.steps, bound.values, strict=True):
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
