"""What the configuration says of changes: of which tables something is told, what, and for how long one may be away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from reflector.capture import Capture
from reflector.catalog.model import DatabaseKind
from reflector.changes.change import Committed, Op
from reflector.changes.terms import Terms
from reflector.database_url import parse_database_url
from reflector.engine import Engine
from reflector.events import CaptureExpected, Observation
from server.config import ConfigError
from tests.apis.realtime.following import connected
from tests.apis.realtime.test_rules import bearer
from tests.bookshops import Databases
from tests.changes.capturing import Write, install, uninstall, with_changes
from tests.server.harness import Served, configured, served
from tests.server.test_jwt import SECRET

SCHEMA = """
CREATE TABLE article (id INTEGER PRIMARY KEY, title VARCHAR(80), price INTEGER);
CREATE TABLE note (id INTEGER PRIMARY KEY, body VARCHAR(80));
CREATE TABLE plain_log (line VARCHAR(80));
INSERT INTO article VALUES (1, 'a', 1), (2, 'b', 2);
"""
OPEN = "defaults: {read: true}\n"
LIMITED = (
    OPEN
    + """
tables:
  "*": {changes: false}
  article: {changes: {events: [update]}}
  note: {changes: true}
"""
)
ADMINISTERED = f"""
auth:
  jwt: {{secret: {SECRET}, audience: api, issuer: "https://id.example", role_claim: roles}}
  anonymous_role: guest
  admin_role: admin
roles: {{guest: {{}}, user: {{}}, admin: {{}}}}
tables:
  "*": {{allow: {{guest: {{read: true}}}}}}
