"""Signing in with, and tokens of, a provider that others made: OpenID Connect, its keys, and introspection as it is in the wild."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey
from yarl import URL

from tests.server.harness import Served, eventually, served
from tests.server.identity import NOWHERE, PLAIN, SECRET, Identity, client, identity, through, visitor

RSA: RSAKey = RSAKey.generate_key(2048, {"kid": "rsa", "alg": "RS256"})
KEYS = {
    "RS256": RSA,
    "PS256": RSAKey.generate_key(2048, {"kid": "pss", "alg": "PS256"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "p-256", "alg": "ES256"}),
    "ES384": ECKey.generate_key("P-384", {"kid": "p-384", "alg": "ES384"}),
    "ES512": ECKey.generate_key("P-521", {"kid": "p-521", "alg": "ES512"}),
    "EdDSA": OKPKey.generate_key("Ed25519", {"kid": "edwards", "alg": "EdDSA"}),
    "Ed25519": OKPKey.generate_key("Ed25519", {"kid": "ed25519", "alg": "Ed25519"}),
}
USUAL: dict[str, Any] = {
    "keys": list(KEYS.values()),
    **PLAIN,
}
CLIENTS = [
    client("app", NOWHERE),
    client("job", grants=["client_credentials"]),
    client("checker", grants=[]),
]
PEOPLE = "roles: {user: {}}\ntables: {book: {allow: {user: {read: true}}}}"


@pytest.fixture(scope="module")
def running() -> Iterator[Identity]:
    with identity() as provider:
        yield provider


@pytest.fixture
def provider(running: Identity) -> Identity:
    """The provider, as it is for every test."""
    running.become(**USUAL)
    return running


# ── signing in at its pages ──────────────────────────────────────────────────────────────────


@asynccontextmanager
async def pages(url: str, provider: Identity, *, secret: str | None = SECRET, **more: Any) -> AsyncIterator[Served]:
    """A server that people sign in at with this provider, which knows it as a client."""
    oidc = {
        "issuer": provider.issuer,
        "client_id": "pages",
        "role_claim": "roles",
        "scopes": ["openid", "roles"],
        **more,
    }
    said = json.dumps({"oidc": {**oidc, **({} if secret is None else {"client_secret": secret})}})
    text = f"server: {{secret: a-server-secret-of-many-more-letters}}\nauth: {said}\n{PEOPLE}"
    async with served(url, text) as api:
        [method, *_] = provider.said["methods"]
        left = {"post_logout_redirect_uris": [f"{api.base}/docs"]}
        known = client("pages", f"{api.base}/auth/callback", token_endpoint_auth_method=method, **left)
        if secret is None:
            del known["client_secret"]
        provider.become(clients=[known])
        yield api


async def come_back(api: Served, session: aiohttp.ClientSession, person: str | None = "ann") -> str:
    """Go to the provider and over its pages; the address that it sends back to."""
    return await through(session, f"{api.base}/auth/login?next=docs", f"{api.base}/auth/callback", person)


async def arrive(session: aiohttp.ClientSession, address: str) -> tuple[int, str]:
    async with session.get(URL(address, encoded=True)) as answer:
        return answer.status, await answer.text()


async def token_of(api: Served, session: aiohttp.ClientSession) -> str | None:
    """What a page asks with, None for nobody's."""
    async with session.post(f"{api.base}/auth/session", headers={"Origin": api.base}) as answer:
        return (await answer.json())["access_token"] if answer.status == 200 else None


async def status_of(api: Served, token: str | None, path: str = "/api/book?limit=1") -> int:
    return (await api.get(path, {"Authorization": f"Bearer {token}"})).status


async def test_somebody_signs_in_over_its_pages_and_out_again(each_bookshop: str, provider: Identity) -> None:
    async with pages(each_bookshop, provider) as api, visitor() as session:
        back = await come_back(api, session)
        assert URL(back).query["iss"] == provider.issuer
        assert (await arrive(session, back))[0] == 200
        token = await token_of(api, session)
        for path in ("/api/book?limit=1", "/rest/v1/book?limit=1", "/openapi.json"):
            assert await status_of(api, token, path) == 200, path
        async with session.post(f"{api.base}/auth/logout", headers={"Origin": api.base}) as left:
            assert left.status == 204
        assert await token_of(api, session) is None
        assert await status_of(api, token) == 401


async def left(api: Served, session: aiohttp.ClientSession) -> str | None:
    """Sign out; where the page goes on to."""
    async with session.post(f"{api.base}/auth/logout", headers={"Origin": api.base}) as answer:
        assert answer.status in {200, 204}
        return (await answer.json())["provider"] if answer.status == 200 else None


