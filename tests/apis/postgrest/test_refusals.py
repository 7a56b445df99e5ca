"""What never reaches a handler is refused in PostgREST's form at `/rest/v1`, and nowhere else."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest.workshop import fault
from tests.server.harness import Reply, Served, served

TOKEN = "a-token-that-is-long-enough"
SECRET = "a-signing-key-of-forty-letters-at-least"
AUTH = f"""
auth: {{jwt: {{secret: {SECRET}, audience: api}}, anonymous_role: guest}}
roles: {{guest: {{}}, user: {{}}}}
tables: {{book: {{allow: {{guest: {{read: true}}}}}}}}
server: {{hosts: [shop.example], body: 64KiB}}
postgrest: {{server_trace_header: X-Trace}}
"""
NOBODY = f"""
auth: {{jwt: {{secret: {SECRET}}}}}
roles: {{user: {{}}}}
tables: {{book: {{allow: {{user: {{read: true}}}}}}}}
"""
CLAIMS = {"exp": time.time() + 86_400, "aud": "api", "role": "user"}
HERE = {"Host": "shop.example"}


@pytest.fixture
def url(shops: Mapping[DatabaseKind, str]) -> str:
    return shops[DatabaseKind.SQLITE]


@pytest.fixture
async def api(url: str) -> AsyncIterator[Served]:
    async with served(url, AUTH, headers=HERE) as found:
        yield found


def bearer(key: str = SECRET, **claims: Any) -> dict[str, str]:
    """A header with a token that is signed with the key; a claim that is None is left out."""
    said = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    text = ".".join(
        base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=").decode() for each in ({"alg": "HS256"}, said)
    )
    digest = base64.urlsafe_b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).rstrip(b"=")
    return {"Authorization": f"Bearer {text}.{digest.decode()}"}


def told(reply: Reply) -> tuple[int, str, str | None]:
    """Status, code and challenge of an error in PostgREST's form."""
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    assert "X-Request-Id" in reply.headers
    return *fault(reply), reply.headers.get("WWW-Authenticate")


@pytest.mark.parametrize(
    ("headers", "status", "code", "challenge"),
    [
        ({"Authorization": "Bearer "}, 401, "PGRST301", 'Bearer error="invalid_token", error_description="'),
        ({"Authorization": "Bearer x"}, 401, "PGRST301", 'Bearer error="invalid_token", error_description="'),
        ({"Authorization": "Basic eDp5"}, 401, "PGRST301", 'Bearer error="invalid_token", error_description="'),
        (bearer("b" * 40), 401, "PGRST301", 'Bearer error="invalid_token", error_description="'),
        (bearer(exp=1), 401, "PGRST303", 'Bearer error="invalid_token", error_description="JWT expired"'),
        (bearer(exp=None), 401, "PGRST303", 'Bearer error="invalid_token", error_description="'),
        (bearer(aud="elsewhere"), 401, "PGRST303", 'Bearer error="invalid_token", error_description="'),
        (bearer(nbf=time.time() + 80_000), 401, "PGRST303", 'Bearer error="invalid_token", error_description="'),
        (bearer(role="nobody"), 401, "22023", "Bearer"),
        (bearer(role=["user", "nobody"]), 401, "22023", "Bearer"),
        (bearer(role=None), 403, "42501", None),
        (bearer(), 404, "PGRST205", None),
    ],
)
async def test_tokens(api: Served, headers: dict[str, str], status: int, code: str, challenge: str | None) -> None:
    for method in ("GET", "POST"):
        found = told(await api.request(method, "/rest/v1/book", headers, json=None if method == "GET" else {}))
        assert found[:2] == (status, code)
        assert (found[2] is None) if challenge is None else str(found[2]).startswith(challenge)


async def test_a_role_that_nobody_declared_is_told_by_its_name(api: Served) -> None:
    reply = await api.get("/rest/v1/book", bearer(role="nobody"))
    assert reply.json["message"] == 'role "nobody" does not exist'
    assert (await api.get("/api/book", bearer(role="nobody"))).status == 403


async def test_nobody_is_asked_for_a_token(url: str) -> None:
    async with served(url, NOBODY) as api:
        assert told(await api.get("/rest/v1/book")) == (401, "PGRST302", "Bearer")
        assert told(await api.get("/rest/v1/rpc/any")) == (401, "PGRST302", "Bearer")


async def test_the_access_token(url: str) -> None:
    async with served(url, environ={"REFLECTOR_TOKEN": TOKEN}, host="0.0.0.0") as api:
        assert told(await api.get("/rest/v1/book")) == (401, "PGRST302", "Bearer")
        bad = told(await api.get("/rest/v1/book", {"Authorization": "Bearer wrong"}))
        assert bad[:2] == (401, "PGRST301")
        assert str(bad[2]).startswith('Bearer error="invalid_token"')
        assert (await api.get("/rest/v1/book?limit=1", {"Authorization": f"Bearer {TOKEN}"})).status == 200


