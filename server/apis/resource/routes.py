"""The routes of the resource API: `/api`, `/api/{table}`, `/api/{table}/{key}`.

Names are resolved per request, so that the routes stay the same whatever the schema becomes.

Rule: a handler reads the request, asks the engine and passes the bytes on; it decides nothing about access.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote, unquote

import orjson
from aiohttp import web

from reflector.access.disclosure import disclosed
from reflector.catalog.model import DatabaseKind
from reflector.datatypes import Value
from reflector.engine import Prepared
from reflector.errors import DatabaseError, Forbidden, SchemaChanged, UnknownTable
from reflector.query.nodes import Selected
from reflector.query.scope import TableScope
from reflector.sql.plan import Answer
from server.apis.resource.answers import answered, empty, refuse_method
from server.apis.resource.bodies import RowReader, read_body, read_rows
from server.apis.resource.caller import LONGEST_KEPT, Caller, Callers, method_names
from server.apis.resource.cursors import Cursors
from server.apis.resource.faults import FaultList
from server.apis.resource.keys import POINTER, key_of, read_key, write_key
from server.apis.resource.listing import envelope, read_listing
from server.apis.resource.preferences import MINIMAL, minimal
from server.apis.resource.rows import Writing, check_amount, plan_row, read_members
from server.apis.resource.selection import row_key
from server.cache.answers import Make, Rendered
from server.cache.conditions import respond
from server.cache.question import Question
from server.context import Context
from server.unkept import check_conditions

ROOT: Final = "/api"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def resource_routes(context: Context) -> list[web.RouteDef]:
    """The routes, all methods of each: what is not offered is answered with what is."""
    api = ResourceApi(context)
    return [
        web.route("*", ROOT, api.index),
        web.route("*", ROOT + "/{table:[^/]+}", api.table),
        web.route("*", ROOT + "/{table:[^/]+}/{key:[^/]*}", api.row),
    ]


Reading = Callable[[web.Request, Caller, TableScope], Awaitable[web.Response]]


class ResourceApi:
    """The handlers, and what they share."""

    def __init__(self, context: Context) -> None:
        self.engine = context.engine
        self.callers = Callers(context)
        self.cursors = Cursors(context.cursor_key)
        self.cache = context.cache

    # ── GET /api ─────────────────────────────────────────────────────────────────────────────

    async def index(self, request: web.Request) -> web.Response:
        """The tables that the caller may use, with what may be done."""
        caller = self.callers.of(request)
        if request.method not in READING:
            raise refuse_method(request.method, ["GET", "HEAD"])
        if request.method == "OPTIONS":
            return empty(Allow="GET, HEAD, OPTIONS")
        tables = [_listed(table) for table in caller.rights.access.scope.tables.values()]
        return answered(orjson.dumps({"items": tables}))

    # ── /api/{table} ─────────────────────────────────────────────────────────────────────────

    async def table(self, request: web.Request) -> web.Response:
        caller = self.callers.of(request)
        known = self._known(request, caller)
        if known is not None:
            return known
        table = self._table(caller, request)
        match request.method:
            case "GET" | "HEAD":
                return await self._current(request, caller, table, self._list)
            case "POST":
                return await self._create(request, caller, table)
            case "OPTIONS":
                return empty(Allow=", ".join([*method_names(table, row=False), "OPTIONS"]))
            case method:
                raise refuse_method(method, method_names(table, row=False))

    async def _list(self, request: web.Request, caller: Caller, table: TableScope) -> web.Response:
        rights, query = caller.rights, request.rel_url.raw_query_string
        key = ("list", caller.principal.roles, table.table.label, request.rel_url.raw_path, query)
        kept = caller.rights.recent.get(key)
        if kept is None:
            _check_readable(table)
            listing = read_listing(rights, table, request.rel_url.raw_path, query, self.cursors)
            prepared = self.engine.prepare(rights.snapshot, rights.access, listing.read)
            kept = (listing, prepared, self._question(caller, prepared, request.rel_url.raw_path, query))
            caller.rights.keep(key, query, kept, prepared)
        listing, prepared, question = kept

        async def make() -> Rendered:
            body, link = envelope(listing, await self._asked(caller, table, prepared), self.cursors)
            return Rendered(body, link)

        return await self._answered(request, caller, question, prepared, make)

    async def _create(self, request: web.Request, caller: Caller, table: TableScope) -> web.Response:
        rights = caller.rights
        self._check_right(table, table.may_create, table.table.insertable, "POST", "create rows in", row=False)
        check_conditions(request)
        body = await read_rows(request)
        if rights.snapshot is not self.engine.snapshot:
            # What was read of the schema and the rules has changed while the body came.
            return await self.table(request)
        if isinstance(body, list):
            return await self._create_many(request, caller, table, body)
        faults = FaultList()
        select = self._members(request, caller, table, faults) if table.may_read else None
        grant = rights.access.grants.on(table.table)
        values = self._reader(caller, table, faults).created(body, () if grant is None else grant.creates)
        faults.check()
        brief = select is None or minimal(request)
        answer = await self._writing(caller, table).insert(values, None if brief else select)
        return _written(request, answer, 201, _address(table, answer))

    async def _create_many(
        self, request: web.Request, caller: Caller, table: TableScope, body: list[Any]
    ) -> web.Response:
        rights = caller.rights
        faults = FaultList()
        select = self._members(request, caller, table, faults) if table.may_read else None
        check_amount(len(body), select or (), rights.limits, faults)
        faults.check()
        grant = rights.access.grants.on(table.table)
        rows = self._reader(caller, table, faults).created_many(body, () if grant is None else grant.creates)
        faults.check()
        brief = select is None or minimal(request)
        answer = await self._writing(caller, table).insert_many(rows, None if brief else select)
        if answer.body is None:
            return empty(201, Preference_Applied=MINIMAL if minimal(request) else "")
        return answered(b'{"items":' + answer.body + b"}", 201)

    # ── /api/{table}/{key} ───────────────────────────────────────────────────────────────────

    async def row(self, request: web.Request) -> web.Response:
        caller = self.callers.of(request)
        known = self._known(request, caller)
        if known is not None:
            return known
        table = self._table(caller, request)
        match request.method:
            case "GET" | "HEAD":
                return await self._current(request, caller, table, self._read)
            case "PATCH":
                return await self._update(request, caller, table)
            case "DELETE":
                return await self._delete(request, caller, table)
            case "OPTIONS":
                return empty(Allow=", ".join([*method_names(table, row=True), "OPTIONS"]))
            case method:
                raise refuse_method(method, method_names(table, row=True))

    async def _read(self, request: web.Request, caller: Caller, table: TableScope) -> web.Response:
        rights, query = caller.rights, request.rel_url.raw_query_string
        key = ("row", caller.principal.roles, table.table.label, query)
        kept = caller.rights.recent.get(key)
        if kept is None:
            _check_readable(table)
            plan = plan_row(self.engine, rights, table, key_of(table), query)
            kept = (plan, self._question(caller, plan.template.prepared, table.table.label, query))
            caller.rights.keep(key, query, kept, plan.template.prepared)
        plan, question = kept
        prepared = plan.template.filled(read_key(plan.key, _raw_key(request)))

        async def make() -> Rendered:
            return Rendered((await self._asked(caller, table, prepared)).body or b"null")

        return await self._answered(request, caller, question, prepared, make)

    async def _update(self, request: web.Request, caller: Caller, table: TableScope) -> web.Response:
        self._check_right(table, table.may_update, table.table.updatable, "PATCH", "change rows of", row=True)
        check_conditions(request)
        key = key_of(table)
        body = await read_body(request)
        if caller.rights.snapshot is not self.engine.snapshot:
            return await self.row(request)  # as in `_create`
        faults = FaultList()
        select = self._members(request, caller, table, faults)
        found: list[Value] = []
        with faults.at(POINTER):
            found = read_key(key, _raw_key(request))
        values = self._reader(caller, table, faults).updated(body)
        faults.check()
        row = dict(zip(key, found, strict=True))
        answer = await self._writing(caller, table).update(row, values, None if minimal(request) else select)
        return _written(request, answer, 200)

    async def _delete(self, request: web.Request, caller: Caller, table: TableScope) -> web.Response:
        self._check_right(table, table.may_delete, table.table.deletable, "DELETE", "delete rows of", row=True)
        check_conditions(request)
        key = key_of(table)
        faults = FaultList()
        self._members(request, caller, table, faults)
        faults.check()
        row = dict(zip(key, read_key(key, _raw_key(request)), strict=True))
        await self._writing(caller, table).delete(row)
        return empty()

    async def _current(self, request: web.Request, caller: Caller, table: TableScope, read: Reading) -> web.Response:
        """The answer to a read; once more under the new schema where the database has changed in between."""
        try:
            return await read(request, caller, table)
        except SchemaChanged:
            if not await self.engine.renewed(caller.rights.snapshot):
                raise
        caller = self.callers.of(request)
        return await read(request, caller, self._table(caller, request))

    # ── reading, or having read ──────────────────────────────────────────────────────────────

    def _question(self, caller: Caller, prepared: Prepared, *rendering: str) -> Question | None:
        """What is asked, where its answers are kept. The roles of the caller and all that these extend are part of it."""
        if self.cache is None:
            return None
        roles = (*caller.principal.roles, "", *caller.rights.access.roles)
        return self.cache.question(prepared, roles, ROOT, *rendering)

    def _known(self, request: web.Request, caller: Caller) -> web.Response | None:
        """The kept answer to the same text under the same rights, before anything of it is read."""
        if self.cache is None or request.method != "GET":
            return None
        entry = self.cache.recall((caller.rights, request.raw_path))
        return None if entry is None else respond(self.cache, entry, request, caller.principal)

    async def _answered(
        self, request: web.Request, caller: Caller, question: Question | None, prepared: Prepared, make: Make
    ) -> web.Response:
        key = None if question is None else question.key(prepared.values, caller.principal)
        if self.cache is None or question is None or key is None:
            rendered = await make()
            return answered(rendered.body, Link=rendered.link) if rendered.link else answered(rendered.body)
        entry = self.cache.find(key) or await self.cache.fill(question, key, make)
        if request.method == "GET":
            self.cache.remember(key, question, (caller.rights, request.raw_path))
        return respond(self.cache, entry, request, caller.principal)

    async def _asked(self, caller: Caller, table: TableScope, prepared: Prepared) -> Answer:
        try:
            return await self.engine.run(prepared, caller.principal, caller.rights.session)
        except DatabaseError as error:
            raise disclosed(error, table, caller.rights.snapshot.catalog) from error

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    def _writing(self, caller: Caller, table: TableScope) -> Writing:
        return Writing(self.engine, caller, table)

    def _members(
        self, request: web.Request, caller: Caller, table: TableScope, faults: FaultList
    ) -> tuple[Selected, ...]:
        """What a writer wants to be answered of the row; what is wrong is noted."""
        query = request.rel_url.raw_query_string
        key = ("members", caller.principal.roles, table.table.label, query)
        kept: tuple[Selected, ...] | None = caller.rights.recent.get(key)
        if kept is None:
            kept = read_members(caller.rights, table, query, faults)
            if not faults.found and len(query) <= LONGEST_KEPT:
                caller.rights.recent.put(key, kept, 1024 + 8 * len(query) + 200 * len(kept))
        return kept

    def _reader(self, caller: Caller, table: TableScope, faults: FaultList) -> RowReader:
        return RowReader(table, faults, sized=caller.rights.snapshot.catalog.kind is not DatabaseKind.SQLITE)

    # ── who may what ─────────────────────────────────────────────────────────────────────────

    def _table(self, caller: Caller, request: web.Request) -> TableScope:
        raw = request.rel_url.raw_path.split("/", 3)[2]
        scope = caller.rights.access.scope
        found = scope.tables.get(raw)
        if found is not None:
            return found
        try:
            return scope.table(unquote(raw, errors="strict") if "%" in raw else raw, pointer="/path/table")
        except UnicodeDecodeError:
            raise UnknownTable(unquote(raw), scope.tables, pointer="/path/table") from None

    def _check_right(
        self, table: TableScope, right: bool, possible: bool, method: str, what: str, *, row: bool
    ) -> None:
        if not possible:
            raise refuse_method(
                method, method_names(table, row=row), f"{table.table.label} is read-only in the database"
            )
        if not right:
            snapshot = self.engine.snapshot
            closed = snapshot.permissions is None and not snapshot.writable
            hint = "start the server with --writable" if closed else None
            raise Forbidden(f"you may not {what} {table.table.label}", hint=hint)


READING: Final = ("GET", "HEAD", "OPTIONS")


def _check_readable(table: TableScope) -> None:
    if not table.may_read:
        raise Forbidden(f"you may not read {table.table.label}")


def _raw_key(request: web.Request) -> str:
    return request.rel_url.raw_path.split("/", 3)[3]


def _listed(table: TableScope) -> dict[str, Any]:
    """A table as `GET /api` shows it."""
    listed: dict[str, Any] = {
        "name": table.table.label,
        "url": _home(table.table.label),
        "methods": method_names(table, row=False),
    }
    key = row_key(table)
    if key:
        listed["key"] = [column.name for column in key]
        listed["row_methods"] = method_names(table, row=True)
    return listed


def _address(table: TableScope, answer: Answer) -> str:
    """Where the new row is to be had; empty when the caller cannot ask for it."""
    if answer.key is None or not table.may_read or not row_key(table):
        return ""
    return f"{_home(table.table.label)}/{write_key(answer.key)}"


@lru_cache(maxsize=1024)
def _home(label: str) -> str:
    """The address of a table."""
    return f"{ROOT}/{quote(label, safe='')}"


def _written(request: web.Request, answer: Answer, status: int, location: str = "") -> web.Response:
    applied = MINIMAL if minimal(request) else ""
    if answer.body is None or applied:
        return empty(status if status == 201 else 204, Location=location, Preference_Applied=applied)
    return answered(answer.body, status, Location=location) if location else answered(answer.body, status)
