"""What every API is handed: the engine, who is calling, and what limits hold.

Rule: an API reads no configuration and makes no connection; it gets this value and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web

from reflector.access.principal import Principal
from reflector.engine import Engine
from server.cache.answers import AnswerCache
from server.config.limits import EffectiveLimits
from server.transactions import Transactions

Authenticate = Callable[[web.BaseRequest], Principal]
"""Who sent the request; raises Unauthenticated for a bad credential, and for none where none is not enough."""


@dataclass(frozen=True, slots=True)
class Context:
    """`limits` gives those of a set of roles. `cursor_key` is 64 bytes, the same in every process that serves.

    `cache` is None where no answers are kept, `transactions` where no request has one of its own. `timeout` is what the driver itself allows a statement, and
    `largest` an answer; who has less says so with each of theirs.
    """

    engine: Engine
    authenticate: Authenticate
    limits: Callable[[Sequence[str]], EffectiveLimits]
    cursor_key: bytes
    timeout: timedelta
    largest: int
    cache: AnswerCache | None = None
    transactions: Transactions | None = None
