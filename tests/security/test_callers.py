"""Attacks on who is calling, by name, against the running server: roles of odd forms, keys that an issuer publishes, forged
tokens in sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.apis.realtime.following import connected
from tests.properties import worlds
from tests.security.notes import READS, RULES, bearer, config, told
from tests.server.harness import served
from tests.server.issuers import CURVE, ONE, TWO, Service, public, service, signed
from tests.server.test_jwt import FORGERIES

# ── roles ────────────────────────────────────────────────────────────────────────────────────

ODD_ROLES: tuple[Any, ...] = (
    "nosuch", "guest,user", "user ", "USER", "", [], [""], ["user", ""], ["nosuch"], ["user", "nosuch"], [["user"]],
    None, {"user": True}, {"a": 1}, [{"user": 1}], 7, 1.5, 0, True, False, ["user", 7], ["user", None], [None], "*", "user\u0000",
)  # fmt: skip


async def test_a_role_of_an_odd_form_is_neither_the_guest_nor_the_usual_one(url: str) -> None:
    """Not at any API, though guests may read and tokens without the claim have a role by default."""
    jwt = {"secret": worlds.KEY, "audience": "api", "role_claim": "roles", "default_role": "user"}
    async with served(url, f"auth: {json.dumps({'jwt': jwt, 'anonymous_role': 'guest'})}\n{RULES}") as api:
        assert [told(await api.get(path)) for path in READS] == [[1]] * 3
        assert [told(await api.get(path, worlds.bearer())) for path in READS] == [[1, 2]] * 3
        for odd in ODD_ROLES:
            headers = worlds.bearer(roles=odd)
            for path in (*READS, "/openapi.json", "/api"):
                reply = await api.get(path, headers)
                assert reply.status in ({401, 403} if path.startswith("/rest") else {403}), (odd, path, reply.body)
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await api.session.ws_connect(f"{api.base}/ws", headers=headers)
            assert caught.value.status == 403, odd


async def test_no_forgery_opens_a_socket_by_a_header_or_a_frame(file_url: str, issuer: Service) -> None:
    async with served(file_url, config(issuer, anonymous_role=None)) as api:
        for name, forged in FORGERIES.items():
            if forged.isascii():
                with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                    await api.session.ws_connect(f"{api.base}/ws", headers=bearer(forged))
                assert caught.value.status == 401, name
            async with connected(api) as client:
                await client.send(type="auth", token=forged)
                assert (await client.closed())[0] == 4401, name
        assert issuer.asked <= 2


# ── keys that an issuer publishes ────────────────────────────────────────────────────────────


async def test_a_flood_of_unknown_keys_is_one_question(file_url: str, issuer: Service) -> None:
    async with served(file_url, config(issuer)) as api:
        good = bearer(signed(ONE, "RS256", aud="shop"))
        assert told(await api.get(READS[0], good)) == [1, 2]
        asked = issuer.asked

        async def guess(number: int) -> int:
            token = signed(CURVE, "ES256", {"kid": f"unknown-{number}"}, aud="shop")
            return (await api.get(READS[number % len(READS)], bearer(token))).status

        for hundred in range(10):
            statuses = await asyncio.gather(*(guess(100 * hundred + each) for each in range(100)))
            assert set(statuses) <= {401, 429}
        assert issuer.asked - asked == 1
        assert told(await api.get(READS[0], good)) == [1, 2]


METADATA = "http://169.254.169.254/latest/meta-data"
OTHERWISE: dict[str, Callable[[str], web.Response]] = {
    "a redirect": lambda url: web.Response(status=302, headers={"Location": url}),
    "a redirect to a link-local address": lambda _: web.Response(status=307, headers={"Location": METADATA}),
    "too large": lambda _: web.Response(body=b" " * (1 << 20) + json.dumps(public(ONE, TWO)).encode()),
    "an error": lambda _: web.json_response(public(ONE, TWO), status=500),
    "a page": lambda _: web.Response(text="<html>", content_type="text/html"),
}


@pytest.mark.parametrize("answer", OTHERWISE)
async def test_an_issuer_that_answers_otherwise_has_no_keys(file_url: str, issuer: Service, answer: str) -> None:
    """And nobody becomes a guest by that: nobody can be judged, and readiness says so."""
    async with service(public(TWO)) as elsewhere:
        issuer.answer = lambda _: asyncio.sleep(0, OTHERWISE[answer](elsewhere.url))
        async with served(file_url, config(issuer)) as api:
            for key in (ONE, TWO):
                for path in (*READS, "/openapi.json"):
                    reply = await api.get(path, bearer(signed(key, "RS256", aud="shop")))
                    assert (reply.status, b"169.254" in reply.body) == (503, False), path
            assert (await api.get("/health/ready")).json == {"status": "degraded"}
            assert told(await api.get(READS[0])) == [1]
        assert elsewhere.asked == 0


async def test_old_keys_serve_while_the_issuer_is_away_and_a_withdrawn_one_ends_what_was_verified(
    file_url: str, issuer: Service
) -> None:
    issuer.says(public(ONE, TWO))
    one, two = (bearer(signed(key, "RS256", aud="shop")) for key in (ONE, TWO))
    async with served(file_url, config(issuer)) as api:
        assert [told(await api.get(path, each)) for path in READS for each in (one, two)] == [[1, 2]] * 6
        issuer.says(None, 500)
        unknown = bearer(signed(CURVE, "ES256", aud="shop"))
        assert (await api.get(READS[0], unknown)).status in {401, 503}
        another = bearer(signed(ONE, "RS256", aud="shop", sub="another"))
        assert [told(await api.get(path, each)) for path in READS for each in (one, two, another)] == [[1, 2]] * 9
    issuer.says(public(ONE, TWO))
    async with served(file_url, config(issuer)) as api:
        assert told(await api.get(READS[0], two)) == [1, 2]
        issuer.says(public(ONE, CURVE))
        assert told(await api.get(READS[0], unknown)) == [1, 2]  # a key that nobody knew: it is looked again
        for path in (*READS, "/openapi.json"):
            assert (await api.get(path, two)).status == 401, path
        assert told(await api.get(READS[0], one)) == [1, 2]
