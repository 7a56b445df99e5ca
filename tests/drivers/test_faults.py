"""Time limits, cancelled callers, broken links, restarted servers: nothing hangs, nothing is half-written, nobody is
given another's answer."""

import asyncio
import json
import random
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count

import pytest

from reflector.database_url import parse_database_url
from reflector.drivers import Driver, Session, open_driver
from reflector.errors import (
    DatabaseUnavailable,
    ForeignKeyViolation,
    InvalidData,
    OutcomeUnknown,
    PoolExhausted,
    SerializationFailure,
    StatementTimeout,
)
from reflector.sql.plan import Expect
from tests.drivers.conftest import Prepare, settings
from tests.drivers.proxy import Proxy, never
from tests.drivers.worlds import ECHO, ITEM, SLOW, World, plan
from tests.servers import MariaDBServer, PostgreSQLServer

INSERT = "INSERT INTO item (id, name) VALUES (?, ?)"
TAKES = 18.0
"""Seconds that a slow statement takes at least."""


def places(driver: Driver) -> int:
    pool = getattr(driver, "_pool", None) or driver._readers  # type: ignore[attr-defined]
    return int(pool.open)


async def under_way(server_world: World) -> int:
    """How many slow statements the server is busy with."""
    if server_world.name == "postgresql":
        rows = server_world.script(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%slept%' AND pid <> pg_backend_pid()"
        )
    else:
        rows = server_world.script(
            "SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%slept%' AND id <> connection_id()"
        )
    return int(rows[0][0])


async def until_none_is_under_way(server_world: World, seconds: float) -> None:
    end = time.monotonic() + seconds
    while await under_way(server_world) and time.monotonic() < end:  # noqa: ASYNC110 - the server tells nobody
        await asyncio.sleep(0.05)
    assert await under_way(server_world) == 0


# ── time limits ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["postgresql", "mariadb", "sqlite"])
async def test_a_statement_has_the_drivers_time_and_no_more(kind: str, prepare: Prepare) -> None:
    world = prepare(kind, settings(statement_timeout=0.4))
    began = time.monotonic()
    with pytest.raises(StatementTimeout):
        await world.driver.run(world.read(SLOW[kind]))
    assert 0.3 < time.monotonic() - began < TAKES
    assert (await world.driver.run(world.read(ITEM[kind], 1))).body
    await world.driver.close()


@pytest.mark.parametrize("transaction", [False, True])
async def test_a_caller_may_have_less_time(world: World, transaction: bool) -> None:
    began = time.monotonic()
    with pytest.raises(StatementTimeout):
        await world.driver.run(world.read(SLOW[world.name]), Session(timeout=0.3, read_only=transaction))
    assert 0.2 < time.monotonic() - began < TAKES
    if world.name != "sqlite":
        await until_none_is_under_way(world, 2)
    assert (await world.driver.run(world.read(ITEM[world.name], 1))).body


async def test_a_write_that_takes_too_long_is_not_made(server_world: World) -> None:
    sleep = {"postgresql": "pg_sleep(5)::text", "mariadb": "SLEEP(5)"}[server_world.name]
    slow = server_world.write(f"INSERT INTO item (id, name) SELECT ?, {sleep}", 2)
    with pytest.raises(StatementTimeout):
        await server_world.driver.run(slow, Session(timeout=0.3))
    await asyncio.sleep(0.1)
    assert await server_world.count() == 1


async def test_a_server_that_never_answers_is_given_up(prepare: Prepare, postgresql_server: PostgreSQLServer) -> None:
    async with proxied("postgresql", prepare, postgresql_server, statement_timeout=0.2) as (world, proxy):
        proxy.mute = True
        with pytest.raises(OutcomeUnknown):
            async with asyncio.timeout(6):
                await world.driver.run(world.write(INSERT, 2, "two"))
        proxy.mute = False
        await asyncio.sleep(2.2)
        assert (await world.driver.run(world.read(ITEM["postgresql"], 1))).body


async def test_sqlite_waits_for_another_program_and_gives_up(prepare: Prepare) -> None:
    world = prepare("sqlite", settings(acquire_timeout=0.3))
    await world.driver.run(world.write("DELETE FROM item WHERE id = ?", 9))
    (_, _, path), *_ = await world.driver.fetch("PRAGMA database_list")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(SerializationFailure):
        await world.driver.run(world.write(INSERT, 2, "two"))
    other.execute("ROLLBACK")
    other.close()
    await world.driver.run(world.write(INSERT, 2, "two"))
    assert await world.count() == 2
    await world.driver.close()


# ── callers that go away ─────────────────────────────────────────────────────────────────────


