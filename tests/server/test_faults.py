"""What becomes of requests when the database dies, the schema changes, clients dawdle or leave, and the server ends."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing

import pytest
from aiohttp import web

from examples import bookshop as sample
from server import connection
from server.app import cursor_key
from server.config import ConfigError
from server.config.models import Observability
from server.journal import logging_to_stderr
from tests.server.harness import Served, ServedProcess, configured, eventually, served
from tests.servers import MariaDBServer, PostgreSQLServer

GUEST = """
auth: {jwt: {secret: "a-signing-key-of-forty-letters-at-least"}, anonymous_role: guest}
roles: {guest: {}}
"""
PATH = "/api/tag?limit=1"


@pytest.fixture(params=["postgresql", "mariadb"])
def mortal(request: pytest.FixtureRequest) -> Iterator[PostgreSQLServer | MariaDBServer]:
    """A server of this test's own, that it may kill."""
    server = PostgreSQLServer() if request.param == "postgresql" else MariaDBServer()
    with server:
        yield server


def loaded(server: PostgreSQLServer | MariaDBServer, name: str) -> str:
    url = server.create_database(name)
    server.run(name, sample.script("postgresql" if isinstance(server, PostgreSQLServer) else "mariadb"))
    return url


# ── the database ─────────────────────────────────────────────────────────────────────────────


async def test_a_database_that_dies_is_503_and_comes_back(mortal: PostgreSQLServer | MariaDBServer) -> None:
    async with served(loaded(mortal, "shop"), "database: {watch: 100ms}") as api:
        assert (await api.get(PATH)).status == 200
        await asyncio.to_thread(mortal.kill)
        for _ in range(3):
            reply = await api.get(PATH)
            assert (reply.status, reply.code) == (503, "database_unavailable")
            assert int(reply.headers["Retry-After"]) >= 1
            assert str(mortal.port).encode() not in reply.body

        async def says(word: str, status: int) -> bool:
            ready = await api.get("/health/ready")
            return (ready.status, ready.json) == (status, {"status": word})

        await eventually(lambda: says("unavailable", 503))
        assert (await api.get("/health/live")).status == 200
        await asyncio.to_thread(mortal.start)

        async def serves() -> bool:
            return (await api.get(PATH)).status == 200

        await eventually(serves)
        await eventually(lambda: says("ready", 200))
        assert (await api.get(PATH)).status == 200


async def test_who_is_not_served_in_time_is_told_so(postgresql_server: PostgreSQLServer) -> None:
    url = loaded(postgresql_server, "locked")
    locker = postgresql_server._connect("locked")
    try:
        async with served(url, "database: {timeout: 300ms, pool: {max: 2}}") as api:
            locker.run("BEGIN")
            locker.run("LOCK TABLE tag IN ACCESS EXCLUSIVE MODE")
            reply = await api.get(PATH)
            assert (reply.status, reply.code) == (504, "statement_timeout")
            assert (await api.get("/api/book?limit=1")).status == 200
            locker.run("ROLLBACK")
            assert (await api.get(PATH)).status == 200
    finally:
        locker.close()
        postgresql_server.drop_database("locked")


# ── the schema ───────────────────────────────────────────────────────────────────────────────


def altered(url: str, statement: str) -> None:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
        database.execute(statement)
        database.commit()


async def test_a_column_that_is_added_appears(own_bookshop: str) -> None:
    async with served(own_bookshop, "database: {watch: 50ms}") as api:
        assert "colour" not in (await api.get(PATH)).json["items"][0]
        altered(own_bookshop, "ALTER TABLE tag ADD COLUMN colour TEXT")

        async def appears() -> bool:
            return "colour" in (await api.get(PATH)).json["items"][0]

        await eventually(appears)


