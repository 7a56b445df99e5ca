"""Reading the configuration again while requests are served: on a change of its files, on a signal, on an order.

    files      looked at every `server.watch`; one that has changed is read once it no longer does
    signal     SIGHUP
    order      POST /admin/reload, by an administrator

Rule: a new configuration is read, bound and put together beside the old one, and then takes its place in one step; where
anything of it cannot be used, nothing of it is, and the old one serves on and says so.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from reflector.drivers import open_driver
from reflector.drivers.protocol import Driver
from reflector.errors import CatalogError, ConnectionRefused, ReflectorError
from server.access import database_of, overlay_of, settings_of
from server.apis.admin import Outcome
from server.binding import Binding, misfits
from server.building import prepared
from server.config import Complaint, Config, ConfigError, Flags, Position, Seen, differing, kept, load, marks, waiting
from server.config.watching import Mark
from server.database_settings import informed
from server.grounds import Grounds
from server.guard import Guard, guard_of
from server.house import House

LOG: Final = logging.getLogger("reflector.server")
SETTLE_SECONDS: Final = 0.1
"""How long files must stay as they are before they are read: whoever writes them may not have finished."""
IDLE_SECONDS: Final = 1.0
"""How often to look whether looking is wanted."""
SHOWN: Final = 20
"""Changed settings that a line of the log names."""

Read = Callable[[Callable[[Path], None]], Config]
"""Reads the configuration, and tells of each file right before it does; raises ConfigError."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the configuration of a server comes from. `environ` are the variables, `sample` names the sample's database
    where nothing else names one."""

    path: Path | None
    environ: Mapping[str, str]
    flags: Flags
    sample: str | None = None

    def read(self, seen: Callable[[Path], None] = lambda _: None) -> Config:
        """The configuration as it is written now; raises ConfigError."""
        config = load(self.path, self.environ, self.flags, seen)
        if config.database.url is not None or self.sample is None:
            return config
        return load(self.path, {**self.environ, "REFLECTOR_DATABASE_URL": self.sample}, self.flags, seen)


class Reloading:
    """Reads again for one server. `started` is what `read` gave at the start. `said`: a hash of what the database said of
    its settings at the last reading."""

    def __init__(self, grounds: Grounds, read: Read, started: Config) -> None:
        self.reading = grounds.reading
        self._grounds = grounds
        self._read = read
        self._started = self._accepted = started
        self.said = started.said
        self._files: Mapping[Path, Mark] = {}
        self._turn = asyncio.Lock()
        self._watching: asyncio.Task[None] | None = None

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    async def reload(self) -> Outcome:
        """Read, and serve by what was read; raises ConfigError where it cannot be used, and nothing has changed then."""
        async with self._turn:
            try:
                return await self._reload()
            except ConfigError as refused:
                self._refuse(refused.complaints)
                raise

    async def _reload(self) -> Outcome:
        seen = Seen()
        try:
            wanted = await asyncio.to_thread(self._read, seen)
        finally:
            # What was looked at before is looked at still: it may be what is missing now.
            self._files = {**marks(self._files), **seen.marks}
        self._files = seen.marks
        wanted = await self._informed(wanted)
        house = self._grounds.house
        config, found = await asyncio.to_thread(self._compared, house.config, wanted)
        if found.changed:
            self._grounds.move(await self._built(house, config))
            await self._grounds.courier.joined()
        self._accepted = wanted
        self._note(found)
        return replace(found, closed=self._grounds.binding.closed)

    async def _informed(self, wanted: Config) -> Config:
        """With what the database says that is served, whichever the file names now; raises ConfigError."""
        url = self._grounds.house.config.database.url
        served = wanted.model_copy(update={"database": wanted.database.model_copy(update={"url": url})})
        try:
            said = await informed(served)
        except ConfigError:
            raise
        except ReflectorError as error:
            raise _unusable(error, wanted) from error
        self.said = said.said
        return wanted.model_copy(update={"postgrest": said.postgrest, "places": said.places, "said": said.said})

    def _compared(self, present: Config, wanted: Config) -> tuple[Config, Outcome]:
        """What is to be served, and what is new of it. A large configuration is not walked through on the event loop."""
        config = kept(present, wanted)
        return config, Outcome(differing(self._accepted, wanted), waiting(self._started, wanted))

    async def _built(self, old: House, config: Config) -> House:
        """The house of this configuration, ready; raises ConfigError."""
        binding = await asyncio.to_thread(Binding, config, *old.binding.known)
        driver = await self._driver(old.config, config)
        try:
            engine = await old.engine.heir(binding.snapshot, overlay_of(config), driver)
            return await prepared(self._grounds, config, engine, binding, self._guard(old, config))
        except BaseException as error:
            if driver is not None:
                await driver.close()
            if isinstance(error, ReflectorError) and not isinstance(error, ConfigError):
                raise _unusable(error, config) from error
            raise

    async def _driver(self, old: Config, config: Config) -> Driver | None:
        """An open driver, where connections are to be kept in another way; None where they are not."""
        wanted = settings_of(config)
        if wanted == settings_of(old):
            return None
        driver = open_driver(database_of(config), wanted)
        try:
            await driver.open()
        except ReflectorError as error:
            await driver.close()
            raise _unusable(error, config) from error
        return driver

    def _guard(self, old: House, config: Config) -> Guard:
        """The rules of the gate; the access token is the one of the start."""
        return Guard(replace(guard_of(config).rules, token=old.guard.rules.token), old.guard.made)

    # ── telling ──────────────────────────────────────────────────────────────────────────────

    def _note(self, done: Outcome) -> None:
        self.reading.refused, self.reading.at = (), dt.datetime.now(dt.UTC)
        self.reading.taken += 1
        if done.changed:
            LOG.info("the configuration was read again: %s", _named(done.changed))
        else:
            LOG.info("the configuration was read again: nothing has changed")
        if done.waiting and done.waiting != self.reading.waiting:
            LOG.warning("the configuration was read again, and needs a restart: %s", _named(done.waiting))
        self.reading.waiting = done.waiting

    def _refuse(self, complaints: tuple[Complaint, ...]) -> None:
        self.reading.refusals += 1
        if complaints != self.reading.refused:
            for each in complaints:
                LOG.error("the configuration is refused, the one before it serves on: %s", each)
        self.reading.refused = complaints

    # ── files ────────────────────────────────────────────────────────────────────────────────

    def watch(self, files: Mapping[Path, Mark]) -> None:
        """Look at the files from now on, until `close`; they are given as they were before the first reading."""
        self._files = files
        self._watching = asyncio.create_task(self._watch(), name="reflector-configuration")

    async def _watch(self) -> None:
        while True:
            interval = self._grounds.house.config.server.watch
            await asyncio.sleep(IDLE_SECONDS if interval is None else interval.total_seconds())
            if interval is not None and await self.settled():
                try:
                    await self.reload()
                except ConfigError:
                    continue  # it was told, and is told by readiness until it is put right

    async def settled(self) -> bool:
        """Whether a file has changed; told once it does not change any more."""
        now = await asyncio.to_thread(marks, self._files)
        if now == self._files:
            return False
        while True:
            await asyncio.sleep(SETTLE_SECONDS)
            before, now = now, await asyncio.to_thread(marks, self._files)
            if now == before:
                return True

    async def close(self) -> None:
        """Look no more."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)


def _named(settings: Iterable[str]) -> str:
    names = list(settings)
    beyond = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + beyond


def _unusable(error: ReflectorError, config: Config) -> ConfigError:
    """Why the database cannot be used with this configuration, as complaints."""
    if isinstance(error, CatalogError) and not isinstance(error, ConnectionRefused):
        return misfits(error, config)
    position = config.position("database", "url") or Position("database.url")
    return ConfigError([Complaint(position, "database", "the database could not be asked", error.hint)])
