"""One socket: what its client sends becomes effects, what the hub tells becomes frames, and it never outlives its
credential.

    4401    a credential is required, or has ended      1012    the server restarts: go on with the cursor in the reason
    1013    read too slowly                             1009    a frame of more than 64 KiB

Rule: everything that decides is elsewhere: the protocol in `conversation`, the rules in the core. This acts.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine
from typing import Any, Final, assert_never

from aiohttp import WSCloseCode, WSMsgType, web

from reflector.access.principal import Principal
from reflector.capture import Capture
from reflector.errors import Forbidden, ReflectorError, Unauthenticated
from server.apis.realtime.conversation import Authenticate, Close, Conversation, Effect, Say, Subscribe, Unsubscribe
from server.apis.realtime.following import Following
from server.apis.realtime.frames import ChangeCursors, error_frame, said
from server.apis.realtime.one_table import frame_of
from server.apis.realtime.outbound import Outbound, Ticker
from server.context import Context

LOG: Final = logging.getLogger("reflector.server")
FRAME_BYTES: Final = 64 * 1024
AUTH_SECONDS: Final = 10.0
HEARTBEAT_SECONDS: Final = 30.0
CLOSE_SECONDS: Final = 2.0
LONGEST_TIMER: Final = 3600.0


class Socket:
    """Serves one client until one of both ends it."""

    def __init__(
        self,
        request: web.Request,
        context: Context,
        capture: Capture,
        cursors: ChangeCursors,
        ticker: Ticker,
    ) -> None:
        self._request = request
        self._ticker = ticker
        self._context = context
        self._capture = capture
        self._cursors = cursors
        self._ws = web.WebSocketResponse(
            heartbeat=HEARTBEAT_SECONDS, max_msg_size=FRAME_BYTES, compress=False, timeout=CLOSE_SECONDS
        )
        self._principal: Principal | None = None
        self._following: dict[str, Following] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._out: Outbound | None = None
        self._conversation = Conversation(known=False)

    async def serve(self) -> web.WebSocketResponse:
        """The whole of it. Raises what a bad credential at the upgrade raises."""
        try:
            self._principal = self._context.authenticate(self._request)
        except Unauthenticated:
            if "Authorization" in self._request.headers:
                raise
        self._conversation = Conversation(known=self._principal is not None)
        await self._ws.prepare(self._request)
        transport = self._request.transport
        if transport is None:
            return self._ws
        self._out = Outbound(transport, self._ticker, self._caught_up, self._hopeless)
        self._set_timer()
        try:
            if self._principal is not None:
                await self._subscribe_by_address()
            await self._listen()
        finally:
            self._end()
        return self._ws

    async def close(self) -> None:
        """The server ends: the client goes on elsewhere, from the cursor in the reason."""
        reason = b""
        hub = self._capture.running
        if hub is not None and all(each.settled for each in self._following.values()):
            reason = self._cursors.text(hub.head).encode()
        if self._out is not None:
            self._out.flush()
        await self._close(WSCloseCode.SERVICE_RESTART, reason)

    async def _subscribe_by_address(self) -> None:
        """Hear the one subscription that the address asks for, as if it had come in a frame."""
        table = self._request.match_info.get("table")
        if table is not None:
            for effect in self._conversation.hear(frame_of(table, self._request.query)):
                await self._do(effect)

    async def _listen(self) -> None:
        async for message in self._ws:
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return
            for effect in self._conversation.hear(message.data):
                await self._do(effect)

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._out is not None:
            self._out.close()
        for task in self._tasks:
            task.cancel()
        for following in list(self._following.values()):
            following.stop()
        self._following.clear()

    # ── effects ──────────────────────────────────────────────────────────────────────────────

    async def _do(self, effect: Effect) -> None:
        match effect:
            case Say(frame):
                self._put(said(frame))
            case Close(code, reason):
                await self._say_and_close(code, reason)
            case Authenticate(token):
                await self._authenticate(token)
            case Subscribe(id_, request):
                put = self._put if self._out is None else self._out.put
                following = Following(
                    id_, request, self._caller, self._context, self._capture, self._cursors, put, self._ended
                )
                self._following[id_] = following
                self._spawn(following.start())
            case Unsubscribe(id_):
                self._following.pop(id_).stop()
            case _:
                assert_never(effect)

    async def _authenticate(self, token: str) -> None:
        """Who carries the token is the caller from now on; on an open socket the same subject renews it."""
        headers = {**self._request.headers, "Authorization": f"Bearer {token}"}
        try:
            principal = self._context.authenticate(self._request.clone(headers=headers))
        except ReflectorError as error:
            self._put(said(error_frame(error)))
            await self._do(self._conversation.refused())
            return
        known = self._principal
        if known is not None and not known.anonymous and known.subject != principal.subject:
            self._put(said(error_frame(Forbidden("the token is another subject's: open another socket for it"))))
            return
        self._principal = principal
        self._set_timer()
        self._put(said({"type": "authenticated"}))
        self._conversation.authenticated()
        for following in list(self._following.values()):
            following.put_anew()
        if known is None:
            await self._subscribe_by_address()

    def _caller(self) -> Principal:
        if self._principal is None:
            raise Unauthenticated("a credential is required")
        return self._principal

    def _ended(self, id_: str) -> None:
        self._conversation.ended(id_)
        self._following.pop(id_, None)

    # ── time ─────────────────────────────────────────────────────────────────────────────────

    def _set_timer(self) -> None:
        """Until the credential ends, or one must have come."""
        if self._timer is not None:
            self._timer.cancel()
        ends = self._ends_in()
        if ends is not None:
            self._timer = asyncio.get_running_loop().call_later(min(max(ends, 0.0), LONGEST_TIMER), self._look_at_time)

    def _ends_in(self) -> float | None:
        """Seconds until the credential ends, None for one without end."""
        if self._principal is None:
            return AUTH_SECONDS
        ends = self._principal.claims.get("exp")
        return None if not isinstance(ends, int | float) else ends - time.time()

    def _look_at_time(self) -> None:
        if self._principal is None:
            self._spawn(self._do(self._conversation.refused()))
            return
        ends = self._ends_in()
        if ends is not None and ends > 0:
            self._set_timer()
            return
        for following in list(self._following.values()):
            following.stop()
        self._spawn(self._do(self._conversation.expired()))

    # ── out ──────────────────────────────────────────────────────────────────────────────────

    def _put(self, frame: bytes) -> None:
        if self._out is not None:
            self._out.put(frame)

    def _caught_up(self) -> None:
        """What waited for a slow reader was dropped; now they read again."""
        hub = self._capture.running
        if hub is not None:
            for following in self._following.values():
                following.resync(hub.head, "you read more slowly than the table changed")

    def _hopeless(self) -> None:
        for following in list(self._following.values()):
            following.stop()
        self._spawn(self._close(WSCloseCode.TRY_AGAIN_LATER, b"you read too slowly"))

    async def _say_and_close(self, code: int, reason: str) -> None:
        if self._out is not None:
            self._out.flush()
        await self._close(code, reason.encode())

    async def _close(self, code: int, reason: bytes) -> None:
        """Say goodbye, and hang up on who does not answer."""
        try:
            await asyncio.wait_for(self._ws.close(code=code, message=reason), 2 * CLOSE_SECONDS)
        except TimeoutError:
            if self._request.transport is not None:
                self._request.transport.abort()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        """A fault that nobody foresaw ends the socket: its client would wait for ever."""
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            LOG.error("a socket ends", exc_info=fault)
            if self._request.transport is not None:
                self._request.transport.abort()
