"""The road of `/rpc/{function}`: a function of the database found, called, and what it gives answered.

`GET` and `HEAD` call it in a read-only transaction, with arguments from the query string, where what has an operator is a
filter; `POST` with arguments from the body.

Rule: a function that the caller may not call is told like one that is not there; what is wrong with an answer takes back
what the function did.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson
from aiohttp import web

from reflector.catalog.model import DatabaseKind, Function
from reflector.errors import Forbidden, NotSingular, ReadOnlyDatabase, ReflectorError, SchemaChanged
from reflector.query.calls import Call
from reflector.query.forms import USUAL
from reflector.query.nodes import Read
from reflector.query.scope import Scope
from reflector.sql.plan import Answer
from server.apis.postgrest.beside import answer_beside
from server.apis.postgrest.bodies import form_pairs, read_json
from server.apis.postgrest.csv_text import csv_of
from server.apis.postgrest.errors import translate
from server.apis.postgrest.exact_json import read, without_nulls, written
from server.apis.postgrest.faults import PostgrestError, refusal
from server.apis.postgrest.grammar.nodes import Question, Star
from server.apis.postgrest.grammar.parameters import split_query
from server.apis.postgrest.handlers import handled
from server.apis.postgrest.locations import content_location
from server.apis.postgrest.lowering.calls import Sent, arguments_of, function_of, given_texts
from server.apis.postgrest.lowering.reads import Lowering
from server.apis.postgrest.lowering.tables import schema_of
from server.apis.postgrest.media import ANY, Body, Kind, Media, accepted, body_of, negotiate, own_type
from server.apis.postgrest.plans import offered, plan_of, plan_response
from server.apis.postgrest.preferences import Preferences, preferences
from server.apis.postgrest.procedures import check_procedure
from server.apis.postgrest.raised import spoken
from server.apis.postgrest.ranges import Window, content_range, one_row, read_status, window
from server.apis.postgrest.rendering import rendered
from server.apis.postgrest.roads import Api, last_name, profile_header, warning_header
from server.apis.postgrest.terms import Terms, terms_of
from server.apis.postgrest.timing import ended
from server.called import Called
from server.callers import Caller
from server.transactions import hoisted
from server.unkept import check_conditions

READING: Final = frozenset({"GET", "HEAD"})
METHODS: Final = READING | {"POST", "OPTIONS"}
READS: Final = "OPTIONS,GET,HEAD,POST"
WRITES: Final = "OPTIONS,POST"


@dataclass(frozen=True, eq=False, slots=True)
class Calling:
    """A call that was understood. `media` None answers a value as it is, of the function's own type."""

    terms: Terms
    function: Function
    call: Call
    asked: Question
    window: Window
    media: Media | None
    preferred: Preferences

    @property
    def planned(self) -> Media | None:
        """The media type of the plan that is wanted instead of what the function gives."""
        return self.media if self.media is not None and self.media.kind is Kind.PLAN else None

    @property
    def zoned(self) -> bool:
        """Whether values are answered whose clock is ours to choose."""
        return self.media is not None and self.call.handler is None


