"""Changes of a PostgreSQL database: what the stream tells, how it is reached, and what becomes of it when things break."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pg8000.exceptions
import pytest

from reflector.catalog.model import DatabaseKind
from reflector.changes.setup import Choices
from reflector.changes.sources import pgoutput
from reflector.changes.sources.postgresql import PostgreSQLSource
from reflector.changes.sources.scram import Scram, Untrusted
from reflector.database_url import parse_database_url
from reflector.errors import ChangesNotCaptured, ConnectionRefused, DatabaseUnavailable
from tests.bookshops import Databases
from tests.changes.capturing import Kept, Write, followed, install, uninstall, with_changes, writer
from tests.servers import PostgreSQLServer

KIND = DatabaseKind.POSTGRESQL
SCHEMA = """
CREATE TABLE t (id integer PRIMARY KEY, a text, b text, big text);
ALTER TABLE t ALTER COLUMN big SET STORAGE EXTERNAL;
CREATE TABLE keyless (x integer);
CREATE SCHEMA other;
CREATE TABLE other."odd ""name" (id integer PRIMARY KEY, "the ""value" text);
CREATE TABLE parted (id integer, day date, v text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE UNLOGGED TABLE unlogged (id integer PRIMARY KEY);
"""


@pytest.fixture
async def url(databases: Databases) -> AsyncIterator[str]:
    async with with_changes(databases.database(KIND, SCHEMA)) as made:
        yield made


@pytest.fixture
def write(url: str, databases: Databases) -> Write:
    return writer(url, databases.postgresql)


# ── what is told ─────────────────────────────────────────────────────────────────────────────


async def test_a_transaction_is_told_whole_and_with_its_number(url: str, write: Write) -> None:
    async with followed(url) as (_, kept):
        write("INSERT INTO t VALUES (1, 'a', NULL, NULL); UPDATE t SET a = 'b'; DELETE FROM t")
        inserted, updated, deleted = await kept.changes(3)
        assert (inserted.new, inserted.old) == ({"id": "1", "a": "a", "b": None, "big": None}, None)
        assert updated.old is not None
        assert updated.new is not None
        assert (updated.old["a"], updated.new["a"]) == ("a", "b")
        assert (deleted.new, deleted.old) == (None, updated.new)
        assert len({each.transaction for each in (inserted, updated, deleted)}) == 1
        assert abs(inserted.at - time.time()) < 60


async def test_a_large_value_that_was_left_alone_is_known_from_the_old_image(url: str, write: Write) -> None:
    async with followed(url) as (_, kept):
        write(f"INSERT INTO t VALUES (1, 'a', 'b', '{'x' * 9000}')")
        write("UPDATE t SET a = 'c'")
        _, updated = await kept.changes(2)
        assert updated.new is not None
        assert updated.new["big"] == "x" * 9000


async def test_without_whole_old_images_a_large_value_is_absent_and_the_key_is_known(databases: Databases) -> None:
    url = databases.database(KIND, SCHEMA)
    await install(url, Choices(keep_identity=True))
    write = writer(url, databases.postgresql)
    async with followed(url) as (source, kept):
        write(f"INSERT INTO t VALUES (1, 'a', 'b', '{'x' * 9000}')")
        write("UPDATE t SET a = 'c'")
        write("UPDATE t SET id = 2")
        write("DELETE FROM t")
        _, updated, moved, deleted = await kept.changes(4)
        assert (updated.new, updated.old) == ({"id": "1", "a": "c", "b": "b"}, {"id": "1"})
        assert (moved.old, deleted.old) == ({"id": "1"}, {"id": "2"})
        setup = await source.setup(Choices(keep_identity=True))
        assert any('"public"."keyless": its changes are not noticed' in each for each in setup.misses)
        assert any('ALTER TABLE "public"."t" REPLICA IDENTITY FULL would help' in each for each in setup.misses)
        write("UPDATE keyless SET x = 1")  # does not fail for those who write
    await uninstall(url)


async def test_schemas_odd_names_and_partitions_are_told_by_their_own_names(url: str, write: Write) -> None:
    async with followed(url) as (_, kept):
        write("""INSERT INTO other."odd ""name" VALUES (1, 'v')""")
        write("INSERT INTO parted VALUES (1, '2024-05-01', 'v')")
        write("UPDATE parted SET day = '2025-05-01'")
        odd, parted, *moved = await kept.changes(4)
        assert (odd.table, odd.new) == (("other", 'odd "name'), {"id": "1", 'the "value': "v"})
        assert parted.table == ("public", "parted")
        assert [(str(each.op), each.table[1]) for each in moved] == [("delete", "parted"), ("insert", "parted")]


async def test_a_table_without_key_may_still_be_updated_and_deleted(url: str, write: Write) -> None:
    async with followed(url) as (_, kept):
        write("INSERT INTO keyless VALUES (1); UPDATE keyless SET x = 2; DELETE FROM keyless")
        assert [each.old for each in await kept.changes(3)] == [None, {"x": "1"}, {"x": "2"}]


async def test_a_truncation_is_a_reset_of_each_table(url: str, write: Write) -> None:
    async with followed(url) as (_, kept):
        write("TRUNCATE t, keyless")
        assert sorted((str(each.op), each.table[1]) for each in await kept.changes(2)) == [
            ("reset", "keyless"),
            ("reset", "t"),
        ]


async def test_a_transaction_that_is_too_large_tells_its_tables_alone(
    url: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reflector.changes.sources.postgresql.Decoder", lambda: pgoutput.Decoder(largest=20_000))
    async with followed(url) as (_, kept):
        write("INSERT INTO t SELECT n, 'a' FROM generate_series(1, 500) n; INSERT INTO keyless VALUES (1)")
        write("INSERT INTO t VALUES (1000)")
        changes = await kept.changes(3)
        assert [(str(each.op), each.table[1]) for each in changes] == [
            ("reset", "t"),
            ("reset", "keyless"),
            ("insert", "t"),
        ]


async def test_a_schema_that_changes_in_mid_stream_never_mislabels_a_value(url: str, write: Write) -> None:
    async with followed(url) as (_, kept):
        write("INSERT INTO t (id, a, b) VALUES (1, 'is-a', 'is-b')")
        write("ALTER TABLE t DROP COLUMN a; ALTER TABLE t ADD COLUMN c text")
        write("INSERT INTO t (id, b, c) VALUES (2, 'is-b', 'is-c')")
        write("ALTER TABLE t RENAME COLUMN b TO a")
        write("INSERT INTO t (id, a, c) VALUES (3, 'is-b', 'is-c')")
        first, second, third = await kept.changes(3)
        assert first.new == {"id": "1", "a": "is-a", "b": "is-b", "big": None}
        assert second.new == {"id": "2", "b": "is-b", "c": "is-c", "big": None}
        assert third.new == {"id": "3", "a": "is-b", "c": "is-c", "big": None}


async def test_messages_that_any_role_may_emit_are_not_heard(url: str, write: Write) -> None:
    async with followed(url) as (_, kept):
        write("SELECT pg_logical_emit_message(true, 'reflector', 'x') FROM generate_series(1, 1000)")
        write("INSERT INTO t VALUES (1)")
        assert len(await kept.changes(1)) == 1


# ── getting in ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def strict_postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQLServer]:
    """A server that asks each of its users for a password in another way."""
    with PostgreSQLServer({"max_slot_wal_keep_size": "1GB"}) as server:
        server.create_database("strict")
        server.run(
            "strict",
            "SET password_encryption = 'scram-sha-256'; CREATE ROLE scram LOGIN REPLICATION SUPERUSER PASSWORD 'pass wörd@';"
            "CREATE ROLE reader LOGIN PASSWORD 'r';"
            "SET password_encryption = 'md5'; CREATE ROLE md5 LOGIN REPLICATION SUPERUSER PASSWORD 'secret';"
            "CREATE TABLE t (id integer PRIMARY KEY)",
        )
        rules = "local all,replication all trust\nhost all postgres all trust\nhost all,replication scram,reader all scram-sha-256\nhost all,replication md5 all md5\nhost all clear all password\n"
        Path(server.folder / "data" / "pg_hba.conf").write_text(rules)
        server.run("strict", "SELECT pg_reload_conf()")
        yield server


@pytest.mark.parametrize(("user", "password"), [("scram", "pass%20w%C3%B6rd%40"), ("md5", "secret")])
async def test_passwords_are_proven_not_sent(strict_postgresql: PostgreSQLServer, user: str, password: str) -> None:
    url = f"postgresql://{user}:{password}@127.0.0.1:{strict_postgresql.port}/strict"
    await install(url)
    async with followed(url) as (_, kept):
        strict_postgresql.run("strict", "DELETE FROM t; INSERT INTO t VALUES (1)")
        await kept.until(lambda: kept.told)
    await uninstall(url)


@pytest.mark.parametrize("login", ["scram:wrong", "md5:wrong", "scram", "clear:x"])
async def test_a_wrong_password_gets_nobody_in(strict_postgresql: PostgreSQLServer, login: str) -> None:
    source = PostgreSQLSource(parse_database_url(f"postgresql://{login}@127.0.0.1:{strict_postgresql.port}/strict"))
    with pytest.raises((ConnectionRefused, DatabaseUnavailable)):
        await source.start(Kept())
    await source.close()


async def test_a_role_that_may_not_replicate_is_told_before_anything_is_done(
    strict_postgresql: PostgreSQLServer,
) -> None:
    source = PostgreSQLSource(parse_database_url(f"postgresql://reader:r@127.0.0.1:{strict_postgresql.port}/strict"))
    setup = await source.setup()
    assert any("may not replicate" in each for each in setup.obstacles)
    assert any("may not create a publication" in each for each in setup.obstacles)
    with pytest.raises(ConnectionRefused):
        await source.start(Kept())


async def test_a_socket_in_the_file_system_is_a_way_in_too(strict_postgresql: PostgreSQLServer) -> None:
    url = f"postgresql://postgres@:{strict_postgresql.port}/strict?host={strict_postgresql.folder}"
    await install(url)
    await uninstall(url)


def test_a_server_that_does_not_know_the_password_is_not_believed() -> None:
    exchange = Scram("pencil", "rOprNGfwEbeRWgbNEkqO")
    assert exchange.first() == b"n,,n=,r=rOprNGfwEbeRWgbNEkqO"
    challenge = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    assert exchange.final(challenge).startswith(b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=")
    with pytest.raises(Untrusted):
        exchange.verify(b"v=AAAA")
    for bad in (
        b"r=other,s=AAAA,i=1",
        b"r=rOprNGfwEbeRWgbNEkqO,s=AA==,i=1",
        b"r=rOprNGfwEbeRWgbNEkqOx,s=AA==,i=99999999",
        b"",
    ):
        with pytest.raises(Untrusted):
            Scram("pencil", "rOprNGfwEbeRWgbNEkqO").final(bad)


# ── when things break ────────────────────────────────────────────────────────────────────────


async def test_one_server_at_a_time_reads_the_slot(url: str, write: Write) -> None:
    async with followed(url) as (_, kept):
        with pytest.raises(ChangesNotCaptured, match="another server"):
            async with followed(url):
                pass
        write("INSERT INTO t VALUES (1)")
        assert len(await kept.changes(1)) == 1


async def test_without_slot_or_publication_nothing_is_captured(url: str, write: Write, databases: Databases) -> None:
    write("DROP PUBLICATION reflector")
    with pytest.raises(ChangesNotCaptured):
        async with followed(url):
            pass
    await uninstall(url)
    with pytest.raises(ChangesNotCaptured):
        async with followed(url):
            pass


async def test_what_happened_before_the_start_is_not_told_and_what_happens_after_is(url: str, write: Write) -> None:
    write("INSERT INTO t VALUES (1)")
    async with followed(url) as (_, kept):
        write("INSERT INTO t VALUES (2)")
        assert [each.new and each.new["id"] for each in await kept.changes(1)] == ["2"]


async def test_a_broken_connection_loses_and_repeats_nothing(url: str, write: Write) -> None:
    async with followed(url) as (_, kept):
        for number in range(30):
            write(f"INSERT INTO t VALUES ({number})")
            if number % 10 == 5:
                write(
                    "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active AND database = current_database()"
                )
        changes = await kept.changes(30)
        assert [each.new and each.new["id"] for each in changes] == [str(number) for number in range(30)]
        assert kept.lost == []


async def test_a_slot_that_was_made_anew_is_a_gap(url: str, write: Write) -> None:
    async with followed(url) as (_, kept):
        write("INSERT INTO t VALUES (1)")
        await kept.changes(1)
        slot = "(SELECT slot_name FROM pg_replication_slots WHERE database = current_database())"
        # Between the end of our connection and the next there is a moment in which the slot can be had.
        for _ in range(200):
            write(
                "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = current_database()"
            )
            try:
                write(f"SELECT pg_drop_replication_slot({slot})")
            except pg8000.exceptions.DatabaseError:
                continue
            break
        write("INSERT INTO t VALUES (2)")
        await install(url)
        await kept.until(lambda: kept.lost)
        write("INSERT INTO t VALUES (3)")
        assert [each.new and each.new["id"] for each in await kept.changes(1)] == ["3"]


async def test_an_orderly_stop_of_the_server_does_not_wait_for_us(databases: Databases) -> None:
    with PostgreSQLServer({"max_slot_wal_keep_size": "1GB"}) as server:
        url = server.create_database("stopping")
        server.run("stopping", "CREATE TABLE t (id integer PRIMARY KEY)")
        await install(url)
        async with followed(url) as (_, kept):
            began = asyncio.get_running_loop().time()
            await asyncio.to_thread(server.restart)
            assert asyncio.get_running_loop().time() - began < 15
            server.run("stopping", "INSERT INTO t VALUES (1)")
            assert len(await kept.changes(1)) == 1
            assert kept.lost == []


async def test_a_killed_server_loses_nothing_and_repeats_nothing() -> None:
    """Writers write while the server is killed again and again: what was committed is told once, in order."""
    with PostgreSQLServer({"max_slot_wal_keep_size": "1GB"}) as server:
        url = server.create_database("killed")
        server.run("killed", "CREATE TABLE t (id serial PRIMARY KEY, writer integer, number integer)")
        await install(url)
        async with followed(url) as (_, kept):
            ending = asyncio.Event()
            writing = [asyncio.create_task(insisting(url, number, ending)) for number in range(3)]
            for _ in range(5):
                before = len(kept.told)
                await kept.until(lambda before=before: len(kept.told) > before + random.randrange(10, 40))  # type: ignore[misc]
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(server.start)
            await asyncio.sleep(0.2)
            ending.set()
            await asyncio.gather(*writing)
            rows = {(str(a), str(b)) for a, b in server.run("killed", "SELECT writer, number FROM t")}
            await kept.until(lambda: len(kept.told) >= len(rows))
            await asyncio.sleep(0.3)
            told = [(each.new["writer"], each.new["number"]) for each in kept.told if each.new is not None]
            assert len(rows) > 50
            assert len(told) == len(set(told))
            assert set(told) == rows
            for number in range(3):
                mine = [int(str(n)) for w, n in told if w == str(number)]
                assert mine == sorted(mine)
            assert kept.lost == []


async def insisting(url: str, writer_: int, ending: asyncio.Event) -> None:
    """Insert one number after the other, whatever becomes of the connection."""
    number, connection = 0, None
    while not ending.is_set():
        try:
            if connection is None:
                connection = await asyncpg.connect(url, timeout=2)
            number += 1
            await connection.execute("INSERT INTO t (writer, number) VALUES ($1, $2)", writer_, number)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, TimeoutError):
            connection = None
            await asyncio.sleep(0.02)
    if connection is not None:
        await connection.close()


# ── installing ───────────────────────────────────────────────────────────────────────────────


async def test_a_slot_that_could_fill_the_disk_is_not_made_unless_told(databases: Databases) -> None:
    with PostgreSQLServer({"wal_level": "replica"}) as server:
        url = server.create_database("unbounded")
        source = PostgreSQLSource(parse_database_url(url))
        assert [each.partition(" ")[0] for each in (await source.setup()).obstacles] == [
            "wal_level",
            "max_slot_wal_keep_size",
        ]
        [only] = (await source.setup(Choices(unbounded=True))).obstacles
        assert "wal_level is replica" in only


async def test_uninstalling_leaves_nothing_behind(databases: Databases) -> None:
    url = databases.database(KIND, SCHEMA + "; ALTER TABLE keyless REPLICA IDENTITY NOTHING")
    server, name = databases.postgresql(), url.rpartition("/")[2]

    def state() -> object:
        return [
            server.run(name, "SELECT relname, relreplident::text FROM pg_class WHERE relkind IN ('r', 'p') ORDER BY 1"),
            server.run(name, "SELECT pubname FROM pg_publication"),
            server.run(name, "SELECT slot_name FROM pg_replication_slots WHERE database = current_database()"),
            server.run(name, "SELECT count(*) FROM pg_description WHERE classoid = 'pg_publication'::regclass"),
        ]

    before = state()
    await install(url)
    assert state() != before
    source = PostgreSQLSource(parse_database_url(url))
    setup = await source.setup()
    assert (setup.installed, setup.install) == (True, ())
    assert [each.partition(":")[0] for each in setup.misses] == ['"public"."keyless"', '"public"."unlogged"']
    server.run(name, "CREATE TABLE later (id integer PRIMARY KEY)")
    assert any("later" in each for each in (await source.setup()).misses)
    await install(url)
    assert not any("later" in each for each in (await source.setup()).misses)
    server.run(name, "DROP TABLE later")
    await uninstall(url)
    assert state() == before


async def test_a_reader_that_is_just_leaving_is_waited_for_by_who_uninstalls(databases: Databases) -> None:
    url = databases.database(KIND, SCHEMA)
    await install(url)
    async with followed(url):
        leaves = asyncio.create_task(uninstall(url))
        await asyncio.sleep(0.1)
        assert not leaves.done()
    await leaves
    assert not (await PostgreSQLSource(parse_database_url(url)).setup()).installed
