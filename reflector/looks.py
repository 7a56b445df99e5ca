"""Looks at the schema that requests cause: one for all who ask at a time, and one a second at most.

A function of the database may raise what only a changed schema should, as often as its caller likes.

Rule: who met something that is not there is told of a look that began afterwards, however long that takes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

SECONDS: Final = 1.0
"""From the beginning of one look to that of the next."""


class Looks:
    """`lock` is held while the schema is looked at, for whatever reason."""

    def __init__(self, lock: asyncio.Lock) -> None:
        self._lock = lock
        self._began = -SECONDS

    async def look(self, changed: Callable[[], bool], refresh: Callable[[], Awaitable[bool]]) -> bool:
        """Whether the schema has changed since the caller met it; `changed` says so of what is known already."""
        asked = time.monotonic()
        async with self._lock:
            if changed():
                return True
            if asked < self._began:
                return False
            await asyncio.sleep(max(0.0, self._began + SECONDS - time.monotonic()))
            self._began = time.monotonic()
            return await refresh()
