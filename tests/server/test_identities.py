"""The administrator's secret, and people whom a trusted proxy names."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest
from multidict import CIMultiDict

from server.config import ConfigError
from tests.server.harness import Served, configured, served
from tests.server.test_jwt import token

JWT_SECRET = "a-signing-key-of-forty-letters-at-least"
SECRET = "an-administrators-secret-of-many-letters"
ADMIN = f"""
auth: {{admin_secret: "{SECRET}", admin_role: admin, anonymous_role: guest}}
roles: {{guest: {{}}, admin: {{}}}}
tables: {{book: {{allow: {{admin: {{read: true}}}}}}}}
"""
PROXIED = """
server: {trusted_proxies: [%s]}
auth:
  proxy:
    user_header: X-Forwarded-User
    role_header: X-Forwarded-Groups
    claims: {email: X-Forwarded-Email}
    default_role: reader
  jwt: {secret: "a-signing-key-of-forty-letters-at-least"}
  anonymous_role: guest
roles: {guest: {}, reader: {}, writer: {}}
tables:
  customer: {allow: {reader: {read: email == claims.email}, writer: {read: id == claims.sub}}}
"""
BEHIND = PROXIED % "127.0.0.1"


# ── the administrator ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("header", ["X-Reflector-Admin-Secret", "x-hasura-admin-secret"])
async def test_whoever_knows_the_secret_is_the_administrator(bookshop: str, header: str) -> None:
    async with served(bookshop, ADMIN) as api:
        assert (await api.get("/api/book?limit=1", {header: SECRET})).status == 200
        assert (await api.get("/metrics", {header: SECRET})).status == 200
        assert (await api.get("/api/book?limit=1")).status == 404
        said = set()
        for wrong in ("", SECRET[:-1], SECRET + "x", SECRET.upper(), "ä" * 40):
            reply = await api.get("/api/book?limit=1", {header: wrong, "X-Request-Id": "one"})
            said.add((reply.status, reply.body))
        assert len(said) == 1
        assert next(iter(said))[0] == 401
        twice = {"X-Reflector-Admin-Secret": SECRET, "X-Hasura-Admin-Secret": SECRET}
        assert (await api.get("/api/book", twice)).code == "ambiguous_credentials"
        assert (await api.get("/api/book", {header: SECRET, "Authorization": "Bearer x"})).status == 400


ACTING = f"""
auth:
  admin_secret: "{SECRET}"
  admin_role: admin
  anonymous_role: guest
  claims: X-Hasura-Customer-Ids
  jwt: {{secret: "a-signing-key-of-forty-letters-at-least", audience: api, issuer: "https://id.example", role_claim: roles}}
roles: {{guest: {{}}, admin: {{}}, user: {{}}, clerk: {{}}}}
tables:
  customer:
    allow:
      user: {{read: 'id == claims["x-hasura-user-id"]'}}
      clerk: {{read: {{id: {{_in: X-Hasura-Customer-Ids}}}}}}
      admin: {{read: true}}
  review: {{allow: {{user: {{read: customer_id == claims.sub, create: {{check: true, presets: {{customer_id: claims.sub}}}}}}}}}}
