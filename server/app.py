"""Composition: from a configuration to a server that runs, and to its orderly end.

Rule: what is made once is put together here, and what a configuration decides in `house`; the parts know nothing of one
another but what they are handed there.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final, cast

from aiohttp import web
from aiohttp.typedefs import Middleware
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from reflector.capture import Capture
from reflector.drivers import open_driver
from reflector.engine import Engine
from reflector.errors import CatalogError, ConnectionRefused
from server.access import database_of, observe, overlay_of, settings_of
from server.apis.admin import Reload
from server.apis.health import Health, health_routes
from server.binding import Binding, misfits
from server.building import build
from server.cache.keeping import Keeping
from server.config import Complaint, Config, ConfigError, Position
from server.config.watching import Mark
from server.connection import Listener
from server.context import Context
from server.database_settings import informed
from server.extensions import load_extensions
from server.grounds import Grounds, grounds_of
from server.guard import Guard, guard_of, rules_of_figures
from server.house import House
from server.middleware.entrance import Entrance, door
from server.middleware.gate import gate
from server.middleware.ways import Route, Serve, Ways
from server.notified import Notified
from server.reloading import Read, Reloading
from server.telemetry.exposition import Worker
from server.telemetry.listener import FigureListener
from server.telemetry.requests import Requests
from server.unix_socket import Listened, listening

LOG: Final = logging.getLogger("reflector.server")
DRAIN_SECONDS: Final = 6.0
"""How long requests under way may take to end, and then to be cancelled: twice this is well below 15 s."""


@dataclass(frozen=True, slots=True)
class Again:
    """How a configuration is read again. `started` is what `read` gave at the start. `files` are looked at, as they were
    before that; None where somebody else looks. `ordered` makes of reading again what an administrator orders. `late`: it is
    to be read again as soon as it serves."""

    read: Read
    started: Config
    files: Mapping[Path, Mark] | None = None
    ordered: Callable[[Reload], Reload] = lambda reload: reload
    late: bool = False


@dataclass(slots=True)
class Running:
    """A server that listens. `port` is the one it got; `listened` its own socket in the file system, where it has one."""

    parts: Assembly
    runner: web.AppRunner
    listener: Listener
    sockets: asyncio.Server = field(init=False)
    port: int = 0
    listened: Listened | None = None

    @property
    def config(self) -> Config:
        """What is in force now."""
        return self.parts.house.config

    @property
    def engine(self) -> Engine:
        return self.parts.house.engine

    @property
    def binding(self) -> Binding:
        return self.parts.house.binding

    @property
    def guard(self) -> Guard:
        return self.parts.house.guard

    @property
    def app(self) -> web.Application:
        return self.parts.app

    @property
    def health(self) -> Health:
        return self.parts.grounds.health

    @property
    def keeping(self) -> Keeping | None:
        return self.parts.grounds.keeping

    @property
    def reloading(self) -> Reloading | None:
        return self.parts.reloading

    @property
    def figures(self) -> FigureListener:
        return self.parts.figures

    async def stop(self) -> None:
        """Take no more, let what is under way end, and give the database's connections back."""
        self.health.draining = True
        self.sockets.close()
        if self.listened is not None:
            self.listened.close()
        await self.runner.cleanup()
        self.listener.close()
        await self.parts.close()


async def start(
    config: Config,
    *,
    strict: bool = False,
    routes: Sequence[web.RouteDef] = (),
    worker: Worker | None = None,
    again: Again | None = None,
) -> Running:
    """Connect, bind, listen. `routes` are further ones, behind the same gate. `worker`: which of several processes.
    `again`: how to read the configuration again.

    Raises ConnectionRefused where the database cannot be reached, ConfigError where the configuration does not fit it,
    and OSError where the address cannot be listened on.
    """
    config = await informed(config)
    if again is not None:
        again = replace(
            again, started=again.started.model_copy(update={"postgrest": config.postgrest, "said": config.said})
        )
    context = tls_context(config)
    guard = guard_of(config)
    binding = Binding(config, strict)
    engine = await engine_of(config, binding)
    try:
        parts = assembled(config, engine, binding, guard, routes, worker, again)
        running = await _set_up(parts)
        await _listen(running, context, worker)
    except BaseException:
        await engine.close()
        raise
    parts.house.watch()
    if parts.reloading is not None and again is not None and again.files is not None:
        parts.reloading.watch(again.files)
    parts.notified.begin()
    return running