class CallRoad:
    """Answers every method of a function."""

    def __init__(self, api: Api, called: Called | None) -> None:
        self.api = api
        self.called = called

    async def answer(self, request: web.Request, caller: Caller) -> web.Response:
        """What the function gives; raises PostgrestError, ReflectorError."""
        if request.method not in METHODS:
            raise refusal("PGRST101", f"Cannot use the {request.method} method on RPC")
        catalog = caller.rights.snapshot.catalog
        beside = caller.rights.access.scope.beside.get(last_name(request))
        if catalog.kind is DatabaseKind.SQLITE and beside is None:
            raise refusal("PGRST127", "Feature not implemented", "SQLite has no functions that could be called")
        profile = "Content-Profile" if request.method == "POST" else "Accept-Profile"
        schema = schema_of(catalog.schemas, request.headers.get(profile), catalog.kind)
        headers = profile_header(catalog.schemas, schema)
        if beside is not None and self.called is not None and beside.schema == schema:
            return await answer_beside(request, caller, self.called, beside, headers)
        if request.method == "OPTIONS":
            ended("parse")
            return web.Response(headers={"Allow": self._allowed(caller, schema, last_name(request)), **headers})
        calling = await self._calling(request, caller, schema)
        ended("parse")
        answer = await self._run(request, caller, calling)
        ended("transaction")
        return self._told(request, calling, answer, headers)

    def _allowed(self, caller: Caller, schema: str, name: str) -> str:
        """The methods of all functions of that name."""
        scope = caller.rights.access.scope
        found = scope.functions.get((schema, name)) or (function_of(scope, schema, name, Sent({}, texts=True)),)
        return WRITES if all(each.changes for each in found) else READS

    # ── what is asked ────────────────────────────────────────────────────────────────────────

    async def _calling(self, request: web.Request, caller: Caller, schema: str) -> Calling:
        terms, scope = terms_of(self.api, caller), caller.rights.access.scope
        reads = request.method in READING
        if not reads:
            check_conditions(request)
        asked = terms.question(request.rel_url.raw_query_string, function=reads)
        sent = Sent(given_texts(asked.arguments), texts=True) if reads else await _sent(request, asked)
        preferred = preferences(request.headers.getall("Prefer", ()))
        function = function_of(scope, schema, last_name(request), sent)
        media, handler = _media(request, scope, function, asked, offered(self.api, caller))
        page = terms.within(_page(request, function, asked, media))
        clock = terms.clock(preferred)
        form = USUAL if media is None or handler is not None else clock.form(media.kind)
        lowering = terms.lowering(clock, form, represents=handler is None)
        call = Call(
            function,
            arguments_of(function, sent, clock),
            _read(lowering, function, asked, page, counted=preferred.count is not None),
            read_only=reads,
            exactly_one=function.returns_set and media is not None and media.kind is Kind.OBJECT,
            bare=media is None,
            most=_most(function, preferred),
            handler=handler,
            form=form if function.procedure else None,
        )
        return Calling(terms, function, call, asked, page, media, preferred)

    # ── the call ─────────────────────────────────────────────────────────────────────────────

    async def _run(self, request: web.Request, caller: Caller, calling: Calling) -> Answer:
        rights, engine = caller.rights, self.api.engine
        try:
            prepared = engine.prepare(rights.snapshot, rights.access, calling.call)
            ended("plan")
            if calling.planned is not None:
                return Answer(await plan_of(self.api, caller, prepared, calling.planned))
            session = hoisted(rights.session, calling.function, self.api.settings.db_hoisted_tx_settings)
            return await engine.run(prepared, caller.principal, session)
        except SchemaChanged:
            raise
        except NotSingular as error:
            raise one_row(error.found) from error
        except ReadOnlyDatabase as error:
            raise refusal("25006", "cannot change anything in a read-only transaction") from error
        except ReflectorError as error:
            raise spoken(error) or translate(error) from error

    # ── the answer ───────────────────────────────────────────────────────────────────────────

    def _told(self, request: web.Request, calling: Calling, answer: Answer, headers: Mapping[str, str]) -> web.Response:
        if calling.planned is not None:
            return plan_response(request, calling.planned, answer.body or b"", headers)
        applied = calling.terms.applied(calling.preferred, request.method, function=True, zoned=calling.zoned)
        every = {**headers, **applied, **warning_header(calling.asked.legacy)}
        if answer.body is None and calling.call.read is None:
            return web.Response(status=204, headers=every)
        body, rows, type_ = _body(calling, answer)
        total = None
        if calling.preferred.count is not None:
            total = answer.seen if calling.function.procedure else answer.total
        every["Content-Type"] = type_
        every["Content-Range"] = content_range(calling.window.offset, rows, total)
        if request.method in READING:
            pairs = split_query(request.rel_url.raw_query_string, calling.terms.limits)
            every["Content-Location"] = content_location(f"/rpc/{calling.function.name}", pairs)
        status = read_status(calling.window.offset, rows, total)
        return web.Response(status=status, headers=every, body=None if request.method == "HEAD" else body)


# ── the request ──────────────────────────────────────────────────────────────────────────────


async def _sent(request: web.Request, asked: Question) -> Sent:
    """What a body holds; raises PostgrestError PGRST102."""
    written_in = body_of(request.headers.get("Content-Type"), function=True)
    body = await request.read()
    match written_in:
        case Body.JSON:
            value = read_json(body) if body.strip() else {}
            named = _first(value)
            mixed = asked.columns is None and isinstance(value, list) and not _alike(value)
            if asked.columns is not None:
                named = {name: named[name] for name in asked.columns if name in named}
            return Sent(named, texts=False, written_in=written_in, whole=value, mixed=mixed)
        case Body.FORM:
            return Sent(given_texts(form_pairs(body)), texts=True, written_in=written_in)
        case Body.OCTETS:
            return Sent({}, texts=False, written_in=written_in, whole=body)
        case Body.TEXT | Body.XML:
            return Sent({}, texts=False, written_in=written_in, whole=_text(body))
        case _:
            raise refusal("PGRST102", f"Content-Type not acceptable: {written_in.value}")


