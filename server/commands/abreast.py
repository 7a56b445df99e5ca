"""An order to read the configuration again is carried out by all workers before it is answered, or names who did not.

    asked     read, and tell the siblings           b"read 7f3a…"
    sibling   reads, and tells what came of it      b"7f3a… 2 +"     or `-` where it could not be taken

Rule: nobody is said to have followed who has not begun to read after the order came; whoever was not heard of in time has
not, and is told by signal besides.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from server.config import ConfigError
from server.telemetry.exposition import Worker

TOPIC: Final = b"reload"
READ: Final = b"read"
TAKEN: Final = b"+"
REFUSED: Final = b"-"
PATIENCE_SECONDS: Final = 10.0
"""For how long siblings are waited for."""


@dataclass(slots=True, eq=False)
class Order:
    """One order: who has not been heard of yet, and who could not follow."""

    waiting: set[int]
    refused: set[int] = field(default_factory=set)
    heard: asyncio.Event = field(default_factory=asyncio.Event)


class Abreast:
    """One worker among its siblings. `reload` reads in this process alone, and raises ConfigError."""

    def __init__(self, worker: Worker, reload: Callable[[], Awaitable[object]]) -> None:
        self._number, self._others, self._reload = worker.number, worker.others, reload
        self._topic = worker.siblings.topic(TOPIC)
        self._topic.hear(self._heard, _missed)
        self._orders: dict[bytes, Order] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def follow(self) -> tuple[int, ...]:
        """Have the siblings read; the numbers of those that did not, or not in time."""
        name, order = secrets.token_hex(8).encode(), Order(set(self._others))
        self._orders[name] = order
        try:
            self._topic.tell(READ + b" " + name)
            with suppress(TimeoutError):
                await asyncio.wait_for(order.heard.wait(), PATIENCE_SECONDS if order.waiting else 0)
            return tuple(sorted(order.waiting | order.refused))
        finally:
            del self._orders[name]

    def _heard(self, message: bytes) -> None:
        first, *rest = message.split(b" ")
        if first == READ:
            task = asyncio.ensure_future(self._obey(rest[0]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif (order := self._orders.get(first)) is not None:
            number = int(rest[0])
            order.waiting.discard(number)
            if rest[1] != TAKEN:
                order.refused.add(number)
            if not order.waiting:
                order.heard.set()

    async def _obey(self, name: bytes) -> None:
        taken = REFUSED
        with suppress(ConfigError):  # it was told, and is told by readiness until it is put right
            await self._reload()
            taken = TAKEN
        self._topic.tell(b" ".join((name, str(self._number).encode(), taken)))


def _missed() -> None:
    """Whoever ordered does not hear of this worker, and has it told by signal."""