async def engine_of(config: Config, binding: Binding, *, writable: bool | None = None) -> Engine:
    """The engine of the configured database, with its first snapshot; raises ConnectionRefused and ConfigError.

    `writable` None: the database refuses writes where the configuration opens nothing to be written.
    """
    if binding.extensions is None:
        binding.extensions = await asyncio.to_thread(load_extensions, config)
    settings = settings_of(config)
    driver = open_driver(database_of(config), settings if writable is None else replace(settings, writable=writable))
    try:
        observer = binding.extensions.observing(observe)
        return await Engine.start(driver, binding.snapshot, overlay_of(config), observe=observer)
    except ConnectionRefused:
        raise
    except CatalogError as error:
        raise misfits(error, config) from error


@dataclass(slots=True)
class Assembly:
    """All parts, put together, before anything runs."""

    grounds: Grounds
    app: web.Application
    figures: FigureListener
    notified: Notified
    ways: Sequence[Route]
    entry: Middleware
    reloading: Reloading | None = None

    @property
    def house(self) -> House:
        """What the present configuration decides."""
        return self.grounds.house

    @property
    def context(self) -> Context:
        return self.house.context

    async def close(self) -> None:
        """Give the database's connections back."""
        await self.notified.close()
        if self.reloading is not None:
            await self.reloading.close()
        await self.grounds.close()


def assembled(
    config: Config,
    engine: Engine,
    binding: Binding,
    guard: Guard,
    routes: Sequence[web.RouteDef] = (),
    worker: Worker | None = None,
    again: Again | None = None,
) -> Assembly:
    """Every part of a server of this engine."""
    grounds = grounds_of(cursor_key(config), engine, binding, worker, routes)
    grounds.keep(config, engine)
    reloading = None
    if again is not None:
        reloading = Reloading(grounds, again.read, again.started)
        grounds.reload = again.ordered(reloading.reload)
    grounds.serve(build(grounds, config, engine, binding, guard))
    beside = Entrance(rules_of_figures(config))
    wanted = config.observability.metrics
    figures = FigureListener(grounds.exposition, gate(lambda: beside, Requests()), wanted, words(grounds.health))
    entry = gate(lambda: grounds.house.entrance, grounds.requests)
    app = web.Application(middlewares=[entry], client_max_size=config.server.body)
    ways: list[Route] = []
    further = {(each.method, each.path) for each in routes}
    for each in grounds.house.routes:
        opened = door(each.method, each.path, each.handler)
        app.add_routes([web.RouteDef(each.method, each.path, opened, each.kwargs)])
        ways.append(Route(each.method, each.path, opened, by_itself=(each.method, each.path) not in further))
    _attended(app, grounds, figures, worker)
    return Assembly(grounds, app, figures, Notified(grounds, reloading), ways, entry, reloading)


def _attended(app: web.Application, grounds: Grounds, figures: FigureListener, worker: Worker | None) -> None:
    """What begins and ends with the application, each in its order."""
    if worker is not None:
        app.on_startup.append(partial(listen, worker))
    app.on_startup.append(lambda _: grounds.house.callers.start())
    app.on_cleanup.append(lambda _: grounds.house.callers.close())
    app.on_startup.append(figures.start)
    app.on_startup.append(grounds.begin)
    app.on_startup.append(grounds.started)
    app.on_cleanup.append(figures.close)
    if worker is None and not grounds.house.config.decided_by_database:
        app.cleanup_ctx.append(partial(announced, grounds.capture))
    app.on_shutdown.append(grounds.realtime.close)
    app.on_cleanup.append(grounds.stopped)
    app.on_cleanup.append(grounds.end)
    if worker is not None:
        app.on_cleanup.append(partial(hush, worker))


