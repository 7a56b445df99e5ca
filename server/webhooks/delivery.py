"""The deliveries of one webhook, one after another: what its receiver does not take is sent again, later and later.

    2xx                 taken: the next message
    anything else       sent again after half a second, and twice as long each time up to five minutes, or when Retry-After says
    no 2xx for `retry`  given up: what waits is forgotten, and `resync` is what is delivered from then on
    410                 the receiver wants no more: given up as well, and nothing is sent until there is another `url`

Rule: a receiver that does not answer holds up nobody but itself, and what it will never be told is said aloud, to it as well.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sqlite3
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final, TypeVar

import orjson

from server.config.webhooks import Webhook
from server.webhooks.posting import Attempt, Posting
from server.webhooks.signing import headers_of
from server.webhooks.spool import Event, Message, Spool, Waiting

LOG: Final = logging.getLogger("reflector.webhooks")
FIRST_SECONDS: Final = 0.5
LONGEST_SECONDS: Final = 300.0
LONGEST_ASKED: Final = 3600.0
"""For how long a receiver may ask to be left alone."""
LAST_SECONDS: Final = 2.0
"""How long a message that is being sent may take to be taken when the server ends."""
BROKEN_SECONDS: Final = 1.0
"""How soon the file is tried again when it could not be used."""
GIVEN_UP: Final = "what could not be delivered was given up"
TOO_MUCH: Final = "more changed than could be kept for you"
GONE: Final = "the receiver answered 410"

Result = TypeVar("Result")


@dataclass(slots=True)
class Standing:
    """How one webhook is doing. `given_up`: events that were forgotten undelivered; `silent`: for which reason it is told
    nothing more, "" while it is told; `closed`: which of its tables it is told nothing of, and why."""

    waiting: Waiting = field(default_factory=Waiting)
    delivered: int = 0
    failed: int = 0
    given_up: int = 0
    fault: str = ""
    failing_since: float | None = None
    silent: str = ""
    troubled: bool = False
    closed: dict[str, str] = field(default_factory=dict)

    def gave_up(self, name: str, events: int, why: str) -> None:
        """So many events were forgotten undelivered."""
        self.given_up += events
        self.troubled = True
        LOG.error("webhook %s: %d events are given up undelivered: %s; it will be told to resync", name, events, why)

    @property
    def degraded(self) -> bool:
        """Whether it is told less than it should be."""
        return self.troubled or bool(self.silent or self.closed)


class Desk:
    """The file, and the one thread in which it is used."""

    def __init__(self, spool: Spool, thread: Executor) -> None:
        self.spool = spool
        self._thread = thread

    async def do(self, work: Callable[..., Result], *values: Any) -> Result:
        """Do this with the file; raises sqlite3.Error."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *values)


