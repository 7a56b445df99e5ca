"""Answers fetched anew behind the callers who are shown the old one.

    it succeeds                         the new answer is kept in place of the old one
    nobody could answer (503, 504 …)    the old one is shown on until its end; a second later it is tried again
    the answer is another one (404 …)   that is news of the rows: the old one is shown no more
    nobody foresaw how it fails         the old one is shown no more, and the log has the traceback: whoever asks next meets it again

Rule: of each answer one is fetched at a time, of all together so many that callers find connections; whatever fails here fails
no request.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from reflector.errors import InternalError, ReflectorError, SchemaChanged
from server.cache.memory import Entry
from server.cache.question import Key
from server.problems import OwnWords, status_of

LOG: Final = logging.getLogger("reflector.cache")
AT_ONCE: Final = 8
AGAIN_SECONDS: Final = 1.0
UNANSWERED: Final = 500
"""Statuses from here on tell that nobody could answer, and nothing of rows."""

Fetch: TypeAlias = Callable[[], Awaitable[object]]


class Renewals:
    """Those under way. `clock` in seconds; `drop` forgets what is kept under a key, if it is still that entry."""

    def __init__(self, clock: Callable[[], float], drop: Callable[[Key, Entry], None]) -> None:
        self.failed = 0
        self._clock, self._drop = clock, drop
        self._running: dict[Key, asyncio.Task[None]] = {}

    def begin(self, key: Key, entry: Entry, fetch: Fetch) -> None:
        """Have the answer fetched, unless it is being fetched, or could not be a moment ago."""
        if key in self._running or len(self._running) >= AT_ONCE or self._clock() < entry.again:
            return
        task = asyncio.get_running_loop().create_task(self._renewed(key, entry, fetch), name="reflector-renewal")
        self._running[key] = task
        task.add_done_callback(lambda _: self._running.pop(key, None))

    async def _renewed(self, key: Key, entry: Entry, fetch: Fetch) -> None:
        try:
            await fetch()
        except Exception as error:  # noqa: BLE001 - each API raises its own
            self._failed(key, entry, error)

    def _failed(self, key: Key, entry: Entry, error: Exception) -> None:
        known = _known(error)
        if known is None and not isinstance(error, OwnWords):
            self.failed += 1
            LOG.error("a kept answer could not be fetched anew, and is shown no more", exc_info=error)
        if known is None or isinstance(known, SchemaChanged) or status_of(known) < UNANSWERED:
            self._drop(key, entry)
            return
        self.failed += 1
        entry.again = self._clock() + AGAIN_SECONDS
        message = "a kept answer could not be fetched anew, and is shown until its end: %s"
        # A fault of ours is looked for where it happened; of the others the code says all.
        LOG.warning(message, known.code, exc_info=error if isinstance(known, InternalError) else None)

    async def close(self) -> None:
        """End what is under way."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _known(error: BaseException | None) -> ReflectorError | None:
    """What it was before an API put it into its own words."""
    while error is not None and not isinstance(error, ReflectorError):
        error = error.__cause__
    return error