@pytest.mark.parametrize(("line", "status"), [("POST /api/tag", 201), ("PATCH /api/tag/held", 200)])
async def test_a_body_that_comes_after_the_schema_changed_is_written_as_the_schema_is_now(
    own_bookshop: str, line: str, status: int
) -> None:
    """A writer whose body dawdles does not bring what was read of the old schema back for those who come after it."""
    altered(own_bookshop, "ALTER TABLE tag ADD COLUMN colour TEXT")
    altered(own_bookshop, "INSERT INTO tag (name) VALUES ('held')")
    async with served(own_bookshop, "database: {watch: 50ms}", writable=True) as api:
        assert "colour" in (await api.get(PATH)).json["items"][0]
        reader, writer = await asyncio.open_connection("127.0.0.1", api.running.port)
        body = json.dumps({"name": "slow"}).encode()
        writer.write(
            f"{line} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        )
        await asyncio.sleep(0.1)
        altered(own_bookshop, "ALTER TABLE tag DROP COLUMN colour")

        async def gone() -> bool:
            reply = await api.get(PATH)
            return reply.status == 200 and "colour" not in reply.json["items"][0]

        await eventually(gone)
        writer.write(body)
        head, _, answer = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        assert int(head.split()[1]) == status
        assert json.loads(answer) == {"name": "slow", "description": None}
        made = await api.post("/api/tag", {"name": "after"})
        assert (made.status, made.json) == (201, {"name": "after", "description": None})


async def test_without_a_watch_nothing_is_looked_for(own_bookshop: str) -> None:
    async with served(own_bookshop, "database: {watch: 'off'}") as api:
        altered(own_bookshop, "ALTER TABLE tag ADD COLUMN colour TEXT")
        await asyncio.sleep(0.3)
        assert "colour" not in (await api.get(PATH)).json["items"][0]


async def test_a_read_that_meets_a_changed_schema_is_answered_under_the_new_one(own_bookshop: str) -> None:
    """Nobody looks for changes here: the read itself makes the server look."""
    async with served(own_bookshop, "database: {watch: 'off'}", writable=True) as api:
        assert "description" in (await api.get(PATH)).json["items"][0]
        altered(own_bookshop, "ALTER TABLE tag DROP COLUMN description")
        replies = await asyncio.gather(*(api.get(PATH) for _ in range(8)))
        assert {reply.status for reply in replies} == {200}
        assert "description" not in replies[0].json["items"][0]
        altered(own_bookshop, "ALTER TABLE tag RENAME COLUMN name TO word")
        refused = await api.post("/api/tag", {"name": "x"})
        assert (refused.status, refused.code) == (503, "schema_changed")
        assert (await api.post("/api/tag", {"word": "x"})).status == 201


async def test_a_rule_whose_column_goes_closes_its_table_and_comes_back(own_bookshop: str) -> None:
    altered(own_bookshop, "ALTER TABLE tag ADD COLUMN owner INTEGER NOT NULL DEFAULT 7")
    tables = "tables: {tag: {allow: {guest: {read: owner == 7}}}, author: {allow: {guest: {read: true}}}}"
    async with served(own_bookshop, f"{GUEST}\ndatabase: {{watch: 50ms}}\n{tables}") as api:
        assert (await api.get(PATH)).status == 200
        assert (await api.get("/health/ready")).json == {"status": "ready"}
        altered(own_bookshop, "ALTER TABLE tag DROP COLUMN owner")

        async def closed() -> bool:
            reply = await api.get(PATH)
            assert reply.status == 503  # from the first request on: never an answer that no rule has judged
            return reply.status == 503 and reply.code == "rule_unbound"

        await eventually(closed)
        assert (await api.get("/api/author?limit=1")).status == 200
        assert (await api.get("/health/ready")).json == {"status": "degraded"}
        altered(own_bookshop, "ALTER TABLE tag ADD COLUMN owner INTEGER NOT NULL DEFAULT 7")

        async def back() -> bool:
            return (await api.get(PATH)).status == 200

        await eventually(back)
        assert (await api.get("/health/ready")).json == {"status": "ready"}


OVERLAY = """
tables:
  tag: {name: label, allow: {guest: {read: true}}}
  author: {allow: {guest: {read: true}}}
  book: {allow: {guest: {read: true}}}
relationships:
  author.labels: {to: tag, join: {name: name}}
  author.named: {to: publisher, join: {name: name}}
"""
UNTAGGED = ("DROP TABLE book_tag", "DROP TABLE tag")


async def test_a_table_that_the_overlay_names_may_go_and_come_back(
    own_bookshop: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(own_bookshop, f"{GUEST}\ndatabase: {{watch: 50ms}}\n{OVERLAY}") as api:
        assert (await api.get("/api/label?limit=1")).status == 200
        assert (await api.get("/health/ready")).json == {"status": "ready"}
        relationships = api.running.engine.snapshot.catalog.relationships
        assert {"labels", "named"} <= {name for named in relationships.values() for name in named}
        for statement in UNTAGGED:
            altered(own_bookshop, statement)

        async def degraded() -> bool:
            return bool((await api.get("/health/ready")).json == {"status": "degraded"})

        await eventually(degraded)
        assert (await api.get("/api/label")).status == 404
        assert (await api.get("/api/author?limit=1")).status == 200
        catalog = api.running.engine.snapshot.catalog
        assert "label" not in catalog.tables
        names = {name for named in catalog.relationships.values() for name in named}
        assert ("labels" in names, "named" in names) == (False, True)
        told = [each.getMessage() for each in caplog.records if each.name == "reflector.access"]
        assert any("there is no table 'tag'; the relationship is left out" in each for each in told), told
        altered(own_bookshop, "CREATE TABLE tag (name TEXT PRIMARY KEY, description TEXT)")

        async def back() -> bool:
            return (await api.get("/api/label")).status == 200

        await eventually(back)
        assert (await api.get("/health/ready")).json == {"status": "ready"}


async def test_an_overlay_without_its_table_starts_degraded_and_strictly_not_at_all(own_bookshop: str) -> None:
    for statement in UNTAGGED:
        altered(own_bookshop, statement)
    async with served(own_bookshop, GUEST + OVERLAY) as api:
        assert (await api.get("/api/author?limit=1")).status == 200
        assert (await api.get("/health/ready")).json == {"status": "degraded"}
    with pytest.raises(ConfigError) as refused:
        async with served(own_bookshop, GUEST + OVERLAY, strict=True):
            pass
    told = sorted(str(each).partition("config.yaml:")[2] for each in refused.value.complaints)
    assert [each.partition(":")[0] for each in told] == ["11", "7"], told


async def test_relationships_that_lead_nowhere_degrade_a_server_without_rules_too(own_bookshop: str) -> None:
    async with served(own_bookshop, "relationships: {author.x: {to: gone, join: {id: id}}}") as api:
        assert (await api.get("/api/author?limit=1")).status == 200
        assert (await api.get("/health/ready")).json == {"status": "degraded"}


async def test_a_refused_reload_leaves_the_old_snapshot_and_degrades(own_bookshop: str) -> None:
    renamed = "tables: {author: {name: writer, allow: {guest: {read: true}}}}"
    async with served(own_bookshop, f"{GUEST}\ndatabase: {{watch: 50ms}}\n{renamed}") as api:
        assert (await api.get("/health/ready")).json == {"status": "ready"}
        altered(own_bookshop, "CREATE TABLE writer (id INTEGER PRIMARY KEY)")

        async def degraded() -> bool:
            return bool((await api.get("/health/ready")).json == {"status": "degraded"})

        await eventually(degraded)
        assert "name" in (await api.get("/api/writer?limit=1")).json["items"][0]
        altered(own_bookshop, "DROP TABLE writer")

        async def ready() -> bool:
            return bool((await api.get("/health/ready")).json == {"status": "ready"})

        await eventually(ready)


async def test_a_snapshots_identity_is_of_schema_and_rules_alone(bookshop: str, own_bookshop: str) -> None:
    rules = GUEST + "tables: {tag: {allow: {guest: {read: true}}}}"
    async with served(bookshop, rules) as one, served(own_bookshop, rules) as two, served(bookshop, GUEST) as three:
        first, second, third = (each.running.engine.snapshot.identity for each in (one, two, three))
    assert first == second != third


# ── clients ──────────────────────────────────────────────────────────────────────────────────


async def body(request: web.Request) -> web.Response:
    return web.json_response({"length": len(await request.read())})


async def dribble(api: Served, start: bytes, drop: bytes, every: float = 0.05) -> tuple[bytes, float]:
    """Send a beginning and then a little at a time; what came back until the server closed, and after how long."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.running.port)
    writer.write(start)
    began = time.monotonic()

    async def feed() -> None:
        while not writer.is_closing():
            await asyncio.sleep(every)
            try:
                writer.write(drop)
                await writer.drain()
            except ConnectionError:
                return

    feeding = asyncio.create_task(feed())
    try:
        try:
            answer = await asyncio.wait_for(reader.read(), 20)
        except ConnectionResetError:
            answer = b""
        return answer, time.monotonic() - began
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        writer.close()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadlines of a second instead of many."""
    monkeypatch.setattr(connection, "HEADER_SECONDS", 0.5)
    monkeypatch.setattr(connection, "BODY_SECONDS", 0.5)
    monkeypatch.setattr(connection, "IDLE_SECONDS", 0.5)
    monkeypatch.setattr(connection, "SWEEP_SECONDS", 0.05)


@pytest.mark.usefixtures("hasty")
async def test_headers_that_never_end_are_cut(bookshop: str) -> None:
    async with served(bookshop) as api:
        answer, seconds = await dribble(api, b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n", b"X-A: b\r\n", 0.2)
        assert answer == b""
        assert 0.4 < seconds < 10
        assert (await api.get("/health/live")).status == 200


@pytest.mark.usefixtures("hasty")
async def test_headers_of_a_second_request_have_a_deadline_too(bookshop: str) -> None:
    async with served(bookshop) as api:
        whole = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
        answer, seconds = await dribble(api, whole, b"G", 0.2)
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert seconds < 10


@pytest.mark.usefixtures("hasty")
async def test_a_body_that_never_ends_is_408(bookshop: str) -> None:
    async with served(bookshop, routes=[web.post("/body", body)]) as api:
        start = b"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
        answer, seconds = await dribble(api, start, b"x", 0.1)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'"code":"request_timeout"' in answer
        assert 0.4 < seconds < 15


@pytest.mark.usefixtures("hasty")
async def test_who_says_nothing_is_let_go(bookshop: str) -> None:
    async with served(bookshop) as api:
        reader, writer = await asyncio.open_connection("127.0.0.1", api.running.port)
        assert await asyncio.wait_for(reader.read(), 20) == b""
        writer.close()


@pytest.mark.usefixtures("hasty")
async def test_a_request_that_takes_long_is_not_cut(bookshop: str) -> None:
    async def slow(request: web.Request) -> web.Response:
        await asyncio.sleep(1.5)
        return web.json_response({"length": len(await request.read())})

    async with served(bookshop, routes=[web.post("/slow", slow)]) as api:
        assert (await api.request("POST", "/slow", data=b"abc")).json == {"length": 3}


async def test_who_leaves_ends_the_query(postgresql_server: PostgreSQLServer) -> None:
    url = loaded(postgresql_server, "left")
    locker = postgresql_server._connect("left")
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'left' AND wait_event_type = 'Lock'"
    try:
        async with served(url) as api:
            locker.run("BEGIN")
            locker.run("LOCK TABLE tag IN ACCESS EXCLUSIVE MODE")
            _, writer = await asyncio.open_connection("127.0.0.1", api.running.port)
            writer.write(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

            async def waits(number: int) -> bool:
                return bool(await asyncio.to_thread(postgresql_server.run, "postgres", waiting) == [[number]])

            await eventually(lambda: waits(1))
            writer.close()
            await eventually(lambda: waits(0))
            locker.run("ROLLBACK")
            assert (await api.get(PATH)).status == 200
    finally:
        locker.close()
        postgresql_server.drop_database("left")


# ── the end ──────────────────────────────────────────────────────────────────────────────────


def test_requests_under_way_are_finished_before_the_end(postgresql_server: PostgreSQLServer) -> None:
    url = loaded(postgresql_server, "drained")
    locker = postgresql_server._connect("drained")
    answers: list[int] = []
    try:
        with ServedProcess("serve", url, "--port", "0") as process:
            base = process.wait_until_it_serves()
            locker.run("BEGIN")
            locker.run("LOCK TABLE tag IN ACCESS EXCLUSIVE MODE")
            asking = [threading.Thread(target=ask, args=(f"{base}{PATH}", answers)) for _ in range(20)]
            for each in asking:
                each.start()
            time.sleep(1.0)
            process.signal(signal.SIGTERM)
            time.sleep(1.0)
            with pytest.raises((urllib.error.URLError, ConnectionError)):
                urllib.request.urlopen(f"{base}/health/live", timeout=5)
            assert answers == []
            locker.run("ROLLBACK")
            began = time.monotonic()
            assert process.wait() == 0
            assert time.monotonic() - began < 15
        for each in asking:
            each.join(10)
        assert answers == [200] * 20
    finally:
        locker.close()
        postgresql_server.drop_database("drained")


def ask(url: str, answers: list[int]) -> None:
    try:
        with urllib.request.urlopen(url, timeout=30) as reply:
            json.loads(reply.read())
            answers.append(reply.status)
    except (urllib.error.URLError, ConnectionError) as error:
        answers.append(getattr(error, "code", 0))


def test_the_end_does_not_wait_for_ever_and_a_second_signal_not_at_all(postgresql_server: PostgreSQLServer) -> None:
    url = loaded(postgresql_server, "stuck")
    locker = postgresql_server._connect("stuck")
    try:
        locker.run("BEGIN")
        for second, most, status in ((False, 15.0, 0), (True, 3.0, 1)):
            with ServedProcess("serve", url, "--port", "0") as process:
                base = process.wait_until_it_serves()
                locker.run("LOCK TABLE tag IN ACCESS EXCLUSIVE MODE")
                asking = threading.Thread(target=ask, args=(f"{base}{PATH}", []), daemon=True)
                asking.start()
                time.sleep(0.5)
                began = time.monotonic()
                process.signal(signal.SIGTERM)
                if second:
                    time.sleep(0.5)
                    process.signal(signal.SIGTERM)
                assert process.wait() == status
                assert time.monotonic() - began < most
            locker.run("ROLLBACK")
            locker.run("BEGIN")
    finally:
        locker.close()
        postgresql_server.drop_database("stuck")


# ── keys and logs ────────────────────────────────────────────────────────────────────────────


def test_cursors_outlive_the_process_where_a_secret_is_set() -> None:
    with_secret = configured("sqlite:///x.db", "server: {secret: a-cursor-key-of-thirty-two-letters}")
    other = configured("sqlite:///x.db", "server: {secret: b-cursor-key-of-thirty-two-letters}")
    assert cursor_key(with_secret) == cursor_key(with_secret) != cursor_key(other)
    assert cursor_key(configured("sqlite:///x.db")) != cursor_key(configured("sqlite:///x.db"))
    assert {len(cursor_key(each)) for each in (with_secret, configured("sqlite:///x.db"))} == {64}


def test_a_line_of_the_log_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    import logging

    with logging_to_stderr(Observability(log="console")):
        logging.getLogger("reflector.server").info("a path: %s", "/x\r\n2024 INFO reflector: forged\x1b[31m")
    said = capfd.readouterr().err
    assert len(said.splitlines()) == 1
    assert "\\x0d\\x0a2024" in said
    assert "\x1b" not in said