class Delivery:
    """Delivers until closed. `more` is set when there is something new."""

    def __init__(self, name: str, said: Webhook, desk: Desk, posting: Posting, standing: Standing) -> None:
        self.name = name
        self.said = said
        self.standing = standing
        self.more = asyncio.Event()
        self._desk = desk
        self._posting = posting
        # An address may hold a secret, and is told apart from others by this as well.
        self._address = blake2b(said.url.reveal().encode(), digest_size=16).hexdigest()
        self._idle = asyncio.Event()
        self._ending = False
        self._task = asyncio.create_task(self._run(), name=f"reflector-webhook-{name}")
        self._task.add_done_callback(self._ended)

    async def close(self) -> None:
        """Send nothing more. What is being sent and not taken in a moment will be sent again."""
        self._ending = True
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), LAST_SECONDS)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            LOG.error("webhook %s: nothing is delivered any more", self.name, exc_info=task.exception())
            self.standing.silent = "delivering failed"
            self._idle.set()  # nothing is being sent, and an end of the server need not wait for it

    async def _run(self) -> None:
        while True:
            try:
                self.standing.waiting = await self._desk.do(self._desk.spool.waiting, self.name)
                await self._remember()
                await self._deliver()
            except sqlite3.Error as fault:
                self._idle.set()
                LOG.warning("webhook %s: the file of what waits cannot be used: %s", self.name, fault)
                await asyncio.sleep(BROKEN_SECONDS)

    async def _remember(self) -> None:
        """Whether the receiver wanted no more, perhaps before the server was started."""
        since = await self._desk.do(self._desk.spool.gone, self.name, self._address)
        if since is not None:
            LOG.warning("webhook %s: nothing is sent: %s; another url begins anew", self.name, GONE)
            self.standing.silent, self.standing.failing_since = GONE, since

    async def _deliver(self) -> None:
        """Deliver what waits, and what comes, for as long as the file can be used."""
        tried = 0
        while not self.standing.silent and not self._ending:
            self._idle.set()
            self.more.clear()
            message = await self._desk.do(self._desk.spool.message, self.name, self.said.batch)
            if message is None:
                await self.more.wait()
                continue
            self._idle.clear()
            attempt = await self._attempt(message)
            if attempt.fault is None:
                tried = 0
                await self._taken(message)
                continue
            tried += 1
            await self._refused(message, attempt)
            self._idle.set()
            await asyncio.sleep(wait_of(tried, attempt.after))
        self._idle.set()
        await asyncio.Event().wait()

    async def _attempt(self, message: Message) -> Attempt:
        body = body_of(self.name, message.bodies)
        own = {name: value.reveal() for name, value in self.said.headers.items()}
        signed = headers_of(message.id, body, time.time(), self.said.secret)
        headers = {**own, "Reflector-Webhook": self.name, **signed}
        return await self._posting.post(self.said.url.reveal(), headers, body, self.said.timeout.total_seconds())

    async def _taken(self, message: Message) -> None:
        standing = self.standing
        gone, oldest = await self._desk.do(self._desk.spool.delivered, self.name, message)
        # Where what waited was given up meanwhile, nothing of the message was waiting any more.
        known, size = standing.waiting, message.size if gone else 0
        standing.waiting = Waiting(known.events - gone, known.size - size, oldest)
        standing.delivered += len(message.bodies)
        if standing.failing_since is not None:
            LOG.info("webhook %s: the receiver takes deliveries again", self.name)
        standing.failing_since, standing.fault, standing.troubled = None, "", False

    async def _refused(self, message: Message, attempt: Attempt) -> None:
        since = self._missed(attempt)
        if attempt.gone:
            await self.give_up("the receiver wants to be told nothing more (410)", GIVEN_UP, (self._address, since))
            self.standing.silent = GONE
        elif time.time() - message.since > self.said.retry.total_seconds():
            await self.give_up("it was tried for too long", GIVEN_UP)

    def _missed(self, attempt: Attempt) -> float:
        """Since when nothing is taken."""
        standing, fault = self.standing, attempt.fault or ""
        standing.failed += 1
        if standing.failing_since is None or standing.fault != fault:
            LOG.warning("webhook %s: not delivered, and tried again: %s", self.name, fault)
        standing.failing_since = standing.failing_since or time.time()
        standing.fault = fault
        return standing.failing_since

    async def give_up(self, why: str, said: str, gone: tuple[str, float] | None = None) -> None:
        """Forget what waits, and have the receiver told so instead, when it listens again; not the one that is `gone`, its
        address and since when."""
        event = Event(self.name, time.time(), resync(said))
        lost = (await self._desk.do(self._desk.spool.waiting, self.name)).events
        self.standing.waiting = await self._desk.do(self._desk.spool.replace, event, gone)
        self.standing.gave_up(self.name, lost, why)


def wait_of(tried: int, asked: float | None) -> float:
    """How many seconds until the next attempt."""
    longest = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(tried - 1, 20))
    usual = longest * random.uniform(0.5, 1.0)  # noqa: S311 - it keeps no secret
    return usual if asked is None else max(usual, min(asked, LONGEST_ASKED))


def body_of(name: str, bodies: tuple[bytes, ...]) -> bytes:
    """The body of a message: events that are JSON already."""
    return b'{"webhook":' + orjson.dumps(name) + b',"events":[' + b",".join(bodies) + b"]}"


def resync(reason: str, more: Mapping[str, str] | None = None) -> bytes:
    """An event that says that others cannot be told."""
    return orjson.dumps({"type": "resync", **(more or {}), "reason": reason})
