"""The road of `GET` and `HEAD`: a question understood, asked and answered with its range.

Rule: an address is read once while a snapshot lasts; a handler decides nothing about access.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from reflector.access.disclosure import disclosed
from reflector.engine import Prepared
from reflector.errors import DatabaseError, Forbidden, LimitExceeded, SchemaChanged
from reflector.query.scope import TableScope
from reflector.sql.plan import Answer
from server.apis.postgrest.errors import translate
from server.apis.postgrest.grammar.parameters import split_query
from server.apis.postgrest.grammar.questions import question
from server.apis.postgrest.locations import content_location
from server.apis.postgrest.lowering.reads import Lowering
from server.apis.postgrest.media import DATA, negotiate
from server.apis.postgrest.preferences import Preferences, preferences
from server.apis.postgrest.ranges import Window, content_range, read_status, window
from server.apis.postgrest.rendering import rendered
from server.apis.postgrest.roads import Api, applied_header, limits_of, table_asked, warning_header
from server.callers import Caller, Rights


@dataclass(frozen=True, eq=False, slots=True)
class Reading:
    """A read that was understood. `window` holds the limits of the server too."""

    prepared: Prepared
    window: Window
    location: str
    legacy: tuple[str, ...]


class ReadRoad:
    """Answers `GET` and `HEAD` of a table."""

    def __init__(self, api: Api) -> None:
        self.api = api

    async def table(self, request: web.Request, caller: Caller) -> web.Response:
        """The rows that a request asks for; raises PostgrestError, ReflectorError."""
        table, profile = table_asked(request, caller, request.headers.get("Accept-Profile"))
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
            **profile,
            **applied_header(preferred, request.method),
            **warning_header(reading.legacy),
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
        limits = limits_of(rights)
        settings = self.api.settings
        rows = min(rights.limits.rows, settings.db_max_rows or rights.limits.rows)
        asked = question(query, limits, legacy_targets=settings.url_use_legacy_target_names)
        wanted = window(ranged, asked.root.limit, asked.root.offset).capped(rows)
        if wanted.offset > rights.limits.offset:
            raise LimitExceeded(f"an offset is at most {rights.limits.offset}")
        lowering = Lowering(rights.access.scope, rights.snapshot.catalog, rows, limits, settings.db_aggregates_enabled)
        read = lowering.read(table, asked.root, wanted, count=counted)
        prepared = self.api.engine.prepare(rights.snapshot, rights.access, read)
        location = content_location(f"/{table.table.name}", split_query(query, limits))
        return Reading(prepared, wanted, location, asked.legacy)

    async def _asked(self, caller: Caller, table: TableScope, prepared: Prepared) -> Answer:
        try:
            return await self.api.engine.run(prepared, caller.principal, caller.rights.session)
        except SchemaChanged:
            raise
        except DatabaseError as error:
            raise translate(disclosed(error, table, caller.rights.snapshot.catalog), table.table.name) from error


def _rows(answer: Answer, limit: int | None) -> int:
    """How many rows are in the body; one more was looked for."""
    seen = answer.seen or 0
    return seen if limit is None else min(seen, limit)
