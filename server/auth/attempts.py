"""How often somebody may be wrong about a password, before they have to wait.

    from one address                       20 at once, then one in 3 s
    from one address, about one name       5 at once, then one in 12 s
    about one name, from wherever          100 at once, then one in 36 s

An attempt is counted before its password is looked at, so that many at once are no way around it, and given back if it was right.

Rule: an address is what `server.peers` tells, of IPv6 its network: whoever writes another one into each request is still one. What
is remembered is bounded; who is forgotten first failed longest ago.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from server.problems import TooManyAttempts

REMEMBERED: Final = 20_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """`most` attempts at once, and one more after each `seconds`."""

    most: int
    seconds: float


OF_ADDRESS: Final = Allowance(20, 3.0)
OF_BOTH: Final = Allowance(5, 12.0)
OF_NAME: Final = Allowance(100, 36.0)


class Attempts:
    """Counts failures. `steady` gives seconds of a clock that does not jump."""

    def __init__(self, steady: Callable[[], float] = time.monotonic) -> None:
        self._steady = steady
        # When all that was used is given back, by key: a bucket in one number.
        self._full_again: OrderedDict[tuple[str, str], float] = OrderedDict()

    def begin(self, address: str, name: str) -> None:
        """Count an attempt; raises TooManyAttempts where they have to wait."""
        self.look(address, name)
        now = self._steady()
        for key, allowance in _counted(address, name):
            self._full_again[key] = max(self._full_again.pop(key, now), now) + allowance.seconds
        while len(self._full_again) > REMEMBERED:
            self._full_again.popitem(last=False)

    def look(self, address: str, name: str) -> None:
        """Raises TooManyAttempts where an attempt would have to wait, and counts nothing."""
        now = self._steady()
        wait = max(self._wait(key, allowance, now) for key, allowance in _counted(address, name))
        if wait > 0:
            raise TooManyAttempts("too many wrong passwords: wait before the next one", retry=int(wait) + 1)

    def succeed(self, address: str, name: str) -> None:
        """It was right, and is not counted."""
        for key, allowance in _counted(address, name):
            if key in self._full_again:
                self._full_again[key] -= allowance.seconds

    def _wait(self, key: tuple[str, str], allowance: Allowance, now: float) -> float:
        """Seconds until there may be one more."""
        used = max(self._full_again.get(key, now) - now, 0.0)
        return used + allowance.seconds - allowance.most * allowance.seconds


def _counted(address: str, name: str) -> Iterator[tuple[tuple[str, str], Allowance]]:
    network = network_of(address)
    yield (network, ""), OF_ADDRESS
    yield (network, name), OF_BOTH
    yield ("", name), OF_NAME


def network_of(address: str) -> str:
    """What one caller can choose addresses from at will: of IPv6 the first 64 bits."""
    try:
        read = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(read) if read.version == 4 else str(ipaddress.ip_network((read, 64), strict=False))