def _page(request: web.Request, function: Function, asked: Question, media: Media | None) -> Window:
    """Which of the function's rows; a procedure has one. Raises what is wrong with a call of a procedure."""
    ranged = request.headers.get("Range") if request.method == "GET" else None
    page = window(ranged, asked.root.limit, asked.root.offset)
    if function.procedure:
        check_procedure(request.method, asked, media)
        return Window()
    return page


def _first(value: Any) -> Mapping[str, Any]:
    """The arguments of a body: its members, or those of the first object of an array."""
    first = value[0] if isinstance(value, list) and value else value
    return first if isinstance(first, dict) else {}


def _alike(items: Sequence[Any]) -> bool:
    """Whether they are objects with the same members."""
    return all(isinstance(each, dict) and each.keys() == items[0].keys() for each in items)


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise refusal("PGRST102", "The body is not UTF-8") from None


def _media(
    request: web.Request, scope: Scope, function: Function, asked: Question, offered: Container[Kind]
) -> tuple[Media | None, Function | None]:
    """The type of the answer, None where the function's value has one of its own; and the aggregate that answers in one
    of its own."""
    accept = request.headers.get("Accept")
    if function.media is None:
        rows = None if function.scalar else scope.rows_of(function)
        return (negotiate(accept, offered), None) if rows is None else handled(scope, rows, asked.root, accept, offered)
    group = f"{function.media.partition('/')[0]}/*"
    if function.media == ANY or any(each.type in {ANY, group, function.media} for each in accepted(accept)):
        return None, None
    raise refusal("PGRST107", f"None of these media types are available: {accept}")


def _read(lowering: Lowering, function: Function, asked: Question, page: Window, *, counted: bool) -> Read | None:
    """What is asked of the function's rows; raises PostgrestError 42501 where nothing of them may be read."""
    if function.rows is None or function.procedure:
        return None
    rows = lowering.scope.rows_of(function)
    if rows is None:
        raise translate(Forbidden(f"you may not read {function.rows.name}"), function.rows.name)
    level = replace(asked.root, selected=(Star(),)) if function.scalar else asked.root
    return lowering.read(rows, level, page, count=counted)


def _most(function: Function, preferred: Preferences) -> int | None:
    """The most rows that may be given, where the client insists; raises PostgrestError PGRST128."""
    if not preferred.strict or preferred.max_affected is None:
        return None
    if not function.returns_set:
        message = "Function must return SETOF or TABLE when max-affected preference is used with handling=strict"
        raise refusal("PGRST128", message)
    return preferred.max_affected


def outdated(error: SchemaChanged) -> PostgrestError:
    """What is told where the schema is as it was read: the function itself asks for what is not there."""
    return refusal(error.sqlstate or "XX000", "the function asks for something that the database does not have")


# ── what was given ───────────────────────────────────────────────────────────────────────────


def _body(calling: Calling, answer: Answer) -> tuple[bytes, int, str]:
    """The answer's body, its rows and its Content-Type."""
    function, media = calling.function, calling.media
    if media is None:
        return answer.body or b"", 1, own_type(function.media)
    body, limit = answer.body or b"[]", calling.window.limit
    seen = answer.seen or 0
    rows = seen if limit is None else min(seen, limit)
    if function.procedure and rows < seen:
        body = written(read(body)[:rows])  # all of them were measured as they came
    if media.kind is Kind.CSV and function.scalar:
        return csv_of(_as_rows(body, function.name)), rows, media.content_type
    if calling.call.handler is not None:
        return answer.body or b"", rows, own_type(calling.call.handler.media)
    if function.returns_set:
        return _stripped(body, rows, media, function), rows, media.content_type
    if media.kind is Kind.CSV:
        return csv_of(body), rows, media.content_type
    inner = body.strip()[1:-1].strip() or b"null"
    return without_nulls(inner) if media.stripped and not function.scalar else inner, rows, media.content_type


def _stripped(body: bytes, rows: int, media: Media, function: Function) -> bytes:
    """A set as the type wants it; values have no members that could be null."""
    return rendered(body, rows, replace(media, stripped=False) if function.scalar else media)


def _as_rows(body: bytes, name: str) -> bytes:
    """Values as rows of one column."""
    return orjson.dumps([{name: value} for value in orjson.loads(body)])
