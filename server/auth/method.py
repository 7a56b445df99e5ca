"""A way of proving who calls: what each of them is to the frame, and where credentials stand in a request.

    class ApiKeys(Method):
        name, kinds, carriers, challenges = "api_key", ("x-api-key",), (InHeader("X-API-Key"),), ()

        async def prove(self, credential, request) -> Proof: …        asks the table; raises InvalidToken

and one line in `METHODS` (credentials.py). The frame reads the carriers, refuses two credentials, finds the method, remembers
what was proved for as long as the `Proof` says, and forgets it when `generation` of the method moves on.

Rule: a method answers for one credential and knows of no other. What it does not know holds is refused: a failure to ask is
never an answer, and nobody becomes anonymous by a credential.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from aiohttp import hdrs, web
from multidict import istr

from reflector.access.principal import Principal
from server.context import Credential

Carrier = Callable[[web.BaseRequest], Sequence[Credential]]
"""Reads the credentials that stand in one place of a request. Carriers that are equal are read once."""
NONE: Final[tuple[Credential, ...]] = ()


def in_authorization(request: web.BaseRequest) -> Sequence[Credential]:
    """`Authorization: <scheme> <text>`; the kind is the scheme in small letters."""
    given = request.headers.getall(hdrs.AUTHORIZATION, None)
    if given is None:
        return NONE
    found = []
    for each in given:
        scheme, _, text = each.partition(" ")
        found.append(Credential(scheme.lower(), text.strip()))
    return found


@dataclass(frozen=True, slots=True)
class InHeader:
    """A header that holds nothing but a credential; the kind is its name in small letters."""

    name: str

    def __call__(self, request: web.BaseRequest) -> Sequence[Credential]:
        given = request.headers.getall(istr(self.name), None)
        return NONE if given is None else [Credential(self.name.lower(), each.strip()) for each in given]


@dataclass(frozen=True, slots=True)
class Proof:
    """Whom a credential proves, and for how long that is believed without asking again.

    `until` in seconds of the wall clock (None: no end of its own), `seconds` from now, by a clock that does not jump (None:
    as long as there is room; 0: not at all). `weight` is about what it takes in memory, in bytes.
    """

    principal: Principal
    until: float | None
    seconds: float | None = None
    weight: int = 500


class Method(ABC):
    """One way of proving. A subclass says what its class variables say, and `prove`; the rest where it needs to.

    name: as in `Principal.method`. kinds: of the credentials that it takes; several methods may take one kind, the first
    whose `takes` agrees is asked. carriers: where its credentials stand. challenges: its part of `WWW-Authenticate`.
    further: headers that are no credential, and without which one does not mean the same.
    beside: kinds of its credentials that may stand beside a Bearer, which is then the caller's; both have to hold.
    asks: whether somebody outside is asked about each credential, so that whoever guesses is to be stopped before that.
    generation: what was proved under an older one is proved anew.
    """

    name: ClassVar[str]
    kinds: tuple[str, ...] = ("bearer",)
    carriers: tuple[Carrier, ...] = (in_authorization,)
    challenges: ClassVar[tuple[str, ...]] = ("Bearer",)
    further: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    asks: bool = False
    generation: int = 0

    def takes(self, credential: Credential, request: web.BaseRequest) -> bool:
        """Whether a credential of one of the kinds is this method's to judge."""
        return True

    @abstractmethod
    async def prove(self, credential: Credential, request: web.BaseRequest) -> Proof:
        """Whom the credential proves; raises Unauthenticated, Forbidden, or what says that it could not be asked."""

    def follow(self, before: Method) -> None:
        """Know what the method of the same class knew under the configuration before, as far as it learned that by itself."""

    @property
    def degraded(self) -> bool:
        """Whether it cannot do at the moment what it is there for."""
        return False

    async def start(self) -> None:
        """Begin what goes on beside requests."""

    async def close(self) -> None:
        """End it; nothing is asked afterwards."""
