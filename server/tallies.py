"""Buckets that the processes of one machine take of together: whatever one takes, the others take as well.

For what is counted seldom and must not be had once more from each process: credentials that do not hold, wrong passwords. What
is asked with every request is counted in Redis, or by each process for itself (`rates`).

Rule: before a bucket is looked at, what the others took is heard. Where messages were lost some of what was taken is not
known here; a bucket is never fuller for it than it would be in a process of its own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from server.config.rates import Rate
from server.rates import Buckets, Standing
from server.siblings import Topic


class ToldBuckets(Buckets):
    """Those of all workers, told by this topic."""

    def __init__(self, topic: Topic, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._topic = topic
        topic.hear(self._heard, _missed)

    def look(self, name: str, rate: Rate) -> Standing:
        self._topic.siblings.catch_up()
        return super().look(name, rate)

    def take(self, name: str, rate: Rate, amount: int) -> Standing:
        self._topic.siblings.catch_up()
        standing = super().take(name, rate, amount)
        if standing.granted:
            self._tell(name, rate, amount)
        return standing

    def give_back(self, name: str, rate: Rate, amount: int) -> None:
        super().give_back(name, rate, amount)
        self._tell(name, rate, -amount)

    def _tell(self, name: str, rate: Rate, amount: int) -> None:
        self._topic.tell(json.dumps((name, rate.count, rate.seconds, amount)).encode())

    def _heard(self, message: bytes) -> None:
        name, count, seconds, amount = json.loads(message)
        rate = Rate(count, seconds)
        if amount < 0:
            super().give_back(name, rate, -amount)
        else:
            super().take(name, rate, min(amount, super().look(name, rate).left))


def _missed() -> None:
    """Nobody knows what: who is refused from here on is counted again."""