def words(health: Health) -> list[web.RouteDef]:
    """What is told beside the figures: the words that everybody may hear, also at PostgREST's paths."""
    routes = health_routes(health)
    return [*routes, *(web.get(each.path.removeprefix("/health"), each.handler) for each in routes)]


async def _set_up(parts: Assembly) -> Running:
    # A client that leaves ends its query: only the real runner is told so by this.
    runner = web.AppRunner(parts.app, access_log=None, handler_cancellation=True, shutdown_timeout=DRAIN_SECONDS)
    await runner.setup()
    server = cast("web.Server", runner.server)
    # What the application makes of a connection's message is a Request, though the library does not say so.
    ways = Ways(parts.ways, parts.entry, cast("Serve", server.request_handler))
    server.request_handler = cast("Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]", ways)
    listener = Listener(server, lambda: parts.house.entrance.form)
    return Running(parts, runner, listener)


async def listen(worker: Worker, _: web.Application) -> None:
    """Hear the other workers from now on."""
    worker.siblings.start()


async def hush(worker: Worker, _: web.Application) -> None:
    """Hear them no more."""
    worker.siblings.close()


async def announced(capture: Capture, _: web.Application) -> AsyncIterator[None]:
    """Have it said once, beside everything else, what capturing there would be."""
    saying = asyncio.create_task(capture.announce(), name="reflector-announce")
    yield
    saying.cancel()
    await asyncio.gather(saying, return_exceptions=True)


async def _listen(running: Running, context: ssl.SSLContext | None, worker: Worker | None) -> None:
    try:
        running.sockets = await _sockets(running, context, worker)
    except BaseException:
        running.listener.close()
        await running.runner.cleanup()
        raise
    name = running.sockets.sockets[0].getsockname()
    running.port = name[1] if isinstance(name, tuple) else 0


async def _sockets(running: Running, context: ssl.SSLContext | None, worker: Worker | None) -> asyncio.Server:
    """What takes connections: at a socket in the file system, which workers share, or at a port."""
    loop, server = asyncio.get_running_loop(), running.config.server
    if server.socket is None:
        reuse = worker is not None or server.reuse_port or None
        return await loop.create_server(
            running.listener, server.host, server.port, ssl=context, backlog=1024, reuse_address=True, reuse_port=reuse
        )
    if worker is not None and worker.listens is not None:
        return await loop.create_unix_server(running.listener, sock=worker.listens.dup(), ssl=context, backlog=1024)
    running.listened = listening(server.socket)
    try:
        return await loop.create_unix_server(running.listener, sock=running.listened.socket, ssl=context, backlog=1024)
    except BaseException:
        running.listened.close()
        raise


def cursor_key(config: Config) -> bytes:
    """64 bytes from `server.secret`, the same in every process; of this process alone where there is none."""
    secret = config.server.secret
    if secret is None:
        LOG.info("server.secret is not set: cursors end with this process")
        return secrets.token_bytes(64)
    return HKDF(algorithm=SHA256(), length=64, salt=None, info=b"reflector cursors").derive(secret.reveal().encode())


def tls_context(config: Config) -> ssl.SSLContext | None:
    """What HTTPS is served with, None for HTTP; raises ConfigError where the files cannot be used."""
    tls = config.server.tls
    if tls is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ssl.SSLError) as error:
        position = config.position("server", "tls") or Position("server.tls")
        reason = "cannot be read" if not isinstance(error, ssl.SSLError) else "do not belong together, or are no PEM"
        raise ConfigError([Complaint(position, "server.tls", f"the certificate and key files {reason}")]) from error
    return context
