"""What a subscriber puts together from what it is told equals a fresh query of the same caller, whatever breaks meanwhile:
sockets, the server, PostgreSQL."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections.abc import Mapping
from typing import Any

import aiohttp
import asyncpg
import pg8000.exceptions
import pytest

from reflector.catalog.model import DatabaseKind
from tests.apis.realtime.following import Picture
from tests.apis.realtime.test_rules import CONFIG, bearer
from tests.bookshops import Databases
from tests.changes.capturing import Write, install, uninstall, writer
from tests.server.harness import Served, served
from tests.servers import PostgreSQLServer

SCHEMA = """
CREATE TABLE article (id INTEGER PRIMARY KEY, title VARCHAR(80), status VARCHAR(20), owner VARCHAR(40), salary INTEGER);
CREATE TABLE team (id INTEGER PRIMARY KEY);
CREATE TABLE member (team_id INTEGER NOT NULL REFERENCES team (id), person VARCHAR(40) NOT NULL, PRIMARY KEY (team_id, person));
CREATE TABLE note (id INTEGER PRIMARY KEY, team_id INTEGER NOT NULL REFERENCES team (id), body VARCHAR(80));
INSERT INTO article VALUES (1, 'a', 'draft', '7', 1), (2, 'b', 'published', '8', 1), (3, 'c', 'draft', '8', 1);
"""
BROKEN = (aiohttp.ClientError, OSError, TimeoutError, TypeError)
CALLERS: Mapping[str, dict[str, str]] = {"guest": {}, "user": bearer("user"), "both": bearer("both")}


def statement(chosen: random.Random) -> str:
    """Any write: rows come, go, change hands, are published and hidden."""
    id_, owner = chosen.randrange(1, 40), chosen.choice(["7", "8"])
    status = chosen.choice(["draft", "published"])
    return chosen.choice(
        [
            f"INSERT INTO article VALUES ({id_}, 't{chosen.random()}', '{status}', '{owner}', 0)",
            f"DELETE FROM article WHERE id = {id_}",
            f"UPDATE article SET owner = '{owner}' WHERE id = {id_}",
            f"UPDATE article SET status = '{status}', title = 'u{chosen.random()}' WHERE id = {id_}",
            f"UPDATE article SET salary = salary + 1 WHERE id % 3 = {id_ % 3}",
            f"UPDATE article SET id = {chosen.randrange(1, 40)} WHERE id = {id_}",
        ]
    )


class Subscriber:
    """Follows articles for as long as it is asked to, through everything that breaks."""

    def __init__(self, base: list[str], headers: dict[str, str]) -> None:
        self.base = base
        self.headers = headers
        self.picture = Picture()
        self.fresh = True
        self.resyncs = 0
        self._ws: aiohttp.ClientWebSocketResponse | None = None

    async def run(self) -> None:
        while True:
            try:
                async with aiohttp.ClientSession(headers=self.headers) as session:
                    await self._follow(session)
            except BROKEN:
                await asyncio.sleep(0.02)

    def drop(self) -> None:
        """Lose the connection, as a train in a tunnel does."""
        if self._ws is not None and self._ws._response.connection is not None:
            transport = self._ws._response.connection.transport
            if transport is not None:
                transport.abort()

    async def _follow(self, session: aiohttp.ClientSession) -> None:
        async with session.ws_connect(self.base[0] + "/ws", timeout=aiohttp.ClientWSTimeout(ws_close=1)) as ws:
            self._ws = ws
            fresh = self.fresh or self.picture.cursor is None
            frame: dict[str, Any] = {"type": "subscribe", "id": "1", "table": "article"}
            await ws.send_json(frame | ({"initial": True} if fresh else {"since": self.picture.cursor}))
            async for message in ws:
                frame = message.json()
                if frame["type"] == "error":
                    await asyncio.sleep(0.05)
                    return
                if frame["type"] == "resync":
                    # Read afresh, by a subscription with first rows.
                    self.fresh, self.resyncs = True, self.resyncs + 1
                    return
                if frame["type"] == "initial":
                    self.fresh = False
                self.picture.take(frame)


async def fresh(api: Served, headers: dict[str, str]) -> Any:
    reply = await api.get("/api/article?limit=1000&sort=id", headers)
    return reply.json["items"]


async def settle(api: Served, subscribers: Mapping[str, Subscriber]) -> None:
    """In the end everybody's picture is what they would read."""
    loop = asyncio.get_running_loop()
    for name, subscriber in subscribers.items():
        deadline = loop.time() + 15
        while True:
            wanted = await fresh(api, CALLERS[name])
            found = sorted(subscriber.picture.rows.values(), key=lambda row: row["id"])
            if found == wanted and not subscriber.fresh:
                break
            assert loop.time() < deadline, (name, found, wanted)
            await asyncio.sleep(0.05)