async def test_who_signs_out_there_too_is_asked_again_who_they_are(bookshop: str, provider: Identity) -> None:
    async with pages(bookshop, provider) as api, visitor() as session:
        await arrive(session, await come_back(api, session))
        assert await left(api, session) is None
        assert (await arrive(session, await come_back(api, session, None)))[0] == 200  # it knows them still
    provider.become(roles=["user"])
    async with pages(bookshop, provider, logout="provider") as api, visitor() as session:
        await arrive(session, await come_back(api, session))
        onward = await left(api, session)
        assert onward is not None
        assert await token_of(api, session) is None
        assert await through(session, onward, f"{api.base}/docs") == f"{api.base}/docs"
        status, text = await arrive(session, await come_back(api, session, None))
        assert (status, "access_denied" in text) == (401, True)
        assert await left(api, session) is None  # who is not in leaves nothing
        await arrive(session, await come_back(api, session))
        provider.leave()
        assert await left(api, session) is not None  # where it is was known
        assert await token_of(api, session) is None


async def test_its_tokens_may_be_signed_by_any_algorithm_that_it_offers(bookshop: str, provider: Identity) -> None:
    async with pages(bookshop, provider) as api:
        for algorithm in KEYS:
            provider.become(algorithm=algorithm)
            async with visitor() as session:
                status, text = await arrive(session, await come_back(api, session))
                assert (status, algorithm) == (200, algorithm), text


@pytest.mark.parametrize("methods", [["client_secret_basic"], ["client_secret_post"], ["none"]])
async def test_it_knows_this_server_in_each_way_that_it_may_offer(
    bookshop: str, provider: Identity, methods: list[str]
) -> None:
    """The secret has letters in it that the standard has written otherwise; without one PKCE alone is the proof."""
    provider.become(methods=methods)
    async with pages(bookshop, provider, secret=None if methods == ["none"] else SECRET) as api, visitor() as session:
        status, text = await arrive(session, await come_back(api, session))
        assert status == 200, text


async def test_what_its_token_does_not_say_is_asked_for(bookshop: str, provider: Identity) -> None:
    provider.become(thin=True)
    async with pages(bookshop, provider) as api, visitor() as session:
        assert (await arrive(session, await come_back(api, session)))[0] == 403
        assert provider.count("/me") == 0
    async with pages(bookshop, provider, userinfo=True) as api, visitor() as session:
        assert (await arrive(session, await come_back(api, session)))[0] == 200
        assert provider.count("/me") == 1
        assert await status_of(api, await token_of(api, session)) == 200


async def test_who_gives_up_there_is_told_so_and_may_begin_again(bookshop: str, provider: Identity) -> None:
    async with pages(bookshop, provider) as api, visitor() as session:
        status, text = await arrive(session, await come_back(api, session, None))
        assert (status, "(access_denied)" in text) == (401, True)
        assert await token_of(api, session) is None
        assert (await arrive(session, await come_back(api, session)))[0] == 200


async def test_who_comes_back_from_another_provider_is_nobody(bookshop: str, provider: Identity) -> None:
    async with pages(bookshop, provider) as api, visitor() as session:
        back = URL(await come_back(api, session))
        for odd in (back.without_query_params("iss"), back.update_query(iss="https://elsewhere.example")):
            assert (await arrive(session, str(odd)))[0] == 401
        assert (await arrive(session, str(back)))[0] == 200


async def test_a_secret_that_it_does_not_know_is_told_to_whoever_runs_the_server(
    bookshop: str, provider: Identity, caplog: pytest.LogCaptureFixture
) -> None:
    async with pages(bookshop, provider, secret="another-secret") as api, visitor() as session:
        with caplog.at_level(logging.WARNING, "reflector.server"):
            status, text = await arrive(session, await come_back(api, session))
    assert (status, "(invalid_client)" in text) == (401, True)
    assert "signing in: the provider answers invalid_client" in caplog.messages


async def test_while_it_is_away_nobody_signs_in_and_those_who_did_stay(bookshop: str, provider: Identity) -> None:
    async with pages(bookshop, provider) as api, visitor() as session, visitor() as other:
        assert (await arrive(session, await come_back(api, session)))[0] == 200
        back = await come_back(api, other)
        provider.leave()
        assert (await arrive(other, back))[0] == 503
        assert await status_of(api, await token_of(api, session)) == 200
        provider.become(keys=[RSAKey.generate_key(2048, {"kid": "later", "alg": "RS256"})])
        assert (await arrive(other, await come_back(api, other)))[0] == 200


# ── tokens at the APIs ───────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def taking(
    url: str, provider: Identity, more: Mapping[str, Any] | None = None, **auth: Any
) -> AsyncIterator[Served]:
    """A server that takes the provider's tokens, by the keys that it publishes; `more` is said of them."""
    provider.become(clients=CLIENTS)
    jwt = {"jwks": f"{provider.issuer}/jwks", "issuer": provider.issuer, "audience": "shop", "role_claim": "roles"}
    said = json.dumps({"jwt": {**jwt, **(more or {})}, **auth})
    async with served(url, f"auth: {said}\n{PEOPLE}") as api:
        yield api