async def test_cancelled_callers_never_get_or_leave_another_ones_answer(world: World) -> None:
    dice, nonces = random.Random(7), count(1)
    seen = wrong = cancelled = 0

    async def ask() -> None:
        nonlocal seen, wrong
        nonce = next(nonces)
        session = Session(read_only=True) if nonce % 5 == 0 else Session()
        answer = await world.driver.run(world.read(ECHO[world.name], nonce), session)
        seen += 1
        wrong += json.loads(answer.body or b"")["nonce"] != nonce

    async def client() -> None:
        nonlocal cancelled
        for _ in range(50):
            task = asyncio.create_task(ask())
            leaves = dice.random() < 0.7
            if leaves and dice.random() < 0.5:
                # Before any answer can be there, however fast the database is.
                for _ in range(dice.randrange(3)):
                    await asyncio.sleep(0)
            else:
                await asyncio.sleep(dice.random() * 0.006)
            if leaves:
                task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            cancelled += task.cancelled()

    await asyncio.gather(*(client() for _ in range(10)))
    assert wrong == 0
    assert cancelled > 50
    assert seen > 50
    assert places(world.driver) <= 4
    answers = await asyncio.gather(*(world.driver.run(world.read(ECHO[world.name], n)) for n in range(40)))
    assert [json.loads(answer.body or b"")["nonce"] for answer in answers] == list(range(40))
    assert places(world.driver) <= 4


async def test_a_client_that_leaves_sqlite_ends_nobody_elses_statement(prepare: Prepare) -> None:
    """It was cancelled when its answer was there, and before it woke up its connection had gone to the next caller."""
    world = prepare("sqlite", settings(pool_size=1))
    await world.driver.run(world.read(ECHO["sqlite"], 0))
    leaving = asyncio.create_task(world.driver.run(world.read(ECHO["sqlite"], 1)))
    await asyncio.sleep(0)
    time.sleep(0.1)  # noqa: ASYNC251 - the loop is held: the answer is there, and nobody has looked at it
    counting = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400000) SELECT json_object('n', max(i)) FROM n"
    staying = asyncio.create_task(world.driver.run(world.read(counting)))
    leaving.cancel()
    assert json.loads((await staying).body or b"") == {"n": 400_000}
    with pytest.raises(asyncio.CancelledError):
        await leaving
    await world.driver.close()


async def test_a_client_that_leaves_ends_its_statement(server_world: World) -> None:
    task = asyncio.create_task(server_world.driver.run(server_world.read(SLOW[server_world.name])))
    while not await under_way(server_world):  # noqa: ASYNC110 - the server tells nobody
        await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until_none_is_under_way(server_world, 1)


async def test_a_client_that_leaves_sqlite_frees_its_thread(prepare: Prepare) -> None:
    world = prepare("sqlite", settings(pool_size=1, acquire_timeout=2.0))
    task = asyncio.create_task(world.driver.run(world.read(SLOW["sqlite"])))
    await asyncio.sleep(0.1)
    task.cancel()
    assert (await world.driver.run(world.read(ITEM["sqlite"], 1))).body
    await world.driver.close()


async def test_a_transaction_that_is_cancelled_leaves_nothing(world: World) -> None:
    for pause in (0.0, 0.001, 0.002, 0.004, 0.008):
        asked = [world.write(INSERT, 2, "two"), world.read(ECHO[world.name], 1), world.read(SLOW[world.name])]
        task = asyncio.create_task(world.driver.run_all(asked))
        await asyncio.sleep(pause)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await world.driver.run(world.write(INSERT, 2, "two"))  # neither there nor locked
    assert await world.count() == 2


# ── the pool ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["postgresql", "mariadb", "sqlite"])
async def test_an_exhausted_pool_says_so_in_time_and_recovers(kind: str, prepare: Prepare) -> None:
    world = prepare(kind, settings(pool_size=2, acquire_timeout=0.3))
    await world.driver.open()
    slow = [asyncio.create_task(world.driver.run(world.read(SLOW[kind]))) for _ in range(2)]
    await asyncio.sleep(0.1)
    began = time.monotonic()
    with pytest.raises(PoolExhausted):
        await world.driver.run(world.read(ITEM[kind], 1))
    assert 0.2 < time.monotonic() - began < TAKES
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)
    assert (await world.driver.run(world.read(ITEM[kind], 1))).body
    await world.driver.close()


WHO = {"postgresql": "SELECT pg_backend_pid()", "mariadb": "SELECT CONNECTION_ID()"}
WHO_LATER = {
    "postgresql": "SELECT pg_backend_pid() FROM pg_sleep(0.6)",
    "mariadb": "SELECT CONNECTION_ID() FROM (SELECT SLEEP(0.6)) AS slept",
}


