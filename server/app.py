"""Composition: from a configuration to a server that runs, and to its orderly end.

Rule: this is the one place that knows every part; the parts know nothing of one another but what they are handed here.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Final, cast

from aiohttp import web
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from reflector.capture import Capture
from reflector.database_url import DatabaseUrl
from reflector.drivers import open_driver
from reflector.engine import Engine
from reflector.errors import CatalogError, ConnectionRefused, NotSupported
from server.access import EVERYBODY, largest_answer, longest_statement, overlay_of, settings_of
from server.apis.graphql import graphql_routes
from server.apis.health import Health, health_routes
from server.apis.metrics import administers, metrics_routes
from server.apis.postgrest import Refusals, postgrest_routes
from server.apis.realtime import Realtime, opaque_keys
from server.apis.resource import resource_routes
from server.auth.credentials import authenticator
from server.binding import Binding, misfits
from server.cache.keeping import Keeping, keeping_of
from server.capturing import SharedCapture
from server.config import Complaint, Config, ConfigError, EffectiveLimits, Position, limits_for
from server.connection import Listener
from server.context import Context
from server.guard import Guard, guard_of, rules_of_figures
from server.journal import observe
from server.middleware.gate import NOBODYS, UNGUARDED, gate
from server.openapi import docs_routes, openapi_routes
from server.pages import ASSETS
from server.problems import Form
from server.telemetry.exposition import Exposition, Worker
from server.telemetry.figures import Figures, cache_figures, capture_figures, engine_figures
from server.telemetry.listener import FigureListener
from server.telemetry.requests import Requests
from server.telling import terms_of
from server.transactions import transactions_of

LOG: Final = logging.getLogger("reflector.server")
DRAIN_SECONDS: Final = 6.0
"""How long requests under way may take to end, and then to be cancelled: twice this is well below 15 s."""
ASKS: Final = "SELECT 1"


@dataclass(slots=True)
class Running:
    """A server that listens. `port` is the one it got."""

    config: Config
    engine: Engine
    binding: Binding
    health: Health
    guard: Guard
    app: web.Application
    runner: web.AppRunner
    listener: Listener
    keeping: Keeping | None
    figures: FigureListener
    sockets: asyncio.Server = field(init=False)
    port: int = 0

    async def stop(self) -> None:
        """Take no more, let what is under way end, and give the database's connections back."""
        self.health.draining = True
        self.sockets.close()
        await self.runner.cleanup()
        self.listener.close()
        await self.engine.close()


async def start(
    config: Config, *, strict: bool = False, routes: Sequence[web.RouteDef] = (), worker: Worker | None = None
) -> Running:
    """Connect, bind, listen. `routes` are further ones, behind the same gate. `worker`: which of several processes.

    Raises ConnectionRefused where the database cannot be reached, ConfigError where the configuration does not fit it,
    and OSError where the address cannot be listened on.
    """
    context = tls_context(config)
    guard = guard_of(config)
    binding = Binding(config, strict)
    engine = await engine_of(config, binding)
    try:
        parts = assembled(config, engine, binding, guard, routes, worker)
        running = await _set_up(config, engine, binding, guard, parts)
        await _listen(running, context, shared=worker is not None)
    except BaseException:
        await engine.close()
        raise
    if config.database.watch is not None:
        engine.watch(config.database.watch.total_seconds())
    return running


async def engine_of(config: Config, binding: Binding) -> Engine:
    """The engine of the configured database, with its first snapshot; raises ConnectionRefused and ConfigError."""
    driver = open_driver(database_of(config), settings_of(config))
    try:
        return await Engine.start(driver, binding.snapshot, overlay_of(config), observe=observe)
    except ConnectionRefused:
        raise
    except CatalogError as error:
        raise misfits(error, config) from error


def database_of(config: Config) -> DatabaseUrl:
    """The database that is configured; raises ConfigError where none is."""
    if config.database.url is None:
        raise ConfigError([Complaint(Position("database.url"), "", "no database is named")])
    return config.database.url


@dataclass(frozen=True, slots=True)
class Assembly:
    """All parts, put together, before anything runs."""

    app: web.Application
    context: Context
    health: Health
    keeping: Keeping | None
    figures: FigureListener
    form: Form