def introspecting(provider: Identity, **more: Any) -> dict[str, Any]:
    asked = {"url": f"{provider.issuer}/token/introspection", "client_id": "checker", "client_secret": SECRET}
    return {"introspection": {**asked, "default_role": "user", "role_claim": "roles", "cache": "200ms", **more}}


async def test_its_signed_tokens_are_taken_at_every_api(each_bookshop: str, provider: Identity) -> None:
    async with taking(each_bookshop, provider) as api:
        token = (await provider.tokens("app"))["access_token"]
        for path in ("/api/book?limit=1", "/rest/v1/book?limit=1", "/graphql?query={book(limit:1){id}}"):
            assert await status_of(api, token, path) == 200, path
        for algorithm in KEYS:
            provider.become(algorithm=algorithm)
            assert (await status_of(api, await provider.job_token()), algorithm) == (200, algorithm)


async def test_its_tokens_for_others_and_of_other_kinds_are_refused(bookshop: str, provider: Identity) -> None:
    async with taking(bookshop, provider, **introspecting(provider)) as api:
        tokens = await provider.tokens("app")
        assert await status_of(api, tokens["access_token"]) == 200
        assert await status_of(api, tokens["id_token"]) == 401
        provider.become(audience="another")
        assert await status_of(api, await provider.job_token()) == 401


async def test_roles_that_it_writes_for_others_may_be_ignored(bookshop: str, provider: Identity) -> None:
    """As Keycloak's, whose people all have some of its own."""
    ignoring = {"undeclared_roles": "ignore"}
    for more, status in (({}, 403), (ignoring, 200)):
        provider.become(roles=["offline_access", "user"], format="jwt")
        async with pages(bookshop, provider, **more) as api, visitor() as session:
            assert (await arrive(session, await come_back(api, session)))[0] == status
        async with taking(bookshop, provider, more, **introspecting(provider, **more)) as api:
            assert await status_of(api, await provider.job_token()) == status
            provider.become(format="opaque")
            assert await status_of(api, await provider.job_token()) == status


async def test_a_key_that_it_begins_to_use_is_fetched_once_and_one_that_it_gave_up_signs_no_more(
    bookshop: str, provider: Identity
) -> None:
    provider.become(keys=[RSA])
    async with taking(bookshop, provider) as api:
        before = await provider.job_token()
        assert await status_of(api, before) == 200
        looked = provider.count("/jwks")
        provider.become(keys=[RSAKey.generate_key(2048, {"kid": "new", "alg": "RS256"})])
        new = [await provider.job_token() for _ in range(5)]
        assert await asyncio.gather(*(status_of(api, each) for each in new)) == [200] * 5
        assert provider.count("/jwks") == looked + 1
        assert await status_of(api, before) == 401


async def test_while_it_is_away_its_signed_tokens_hold_and_others_cannot_be_judged(
    bookshop: str, provider: Identity
) -> None:
    async with taking(bookshop, provider, **introspecting(provider)) as api:
        signed = await provider.job_token()
        provider.become(format="opaque")
        opaque = await provider.job_token()
        provider.leave()
        assert [await status_of(api, each) for each in (signed, opaque)] == [200, 503]
        provider.become()
        assert [await status_of(api, each) for each in (signed, opaque)] == [200, 200]


async def test_its_opaque_tokens_are_asked_about_until_they_are_withdrawn_or_end(
    each_bookshop: str, provider: Identity
) -> None:
    provider.become(format="opaque")
    async with taking(each_bookshop, provider, **introspecting(provider)) as api:
        token = (await provider.tokens("app"))["access_token"]
        assert [await status_of(api, each) for each in (token, await provider.job_token())] == [200, 200]
        await provider.asked("/token/revocation", "app", token=token)

        async def refused() -> bool:
            return await status_of(api, token) == 401

        await eventually(refused)
        provider.become(seconds=1)
        token = await provider.job_token()
        assert await status_of(api, token) == 200
        await eventually(refused)


async def test_what_renews_a_token_is_no_token_to_ask_with(bookshop: str, provider: Identity) -> None:
    """It answers for those as well; they are for no audience."""
    provider.become(format="opaque")
    async with taking(bookshop, provider, **introspecting(provider, audience="shop")) as api:
        tokens = await provider.tokens("app")
        told = await provider.asked("/token/introspection", "checker", token=tokens["refresh_token"])
        assert told["active"] is True
        assert await status_of(api, tokens["access_token"]) == 200
        assert await status_of(api, tokens["refresh_token"]) == 401
        provider.become(audience="another")
        assert await status_of(api, await provider.job_token()) == 401
