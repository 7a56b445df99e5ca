"""What a subscriber puts together from what it is told equals a fresh query of the same caller, whatever breaks meanwhile:
sockets, the server, PostgreSQL.

Writers go past the server: sqlite3 and asyncpg. Nobody waits but for something to happen.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
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
from tests.server.harness import Served, ServedProcess, served
from tests.server.test_jwt import SECRET
from tests.servers import PostgreSQLServer

SCHEMA = """
CREATE TABLE article (id INTEGER PRIMARY KEY, title VARCHAR(80), status VARCHAR(20), owner VARCHAR(40), salary INTEGER);
CREATE TABLE team (id INTEGER PRIMARY KEY);
CREATE TABLE member (team_id INTEGER NOT NULL REFERENCES team (id), person VARCHAR(40) NOT NULL, PRIMARY KEY (team_id, person));
CREATE TABLE note (id INTEGER PRIMARY KEY, team_id INTEGER NOT NULL REFERENCES team (id), body VARCHAR(80));
INSERT INTO article VALUES (1, 'a', 'draft', '7', 1), (2, 'b', 'published', '8', 1), (3, 'c', 'draft', '8', 1);
INSERT INTO team VALUES (1), (2), (3);
INSERT INTO member VALUES (1, '7'), (2, '8');
INSERT INTO note VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 1, 'c');
"""
BROKEN = (aiohttp.ClientError, OSError, TimeoutError, TypeError)
PATIENCE = 120.0
"""Seconds until what has to happen will not: on a machine that others use as well it may take long."""
KILLS = 10
CALM = 0.004
"""Seconds between two writes of one writer, so that the machine has time for those who follow."""
CALLERS: Mapping[str, tuple[str, dict[str, str]]] = {
    "guest": ("article", {}),
    "user": ("article", bearer("user")),
    "both": ("article", bearer("both")),
    "member": ("note", bearer("user")),
}
"""Who follows which table. Who may see a note stands in another table, which is written now and then."""


def statement(chosen: random.Random) -> str:
    """Any write: rows come, go, change hands, are published and hidden."""
    return note_statement(chosen) if chosen.random() < 0.3 else article_statement(chosen)


def note_statement(chosen: random.Random) -> str:
    id_, team = chosen.randrange(1, 20), chosen.randrange(1, 4)
    if chosen.random() < 0.04:
        gone = f"DELETE FROM member WHERE team_id = {team} AND person = '7'"
        return chosen.choice([gone, f"INSERT INTO member VALUES ({team}, '7')"])
    return chosen.choice(
        [
            f"INSERT INTO note VALUES ({id_}, {team}, 'n{chosen.random()}')",
            f"DELETE FROM note WHERE id = {id_}",
            f"UPDATE note SET team_id = {team} WHERE id = {id_}",
            f"UPDATE note SET body = 'b{chosen.random()}' WHERE id = {id_}",
            f"UPDATE note SET id = {chosen.randrange(1, 20)} WHERE id = {id_}",
        ]
    )


def article_statement(chosen: random.Random) -> str:
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
    """Follows a table for as long as it is asked to, through everything that breaks."""

    def __init__(self, base: list[str], table: str, headers: dict[str, str]) -> None:
        self.base = base
        self.table = table
        self.headers = headers
        self.picture = Picture()
        self.fresh = True
        self.resyncs = 0
        self.told = 0
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
            frame: dict[str, Any] = {"type": "subscribe", "id": "1", "table": self.table}
            await ws.send_json(frame | ({"initial": True} if fresh else {"since": self.picture.cursor}))
            async for message in ws:
                frame = message.json()
                self.told += 1
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


Read = Callable[[str, dict[str, str]], Awaitable[Any]]
"""Rows by a path, as a caller of these headers reads them afresh."""


async def settle(read: Read, subscribers: Mapping[str, Subscriber]) -> None:
    """In the end everybody's picture is what they would read."""
    loop = asyncio.get_running_loop()
    for name, subscriber in subscribers.items():
        deadline = loop.time() + PATIENCE
        while True:
            wanted = await read(f"/api/{subscriber.table}?limit=1000&sort=id", subscriber.headers)
            found = sorted(subscriber.picture.rows.values(), key=lambda row: row["id"])
            if found == wanted and not subscriber.fresh:
                break
            assert loop.time() < deadline, (name, found, wanted)
            await asyncio.sleep(0.05)


def reading(api: Served) -> Read:
    """From a server in this process."""

    async def read(path: str, headers: dict[str, str]) -> Any:
        return (await api.get(path, headers)).json["items"]

    return read


def reading_from(base: list[str]) -> Read:
    """From a program."""

    async def read(path: str, headers: dict[str, str]) -> Any:
        async with aiohttp.ClientSession() as session, session.get(base[0] + path, headers=headers) as reply:
            return (await reply.json())["items"]

    return read


class Written:
    """How many writes were accepted."""

    count = 0

    async def more(self, count: int) -> None:
        """Until there are so many more."""
        wanted, deadline = self.count + count, time.monotonic() + PATIENCE
        while self.count < wanted:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.005)


