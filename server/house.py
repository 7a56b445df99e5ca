"""What one configuration decides, in one value, and what stays when another one is put in its place.

    grounds   made once: the port, counters, sockets, captured changes, kept answers, other workers
    house     made for each configuration: the engine with its snapshot, who is calling, limits, the gate's rules, handlers

Rule: a house never changes, and a request ends in the one that it came into; so nobody is ever judged half by the old
rules and half by the new ones.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final
from uuid import uuid4

from aiohttp import web
from aiohttp.typedefs import Handler

from reflector.capture import Capture
from reflector.engine import Engine
from reflector.errors import NotSupported
from server.access import EVERYBODY, anonymous_role, database_of, largest_answer, longest_statement
from server.apis.admin import Reload, admin_routes
from server.apis.extensions import extension_routes
from server.apis.graphql import graphql_routes
from server.apis.health import Health, health_routes
from server.apis.metrics import administers, metrics_routes
from server.apis.postgrest import Refusals, postgrest_routes
from server.apis.realtime import Realtime, opaque_keys
from server.apis.resource import Within, function_routes, resource_routes
from server.apis.sign_in import sign_in_routes, with_visits
from server.apis.tokens import token_routes
from server.auth.credentials import Counted, authenticator
from server.auth.frame import Authenticator, Open
from server.binding import Binding
from server.cache.keeping import Keeping, keeping_of, named
from server.cache.others import fingerprint_of
from server.cache.rules import takes_part
from server.called import Called
from server.capturing import SharedCapture
from server.config import Complaint, Config, EffectiveLimits, limits_for
from server.context import Context
from server.extensions.loaded import NO_EXTENSIONS
from server.guard import Guard
from server.middleware.admission import UNGUARDED
from server.middleware.entrance import Entrance
from server.middleware.origins import NOBODYS
from server.openapi import docs_routes, openapi_routes
from server.pages import ASSETS
from server.rates import Buckets, Rates, SharedBuckets
from server.tallies import ToldBuckets
from server.telemetry.exposition import Exposition, Worker
from server.telemetry.figures import (
    Figures,
    SpanTally,
    cache_figures,
    capture_figures,
    configuration_figures,
    engine_figures,
    span_figures,
)
from server.telemetry.requests import Requests
from server.telling import terms_of
from server.traced import Tracing
from server.tracing import tracing_of
from server.transactions import transactions_of
from server.webhooks.courier import Courier
from server.webhooks.figures import details_of, webhook_figures

ASKS: Final = "SELECT 1"
LONGEST_VISIT: Final = 120.0
"""For how long a house is kept for those who came in before it was left; only sockets stay longer, and they move."""


@dataclass(frozen=True, slots=True, eq=False)
class House:
    """Everything that the configuration decides. `handlers` are those of `routes`, behind `entrance`."""

    config: Config
    engine: Engine
    binding: Binding
    guard: Guard
    callers: Authenticator | Open
    context: Context
    entrance: Entrance
    routes: tuple[web.RouteDef, ...]

    @property
    def traces(self) -> Tracing | None:
        """Who traces requests, None where nobody does."""
        return self.entrance.traces

    def watch(self) -> None:
        """Look at the schema from now on, as often as the configuration says."""
        if self.config.database.watch is not None:
            self.engine.watch(self.config.database.watch.total_seconds())

    async def leave(self, heir: House) -> None:
        """Wait for those who are still inside, and give back what the next house does not use."""
        try:
            await self.entrance.emptied(LONGEST_VISIT)
        finally:
            await self.callers.close()
            if self.traces is not None and heir.traces is not self.traces:
                await self.traces.close()
            if heir.engine.driver is not self.engine.driver:
                await self.engine.driver.close()


@dataclass(slots=True)
class Reading:
    """How the newest reading of the configuration went. `refused`: why it was not taken; empty where it was. `at`: when the
    one that serves was read; `taken` and `refusals` count readings after the first. `waiting`: settings that need a restart."""

    at: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    taken: int = 0
    refusals: int = 0
    refused: tuple[Complaint, ...] = ()
    waiting: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Grounds:
    """What outlives a configuration. `key` is 64 bytes for cursors, `further` are routes of somebody else's; `engine` and
    `binding` are the present ones. `doors` lead to the routes of the first house. `reload` reads the configuration again,
    None where nobody knows where it comes from. `moved` is called when another house
    serves."""

    key: bytes = field(repr=False)
    engine: Engine
    binding: Binding
    capture: Capture
    realtime: Realtime
    worker: Worker | None = None
    further: Sequence[web.RouteDef] = ()
    requests: Requests = field(default_factory=Requests)
    keeping: Keeping | None = None
    buckets: Buckets = field(default_factory=Buckets)
    counted: Counted = field(default_factory=Counted)
    shared: SharedBuckets | None = None
    reading: Reading = field(default_factory=Reading)
    reload: Reload | None = None
    moved: Callable[[], None] = lambda: None
    spans: SpanTally = field(default_factory=SpanTally)
    instance: str = field(default_factory=lambda: str(uuid4()))
    traces: Tracing | None = None
    leaving: set[asyncio.Task[None]] = field(default_factory=set)
    doors: frozenset[tuple[str, str]] = frozenset()
    house: House = field(init=False)
    courier: Courier = field(init=False)
    figures: Figures = field(init=False)
    exposition: Exposition = field(init=False)
    health: Health = field(init=False)
    heard: Capture | SharedCapture = field(init=False)

    def __post_init__(self) -> None:
        shared = None if self.worker is None else SharedCapture(self.capture, self.worker)
        self.courier = Courier(self.capture, self.binding.config, self.key, shared)
        rows = [
            *webhook_figures(self.courier),
            *engine_figures(lambda: self.engine, lambda: self.binding, time.time()),
            *capture_figures(self.capture, lambda: len(self.realtime.sockets)),
            *configuration_figures(self.reading, self.insecure),
            *span_figures(self.spans),
        ]
        self.figures = Figures(self.requests, rows)
        self.exposition = Exposition(self.figures, self.worker)
        self.health = Health(lambda: self.engine.driver.fetch(ASKS), self.degraded, self.insecure)
        self.heard = shared or self.capture

    def degraded(self) -> bool:
        """Whether less is served than is configured."""
        kept = self.keeping is not None and self.keeping.degraded
        unfit = bool(self.reading.refused or self.binding.unfit)
        return unfit or kept or self.capture.late or self.courier.degraded or self.house.callers.degraded

    def insecure(self) -> bool:
        """Whether everybody is served without a question, wherever they ask from."""
        config = self.binding.config
        return config.insecure and config.server.token is None

    def configuration(self) -> Mapping[str, Any]:
        """How the configuration is doing, for administrators: places and settings, and no values."""
        return {
            "since": self.reading.at,
            "refused": list(map(str, self.reading.refused)),
            "restart": list(self.reading.waiting),
            "closed": list(self.binding.closed),
            "exposed": list(self.binding.exposed),
        }

    async def details(self) -> Mapping[str, Any]:
        """What administrators are told beside whether the server is ready."""
        told = {"webhooks": details_of(self.courier)} if self.courier.standings else {}
        return {"changes": await self.capture.standing(), "configuration": self.configuration(), **told}

    def keep(self, config: Config, engine: Engine) -> Keeping | None:
        """What keeps answers, made when a configuration first asks for it; then it has to be started."""
        if self.keeping is not None:
            return None
        siblings = None if self.worker is None else self.worker.siblings
        statement = longest_statement(config).total_seconds()
        self.keeping = keeping_of(config, engine, database_of(config), self.key, statement, siblings)
        if self.keeping is not None:
            self.figures.rows += cache_figures(self.keeping.cache)
        return self.keeping

    async def begin(self, _: web.Application) -> None:
        """Have webhooks told, and kept answers end when rows change, for `on_startup`."""
        await self.courier.begin()
        if self.keeping is not None:
            await self.keeping.start(self.heard)

    async def end(self, _: web.Application) -> None:
        """Hear of no changes any more, for `on_cleanup`."""
        if self.keeping is not None:
            await self.keeping.close()
        await self.courier.close()
        if self.heard is not self.capture:
            await self.heard.close()
        await self.capture.close()
        if self.shared is not None:
            await self.shared.close()

    async def started(self, _: web.Application) -> None:
        """Begin the extensions, for `on_startup`; raises ConfigError where one cannot begin."""
        if self.binding.extensions is not None:
            await self.binding.extensions.start(self.fetch)

    async def stopped(self, _: web.Application) -> None:
        """End them, for `on_cleanup`."""
        if self.binding.extensions is not None:
            await self.binding.extensions.stop()

    async def fetch(self, statement: str, *values: Any) -> Sequence[Sequence[Any]]:
        """The rows of a statement, by whichever driver serves now."""
        return await self.engine.driver.fetch(statement, *values)

    def build(self, config: Config, engine: Engine, binding: Binding, guard: Guard) -> House:
        """The house of a configuration that is bound already; nobody is served by it yet."""
        cache = self.keeping.cache if self.keeping is not None and takes_part(config) else None
        told = (longest_statement(config), largest_answer(config), cache, transactions_of(config))
        callers = authenticator(config, engine, counted=self.counted)
        limits = limits_of(config)
        rates = self.rates(config, limits)
        context = Context(engine, callers, limits, self.key, *told, rates)
        called = Called(binding.extensions or NO_EXTENSIONS, Within(context))
        routes = tuple(self.routes(config, context, guard, called))
        form = Refusals(config.postgrest, config.postgrest.path.rstrip("/"), (*NOBODYS, *UNGUARDED, ASSETS))
        asked = callers if config.auth else None
        handlers = handlers_of(routes)
        self.doors = self.doors or frozenset(handlers)
        added = {place: handlers[place] for place in handlers.keys() - self.doors}
        entrance = Entrance(guard.rules, form, config.observability.requests, asked, handlers, added)
        entrance.rates, entrance.asked = rates, callers
        entrance.traces = tracing_of(config, engine.driver.kind, self.spans, self.instance, self.traces)
        return House(config, engine, binding, guard, callers, context, entrance, routes)

    def rates(self, config: Config, limits: Callable[[Sequence[str]], EffectiveLimits]) -> Rates | None:
        """Who counts requests; None where nobody's are limited."""
        said = (config.limits.rate, *(role.limits.rate for role in config.roles.values()))
        guest = anonymous_role(config)
        return Rates(limits, () if guest is None else (guest,), self.buckets, self.shared) if any(said) else None

    async def prepared(self, config: Config, engine: Engine, binding: Binding, guard: Guard) -> House:
        """The same, with all that has to run before anybody is served."""
        await self.courier.check(config, engine)
        keeping = self.keep(config, engine)
        if keeping is not None:
            await keeping.start(self.heard)
        house = self.build(config, engine, binding, guard)
        house.callers.follow(self.house.callers)
        await house.callers.start()
        return house

    def serve(self, house: House) -> None:
        """Everything that outlives a configuration serves by this one from now on. Nothing waits here."""
        self.house, self.engine, self.binding, self.traces = house, house.engine, house.binding, house.traces
        self.realtime.move(house.context)
        if self.keeping is not None:
            self.keeping.move(house.config, house.engine.snapshot, house.context.timeout.total_seconds())
        self.courier.leave(house.config)
        self.capture.follow(house.engine, terms_of(house.config))
        self.courier.join()

    def move(self, house: House) -> None:
        """The same where another one serves: who came in before ends where they began."""
        old = self.house
        self.serve(house)
        old.engine.retire()
        house.watch()
        self.moved()
        leaving = asyncio.create_task(old.leave(house), name="reflector-house-left")
        self.leaving.add(leaving)
        leaving.add_done_callback(self.leaving.discard)

    async def close(self) -> None:
        """Give the database's connections back."""
        for each in list(self.leaving):
            each.cancel()
        await asyncio.gather(*self.leaving, return_exceptions=True)
        if self.traces is not None:
            await self.traces.close()
        await self.house.engine.close()

    def routes(self, config: Config, context: Context, guard: Guard, called: Called) -> list[web.RouteDef]:
        """What is served, by whom it is answered."""
        admin = config.auth.admin_role if config.auth else None
        guarded, root = guard.rules.token is not None, config.postgrest.path.rstrip("/")
        refused = no_changes_of_rows if config.decided_by_database else None if self.worker is None else no_changes
        sockets = [web.get(path, refused) for path in ("/ws", "/ws/{table}")] if refused else self.realtime.routes()
        routes = [
            *health_routes(self.health, self.details, lambda request: administers(context, request, admin)),
            *function_routes(context, called),
            *resource_routes(context),
            *sockets,
            *graphql_routes(context, config.graphql, guarded=guarded, called=called),
            *openapi_routes(context, config, lambda: routes, guarded=guarded),
            *metrics_routes(context, self.exposition, admin),
            *admin_routes(context, self.reload, admin),
            *docs_routes(guarded=guarded),
            *token_routes(context.authenticate, config),
            *sign_in_routes(context.authenticate, config),
            *extension_routes(context, called, config),
            *self.further,
            # Last, because it may begin at the root of all.
            *postgrest_routes(context, root, config.postgrest, admin, address=config.server.url, called=called),
        ]
        return with_visits(routes, context.authenticate, config)


