"""Kept answers and captured changes, end to end: another program writes, and the answer is another; capturing breaks, and no
answer outlives its `ttl`, which readiness tells."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlencode

import pg8000
import pytest

from reflector.catalog.model import DatabaseKind
from reflector.changes.setup import Choices
from reflector.database_url import parse_database_url
from tests.bookshops import Databases
from tests.cache.conftest import cache_of, write_outside
from tests.changes.capturing import install, with_changes
from tests.server.harness import Served, eventually, served
from tests.servers.programs import find_postgresql

LONG = "defaults: {read: true, write: true}\ntables: {publisher: {cache: {ttl: 1h}}, book: {cache: {ttl: 1h}}}"
SHORT = LONG.replace("1h", "300ms")
BOUNDLESS = Choices(unbounded=True)
LIST = "/api/publisher?fields=code,name&sort=code&limit=100"
BY_GRAPHQL = "/graphql?" + urlencode({"query": "{publisher(order_by: {code: asc}) {code name} book(limit: 1) {id}}"})


@pytest.fixture(params=(DatabaseKind.SQLITE, DatabaseKind.POSTGRESQL), ids=str)
async def captured(request: pytest.FixtureRequest, own_shop: Callable[[DatabaseKind], str]) -> AsyncIterator[str]:
    """The URL of a bookshop whose changes are captured."""
    async with with_changes(own_shop(request.param), BOUNDLESS) as url:
        yield url


@pytest.fixture
async def on_postgresql(own_shop: Callable[[DatabaseKind], str]) -> AsyncIterator[str]:
    async with with_changes(own_shop(DatabaseKind.POSTGRESQL), BOUNDLESS) as url:
        yield url


def by_another_program(url: str, sql: str) -> None:
    """As a person would: with psql, or in a process of its own with SQLite's library."""
    name = parse_database_url(url).database or ""
    if url.startswith("sqlite"):
        code = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.executescript(sys.argv[2]); c.close()"
        command = [sys.executable, "-c", code, name, sql]
    else:
        command = [str(find_postgresql("psql")), "-X", "-q", "-v", "ON_ERROR_STOP=1", url, "-c", sql]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


async def word(api: Served) -> str:
    return str((await api.get("/health/ready")).json["status"])


@pytest.mark.parametrize("path", [LIST, BY_GRAPHQL], ids=["resource", "graphql"])
async def test_a_list_is_304_until_another_program_changes_the_table(captured: str, path: str) -> None:
    async with served(captured, LONG) as api:
        tag = (await api.get(path)).headers["ETag"]
        for number in range(3):
            misses = cache_of(api).misses
            for _ in range(5):
                reply = await api.get(path, {"If-None-Match": tag})
                assert (reply.status, reply.body) == (304, b"")
            assert cache_of(api).misses == misses, "and asks the database nothing"
            by_another_program(
                captured, f"INSERT INTO publisher (code, name, country) VALUES ('AA{number}', 'new {number}', 'PE')"
            )

            async def changed(before: str = tag) -> bool:
                return (await api.get(path, {"If-None-Match": before})).status == 200

            await eventually(changed, 5)
            reply = await api.get(path)
            rows = reply.json["items"] if path == LIST else reply.json["data"]["publisher"]
            assert {"code": f"AA{number}", "name": f"new {number}"} in rows
            tag = reply.headers["ETag"]
        assert await word(api) == "ready"


async def renamed(api: Served, name: str) -> bool:
    """Whether the present name is told; the answer is kept at the same time."""
    rows = (await api.get(LIST)).json["items"]
    return [row["name"] for row in rows if row["code"] == "QUIPU"] == [name]


async def test_while_the_stream_is_broken_off_no_answer_outlives_its_ttl(
    databases: Databases, on_postgresql: str
) -> None:
    async with served(on_postgresql, SHORT) as api:
        cache = cache_of(api)
        name = parse_database_url(on_postgresql).database or ""
        for number in range(3):
            await api.get(LIST)
            ended = "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active AND database = "
            databases.postgresql().run("postgres", f"{ended}'{name}'")
            write_outside(databases, on_postgresql, f"UPDATE publisher SET name = 'cut {number}' WHERE code = 'QUIPU'")
            await eventually(lambda number=number: renamed(api, f"cut {number}"), 5)

        async def heard() -> bool:
            return cache.covered(("public", "publisher"))

        await eventually(heard, 15)  # and when it is back, nothing needs a ttl any more
        assert await word(api) == "ready"
        write_outside(databases, on_postgresql, "UPDATE publisher SET name = 'heard' WHERE code = 'QUIPU'")
        await eventually(lambda: renamed(api, "heard"), 5)


async def test_without_its_slot_answers_hold_for_their_ttl_and_readiness_says_so(
    databases: Databases, on_postgresql: str
) -> None:
    async with served(on_postgresql, SHORT) as api:
        assert await word(api) == "ready"
        await api.get(LIST)
        name = parse_database_url(on_postgresql).database or ""
        server = databases.postgresql()

        async def dropped() -> bool:
            server.run(
                "postgres",
                f"SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active AND database = '{name}'",
            )
            try:
                server.run(
                    name,
                    "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()",
                )
            except pg8000.exceptions.DatabaseError:  # whoever reads it was quicker
                return False
            return not server.run(name, "SELECT 1 FROM pg_replication_slots WHERE database = current_database()")

        await eventually(dropped)
        for number in range(3):
            write_outside(databases, on_postgresql, f"UPDATE publisher SET name = 'lost {number}' WHERE code = 'QUIPU'")
            await eventually(lambda number=number: renamed(api, f"lost {number}"), 5)
        assert not cache_of(api).covered(("public", "publisher"))
        assert await word(api) == "degraded"
        await install(on_postgresql, BOUNDLESS)

        async def ready() -> bool:
            return await word(api) == "ready"

        await eventually(ready, 20)
        write_outside(databases, on_postgresql, "UPDATE publisher SET name = 'again' WHERE code = 'QUIPU'")
        await eventually(lambda: renamed(api, "again"), 5)
