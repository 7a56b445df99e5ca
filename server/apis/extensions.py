"""`/x/{extension}/…`: the addresses of extensions' own.

Rule: they stand behind the same gate as everything else; whoever may not ask for an address is told that there is none.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from aiohttp import web

from reflector.extension import Caller, DeclaredRoute, ExtensionFailed
from server.called import Called, said
from server.callers import Callers
from server.config import Config
from server.context import Context
from server.extensions import Loaded
from server.extensions.loaded import allowed
from server.whole import Whole

ROOT: Final = "/x"
CHOSEN: Final = re.compile(r"\{[^}]*\}")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def _answer(route: DeclaredRoute, caller: Caller, request: web.Request) -> Any:
    """What the handler answers, or what it refuses in the words of the HTTP library, which refuses by itself a body that is too large."""
    try:
        return await route.action(caller, request)
    except web.HTTPException as refused:
        return refused


def extension_routes(context: Context, called: Called, config: Config) -> list[web.RouteDef]:
    """The routes of all extensions, and behind them all other methods of their addresses."""
    callers = Callers(context)
    asked, others = [], {}
    for loaded in called.extensions.loaded:
        known = methods_of(loaded)
        for route in loaded.extension.routes:
            place = address(loaded, route)
            asked.append(web.RouteDef(route.method, place, handler(callers, called, config, loaded, route), {}))
            others[place] = web.route("*", place, refusing(callers, config, loaded, known[form_of(route)]))
    return [*asked, *others.values()]


def address(loaded: Loaded, route: DeclaredRoute) -> str:
    """Where a route is served."""
    return f"{ROOT}/{loaded.name}{route.path}"


def form_of(route: DeclaredRoute) -> str:
    """Its path, whatever the parts are called that a caller chooses."""
    return CHOSEN.sub("{}", route.path)


def methods_of(loaded: Loaded) -> Mapping[str, frozenset[str]]:
    """The methods of each of its addresses."""
    known: dict[str, frozenset[str]] = {}
    for route in loaded.extension.routes:
        more = {route.method, "HEAD"} if route.method == "GET" else {route.method}
        known[form_of(route)] = known.get(form_of(route), frozenset()) | more
    return known


def refusing(callers: Callers, config: Config, loaded: Loaded, methods: frozenset[str]) -> Handler:
    """Tells those who may ask for an address which methods it has, and others that it is not there."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if not allowed(loaded, config, callers.of(request).rights.access.roles):
            raise web.HTTPNotFound
        raise web.HTTPMethodNotAllowed(request.method, methods)

    return handle


def handler(callers: Callers, called: Called, config: Config, loaded: Loaded, route: DeclaredRoute) -> Handler:
    """Answers one route."""

    async def handle(request: web.Request) -> web.StreamResponse:
        caller = callers.of(request)
        if not allowed(loaded, config, caller.rights.access.roles):
            raise web.HTTPNotFound
        told = called.told(caller, writes=route.method != "GET")
        try:
            answer = await called.bounded(caller, lambda: _answer(route, told, request))
            return answered(request, answer)
        except Exception:
            cut(request)
            raise

    return handle


def answered(request: web.Request, answer: Any) -> web.StreamResponse:
    """What a handler answered, as it is sent; raises what it refuses."""
    if isinstance(answer, web.HTTPException):
        raise answer
    if isinstance(answer, web.StreamResponse) and (answer.prepared or not begun(request)):
        return answer
    if begun(request):
        raise ExtensionFailed("code of an extension began one answer and gave another")
    if answer is None:
        return web.Response(status=204)
    return Whole(body=said(answer), status=200, headers={"Content-Type": "application/json"})


def begun(request: web.Request) -> bool:
    """Whether some of an answer was sent already."""
    return request.writer.output_size > 0


def cut(request: web.Request) -> None:
    """Where an answer was begun there can be no other: what would follow were part of the first one's body."""
    if begun(request) and request.transport is not None:
        request.transport.abort()
