"""Several servers of one database that share a Redis, and what they do without it. A real Redis, killed and restarted."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import orjson
import pytest
import redis

from reflector.catalog.model import DatabaseKind
from server.cache.others import RedisOthers, channel_of
from tests.bookshops import Databases
from tests.cache.conftest import cache_of, halted, write_outside
from tests.server.harness import Served, eventually, served
from tests.servers import RedisServer

CONFIG = """
server: {{secret: a-secret-of-at-least-thirty-two-bytes}}
defaults: {{read: true, write: true}}
tables: {{publisher: {{cache: {{ttl: 1h}}}}, book: {{cache: {{ttl: 1h}}}}}}
redis: {{url: "{url}"}}
"""
PATH = "/api/publisher/QUIPU?fields=name"


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A Redis that a test may kill."""
    with RedisServer() as server:
        yield server


@asynccontextmanager
async def two(url: str, redis_url: str) -> AsyncIterator[tuple[Served, Served]]:
    config = CONFIG.format(url=redis_url)
    async with served(url, config) as one, served(url, config) as other:
        yield one, other


def others_of(api: Served) -> RedisOthers:
    keeping = api.running.keeping
    assert keeping is not None
    assert keeping.others is not None
    return keeping.others


async def name_at(api: Served) -> str:
    return str((await api.get(PATH)).json["name"])


async def readiness(api: Served) -> str:
    return str((await api.get("/health/ready")).json["status"])


@pytest.mark.parametrize("kind", [DatabaseKind.SQLITE, DatabaseKind.POSTGRESQL], ids=str)
async def test_a_server_hears_of_what_another_wrote(
    kind: DatabaseKind, own_shop: Callable[[DatabaseKind], str], redis_server: RedisServer
) -> None:
    async with two(own_shop(kind), redis_server.url()) as (one, other):
        assert (await readiness(one), await readiness(other)) == ("ready", "ready")
        for number in range(100):
            reader, writer = (one, other) if number % 2 else (other, one)
            await name_at(reader)
            assert (await writer.patch("/api/publisher/QUIPU", {"name": f"n{number}"})).status == 200
            assert await name_at(writer) == f"n{number}"

            async def heard(reader: Served = reader, name: str = f"n{number}") -> bool:
                return await name_at(reader) == name

            await eventually(heard, 2)
        await name_at(one)
        assert cache_of(one).hits > 0


async def test_tags_are_the_same_at_every_server(
    own_shop: Callable[[DatabaseKind], str], redis_server: RedisServer
) -> None:
    async with two(own_shop(DatabaseKind.SQLITE), redis_server.url()) as (one, other):
        tag = (await one.get(PATH)).headers["ETag"]
        assert (await other.get(PATH, {"If-None-Match": tag})).status == 304


async def test_a_write_elsewhere_ends_what_its_cascades_reach(
    own_shop: Callable[[DatabaseKind], str], redis_server: RedisServer
) -> None:
    """publisher.code is referred to with ON UPDATE CASCADE."""
    async with two(own_shop(DatabaseKind.SQLITE), redis_server.url()) as (one, other):
        path = "/api/book?publisher_code=QUIPU&fields=id"
        assert (await one.get(path)).json["items"] != []
        assert (await other.patch("/api/publisher/QUIPU", {"code": "QUIPU2"})).status == 200

        async def heard() -> bool:
            return bool((await one.get(path)).json["items"] == [])

        await eventually(heard, 2)


