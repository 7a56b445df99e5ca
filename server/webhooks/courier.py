"""All webhooks of one server: who reads for them, who delivers, and what becomes of both when the configuration changes.

    check     before a configuration is taken: everything that is wrong with its webhooks
    begin     when the server starts: the file is opened, and changes are read on from where it says
    leave     a configuration takes another's place: readers that are no longer asked for go …
    join      … and once its rules hold, new ones come; what waits for the others goes on waiting
    close     nothing is read and sent any more; the next start goes on

Rule: readers are there before changes are read, so that what happened while nobody served is told like anything else.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from reflector.capture import Capture
from reflector.engine import Engine
from reflector.errors import ReflectorError
from server.access import database_of
from server.apis.realtime.frames import ChangeCursors
from server.cache.keeping import named
from server.cache.others import fingerprint_of
from server.capturing import SharedCapture
from server.config import Config, ConfigError
from server.webhooks.deliveries import Deliveries
from server.webhooks.delivery import Desk, Standing
from server.webhooks.fitness import desk_of, misfits_of
from server.webhooks.keeping import Keeping
from server.webhooks.readers import MISSED, Before, Readers

LOG: Final = logging.getLogger("reflector.webhooks")
AGAIN_SECONDS: Final = 2.0
"""How often to try to capture changes where that cannot be done at the moment."""


class Courier:
    """Nobody is told anything before `begin`. `key` is 64 bytes for cursors. `shared`: of several processes the one that
    captures changes delivers, and another one when it is gone."""

    def __init__(self, capture: Capture, config: Config, key: bytes, shared: SharedCapture | None = None) -> None:
        self.config = config
        self.standings: dict[str, Standing] = {}
        self.waits = ""
        """Why changes cannot be captured yet."""
        self._capture = capture
        self._shared = shared
        self._key = key
        self._thread = ThreadPoolExecutor(1, "reflector-webhooks")
        self._desk: Desk | None = None
        self._readers: Readers | None = None
        self._deliveries = Deliveries(config.changes.spool.size, self.standings, self._spawn)
        self._arranging: asyncio.Task[None] | None = None
        self._began = self._holds = False
        self._opening = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._moving = asyncio.Lock()

    @property
    def degraded(self) -> bool:
        """Whether somebody is told less than they should be."""
        broken = self._readers is not None and bool(self._readers.keeping.fault)
        return broken or bool(self.waits) or any(each.degraded for each in self.standings.values())

    def age(self, name: str) -> float | None:
        """For how many seconds the oldest undelivered event of a webhook waits, None where nothing does."""
        standing = self.standings.get(name)
        oldest = None if standing is None else standing.waiting.oldest
        return None if oldest is None else max(0.0, time.time() - oldest)

    # ── whether a configuration can be used ──────────────────────────────────────────────────

    async def check(self, config: Config, engine: Engine) -> None:
        """Raises ConfigError with everything that does not fit."""
        if config.webhooks:
            complaints = await misfits_of(config, engine, self._key)
            if complaints:
                raise ConfigError(complaints)
            if self._shared is None:
                await self._open(config)

    async def _open(self, config: Config) -> None:
        """Open the file, where it is not open; raises ConfigError where it cannot be used."""
        if self._desk is None:
            self._desk = await desk_of(config, self._thread)

    # ── beginning, and another configuration ─────────────────────────────────────────────────

    async def begin(self) -> None:
        """Tell from now on; raises ConfigError where the file cannot be used."""
        self._began = True
        if self.config.webhooks:
            await self.check(self.config, self._capture.engine)
            await self._led()

    async def _led(self) -> None:
        """Read and deliver, here or in whichever process captures. Raises ConfigError where the file cannot be used."""
        if self._shared is None or self._desk is not None:
            await self._arranged()
        else:
            await self._shared.lead(self._alone)

    async def _alone(self) -> None:
        """This is the process that captures."""
        async with self._opening:
            try:
                if self.config.webhooks:
                    await self._open(self.config)
            except ConfigError as fault:
                self.waits = fault.complaints[0].message
                raise
        self.waits = ""
        await self._arranged()

    async def _led_again(self) -> None:
        try:
            await self._led()
        except ConfigError as fault:
            LOG.error("webhooks are told nothing yet: %s", fault.message)  # noqa: TRY400 - it is no fault of ours

    def leave(self, config: Config) -> None:
        """Another configuration is taken: nothing is read any more that it does not ask for."""
        self.config = config
        self._deliveries.size = config.changes.spool.size
        if self._readers is not None:
            self._readers.leave(config)

    def join(self) -> None:
        """It holds now, for the changes as well."""
        if self._desk is not None or (self._began and self.config.webhooks):
            self._arranging = self._spawn(self._led_again())

    async def joined(self) -> None:
        """Until everybody reads of whom the configuration speaks."""
        if self._arranging is not None:
            await asyncio.wait([self._arranging])

    async def _arranged(self) -> None:
        """Have everybody read, and delivered to, of whom the configuration speaks."""
        async with self._moving:
            if self._desk is not None:
                await self._arrange(self._desk)

    async def _arrange(self, desk: Desk) -> None:
        first, before = self._readers is None, Before()
        if self._readers is None:
            known = await desk.do(desk.spool.known)
            self._readers = self._begun(desk, resumes=bool(known & self.config.webhooks.keys()))
            before = Before(known, await desk.do(desk.spool.asked), missed=self._readers.keeping.since is None)
        config, keeping = self.config, self._readers.keeping
        if config.webhooks and not self._holds:
            self._capture.keep(keeping)
        asked = self._readers.read_all(before)
        for name, events in await desk.do(desk.spool.settle, list(config.webhooks), asked):
            LOG.warning("webhook %s is no more: %d events that waited for it are forgotten", name, events)
        await self._deliveries.arrange(config, desk)
        if first and not await self._captures():
            self._spawn(self._captured())
        elif config.webhooks:
            await keeping.began()
        if self._holds and not config.webhooks:
            self._capture.keep(None)
        self._holds = bool(config.webhooks)

    def _begun(self, desk: Desk, *, resumes: bool) -> Readers:
        """Whoever reads from now on; where something was told before, from where that ended."""
        url = database_of(self.config)
        database = fingerprint_of(url.kind.value, named(url))
        since = desk.spool.place if resumes and desk.spool.database == database else None
        keeping = Keeping(self._capture, desk, database, self.config.changes.spool.size, self._deliveries.wrote, since)
        keeping.start()
        readers = Readers(self.config, self._capture, keeping, ChangeCursors(self._key), self.standings)
        self._spawn(readers.mend())
        return readers

    async def _captured(self) -> None:
        """Have changes captured, as soon as that can be done."""
        while True:
            await asyncio.sleep(AGAIN_SECONDS)
            if await self._captures():
                break
        if self._readers is not None and self._readers.keeping.since is None:
            # Whoever captured before may have told these receivers up to who knows where.
            self._readers.resync(MISSED)

    async def _captures(self) -> bool:
        try:
            await self._capture.hub()
        except ReflectorError as fault:
            if fault.message != self.waits:
                LOG.warning("webhooks are told nothing yet: %s", fault.message)
            self.waits = fault.message
            return False
        self.waits = ""
        return True

    # ── ending ───────────────────────────────────────────────────────────────────────────────

    async def close(self) -> None:
        """Read and send nothing any more."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._deliveries.close()
        if self._readers is not None:
            await self._readers.keeping.close()
        if self._desk is not None:
            await self._desk.do(self._desk.spool.close)
        self._thread.shutdown(wait=False)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            LOG.error("webhooks are in disorder", exc_info=fault)