async def insist(write: Write, chosen: random.Random, ending: asyncio.Event, written: Written) -> None:
    """Write, whatever becomes of it."""
    while not ending.is_set():
        try:
            await asyncio.to_thread(write, statement(chosen))
            written.count += 1
            await asyncio.sleep(CALM)
        except (sqlite3.Error, pg8000.exceptions.Error, OSError):  # a key that is taken, a server that is away
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("kind", [DatabaseKind.SQLITE, DatabaseKind.POSTGRESQL], ids=str)
async def test_through_dropped_sockets_and_restarts_of_the_server(kind: DatabaseKind, databases: Databases) -> None:
    url = databases.database(kind, SCHEMA)
    await install(url)
    write, chosen, ending = writer(url, databases.postgresql), random.Random(5), asyncio.Event()
    base: list[str] = [""]
    subscribers = {name: Subscriber(base, *asks) for name, asks in CALLERS.items()}
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
            # Whoever has no picture yet when the server ends has nothing that it could be told to read afresh.
            await pictured(subscribers, round_)
            if round_ == 2:
                ending.set()
                await asyncio.gather(*writing)
                await settle(reading(api), subscribers)
    await ended(running)
    await uninstall(url)


@pytest.mark.parametrize("kind", [DatabaseKind.SQLITE, DatabaseKind.POSTGRESQL], ids=str)
async def test_through_kills_of_the_server_and_of_postgresql(
    kind: DatabaseKind, databases: Databases, tmp_path: Path
) -> None:
    """Ten times the server, and then ten times the database, each at another moment of what goes on."""
    chosen, ending, written = random.Random(11), asyncio.Event(), Written()
    base, config = [""], tmp_path / "config.yaml"
    config.write_text(f"version: 1\nserver: {{secret: {SECRET}}}\n{CONFIG}")
    subscribers = {name: Subscriber(base, *asks) for name, asks in CALLERS.items()}
    with ExitStack() as stack:
        server = PostgreSQLServer({"max_slot_wal_keep_size": "1GB"}) if kind is DatabaseKind.POSTGRESQL else None
        if server is None:
            url = databases.database(kind, SCHEMA)
            writing = [insist(writer(url), random.Random(seed), ending, written) for seed in range(2)]
        else:
            url = stack.enter_context(server).create_database("killed")
            server.run("killed", SCHEMA)
            writing = [pressing(url, random.Random(seed), ending, written) for seed in range(3)]
        await install(url)
        tasks = [asyncio.create_task(each) for each in (*writing, *(each.run() for each in subscribers.values()))]
        for _ in range(KILLS):
            with ServedProcess("serve", url, "--config", str(config), "--port", "0") as process:
                base[0] = await asyncio.to_thread(process.wait_until_it_serves)
                await told(subscribers, chosen.choice([0, 1, 8]), written)
                process.signal(signal.SIGKILL)
                assert await asyncio.to_thread(process.wait) == -signal.SIGKILL
        with ServedProcess("serve", url, "--config", str(config), "--port", "0") as process:
            base[0] = await asyncio.to_thread(process.wait_until_it_serves)
            await told(subscribers, 8, written)
            begun = {name: each.resyncs for name, each in subscribers.items()}
            assert min(begun.values()) > 0
            if server is not None:
                await kills(server, lambda: told(subscribers, chosen.choice([1, 4, 12]), written))
            await told(subscribers, 8, written)
            ending.set()
            await asyncio.gather(*tasks[: len(writing)])
            await settle(reading_from(base), subscribers)
            # The slot kept what was committed meanwhile: nobody had to begin again for the database's sake, but whose
            # rule reads other tables.
            assert {name for name, each in subscribers.items() if each.resyncs > begun[name]} <= {"member"}
        await ended(tasks)


async def kills(server: PostgreSQLServer, between: Callable[[], Awaitable[None]]) -> None:
    for _ in range(KILLS):
        await between()
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)


async def told(subscribers: Mapping[str, Subscriber], count: int, written: Written) -> None:
    """Until more is written, and each subscriber has been told so much more."""
    before = {name: each.told for name, each in subscribers.items()}
    await written.more(count)
    deadline = time.monotonic() + PATIENCE
    while any(each.told < before[name] + count for name, each in subscribers.items()):
        assert time.monotonic() < deadline, {name: each.told for name, each in subscribers.items()}
        await asyncio.sleep(0.002)


async def pictured(subscribers: Mapping[str, Subscriber], restarts: int) -> None:
    """Until each has rows that it goes on from, and has been told to read afresh after each of so many restarts."""
    deadline = time.monotonic() + PATIENCE
    while any(each.fresh or each.picture.cursor is None or each.resyncs < restarts for each in subscribers.values()):
        assert time.monotonic() < deadline, {name: (each.fresh, each.resyncs) for name, each in subscribers.items()}
        await asyncio.sleep(0.005)


async def pressing(url: str, chosen: random.Random, ending: asyncio.Event, written: Written) -> None:
    """Write over one connection, and over another when that breaks."""
    connection = None
    while not ending.is_set():
        try:
            if connection is None:
                connection = await asyncpg.connect(url, timeout=2)
            await connection.execute(statement(chosen))
            written.count += 1
            await asyncio.sleep(CALM)
        except asyncpg.UniqueViolationError:
            continue
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, TimeoutError):
            if connection is not None:
                connection.terminate()
            connection = None
            await asyncio.sleep(0.02)
    if connection is not None:
        await connection.close()


async def ended(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