"""


@pytest.fixture
async def url(kind: DatabaseKind, databases: Databases) -> AsyncIterator[str]:
    async with with_changes(databases.database(kind, SCHEMA)) as made:
        yield made


async def test_only_what_is_open_is_told(url: str, write: Write) -> None:
    async with served(url, LIMITED) as api, connected(api) as client:
        closed = await client.ask(type="subscribe", id="1", table="plain_log")
        assert (closed["type"], closed["code"]) == ("error", "forbidden")
        wrong = await client.ask(type="subscribe", id="1", table="article", events=["update", "delete"])
        assert [each["pointer"] for each in wrong["errors"]] == ["/events/1"]
        await client.follow("article", filter={"price": {"_lt": 10}})
        await client.follow("note", id_="2")
        write("INSERT INTO article VALUES (3, 'c', 3)")
        write("DELETE FROM article WHERE id = 2")
        write("UPDATE article SET title = 'z' WHERE id = 1")
        write("UPDATE article SET price = 50 WHERE id = 1")
        write("UPDATE article SET price = 5 WHERE id = 1")
        write("INSERT INTO note VALUES (1, 'n')")
        told = [(frame["id"], frame["op"]) for frame in await client.changes(4)]
        assert told == [("1", "update"), ("1", "leave"), ("1", "enter"), ("2", "insert")]


async def test_what_is_older_than_the_replay_is_read_afresh(url: str, write: Write) -> None:
    config = OPEN + "changes: {replay: 1h}\ntables: {article: {changes: {replay: 1ms}}}\n"
    async with served(url, config) as api:
        async with connected(api) as client:
            since = {
                table: (await client.follow(table, id_=table))["cursor"] for table in ("article", "note", "plain_log")
            }
            write("INSERT INTO article VALUES (4, 'd', 4)")
            write("INSERT INTO note VALUES (1, 'n')")
            [_, last] = await client.changes(2)
        await asyncio.sleep(0.002)
        async with connected(api) as client:
            assert (await client.follow("article", since=since["article"]))["cursor"] != since["article"]
            assert (await client.next())["type"] == "resync"
            await client.follow("note", id_="2", since=since["note"])
            assert (await client.next())["op"] == "insert"
            await client.follow("article", id_="3", since=last["cursor"])
            await client.silence()


async def test_nothing_is_captured_where_it_is_off(url: str) -> None:
    async with served(url, ADMINISTERED + "changes: {source: off}\n") as api, connected(api) as client:
        refused = await client.ask(type="subscribe", id="1", table="note")
        assert (refused["type"], refused["code"]) == ("error", "changes_not_captured")
        told = (await ready(api))["changes"]
        assert (told["source"], told["active"]) == (None, False)


async def test_administrators_are_told_how_capturing_does_and_others_one_word(url: str, write: Write) -> None:
    async with served(url, ADMINISTERED) as api, connected(api) as client:
        for headers in ({}, bearer("user"), {"Authorization": "Bearer nonsense"}):
            reply = await api.get("/health/ready", headers)
            assert (reply.status, reply.json) == (200, {"status": "ready"})
        before = (await ready(api))["changes"]
        assert (before["active"], before["since"], before["lag"]) == (False, None, None)
        assert before["reason"] == "nobody follows yet"
        await client.follow("note")
        write("INSERT INTO note VALUES (1, 'n')")
        await client.changes(1)
        told = await ready(api)
        during = told["changes"]
        assert (told["status"], during["active"], during["reason"]) == ("ready", True, None)
        assert during["since"] is not None
        assert during["lag"] >= 0
        assert during["source"] == ("SQLite triggers" if url.startswith("sqlite") else "PostgreSQL logical replication")
        assert any("plain_log" in each and "no primary key" in each for each in during["misses"])


async def ready(api: Served) -> Any:
    return (await api.get("/health/ready", bearer("admin"))).json


async def test_readiness_is_degraded_while_changes_come_late(url: str) -> None:
    async with served(url, OPEN) as api:
        engine = api.running.engine
        capture = Capture(engine, parse_database_url(url), lambda key: key.decode(), Terms(max_lag=1))

        def told(seconds: float) -> bool:
            at = engine.clock().timestamp() - seconds
            capture.publish([Committed(("main", "note"), Op.INSERT, {}, None, at)])
            return capture.late

        assert (told(0), told(5), told(0)) == (False, True, False)


async def test_what_would_be_captured_is_said_at_the_start(url: str) -> None:
    seen: list[Observation] = []
    async with served(url, OPEN + "changes: {source: off}\n") as api:
        api.running.engine.observe = seen.append
        await announced(api.running.engine, url, Terms())
        await uninstall(url)
        await announced(api.running.engine, url, Terms())
        await announced(api.running.engine, url, Terms(captured=False))
    await install(url)
    said = [each for each in seen if isinstance(each, CaptureExpected)]
    assert [each.source is not None for each in said] in ([True, False, False], [False, True, False, False])
    said = said[-3:]
    assert any("plain_log" in each for each in said[0].misses)
    assert "reflector changes install" in said[1].reason


async def announced(engine: Engine, url: str, terms: Terms) -> None:
    await Capture(engine, parse_database_url(url), lambda key: key.decode(), terms).announce()


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ("changes: {source: binlog}", "changes.source: must be 'auto' or 'off'"),
        ("changes: {replay: 5}", "changes.replay: must be a duration"),
        ("changes: {memory: all}", "changes.memory: must be a size"),
        ("changes: {replays: 5m}", "changes.replays: unknown setting; did you mean 'replay'?"),
        (
            "tables: {t: {changes: {events: [arrive]}}}",
            "tables.t.changes.events[0]: must be 'insert', 'update' or 'delete'",
        ),
        ("tables: {t: {changes: {events: [insert, insert]}}}", "tables.t.changes.events: names an event a second time"),
        (
            "tables: {t: {changes: {event: [insert]}}}",
            "tables.t.changes.event: unknown setting; did you mean 'events'?",
        ),
        ("tables: {t: {changes: 5m}}", "tables.t.changes: must be a mapping of: events, replay"),
    ],
)
def test_what_is_no_setting_is_told_with_its_place(said: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configured("sqlite:///x.db", said)
    assert complaint in str(caught.value)
    assert "config.yaml:2:" in str(caught.value)
