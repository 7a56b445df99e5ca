"""Who came back from a provider: what is asked of it, when, and what of its answers makes somebody."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from joserfc.jwk import RSAKey
from yarl import URL

from reflector.errors import ReflectorError
from server.auth.code_flow import OURS, REFUSED, THEIRS, ended
from server.auth.outbound import Away
from server.auth.provider import AGAIN_SECONDS, KNOWN_SECONDS, LEEWAY, Provider
from server.problems import IdentityUnavailable, InvalidToken
from tests.server.harness import configured
from tests.server.issuers import outbound
from tests.server.provider import CLIENT, PASSWORD, IdentityProvider, providing
from tests.server.test_doubts import Clock

CONFIG = """
server: {{secret: "a-server-secret-of-many-more-letters"}}
auth: {{oidc: {{issuer: "{issuer}", client_id: {client}, {more}}}}}
roles: {{user: {{}}}}
"""
SECRET = f'client_secret: "{PASSWORD}"'
CALLBACK = "http://127.0.0.1:1/auth/callback"
VERIFIER = "a-verifier-of-forty-three-letters-or-more-than-that"


@pytest.fixture
async def there() -> AsyncIterator[IdentityProvider]:
    async with providing() as provider:
        yield provider


@asynccontextmanager
async def knowing(there: IdentityProvider, more: str = SECRET, steady: Any = None) -> AsyncIterator[Provider]:
    """What we know of it, by these further settings."""
    config = configured("sqlite:///x.db", CONFIG.format(issuer=there.issuer, client=CLIENT, more=more))
    assert config.auth is not None
    assert config.auth.oidc is not None
    async with outbound() as asks:
        yield Provider(config.auth.oidc, config, asks, time.time, steady or time.monotonic)


async def code_of(provider: Provider, there: IdentityProvider, nonce: str = "n") -> str:
    """The code of somebody who went to its page."""
    page = URL(await provider.page(CALLBACK, "s", nonce, VERIFIER))
    code = f"code {len(there.codes)}"
    there.codes[code] = dict(page.query)
    return code


async def told(provider: Provider, there: IdentityProvider, nonce: str = "n") -> str:
    """Who comes back, or the code of the refusal."""
    code = await code_of(provider, there)
    try:
        return str((await provider.visitor(CALLBACK, code, nonce, VERIFIER)).subject)
    except ReflectorError as error:
        return error.code


# ── the way there and back ───────────────────────────────────────────────────────────────────


async def test_people_are_sent_there_with_all_that_must_come_back(there: IdentityProvider) -> None:
    async with knowing(there, f"{SECRET}, scopes: [openid, email]") as provider:
        page = URL(await provider.page(CALLBACK, "a state", "a nonce", VERIFIER))
    assert str(page.with_query(None)) == f"{there.issuer}/authorize"
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
    assert dict(page.query) == {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": CALLBACK,
        "scope": "openid email",
        "state": "a state",
        "nonce": "a nonce",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }


async def test_who_comes_back_is_whom_the_token_is_about(there: IdentityProvider) -> None:
    there.claims = {"email": "a@b.example"}
    async with knowing(there) as provider:
        code = await code_of(provider, there)
        somebody = await provider.visitor(CALLBACK, code, "n", VERIFIER)
        assert (somebody.subject, somebody.roles, somebody.method) == ("7", ("user",), "oidc")
        assert (somebody.issuer, somebody.claims["email"]) == (there.issuer, "a@b.example")
        assert await told(provider, there, nonce="another") == "invalid_token"
        with pytest.raises(InvalidToken):  # a code is worth something once
            await provider.visitor(CALLBACK, code, "n", VERIFIER)
        assert there.asked == ["discovery", "token", "jwks", "token", "token"]


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": None}, {"nonce": "another"}, {"iss": "https://elsewhere.example"}, {"iss": None}, {"aud": "another"}, {"aud": None},
        {"aud": [CLIENT, "another"]}, {"azp": "another"}, {"exp": 1}, {"exp": None}, {"iat": None}, {"sub": None}, {"at_hash": "x"},
        {"nbf": 9e9}, {"iat": 9e9}, {"amr": "x"}, {"auth_time": "x"},
    ],
)  # fmt: skip
async def test_a_token_that_is_not_of_this_sign_in_makes_nobody(there: IdentityProvider, claims: Any) -> None:
    there.claims = claims
    async with knowing(there) as provider:
        assert await told(provider, there) == "invalid_token"


async def test_clocks_may_differ_a_little_and_several_may_be_meant(there: IdentityProvider) -> None:
    async with knowing(there) as provider:
        now = time.time()
        for claims in (
            {"iat": now + LEEWAY - 5},
            {"exp": now - LEEWAY + 5, "iat": now - 600},
            {"aud": [CLIENT, "another"], "azp": CLIENT},
            {"aud": [CLIENT]},
        ):
            there.claims = claims
            assert await told(provider, there) == "7", claims


async def test_a_token_that_somebody_else_signed_makes_nobody(there: IdentityProvider) -> None:
    async with knowing(there) as provider:
        assert await told(provider, there) == "7"
        there.signing = RSAKey.generate_key(2048, {"kid": "one"})
        assert await told(provider, there) == "invalid_token"
        assert there.asked.count("jwks") == 1  # its name is known, so that nobody looks for others


@pytest.mark.parametrize(("role", "code"), [("nosuch", "forbidden"), (None, "forbidden"), (["user"], "7")])
async def test_roles_are_those_of_the_token(there: IdentityProvider, role: Any, code: str) -> None:
    there.claims = {"role": role}
    async with knowing(there) as provider:
        assert await told(provider, there) == code


# ── who is asked, and who says so ────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("offered", "way"),
    [
        (None, "client_secret_basic"),
        (["client_secret_post", "client_secret_basic"], "client_secret_basic"),
        (["private_key_jwt", "client_secret_post"], "client_secret_post"),
        (["private_key_jwt"], "client_secret_basic"),
        ("client_secret_post", "client_secret_basic"),
        ([], "client_secret_basic"),
    ],
)
async def test_how_this_server_proves_itself_is_what_is_offered(
    there: IdentityProvider, offered: Any, way: str
) -> None:
    if offered is not None:
        there.said = {"token_endpoint_auth_methods_supported": offered}
    async with knowing(there) as provider:
        assert (await provider._known()).auth_method == way
    async with knowing(there, "scopes: [openid]") as provider:
        assert (await provider._known()).auth_method == "none"


@pytest.mark.parametrize("status", [404, 500, 201])
async def test_what_is_no_word_of_the_issuer_is_not_believed(there: IdentityProvider, status: int) -> None:
    for said in (
        {"issuer": "https://elsewhere.example"},
        {"token_endpoint": None},
        {"jwks_uri": "http://192.0.2.1/"},
        {"token_endpoint": 5},
    ):
        there.said = said
        async with knowing(there) as provider:
            with pytest.raises(IdentityUnavailable):
                await provider.page(CALLBACK, "s", "n", VERIFIER)
    there.said, there.status = {}, status
    async with knowing(there) as provider:
        with pytest.raises(IdentityUnavailable):
            await provider.page(CALLBACK, "s", "n", VERIFIER)


async def test_what_it_says_of_itself_is_asked_for_by_the_hour_and_again_soon_while_it_is_away(
    there: IdentityProvider,
) -> None:
    clock = Clock()
    async with knowing(there, steady=clock) as provider:
        there.status = 500
        with pytest.raises(IdentityUnavailable) as caught:
            await provider._known()
        assert isinstance(caught.value.__cause__, Away)  # which the log tells
        with pytest.raises(IdentityUnavailable):
            await provider._known()
        assert there.asked == ["discovery"]
        there.status = 200
        clock.now += AGAIN_SECONDS
        known = await asyncio.gather(*(provider._known() for _ in range(3)))
        assert (len(set(map(id, known))), there.asked) == (1, ["discovery"] * 2)
        clock.now += KNOWN_SECONDS - 1
        assert await provider._known() is known[0]
        there.status = 500
        clock.now += 1
        assert await provider._known() is known[0]  # what was known serves on
        assert there.asked == ["discovery"] * 3
        clock.now += KNOWN_SECONDS
        there.status = 200
        assert await provider._known() is not known[0]


async def test_who_comes_back_from_another_is_nobody(there: IdentityProvider) -> None:
    async with knowing(there) as provider:
        for named in (None, there.issuer):
            await provider.check_origin(named)
        with pytest.raises(InvalidToken, match=REFUSED):
            await provider.check_origin("https://elsewhere.example")
    there.said = {"authorization_response_iss_parameter_supported": True}
    async with knowing(there) as provider:
        await provider.check_origin(there.issuer)
        for odd in (None, "", "https://elsewhere.example"):
            with pytest.raises(InvalidToken, match=REFUSED):
                await provider.check_origin(odd)


async def test_the_way_out_leads_over_it_where_that_is_wanted_and_known(there: IdentityProvider) -> None:
    back = "http://127.0.0.1:1/docs"
    async with knowing(there) as provider:
        assert await provider.way_out(back) is None
    async with knowing(there, f"{SECRET}, logout: provider") as provider:
        way = await provider.way_out(back) or ""
        assert way.partition("?")[0] == f"{there.issuer}/leave%41"
        assert dict(URL(way).query) == {"from": "here", "client_id": CLIENT, "post_logout_redirect_uri": back}
    there.status = 500
    async with knowing(there, f"{SECRET}, logout: provider") as provider:
        assert await provider.way_out(back) is None


# ── its answers ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fails", "status", "code"),
    [
        ({"error": "invalid_grant"}, 400, "invalid_token"),
        ({"error": "invalid_client"}, 401, "invalid_token"),
        ({"id_token": "x"}, 400, "invalid_token"),
        ({"error": "server_error"}, 500, "identity_unavailable"),
        ({"id_token": "x"}, 500, "identity_unavailable"),
        (["id_token"], 200, "identity_unavailable"),
        ({"access_token": "x"}, 200, "invalid_token"),
        ({"id_token": 5}, 200, "invalid_token"),
        ({"id_token": "x"}, 200, "invalid_token"),
    ],
)
async def test_what_is_no_token_makes_nobody(there: IdentityProvider, fails: Any, status: int, code: str) -> None:
    there.fails, there.failing = fails, status
    async with knowing(there) as provider:
        assert await told(provider, there) == code


async def test_a_token_beside_another_status_is_none(there: IdentityProvider) -> None:
    async with knowing(there) as provider:
        for status, code in ((201, "invalid_token"), (400, "invalid_token"), (200, "7")):
            there.given = status
            assert await told(provider, there) == code


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"sub": "7", "role": "user"}, "7"),
        ({"sub": "7"}, "forbidden"),
        ({"sub": "8", "role": "user"}, "invalid_token"),
        ({"role": "user"}, "invalid_token"),
        ([{"sub": "7", "role": "user"}], "identity_unavailable"),
        (None, "identity_unavailable"),
    ],
)
async def test_what_else_it_knows_is_asked_where_that_is_wanted(there: IdentityProvider, more: Any, code: str) -> None:
    there.claims, there.more = {"role": None}, more
    async with knowing(there, f"{SECRET}, userinfo: true") as provider:
        assert await told(provider, there) == code
        assert there.asked[-1] == "userinfo"
        for claims in ({"exp": 1}, {"iss": "https://elsewhere.example"}, {"aud": "another", "azp": CLIENT}):
            there.claims = claims
            there.asked.clear()
            assert await told(provider, there) == "invalid_token"
            assert "userinfo" not in there.asked
    there.claims, there.access_token = {"role": None}, None
    async with knowing(there, f"{SECRET}, userinfo: true") as provider:
        there.asked.clear()
        assert await told(provider, there) == "identity_unavailable"  # there is nothing to ask with
        assert "userinfo" not in there.asked


@pytest.mark.parametrize(
    ("claims", "more", "code"),
    [
        ({"app": {"role": "user"}}, {"app.role": "nosuch"}, "7"),
        ({"app": {"role": "user"}}, {"app": {"role": "nosuch"}}, "7"),
        ({"app.role": "user"}, {"app": {"role": "nosuch"}}, "7"),
        ({"app": {"role": "nosuch"}}, {"app.role": "user"}, "forbidden"),
        ({"app": {}}, {"app.role": "user"}, "7"),
    ],
)
async def test_of_two_words_for_a_role_the_token_s_counts(
    there: IdentityProvider, claims: Any, more: Any, code: str
) -> None:
    there.claims, there.more = {"role": None, **claims}, {"sub": "7", **more}
    async with knowing(there, f"{SECRET}, userinfo: true, role_claim: app.role") as provider:
        assert await told(provider, there) == code


async def test_the_token_wins_over_what_else_it_knows(there: IdentityProvider) -> None:
    there.claims, there.more = {"a": "token", "b": "token"}, {"sub": "7", "a": "more", "c": "more"}
    async with knowing(there, f"{SECRET}, userinfo: true") as provider:
        somebody = await provider.visitor(CALLBACK, await code_of(provider, there), "n", VERIFIER)
        assert [somebody.claims[name] for name in "abc"] == ["token", "token", "more"]
    there.claims = {"role": None}
    async with knowing(there) as provider:
        assert await told(provider, there) == "forbidden"


def test_words_of_the_standards_are_repeated_and_those_that_the_configuration_could_mend_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for words, logged in ((OURS, True), (THEIRS, False)):
        for word in words:
            caplog.clear()
            error = ended(word)
            assert (type(error), f"({word})" in error.message) == (InvalidToken, True)
            assert [each.levelno for each in caplog.records] == [logging.WARNING] * logged
            assert caplog.messages == [f"signing in: the provider answers {word}"] * logged
    caplog.clear()
    for odd in (None, "", "<b>", 5, ["invalid_client"], {"invalid_client": 1}):
        assert ended(odd).message == REFUSED
    assert caplog.messages == []
