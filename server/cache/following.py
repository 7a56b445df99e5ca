"""Listening to captured changes, where the database has what capturing needs.

Without it answers are kept for their `ttl`, and own writes end them at once; with it, everybody's do.

Rule: a table counts as heard only while capturing runs and is known to notice every change of it; when the schema has
changed, nothing is known until it has been looked at again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Final, Protocol

from reflector.errors import ReflectorError
from reflector.versions import TableName
from server.cache.answers import AnswerCache, Touched

LOG: Final = logging.getLogger("reflector.cache")
AGAIN_SECONDS: Final = 30.0
"""How often to look whether changes can be captured by now, and of which tables."""


class Noticing(Protocol):
    """What is known of a source: the tables of which it notices every change."""

    @property
    def noticed(self) -> frozenset[TableName]: ...


class Capture(Protocol):
    """Where changes come from. `active`: whether they are being captured."""

    @property
    def active(self) -> bool: ...

    async def subscribe(
        self, tables: Collection[TableName] | None, callback: Callable[[Touched], None]
    ) -> Callable[[], None]: ...

    async def setup(self) -> Noticing: ...


class Following:
    """Has a cache hear of captured changes, from when they can be captured until it is closed."""

    def __init__(self, cache: AnswerCache, capture: Capture) -> None:
        self._cache = cache
        self._capture = capture
        self._noticed: frozenset[TableName] = frozenset()
        self._stale = asyncio.Event()
        self._end: Callable[[], None] | None = None
        self._looking: asyncio.Task[None] | None = None
        cache.covered = self.covers
        cache.renewed = self.renew

    def covers(self, table: TableName) -> bool:
        """Whether every change to the table is heard at the moment."""
        return table in self._noticed and self._capture.active

    @property
    def broken(self) -> bool:
        """Whether changes were captured and are not any more."""
        return self._end is not None and not self._capture.active

    def renew(self) -> None:
        """The schema has changed: what was known of the tables may not be true any more."""
        self._noticed = frozenset()
        self._stale.set()

    async def start(self) -> None:
        """Follow now, or as soon as it can be."""
        await self._look(first=True)
        self._looking = asyncio.create_task(self._look_again(), name="reflector-cache-following")

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        if self._end is not None:
            self._end()

    async def _look_again(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(AGAIN_SECONDS):
                    await self._stale.wait()
            await self._look(first=False)

    async def _look(self, *, first: bool) -> None:
        self._stale.clear()
        try:
            if self._end is None:
                self._end = await self._capture.subscribe(None, self._cache.heard)
                self._cache.forget()
                LOG.info("cached answers end with captured changes of any writer")
            noticed = (await self._capture.setup()).noticed
        except ReflectorError as error:
            self._noticed = frozenset()
            if first:
                LOG.info("cached answers hold for their ttl, whoever else writes: %s", error.message)
            return
        if not self._stale.is_set():
            if noticed - self._noticed:
                self._cache.forget()  # of a table that was not heard before, what is kept may be old
            self._noticed = noticed
