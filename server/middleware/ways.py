"""The shortest way from an address to its handler, for the routes that most requests take.

The HTTP library walks an address from its end and tries one pattern after the other, makes an object of what it found, and
goes through each middleware's wrapper: about a tenth of what a row costs. Where a route is a beginning that does not change
and one or two parts after it, of any method, two look-ups tell the same.

Rule: what is not certain here the library decides: an address with anything encoded, one that another route might want, a
header that it answers itself. A handler that stands behind such a way reads its address by itself, for the library has left
nothing on the request.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]
Gate = Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]
PARTS: Final = re.compile(r"(?P<before>[^{}]*)(?P<parts>(?:/\{\w+:\[\^/\][+*]\}){1,2})")
"""A path of which one or two last parts are whatever the caller writes."""


@dataclass(frozen=True, slots=True)
class Route:
    """A route as it is written. `by_itself`: its handler takes nothing of the library's from the request."""

    method: str
    path: str
    handler: Handler
    by_itself: bool


class Ways:
    """Serves requests. `routes` are all there are, in their order; `otherwise` is how the library serves."""

    def __init__(self, routes: Sequence[Route], gate: Gate, otherwise: Serve) -> None:
        self._gate, self._otherwise = gate, otherwise
        self._taken = frozenset(map(_begins, (each.path for each in routes)))
        self._one, self._two = _ways(routes, 1), _ways(routes, 2)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        handler = self.handler(request.rel_url.raw_path)
        if handler is None or hdrs.EXPECT in request.headers:
            return await self._otherwise(request)
        return await self._gate(request, handler)

    def handler(self, path: str) -> Handler | None:
        """What stands at the end of the way; None where the library is to find it."""
        before, _, last = path.rpartition("/")
        if not last or "%" in path or path in self._taken:
            return None
        handler = self._one.get(before)
        if handler is not None or before in self._taken:
            return handler
        before, _, last = before.rpartition("/")
        return self._two.get(before) if last else None


def _ways(routes: Sequence[Route], parts: int) -> dict[str, Handler]:
    """The handlers of routes with so many parts, by what comes before; none that the library might not try first."""
    found: dict[str, Handler] = {}
    tried: set[str] = set()
    for route in routes:
        before, form = _begins(route.path), PARTS.fullmatch(route.path)
        if "{" not in route.path or (form is not None and form["parts"].count("{") != parts):
            continue
        if form is not None and route.by_itself and route.method == hdrs.METH_ANY and before not in tried:
            found[before] = route.handler
        tried.add(before)
    return found


def _begins(path: str) -> str:
    """What does not change at the beginning of a path, in whole parts: where the library begins to look."""
    fixed, opened, _ = path.partition("{")
    return (fixed.rpartition("/")[0] if opened else fixed).rstrip("/")