async def until_unused(driver: Driver) -> None:
    async with asyncio.timeout(10):
        while places(driver):  # noqa: ASYNC110 - the pool tells nobody
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("kind", WHO)
async def test_what_is_too_long_unused_is_given_up_and_what_is_used_stays(kind: str, prepare: Prepare) -> None:
    world = prepare(kind, settings(idleness=0.4))
    await world.driver.open()
    asked = set()
    for _ in range(4):
        asked.add((await world.driver.fetch(WHO[kind]))[0][0])
        await asyncio.sleep(0.15)
    assert len(asked) == 1
    await until_unused(world.driver)
    assert (await world.driver.fetch(WHO[kind]))[0][0] not in asked
    await world.driver.close()


@pytest.mark.parametrize("kind", WHO)
async def test_what_is_too_old_is_given_up_also_where_it_is_in_use_all_the_time(kind: str, prepare: Prepare) -> None:
    world = prepare(kind, settings(lifetime=0.3, pool_size=1))
    await world.driver.open()
    old, new = await asyncio.gather(world.driver.fetch(WHO_LATER[kind]), world.driver.fetch(WHO[kind]))
    assert old[0][0] != new[0][0]
    await until_unused(world.driver)
    await world.driver.close()


async def test_closing_ends_what_is_under_way(world: World) -> None:
    slow = asyncio.create_task(world.driver.run(world.read(SLOW[world.name])))
    await asyncio.sleep(0.2)
    async with asyncio.timeout(5):
        await world.driver.close()
        with pytest.raises((DatabaseUnavailable, StatementTimeout)):
            await slow
    with pytest.raises(DatabaseUnavailable):
        await world.driver.run(world.read(ITEM[world.name], 1))
    if world.name != "sqlite":
        await until_none_is_under_way(world, 2)


# ── broken links ─────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def proxied(
    kind: str, prepare: Prepare, server: PostgreSQLServer | MariaDBServer, **changes: object
) -> AsyncIterator[tuple[World, Proxy]]:
    """A world whose driver reaches its server through a proxy."""
    async with Proxy(server.host, server.port) as proxy:
        world = prepare(kind)
        url = proxy.url(server.url("drivers"))
        world.driver = open_driver(parse_database_url(url), settings(**changes))
        await world.driver.open()
        yield world, proxy
        await world.driver.close()


@pytest.fixture(params=["postgresql", "mariadb"])
async def linked(request: pytest.FixtureRequest, prepare: Prepare) -> AsyncIterator[tuple[World, Proxy]]:
    server = request.getfixturevalue(f"{request.param}_server")
    async with proxied(request.param, prepare, server) as made:
        yield made


def rows(world: World) -> int:
    return int(world.script("SELECT count(*) FROM item")[0][0])


async def test_a_write_whose_answer_is_lost_has_an_unknown_outcome(linked: tuple[World, Proxy]) -> None:
    world, proxy = linked
    # PostgreSQL's statement is prepared first; what is cut is its being run.
    await world.driver.run(world.write(INSERT, 2, "two"))
    proxy.cut_after = lambda sent: b"three" in sent
    with pytest.raises(OutcomeUnknown):
        await world.driver.run(world.write(INSERT, 3, "three"))
    assert rows(world) == 3  # once: it was not sent again
    proxy.cut_after = never
    assert (await world.driver.run(world.read(ITEM[world.name], 3))).body


async def test_a_lost_answer_to_commit_is_an_unknown_outcome(linked: tuple[World, Proxy]) -> None:
    world, proxy = linked
    proxy.cut_after = lambda sent: b"COMMIT" in sent
    with pytest.raises(OutcomeUnknown):
        await world.driver.run_all([world.write(INSERT, 2, "two"), world.write(INSERT, 3, "three")])
    assert rows(world) == 3


async def test_a_link_that_breaks_before_commit_has_written_nothing(linked: tuple[World, Proxy]) -> None:
    world, proxy = linked
    proxy.cut_before = lambda sent: b"COMMIT" in sent
    with pytest.raises(OutcomeUnknown):  # from here it cannot be told from the other case
        await world.driver.run_all([world.write(INSERT, 2, "two"), world.write(INSERT, 3, "three")])
    await asyncio.sleep(0.1)
    assert rows(world) == 1
    proxy.cut_before = lambda sent: b"three" in sent
    with pytest.raises(DatabaseUnavailable):  # COMMIT was never sent: certainly nothing
        await world.driver.run_all([world.write(INSERT, 2, "two"), world.write(INSERT, 3, "three")])
    assert rows(world) == 1


