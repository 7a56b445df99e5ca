"""How often somebody may be wrong about a password, before they have to wait.

    from one address                       20 at once, then one in 3 s
    from one address, about one name       5 at once, then one in 12 s
    about one name, from wherever          100 at once, then one in 36 s

An attempt is counted before its password is looked at, so that many at once are no way around it, and given back if it was right.
(`doubts` counts afterwards and lets others wait meanwhile: there somebody outside judges, and may judge nothing at all.)

Rule: an address is what `server.peers` tells, of IPv6 its network: whoever writes another one into each request is still one. What
is remembered is bounded, and whoever may not try takes no room.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from server.config.rates import Rate
from server.problems import TooManyAttempts
from server.rates import Buckets, network_of

OF_ADDRESS: Final = Rate(20, 60)
OF_BOTH: Final = Rate(5, 60)
OF_NAME: Final = Rate(100, 3600)


class Attempts:
    """Counts failures, in these buckets."""

    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets

    def begin(self, address: str, name: str) -> None:
        """Count an attempt; raises TooManyAttempts where they have to wait."""
        self.look(address, name)
        for bucket, rate in _counted(address, name):
            self._buckets.take(bucket, rate, 1)

    def look(self, address: str, name: str) -> None:
        """Raises TooManyAttempts where an attempt would have to wait, and counts nothing."""
        standings = [self._buckets.look(bucket, rate) for bucket, rate in _counted(address, name)]
        waits = [standing.wait for standing in standings if standing.left < 1]
        if waits:
            raise TooManyAttempts("too many wrong passwords: wait before the next one", retry=max(waits))

    def succeed(self, address: str, name: str) -> None:
        """It was right, and is not counted."""
        for bucket, rate in _counted(address, name):
            self._buckets.give_back(bucket, rate, 1)


def _counted(address: str, name: str) -> Iterator[tuple[str, Rate]]:
    network = network_of(address)
    yield f"address\0{network}", OF_ADDRESS
    yield f"both\0{network}\0{name}", OF_BOTH
    yield f"name\0{name}", OF_NAME
