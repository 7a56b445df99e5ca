"""What is written down of what readers are told: in order, and no further than everything is judged."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from reflector.capture import Capture
from reflector.changes.hub import Hub
from reflector.changes.question import Question
from server.apis.realtime.frames import ChangeCursors
from server.webhooks.delivery import Desk, Standing
from server.webhooks.keeping import Keeping, Reader
from server.webhooks.spool import Event, Spool
from tests.changes.articles import CATALOG, CODEC, ELSEWHERE, Database, clock, committed, question, row, turns


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with ThreadPoolExecutor(1) as thread:
        made = Desk(thread.submit(Spool.open, tmp_path / "spool").result(), thread)
        yield made
        thread.submit(made.spool.close).result()


def written(desk: Desk) -> list[Any]:
    found = desk.spool._connection.execute("SELECT body FROM event ORDER BY number").fetchall()
    events = [orjson.loads(body) for (body,) in found]
    return [event["key"]["id"] if event["type"] == "change" else "resync" for event in events]


async def test_what_waits_for_the_database_is_not_overtaken_and_what_was_lost_overtakes_nothing(desk: Desk) -> None:
    hub = made_hub()
    capture = cast("Capture", SimpleNamespace(prepared=lambda: hub, written=lambda _: None))
    keeping = Keeping(capture, desk, "d", 1 << 20, lambda _: None)
    gate = asyncio.Event()
    slow = Database({(1,): b'{"id":1}', (3,): b'{"id":3}'}, gate=gate)
    for asks in (question(rule=ELSEWHERE, database=slow), question()):
        join(hub, keeping, asks)
    keeping.start()
    hub.publish([committed(row(id=1)), committed(row(id=2))])
    keeping.came("one")
    await asyncio.sleep(0.1)
    assert (await desk.do(written, desk), desk.spool.place) == ([], None)
    gate.set()
    await until(lambda: desk.spool.place == "one")
    assert await desk.do(written, desk) == [1, 1, 2]
    gate.clear()
    hub.publish([committed(row(id=3))])
    keeping.came("two")
    await turns()
    hub.lose("because")
    keeping.came("three")
    await until(lambda: desk.spool.place == "three")
    gate.set()
    await asyncio.sleep(0.1)
    assert await desk.do(written, desk) == [1, 1, 2, 3, "resync", "resync"]
    await keeping.close()


async def test_what_ends_writing_unforeseen_is_told_and_keeps_the_place(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    hub, held = made_hub(), list[str]()

    def broken(_: Any) -> None:
        raise RuntimeError("a fault of ours")

    capture = cast("Capture", SimpleNamespace(prepared=lambda: hub, written=held.append))
    keeping = Keeping(capture, desk, "d", 1 << 20, broken)
    join(hub, keeping, question())
    keeping.start()
    assert keeping.fault == ""
    for number, place in ((1, "one"), (2, "two")):
        hub.publish([committed(row(id=number))])
        keeping.came(place)
        await until(lambda: keeping.fault == "nothing is written down any more")
    # What the database was told that it may forget is written; what came since is read again after the next start.
    assert (held, desk.spool.place, await desk.do(written, desk)) == (["one"], "one", [1])
    assert "webhooks are told nothing any more" in caplog.text
    await keeping.close()


def test_a_file_of_the_version_before_is_taken_over_with_what_waits(tmp_path: Path) -> None:
    before = Spool.open(tmp_path / "spool")
    before.write([Event("hook", 1.0, b"{}")], "d", "somewhere")
    before._connection.executescript("DROP TABLE gone; PRAGMA user_version = 2")
    before.close()
    for since in (None, 7.0):
        after = Spool.open(tmp_path / "spool")
        assert (after.place, after.waiting("hook").events, after.gone("hook", "a")) == ("somewhere", 1, since)
        after.replace(Event("hook", 2.0, b"{}"), ("a", 7.0))
        after.close()
    last = Spool.open(tmp_path / "spool")
    last.settle(["another"], {})
    assert (last.gone("hook", "a"), last.waiting("hook").events) == (None, 0)
    last.close()


def made_hub() -> Hub:
    numbers = iter(range(1, 100))
    made = Hub(CODEC, clock, lambda: next(numbers))
    made.rebind(CATALOG)
    return made


def join(hub: Hub, keeping: Keeping, asks: Question) -> None:
    cursors = ChangeCursors(bytes(64))
    reader = Reader("hook", "article", lambda: asks, keeping.put, cursors, Standing())
    reader.subscription = hub.join(asks, reader)
    keeping.readers[reader] = None
    hub.release(reader.subscription)


async def until(holds: Any) -> None:
    async with asyncio.timeout(8):
        while not holds():  # noqa: ASYNC110 - a thread writes, and tells nobody here
            await asyncio.sleep(0.01)