"""
CLAIMS = {"exp": time.time() + 3600, "aud": "api", "iss": "https://id.example", "sub": "7"}
PATHS = ("/api/customer?sort=id&fields=id", "/rest/v1/customer?select=id&order=id")


async def seen(api: Served, headers: Mapping[str, str]) -> list[object]:
    """What each API answers of customers: their numbers, or the status."""
    replies = [await api.get(path, headers) for path in PATHS]
    replies.append(await api.post("/graphql", {"query": "{customer(order_by: {id: asc}) {id}}"}, headers))
    found: list[object] = []
    for reply in replies:
        body = reply.json
        rows = body if isinstance(body, list) else body.get("items", (body.get("data") or {}).get("customer"))
        found.append(reply.status if rows is None else [row["id"] for row in rows])
    return found


async def test_an_administrator_asks_as_somebody_by_session_variables(each_bookshop: str) -> None:
    async with served(each_bookshop, ACTING) as api:
        for secret in ("X-Hasura-Admin-Secret", "X-Reflector-Admin-Secret"):
            ann = {secret: SECRET, "X-Hasura-Role": "user", "X-Hasura-User-Id": "7"}
            assert await seen(api, ann) == [[7]] * 3
            reviews = (await api.get("/api/review?fields=customer_id", ann)).json["items"]
            assert {row["customer_id"] for row in reviews} == {7}
        clerk = {"X-Hasura-Admin-Secret": SECRET, "X-Hasura-Role": "clerk"}
        assert await seen(api, {**clerk, "X-Hasura-Customer-Ids": "{3,5}"}) == [[3, 5]] * 3
        missing = await api.get("/api/customer", clerk)
        assert (missing.status, missing.code) == (403, "missing_claim")
        odd = await api.get("/api/customer", {**clerk, "X-Hasura-Role": "user", "X-Hasura-User-Id": "7abc"})
        assert odd.status == 403
        # Without a role they are the administrator, whoever they say they are.
        everybody = await api.get("/api/customer?fields=id", {"X-Hasura-Admin-Secret": SECRET, "X-Hasura-User-Id": "7"})
        assert len(everybody.json["items"]) > 2


async def test_from_anybody_else_session_variables_mean_nothing(each_bookshop: str) -> None:
    bearer = {
        "Authorization": f"Bearer {token({**CLAIMS, 'roles': ['user'], 'x-hasura-user-id': '7'}, key=JWT_SECRET)}"
    }
    async with served(each_bookshop, ACTING) as api:
        mine = await seen(api, bearer)
        assert mine == [[7]] * 3
        for more in ({"X-Hasura-User-Id": "8"}, {"X-Hasura-User-Id": "8", "X-Hasura-Role": "user"}):
            assert await seen(api, {**bearer, **more}) == mine
        assert (await api.get("/api/customer", {**bearer, "X-Hasura-Role": "admin"})).status == 403
        for role in ("user", "admin"):
            guest = await api.get("/api/customer", {"X-Hasura-Role": role, "X-Hasura-User-Id": "7"})
            assert guest.status == 403
            wrong = {"X-Hasura-Admin-Secret": SECRET + "x", "X-Hasura-Role": role, "X-Hasura-User-Id": "7"}
            assert (await api.get("/api/customer", wrong)).status == 401
        assert (await api.get("/api/customer", {"X-Hasura-User-Id": "7"})).status == 404
        both = {**bearer, "X-Hasura-Admin-Secret": SECRET, "X-Hasura-User-Id": "8"}
        assert (await api.get("/api/customer", both)).status == 400


async def test_a_session_variable_is_said_once(bookshop: str) -> None:
    async with served(bookshop, ACTING) as api:
        twice = CIMultiDict({"X-Hasura-Admin-Secret": SECRET, "X-Hasura-Role": "user", "X-Hasura-User-Id": "7"})
        twice.add("X-Hasura-User-Id", "8")
        reply = await api.get("/api/customer", twice)
        assert (reply.status, reply.code) == (400, "malformed_request")


@pytest.mark.parametrize(
    ("auth", "complaint"),
    [
        ('{admin_secret: "too-short", admin_role: user}', "auth.admin_secret: is too short for a secret"),
        (f'{{admin_secret: "{SECRET}"}}', "auth.admin_secret: makes nobody an administrator without auth.admin_role"),
        (
            "{proxy: {user_header: X-Forwarded-User}}",
            "auth.proxy: believes nobody: list the proxy under server.trusted_proxies",
        ),
        ("{proxy: {user_header: X-Forwarded-For}}", "auth.proxy.user_header: is a header that means something else"),
        (
            "{proxy: {user_header: X-User, role_header: x-user}}",
            "auth.proxy.role_header: is a header that means something else",
        ),
        ("{proxy: {}}", "auth.proxy.user_header: is required"),
        ("{proxy: {user_header: X-User, default_role: usr}}", "auth.proxy.default_role: there is no role 'usr'"),
    ],
)
def test_what_would_make_nobody_or_anybody_is_a_complaint(auth: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        configured("sqlite:///x.db", f"auth: {auth}\nroles: {{user: {{}}}}")


# ── people of a proxy ────────────────────────────────────────────────────────────────────────


async def customers(api: Served, headers: Mapping[str, str]) -> int:
    reply = await api.get("/api/customer?fields=id", headers)
    assert reply.status == 200, reply.body
    return len(reply.json["items"])


async def test_a_trusted_proxy_names_people(bookshop: str) -> None:
    async with served(bookshop, BEHIND) as api:
        assert await customers(api, {"X-Forwarded-User": "1", "X-Forwarded-Groups": "writer"}) == 1
        assert await customers(api, {"X-Forwarded-User": "2", "X-Forwarded-Groups": "writer"}) == 1
        assert await customers(api, {"X-Forwarded-User": "1", "X-Forwarded-Email": "nobody@example"}) == 0
        missing = await api.get("/api/customer", {"X-Forwarded-User": "1"})
        assert (missing.status, missing.code) == (403, "missing_claim")
        nobody = await api.get("/api/customer", {"X-Forwarded-Email": "ann@example"})
        assert nobody.status == 404  # the guest's answer: without a user the other headers say nothing


async def test_what_a_trusted_proxy_says_must_be_clear(bookshop: str) -> None:
    async with served(bookshop, BEHIND) as api:
        assert (await api.get("/api/customer", {"X-Forwarded-User": ""})).status == 401
        assert (await api.get("/api/customer", {"X-Forwarded-User": "1", "X-Forwarded-Groups": "nosuch"})).status == 403
        both = {"X-Forwarded-User": "1", "Authorization": "Bearer x"}
        assert (await api.get("/api/customer", both)).code == "ambiguous_credentials"
        head = b"GET /api/customer HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Forwarded-User: 1\r\n"
        users = await api.raw(head + b"X-Forwarded-User: 2\r\n\r\n")
        roles = await api.raw(head + b"X-Forwarded-Groups: reader\r\nX-Forwarded-Groups: writer\r\n\r\n")
        assert (users.split()[1], roles.split()[1]) == (b"400", b"400")


async def test_from_anybody_else_the_headers_make_nobody_and_are_refused(bookshop: str) -> None:
    """Also where the same headers were believed a moment ago, and whatever else is forwarded."""
    async with served(bookshop, PROXIED % "10.0.0.0/24") as api:
        for further in ({}, {"X-Forwarded-For": "10.0.0.1"}, {"Forwarded": "for=10.0.0.1"}):
            reply = await api.get("/api/customer", {"X-Forwarded-User": "1", "X-Forwarded-Groups": "writer", **further})
            assert (reply.status, reply.code) == (403, "forwarded_refused")
        assert (await api.get("/api/customer", {"X-Forwarded-Groups": "writer"})).status == 404


async def test_a_page_elsewhere_cannot_use_what_the_proxy_knows_of_its_visitor(own_bookshop: str) -> None:
    """The proxy takes a cookie for it, which the browser sends along with requests of any page."""
    async with served(own_bookshop, BEHIND) as api:
        me = {"X-Forwarded-User": "1", "X-Forwarded-Groups": "writer", "Origin": "https://evil.example"}
        reply = await api.post("/api/customer", {"email": "x"}, me)
        assert (reply.status, reply.code) == (403, "origin_refused")
