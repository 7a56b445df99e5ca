"""`/ws`: a socket over which a client follows tables.

Rule: the gate has judged Host, token and Origin before anything here runs.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from reflector.capture import Capture
from server.apis.realtime.frames import ChangeCursors
from server.apis.realtime.outbound import Ticker
from server.apis.realtime.seats import Seat, Seats
from server.apis.realtime.socket import Socket
from server.context import Context

PATH = "/ws"


class Realtime:
    """All sockets of one server. `key` is 64 bytes for cursors. Nobody is served before `move`."""

    def __init__(self, capture: Capture, key: bytes) -> None:
        self.sockets: set[Socket] = set()
        self._context: Context | None = None
        self._capture = capture
        self._cursors = ChangeCursors(key)
        self._ticker = Ticker()
        self.seats = Seats()

    def move(self, context: Context) -> None:
        """Serve under this from now on, those that are open already as well: each has to show its credential anew."""
        self._context = context
        for socket in list(self.sockets):
            socket.move()

    def context(self) -> Context:
        """What holds for everybody now."""
        if self._context is None:
            raise RuntimeError("nothing is served yet")
        return self._context

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One socket, to its end. Raises TooManySockets where there are too many already."""
        if not web.WebSocketResponse().can_prepare(request):
            raise web.HTTPUpgradeRequired(headers={"Upgrade": "websocket"}, text="this path speaks WebSocket")
        seat = Seat(self.seats, request)
        seat.of_address(self.context().limits(()))
        socket = Socket(request, self.context, self._capture, self._cursors, self._ticker, seat)
        self.sockets.add(socket)
        self._ticker.sockets = len(self.sockets)
        try:
            return await socket.serve()
        finally:
            seat.leave()
            self.sockets.discard(socket)
            self._ticker.sockets = len(self.sockets)

    async def close(self, _: web.Application) -> None:
        """End every socket in order; for `on_shutdown`."""
        await asyncio.gather(*(socket.close() for socket in list(self.sockets)))

    def routes(self) -> list[web.RouteDef]:
        return [web.get(PATH, self.serve), web.get(PATH + "/{table}", self.serve)]
