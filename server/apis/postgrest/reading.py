"""The road of `GET` and `HEAD`: a question understood, asked and answered with its range.

What a request is read as is kept under all of its text that has a say in it, so the same request is read once while a
snapshot lasts; and one that differs in plain values alone takes its plan from there.

Rule: a handler decides nothing about access; what was kept is of the very roles that ask.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from aiohttp import web
from multidict import CIMultiDict

from reflector.access.disclosure import disclosed
from reflector.catalog.model import Function
from reflector.engine import Prepared
from reflector.errors import DatabaseError, Forbidden, LimitExceeded, SchemaChanged
from reflector.query.calls import Gathered
from reflector.query.scope import TableScope
from reflector.sql.plan import Answer
from server.apis.postgrest.calling import outdated
from server.apis.postgrest.counting import Guess, answered, guess_of
from server.apis.postgrest.errors import translate
from server.apis.postgrest.grammar.parameters import split_query
from server.apis.postgrest.grammar.questions import question
from server.apis.postgrest.handlers import handled
from server.apis.postgrest.locations import content_location
from server.apis.postgrest.lowering.reads import Lowering
from server.apis.postgrest.media import Kind, Media, own_type
from server.apis.postgrest.plans import offered, plan_of, plan_response
from server.apis.postgrest.preferences import preferences
from server.apis.postgrest.ranges import Window, content_range, read_status, window
from server.apis.postgrest.rendering import rendered
from server.apis.postgrest.roads import Api, applied_header, limits_of, table_asked, warning_header
from server.apis.postgrest.shapes import Shape, Template, shape_of
from server.apis.postgrest.telling import VARY
from server.apis.postgrest.timing import ended
from server.cache.answers import AnswerCache, Rendered
from server.cache.conditions import respond
from server.cache.question import Key
from server.cache.question import Question as Kept
from server.callers import LONGEST_KEPT, Caller, Rights


@dataclass(frozen=True, eq=False, slots=True)
class Asked:
    """All of a request's text that decides what is answered. `ranged` is None but for GET."""

    method: str
    path: str
    query: str
    accept: str | None
    prefer: tuple[str, ...]
    profile: str | None
    ranged: str | None

    @property
    def size(self) -> int:
        return len(self.path) + len(self.query) + sum(map(len, self.rest))

    @property
    def rest(self) -> tuple[str, ...]:
        """What stands beside the address."""
        return (self.accept or "", *self.prefer, self.profile or "", self.ranged or "")

    def key(self, rights: Rights, query: str) -> tuple[object, ...]:
        """Under which something is kept for these roles."""
        beside = (self.method, self.accept, self.prefer, self.profile, self.ranged)
        return ("postgrest", rights.access.roles, self.path, query, beside)


@dataclass(frozen=True, eq=False, slots=True)
class Reading:
    """A read that was understood. `window` holds the limits of the server too, `headers` what every answer to it has.
    `kept` is what its answers are kept as, None where they are not. `handler` answers in a media type of its own,
    `guess` tells how many rows there are where they are not counted one by one."""

    table: TableScope
    prepared: Prepared
    window: Window
    media: Media
    headers: CIMultiDict[str]
    kept: Kept | None
    handler: Function | None = None
    guess: Guess | None = None


