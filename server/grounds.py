"""What stays when another configuration is put in the place of the one before, and how that is done.

    grounds   made once: the port, counters, sockets, captured changes, kept answers, other workers
    house     made for each configuration: the engine with its snapshot, who is calling, limits, the gate's rules, handlers

Rule: nothing waits between the house that served and the one that serves; who came in before ends where they began.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

from aiohttp import web

from reflector.capture import Capture
from reflector.engine import Engine
from server.access import database_of, longest_statement
from server.apis.admin import Reload
from server.apis.health import Health
from server.apis.realtime import Realtime, opaque_keys
from server.auth.credentials import Counted
from server.binding import Binding
from server.cache.keeping import Keeping, keeping_of, named
from server.cache.others import fingerprint_of
from server.capturing import SharedCapture
from server.config import Complaint, Config
from server.house import House
from server.rates import Buckets, SharedBuckets
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
from server.webhooks.courier import Courier
from server.webhooks.figures import details_of, webhook_figures

ASKS: Final = "SELECT 1"


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
        """The rows of a statement that may only read, by whichever driver serves now."""
        return await self.engine.driver.read(statement, *values)

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
