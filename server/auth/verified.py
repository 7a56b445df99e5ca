"""What was proved, remembered: a caller's next request costs a look-up.

Rule: an entry ends when its credential ends, when it was to be asked again, or when its method knows better (a key was
withdrawn), whichever comes first. A credential is remembered by a hash that only this process could make, never by its text; and
all of them together are bounded in bytes, because callers choose what there is to remember.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from reflector.access.principal import Principal
from server.auth.method import Method, Proof
from server.context import Credential

REMEMBERED_BYTES: Final = 8 * 1024 * 1024
FOREVER: Final = float("inf")


class Entry(NamedTuple):
    principal: Principal
    until: float
    stale: float
    method: Method
    generation: int
    weight: int


class Verified:
    """Proofs by credential. `clock` gives seconds of the wall clock, `steady` of one that does not jump."""

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
        capacity: int = REMEMBERED_BYTES,
    ) -> None:
        self.capacity = capacity
        self.size = 0
        self._clock, self._steady = clock, steady
        # Passwords are credentials too: what is kept of one must not be guessed at by whoever reads this memory's copy.
        self._seeded = sha256(secrets.token_bytes(64))
        self._kept: OrderedDict[bytes, Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def key(self, credential: Credential, further: Sequence[str] = ()) -> bytes:
        """Under what a credential is remembered, with what came along that makes it mean what it means."""
        hashed = self._seeded.copy()
        hashed.update(f"{credential[0]} {credential[1]}".encode("utf-8", "surrogateescape"))
        for each in further:  # no line break is part of a header
            hashed.update(f"\n{each}".encode("utf-8", "surrogateescape"))
        return hashed.digest()

    def follow(self, before: Verified) -> None:
        """Know credentials by the same hashes, and nothing of what they proved."""
        self._seeded = before._seeded

    def find(self, key: bytes) -> Principal | None:
        """Whom it proved, None where that is not known or may not be believed any more."""
        entry = self._kept.get(key)
        if entry is None:
            return None
        principal, until, stale, method, generation, _ = entry
        if method.generation != generation or self._clock() >= until or self._steady() >= stale:
            self._forget(key)
            return None
        return principal

    def put(self, key: bytes, proof: Proof, method: Method, generation: int) -> None:
        """Remember a proof that was made under this generation of the method."""
        self._forget(key)
        if proof.seconds is not None and proof.seconds <= 0:
            return
        until = FOREVER if proof.until is None else proof.until
        stale = FOREVER if proof.seconds is None else self._steady() + proof.seconds
        self._kept[key] = Entry(proof.principal, until, stale, method, generation, proof.weight)
        self.size += proof.weight
        while self.size > self.capacity:
            self._forget(next(iter(self._kept)))

    def _forget(self, key: bytes) -> None:
        dropped = self._kept.pop(key, None)
        if dropped is not None:
            self.size -= dropped.weight
