"""Databases whose changes are captured, programs that write into them, and sinks that keep what they are told."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field

from reflector.capture import source_of
from reflector.changes.change import Batch, Committed
from reflector.changes.setup import DEFAULT, Choices
from reflector.changes.source import Source
from reflector.database_url import parse_database_url
from tests.servers import PostgreSQLServer

Write = Callable[[str], None]


async def install(url: str, choices: Choices = DEFAULT) -> None:
    """Install what capturing needs."""
    source = source_of(parse_database_url(url))
    setup = await source.setup(choices)
    assert setup.obstacles == ()
    await source.perform(setup.install)


async def uninstall(url: str) -> None:
    source = source_of(parse_database_url(url))
    await source.perform((await source.setup()).uninstall)


@asynccontextmanager
async def with_changes(url: str, choices: Choices = DEFAULT) -> AsyncIterator[str]:
    """The database, which has what capturing needs meanwhile."""
    await install(url, choices)
    try:
        yield url
    finally:
        await uninstall(url)


def writer(url: str, server: Callable[[], PostgreSQLServer] | None = None) -> Write:
    """Runs SQL in the database, as another program would."""
    if server is not None and not url.startswith("sqlite"):
        name = url.rpartition("/")[2].partition("?")[0]

        def run(script: str) -> None:
            server().run(name, script)

        return run

    def write(script: str) -> None:
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=30, isolation_level=None)) as connection:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.executescript(f"BEGIN; {script}; COMMIT" if "BEGIN" not in script else script)

    return write


@dataclass
class Kept:
    """A sink."""

    told: list[Committed] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    reports: list[tuple[bool, str]] = field(default_factory=list)
    place: str = ""

    def publish(self, batch: Batch, place: str) -> None:
        self.told.extend(batch)
        self.place = place

    def lose(self, reason: str, place: str) -> None:
        self.lost.append(reason)
        self.place = place

    def report(self, active: bool, reason: str) -> None:
        self.reports.append((active, reason))

    async def until(self, condition: Callable[[], object], seconds: float = 15.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (len(self.told), self.lost, self.reports)
            await asyncio.sleep(0.005)

    async def changes(self, count: int) -> Sequence[Committed]:
        """So many changes, and no more than these."""
        await self.until(lambda: len(self.told) >= count)
        await asyncio.sleep(0.05)
        assert len(self.told) == count, self.told
        taken, self.told = self.told, []
        return taken


@asynccontextmanager
async def followed(url: str) -> AsyncIterator[tuple[Source, Kept]]:
    """The source of a database, started, and what it tells."""
    source, kept = source_of(parse_database_url(url)), Kept()
    await source.start(kept)
    try:
        yield source, kept
    finally:
        await source.close()
