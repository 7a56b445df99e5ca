"""Looking again because the database says so: by NOTIFY on PostgREST's channel, or by settings that it says differently.

    NOTIFY pgrst, 'reload schema'     the schema, as every `database.watch`; the settings of the database with it
    NOTIFY pgrst, 'reload config'     the configuration, as SIGHUP
    NOTIFY pgrst                      both
    every `database.watch`            the settings of the database; the configuration is read again where they differ

Rule: any login may notify, so a notice asks for nothing that would not be done by itself or on a signal; many at a time are
one, and looking never takes more than a tenth of the time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import Final

from reflector.drivers import open_driver
from reflector.drivers.postgresql_notices import hear
from reflector.drivers.protocol import Driver
from reflector.errors import ReflectorError
from server.access import database_of, settings_of
from server.config import Config, ConfigError
from server.database_settings import asked_by, asking, said_by_database
from server.grounds import Grounds
from server.reloading import IDLE_SECONDS, Reloading

LOG: Final = logging.getLogger("reflector.server")
SCHEMA: Final = "schema"
CONFIG: Final = "config"
NOTICES: Final[Mapping[str, frozenset[str]]] = {
    "reload schema": frozenset({SCHEMA}),
    "reload config": frozenset({CONFIG}),
    "": frozenset({SCHEMA, CONFIG}),
}
SETTLE_SECONDS: Final = 0.1
"""How long to wait for further notices: migrations send several."""
PAUSE_SECONDS: Final = 1.0
PAUSE_FACTOR: Final = 9.0
"""After a look there is none for so many times as long as it took, and for PAUSE_SECONDS at least."""
FIRST_AGAIN: Final = 1.0
LAST_AGAIN: Final = 32.0
"""Seconds until a connection that broke is made again, doubled each time."""
REFUSED: Final = "refused"


class Notified:
    """Looks again for one server. `hears`: whether notices are heard at the moment."""

    def __init__(self, grounds: Grounds, reloading: Reloading | None) -> None:
        self._grounds = grounds
        self._reloading = reloading
        self._due: set[str] = set()
        self._wake = asyncio.Event()
        self._channel: str | None = None
        self._listening: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._acted_on: str | None = None
        self.hears = False

    @property
    def config(self) -> Config:
        return self._grounds.house.config

    def begin(self) -> None:
        """Listen from now on, where the configuration says so."""
        self._start(self._look())
        self._start(self._watch())
        self.follow()
        self._grounds.moved = self.follow

    async def close(self) -> None:
        """Listen no more."""
        tasks = list(self._tasks)
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def follow(self) -> None:
        """Listen as the present configuration says, which may be to nothing."""
        said = self.config.postgrest
        channel = said.db_channel if said.db_channel_enabled else None
        if channel == self._channel:
            return
        if self._listening is not None:
            self._listening.cancel()
        self._channel = channel
        self._listening = None if channel is None else self._start(self._listen(channel))

    def heard(self, payload: str) -> None:
        """Take note of what a notice asks for; what it says otherwise means nothing."""
        wanted = NOTICES.get(payload)
        if wanted is not None:
            self._due |= wanted
            self._wake.set()

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name="reflector-notified")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # ── notices ──────────────────────────────────────────────────────────────────────────────

    async def _listen(self, channel: str) -> None:
        again, broken = FIRST_AGAIN, False

        def begun() -> None:
            nonlocal again, broken
            again, self.hears = FIRST_AGAIN, True
            LOG.info("notices on the channel %s are heard", channel)
            if broken:
                self.heard("")  # nobody knows what was said meanwhile
            broken = False

        while True:
            try:
                await hear(database_of(self.config), settings_of(self.config), channel, self.heard, begun)
            except ReflectorError as fault:
                if not broken:
                    LOG.warning("notices on the channel %s are not heard: %s", channel, fault.message)
            finally:
                self.hears = False
            broken = True
            await asyncio.sleep(again)
            again = min(2 * again, LAST_AGAIN)

    # ── looking ──────────────────────────────────────────────────────────────────────────────

    async def _look(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(SETTLE_SECONDS)
            due, self._due = self._due, set()
            self._wake.clear()
            began = time.monotonic()
            await self._look_at(due)
            await asyncio.sleep(max(PAUSE_SECONDS, PAUSE_FACTOR * (time.monotonic() - began)))

    async def _look_at(self, due: set[str]) -> None:
        if self._reloading is not None and (CONFIG in due or asked_by(self.config)):
            with suppress(ConfigError):  # it was told, and is told by readiness until it is put right
                await self._reloading.reload()
        if SCHEMA in due:
            engine = self._grounds.house.engine
            try:
                await engine.renewed(engine.snapshot)
            except ReflectorError as fault:
                LOG.warning("the schema could not be looked at: %s", fault.message)

    # ── settings of the database ─────────────────────────────────────────────────────────────

    async def _watch(self) -> None:
        driver: Driver | None = None
        try:
            while True:
                interval = self.config.database.watch
                await asyncio.sleep(IDLE_SECONDS if interval is None else interval.total_seconds())
                wanted = interval is not None and asked_by(self.config) and self._reloading is not None
                if driver is not None and not wanted:
                    await driver.close()
                    driver = None
                if wanted:
                    driver = driver or open_driver(database_of(self.config), asking(self.config))
                    await self._compare(driver)
        finally:
            if driver is not None:
                await driver.close()

    async def _compare(self, driver: Driver) -> None:
        """Read the configuration again where the database says something else than when it was read last, once."""
        try:
            said = await said_by_database(self.config, driver)
        except ConfigError:
            said = REFUSED
        except ReflectorError:
            return  # the database is away, as readiness tells
        known = self._reloading.said if self._reloading is not None else said
        if said not in {known, self._acted_on}:
            self._due.add(CONFIG)
            self._wake.set()
        self._acted_on = None if said == known else said
