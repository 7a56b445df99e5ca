"""The deliveries of all webhooks: one for each that the configuration names, told of what was written for it.

Rule: what waits for one webhook is bounded; where it is too much, all of it is given up, and its receiver told so.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final

from server.config import Config
from server.webhooks.delivery import TOO_MUCH, Delivery, Desk, Standing
from server.webhooks.posting import Posting
from server.webhooks.spool import Event

LOG: Final = logging.getLogger("reflector.webhooks")


class Deliveries:
    """None at first. `size`: bytes that may wait for one webhook; `spawn` has something done beside."""

    def __init__(
        self, size: int, standings: dict[str, Standing], spawn: Callable[[Coroutine[Any, Any, None]], object]
    ) -> None:
        self.size = size
        self._standings = standings
        self._spawn = spawn
        self._posting = Posting()
        self._each: dict[str, Delivery] = {}

    async def arrange(self, config: Config, desk: Desk) -> None:
        """One delivery for each webhook, by what the configuration says of it now."""
        others = [name for name, each in self._each.items() if config.webhooks.get(name) != each.said]
        await asyncio.gather(*(self._each.pop(name).close() for name in others))
        for name in others:
            self._standings[name].silent = ""
            if name not in config.webhooks:
                del self._standings[name]
        for name, said in config.webhooks.items():
            if name not in self._each:
                self._each[name] = Delivery(name, said, desk, self._posting, self._standings[name])

    def wrote(self, events: Iterable[Event]) -> None:
        """These wait now; where they are too many, what waits is given up."""
        for event in events:
            standing = self._standings.get(event.webhook)
            if standing is not None:
                standing.waiting = standing.waiting.grown(event)
        for name in dict.fromkeys(event.webhook for event in events):
            delivery = self._each.get(name)
            if delivery is None:
                continue
            if delivery.standing.waiting.size > self.size:
                self._spawn(self._overflown(delivery))
            delivery.more.set()

    async def _overflown(self, delivery: Delivery) -> None:
        if delivery.standing.waiting.size <= self.size:
            return  # it was given up meanwhile
        try:
            await delivery.give_up("more waits than changes.spool.size allows", TOO_MUCH)
        except sqlite3.Error as fault:
            LOG.warning("webhook %s: the file of what waits cannot be used: %s", delivery.name, fault)
        delivery.more.set()

    async def close(self) -> None:
        """Send nothing any more."""
        await asyncio.gather(*(each.close() for each in self._each.values()))
        await self._posting.close()
