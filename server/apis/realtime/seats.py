"""How many sockets are open: of one caller, and from one address.

    somebody with a subject     `limits.sockets`, wherever they call from
    anybody                     `limits.address_sockets`, of IPv6 the network of /64

Rule: a seat is taken before anything is done for whoever takes it, and is given back when the socket ends, however it ends.
"""

from __future__ import annotations

from collections import Counter

from aiohttp import web

from reflector.access.principal import Principal
from server.config.limits import EffectiveLimits
from server.peers import peer_of
from server.problems import TooManySockets
from server.rates import bucket_of, network_of


class Seats:
    """Those of one process."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()

    def take(self, name: str, most: int, whose: str) -> None:
        """Raises TooManySockets where that many are taken."""
        if self.taken[name] >= most:
            raise TooManySockets(f"{whose} has {most} sockets open already: close one first")
        self.taken[name] += 1

    def leave(self, name: str) -> None:
        self.taken[name] -= 1
        if not self.taken[name]:
            del self.taken[name]


class Seat:
    """What one socket takes: a seat of its address, and one of its caller once that is somebody."""

    def __init__(self, seats: Seats, request: web.BaseRequest) -> None:
        self._seats, self._request = seats, request
        self._address: str | None = None
        self._caller: str | None = None

    def of_address(self, limits: EffectiveLimits) -> None:
        """Raises TooManySockets."""
        address = f"address {network_of(peer_of(self._request).address)}"
        self._seats.take(address, limits.address_sockets, "this address")
        self._address = address

    def of_caller(self, principal: Principal | None, limits: EffectiveLimits) -> None:
        """Sit as this caller from now on. Raises TooManySockets, and then nothing has changed."""
        nobody = principal is None or principal.anonymous or principal.subject is None
        caller = None if principal is None or nobody else bucket_of(self._request, principal)
        if caller == self._caller:
            return
        if caller is not None:
            self._seats.take(caller, limits.sockets, "this caller")
        before, self._caller = self._caller, caller
        if before is not None:
            self._seats.leave(before)

    def leave(self) -> None:
        """Give back whatever was taken."""
        for name in filter(None, (self._address, self._caller)):
            self._seats.leave(name)
        self._address = self._caller = None
