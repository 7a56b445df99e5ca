"""By which entrance a request comes in: the rules, forms and handlers of the configuration that held at that moment.

Rule: a request remembers its entrance to its end, so that what is configured meanwhile concerns only those who come later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import wraps
from typing import Final
from weakref import WeakKeyDictionary

from aiohttp import web
from aiohttp.typedefs import Handler

from reflector.access.principal import Principal
from reflector.secret import Secret
from server.context import Authenticate
from server.forms import Form
from server.peers import Proxies
from server.rates import Rates
from server.traced import Tracing


@dataclass(frozen=True, slots=True)
class GateRules:
    """hosts: the Host values served, without port, in small letters; None for any.

    forwarded: whether requests may have come through a proxy. token: what every request must carry, where set.
    credentials: whether an Authorization header is a credential here, so that a write with one needs no Origin.
    own_origins: the public address's; `origins`: those of `cors.origins`. anybody: the beginning of paths that pages of any
    origin may call, None for no such paths. clients: the beginning of paths whose clients are PostgREST's.
    """

    hosts: frozenset[str] | None = None
    forwarded: bool = True
    token: Secret | None = None
    credentials: bool = False
    own_origins: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    anybody: str | None = None
    clients: str = "/rest/v1/"
    proxies: Proxies | None = None
    further: tuple[str, ...] = ()


def nobody(_: web.BaseRequest) -> Principal:
    """Who calls where nobody is asked who they are."""
    return Principal(anonymous=True)


@dataclass(slots=True, eq=False)
class Entrance:
    """What a request meets that comes in now, and keeps to its end, whatever is configured meanwhile.

    `told`: each request has a line in the log. `form`: that of the one API that has errors of its own. `callers`: whoever
    tells who calls, None where nobody is asked. `handlers` by method and path stand behind `door`; `added` are those for
    which there is no door, because no route led to them when the server was started. `inside`: how many requests have come
    in here and not left. `rates`: who counts requests, None where nobody does; `asked` tells whose they are. `traces`: who
    traces them, None where nobody does.
    """

    rules: GateRules
    form: Form | None = None
    told: bool = False
    callers: Authenticate | None = None
    handlers: Mapping[tuple[str, str], Handler] = field(default_factory=dict)
    added: Mapping[tuple[str, str], Handler] = field(default_factory=dict)
    inside: int = 0
    rates: Rates | None = None
    asked: Callable[[web.BaseRequest], Principal] = field(default=nobody)
    traces: Tracing | None = None
    _emptied: asyncio.Event | None = None

    def further(self, request: web.BaseRequest) -> Handler | None:
        """What stands under the request's path that has no door, None where nothing does."""
        return self.added.get((request.method, request.path)) or self.added.get(("*", request.path))

    def leave(self) -> None:
        """A request that came in here has ended."""
        self.inside -= 1
        if self._emptied is not None and not self.inside:
            self._emptied.set()

    async def emptied(self, patience: float) -> None:
        """Wait until nobody is inside, for so many seconds at most; for when nobody comes in here any more."""
        if self.inside:
            self._emptied = asyncio.Event()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._emptied.wait(), patience)


PATHS: Final[WeakKeyDictionary[Handler, str]] = WeakKeyDictionary()
"""The path, as it is written, that each door stands under."""
ENTRANCE: Final = web.RequestKey("entrance", Entrance)
"""Under which a request remembers by which entrance it came."""


def door(method: str, path: str, like: Handler) -> Handler:
    """Leads to what stands under this method and path behind the entrance by which a request came; it is described as
    `like` is. Raises HTTPNotFound where nothing does."""
    place = method, path

    @wraps(like)
    async def enter(request: web.Request) -> web.StreamResponse:
        handler = request[ENTRANCE].handlers.get(place)
        if handler is None:
            raise web.HTTPNotFound
        return await handler(request)

    PATHS[enter] = path
    return enter