class ReadRoad:
    """Answers `GET` and `HEAD` of a table."""

    def __init__(self, api: Api) -> None:
        self.api = api

    async def table(self, request: web.Request, caller: Caller) -> web.Response:
        """The rows that a request asks for; raises PostgrestError, ReflectorError."""
        asked = _asked(request)
        known = self._known(request, caller, asked)
        if known is not None:
            return known
        reading = self._reading(request, caller, asked)
        ended(request, "plan")
        if reading.media.kind is Kind.PLAN:
            return await self._planned(request, caller, reading)
        kept, cache = reading.kept, self.api.cache
        key = None if kept is None else kept.key(reading.prepared.values, caller.principal)
        if cache is not None and kept is not None and key is not None:
            return await self._answered(cache, request, caller, asked, reading, kept, key)
        status, body, headers = await self._made(caller, reading)
        ended(request, "transaction")
        if request.method == "HEAD":
            return _bodiless(status, headers)
        return web.Response(status=status, headers=headers, body=body)

    async def _made(self, caller: Caller, reading: Reading) -> tuple[int, bytes, CIMultiDict[str]]:
        """Status, body and headers, asked of the database."""
        answer = await self._run(caller, reading)
        offset, limit = reading.window.offset, reading.window.limit
        rows = _rows(answer, limit)
        status = read_status(offset, rows, answer.total)
        headers = reading.headers.copy()
        headers["Content-Range"] = content_range(offset, rows, answer.total)
        if reading.handler is not None:
            return status, answer.body or b"", headers
        return status, rendered(answer.body or b"[]", rows, reading.media), headers

    async def _planned(self, request: web.Request, caller: Caller, reading: Reading) -> web.Response:
        """The plan of a read, which is never kept."""
        answer = await self._run(caller, reading)
        ended(request, "transaction")
        return plan_response(request, reading.media, answer.body or b"", reading.headers)

    async def _run(self, caller: Caller, reading: Reading) -> Answer:
        table, prepared = reading.table, reading.prepared
        try:
            if reading.media.kind is Kind.PLAN:
                return Answer(await plan_of(self.api, caller, prepared, reading.media))
            if reading.guess is not None:
                return await answered(self.api, caller, table, reading.guess, reading.window)
            return await self.api.engine.run(prepared, caller.principal, caller.rights.session)
        except SchemaChanged as error:
            if prepared.plans[0].called is None or await self.api.engine.renewed(caller.rights.snapshot):
                raise
            raise outdated(error) from error
        except DatabaseError as error:
            raise translate(disclosed(error, table, caller.rights.snapshot.catalog), table.table.name) from error

    # ── kept answers ─────────────────────────────────────────────────────────────────────────

    def _known(self, request: web.Request, caller: Caller, asked: Asked) -> web.Response | None:
        """The kept answer to the same text under the same rights, before anything of it is read."""
        cache = self.api.cache
        if cache is None or request.method != "GET":
            return None
        entry = cache.recall((caller.rights, _alias(asked)))
        return None if entry is None else respond(cache, entry, request, caller.principal)

    async def _answered(
        self,
        cache: AnswerCache,
        request: web.Request,
        caller: Caller,
        asked: Asked,
        reading: Reading,
        kept: Kept,
        key: Key,
    ) -> web.Response:
        async def make() -> Rendered:
            status, body, headers = await self._made(caller, reading)
            media = headers.pop("Content-Type")
            return Rendered(body, media=media, status=status, more=headers)

        entry = cache.find(key) or await cache.fill(kept, key, make)
        ended(request, "transaction")
        if request.method == "GET":
            cache.remember(key, kept, (caller.rights, _alias(asked)))
            return respond(cache, entry, request, caller.principal)
        return _bodiless(entry.status, entry.headers)

    # ── understanding ────────────────────────────────────────────────────────────────────────

    def _reading(self, request: web.Request, caller: Caller, asked: Asked) -> Reading:
        rights = caller.rights
        key = asked.key(rights, asked.query)
        reading: Reading | None = rights.recent.get(key)
        if reading is not None:
            ended(request, "parse")
            return reading
        shape = shape_of(asked.query)
        form = None if shape is None else asked.key(rights, shape.text)
        template: Template[Reading] | None = None if form is None else rights.recent.get(form)
        if shape is not None and template is not None:
            reading = self._alike(caller, template, shape, asked)
            ended(request, "parse")
            return reading
        reading = self._understood(request, caller, asked)
        if asked.size <= LONGEST_KEPT:
            text = asked.query + "".join(asked.rest)
            template = None
            if shape is not None and reading.guess is None:
                template = Template.of(shape, reading, reading.table, reading.prepared.values)
            if template is not None and form is not None:
                rights.keep(form, text, template, reading.prepared)
            else:
                rights.keep(key, text, reading, reading.prepared)
        return reading

    def _alike(self, caller: Caller, template: Template[Reading], shape: Shape, asked: Asked) -> Reading:
        """The reading of a request that differs from a known one in plain values alone."""
        known, limits = template.made, limits_of(caller.rights)
        headers = known.headers.copy()
        headers["Content-Location"] = content_location(f"/{known.table.table.name}", split_query(asked.query, limits))
        prepared = replace(known.prepared, values=template.filled(shape))
        kept = None if known.kept is None else self._kept(caller, prepared, headers, asked)
        return replace(known, prepared=prepared, headers=headers, kept=kept)

    def _understood(self, request: web.Request, caller: Caller, asked: Asked) -> Reading:
        rights = caller.rights
        table, profile = table_asked(request, caller, asked.profile)
        if not table.may_read:
            raise translate(Forbidden(f"you may not read {table.table.name}"), table.table.name)
        preferred = preferences(asked.prefer)
        limits, rows = limits_of(rights), self._most(rights)
        read = question(asked.query, limits, legacy_targets=self.api.settings.url_use_legacy_target_names)
        media, handler = handled(rights.access.scope, table, read.root, asked.accept, offered(self.api, caller))
        wanted = window(asked.ranged, read.root.limit, read.root.offset).capped(rows)
        if wanted.offset > rights.limits.offset:
            raise LimitExceeded(f"an offset is at most {rights.limits.offset}")
        aggregates = self.api.settings.db_aggregates_enabled
        plain = handler is not None
        lowering = Lowering(
            rights.access.scope, rights.snapshot.catalog, rows, limits, aggregates, represents=not plain
        )
        lowered = lowering.read(table, read.root, wanted, count=preferred.count is not None)
        ended(request, "parse")
        guess = None if handler is not None else guess_of(self.api, caller, table, lowered, preferred, rows)
        asks = lowered if handler is None else Gathered(handler, lowered)
        prepared = self.api.engine.prepare(rights.snapshot, rights.access, asks)
        headers = CIMultiDict(
            {
                "Content-Type": media.content_type if handler is None else own_type(handler.media),
                "Content-Location": content_location(f"/{table.table.name}", split_query(asked.query, limits)),
                "Vary": VARY,
                **profile,
                **applied_header(self.api, caller, preferred, asked.method),
                **warning_header(read.legacy),
            }
        )
        # What the planner expects changes without a change of the rows.
        may_keep = handler is None and media.kind is not Kind.PLAN and guess is None
        kept = self._kept(caller, prepared, headers, asked) if may_keep else None
        return Reading(table, prepared, wanted, media, headers, kept, handler, guess)

    def _most(self, rights: Rights) -> int:
        """The most rows of any list."""
        most = rights.limits.rows
        return min(most, self.api.settings.db_max_rows or most)

    def _kept(self, caller: Caller, prepared: Prepared, headers: CIMultiDict[str], asked: Asked) -> Kept | None:
        """What is asked, where its answers are kept: all that is told of the request beside its rows is part of it."""
        if self.api.cache is None:
            return None
        roles = (*caller.principal.roles, "", *caller.rights.access.roles)
        told = (part for pair in headers.items() for part in pair)
        return self.api.cache.question(prepared, roles, "postgrest", asked.path, asked.ranged or "", *told)


def _asked(request: web.Request) -> Asked:
    headers = request.headers
    ranged = headers.get("Range") if request.method == "GET" else None
    return Asked(
        request.method,
        request.rel_url.raw_path,
        request.rel_url.raw_query_string,
        headers.get("Accept"),
        tuple(headers.getall("Prefer", ())),
        headers.get("Accept-Profile"),
        ranged,
    )


def _alias(asked: Asked) -> str:
    """The text by which a kept answer is recalled: each part ends where no part can go on."""
    return "\n".join((asked.path, asked.query, *asked.rest, str(len(asked.prefer))))


def _bodiless(status: int, headers: CIMultiDict[str]) -> web.Response:
    """The answer to HEAD."""
    return web.Response(status=status, headers=headers)


def _rows(answer: Answer, limit: int | None) -> int:
    """How many rows are in the body; one more was looked for."""
    seen = answer.seen or 0
    return seen if limit is None else min(seen, limit)
