"""How many sockets a caller, and an address, may have open; and that each that ends makes room."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from reflector.catalog.model import DatabaseKind
from server.apis.realtime.seats import Seats
from tests.apis.realtime.following import Client, connected
from tests.apis.realtime.test_rules import CONFIG, SCHEMA, bearer
from tests.apis.realtime.test_sockets import claims
from tests.bookshops import Databases
from tests.changes.capturing import install
from tests.server.harness import Served, eventually, reloadable, served
from tests.server.test_jwt import token

ADMIN = "an administrator's secret of these tests"
FEW = CONFIG + "\nlimits: {sockets: 2, address_sockets: 5}\n"
ANN, BOB = bearer("user", "7"), bearer("user", "8")


@pytest.fixture
async def articles(databases: Databases) -> str:
    made = databases.database(DatabaseKind.SQLITE, SCHEMA)
    await install(made)
    return made


async def status(api: Served, headers: Mapping[str, str] | None = None) -> int:
    """What the upgrade of one more socket is answered with."""
    try:
        async with connected(api, headers) as client:
            assert (await client.ask(type="ping"))["type"] == "pong"
            return 101
    except aiohttp.WSServerHandshakeError as refused:
        return refused.status


async def until_left(api: Served, most: int) -> None:
    """A socket that its client has closed is gone a moment later."""

    async def left() -> bool:
        return len(api.running.parts.grounds.realtime.sockets) <= most

    await eventually(left)


async def test_a_caller_has_so_many_sockets_and_others_have_theirs(articles: str) -> None:
    async with served(articles, FEW) as api:
        async with connected(api, ANN), connected(api, ANN):
            assert [await status(api, each) for each in (ANN, BOB, None)] == [429, 101, 101]
        await until_left(api, 0)
        assert await status(api, ANN) == 101


async def test_an_address_has_so_many_whoever_opens_them(articles: str) -> None:
    async with served(articles, FEW) as api:
        async with AsyncExitStack() as stack:
            for headers in (ANN, ANN, BOB, None, None):
                await stack.enter_async_context(connected(api, headers))
            for headers in (BOB, None, {"X-Forwarded-For": "192.0.2.1"}, {"Authorization": "Bearer x"}):
                assert await status(api, headers) == 429
            reply = await api.get("/ws", {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                                          "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="})  # fmt: skip
            assert (reply.status, reply.code, reply.headers["Retry-After"]) == (429, "too_many_sockets", "5")
        await until_left(api, 0)
        assert await status(api) == 101


async def test_who_signs_in_by_a_frame_is_counted_then(articles: str) -> None:
    async with served(articles, FEW) as api, connected(api, ANN), connected(api) as second, connected(api) as third:
        assert (await second.ask(type="auth", token=token(claims("7"))))["type"] == "authenticated"
        # The same subject once more is the same caller.
        assert (await second.ask(type="auth", token=token(claims("7"))))["type"] == "authenticated"
        refused = await third.ask(type="auth", token=token(claims("7")))
        assert (refused["type"], refused["code"]) == ("error", "too_many_sockets")
        assert (await third.closed())[0] == 4429
        await until_left(api, 2)
        assert await status(api, BOB) == 101


async def test_refused_upgrades_and_broken_sockets_keep_no_seat(articles: str) -> None:
    async with served(articles, FEW) as api:
        for _ in range(6):
            assert await status(api, {"Authorization": "Bearer x"}) == 401
            async with connected(api, ANN) as client:
                client.ws._response.close()
            await until_left(api, 0)
        assert api.running.parts.grounds.realtime.seats.taken == {}


async def test_sockets_that_are_open_stay_when_fewer_are_allowed(articles: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    text = "version: 1\n" + FEW.replace("auth:\n", f"auth:\n  admin_role: user\n  admin_secret: {ADMIN}\n", 1)
    file.write_text(text)
    async with reloadable(articles, file) as api, connected(api, ANN) as one, connected(api, ANN) as two:
        file.write_text(text.replace("sockets: 2", "sockets: 1"))
        assert (await api.post("/admin/reload", None, {"X-Reflector-Admin-Secret": ADMIN})).status == 200
        held: list[Client] = [one, two]
        for each in held:
            assert (await each.ask(type="ping"))["type"] == "pong"
        assert await status(api, ANN) == 429


def test_a_seat_that_is_left_is_forgotten() -> None:
    seats = Seats()
    seats.take("a", 1, "somebody")
    seats.leave("a")
    assert seats.taken == {}
