"""Finished documents by what they depend on, and one builder for many who wait.

Rule: the cache is bounded in bytes; one document is built at a time, and whoever stops waiting stops nobody else.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Final

CAPACITY: Final = 64 * 1024 * 1024


class Documents:
    """Bytes by key, the least recently used dropped first. One document larger than the capacity is still kept."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self.size = 0
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()
        self._building: dict[Hashable, asyncio.Task[bytes]] = {}
        self._turn = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    async def get(self, key: Hashable, build: Callable[[], Awaitable[bytes]]) -> bytes:
        """The document of that key; built when there is none, once for all who ask meanwhile."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found
        task = self._building.get(key)
        if task is None:
            task = self._building[key] = asyncio.create_task(self._build(key, build), name="reflector-openapi")
            task.add_done_callback(lambda done: self._finished(key, done))
        return await asyncio.shield(task)

    async def _build(self, key: Hashable, build: Callable[[], Awaitable[bytes]]) -> bytes:
        async with self._turn:
            built = await build()
        self._keep(key, built)
        return built

    def _keep(self, key: Hashable, built: bytes) -> None:
        self._kept[key] = built
        self.size += len(built)
        while self.size > self.capacity and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self.size -= len(dropped)

    def _finished(self, key: Hashable, task: asyncio.Task[Any]) -> None:
        """A failure belongs to those who wait; it is taken note of here in case that nobody does any more."""
        del self._building[key]
        if not task.cancelled():
            task.exception()
