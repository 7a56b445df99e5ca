"""A socket never outlives its credential, by whichever way it was proved: it is asked for again for as long as it lasts."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from reflector.catalog.model import DatabaseKind
from server.apis.realtime import socket
from tests.apis.realtime.following import Client, connected
from tests.bookshops import Databases
from tests.changes.capturing import install, writer
from tests.server.harness import Served, served
from tests.server.issuers import CURVE, ONE, TWO, Service, public, service, signed

SCHEMA = """
CREATE TABLE article (id INTEGER PRIMARY KEY, title VARCHAR(80), owner VARCHAR(40));
INSERT INTO article VALUES (1, 'mine', '7'), (2, 'theirs', '8');
"""
RULES = """
roles: {user: {}, clerk: {}}
tables: {article: {allow: {user: {read: owner == claims.sub}, clerk: {read: true}}}}
"""
TELLS = {"active": True, "role": "user", "sub": "7"}


@pytest.fixture
async def articles(databases: Databases) -> str:
    made = databases.database(DatabaseKind.SQLITE, SCHEMA)
    await install(made)
    return made


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked again in the time of a test."""
    monkeypatch.setattr(socket, "ASKED_AGAIN_SECONDS", 0.05)


@asynccontextmanager
async def serving(url: str, **auth: Any) -> AsyncIterator[Served]:
    async with served(url, f"auth: {json.dumps(auth)}\n{RULES}") as api:
        yield api


@asynccontextmanager
async def following(api: Served, token: str) -> AsyncIterator[Client]:
    async with connected(api, {"Authorization": f"Bearer {token}"}) as client:
        await client.follow("article")
        yield client


def introspecting(issuer: Service) -> Any:
    return {"introspection": {"url": issuer.url, "client_id": "a", "client_secret": "b", "cache": "1ms"}}


async def asked_again(issuer: Service, times: int = 2) -> None:
    """Wait until the issuer was asked so often more."""
    wanted = issuer.asked + times
    while issuer.asked < wanted:
        issuer.heard.clear()
        await asyncio.wait_for(issuer.heard.wait(), 10)


async def test_a_withdrawn_key_ends_its_sockets(articles: str) -> None:
    async with (
        service(public(ONE, TWO)) as issuer,
        serving(articles, jwt={"jwks": issuer.url}) as api,
        following(api, signed(ONE, "RS256")) as client,
        following(api, signed(TWO, "RS256")) as other,
    ):
        issuer.says(public(TWO, CURVE))
        assert (await api.get("/api/article", bearing(signed(CURVE, "ES256")))).status == 200
        assert (await client.closed())[0] == 4401
        await other.silence()


async def test_a_token_that_its_issuer_withdraws_ends_its_sockets(articles: str) -> None:
    async with (
        service(TELLS) as issuer,
        serving(articles, **introspecting(issuer)) as api,
        following(api, "opaque") as client,
    ):
        await asked_again(issuer)
        writer(articles)("UPDATE article SET title = 'still'")
        assert [frame["key"] for frame in await client.changes(1)] == [{"id": 1}]
        issuer.says({"active": False})
        assert (await client.closed())[0] == 4401


async def test_a_socket_ends_when_its_issuer_said(articles: str) -> None:
    async with (
        service({**TELLS, "exp": time.time() + 1}) as issuer,
        serving(articles, **introspecting(issuer)) as api,
        following(api, "opaque") as client,
    ):
        assert (await client.closed())[0] == 4401


async def test_a_credential_that_becomes_another_s_ends_its_sockets(articles: str) -> None:
    async with (
        service(TELLS) as issuer,
        serving(articles, **introspecting(issuer)) as api,
        following(api, "opaque") as client,
    ):
        issuer.says({**TELLS, "sub": "8"})
        assert (await client.closed())[0] == 4401


async def test_who_loses_a_role_hears_no_more_of_it(articles: str) -> None:
    async with (
        service({**TELLS, "role": "clerk"}) as issuer,
        serving(articles, **introspecting(issuer)) as api,
        following(api, "opaque") as client,
    ):
        write = writer(articles)
        write("UPDATE article SET title = 'of both'")
        assert len(await client.changes(2)) == 2
        issuer.says(TELLS)
        await asked_again(issuer)
        write("UPDATE article SET title = 'of one'")
        assert (await client.next())["type"] == "resync"  # what was told under other rights may be wrong now
        assert [frame["key"] for frame in await client.changes(1)] == [{"id": 1}]
        await client.silence()


async def test_while_nobody_can_be_asked_a_socket_stays_and_not_for_ever(
    articles: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        service(TELLS) as issuer,
        serving(articles, **introspecting(issuer)) as api,
        following(api, "opaque") as client,
    ):
        issuer.says({}, 500)
        await asked_again(issuer, 3)
        await client.silence()
        issuer.says(TELLS)
        await asked_again(issuer)
        monkeypatch.setattr(socket, "DOUBTED_SECONDS", 0.2)
        issuer.says({}, 500)
        assert (await client.closed())[0] == 1013


async def test_what_a_webhook_refuses_later_ends_its_sockets(articles: str) -> None:
    async with (
        service({"role": "user", "sub": "7"}) as hook,
        serving(articles, webhook={"url": hook.url}) as api,
        following(api, "ann") as client,
    ):
        await asked_again(hook)
        await client.silence()
        hook.says({}, 401)
        assert (await client.closed())[0] == 4401


async def test_a_webhook_is_asked_of_a_token_in_a_frame(articles: str) -> None:
    async with service() as hook, serving(articles, webhook={"url": hook.url, "send": ["X-Tenant"]}) as api:
        hook.answer = answering(lambda request: {"role": "user", "sub": request.headers["X-Tenant"]})
        async with connected(api, {"X-Tenant": "7"}) as client:
            assert (await client.ask(type="auth", token="ann"))["type"] == "authenticated"
            assert hook.seen[0].headers["Authorization"] == "Bearer ann"
            await client.follow("article")
            writer(articles)("UPDATE article SET title = 'x'")
            assert [frame["key"] for frame in await client.changes(1)] == [{"id": 1}]
            hook.says({}, 401)
            assert (await client.closed())[0] == 4401


async def test_a_token_that_cannot_be_judged_opens_nothing(articles: str) -> None:
    async with (
        service({}, 500) as issuer,
        serving(articles, **introspecting(issuer)) as api,
        connected(api) as client,
    ):
        frame = await client.ask(type="auth", token="opaque")
        assert (frame["type"], frame["code"]) == ("error", "identity_unavailable")
        assert (await client.closed())[0] == 4401


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def answering(say: Callable[[web.BaseRequest], Any]) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return web.json_response(say(request))

    return answer
