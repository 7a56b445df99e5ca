"""Signing in at a page with a provider, from the first redirect to the last token; and every way in which it may be abused."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from joserfc.jwk import RSAKey
from yarl import URL

from reflector.secret import Secret
from server.auth.sealed import Seal
from server.config import ConfigError
from tests.server.harness import Reply, Served, configured, reloadable, served
from tests.server.provider import CLIENT, PASSWORD, IdentityProvider, providing

SECRET = "a-server-secret-of-many-more-letters"
CONFIG = f"""
server: {{secret: "{SECRET}"}}
auth:
  oidc: {{issuer: "ISSUER", client_id: {CLIENT}, client_secret: "{PASSWORD}", scopes: [openid, profile]}}
roles: {{user: {{}}}}
tables:
  customer: {{allow: {{user: {{read: id == claims.sub}}}}}}
"""


@pytest.fixture
async def provider() -> AsyncIterator[IdentityProvider]:
    async with providing() as provider:
        yield provider


def config(provider: IdentityProvider) -> str:
    return CONFIG.replace("ISSUER", provider.issuer)


def cookies(reply: Reply) -> SimpleCookie:
    """The cookies that an answer sets."""
    found = SimpleCookie()
    for line in reply.headers.getall("Set-Cookie", ()):
        found.load(line)
    return found


def carried(found: SimpleCookie) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={morsel.value}" for name, morsel in found.items())}


async def to_provider(api: Served, page: str = "docs") -> tuple[SimpleCookie, str]:
    """Go to the provider, and come back to this address."""
    reply = await api.get(f"/auth/login?next={page}")
    assert reply.status == 302, reply.body
    async with api.session.get(URL(reply.headers["Location"], encoded=True), allow_redirects=False) as sent_back:
        location = sent_back.headers["Location"]
    parts = urlsplit(location)
    assert f"{parts.scheme}://{parts.netloc}" == api.base
    return cookies(reply), f"{parts.path}?{parts.query}"


async def signed_in(api: Served, page: str = "docs") -> dict[str, str]:
    """The header of whoever signed in."""
    login, address = await to_provider(api, page)
    reply = await api.get(address, carried(login))
    assert reply.status == 200, reply.body
    return carried(SimpleCookie({"reflector-session": cookies(reply)["reflector-session"].value}))


# ── the way in and out ───────────────────────────────────────────────────────────────────────


async def test_whoever_signs_in_has_pages_and_tokens_and_signs_out(
    each_bookshop: str, provider: IdentityProvider
) -> None:
    async with served(each_bookshop, config(provider)) as api:
        login, address = await to_provider(api, "graphiql")
        (morsel,) = login.values()
        assert (morsel.key, morsel["httponly"], morsel["samesite"], morsel["path"]) == (
            "reflector-login",
            True,
            "Lax",
            "/",
        )
        reply = await api.get(address, carried(login))
        assert (reply.status, b'content="0;url=../graphiql"' in reply.body) == (200, True)
        session = cookies(reply)["reflector-session"]
        assert (session["httponly"], session["samesite"], session["path"]) == (True, "Strict", "/")
        assert cookies(reply)["reflector-login"]["max-age"] == "0"
        me = {"Cookie": f"reflector-session={session.value}"}
        page = await api.get("/docs", me)
        token = re.search(rb'<meta name="access-token" content="(rs_[^"]+)">', page.body)
        assert token is not None
        assert b'<meta name="session" content="in">' in page.body
        given = await api.post("/auth/session", None, {**me, "Origin": api.base})
        assert (given.status, given.json["token_type"], given.json["expires_in"]) == (200, "Bearer", 600)
        for each in (token[1].decode(), given.json["access_token"]):
            bearer = {"Authorization": f"Bearer {each}"}
            answer = await api.get("/api/customer?fields=id", bearer)
            assert answer.json["items"] == [{"id": 7}]
            assert (await api.post("/graphql", {"query": "{customer {id}}"}, bearer)).json["data"]["customer"] == [
                {"id": 7}
            ]
            assert (await api.get("/openapi.json", bearer)).status == 200
        left = await api.post("/auth/logout", None, {**me, "Origin": api.base})
        assert (left.status, cookies(left)["reflector-session"]["max-age"]) == (204, "0")
        assert b'content="out"' in (await api.get("/docs", me)).body
        assert (await api.get("/api/customer", {"Authorization": f"Bearer {each}"})).status == 401
        assert (await api.post("/auth/session", None, {**me, "Origin": api.base})).status == 401
        assert provider.asked == ["discovery", "token", "jwks"]


async def test_a_session_that_was_left_stays_left_when_the_configuration_is_read_again(
    bookshop: str, provider: IdentityProvider, tmp_path: Path
) -> None:
    administrator = "the-administrators-secret-of-many-letters"
    text = f"version: 1{config(provider)}".replace(
        "auth:\n  ", f"auth:\n  admin_secret: {administrator}\n  admin_role: admin\n  "
    )
    text = text.replace("{user: {}}", "{user: {}, admin: {}}")
    file = tmp_path / "config.yaml"
    file.write_text(text)
    async with reloadable(bookshop, file) as api:
        stays, leaves = await signed_in(api), await signed_in(api)
        page = {"Origin": api.base}
        given = await api.post("/auth/session", None, {**leaves, **page})
        bearer = {"Authorization": f"Bearer {given.json['access_token']}"}
        assert (await api.post("/auth/logout", None, {**leaves, **page})).status == 204
        file.write_text(f"{text}limits: {{depth: 5}}\n")
        reply = await api.post("/admin/reload", None, {"X-Reflector-Admin-Secret": administrator})
        assert reply.json["changed"] == ["limits.depth"]
        assert (await api.get("/api/customer", bearer)).status == 401
        assert (await api.post("/auth/session", None, {**leaves, **page})).status == 401
        assert (await api.post("/auth/session", None, {**stays, **page})).status == 200
        # Whom another issuer vouched for is nobody to the one that is asked now.
        file.write_text(text.replace(provider.issuer, "https://id.example"))
        reply = await api.post("/admin/reload", None, {"X-Reflector-Admin-Secret": administrator})
        assert reply.status == 200
        assert (await api.post("/auth/session", None, {**stays, **page})).status == 401


async def test_over_https_the_cookies_are_bound_to_this_host(bookshop: str, provider: IdentityProvider) -> None:
    public = config(provider).replace("server: {", 'server: {url: "https://api.example/under", ')
    async with served(bookshop, public) as api:
        reply = await api.get("/auth/login")
        (morsel,) = cookies(reply).values()
        assert (morsel.key, morsel["secure"], morsel["path"], morsel["domain"]) == (
            "__Host-reflector-login",
            True,
            "/",
            "",
        )
        asked = URL(reply.headers["Location"]).query
        assert asked["redirect_uri"] == "https://api.example/under/auth/callback"
        async with api.session.get(URL(reply.headers["Location"], encoded=True), allow_redirects=False) as sent_back:
            back = urlsplit(sent_back.headers["Location"])
        came = await api.get(f"/auth/callback?{back.query}", carried(cookies(reply)))
        session = cookies(came)["__Host-reflector-session"]
        assert (session["secure"], session["httponly"], session["samesite"]) == (True, True, "Strict")
        me = carried(SimpleCookie({"__Host-reflector-session": session.value}))
        assert (await api.post("/auth/session", None, {**me, "Origin": "https://api.example"})).status == 200
        plain = {"Cookie": f"reflector-session={session.value}", "Origin": "https://api.example"}
        assert (await api.post("/auth/session", None, plain)).status == 401


async def test_no_api_takes_a_cookie(bookshop: str, provider: IdentityProvider) -> None:
    async with served(bookshop, config(provider)) as api:
        me = await signed_in(api)
        for path in ("/api/customer", "/rest/v1/customer", "/graphql?query={customer{id}}", "/openapi.json"):
            reply = await api.get(path, me)
            assert (reply.status, b"items" in reply.body) == (401, False), path
        value = me["Cookie"].partition("=")[2]
        for text in (value, f"rs_{value}"):
            assert (await api.get("/api/customer", {"Authorization": f"Bearer {text}"})).status == 401
        async with api.session.ws_connect(f"{api.base}/ws/customer", headers=me) as socket:
            await socket.send_json({"type": "subscribe", "id": "1", "table": "customer"})
            while (message := await socket.receive(timeout=15)).type is aiohttp.WSMsgType.TEXT:
                assert b"7" not in message.data.encode() or "subscribed" not in message.data
            assert socket.close_code == 4401


# ── abuse ────────────────────────────────────────────────────────────────────────────────────


async def test_a_sign_in_is_finished_once_and_by_whoever_began_it(bookshop: str, provider: IdentityProvider) -> None:
    async with served(bookshop, config(provider)) as api:
        login, address = await to_provider(api)
        other, _ = await to_provider(api)
        state = URL(address).query["state"]
        for cookie, where in (
            ({}, address),
            (carried(other), address),
            (carried(login), address.replace(state, "x" * len(state))),
            (carried(login), address.replace(f"state={state}", "")),
            (carried(login), f"/auth/callback?state={state}"),
            (carried(login), f"/auth/callback?state={state}&error=access_denied"),
            ({"Cookie": "reflector-login=" + "A" * 400}, address),
            ({"Cookie": "reflector-login=%%%"}, address),
        ):
            reply = await api.get(where, cookie)
            assert (reply.status, reply.code) == (401, "invalid_token"), where
            assert "reflector-session" not in cookies(reply)
        assert "token" not in provider.asked
        assert (await api.get(address, carried(login))).status == 200
        again = await api.get(address, carried(login))
        assert (again.status, again.code) == (401, "invalid_token")
        assert provider.asked.count("token") == 1


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"iss": "https://elsewhere.example"},
        {"aud": "another-client"},
        {"aud": None},
        {"aud": [CLIENT, "another"], "azp": None},
        {"azp": "another-client"},
        {"exp": 1},
        {"exp": None},
        {"sub": None},
        {"at_hash": "not-that-of-the-token"},
    ],
)
async def test_a_token_that_is_not_of_this_sign_in_makes_nobody(
    bookshop: str, provider: IdentityProvider, claims: dict[str, object]
) -> None:
    provider.claims = dict(claims)
    async with served(bookshop, config(provider)) as api:
        login, address = await to_provider(api)
        reply = await api.get(address, carried(login))
        assert reply.status == 401, reply.body
        assert "reflector-session" not in cookies(reply)


async def test_a_token_that_somebody_else_signed_makes_nobody(bookshop: str, provider: IdentityProvider) -> None:
    provider.signing = RSAKey.generate_key(2048, {"kid": "one"})
    async with served(bookshop, config(provider)) as api:
        login, address = await to_provider(api)
        assert (await api.get(address, carried(login))).status == 401


@pytest.mark.parametrize(("role", "status"), [("nosuch", 403), (None, 403), (7, 403), (["user"], 200)])
async def test_roles_are_those_of_the_token(
    bookshop: str, provider: IdentityProvider, role: object, status: int
) -> None:
    provider.claims = {"role": role}
    async with served(bookshop, config(provider)) as api:
        login, address = await to_provider(api)
        assert (await api.get(address, carried(login))).status == status


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"sub": "7", "role": "user"}, 200),
        ({"sub": "7", "role": "user", "email": "a@b.example", "nonce": "another", "exp": 1}, 200),
        ({"sub": "7"}, 403),
        ({"sub": "8", "role": "user"}, 401),
        ({"role": "user"}, 401),
        ([], 503),
        (None, 503),
    ],
)
async def test_what_else_the_provider_knows_counts_where_it_is_about_the_same_one(
    bookshop: str, provider: IdentityProvider, more: object, status: int
) -> None:
    """What the token says wins over it."""
    provider.claims, provider.more = {"role": None}, more
    async with served(bookshop, config(provider).replace("scopes:", "userinfo: true, scopes:")) as api:
        login, address = await to_provider(api)
        reply = await api.get(address, carried(login))
        assert (reply.status, "reflector-session" in cookies(reply)) == (status, status == 200)
        assert provider.asked == ["discovery", "token", "jwks", "userinfo"]


@pytest.mark.parametrize(
    ("token", "more", "status"),
    [
        ({"app": {"role": "user"}}, {"app.role": "admin"}, 200),
        ({"app": {"role": "user"}}, {"app": {"role": "admin"}}, 200),
        ({"app.role": "user"}, {"app": {"role": "admin"}}, 200),
        ({"app": {}}, {"app.role": "user"}, 200),
        ({"app": {"role": []}}, {"app.role": "user"}, 403),
    ],
)
async def test_of_two_words_for_the_role_the_token_s_counts(
    bookshop: str, provider: IdentityProvider, token: dict[str, Any], more: dict[str, Any], status: int
) -> None:
    provider.claims, provider.more = {"role": None, **token}, {"sub": "7", **more}
    said = config(provider).replace("scopes:", "userinfo: true, role_claim: app.role, scopes:")
    async with served(bookshop, said) as api:
        login, address = await to_provider(api)
        assert (await api.get(address, carried(login))).status == status


async def test_a_token_that_does_not_hold_is_not_asked_with(bookshop: str, provider: IdentityProvider) -> None:
    provider.claims, provider.more = {"exp": 1}, {"sub": "7"}
    async with served(bookshop, config(provider).replace("scopes:", "userinfo: true, scopes:")) as api:
        login, address = await to_provider(api)
        assert (await api.get(address, carried(login))).status == 401
        assert "userinfo" not in provider.asked


@pytest.mark.parametrize(
    ("fails", "told", "logged"),
    [
        ({"error": "invalid_client"}, "(invalid_client)", True),
        ({"error": "invalid_grant"}, "(invalid_grant)", False),
        ({"error": "<script>"}, "the sign-in did not hold", False),
        ({"error": ["invalid_client"]}, "the sign-in did not hold", False),
        ({}, "the sign-in did not hold", False),
    ],
)
async def test_of_a_providers_error_the_words_of_the_standards_are_told(
    bookshop: str, provider: IdentityProvider, caplog: pytest.LogCaptureFixture, fails: object, told: str, logged: bool
) -> None:
    provider.fails = fails
    async with served(bookshop, config(provider)) as api:
        login, address = await to_provider(api)
        reply = await api.get(address, carried(login))
        assert (reply.status, told in reply.json["detail"], "<" in reply.json["detail"]) == (401, True, False)
        assert ("signing in: the provider answers invalid_client" in caplog.messages) is logged
        for error in ("invalid_scope", "access_denied", "x"):
            login, address = await to_provider(api)
            reply = await api.get(f"/auth/callback?error={error}&state={URL(address).query['state']}", carried(login))
            assert (reply.status, f"({error})" in reply.json["detail"]) == (401, error != "x")
        assert "signing in: the provider answers invalid_scope" in caplog.messages
        assert "signing in: the provider answers access_denied" not in caplog.messages


async def test_a_code_is_worth_nothing_without_its_verifier(bookshop: str, provider: IdentityProvider) -> None:
    """Whoever sees the way back cannot finish it with a sign-in of their own."""
    async with served(bookshop, config(provider)) as api:
        _, stolen = await to_provider(api)
        own, address = await to_provider(api)
        code, state = URL(stolen).query["code"], URL(address).query["state"]
        reply = await api.get(f"/auth/callback?code={code}&state={state}", carried(own))
        assert (reply.status, reply.code) == (401, "invalid_token")


@pytest.mark.parametrize(
    "said",
    [
        {"issuer": "https://elsewhere.example"},
        {"token_endpoint": "http://169.254.169.254/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": None},
        {"userinfo_endpoint": "http://169.254.169.254/userinfo"},
        {"end_session_endpoint": "javascript:alert(1)"},
        {"end_session_endpoint": None},
    ],
)
async def test_a_provider_that_leads_elsewhere_is_not_believed(
    bookshop: str, provider: IdentityProvider, said: dict[str, object]
) -> None:
    text = config(provider).replace("scopes:", "userinfo: true, logout: provider, scopes:")
    async with served(bookshop, text) as api:
        assert (await api.get("/auth/login")).status == 302
    provider.said = dict(said)
    async with served(bookshop, text) as api:
        assert (await api.get("/auth/login")).status == 503


async def test_the_way_out_leads_over_the_provider_where_that_is_wanted(
    bookshop: str, provider: IdentityProvider
) -> None:
    async with served(bookshop, config(provider).replace("scopes:", "logout: provider, scopes:")) as api:
        me = {**await signed_in(api), "Origin": api.base}
        reply = await api.post("/auth/logout", None, me)
        way = URL(reply.json["provider"])
        assert (reply.status, str(way.with_query(None))) == (200, f"{provider.issuer}/leaveA")
        assert dict(way.query) == {"from": "here", "client_id": CLIENT, "post_logout_redirect_uri": f"{api.base}/docs"}
        assert cookies(reply)["reflector-session"]["max-age"] == "0"
        assert (await api.post("/auth/session", None, me)).status == 401
        assert (await api.post("/auth/logout", None, me)).status == 204
    async with served(bookshop, config(provider).replace("scopes:", "logout: provider, scopes:")) as api:
        provider.said = {"issuer": "https://elsewhere.example"}  # which nobody asked yet, and is away now
        reply = await api.post("/auth/logout", None, {**me, "Origin": api.base})
        assert (reply.status, cookies(reply)["reflector-session"]["max-age"]) == (204, "0")


async def test_no_redirect_of_the_provider_is_followed(bookshop: str, provider: IdentityProvider) -> None:
    provider.redirects = True
    async with served(bookshop, config(provider)) as api:
        login, address = await to_provider(api)
        assert (await api.get(address, carried(login))).status == 503


async def test_only_our_own_pages_make_tokens_of_a_cookie(bookshop: str, provider: IdentityProvider) -> None:
    listed = config(provider).replace("server: {", 'server: {cors: {origins: ["https://app.example"]}, ')
    async with served(bookshop, listed) as api:
        me = await signed_in(api)
        for path in ("/auth/session", "/auth/logout"):
            for origin in ("https://evil.example", "https://app.example", "null", api.base.replace("http:", "https:")):
                reply = await api.post(path, None, {**me, "Origin": origin})
                assert (reply.status, reply.code) == (403, "origin_refused"), (path, origin)
            assert (await api.post(path, None, me)).status == 403
            site = {**me, "Origin": api.base, "Sec-Fetch-Site": "same-site"}
            assert (await api.post(path, None, site)).status == 403
        assert (await api.post("/auth/session", None, {**me, "Origin": api.base})).status == 200
        assert (await api.get("/auth/session", me)).status == 405
        assert (
            "Access-Control-Allow-Credentials"
            not in (await api.get("/docs", {**me, "Origin": "https://app.example"})).headers
        )


async def test_nobody_is_sent_anywhere_but_to_a_page_of_ours(bookshop: str, provider: IdentityProvider) -> None:
    async with served(bookshop, config(provider)) as api:
        for page in ("https://evil.example", "//evil.example", "../api", "docs/../x", "", "docs&x=1"):
            assert (await api.get(f"/auth/login?next={page}")).status == 400, page
        assert (await api.get("/auth/login", {"Host": "evil.example"})).status == 421


async def test_without_a_provider_there_is_no_way_in(bookshop: str) -> None:
    async with served(bookshop) as api:
        for method, path in (("GET", "login"), ("GET", "callback"), ("POST", "session"), ("POST", "logout")):
            assert (await api.request(method, f"/auth/{path}")).status == 404
        assert b'<meta name="session" content="">' in (await api.get("/docs")).body


# ── what is sealed ───────────────────────────────────────────────────────────────────────────


def test_what_is_sealed_opens_for_its_purpose_alone_and_in_time() -> None:
    secret, now = Secret(SECRET), time.time()
    seal = Seal(secret, "one")
    text = seal.sealed({"a": [1, "ä"]}, now + 10)
    assert seal.opened(text, now) == {"a": [1, "ä"], "ends": now + 10}
    assert seal.opened(text, now + 10) is None
    assert Seal(secret, "other").opened(text, now) is None
    assert Seal(Secret(SECRET + "x"), "one").opened(text, now) is None
    assert text != seal.sealed({"a": [1, "ä"]}, now + 10)
    for index in range(0, len(text) - 1, 7):
        changed = text[:index] + ("A" if text[index] != "A" else "B") + text[index + 1 :]
        assert seal.opened(changed, now) is None
    for odd in ("", "A", "ä", "!" * 40, text * 100):
        assert seal.opened(odd, now) is None


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ('auth: {oidc: {issuer: "https://id.example", client_id: x}}', "auth.oidc: needs server.secret"),
        (
            'auth: {oidc: {issuer: "http://id.example", client_id: x}}',
            "auth.oidc.issuer: must be an address such as https",
        ),
        ('auth: {oidc: {issuer: "https://id.example"}}', "auth.oidc.client_id: is required"),
        (
            f'server: {{secret: {SECRET}, host: 0.0.0.0}}\nauth: {{oidc: {{issuer: "https://id.example", client_id: x}}}}',
            "auth.oidc: needs server.url",
        ),
        (
            f'server: {{secret: {SECRET}, url: "http://a.example"}}\nauth: {{oidc: {{issuer: "https://i.example", client_id: x}}}}',
            "auth.oidc: needs https",
        ),
        (
            f'server: {{secret: {SECRET}}}\nauth: {{oidc: {{issuer: "https://i.example", client_id: x, scopes: [email]}}}}',
            "auth.oidc.scopes: must name openid",
        ),
    ],
)
def test_what_could_not_hold_refuses_to_start(said: str, complaint: str) -> None:
    host = "0.0.0.0" if "0.0.0.0" in said else "127.0.0.1"
    with pytest.raises(ConfigError, match=complaint):
        configured("sqlite:///x.db", said, host=host)
