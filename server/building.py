"""A house built on its grounds: everything that a configuration decides, from who calls to what is answered under which path.

Rule: what is built here serves nobody yet; that is for the grounds, in one step, once all of it is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from aiohttp import web
from aiohttp.typedefs import Handler

from reflector.engine import Engine
from reflector.errors import NotSupported
from server.access import anonymous_role, largest_answer, limits_of, longest_statement
from server.apis.admin import admin_routes
from server.apis.extensions import extension_routes
from server.apis.graphql import graphql_routes
from server.apis.health import health_routes
from server.apis.metrics import administers, metrics_routes
from server.apis.postgrest import Refusals, postgrest_routes
from server.apis.resource import Within, function_routes, resource_routes
from server.apis.sign_in import sign_in_routes, with_visits
from server.apis.tokens import token_routes
from server.auth.credentials import authenticator
from server.binding import Binding
from server.cache.rules import takes_part
from server.called import Called
from server.config import Config, EffectiveLimits
from server.context import Context
from server.extensions.loaded import NO_EXTENSIONS
from server.grounds import Grounds
from server.guard import Guard
from server.house import House
from server.middleware.admission import UNGUARDED
from server.middleware.entrance import Entrance
from server.middleware.origins import NOBODYS
from server.openapi import docs_routes, openapi_routes
from server.pages import ASSETS
from server.rates import Rates
from server.tracing import tracing_of
from server.transactions import transactions_of


def build(grounds: Grounds, config: Config, engine: Engine, binding: Binding, guard: Guard) -> House:
    """The house of a configuration that is bound already; nobody is served by it yet."""
    cache = grounds.keeping.cache if grounds.keeping is not None and takes_part(config) else None
    told = (longest_statement(config), largest_answer(config), cache, transactions_of(config))
    callers = authenticator(config, engine, counted=grounds.counted)
    limits = limits_of(config)
    rates = rates_of(grounds, config, limits)
    context = Context(engine, callers, limits, grounds.key, *told, rates)
    called = Called(binding.extensions or NO_EXTENSIONS, Within(context))
    routes = tuple(routes_of(grounds, config, context, guard, called))
    form = Refusals(config.postgrest, config.postgrest.path.rstrip("/"), (*NOBODYS, *UNGUARDED, ASSETS))
    asked = callers if config.auth else None
    handlers = handlers_of(routes)
    grounds.doors = grounds.doors or frozenset(handlers)
    added = {place: handlers[place] for place in handlers.keys() - grounds.doors}
    entrance = Entrance(guard.rules, form, config.observability.requests, asked, handlers, added)
    entrance.rates, entrance.asked = rates, callers
    entrance.traces = tracing_of(config, engine.driver.kind, grounds.spans, grounds.instance, grounds.traces)
    return House(config, engine, binding, guard, callers, context, entrance, routes)


async def prepared(grounds: Grounds, config: Config, engine: Engine, binding: Binding, guard: Guard) -> House:
    """The same, with all that has to run before anybody is served."""
    await grounds.courier.check(config, engine)
    keeping = grounds.keep(config, engine)
    if keeping is not None:
        await keeping.start(grounds.heard)
    house = build(grounds, config, engine, binding, guard)
    house.callers.follow(grounds.house.callers)
    await house.callers.start()
    return house


def rates_of(grounds: Grounds, config: Config, limits: Callable[[Sequence[str]], EffectiveLimits]) -> Rates | None:
    """Who counts requests; None where nobody's are limited."""
    said = (config.limits.rate, *(role.limits.rate for role in config.roles.values()))
    guest = anonymous_role(config)
    return Rates(limits, () if guest is None else (guest,), grounds.buckets, grounds.shared) if any(said) else None


def routes_of(grounds: Grounds, config: Config, context: Context, guard: Guard, called: Called) -> list[web.RouteDef]:
    """What is served, by whom it is answered."""
    admin = config.auth.admin_role if config.auth else None
    guarded, root = guard.rules.token is not None, config.postgrest.path.rstrip("/")
    refused = no_changes_of_rows if config.decided_by_database else None if grounds.worker is None else no_changes
    sockets = [web.get(path, refused) for path in ("/ws", "/ws/{table}")] if refused else grounds.realtime.routes()
    routes = [
        *health_routes(grounds.health, grounds.details, lambda request: administers(context, request, admin)),
        *function_routes(context, called),
        *resource_routes(context),
        *sockets,
        *graphql_routes(context, config.graphql, guarded=guarded, called=called),
        *openapi_routes(context, config, lambda: routes, guarded=guarded),
        *metrics_routes(context, grounds.exposition, admin),
        *admin_routes(context, grounds.reload, admin),
        *docs_routes(guarded=guarded),
        *token_routes(context.authenticate, config),
        *sign_in_routes(context.authenticate, config),
        *extension_routes(context, called, config),
        *grounds.further,
        # Last, because it may begin at the root of all.
        *postgrest_routes(context, root, config.postgrest, admin, address=config.server.url, called=called),
    ]
    return with_visits(routes, context.authenticate, config)


def handlers_of(routes: Sequence[web.RouteDef]) -> Mapping[tuple[str, str], Handler]:
    """The handlers by method and path."""
    return {(each.method, each.path): each.handler for each in routes}


async def no_changes(_: web.Request) -> web.StreamResponse:
    """Raises NotSupported: what was told is remembered by one process, and the next request may meet another."""
    raise NotSupported("changes are not told while several processes serve", hint="server.workers: 1")


async def no_changes_of_rows(_: web.Request) -> web.StreamResponse:
    """Raises NotSupported: who may hear of a row is for the database to say, and it says so of rows that are read."""
    raise NotSupported(
        "changes are not told where the database decides: nobody could say which rows of a change a caller may see",
        hint="auth.enforce: server",
    )