class Written:
    """How many writes were accepted."""

    count = 0

    async def more(self, count: int) -> None:
        """Until there are so many more."""
        wanted, deadline = self.count + count, time.monotonic() + 30
        while self.count < wanted:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.005)


async def insist(write: Write, chosen: random.Random, ending: asyncio.Event, written: Written) -> None:
    """Write, whatever becomes of it."""
    while not ending.is_set():
        try:
            await asyncio.to_thread(write, statement(chosen))
            written.count += 1
        except (sqlite3.Error, pg8000.exceptions.Error, OSError):  # a key that is taken, a server that is away
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("kind", [DatabaseKind.SQLITE, DatabaseKind.POSTGRESQL], ids=str)
async def test_through_dropped_sockets_and_restarts_of_the_server(kind: DatabaseKind, databases: Databases) -> None:
    url = databases.database(kind, SCHEMA)
    await install(url)
    write, chosen, ending = writer(url, databases.postgresql), random.Random(5), asyncio.Event()
    base: list[str] = [""]
    subscribers = {name: Subscriber(base, headers) for name, headers in CALLERS.items()}
    written = Written()
    writing = [asyncio.create_task(insist(write, random.Random(seed), ending, written)) for seed in range(2)]
    running: list[asyncio.Task[None]] = []
    for round_ in range(3):
        async with served(url, CONFIG) as api:
            base[0] = api.base
            if not running:
                running = [asyncio.create_task(each.run()) for each in subscribers.values()]
            for _ in range(5):
                await written.more(8)
                chosen.choice(list(subscribers.values())).drop()
            if round_ == 2:
                ending.set()
                await asyncio.gather(*writing)
                await settle(api, subscribers)
    assert all(each.resyncs >= 1 for each in subscribers.values())
    await ended(running)
    await uninstall(url)


async def test_through_kills_of_postgresql() -> None:
    with PostgreSQLServer({"max_slot_wal_keep_size": "1GB"}) as server:
        url = server.create_database("killed")
        server.run("killed", SCHEMA)
        await install(url)
        ending = asyncio.Event()
        async with served(url, CONFIG) as api:
            subscribers = {name: Subscriber([api.base], headers) for name, headers in CALLERS.items()}
            running = [asyncio.create_task(each.run()) for each in subscribers.values()]
            written = Written()
            writing = [asyncio.create_task(pressing(url, random.Random(seed), ending, written)) for seed in range(3)]
            for _ in range(6):
                await written.more(random.randrange(15, 60))
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(server.start)
            await written.more(20)
            ending.set()
            await asyncio.gather(*writing)
            await settle(api, subscribers)
            await ended(running)
            # The slot kept what was committed meanwhile: nobody had to begin again.
            assert [each.resyncs for each in subscribers.values()] == [0, 0, 0]


async def pressing(url: str, chosen: random.Random, ending: asyncio.Event, written: Written) -> None:
    """Write over one connection as fast as it goes, and over another when that breaks."""
    connection = None
    while not ending.is_set():
        try:
            if connection is None:
                connection = await asyncpg.connect(url, timeout=2)
            await connection.execute(statement(chosen))
            written.count += 1
        except asyncpg.UniqueViolationError:
            continue
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, TimeoutError):
            connection = None
            await asyncio.sleep(0.02)
    if connection is not None:
        await connection.close()


async def ended(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
