"""`/ws`: a socket over which a client follows tables.

Rule: the gate has judged Host, token and Origin before anything here runs.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from reflector.capture import Capture
from server.apis.realtime.frames import ChangeCursors
from server.apis.realtime.outbound import Ticker
from server.apis.realtime.socket import Socket
from server.context import Context

PATH = "/ws"


class Realtime:
    """All sockets of one server."""

    def __init__(self, context: Context, capture: Capture) -> None:
        self.sockets: set[Socket] = set()
        self._context = context
        self._capture = capture
        self._cursors = ChangeCursors(context.cursor_key)
        self._ticker = Ticker()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One socket, to its end."""
        if not web.WebSocketResponse().can_prepare(request):
            raise web.HTTPUpgradeRequired(headers={"Upgrade": "websocket"}, text="this path speaks WebSocket")
        socket = Socket(request, self._context, self._capture, self._cursors, self._ticker)
        self.sockets.add(socket)
        self._ticker.sockets = len(self.sockets)
        try:
            return await socket.serve()
        finally:
            self.sockets.discard(socket)
            self._ticker.sockets = len(self.sockets)

    async def close(self, _: web.Application) -> None:
        """End every socket in order; for `on_shutdown`."""
        await asyncio.gather(*(socket.close() for socket in list(self.sockets)))

    def routes(self) -> list[web.RouteDef]:
        return [web.get(PATH, self.serve), web.get(PATH + "/{table}", self.serve)]


def realtime_routes(context: Context, capture: Capture) -> list[web.RouteDef]:
    """The routes alone, for an application whose end nobody waits for."""
    return Realtime(context, capture).routes()
