"""Everything that belongs to keeping answers, put together: the cache, captured changes, other workers and other servers.

Rule: where no table has a `cache`, there is nothing: no memory, no listener, no connection.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from reflector.database_url import DatabaseKind, DatabaseUrl
from reflector.engine import Engine
from reflector.snapshot import Snapshot
from reflector.versions import Versions
from server.cache.answers import AnswerCache
from server.cache.following import Capture, Following
from server.cache.others import RedisOthers, channel_of
from server.cache.rules import cache_rules, takes_part
from server.cache.workers import OtherWorkers
from server.config import Config
from server.siblings import Siblings

DOUBT_SECONDS: Final = 5.0
"""How much longer than its statement may take a write may still come true that nobody waited for."""


@dataclass(slots=True)
class Keeping:
    """The cache of one server and what tells it of writes."""

    cache: AnswerCache
    others: RedisOthers | None
    following: Following | None = field(default=None, init=False)

    @property
    def degraded(self) -> bool:
        """Whether it is not known at the moment what others write, of whom it was known before."""
        unheard = self.others is not None and self.others.degraded
        return unheard or (self.following is not None and self.following.broken)

    async def start(self, capture: Capture) -> None:
        """Listen from now on."""
        if self.others is not None:
            await self.others.start()
        self.following = Following(self.cache, capture)
        await self.following.start()

    def move(self, config: Config, snapshot: Snapshot, statement: float) -> None:
        """Keep answers as this configuration says from now on; those of other snapshots go."""
        self.cache.govern(config.cache.memory, partial(cache_rules, config), statement + DOUBT_SECONDS)
        self.cache.serves(snapshot)

    async def close(self) -> None:
        """Listen no more."""
        if self.following is not None:
            await self.following.close()
        if self.others is not None:
            await self.others.close()
        await self.cache.close()


def keeping_of(
    config: Config, engine: Engine, url: DatabaseUrl, secret: bytes, statement: float, siblings: Siblings | None = None
) -> Keeping | None:
    """What keeps answers under this configuration, None where nothing is to be kept.

    `secret` keys the entity tags; `statement` is what a statement may take at most, in seconds. `siblings` leads to the
    other workers.
    """
    if not takes_part(config):
        return None
    versions, doubt = Versions(time.monotonic), statement + DOUBT_SECONDS
    rules = partial(cache_rules, config)
    cache = AnswerCache(config.cache.memory, secret, rules, versions, time.monotonic, doubt)
    cache.serves(engine.snapshot)
    engine.on_write(cache.written)
    if siblings is not None:
        cache.workers = OtherWorkers(siblings, cache, doubt)
    others = None
    if config.redis is not None:
        others = RedisOthers(config.redis.url, channel_of(url.kind.value, named(url)), cache)
        cache.others = others
    return Keeping(cache, others)


def named(url: DatabaseUrl) -> str:
    """What every server calls this database: its name, or where the file is."""
    name = url.database or ""
    return str(Path(name).resolve()) if url.kind is DatabaseKind.SQLITE else name