async def test_redis_killed_and_back(
    databases: Databases,
    own_shop: Callable[[DatabaseKind], str],
    own_redis: RedisServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "reflector.cache")
    url = own_shop(DatabaseKind.SQLITE)
    async with two(url, own_redis.url()) as (one, other):
        await name_at(one)
        own_redis.kill()

        async def degraded() -> bool:
            return await readiness(one) == await readiness(other) == "degraded"

        await eventually(degraded)
        clock = halted(one)
        # Served without it: what is kept is at most a second old, own writes are seen at once.
        await other.patch("/api/publisher/QUIPU", {"name": "while away"})
        assert await name_at(other) == "while away"
        clock.now += 1.1
        assert await name_at(one) == "while away"
        hits = cache_of(one).hits
        assert await name_at(one) == "while away"
        assert cache_of(one).hits == hits + 1
        write_outside(databases, url, "UPDATE publisher SET name = 'outside' WHERE code = 'QUIPU';")
        clock.now += 1.1
        assert await name_at(one) == "outside"
        await name_at(other)
        write_outside(databases, url, "UPDATE publisher SET name = 'just before' WHERE code = 'QUIPU';")
        await asyncio.to_thread(own_redis.start)

        async def ready() -> bool:
            return await readiness(one) == await readiness(other) == "ready"

        await eventually(ready)
        assert (await name_at(one), await name_at(other)) == ("just before", "just before")
        await one.patch("/api/publisher/QUIPU", {"name": "together again"})

        async def heard() -> bool:
            return await name_at(other) == "together again"

        await eventually(heard, 2)
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(said) == 2, said  # each of the two servers once, however long it lasted
    assert str(own_redis.port) not in "".join(said)


async def test_a_server_starts_without_redis(own_shop: Callable[[DatabaseKind], str], own_redis: RedisServer) -> None:
    own_redis.kill()
    async with served(own_shop(DatabaseKind.SQLITE), CONFIG.format(url=own_redis.url())) as api:
        assert await readiness(api) == "degraded"
        assert (await api.get(PATH)).status == 200
        await asyncio.to_thread(own_redis.start)

        async def ready() -> bool:
            return await readiness(api) == "ready"

        await eventually(ready)


async def test_a_broken_listening_connection_forgets_everything(
    databases: Databases, own_shop: Callable[[DatabaseKind], str], own_redis: RedisServer
) -> None:
    """What was said while nobody listened was not heard, however short it was."""
    url = own_shop(DatabaseKind.SQLITE)
    async with served(url, CONFIG.format(url=own_redis.url())) as api:
        with redis.Redis(host=own_redis.host, port=own_redis.port) as client:
            for number in range(5):
                await name_at(api)
                write_outside(databases, url, f"UPDATE publisher SET name = 'x{number}' WHERE code = 'QUIPU';")
                client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")

                async def fresh(name: str = f"x{number}") -> bool:
                    return await name_at(api) == name

                await eventually(fresh, 3)

                async def ready() -> bool:
                    return await readiness(api) == "ready"

                await eventually(ready)


async def test_a_flushed_redis_loses_nothing(own_shop: Callable[[DatabaseKind], str], own_redis: RedisServer) -> None:
    """Nothing is stored there; and what was to be told while its connection broke is told on the next one."""
    async with two(own_shop(DatabaseKind.SQLITE), own_redis.url()) as (one, other):
        with redis.Redis(host=own_redis.host, port=own_redis.port) as client:
            for number in range(20):
                reader, writer = (one, other) if number % 2 else (other, one)
                await name_at(reader)
                client.flushall()
                if number % 4 >= 2:
                    client.execute_command("CLIENT", "KILL", "TYPE", "normal")
                assert (await writer.patch("/api/publisher/QUIPU", {"name": f"f{number}"})).status == 200

                async def heard(reader: Served = reader, name: str = f"f{number}") -> bool:
                    return await name_at(reader) == name

                await eventually(heard)


