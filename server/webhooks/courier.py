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
import sqlite3
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

from reflector.capture import Capture
from reflector.changes.change import Cursor
from reflector.changes.setup import HINT
from reflector.engine import Engine
from reflector.errors import ReflectorError
from server.access import database_of
from server.apis.realtime.frames import ChangeCursors, opaque_keys
from server.cache.keeping import named
from server.cache.others import fingerprint_of
from server.capturing import SharedCapture
from server.config import Complaint, Config, ConfigError, Position
from server.telling import terms_of
from server.webhooks.asked import Unfit, complaints_of, question_of
from server.webhooks.delivery import TOO_MUCH, Delivery, Desk, Standing
from server.webhooks.keeping import Keeping, Reader
from server.webhooks.posting import Posting
from server.webhooks.spool import Event, Spool, SpoolRefused

LOG: Final = logging.getLogger("reflector.webhooks")
FILE: Final = "webhooks.spool"
"""What the file is called where the configuration does not say; it stands beside the configuration."""
LOOK_SECONDS: Final = 1.0
"""How often to look whether a table that was closed can be told of again."""
AGAIN_SECONDS: Final = 2.0
"""How often to try to capture changes where that cannot be done at the moment."""
FORGOTTEN: Final = "what you were told before is not known any more"
CHANGED: Final = "what you are told was changed while nobody told you"
MISSED: Final = "what was committed since you were told is not known"


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
        self._cursors = ChangeCursors(key)
        self._posting = Posting()
        self._thread = ThreadPoolExecutor(1, "reflector-webhooks")
        self._desk: Desk | None = None
        self._keeping: Keeping | None = None
        self._readers: dict[tuple[str, str], Reader] = {}
        self._deliveries: dict[str, Delivery] = {}
        self._arranging: asyncio.Task[None] | None = None
        self._began = self._holds = False
        self._opening = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._moving = asyncio.Lock()

    @property
    def degraded(self) -> bool:
        """Whether somebody is told less than they should be."""
        broken = self._keeping is not None and bool(self._keeping.fault)
        return broken or bool(self.waits) or any(each.degraded for each in self.standings.values())

    # ── whether a configuration can be used ──────────────────────────────────────────────────

    async def check(self, config: Config, engine: Engine) -> None:
        """Raises ConfigError with everything that does not fit."""
        if config.webhooks:
            complaints = await misfits_of(config, engine, self._key)
            if not complaints and self._shared is None:
                complaints += await self._opened(config)
            if complaints:
                raise ConfigError(complaints)

    async def _opened(self, config: Config) -> list[Complaint]:
        """Open the file, where it is not open; what is wrong with it."""
        if self._desk is not None:
            return []
        try:
            spool = await asyncio.get_running_loop().run_in_executor(self._thread, Spool.open, spool_path(config))
        except SpoolRefused as fault:
            position = (
                config.position("changes", "spool", "path") or config.position("webhooks") or Position("webhooks")
            )
            return [
                Complaint(position, "changes.spool.path", f"the file of webhooks {fault}", "name a file for us alone")
            ]
        self._desk = Desk(spool, self._thread)
        return []

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
            complaints = await self._opened(self.config) if self.config.webhooks else []
        self.waits = complaints[0].message if complaints else ""
        if complaints:
            raise ConfigError(complaints)
        await self._arranged()

    async def _led_again(self) -> None:
        try:
            await self._led()
        except ConfigError as fault:
            LOG.error("webhooks are told nothing yet: %s", fault.message)  # noqa: TRY400 - it is no fault of ours

    def leave(self, config: Config) -> None:
        """Another configuration is taken: nothing is read any more that it does not ask for."""
        self.config = config
        if self._keeping is not None:
            self._keeping.size = config.changes.spool.size
        asked = {(name, table) for name, said in config.webhooks.items() for table in said.tables}
        for key in self._readers.keys() - asked:
            self._withdraw(self._readers.pop(key))
        for name, standing in self.standings.items():
            standing.closed = {table: why for table, why in standing.closed.items() if (name, table) in asked}

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
            desk, config = self._desk, self.config
            if desk is None:
                return
            first = self._keeping is None
            known = await desk.do(desk.spool.known)
            if self._keeping is None:
                self._keeping = self._kept(desk, bool(known & config.webhooks.keys()))
                self._keeping.start()
                self._spawn(self._mend())
            if config.webhooks and not self._holds:
                self._capture.keep(self._keeping)
            missed = first and self._keeping.since is None
            before = await desk.do(desk.spool.asked) if first else {}
            asked: dict[tuple[str, str], str] = {}
            for name, said in config.webhooks.items():
                standing = self.standings.setdefault(name, Standing())
                for table in said.tables:
                    if (name, table) not in self._readers and table not in standing.closed:
                        mark = before.get((name, table)) if name in known else None
                        asked |= self._read(name, table, self._reason(name in known and first, missed=missed), mark)
            for name, events in await desk.do(desk.spool.settle, list(config.webhooks), asked):
                LOG.warning("webhook %s is no more: %d events that waited for it are forgotten", name, events)
            await self._deliver(desk)
            if first and not await self._captures():
                self._spawn(self._captured())
            elif config.webhooks:
                await self._keeping.began()
            if self._holds and not config.webhooks:
                self._capture.keep(None)
            self._holds = bool(config.webhooks)

    def _kept(self, desk: Desk, resumes: bool) -> Keeping:
        url = database_of(self.config)
        database = fingerprint_of(url.kind.value, named(url))
        since = desk.spool.place if resumes and desk.spool.database == database else None
        return Keeping(self._capture, desk, database, self.config.changes.spool.size, self._wrote, since)

    async def _captured(self) -> None:
        """Have changes captured, as soon as that can be done."""
        while True:
            await asyncio.sleep(AGAIN_SECONDS)
            if await self._captures():
                break
        if self._keeping is not None and self._keeping.since is None:
            # Whoever captured before may have told these receivers up to who knows where.
            for reader in self._keeping.readers:
                reader.resync(self._capture.prepared().head, MISSED)

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

    async def close(self) -> None:
        """Read and send nothing any more."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(delivery.close() for delivery in self._deliveries.values()))
        if self._keeping is not None:
            await self._keeping.close()
        await self._posting.close()
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

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    @staticmethod
    def _reason(resumed: bool, *, missed: bool) -> Callable[[bool], str | None]:
        """Why a reader has to begin with a resync, told whether what it was told decides what it is told."""
        if resumed and missed:
            return lambda _: MISSED
        return lambda remembered: FORGOTTEN if resumed and remembered else None

    def _read(
        self, name: str, table: str, why: Callable[[bool], str | None], before: str | None = None
    ) -> Mapping[tuple[str, str], str]:
        """Have a table read for a webhook from now on; `before` is the mark of what was told until now. The mark of what is
        told, where it is not written with a resync."""
        keeping, standing = self._keeping, self.standings[name]
        if keeping is None:
            return {}
        asks = partial(self._question, name, table)
        reader = Reader(name, table, asks, self._put, self._cursors, standing)
        hub = self._capture.prepared()
        try:
            question = reader.ask()
        except ReflectorError as fault:
            reader.end(fault)
            return {}
        standing.closed.pop(table, None)
        reader.subscription = hub.join(question, reader)
        self._readers[name, table] = reader
        keeping.readers[reader] = None
        hub.release(reader.subscription)
        reason = why(question.remembered) or (CHANGED if before not in (None, reader.mark) else None)
        if reason is None:
            return {(name, table): reader.mark}
        reader.resync(hub.head, reason)
        return {}

    def _put(self, reader: Reader, cursor: Cursor, body: bytes, mark: str | None) -> None:
        if self._keeping is not None:
            self._keeping.put(reader, cursor, body, mark)

    def _question(self, name: str, table: str) -> Any:
        try:
            return question_of(self.config, self._capture, name, self.config.webhooks[name].tables.index(table))
        except Unfit as unfit:
            raise unfit.fault from unfit

    def _withdraw(self, reader: Reader) -> None:
        hub = self._capture.running
        if reader.subscription is not None and hub is not None:
            hub.leave(reader.subscription)
        if self._keeping is not None:
            self._keeping.readers.pop(reader, None)

    async def _mend(self) -> None:
        """Have tables read again that could not be, once they can."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for key, reader in list(self._readers.items()):
                if reader.subscription is None:
                    self._withdraw(self._readers.pop(key))
            for name, standing in self.standings.items():
                for table in list(standing.closed):
                    self._try_again(name, table)

    def _try_again(self, name: str, table: str) -> None:
        try:
            self._question(name, table)
        except (ReflectorError, KeyError, ValueError):
            return
        LOG.info("webhook %s: %s is told of again", name, table)
        self._read(name, table, lambda _: "it was not told for a while")

    # ── delivering ───────────────────────────────────────────────────────────────────────────

    async def _deliver(self, desk: Desk) -> None:
        """One delivery for each webhook, by what the configuration says of it now."""
        others = [name for name, each in self._deliveries.items() if self.config.webhooks.get(name) != each.said]
        await asyncio.gather(*(self._deliveries.pop(name).close() for name in others))
        for name in others:
            self.standings[name].silent = ""
            if name not in self.config.webhooks:
                del self.standings[name]
        for name, said in self.config.webhooks.items():
            if name not in self._deliveries:
                self._deliveries[name] = Delivery(name, said, desk, self._posting, self.standings[name])

    def _wrote(self, events: Iterable[Event]) -> None:
        """These wait now; where they are too many, what waits is given up."""
        for event in events:
            standing = self.standings.get(event.webhook)
            if standing is not None:
                standing.waiting = standing.waiting.grown(event)
        for name in dict.fromkeys(event.webhook for event in events):
            delivery = self._deliveries.get(name)
            if delivery is None:
                continue
            if delivery.standing.waiting.size > self.config.changes.spool.size:
                self._spawn(self._overflown(delivery))
            delivery.more.set()

    async def _overflown(self, delivery: Delivery) -> None:
        if delivery.standing.waiting.size <= self.config.changes.spool.size:
            return  # it was given up meanwhile
        try:
            await delivery.give_up("more waits than changes.spool.size allows", TOO_MUCH)
        except sqlite3.Error as fault:
            LOG.warning("webhook %s: the file of what waits cannot be used: %s", delivery.name, fault)
        delivery.more.set()

    def age(self, name: str) -> float | None:
        """For how many seconds the oldest undelivered event of a webhook waits, None where nothing does."""
        standing = self.standings.get(name)
        oldest = None if standing is None else standing.waiting.oldest
        return None if oldest is None else max(0.0, time.time() - oldest)


def spool_path(config: Config) -> Path:
    """Where the file is; a path that does not begin with / begins at the folder of the configuration."""
    folder = Path(config.source).parent if config.source and Path(config.source).is_file() else Path()
    return folder / (config.changes.spool.path or FILE)


async def misfits_of(config: Config, engine: Engine, key: bytes) -> list[Complaint]:
    """What of the webhooks does not fit the database, or cannot be told of it; nothing where there are none."""
    if not config.webhooks:
        return []
    capture = Capture(engine, database_of(config), opaque_keys(key), terms_of(config))
    complaints = [*complaints_of(config, capture)]
    position = config.position("webhooks") or Position("webhooks")
    try:
        setup = await capture.setup()
    except ReflectorError as fault:
        complaints.append(Complaint(position, "webhooks", fault.message, fault.hint))
    else:
        if not setup.installed:
            message = "changes of this database are not captured: what they need is not installed"
            complaints.append(Complaint(position, "webhooks", message, HINT))
    return complaints
