"""How often callers may ask: a bucket of tokens for each, of which every request takes one.

    a credential about somebody      one bucket for the subject, wherever they call from
    anybody else                     one for the address, of IPv6 for its network of /64
    a credential that does not hold  the address's: who guesses spends what guests have

With Redis the buckets are in Redis, one for all servers of a database; while it is away, and without it, each process
counts for itself. A full bucket is none, so that only those who ask take room.

Rule: a bucket's name tells neither address nor person, and time is that of a clock which does not jump.
"""

from __future__ import annotations

import ipaddress
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Protocol

from aiohttp import web
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from reflector.access.principal import Principal
from reflector.errors import ReflectorError
from reflector.secret import Secret
from server.config.rates import Rate
from server.peers import peer_of, read_address
from server.problems import RateExceeded

LOG: Final = logging.getLogger("reflector.rates")
BUCKETS: Final = 65_536
"""Buckets that one process remembers; of more the longest unused is forgotten."""
PATIENCE_SECONDS: Final = 0.25
"""How long an answer of Redis is waited for."""
AGAIN_SECONDS: Final = 1.0
FAULTS: Final = (RedisError, OSError, TimeoutError)
SCRIPT: Final = """
local now = redis.call('TIME')
now = now[1] + now[2] / 1000000
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local most, each = tonumber(ARGV[1]), tonumber(ARGV[2])
local tokens = math.min(most, (tonumber(kept[1]) or most) + math.max(0, now - (tonumber(kept[2]) or now)) * each)
local granted = tokens >= tonumber(ARGV[3])
if granted then tokens = tokens - tonumber(ARGV[3]) end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', tostring(now))
redis.call('PEXPIRE', KEYS[1], math.ceil((most - tokens) / each * 1000) + 1000)
return {granted and 1 or 0, tostring(tokens)}
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a bucket says of a request: whether it is granted, and how many tokens are left."""

    rate: Rate
    granted: bool
    tokens: float

    @property
    def left(self) -> int:
        return int(self.tokens)

    @property
    def wait(self) -> int:
        """Whole seconds until a token is there; at least one."""
        return max(1, math.ceil((1 - self.tokens) / self.rate.each_second))

    @property
    def filled(self) -> int:
        """Whole seconds until all tokens are there again."""
        return math.ceil((self.rate.count - self.tokens) / self.rate.each_second)


STANDING: Final = web.RequestKey("standing", Standing)
"""Under which a request remembers what its caller's bucket said."""


class Buckets:
    """Those of this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def look(self, name: str, rate: Rate) -> Standing:
        """How a bucket stands, which takes no room for one that nobody has taken of."""
        tokens = self._tokens(name, rate, self._clock())
        return Standing(rate, tokens >= 1, tokens)

    def give_back(self, name: str, rate: Rate, amount: int) -> None:
        """Put back what was taken for nothing."""
        if name in self._kept:
            tokens, at = self._kept[name]
            self._kept[name] = min(float(rate.count), tokens + amount), at

    def take(self, name: str, rate: Rate, amount: int) -> Standing:
        """Take tokens, where there are as many."""
        now = self._clock()
        tokens = self._tokens(name, rate, now)
        self._kept.pop(name, None)
        granted = tokens >= amount
        tokens -= amount if granted else 0
        self._kept[name] = tokens, now
        if len(self._kept) > BUCKETS:
            self._kept.popitem(last=False)
        return Standing(rate, granted, tokens)

    def _tokens(self, name: str, rate: Rate, now: float) -> float:
        tokens, at = self._kept.get(name, (float(rate.count), now))
        return min(float(rate.count), tokens + (now - at) * rate.each_second)


class SharedBuckets:
    """Those of all servers, in Redis under names that begin with `prefix`; this process's own while it is away."""

    def __init__(self, url: Secret, prefix: str, own: Buckets, clock: Callable[[], float] = time.monotonic) -> None:
        self._own, self._prefix, self._clock = own, prefix, clock
        self._client = Redis.from_url(
            url.reveal(),
            socket_connect_timeout=PATIENCE_SECONDS,
            socket_timeout=PATIENCE_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._script = self._client.register_script(SCRIPT)
        self._away_until = -math.inf
        self._away = False

    async def take(self, name: str, rate: Rate, amount: int) -> Standing:
        if self._clock() >= self._away_until:
            try:
                granted, tokens = await self._script(
                    keys=[self._prefix + name], args=[rate.count, rate.each_second, amount]
                )
            except FAULTS as error:
                self._lost(error)
            else:
                self._found()
                return Standing(rate, granted == 1, float(tokens))
        return self._own.take(name, rate, amount)

    def _lost(self, error: Exception) -> None:
        self._away_until = self._clock() + AGAIN_SECONDS
        if not self._away:
            LOG.warning("Redis is away (%s): each process counts requests for itself", type(error).__name__)
        self._away = True

    def _found(self) -> None:
        if self._away:
            LOG.info("Redis is there: requests are counted for all servers")
        self._away = False

    async def close(self) -> None:
        with suppress(*FAULTS):
            await self._client.aclose()


class Limited(Protocol):
    """Limits that have a rate."""

    @property
    def rate(self) -> Rate | None: ...


class Rates:
    """Who pays for a request, and out of which bucket. `guests` are the roles of callers without a credential."""

    def __init__(
        self,
        limits: Callable[[Sequence[str]], Limited],
        guests: Sequence[str],
        own: Buckets,
        shared: SharedBuckets | None = None,
    ) -> None:
        self._limits, self._guests, self._own, self._shared = limits, tuple(guests), own, shared

    async def charge(
        self, request: web.BaseRequest, who: Callable[[web.BaseRequest], Principal], amount: int = 1
    ) -> None:
        """Take tokens for what the request asks; raises RateExceeded where there are too few."""
        try:
            principal = who(request)
        except ReflectorError:
            principal = Principal(self._guests, anonymous=True)
        await self.charge_caller(request, principal, amount)

    async def charge_caller(self, request: web.BaseRequest, principal: Principal, amount: int = 1) -> None:
        """The same, where the caller is known."""
        rate = self._limits(principal.roles).rate
        if rate is None:
            return
        name = bucket_of(request, principal)
        if self._shared is None:
            standing = self._own.take(name, rate, amount)
        else:
            standing = await self._shared.take(name, rate, amount)
        request[STANDING] = standing
        if not standing.granted:
            raise RateExceeded(f"at most {rate} requests", hint=f"try again in {standing.wait} s")


def bucket_of(request: web.BaseRequest, principal: Principal) -> str:
    """The name of the bucket of whoever calls."""
    if principal.anonymous or principal.subject is None:
        kind, who = "address", f"{principal.method}\0{network_of(peer_of(request).address)}"
    else:
        kind, who = "subject", f"{principal.issuer or ''}\0{principal.subject}"
    return blake2b(f"{kind}\0{who}".encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def network_of(address: str) -> str:
    """The address, or of IPv6 the network that one customer has all of."""
    found = read_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(found), 64), strict=False))
    return address if found is None else str(found)


def rate_headers(standing: Standing) -> dict[str, str]:
    """What the answer to a counted request says of its caller's bucket, as the IETF's draft words it."""
    rate = standing.rate
    said = {
        "RateLimit-Policy": f'"default";q={rate.count};w={rate.seconds}',
        "RateLimit": f'"default";r={standing.left};t={standing.filled if standing.granted else standing.wait}',
    }
    return said if standing.granted else {**said, "Retry-After": str(standing.wait)}
