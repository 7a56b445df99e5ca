"""Other servers of the same database, heard and told through Redis: which tables were written, and nothing else.

    channel   reflector:changed:<hash of the database's kind and name>
    message   as `messages` has it

Nothing is stored in Redis: no answer, no version, no row. A message can only make a kept answer end early, so what is
forged or garbled costs a question to the database and tells nobody anything.

Rule: what was not heard is assumed to have been written. A ping on the listening connection says until when everything
was heard; without its answer nothing older than a second is shown, and whenever listening begins anew, all is forgotten.
"""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from hashlib import blake2b
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from reflector.secret import Secret
from reflector.versions import TableName
from server.cache.answers import UNHEARD_SECONDS, AnswerCache
from server.cache.messages import message, read_message

LOG: Final = logging.getLogger("reflector.cache")
PING_SECONDS: Final = 0.25
SILENCE_SECONDS: Final = 2.0
"""After so long without an answer to a ping the connection is given up."""
AGAIN_SECONDS: Final = 0.25
START_SECONDS: Final = 2.0
"""How long a server waits for Redis before it serves without."""
FAULTS: Final = (RedisError, OSError, TimeoutError)

Tables = frozenset[TableName]


def channel_of(kind: str, database: str) -> str:
    """The channel of all servers of one database, whatever its schema, their rules and the way they reach it."""
    return "reflector:changed:" + fingerprint_of(kind, database)


def fingerprint_of(kind: str, database: str) -> str:
    """What stands for a database in Redis."""
    return blake2b(f"{kind}\0{database}".encode(), digest_size=16).hexdigest()


class RedisOthers:
    """The other servers. `garbled` counts messages that could not be read."""

    def __init__(
        self, url: Secret, channel: str, cache: AnswerCache, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.garbled = 0
        self._url = url
        self._channel = channel
        self._cache = cache
        self._clock = clock
        self._own = secrets.token_hex(8)
        self._heard_at = -math.inf
        self._pending: Tables | None = frozenset()
        self._doubt = 0.0
        self._work = asyncio.Event()
        self._tried = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._away: bool | None = None

    # ── what the cache asks ──────────────────────────────────────────────────────────────────

    def heard(self) -> bool:
        return self._clock() - self._heard_at <= UNHEARD_SECONDS

    def tell(self, tables: Collection[TableName] | None, doubt: float) -> None:
        self._pending = None if tables is None or self._pending is None else self._pending | frozenset(tables)
        self._doubt = max(self._doubt, doubt)
        self._work.set()

    @property
    def degraded(self) -> bool:
        """Whether the other servers are not heard."""
        return not self.heard()

    # ── running ──────────────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Listen and tell from now on; returns when others are heard, or when it has been tried."""
        self._tasks = [
            asyncio.create_task(self._again(self._listen), name="reflector-others-heard"),
            asyncio.create_task(self._again(self._publish), name="reflector-others-told"),
        ]
        with suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                await self._tried.wait()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _again(self, work: Callable[[Redis], Any]) -> None:
        """Do the work for as long as Redis is there, and begin anew whenever it comes back."""
        while True:
            client = Redis.from_url(
                self._url.reveal(),
                socket_connect_timeout=SILENCE_SECONDS,
                socket_timeout=SILENCE_SECONDS,
                retry=Retry(NoBackoff(), 0),
                max_connections=2,
            )
            try:
                await work(client)
            except FAULTS as error:
                self._lost(error)
            finally:
                with suppress(*FAULTS):
                    await client.aclose()
            await asyncio.sleep(AGAIN_SECONDS)

    # ── listening ────────────────────────────────────────────────────────────────────────────

    async def _listen(self, client: Redis) -> None:
        listening = client.pubsub()
        try:
            await listening.subscribe(self._channel)
            await self._hear(listening)
        finally:
            self._heard_at = -math.inf
            with suppress(*FAULTS):
                await listening.aclose()  # type: ignore[no-untyped-call]

    async def _hear(self, listening: PubSub) -> None:
        pinged, answered = -math.inf, self._clock()
        while True:
            now = self._clock()
            if now - answered > SILENCE_SECONDS:
                raise TimeoutError("Redis does not answer")
            if now - pinged >= PING_SECONDS:
                pinged = now
                await listening.ping(repr(now))
            message = await listening.get_message(timeout=PING_SECONDS)
            kind = None if message is None else message["type"]
            if kind == "pong":
                answered = self._clock()
                self._returned(float(message["data"]))
            elif kind == "message":
                self._take(message["data"])
            elif kind == "subscribe":
                # Also when the client has connected anew without a word: what was said in between was not heard.
                self._heard_at = -math.inf
                self._cache.forget()

    def _returned(self, until: float) -> None:
        """Everything that was said before `until` has been heard."""
        self._heard_at = until
        if self._away is not False:
            LOG.info("Redis is there: other servers are heard")
            self._away = False
        self._tried.set()

    def _lost(self, error: Exception) -> None:
        self._tried.set()
        if self._away is not True:
            LOG.warning(
                "Redis is away (%s): answers are kept for a second at most until it is back", type(error).__name__
            )
            self._away = True

    def _take(self, data: bytes) -> None:
        try:
            said = read_message(data)
        except (ValueError, TypeError, KeyError):
            self.garbled += 1
            self._cache.changed(None)
            return
        if said.sender != self._own:
            self._cache.changed(said.tables, said.doubt)

    # ── telling ──────────────────────────────────────────────────────────────────────────────

    async def _publish(self, client: Redis) -> None:
        """Tell what was written, all that waits at once; what could not be told waits until it can."""
        while True:
            await self._work.wait()
            self._work.clear()
            tables, doubt = self._pending, self._doubt
            self._pending, self._doubt = frozenset(), 0.0
            if tables is not None and not tables:
                continue
            try:
                await client.publish(self._channel, message(self._own, tables, doubt))
            except BaseException:
                self.tell(tables, doubt)
                raise
