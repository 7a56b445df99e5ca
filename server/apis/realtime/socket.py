"""One socket: what its client sends becomes effects, what the hub tells becomes frames, and it never outlives its
credential.

    4401    a credential is required, or has ended      1012    the server restarts: go on with the cursor in the reason
    4429    whoever signs in has too many sockets open
    1013    read too slowly, or nobody could be asked   1009    a frame of more than 64 KiB
            whether the credential still holds

A credential is asked for again and again for as long as the socket lasts, whatever its kind: one that was withdrawn ends it.

Rule: everything that decides is elsewhere: the protocol in `conversation`, the rules in the core. This acts.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final, assert_never

from aiohttp import WSCloseCode, WSMsgType, web

from reflector.access.principal import Principal
from reflector.capture import Capture
from reflector.errors import Forbidden, ReflectorError, Unauthenticated
from server.apis.realtime.conversation import (
    TOO_MANY,
    Authenticate,
    Close,
    Conversation,
    Effect,
    Say,
    Subscribe,
    Unsubscribe,
)
from server.apis.realtime.following import Following
from server.apis.realtime.frames import ChangeCursors, error_frame, said
from server.apis.realtime.one_table import frame_of
from server.apis.realtime.outbound import Outbound, Ticker
from server.apis.realtime.seats import Seat
from server.context import Authenticate as Knowing
from server.context import Context, Credential
from server.problems import RateExceeded, TooManySockets, status_of
from server.traced import upgraded

LOG: Final = logging.getLogger("reflector.server")
FRAME_BYTES: Final = 64 * 1024
AUTH_SECONDS: Final = 10.0
HEARTBEAT_SECONDS: Final = 30.0
CLOSE_SECONDS: Final = 2.0
ASKED_AGAIN_SECONDS: Final = 5.0
"""How often it is asked whether a credential still holds; mostly memory knows."""
DOUBTED_SECONDS: Final = 60.0
"""For how long a socket stays open while nobody can be asked."""


class Socket:
    """Serves one client until one of both ends it."""

    def __init__(
        self,
        request: web.Request,
        present: Callable[[], Context],
        capture: Capture,
        cursors: ChangeCursors,
        ticker: Ticker,
        seat: Seat,
    ) -> None:
        self._request = request
        self._seat = seat
        self._ticker = ticker
        self._present = present
        self._capture = capture
        self._cursors = cursors
        self._ws = web.WebSocketResponse(
            heartbeat=HEARTBEAT_SECONDS, max_msg_size=FRAME_BYTES, compress=False, timeout=CLOSE_SECONDS
        )
        self._principal: Principal | None = None
        self._credential: Credential | None = None
        self._surely = 0.0
        self._following: dict[str, Following] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._out: Outbound | None = None
        self._conversation = Conversation(known=False)

    async def serve(self) -> web.WebSocketResponse:
        """The whole of it. Raises what a bad credential at the upgrade raises."""
        authenticate = await self._met()
        try:
            self._principal = authenticate(self._request)
            self._credential = authenticate.carried(self._request)
        except Unauthenticated:
            if authenticate.carried(self._request) is not None:
                raise
        self._seat.of_caller(self._principal, self._present().limits(()))
        self._conversation = Conversation(known=self._principal is not None)
        await self._ws.prepare(self._request)
        upgraded()
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

    async def _met(self) -> Knowing:
        """What knows now who calls: what the gate was told may be another configuration's, which nobody moves from here."""
        while True:
            authenticate = self._present().authenticate
            waiting = authenticate.waiting(self._request)
            if waiting is not None:
                await waiting
            if authenticate is self._present().authenticate:
                return authenticate

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
            if not await self._paid():
                continue
            for effect in self._conversation.hear(message.data):
                await self._do(effect)

    async def _paid(self) -> bool:
        """Whether the frame is within what its sender may send; what is not is not listened to."""
        rates = self._present().rates
        if rates is None:
            return True
        try:
            await rates.charge_caller(self._request, self._principal or Principal(anonymous=True))
        except RateExceeded as error:
            self._put(said(error_frame(error)))
            return False
        return True

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
                    id_, request, self._caller, self._present, self._capture, self._cursors, put, self._ended
                )
                self._following[id_] = following
                self._spawn(following.start())
            case Unsubscribe(id_):
                self._following.pop(id_).stop()
            case _:
                assert_never(effect)

    async def _authenticate(self, token: str) -> None:
        """Who carries the token is the caller from now on; on an open socket the same subject renews it, or somebody signs in
        to the program whose key opened it."""
        authenticate, held = self._present().authenticate, self._credential
        credential = authenticate.joined(token, held)
        try:
            principal = await authenticate.proved(credential, self._request)
        except ReflectorError as error:
            self._put(said(error_frame(error)))
            await self._do(self._conversation.refused())
            return
        known = self._principal
        signs_in = held is not None and credential.beside is held
        if known is not None and not (known.anonymous or signs_in or _same_subject(known, principal)):
            self._put(said(error_frame(Forbidden("the token is another subject's: open another socket for it"))))
            return
        try:
            self._seat.of_caller(principal, self._present().limits(()))
        except TooManySockets as error:
            self._put(said(error_frame(error)))
            await self._say_and_close(TOO_MANY, "too many sockets")
            return
        self._principal, self._credential = principal, credential
        self._set_timer()
        self._put(said({"type": "authenticated"}))
        self._conversation.authenticated()
        for following in list(self._following.values()):
            following.put_anew()
        if known is None:
            await self._subscribe_by_address()

    def move(self) -> None:
        """Another configuration holds: whoever is known is asked again who they are."""
        if self._credential is not None:
            self._spawn(self._ask_again(self._credential))
        elif self._principal is not None:
            self._spawn(self._ask_without_credential())

    async def _ask_without_credential(self) -> None:
        """Who calls without a credential now; nobody, perhaps."""
        authenticate = self._present().authenticate
        waiting = authenticate.waiting(self._request)
        if waiting is not None:
            await waiting
        try:
            principal = authenticate(self._request)
        except ReflectorError:
            self._expire()
            return
        if principal != self._principal and self._credential is None:
            self._principal = principal
            for following in list(self._following.values()):
                following.put_anew()

    def _caller(self) -> Principal:
        if self._principal is None:
            raise Unauthenticated("a credential is required")
        return self._principal

    def _ended(self, id_: str) -> None:
        self._conversation.ended(id_)
        self._following.pop(id_, None)

    # ── time ─────────────────────────────────────────────────────────────────────────────────

    def _set_timer(self) -> None:
        """Until the credential ends or is asked for again, or one must have come."""
        self._surely = time.monotonic()
        self._look_again()

    def _look_again(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        wait = AUTH_SECONDS if self._principal is None else self._lasts()
        if wait is not None:
            self._timer = asyncio.get_running_loop().call_later(max(wait, 0.0), self._look_at_time)

    def _lasts(self) -> float | None:
        """For how many seconds nothing can happen to the credential, None where there is none."""
        until = self._principal.until if self._principal is not None else None
        left = None if until is None else until - time.time()
        if self._credential is None:
            return left
        return ASKED_AGAIN_SECONDS if left is None else min(left, ASKED_AGAIN_SECONDS)

    def _look_at_time(self) -> None:
        if self._principal is None:
            self._spawn(self._do(self._conversation.refused()))
            return
        lasts = self._lasts()
        if lasts is None or lasts <= 0:
            self._expire()
        elif self._credential is not None:
            self._spawn(self._ask_again(self._credential))

    async def _ask_again(self, credential: Credential) -> None:
        """Whether the credential still holds, and for whom. It may be another one by the time of the answer."""
        doubted = None
        try:
            principal = await self._present().authenticate.proved(credential, self._request)
        except ReflectorError as error:
            principal, doubted = None, status_of(error) >= 500
        if credential is not self._credential:
            return
        if principal is not None and self._principal is not None and _same_subject(self._principal, principal):
            changed, self._principal = self._principal != principal, principal
            self._set_timer()
            for following in list(self._following.values()) if changed else ():
                following.put_anew()
        elif not doubted:
            self._expire()
        elif time.monotonic() - self._surely < DOUBTED_SECONDS:
            self._look_again()
        else:
            await self._close(WSCloseCode.TRY_AGAIN_LATER, b"nobody can be asked whether the credential holds")

    def _expire(self) -> None:
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


def _same_subject(one: Principal, other: Principal) -> bool:
    return (one.subject, one.issuer, one.method) == (other.subject, other.issuer, other.method)
