"""The routes of PostgREST's API: so far `GET` and `HEAD /rest/v1/{table}`.

Rule: whatever goes wrong here leaves in PostgREST's form; a handler decides nothing about access.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from aiohttp import web

from reflector.access.disclosure import disclosed
from reflector.engine import Prepared
from reflector.errors import DatabaseError, Forbidden, LimitExceeded, ReflectorError, SchemaChanged
from reflector.query.scope import TableScope
from reflector.sql.plan import Answer
from server.apis.postgrest.errors import refused, translate
from server.apis.postgrest.faults import PostgrestError, refusal
from server.apis.postgrest.grammar.limits import Limits
from server.apis.postgrest.grammar.parameters import split_query
from server.apis.postgrest.grammar.questions import question
from server.apis.postgrest.locations import content_location
from server.apis.postgrest.lowering.operands import not_offered
from server.apis.postgrest.lowering.reads import Lowering
from server.apis.postgrest.lowering.tables import schema_of, table_of
from server.apis.postgrest.media import DATA, negotiate
from server.apis.postgrest.preferences import Preferences, applied, honourable, preferences
from server.apis.postgrest.ranges import Window, content_range, read_status, window
from server.apis.postgrest.rendering import rendered
from server.callers import Caller, Callers, Rights
from server.context import Context

ROOT: Final = "/rest/v1"
WRITES: Final = frozenset({"POST", "PATCH", "PUT", "DELETE", "OPTIONS"})


@dataclass(frozen=True, eq=False, slots=True)
class Reading:
    """A read that was understood. `window` holds the limits of the server too."""

    prepared: Prepared
    window: Window
    location: str
    legacy: tuple[str, ...]


def postgrest_routes(context: Context, root: str = ROOT) -> list[web.RouteDef]:
    """The routes under `root`, all methods of each."""
    api = PostgrestApi(context, root)
    return [
        web.route("*", root + "/{table:[^/]+}", api.table),
        web.route("*", root + "/{path:[^/]*/.*}", api.nowhere),
    ]


class PostgrestApi:
    """The handlers, and what they share."""

    def __init__(self, context: Context, root: str) -> None:
        self.engine = context.engine
        self.callers = Callers(context)
        self.root = root

    async def table(self, request: web.Request) -> web.Response:
        """Any request to a table."""
        return await self._told(request, self._table)

    async def nowhere(self, request: web.Request) -> web.Response:
        """Any request to a path that is deeper than a table's."""
        return await self._told(request, _no_path)

    async def _told(
        self, request: web.Request, handle: Callable[[web.Request, Caller], Awaitable[web.Response]]
    ) -> web.Response:
        """The handler's answer, or its error as PostgREST tells it."""
        known = False
        try:
            caller = self.callers.of(request)
            known = not caller.principal.anonymous
            return await handle(request, caller)
        except PostgrestError as error:
            return _refused(error, known=known)
        except ReflectorError as error:
            return _refused(translate(error), known=known)

    async def _table(self, request: web.Request, caller: Caller) -> web.Response:
        if request.method in WRITES:
            raise not_offered(request.method)
        if request.method not in {"GET", "HEAD"}:
            raise refusal("PGRST117", f"Unsupported HTTP method: {request.method}")
        try:
            return await self._read(request, caller)
        except SchemaChanged:
            if not await self.engine.renewed(caller.rights.snapshot):
                raise
        return await self._read(request, self.callers.of(request))

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    async def _read(self, request: web.Request, caller: Caller) -> web.Response:
        schemas = caller.rights.snapshot.catalog.schemas
        schema = schema_of(schemas, request.headers.get("Accept-Profile"))
        table = table_of(caller.rights.access.scope, schema, _name(request))
        if not table.may_read:
            raise translate(Forbidden(f"you may not read {table.table.name}"), table.table.name)
        media = negotiate(request.headers.get("Accept"), DATA)
        preferred = preferences(request.headers.getall("Prefer", ()))
        reading = self._reading(request, caller.rights, table, preferred)
        answer = await self._asked(caller, table, reading.prepared)
        offset, limit = reading.window.offset, reading.window.limit
        rows = _rows(answer, limit)
        status = read_status(offset, rows, answer.total)
        headers = {
            "Content-Type": media.content_type,
            "Content-Range": content_range(offset, rows, answer.total),
            "Content-Location": reading.location,
            **_profile(schemas, schema),
            **_applied(preferred, request.method),
            **_warned(reading.legacy),
        }
        body = rendered(answer.body or b"[]", rows, media)
        return web.Response(status=status, headers=headers, body=None if request.method == "HEAD" else body)

    def _reading(self, request: web.Request, rights: Rights, table: TableScope, preferred: Preferences) -> Reading:
        """What is asked; kept for as long as the snapshot, so that the same address is read once."""
        query = request.rel_url.raw_query_string
        ranged = request.headers.get("Range") if request.method == "GET" else None
        counted = preferred.count is not None
        # A header is as long as its sender likes, and is no part of the weight that a kept reading is given.
        kept_range = None if ranged is None else ranged[:64]
        key = ("postgrest", rights.access.roles, table.table.schema, table.table.name, query, kept_range, counted)
        kept: Reading | None = rights.recent.get(key)
        if kept is None:
            kept = self._understood(rights, table, query, kept_range, counted=counted)
            rights.keep(key, query, kept, kept.prepared)
        return kept

    def _understood(
        self, rights: Rights, table: TableScope, query: str, ranged: str | None, *, counted: bool
    ) -> Reading:
        limits = _limits(rights)
        asked = question(query, limits)
        wanted = window(ranged, asked.root.limit, asked.root.offset).capped(rights.limits.rows)
        if wanted.offset > rights.limits.offset:
            raise LimitExceeded(f"an offset is at most {rights.limits.offset}")
        lowering = Lowering(rights.access.scope, rights.snapshot.catalog, rights.limits.rows, limits)
        read = lowering.read(table, asked.root, wanted, count=counted)
        prepared = self.engine.prepare(rights.snapshot, rights.access, read)
        location = content_location(f"/{table.table.name}", split_query(query, limits))
        return Reading(prepared, wanted, location, asked.legacy)

    async def _asked(self, caller: Caller, table: TableScope, prepared: Prepared) -> Answer:
        try:
            return await self.engine.run(prepared, caller.principal, caller.rights.session)
        except SchemaChanged:
            raise
        except DatabaseError as error:
            raise translate(disclosed(error, table, caller.rights.snapshot.catalog), table.table.name) from error


