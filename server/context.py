"""What every API is handed: the engine, who is calling, and what limits hold.

Rule: an API reads no configuration and makes no connection; it gets this value and nothing else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple, Protocol

from aiohttp import web

from reflector.access.principal import Principal
from reflector.engine import Engine
from server.cache.answers import AnswerCache
from server.config.limits import EffectiveLimits
from server.rates import Rates
from server.transactions import Transactions


class Credential(NamedTuple):
    """What a request carries to prove who sent it. `kind` is the scheme of `Authorization`, or the header's name, in small
    letters; `text` is the rest and is a secret. `beside`: the key of the program with which the person calls whose token this is."""

    kind: str
    text: str
    beside: Credential | None = None

    def __repr__(self) -> str:
        return f"Credential({self.kind!r}, ***)"


class Authenticate(Protocol):
    """Tells who calls. What is in memory is told at once; what is not is waited for before any handler runs.

    `challenges`: what `WWW-Authenticate` offers to callers without a credential.
    """

    challenges: tuple[str, ...]

    def __call__(self, request: web.BaseRequest) -> Principal:
        """Who sent the request. Raises Unauthenticated for a bad credential, and for none where none is not enough;
        AmbiguousCredentials for two; Forbidden for one that names no role, or none that there is."""

    def waiting(self, request: web.BaseRequest) -> Awaitable[None] | None:
        """What has to be waited for before the request's sender can be told; None for nothing. It raises nothing: the
        outcome is remembered on the request, and told when somebody asks."""

    def carried(self, request: web.BaseRequest) -> Credential | None:
        """The credential of the request, None for none; raises AmbiguousCredentials."""

    async def proved(self, credential: Credential, request: web.BaseRequest) -> Principal:
        """Whom a credential proves, now, however it came; `request` is the one that it belongs to. Raises as a call does."""

    def joined(self, token: str, held: Credential | None) -> Credential:
        """The credential that a token is which comes in a frame, where this one was held until then: the key of a program
        stays beside it, where that may be."""


@dataclass(frozen=True, slots=True)
class Context:
    """`limits` gives those of a set of roles. `cursor_key` is 64 bytes, the same in every process that serves.

    `cache` is None where no answers are kept, `transactions` where no request has one of its own, `rates` where nobody's requests are counted. `timeout` is what the driver itself allows a statement, and
    `largest` an answer; who has less says so with each of theirs.
    """

    engine: Engine
    authenticate: Authenticate
    limits: Callable[[Sequence[str]], EffectiveLimits]
    cursor_key: bytes = field(repr=False)
    timeout: timedelta
    largest: int
    cache: AnswerCache | None = None
    transactions: Transactions | None = None
    rates: Rates | None = None