def grounds_of(
    key: bytes, engine: Engine, binding: Binding, worker: Worker | None, further: Sequence[web.RouteDef]
) -> Grounds:
    """The grounds of a server of this engine's database."""
    config = binding.config
    capture = Capture(engine, database_of(config), opaque_keys(key), terms_of(config))
    grounds = Grounds(key, engine, binding, capture, Realtime(capture, key), worker, further)
    if worker is not None:
        topics = (worker.siblings.topic(name) for name in (b"refusals", b"attempts"))
        grounds.counted = Counted(*map(ToldBuckets, topics))
    if config.redis is not None:
        url = database_of(config)
        prefix = f"reflector:rate:{fingerprint_of(url.kind.value, named(url))}:"
        grounds.shared = SharedBuckets(config.redis.url, prefix, grounds.buckets)
    return grounds


def handlers_of(routes: Sequence[web.RouteDef]) -> Mapping[tuple[str, str], Handler]:
    """The handlers by method and path."""
    return {(each.method, each.path): each.handler for each in routes}


def limits_of(config: Config) -> Callable[[Sequence[str]], EffectiveLimits]:
    """The limits of a set of roles, worked out once for each."""

    @lru_cache(maxsize=1024)
    def of_roles(roles: tuple[str, ...]) -> EffectiveLimits:
        return limits_for(config, [role for role in roles if role != EVERYBODY])

    return lambda roles: of_roles(tuple(roles))


async def no_changes(_: web.Request) -> web.StreamResponse:
    """Raises NotSupported: what was told is remembered by one process, and the next request may meet another."""
    raise NotSupported("changes are not told while several processes serve", hint="server.workers: 1")


async def no_changes_of_rows(_: web.Request) -> web.StreamResponse:
    """Raises NotSupported: who may hear of a row is for the database to say, and it says so of rows that are read."""
    raise NotSupported(
        "changes are not told where the database decides: nobody could say which rows of a change a caller may see",
        hint="auth.enforce: server",
    )
