"""A request, sent through the very routes of the server, and held back before the database hears of it.

    'GET /api/book?price__lt=12' · 'GET /rest/v1/book?price=lt.12' · 'POST /graphql { book { title } }'
      ─► the API's own handler ─► what it asks of the engine ─► held

Rule: whatever the request is, nothing of it is carried out; what is told of it is what the API asked, to the letter.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import aiohttp
from aiohttp import web
from yarl import URL

from reflector.access.principal import Principal
from reflector.catalog.model import Function
from reflector.datatypes import Value
from reflector.drivers.protocol import PLAIN, Session
from reflector.engine import Engine, Prepared
from reflector.errors import InternalError, InvalidRequest, NotSupported, ReflectorError, Unauthenticated
from reflector.query.sets import AnyQuery
from reflector.snapshot import Access, Snapshot
from reflector.sql.plan import Answer
from server.access import largest_answer, limits_of, longest_statement
from server.apis.graphql import graphql_routes
from server.apis.postgrest import postgrest_routes
from server.apis.resource import Within, function_routes, resource_routes
from server.app import cursor_key
from server.called import Called
from server.callers import Caller
from server.config import Config
from server.context import Context, Credential
from server.extensions.loaded import NO_EXTENSIONS
from server.transactions import transactions_of

METHODS: Final = ("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE")
GRAPHQL: Final = ("/graphql", "/v1/graphql")
SHOWN: Final = 500
"""Letters of an answer that is told where nothing was asked of the database."""
FORM: Final = "a request is written 'GET /api/table?…', with its body behind the address where it has one"


@dataclass(frozen=True, slots=True)
class Sent:
    """A request, taken apart."""

    method: str
    address: str
    body: str | None
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Held:
    """Something that was asked of the engine."""

    query: AnyQuery
    prepared: Prepared


HELD_BACK: Final = InternalError("held back")
"""It is known what was asked, and that is enough."""


class HoldingEngine(Engine):
    """An engine over another one's snapshot that prepares everything and runs nothing."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.driver, engine.make_snapshot, engine.overlay, engine.observe, engine.clock)
        self.dialect, self.snapshot = engine.dialect, engine.snapshot
        self.held: list[Held] = []
        self._queries: dict[int, AnyQuery] = {}

    def prepare(self, snapshot: Snapshot, access: Access, query: AnyQuery) -> Prepared:
        prepared = super().prepare(snapshot, access, query)
        self._queries[id(prepared.plans)] = query
        return prepared

    async def run(self, prepared: Prepared, principal: Principal, session: Session = PLAIN) -> Answer:
        return await self.hold((prepared,))

    async def run_all(
        self, prepared: Sequence[Prepared], principal: Principal, session: Session = PLAIN, *, done: list[Answer]
    ) -> None:
        await self.hold(prepared)

    async def hold(self, prepared: Sequence[Prepared]) -> Answer:
        """Note what is to be run; raises HELD_BACK."""
        self.held += [Held(self._queries[id(each.plans)], each) for each in prepared]
        raise HELD_BACK


@dataclass(slots=True)
class Certain:
    """Tells that every request is this caller's."""

    principal: Principal
    challenges: tuple[str, ...] = ()

    def __call__(self, request: web.BaseRequest) -> Principal:
        return self.principal

    def waiting(self, request: web.BaseRequest) -> Awaitable[None] | None:
        return None

    def carried(self, request: web.BaseRequest) -> Credential | None:
        return None

    async def proved(self, credential: Credential, request: web.BaseRequest) -> Principal:
        raise Unauthenticated("nobody proves anything here")

    def joined(self, token: str, held: Credential | None) -> Credential:
        return Credential("bearer", token)


@dataclass(slots=True)
class Refused:
    """What a handler raised."""

    faults: list[ReflectorError] = field(default_factory=list)

    @web.middleware
    async def __call__(self, request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            response: web.StreamResponse = await handler(request)
        except ReflectorError as fault:
            if fault is not HELD_BACK:
                self.faults.append(fault)
            return web.Response(status=500)
        return response


def taken_apart(request: str, headers: Sequence[str] = ()) -> Sent:
    """The parts of `METHOD /address body`; raises InvalidRequest. Of GraphQL the document may stand alone."""
    method, _, rest = request.strip().partition(" ")
    address, _, body = rest.strip().partition(" ")
    if method not in METHODS or not address.startswith("/"):
        raise InvalidRequest(FORM, hint=None if method in METHODS else f"METHOD is one of {', '.join(METHODS)}")
    given = dict(_header(each) for each in headers)
    text = body.strip() or None
    if text is not None:
        given.setdefault("Content-Type", "application/json")
        if address.partition("?")[0] in GRAPHQL and not _is_json(text):
            text = json.dumps({"query": text})
    return Sent(method, address, text, given)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise InvalidRequest("a header is written 'Name: value'")
    return name.strip(), value.strip()


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


class Unexplained(Called):
    """Calls nothing: what code would ask is known once it has run."""

    async def call(self, caller: Caller, function: Function, values: Mapping[str, Value]) -> bytes | None:
        raise NotSupported(f"{function.name} is code of an extension, which is not run to be explained")


async def held_back(engine: Engine, config: Config, sent: Sent, principal: Principal) -> Sequence[Held]:
    """What the request asks of the database; raises what it is refused with, and InvalidRequest where it asks nothing."""
    holding, refused = HoldingEngine(engine), Refused()
    told = (longest_statement(config), largest_answer(config), None, transactions_of(config))
    context = Context(holding, Certain(principal), limits_of(config), cursor_key(config), *told)
    root, called = config.postgrest.path.rstrip("/"), Unexplained(NO_EXTENSIONS, Within(context))
    app = web.Application(middlewares=[refused.__call__], client_max_size=config.server.body)
    app.add_routes(
        [
            *function_routes(context, called),
            *resource_routes(context),
            *graphql_routes(context, config.graphql, guarded=False, called=called),
            *postgrest_routes(context, root, config.postgrest, None, address=config.server.url, called=called),
        ]
    )
    status, text = await _answered(app, sent)
    if holding.held:
        return holding.held
    if refused.faults:
        raise refused.faults[0]
    what = f"it is answered {status}" + (f": {text[:SHOWN]}" if text else "")
    raise InvalidRequest(f"the request asks nothing of the database: {what}")


async def _answered(app: web.Application, sent: Sent) -> tuple[int, str]:
    """Status and body of the answer, through a socket that nobody else sees."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        with TemporaryDirectory(prefix="reflector-") as folder:
            socket = str(Path(folder, "explain"))
            await web.UnixSite(runner, socket).start()
            async with (
                aiohttp.ClientSession(connector=aiohttp.UnixConnector(socket)) as session,
                session.request(
                    sent.method,
                    URL(f"http://localhost{sent.address}", encoded=True),
                    data=None if sent.body is None else sent.body.encode(),
                    headers=sent.headers,
                    allow_redirects=False,
                ) as response,
            ):
                return response.status, await response.text()
    finally:
        await runner.cleanup()
