"""`/x/{extension}/…`: the addresses of extensions' own.

Rule: they stand behind the same gate as everything else; whoever may not ask for an address is told that there is none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from reflector.extension import Caller, DeclaredRoute
from server.called import Called, said
from server.callers import Callers
from server.config import Config
from server.context import Context
from server.extensions import Loaded
from server.extensions.loaded import allowed
from server.whole import Whole

ROOT: Final = "/x"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def _answer(route: DeclaredRoute, caller: Caller, request: web.Request) -> Any:
    """What the handler answers, or what it refuses in the words of the HTTP library, which refuses by itself a body that is too large."""
    try:
        return await route.action(caller, request)
    except web.HTTPException as refused:
        return refused


def extension_routes(context: Context, called: Called, config: Config) -> list[web.RouteDef]:
    """The routes of all extensions."""
    callers = Callers(context)
    return [
        web.RouteDef(route.method, address(loaded, route), handler(callers, called, config, loaded, route), {})
        for loaded in called.extensions.loaded
        for route in loaded.extension.routes
    ]


def address(loaded: Loaded, route: DeclaredRoute) -> str:
    """Where a route is served."""
    return f"{ROOT}/{loaded.name}{route.path}"


def handler(callers: Callers, called: Called, config: Config, loaded: Loaded, route: DeclaredRoute) -> Handler:
    """Answers one route."""

    async def handle(request: web.Request) -> web.StreamResponse:
        caller = callers.of(request)
        if not allowed(loaded, config, caller.rights.access.roles):
            raise web.HTTPNotFound
        answer = await called.bounded(
            caller, lambda: _answer(route, called.told(caller, writes=route.method != "GET"), request)
        )
        if isinstance(answer, web.HTTPException):
            raise answer
        if isinstance(answer, web.StreamResponse):
            return answer
        if answer is None:
            return web.Response(status=204)
        return Whole(body=said(answer), status=200, headers={"Content-Type": "application/json"})

    return handle