async def test_who_may_not_come_in(url: str, api: Served) -> None:
    assert told(await api.get("/rest/v1/book", {"Host": "evil.example"})) == (421, "misdirected_request", None)
    async with served(url) as alone:
        forwarded = await alone.get("/rest/v1/book", {"X-Forwarded-For": "192.0.2.1"})
        assert told(forwarded) == (403, "forwarded_refused", None)
        assert forwarded.json["hint"] == "configure auth, or start it with --insecure"
        page = {"Origin": "https://evil.example"}
        assert told(await alone.post("/rest/v1/book", {}, page)) == (403, "origin_refused", None)
        asking = {**page, "Access-Control-Request-Method": "POST"}
        assert told(await alone.request("OPTIONS", "/rest/v1/book", asking)) == (403, "origin_refused", None)


async def test_bodies_that_are_not_taken(api: Served) -> None:
    large = b"[" + b" " * 70_000 + b"]"
    for method, path in (("POST", "book"), ("PATCH", "book?id=eq.1"), ("PUT", "book?id=eq.1")):
        reply = await api.request(method, f"/rest/v1/{path}", {"Content-Type": "application/json"}, data=large)
        assert told(reply) == (413, "body_too_large", None), (method, path)
    packed = await api.request("POST", "/rest/v1/book", {"Content-Encoding": "gzip"}, data=b"\x1f\x8b")
    assert told(packed) == (415, "unsupported_media_type", None)


async def test_paths_and_methods(api: Served) -> None:
    for path in ("book/1", "book/", "rpc/", "rpc/any/thing", "a/b/c"):
        assert told(await api.get(f"/rest/v1/{path}")) == (404, "PGRST125", None), path
    assert told(await api.request("MERGE", "/rest/v1/book")) == (405, "PGRST117", None)
    assert told(await api.request("PATCH", "/rest/v1/rpc/any")) == (405, "PGRST101", None)


def parsed(answer: bytes) -> tuple[int, dict[str, str], Any]:
    """Status, headers and document of an answer as it came."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(first.split()[1]), headers, json.loads(body)


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (b"GET /rest/v1/book?id=eq." + b"1" * 9000 + b" HTTP/1.1\r\nHost: shop.example\r\n\r\n", 414, "uri_too_long"),
        (
            b"GET /rest/v1/book HTTP/1.1\r\nHost: shop.example\r\nX: " + b"1" * 9000 + b"\r\n\r\n",
            431,
            "headers_too_large",
        ),
        (b"GET /rest/v1/book HTTP/1.1\r\nHost: shop.example\r\nX Y: 1\r\n\r\n", 400, "malformed_request"),
        (
            b"POST /rest/v1/book HTTP/1.1\r\nHost: shop.example\r\nContent-Length: x\r\n\r\n",
            400,
            "malformed_request",
        ),
        (
            b"PUT /rest/v1/book HTTP/1.1\r\nHost: shop.example\r\nExpect: cake\r\nConnection: close\r\n\r\n",
            417,
            "expectation_failed",
        ),
    ],
    ids=["address", "headers", "header", "length", "expectation"],
)
async def test_what_is_no_request(api: Served, request_: bytes, status: int, code: str) -> None:
    found, headers, document = parsed(await api.raw(request_))
    assert (found, document["code"], set(document)) == (status, code, {"code", "message", "details", "hint"})
    assert headers["proxy-status"] == f"PostgREST; error={code}"
    assert headers["content-type"] == "application/json; charset=utf-8"
    elsewhere, headers, document = parsed(await api.raw(request_.replace(b"/rest/v1/", b"/api/")))
    assert (elsewhere, document["status"], headers["content-type"]) == (status, status, "application/problem+json")


async def test_a_request_that_breaks_after_its_first_line(api: Served) -> None:
    """The path is known from what came before."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.running.port)
    writer.write(b"GET /rest/v1/book HTTP/1.1\r\nHost: shop.example\r\n")
    await writer.drain()
    await asyncio.sleep(0)
    writer.write(b"X Y: 1\r\n\r\n")
    await writer.drain()
    status, _, document = parsed(await asyncio.wait_for(reader.read(), 60))
    writer.close()
    assert (status, document["code"]) == (400, "malformed_request")


async def test_what_a_setting_asks_for_holds_here_too(url: str) -> None:
    config = "postgrest: {client_error_verbosity: minimal, server_trace_header: X-Trace, path: /}"
    async with served(url, config) as api:
        reply = await api.get("/book", {"Host": "evil.example", "X-Trace": "t-1"})
        assert (reply.status, set(reply.json)) == (421, {"code", "message"})
        assert reply.headers["X-Trace"] == "t-1"
        for path in ("/api/book", "/health/live", "/openapi.json", "/metrics", "/graphql"):
            other = await api.get(path, {"Host": "evil.example"})
            assert (other.status, other.json["status"]) == (421, 421), path
