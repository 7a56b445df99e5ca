"""Reads beside writes, a thousand times: what is read after a write is never older than the write."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from reflector.catalog.model import DatabaseKind
from tests.cache.conftest import cache_of
from tests.server.harness import served

CONFIG = "defaults: {read: true, write: true}\ntables: {publisher: {cache: {ttl: 1h}}, book: {cache: {ttl: 1h}}}"
TIMES = 1000


@pytest.mark.parametrize("kind", [DatabaseKind.SQLITE, DatabaseKind.POSTGRESQL], ids=str)
async def test_a_read_is_never_older_than_a_write_that_ended_before_it(
    kind: DatabaseKind, own_shop: Callable[[DatabaseKind], str]
) -> None:
    async with served(own_shop(kind), CONFIG) as api:
        path = "/api/publisher/QUIPU?fields=name"
        for number in range(TIMES):
            reads = [api.get(path) for _ in range(1 + number % 3)]
            write = api.patch("/api/publisher/QUIPU?fields=code", {"name": f"n{number}"})
            order = [write, *reads] if number % 2 else [*reads, write]
            for reply in await asyncio.gather(*order):
                assert reply.status == 200, reply.body
            assert (await api.get(path)).json["name"] == f"n{number}"
        cache = cache_of(api)
        await api.get(path)
        assert cache.hits > TIMES // 10
        assert cache.misses > TIMES // 10


async def test_readers_never_go_back_in_time(own_shop: Callable[[DatabaseKind], str]) -> None:
    """Whoever reads one after another sees numbers that only grow, however many read and write beside."""
    async with served(own_shop(DatabaseKind.SQLITE), CONFIG) as api:
        ended = asyncio.Event()

        async def write() -> None:
            for number in range(300):
                await api.patch("/api/publisher/QUIPU?fields=code", {"name": f"{number:06}"})
            ended.set()

        async def read(path: str) -> int:
            seen, count = "", 0
            while not ended.is_set():
                name = (await api.get(path)).json["name"]
                assert seen == "" or not seen.isdigit() or name >= seen
                seen, count = name, count + 1
            return count

        paths = ["/api/publisher/QUIPU?fields=name"] * 4 + ["/api/publisher/QUIPU?fields=name,code"] * 2
        writing = asyncio.create_task(write())
        counts = await asyncio.gather(*map(read, paths))
        await writing
        assert min(counts) > 10


async def test_a_write_nobody_waited_for_leaves_nothing_kept(own_shop: Callable[[DatabaseKind], str]) -> None:
    """The client of a write goes away: for a while nobody knows whether it was done, and nothing is kept."""
    url = own_shop(DatabaseKind.SQLITE)
    async with served(url, CONFIG) as api:
        path = "/api/publisher/QUIPU?fields=name"
        for number in range(80):
            await api.get(path)
            write = asyncio.create_task(api.patch("/api/publisher/QUIPU", {"name": f"gone {number}"}))
            await asyncio.sleep(0.0004 * (number % 16))
            write.cancel()
            await asyncio.gather(write, return_exceptions=True)
            await api.get(path)  # what is read now may be overtaken
            # The one writer is free again: whatever was under way has ended.
            assert (await api.patch("/api/book/1?fields=id", {"title": "x"})).status == 200
            with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
                [(name,)] = connection.execute("SELECT name FROM publisher WHERE code = 'QUIPU'").fetchall()
            assert (await api.get(path)).json["name"] == name
        assert cache_of(api).versions.in_doubt([("main", "publisher")])
