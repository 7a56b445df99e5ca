"""The roads of `POST`, `PATCH`, `PUT`, `DELETE` and `OPTIONS`: rows made, changed and removed, all of them or none.

Rule: what a request says is understood as a whole before anything is written; a handler decides nothing about access.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson
from aiohttp import web

from reflector.access.disclosure import disclosed
from reflector.catalog.model import Column, Table
from reflector.datatypes import Kind as Held
from reflector.errors import DatabaseError, LimitExceeded, NotSingular, ReflectorError, SchemaChanged
from reflector.query.scope import TableScope
from reflector.query.sets import SetQuery
from reflector.sql.plan import Answer
from server.apis.postgrest.bodies import Rows, rows_of
from server.apis.postgrest.errors import translate
from server.apis.postgrest.faults import refusal
from server.apis.postgrest.grammar.nodes import Question
from server.apis.postgrest.grammar.parameters import PAGING, split_query
from server.apis.postgrest.locations import location
from server.apis.postgrest.lowering.writes import LOCATED, MERGE, Writes, primary_key, unfiltered
from server.apis.postgrest.media import Kind, Media, body_of, negotiate
from server.apis.postgrest.plans import offered, plan_of, plan_response
from server.apis.postgrest.preferences import Preferences, preferences
from server.apis.postgrest.ranges import content_range, one_row, write_status, written_range
from server.apis.postgrest.rendering import rendered
from server.apis.postgrest.roads import Api, table_asked, warning_header
from server.apis.postgrest.terms import Terms, terms_of
from server.apis.postgrest.timing import ended
from server.callers import Caller
from server.unkept import check_conditions
from server.whole import Whole

MOST_ROWS: Final = 10_000
"""Rows of one body."""
NOTHING: Final = Answer(b"[]", affected=0, inserted=0, keys=b"[]")


@dataclass(frozen=True, eq=False, slots=True)
class Wanted:
    """A write that a request asks for, before its body is looked at."""

    request: web.Request
    terms: Terms
    table: TableScope
    profile: Mapping[str, str]
    media: Media
    preferred: Preferences
    asked: Question
    writes: Writes

    @property
    def name(self) -> str:
        return self.table.table.name

    @property
    def single(self) -> bool:
        return self.media.kind is Kind.OBJECT

    @property
    def planned(self) -> bool:
        """Whether it is asked how the write would be done, and nothing is to be written."""
        return self.media.kind is Kind.PLAN


class WriteRoad:
    """Answers the methods that write to a table."""

    def __init__(self, api: Api) -> None:
        self.api = api

    async def post(self, request: web.Request, caller: Caller) -> web.Response:
        """New rows; raises PostgrestError, ReflectorError, as all of these."""
        wanted = self._wanted(request, caller)
        body = await _body(request, wanted.asked.columns)
        query = wanted.writes.insert(body)
        answer = await self._run(wanted, query if body.rows else None)
        merges = wanted.preferred.resolution == MERGE and wanted.writes.upserts
        representation = wanted.preferred.representation
        status = write_status("POST", representation=representation, inserted=answer.inserted, merges=merges)
        return self._told(wanted, answer, status, {"Content-Range": written_range(_total(wanted, answer))})

    async def put(self, request: web.Request, caller: Caller) -> web.Response:
        """One row, made or replaced at its key."""
        wanted = self._wanted(request, caller)
        pairs = split_query(request.rel_url.raw_query_string, wanted.terms.limits)
        if any(name in PAGING - {"order"} for name, _ in pairs):
            raise refusal("PGRST114", "limit/offset querystring parameters are not allowed for PUT")
        answer = await self._run(wanted, wanted.writes.put(await _body(request, None)))
        representation = wanted.preferred.representation
        return self._told(
            wanted, answer, write_status("PUT", representation=representation, inserted=answer.inserted), {}
        )

    async def patch(self, request: web.Request, caller: Caller) -> web.Response:
        """Rows changed alike."""
        wanted = self._wanted(request, caller)
        query = wanted.writes.update(await _body(request, wanted.asked.columns))
        if query is not None:
            self._filtered(wanted, "UPDATE")
        answer = await self._run(wanted, query)
        ranged = content_range(0, _rows(wanted, answer), _total(wanted, answer))
        status = write_status("PATCH", representation=wanted.preferred.representation)
        return self._told(wanted, answer, status, {"Content-Range": ranged})

    async def delete(self, request: web.Request, caller: Caller) -> web.Response:
        """Rows removed."""
        wanted = self._wanted(request, caller)
        query = wanted.writes.delete()
        self._filtered(wanted, "DELETE")
        answer = await self._run(wanted, query)
        status = write_status("DELETE", representation=wanted.preferred.representation)
        return self._told(wanted, answer, status, {"Content-Range": written_range(_total(wanted, answer))})

    async def options(self, request: web.Request, caller: Caller) -> web.Response:
        """What can be done with the table, by whomever."""
        table, profile = table_asked(request, caller, request.headers.get("Accept-Profile"))
        ended("parse")
        return web.Response(headers={"Allow": ",".join(methods(table.table)), **profile})

    # ── what is asked ────────────────────────────────────────────────────────────────────────

    def _wanted(self, request: web.Request, caller: Caller) -> Wanted:
        check_conditions(request)
        table, profile = table_asked(request, caller, request.headers.get("Content-Profile"))
        media = negotiate(request.headers.get("Accept"), offered(self.api, caller))
        preferred = preferences(request.headers.getall("Prefer", ()))
        terms, rights = terms_of(self.api, caller), caller.rights
        asked = terms.question(request.rel_url.raw_query_string)
        clock = terms.clock(preferred)
        lowering = terms.lowering(clock, clock.form(media.planned if media.kind is Kind.PLAN else media.kind))
        closed = rights.snapshot.permissions is None and not rights.snapshot.writable
        writes = Writes(lowering, table, asked, preferred, media.kind is Kind.OBJECT, closed, rights.limits.affected)
        return Wanted(request, terms, table, profile, media, preferred, asked, writes)

    def _filtered(self, wanted: Wanted, verb: str) -> None:
        if not wanted.asked.root.where and not self.api.settings.allow_unfiltered_writes:
            raise unfiltered(wanted.name, verb)

    # ── the write ────────────────────────────────────────────────────────────────────────────

    async def _run(self, wanted: Wanted, query: SetQuery | None) -> Answer:
        """The write, or nothing for None. Whatever is wrong takes all of it back."""
        ended("parse")
        if query is None:
            if wanted.single:
                raise one_row(0)
            return NOTHING
        caller, table = wanted.terms.caller, wanted.table
        rights = caller.rights
        try:
            prepared = self.api.engine.prepare(rights.snapshot, rights.access, query)
            ended("plan")
            if wanted.planned:
                return Answer(await plan_of(self.api, caller, prepared, wanted.media))
            answer = await self.api.engine.run(prepared, caller.principal, rights.session)
        except SchemaChanged:
            raise
        except NotSingular as error:
            raise one_row(error.found) from error
        except DatabaseError as error:
            raise translate(disclosed(error, table, rights.snapshot.catalog), wanted.name) from error
        except ReflectorError as error:
            raise translate(error, wanted.name) from error
        ended("transaction")
        return answer

    # ── the answer ───────────────────────────────────────────────────────────────────────────

    def _told(self, wanted: Wanted, answer: Answer, status: int, headers: Mapping[str, str]) -> web.Response:
        if wanted.planned:
            return plan_response(wanted.request, wanted.media, answer.body or b"", wanted.profile)
        every = {**headers, **wanted.profile, **_applied(wanted), **_location(wanted, answer)}
        if not wanted.preferred.representation:
            return web.Response(status=status, headers=every)
        every |= {"Content-Type": wanted.media.content_type, **warning_header(wanted.asked.legacy)}
        body = answer.body or b"[]"
        rows = _documents(body)
        if wanted.single and rows != 1:
            # The one row was written, and its writer may not see it as it is now.
            return web.Response(status=status, headers=every)
        return Whole(status=status, headers=every, body=rendered(body, rows, wanted.media))


async def _body(request: web.Request, columns: tuple[str, ...] | None) -> Rows:
    """The rows that were sent; raises PostgrestError, LimitExceeded."""
    written_in = body_of(request.headers.get("Content-Type"))
    rows = rows_of(await request.read(), written_in, columns)
    if len(rows.rows) > MOST_ROWS:
        raise LimitExceeded(f"at most {MOST_ROWS} rows are written at once")
    return rows


def methods(table: Table) -> list[str]:
    """The methods that a table has, whoever asks."""
    possible = {
        "POST": table.insertable,
        "PUT": table.insertable and table.updatable and table.primary_key is not None,
        "PATCH": table.updatable,
        "DELETE": table.deletable,
    }
    return ["OPTIONS", "GET", "HEAD", *(method for method, offered in possible.items() if offered)]


def _applied(wanted: Wanted) -> Mapping[str, str]:
    upserts = wanted.writes.upserts
    return wanted.terms.applied(wanted.preferred, wanted.request.method, upserts=upserts, inserts=True)


def _total(wanted: Wanted, answer: Answer) -> int | None:
    return None if wanted.preferred.count is None else answer.affected


def _documents(body: bytes) -> int:
    return len(orjson.loads(body))


def _rows(wanted: Wanted, answer: Answer) -> int:
    """How many rows are told of: those in the body, else those that were written."""
    if wanted.preferred.representation and answer.body is not None and not wanted.planned:
        return _documents(answer.body)
    return answer.affected or 0


def _location(wanted: Wanted, answer: Answer) -> Mapping[str, str]:
    """Location of the first new row, where its headers alone are wanted and its key may be known."""
    key = primary_key(wanted.table.table)
    if wanted.request.method != "POST" or wanted.preferred.returning != LOCATED:
        return {}
    keys = orjson.loads(answer.keys or b"[]")
    if not keys or not key or not key.keys() <= wanted.table.readable.keys():
        return {}
    values = [(name, _text(column, value)) for (name, column), value in zip(key.items(), keys[0], strict=True)]
    found = location(f"/{wanted.name}", values)
    return {} if found is None else {"Location": found}


def _text(column: Column, value: object) -> str | None:
    if column.type.kind is Held.BYTES and isinstance(value, str):
        return "\\x" + base64.b64decode(value).hex()
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()