async def _no_path(_request: web.Request, _caller: Caller) -> web.Response:
    raise refusal("PGRST125", "Invalid path specified in request URL")


def _limits(rights: Rights) -> Limits:
    own = rights.limits
    return Limits(depth=own.depth, logic=own.filter_depth, terms=own.terms, listed=own.list)


def _rows(answer: Answer, limit: int | None) -> int:
    """How many rows are in the body; one more was looked for."""
    seen = answer.seen or 0
    return seen if limit is None else min(seen, limit)


def _name(request: web.Request) -> str:
    raw = request.rel_url.raw_path.rpartition("/")[2]
    return unquote(raw, errors="replace")


def _profile(schemas: tuple[str, ...], schema: str) -> dict[str, str]:
    return {"Content-Profile": schema} if len(schemas) > 1 else {}


def _applied(preferred: Preferences, method: str) -> dict[str, str]:
    honoured = honourable(preferred, method, function=False, upserts=False, inserts=False, may_choose_end=False)
    told = applied(preferred, honoured)
    return {} if told is None else {"Preference-Applied": told}


def _warned(legacy: tuple[str, ...]) -> dict[str, str]:
    if not legacy:
        return {}
    names = ", ".join(f"'{name}'" for name in legacy if name.isascii() and name.isprintable()).replace('"', "")
    return {"Warning": f'299 - "An embedded resource with an alias was named by its relation: {names}"'}


def _refused(error: PostgrestError, *, known: bool) -> web.Response:
    told = refused(error, known=known)
    return web.Response(status=told.status, body=told.body, headers=told.headers)
