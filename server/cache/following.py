"""Listening to captured changes, where the database has what capturing needs.

Without it answers are kept for their `ttl`, and own writes end them at once; with it, everybody's do.

Rule: a table counts as heard only while capturing runs and misses nothing; what cannot be told is taken to be missed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Final, Protocol

from reflector.errors import ReflectorError
from reflector.versions import TableName
from server.cache.answers import AnswerCache, Touched

LOG: Final = logging.getLogger("reflector.cache")
AGAIN_SECONDS: Final = 10.0
"""How often to look whether changes can be captured by now."""


class Missing(Protocol):
    """What is known of a source: what it does not notice."""

    @property
    def misses(self) -> tuple[str, ...]: ...


class Capture(Protocol):
    """Where changes come from. `active`: whether they are being captured."""

    @property
    def active(self) -> bool: ...

    async def subscribe(
        self, tables: Collection[TableName] | None, callback: Callable[[Touched], None]
    ) -> Callable[[], None]: ...

    async def setup(self) -> Missing: ...


class Following:
    """Has a cache hear of captured changes, from when they can be captured until it is closed."""

    def __init__(self, cache: AnswerCache, capture: Capture) -> None:
        self._cache = cache
        self._capture = capture
        self._whole = False
        self._end: Callable[[], None] | None = None
        self._trying: asyncio.Task[None] | None = None
        cache.covered = self.covers

    def covers(self, _: TableName) -> bool:
        """Whether every change to the table is heard at the moment."""
        return self._whole and self._capture.active

    async def start(self) -> None:
        """Follow now, or as soon as it can be."""
        if not await self._follow(first=True):
            self._trying = asyncio.create_task(self._try(), name="reflector-cache-following")

    async def close(self) -> None:
        if self._trying is not None:
            self._trying.cancel()
            await asyncio.gather(self._trying, return_exceptions=True)
        if self._end is not None:
            self._end()

    async def _try(self) -> None:
        while True:
            await asyncio.sleep(AGAIN_SECONDS)
            if await self._follow(first=False):
                return

    async def _follow(self, *, first: bool) -> bool:
        try:
            self._end = await self._capture.subscribe(None, self._cache.heard)
            self._whole = not (await self._capture.setup()).misses
        except ReflectorError as error:
            if first:
                LOG.info("cached answers hold for their ttl, whoever else writes: %s", error.message)
            return self._end is not None
        self._cache.forget()
        LOG.info("cached answers end with captured changes of any writer")
        return True