async def test_a_read_whose_link_breaks_is_sent_once_more(linked: tuple[World, Proxy]) -> None:
    world, proxy = linked
    breaks = iter([True, False, False, False])
    proxy.cut_before = lambda sent: b"item" in sent and next(breaks, False)
    assert (await world.driver.run(world.read(ITEM[world.name], 1))).body
    proxy.cut_before = lambda sent: b"item" in sent or b"reflector_" in sent  # by its text, or by its name
    async with asyncio.timeout(5):
        with pytest.raises(DatabaseUnavailable):
            await world.driver.run(world.read(ITEM[world.name], 1))


async def test_a_constraint_that_speaks_at_commit_is_translated(prepare: Prepare) -> None:
    world = prepare("postgresql")
    world.script("ALTER TABLE item ALTER CONSTRAINT item_shelf DEFERRABLE INITIALLY DEFERRED")
    late = world.mark("INSERT INTO item (id, name, shelf_id) VALUES (?, ?, ?)")
    with pytest.raises(ForeignKeyViolation):
        await world.driver.run(plan((late, (2, "two", 9), Expect.DONE), writes=True, transaction=True))
    assert await world.count() == 1
    await world.driver.close()


# ── restarted servers ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
@pytest.mark.parametrize("how", ["kill", "restart"])
async def test_a_restarted_server_is_used_again_at_once(kind: str, how: str, prepare: Prepare) -> None:
    with PostgreSQLServer() if kind == "postgresql" else MariaDBServer() as server:
        url = server.create_database("again")
        driver = open_driver(parse_database_url(url), settings(acquire_timeout=2.0))
        await driver.open()
        await asyncio.gather(*(driver.fetch("SELECT 1") for _ in range(8)))
        slow = asyncio.create_task(driver.fetch("SELECT pg_sleep(30)" if kind == "postgresql" else "SELECT SLEEP(30)"))
        await asyncio.sleep(0.2)
        await asyncio.to_thread(server.kill if how == "kill" else server.restart)
        if how == "kill":
            async with asyncio.timeout(5):
                with pytest.raises(DatabaseUnavailable):
                    await driver.fetch("SELECT 1")
                results = await asyncio.gather(*(driver.fetch("SELECT 1") for _ in range(20)), return_exceptions=True)
            assert {type(result) for result in results} == {DatabaseUnavailable}
            await asyncio.to_thread(server.start)
        async with asyncio.timeout(2):
            answers = await asyncio.gather(*(driver.fetch("SELECT 1") for _ in range(20)))
        assert [answer[0][0] for answer in answers] == [1] * 20
        slow.cancel()
        with suppress(asyncio.CancelledError, DatabaseUnavailable, StatementTimeout):
            await slow
        await driver.close()


async def test_a_statement_of_a_table_that_changed_is_prepared_anew(prepare: Prepare) -> None:
    world = prepare("postgresql", settings(pool_size=1))
    everything = world.read("SELECT to_json(i) FROM (SELECT * FROM item WHERE id = ?) i", 1)
    rows_of = "SELECT * FROM item"
    assert "more" not in json.loads((await world.driver.run(everything)).body or b"")
    first = plan((rows_of, (), Expect.ROW))
    await world.driver.run(first)
    world.script("ALTER TABLE item ADD COLUMN more int DEFAULT 5")
    await world.driver.run(first)  # "cached plan must not change result type", unheard
    await world.driver.run(first, Session(read_only=True))
    assert json.loads((await world.driver.run(everything)).body or b"")["more"] == 5
    await world.driver.close()


async def test_more_statements_than_are_kept(prepare: Prepare) -> None:
    world = prepare("postgresql", settings(pool_size=1))
    for number in range(450):
        answer = await world.driver.run(world.read(f"SELECT json_build_array({number % 250})"))
        assert answer.body == b"[%d]" % (number % 250)
    kept = await world.driver.fetch("SELECT count(*) FROM pg_prepared_statements")
    assert kept[0][0] <= 203
    await world.driver.close()


async def test_nothing_is_left_open_by_a_value_that_cannot_be_written(prepare: Prepare) -> None:
    world = prepare("postgresql", settings(pool_size=1))
    with pytest.raises(InvalidData):  # the statement is prepared, the value refused by the library
        await world.driver.run(world.read("SELECT json_build_array(id + ?::int4) FROM item", "no number"))
    await asyncio.sleep(0.05)
    world.script("SET lock_timeout = '500ms'; ALTER TABLE item ADD COLUMN unlocked int")
    await world.driver.close()