def assembled(
    config: Config,
    engine: Engine,
    binding: Binding,
    guard: Guard,
    routes: Sequence[web.RouteDef] = (),
    worker: Worker | None = None,
) -> Assembly:
    """Every part of a server of this engine."""
    key, statement = cursor_key(config), longest_statement(config)
    siblings = None if worker is None else worker.siblings
    keeping = keeping_of(config, engine, database_of(config), key, statement.total_seconds(), siblings)
    health = Health(
        lambda: engine.driver.fetch(ASKS),
        lambda: bool(binding.unfit or (keeping and keeping.degraded) or capture.late or callers.degraded),
    )
    cache = keeping.cache if keeping else None
    told = (statement, largest_answer(config), cache, transactions_of(config))
    callers = authenticator(config, engine)
    context = Context(engine, callers, limits_of(config), key, *told)
    capture = Capture(engine, database_of(config), opaque_keys(context.cursor_key), terms_of(config))
    realtime = Realtime(context, capture)
    refused = no_changes_of_rows if config.decided_by_database else None if worker is None else no_changes
    admin = config.auth.admin_role if config.auth else None
    requests = Requests()
    rows = [
        *engine_figures(engine, lambda: len(binding.unfit), time.time()),
        *capture_figures(capture, lambda: len(realtime.sockets)),
        *cache_figures(cache),
    ]
    exposition = Exposition(Figures(requests, rows), worker)
    figures = FigureListener(exposition, gate(rules_of_figures(config), Requests()), config.observability.metrics)
    form = Refusals(config.postgrest, config.postgrest.path.rstrip("/"), (*NOBODYS, *UNGUARDED, ASSETS))
    known = callers if config.auth else None
    doors = [gate(guard.rules, requests, told=config.observability.requests, form=form, callers=known)]
    app = web.Application(middlewares=doors, client_max_size=config.server.body)
    app.add_routes(
        [
            *health_routes(health, capture.standing, lambda request: administers(context, request, admin)),
            *resource_routes(context),
            *(realtime.routes() if refused is None else [web.get(path, refused) for path in ("/ws", "/ws/{table}")]),
            *graphql_routes(context, guarded=guard.rules.token is not None),
            *openapi_routes(context, config, guarded=guard.rules.token is not None),
            *metrics_routes(context, exposition, admin),
            *docs_routes(guarded=guard.rules.token is not None),
            *routes,
            # Last, because it may begin at the root of all.
            *postgrest_routes(
                context, config.postgrest.path.rstrip("/"), config.postgrest, admin, address=config.server.url
            ),
        ]
    )
    if worker is not None:
        app.on_startup.append(partial(listen, worker))
    app.on_startup.append(lambda _: callers.start())
    app.on_cleanup.append(lambda _: callers.close())
    app.on_startup.append(figures.start)
    app.on_cleanup.append(figures.close)
    if keeping is not None:
        heard = capture if worker is None else SharedCapture(capture, worker)
        app.on_startup.append(lambda _: keeping.start(heard))
        app.on_cleanup.append(lambda _: keeping.close())
        app.on_cleanup.append(lambda _: heard.close())
    if refused is None:
        app.cleanup_ctx.append(partial(announced, capture))
    app.on_shutdown.append(realtime.close)
    app.on_cleanup.append(lambda _: capture.close())
    if worker is not None:
        app.on_cleanup.append(partial(hush, worker))
    return Assembly(app, context, health, keeping, figures, form)


async def _set_up(config: Config, engine: Engine, binding: Binding, guard: Guard, parts: Assembly) -> Running:
    # A client that leaves ends its query: only the real runner is told so by this.
    runner = web.AppRunner(parts.app, access_log=None, handler_cancellation=True, shutdown_timeout=DRAIN_SECONDS)
    await runner.setup()
    listener = Listener(cast("web.Server", runner.server), parts.form)
    kept = (parts.keeping, parts.figures)
    return Running(config, engine, binding, parts.health, guard, parts.app, runner, listener, *kept)


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


async def no_changes(_: web.Request) -> web.StreamResponse:
    """Raises NotSupported: what was told is remembered by one process, and the next request may meet another."""
    raise NotSupported("changes are not told while several processes serve", hint="server.workers: 1")


async def no_changes_of_rows(_: web.Request) -> web.StreamResponse:
    """Raises NotSupported: who may hear of a row is for the database to say, and it says so of rows that are read."""
    raise NotSupported(
        "changes are not told where the database decides: nobody could say which rows of a change a caller may see",
        hint="auth.enforce: server",
    )


async def _listen(running: Running, context: ssl.SSLContext | None, *, shared: bool) -> None:
    host, port = running.config.server.host, running.config.server.port
    loop = asyncio.get_running_loop()
    try:
        running.sockets = await loop.create_server(
            running.listener, host, port, ssl=context, backlog=1024, reuse_address=True, reuse_port=shared or None
        )
    except BaseException:
        running.listener.close()
        await running.runner.cleanup()
        raise
    running.port = running.sockets.sockets[0].getsockname()[1]


def limits_of(config: Config) -> Callable[[Sequence[str]], EffectiveLimits]:
    """The limits of a set of roles, worked out once for each."""

    @lru_cache(maxsize=1024)
    def of_roles(roles: tuple[str, ...]) -> EffectiveLimits:
        return limits_for(config, [role for role in roles if role != EVERYBODY])

    return lambda roles: of_roles(tuple(roles))


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