async def test_a_silent_redis_is_not_believed(
    databases: Databases, own_shop: Callable[[DatabaseKind], str], own_redis: RedisServer
) -> None:
    """Connections that stay open and say nothing: the process is stopped, not ended."""
    url = own_shop(DatabaseKind.SQLITE)
    async with served(url, CONFIG.format(url=own_redis.url())) as api:
        await name_at(api)
        os.kill(own_redis.pid, signal.SIGSTOP)
        try:
            write_outside(databases, url, "UPDATE publisher SET name = 'unheard' WHERE code = 'QUIPU';")

            async def fresh() -> bool:
                return await name_at(api) == "unheard"

            await eventually(fresh, 4)
            assert await readiness(api) == "degraded"
        finally:
            os.kill(own_redis.pid, signal.SIGCONT)

        async def ready() -> bool:
            return await readiness(api) == "ready"

        await eventually(ready)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"garbage",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b'{"from":"x","tables":5,"doubt":0}',
        b'{"from":"x","tables":[["a"]],"doubt":0}',
        b'{"from":"x","tables":[[1,2]],"doubt":0}',
        b'{"from":"x","tables":[],"doubt":"soon"}',
        b"[" * 100_000,
        b'{"from":"x","tables":null,"doubt":0}' + b" " * 2_000_000,
    ],
    ids=lambda data: f"{len(data)} bytes",
)
async def test_what_is_garbled_ends_answers_and_nothing_else(
    data: bytes, own_shop: Callable[[DatabaseKind], str], redis_server: RedisServer
) -> None:
    url = own_shop(DatabaseKind.SQLITE)
    async with served(url, CONFIG.format(url=redis_server.url())) as api:
        await name_at(api)
        before = cache_of(api).versions.moved
        database = api.running.config.database.url
        assert database is not None
        with redis.Redis(host=redis_server.host, port=redis_server.port) as client:
            assert client.publish(channel_of("sqlite", str(database.database)), data) == 1

        async def counted() -> bool:
            return others_of(api).garbled == 1

        await eventually(counted, 2)
        assert cache_of(api).versions.moved > before
        assert (await api.get(PATH)).status == 200
        assert await readiness(api) == "ready"


async def test_what_is_garbled_is_counted(own_shop: Callable[[DatabaseKind], str], redis_server: RedisServer) -> None:
    config = CONFIG.format(url=redis_server.url()) + "observability: {metrics: {port: 0}}\n"
    async with served(own_shop(DatabaseKind.SQLITE), config) as api:
        database = api.running.config.database.url
        assert database is not None
        with redis.Redis(host=redis_server.host, port=redis_server.port) as client:
            client.publish(channel_of("sqlite", str(database.database)), b"garbage")

        async def counted() -> bool:
            async with api.session.get(f"http://127.0.0.1:{api.running.figures.port}/metrics") as reply:
                text = await reply.text()
            return "reflector_others_heard 1.0" in text and "reflector_others_garbled_total 1.0" in text

        await eventually(counted)


async def test_another_database_on_the_same_redis_is_not_heard(
    own_shop: Callable[[DatabaseKind], str], redis_server: RedisServer
) -> None:
    config = CONFIG.format(url=redis_server.url())
    kind = DatabaseKind.SQLITE
    async with served(own_shop(kind), config) as one, served(own_shop(kind), config) as other:
        first, second = await name_at(one), await name_at(other)
        assert (await one.patch("/api/publisher/QUIPU", {"name": "mine alone"})).status == 200
        moved = cache_of(other).versions.moved
        await asyncio.sleep(0.3)
        assert cache_of(other).versions.moved == moved
        assert (await name_at(other), first) == (second, first)


async def test_nothing_is_stored_and_no_row_is_said(
    own_shop: Callable[[DatabaseKind], str], own_redis: RedisServer
) -> None:
    async with served(own_shop(DatabaseKind.SQLITE), CONFIG.format(url=own_redis.url())) as api:
        database = api.running.config.database.url
        assert database is not None
        with redis.Redis(host=own_redis.host, port=own_redis.port) as client, client.pubsub() as listening:
            listening.subscribe(channel_of("sqlite", str(database.database)))
            await name_at(api)
            await api.patch("/api/publisher/QUIPU?fields=code", {"name": "a secret name"})
            said: list[bytes] = []

            async def told() -> bool:
                message = listening.get_message(timeout=0.05)
                if message is not None and message["type"] == "message":
                    said.append(message["data"])
                return bool(said)

            await eventually(told, 3)
            assert client.dbsize() == 0
        message = orjson.loads(said[0])
        assert message["tables"] == [["main", "book"], ["main", "publisher"]]  # and what the key's cascade reaches
        assert b"secret" not in said[0]
