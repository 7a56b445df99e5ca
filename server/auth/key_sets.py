"""The keys of an issuer: those of the configuration, or those that the issuer publishes and changes.

    nothing fetched so far     tokens cannot be judged: 503, and readiness is degraded
    fetched                    looked at again when the issuer's `max-age` says, from one minute to one hour
    an unknown `kid`           fetched at once, but for all of them together once in 30 s
    the issuer is away         the keys that were fetched serve on; readiness is degraded
    a key is gone from them    tokens it signed are refused from the next look on, remembered ones too

Rule: what callers write never decides what is asked of an issuer, and hardly when.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from server.auth.outbound import Answered, Away, Outbound
from server.auth.token_keys import SigningKey, published_keys
from server.problems import IdentityUnavailable

LOG: Final = logging.getLogger("reflector.server")
USUAL_SECONDS: Final = 600.0
LEAST_SECONDS: Final = 60.0
MOST_SECONDS: Final = 3600.0
SOUGHT_SECONDS: Final = 30.0
QUICK_SECONDS: Final = 1.0
RETRY_SECONDS: Final = (1.0, 2.0, 5.0, 10.0, 30.0)
UNKNOWN: Final = "the keys of the issuer could not be fetched so far"
MAX_AGE: Final = re.compile(r"(?:^|[,\s])max-age=\"?([0-9]{1,9})")


class KeySet(Protocol):
    """The keys of one issuer."""

    @property
    def keys(self) -> tuple[SigningKey, ...]:
        """Those that are known; raises IdentityUnavailable while none are."""

    @property
    def degraded(self) -> bool:
        """Whether they could not be looked at when they should."""

    def tell(self, changed: Callable[[], None]) -> None:
        """Call this whenever the keys are others than before."""

    def follow(self, before: KeySet) -> None:
        """Know the keys that were fetched from the same place under the configuration before."""

    async def sought(self) -> bool:
        """A token names a key that is not there: whether there are others now than before."""

    async def start(self) -> None: ...

    async def close(self) -> None: ...


class FixedKeys:
    """Keys of the configuration."""

    degraded = False

    def __init__(self, keys: tuple[SigningKey, ...]) -> None:
        self.keys = keys

    def tell(self, changed: Callable[[], None]) -> None:
        """They never change."""

    def follow(self, before: KeySet) -> None:
        """They are those of the configuration that holds."""

    async def sought(self) -> bool:
        return False

    async def start(self) -> None:
        """They are there."""

    async def close(self) -> None:
        """They need nothing."""


class FetchedKeys:
    """Keys that an issuer publishes under `url`. `steady` gives seconds of a clock that does not jump."""

    def __init__(self, url: str, outbound: Outbound, steady: Callable[[], float] = time.monotonic) -> None:
        self._url, self._outbound, self._steady = url, outbound, steady
        self._name = url.partition("?")[0]
        self._changed: Callable[[], None] = lambda: None
        self._keys: tuple[SigningKey, ...] = ()
        self._known: object = None
        self._away: str | None = None
        self._sought = float("-inf")
        self._fetching: asyncio.Task[float] | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def keys(self) -> tuple[SigningKey, ...]:
        if not self._keys:
            raise IdentityUnavailable(UNKNOWN)
        return self._keys

    @property
    def degraded(self) -> bool:
        return self._away is not None or not self._keys

    def tell(self, changed: Callable[[], None]) -> None:
        self._changed = changed

    def follow(self, before: KeySet) -> None:
        if isinstance(before, FetchedKeys):
            self._go_on(before)

    def _go_on(self, before: FetchedKeys) -> None:
        if before._url == self._url:
            self._keys, self._known = before._keys, before._known
            self._away, self._sought = before._away, before._sought

    async def sought(self) -> bool:
        """Raises IdentityUnavailable where there are no keys at all."""
        before, now = self._known, self._steady()
        if self._fetching is not None or now - self._sought >= SOUGHT_SECONDS:
            if self._fetching is None:
                self._sought = now
            with contextlib.suppress(Away):
                await asyncio.shield(self._fetch())
        if not self._keys:
            raise IdentityUnavailable(UNKNOWN)
        return self._known != before

    async def start(self) -> None:
        """Begin to look. Who is quick to answer is waited for, so that the first token finds keys."""
        first = self._fetch()
        self._watching = asyncio.create_task(self._watch(first), name="reflector-issuer-keys")
        await asyncio.wait([first], timeout=QUICK_SECONDS)

    async def close(self) -> None:
        running = [each for each in (self._watching, self._fetching) if each is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _watch(self, look: asyncio.Task[float]) -> None:
        """Look again and again: as the issuer says where it answers, soon where it does not."""
        failed = 0
        while True:
            try:
                wait = await asyncio.shield(look)
                failed = 0
            except Away:
                wait = RETRY_SECONDS[min(failed, len(RETRY_SECONDS) - 1)]
                failed += 1
            await asyncio.sleep(wait)
            look = self._fetch()

    def _fetch(self) -> asyncio.Task[float]:
        """The look that is under way, or a new one; its result is for how many seconds the keys are fresh."""
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetched())
            self._fetching.add_done_callback(self._looked)
        return self._fetching

    def _looked(self, _: asyncio.Task[float]) -> None:
        self._fetching = None

    async def _fetched(self) -> float:
        try:
            answer = await self._outbound.ask("GET", self._url)
            self._take(answer)
        except Away as away:
            if self._away is None:
                LOG.warning("keys of %s: %s; those known before serve on", self._name, away)
            self._away = str(away)
            raise
        if self._away is not None:
            LOG.info("keys of %s: fetched again", self._name)
        self._away = None
        return fresh_seconds(answer.headers)

    def _take(self, answer: Answered) -> None:
        if answer.status != 200:
            raise Away(f"the answer is {answer.status}")
        document = answer.json()
        try:
            keys = published_keys(document)
        except ValueError as fault:
            raise Away(str(fault)) from fault
        if self._known is None:
            self._sought = float("-inf")  # the first keys were no search for others
        if document["keys"] != self._known:
            self._keys, self._known = keys, document["keys"]
            self._changed()


def fresh_seconds(headers: Mapping[str, str]) -> float:
    """For how long an issuer says that its keys stay as they are, within reason."""
    said = MAX_AGE.search(headers.get("Cache-Control", "").lower())
    return min(max(float(said[1]), LEAST_SECONDS), MOST_SECONDS) if said else USUAL_SECONDS
