"""The road of `GET` and `HEAD`: a question understood, asked and answered with its range.

Rule: a handler decides nothing about access.
"""

from __future__ import annotations

from aiohttp import hdrs, web
from multidict import CIMultiDict

from reflector.access.disclosure import disclosed
from reflector.errors import DatabaseError, SchemaChanged
from reflector.sql.plan import Answer
from server.apis.postgrest.calling import outdated
from server.apis.postgrest.counting import answered
from server.apis.postgrest.errors import translate
from server.apis.postgrest.media import Kind
from server.apis.postgrest.plans import plan_of, plan_response
from server.apis.postgrest.ranges import content_range, read_status
from server.apis.postgrest.rendering import rendered
from server.apis.postgrest.roads import Api
from server.apis.postgrest.timing import ended
from server.apis.postgrest.understanding import Asked, Asking, Understanding, asked_by
from server.cache.answers import AnswerCache, Rendered
from server.cache.conditions import respond
from server.cache.question import Key
from server.cache.question import Question as Kept
from server.callers import Caller
from server.whole import Whole


class ReadRoad:
    """Answers `GET` and `HEAD` of a table."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.understanding = Understanding(api)

    async def table(self, request: web.Request, caller: Caller) -> web.Response:
        """The rows that a request asks for; raises PostgrestError, ReflectorError."""
        asked, cache = asked_by(request), self.api.cache
        known = None if cache is None else self._known(cache, request, caller, asked)
        if known is not None:
            return known
        asking = self.understanding.of(request, caller, asked)
        ended("plan")
        if asking.reading.media.kind is Kind.PLAN:
            return await self._planned(request, caller, asking)
        kept = asking.kept
        if cache is not None and kept is not None:
            key = kept.key(asking.prepared.values, caller.principal)
            if key is not None:
                return await self._answered(cache, request, caller, asked, asking, kept, key)
        status, body, headers = await self._made(caller, asking)
        ended("transaction")
        if request.method == "HEAD":
            return _bodiless(status, headers)
        return Whole.over(body, status, headers)

    async def _made(self, caller: Caller, asking: Asking) -> tuple[int, bytes, CIMultiDict[str]]:
        """Status, body and headers, asked of the database."""
        answer, reading = await self._run(caller, asking), asking.reading
        offset, limit = reading.window.offset, reading.window.limit
        rows = _rows(answer, limit)
        status = read_status(offset, rows, answer.total)
        headers = asking.headers
        headers[hdrs.CONTENT_RANGE] = content_range(offset, rows, answer.total)
        if reading.handler is not None:
            return status, answer.body or b"", headers
        return status, rendered(answer.body or b"[]", rows, reading.media), headers

    async def _planned(self, request: web.Request, caller: Caller, asking: Asking) -> web.Response:
        """The plan of a read, which is never kept."""
        answer = await self._run(caller, asking)
        ended("transaction")
        return plan_response(request, asking.reading.media, answer.body or b"", asking.headers)

    async def _run(self, caller: Caller, asking: Asking) -> Answer:
        reading, prepared = asking.reading, asking.prepared
        table = reading.table
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

    def _known(self, cache: AnswerCache, request: web.Request, caller: Caller, asked: Asked) -> web.Response | None:
        """The kept answer to the same text under the same rights, before anything of it is read."""
        if request.method != "GET":
            return None
        entry = cache.recall((caller.rights, _alias(asked)))
        return None if entry is None else respond(cache, entry, request, caller.principal)

    async def _answered(
        self,
        cache: AnswerCache,
        request: web.Request,
        caller: Caller,
        asked: Asked,
        asking: Asking,
        kept: Kept,
        key: Key,
    ) -> web.Response:
        async def make() -> Rendered:
            status, body, headers = await self._made(caller, asking)
            media = headers.pop("Content-Type")
            return Rendered(body, media=media, status=status, more=headers)

        entry = cache.find(key) or await cache.fill(kept, key, make)
        ended("transaction")
        if request.method == "GET":
            cache.remember(key, kept, (caller.rights, _alias(asked)))
            return respond(cache, entry, request, caller.principal)
        return _bodiless(entry.status, entry.headers)


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
