"""Sockets: who may open one, when it ends, and what it costs at most."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import time
from contextlib import closing
from itertools import count
from typing import Any

import aiohttp
import pytest

from reflector.catalog.model import DatabaseKind
from server.apis.realtime import outbound, socket
from tests.apis.realtime.following import Frame, connected, settled
from tests.apis.realtime.test_rules import CONFIG, SCHEMA, bearer
from tests.bookshops import Databases
from tests.changes.capturing import install, writer
from tests.server.harness import Served, ServedProcess, served
from tests.server.test_jwt import token

TAG = "INSERT INTO tag (name) VALUES ('{0}')"
ONLY_USERS = CONFIG.replace("  anonymous_role: guest\n", "")


@pytest.fixture
async def articles(databases: Databases) -> str:
    made = databases.database(DatabaseKind.SQLITE, SCHEMA)
    await install(made)
    return made


def claims(subject: str = "7", role: str = "user", seconds: float = 600) -> dict[str, Any]:
    ends = time.time() + seconds
    return {"exp": ends, "aud": "api", "iss": "https://id.example", "roles": role, "sub": subject}


# ── who ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_credential_may_come_in_the_first_frame(articles: str) -> None:
    async with served(articles, ONLY_USERS) as api, connected(api) as client:
        assert (await client.ask(type="auth", token=token(claims())))["type"] == "authenticated"
        await client.follow("article")
        writer(articles)("UPDATE article SET title = 'x'")
        assert [frame["key"] for frame in await client.changes(1)] == [{"id": 1}]


async def test_without_a_credential_a_subscription_closes_the_socket(articles: str) -> None:
    async with served(articles, ONLY_USERS) as api, connected(api) as client:
        await client.send(type="subscribe", id="1", table="article")
        assert (await client.closed())[0] == 4401


async def test_a_bad_credential_is_told_and_closes_the_socket(articles: str) -> None:
    async with served(articles, ONLY_USERS) as api, connected(api) as client:
        frame = await client.ask(type="auth", token="no.such.token")
        assert (frame["type"], frame["code"]) == ("error", "invalid_token")
        assert (await client.closed())[0] == 4401


async def test_a_bad_credential_at_the_upgrade_is_refused(articles: str) -> None:
    async with served(articles, CONFIG) as api:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with connected(api, {"Authorization": "Bearer x"}):
                pass
        assert refused.value.status == 401


async def test_who_says_nothing_is_let_go(articles: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "AUTH_SECONDS", 0.2)
    async with served(articles, ONLY_USERS) as api, connected(api) as client:
        assert (await client.closed())[0] == 4401


async def test_a_socket_ends_with_its_credential_and_tells_nothing_after(articles: str) -> None:
    write = writer(articles)
    async with served(articles, CONFIG) as api:
        headers = {"Authorization": f"Bearer {token(claims(seconds=1.2))}"}
        async with connected(api, headers) as client:
            await client.follow("article")
            assert (await client.closed())[0] == 4401
        write("UPDATE article SET title = 'x'")


async def test_the_same_subject_renews_and_another_does_not(articles: str) -> None:
    write = writer(articles)
    async with served(articles, CONFIG) as api:
        headers = {"Authorization": f"Bearer {token(claims(seconds=1.5))}"}
        async with connected(api, headers) as client:
            await client.follow("article")
            assert (await client.ask(type="auth", token=token(claims("8"))))["code"] == "forbidden"
            assert (await client.ask(type="auth", token=token(claims(seconds=60))))["type"] == "authenticated"
            await asyncio.sleep(2)
            write("UPDATE article SET title = 'still'")
            assert [frame["key"] for frame in await client.changes(1)] == [{"id": 1}]


async def test_a_renewal_with_fewer_rights_ends_what_may_no_longer_be_followed(articles: str) -> None:
    async with served(articles, CONFIG) as api, connected(api, bearer("user")) as client:
        await client.follow("note")
        await client.send(type="auth", token=token(claims(role="clerk")))
        frames = [await client.next(), await client.next()]
        assert {frame["type"] for frame in frames} == {"authenticated", "error"}
        assert next(frame["code"] for frame in frames if frame["type"] == "error") == "unknown_table"


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://evil.example", 403),
        ("null", 403),
        ("http://{host}.evil.example", 403),
        ("http://{host}", 101),
        (None, 101),
    ],
)
async def test_a_page_of_another_origin_opens_no_socket(quiet_url: str, origin: str | None, status: int) -> None:
    async with served(quiet_url) as api:
        host = api.base.removeprefix("http://")
        headers = {} if origin is None else {"Origin": origin.format(host=host)}
        if status == 101:
            async with connected(api, headers) as client:
                await client.follow("tag")
            return
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with connected(api, headers):
                pass
        assert refused.value.status == status


async def test_a_server_that_asks_for_a_token_asks_at_the_upgrade(quiet_url: str) -> None:
    async with served(quiet_url, environ={"REFLECTOR_TOKEN": "t" * 24}, host="0.0.0.0") as api:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with connected(api):
                pass
        assert refused.value.status == 401
        async with api.session.ws_connect(f"{api.base}/ws?token={'t' * 24}") as ws:
            await ws.send_json({"type": "ping"})
            assert (await ws.receive_json(timeout=5))["type"] == "pong"


# ── how much ─────────────────────────────────────────────────────────────────────────────────


async def test_the_101st_subscription_is_an_error_and_the_others_go_on(quiet_url: str) -> None:
    write = writer(quiet_url)
    async with served(quiet_url) as api, connected(api) as client:
        for number in range(100):
            await client.follow("tag", f"{number}")
        frame = await client.ask(type="subscribe", id="100", table="tag")
        assert (frame["type"], frame["code"], frame["id"]) == ("error", "limit_exceeded", "100")
        write(TAG.format("many"))
        assert {frame["id"] for frame in await client.changes(100)} == {str(number) for number in range(100)}


async def test_a_frame_too_large_closes_the_socket(quiet_url: str) -> None:
    async with served(quiet_url) as api, connected(api) as client:
        await client.ws.send_str("x" * (64 * 1024 + 1))
        assert (await client.closed())[0] == 1009


async def test_frames_are_never_compressed(quiet_url: str) -> None:
    async with served(quiet_url) as api, api.session.ws_connect(api.base + "/ws", compress=15) as ws:
        assert not ws.compress


async def test_what_is_wrong_with_a_request_is_told_at_once_and_the_socket_stays(quiet_url: str) -> None:
    async with served(quiet_url) as api, connected(api) as client:
        frame = await client.ask(
            type="subscribe",
            id="1",
            table="book",
            filter={"prize": 1, "title": {"_like": 3}},
            columns=["titel"],
            events=["inserted"],
            wehn=1,
        )
        assert {each["pointer"] for each in frame["errors"]} == {
            "/wehn",
            "/filter/prize",
            "/filter/title/_like",
            "/columns/0",
            "/events/0",
        }
        assert "did you mean 'price'?" in str(frame)
        await client.follow("book")


async def test_a_filter_beyond_the_limits_is_refused(quiet_url: str) -> None:
    deep: Any = {"price": 1}
    for _ in range(40):
        deep = {"_not": deep}
    async with served(quiet_url) as api, connected(api) as client:
        assert (await client.ask(type="subscribe", id="1", table="book", filter=deep))["code"] == "limit_exceeded"
        many = {"_or": [{"price": number} for number in range(300)]}
        assert (await client.ask(type="subscribe", id="1", table="book", filter=many))["code"] == "limit_exceeded"


async def test_a_slow_reader_is_told_to_resync_and_nobody_else_waits(quiet_url: str) -> None:
    write = writer(quiet_url)
    async with served(quiet_url) as api:
        slow = await raw_socket(api)
        await said(slow[1], '{"type":"subscribe","id":"slow","table":"book"}')
        async with connected(api) as fast:
            await fast.follow("book", columns=["id", "title"])
            for number in range(30):
                await asyncio.to_thread(write, f"UPDATE book SET subtitle = '{'x' * 150}', title = 'r{number}'")
                assert len(await fast.changes(320)) == 320
            # Some megabytes were for the slow one: it reads on, and finds that it missed some.
            text = await until(slow[0], b'"type":"resync"')
            assert b'"id":"slow"' in text
        slow[1].close()


async def test_a_reader_who_never_reads_is_let_go(quiet_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "PATIENCE_SECONDS", 0.3)
    write = writer(quiet_url)
    async with served(quiet_url) as api:
        slow = await raw_socket(api)
        await said(slow[1], '{"type":"subscribe","id":"slow","table":"book"}')
        async with connected(api) as fast:
            await fast.follow("tag")
            for number in range(40):
                await asyncio.to_thread(write, f"UPDATE book SET subtitle = '{'x' * 150}', title = 'r{number}'")
            for _ in range(100):
                if len(slow_sockets(api)) == 1:
                    break
                await asyncio.sleep(0.1)
            assert len(slow_sockets(api)) == 1
        slow[1].close()


def slow_sockets(api: Served) -> list[Any]:
    """The sockets that are open."""
    return list(api.running.parts.grounds.realtime.sockets)


async def raw_socket(api: Served) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A socket that reads only when it is told to, and little at a time."""
    reader, writer_ = await asyncio.open_connection("127.0.0.1", api.running.port, limit=4096)
    writer_.write(
        f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{api.running.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    return reader, writer_


async def said(writer_: asyncio.StreamWriter, text: str) -> None:
    """A masked frame; the mask is nothing."""
    writer_.write(bytes((0x81, 0x80 | len(text))) + b"\0\0\0\0" + text.encode())
    await writer_.drain()
    await settled()


async def until(reader: asyncio.StreamReader, wanted: bytes) -> bytes:
    """Everything that is said until the words are."""
    text, deadline = b"", time.monotonic() + 20
    while wanted not in text[-70_000:]:
        assert time.monotonic() < deadline
        text += await asyncio.wait_for(reader.read(65536), 10)
    return text[-70_000:]


# ── its end ──────────────────────────────────────────────────────────────────────────────────


async def test_a_server_that_ends_says_where_to_go_on(quiet_url: str) -> None:
    write = writer(quiet_url)
    with ServedProcess("serve", quiet_url, "--port", "0") as process:
        base = await asyncio.to_thread(process.wait_until_it_serves)
        async with aiohttp.ClientSession() as session, session.ws_connect(base + "/ws") as ws:
            await ws.send_json({"type": "subscribe", "id": "1", "table": "tag"})
            await ws.receive_json(timeout=5)
            write(TAG.format("last"))
            cursor = (await ws.receive_json(timeout=5))["cursor"]
            process.signal(signal.SIGTERM)
            message = await ws.receive(10)
            assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1012)
            assert len(message.extra or "") == len(cursor)
        assert await asyncio.to_thread(process.wait) == 0


async def test_a_subscription_survives_a_change_of_the_schema_and_its_table_does_not(quiet_url: str) -> None:
    path = quiet_url.removeprefix("sqlite:///")
    async with served(quiet_url, "database: {watch: 100ms}\ndefaults: {read: true}") as api, connected(api) as client:
        await client.follow("tag")
        with closing(sqlite3.connect(path, timeout=30)) as connection:
            connection.execute("ALTER TABLE tag ADD COLUMN colour TEXT")
            connection.commit()
        assert (await client.next())["type"] == "resync"
        # A change that comes while the column is not captured yet is told by a resync alone.
        frame: Frame = {"type": "resync"}
        for number in count():
            with closing(sqlite3.connect(path, timeout=30)) as connection:
                connection.execute("INSERT INTO tag (name, colour) VALUES (?, 'red')", (f"bright {number}",))
                connection.commit()
            frame = await client.next()
            if frame["type"] == "change" and "colour" in frame["new"]:
                break
        assert frame["new"] == {"name": frame["new"]["name"], "description": None, "colour": "red"}
        with closing(sqlite3.connect(path, timeout=30)) as connection:
            connection.execute("DROP TABLE book_tag")
            connection.execute("DROP TABLE tag")
            connection.commit()
        while (frame := await client.next())["type"] in ("resync", "change"):
            pass
        assert (frame["type"], frame["code"], frame["id"]) == ("error", "unknown_table", "1")
        assert (await client.ask(type="ping"))["type"] == "pong"
