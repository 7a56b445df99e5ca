"""No two snapshots share a number: neither those of an engine, nor those of an engine and its heir."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from reflector.catalog.model import Catalog
from reflector.catalog.overlay import Overlay
from reflector.database_url import parse_database_url
from reflector.drivers import open_driver
from reflector.engine import Engine
from reflector.snapshot import Snapshot, swaps


def snapshot(number: int, catalog: Catalog) -> Snapshot:
    return Snapshot(number, catalog, None)


async def test_an_heir_comes_after_whatever_its_predecessor_sees_meanwhile(tmp_path: Path) -> None:
    file = tmp_path / "a.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE a (id INTEGER PRIMARY KEY)")
    engine = await Engine.start(open_driver(parse_database_url(f"sqlite:///{file}")), snapshot, Overlay())
    try:
        first, heir = engine.snapshot, await engine.heir(snapshot, Overlay())
        for name in "bc":
            with closing(sqlite3.connect(file)) as connection:
                connection.execute(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY)")
            await asyncio.wait_for(engine.refresh(), 20)
            assert first.number < engine.snapshot.number < heir.snapshot.number
        assert [swaps(each.number) for each in (first, engine.snapshot, heir.snapshot)] == [0, 2, 1]
    finally:
        await engine.close()
