"""Attacks from outside, by name, against the running server: pages of other origins, addresses that are made up, and what is
for administrators."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from multidict import CIMultiDict

from tests.security.notes import READS, bearer, config, told
from tests.server.harness import served
from tests.server.issuers import ONE, Service, signed
from tests.server.origins import FOREIGN

# ── pages of other origins ───────────────────────────────────────────────────────────────────

WRITES = (
    ("/api/note", {"id": 3, "text": "x"}),
    ("/rest/v1/note", {"id": 3, "text": "x"}),
    ("/graphql", {"query": "mutation {insert_note_one(object: {id: 3}) {id}}"}),
)


@pytest.mark.parametrize(
    "type_", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/json"]
)
async def test_no_page_of_another_origin_writes_a_row(url: str, type_: str) -> None:
    async with served(url, "server: {cors: {origins: ['https://good.example']}}", writable=True) as api:
        for path, body in WRITES:
            for origin in FOREIGN:
                headers = {"Origin": origin, "Content-Type": type_}
                reply = await api.request("POST", path, headers, data=json.dumps(body).encode())
                assert reply.status == 403, (path, origin)
            twice = CIMultiDict([("Origin", "https://good.example"), ("Origin", FOREIGN[0]), ("Content-Type", type_)])
            assert (await api.request("POST", path, twice, data=json.dumps(body).encode())).status in {400, 403}
            hosted = {"Origin": "http://evil.example", "Host": "evil.example", "Content-Type": type_}
            assert (await api.request("POST", path, hosted, data=json.dumps(body).encode())).status == 421
        for method, path in (("DELETE", "/api/note/1"), ("PATCH", "/api/note/1"), ("DELETE", "/rest/v1/note?id=eq.1")):
            reply = await api.request(
                method, path, {"Origin": FOREIGN[0], "Content-Type": type_}, data=b'{"text": "x"}'
            )
            assert reply.status == 403
        assert (await api.get("/rest/v1/note?select=id,text&order=id")).json == [
            {"id": 1, "text": "of all"},
            {"id": 2, "text": "of users"},
        ]


@pytest.mark.parametrize("origin", FOREIGN)
async def test_no_other_origin_is_told_by_any_api_that_it_may_read(file_url: str, issuer: Service, origin: str) -> None:
    listed = f"server: {{cors: {{origins: ['https://good.example']}}}}\n{config(issuer)}"
    async with served(file_url, listed) as api:
        for path in (*READS, "/openapi.json", "/api", "/rest/v1/", "/health/ready", "/docs", "/nothing", "/auth/token"):
            reply = await api.get(path, {"Origin": origin})
            asks = {"Origin": origin, "Access-Control-Request-Method": "GET"}
            asked = await api.request("OPTIONS", path, asks)
            assert asked.status == 403, path
            for each in (reply, asked):
                assert not [name for name in each.headers if name.lower().startswith("access-control")], path
            good = await api.get(path, {"Origin": "https://good.example"})
            assert good.headers["Access-Control-Allow-Origin"] == "https://good.example", path
            assert "Origin" in good.headers["Vary"] or "no-store" in good.headers["Cache-Control"]


# ── hosts and addresses that are made up ───────────────────────────────────────────────────────────────

MADE_UP: tuple[Callable[[int], dict[str, str]], ...] = (
    lambda number: {"X-Forwarded-For": f"10.0.0.{number}"},
    lambda number: {"X-Forwarded-For": f"127.0.0.1, 10.0.0.{number}"},
    lambda number: {"Forwarded": f"for=10.0.0.{number}"},
    lambda number: {"X-Real-IP": f"10.0.0.{number}"},
    lambda number: {"CF-Connecting-IP": f"10.0.0.{number}", "True-Client-IP": f"10.0.0.{number}"},
    lambda number: {"X-Role": "guest", "User-Agent": f"agent {number}"},
)


@pytest.mark.parametrize("path", READS)
async def test_an_address_that_is_made_up_is_no_way_around_the_rate(file_url: str, issuer: Service, path: str) -> None:
    """Neither is another API, another role of guests, nor a credential that does not hold."""
    limited = config(issuer).replace("guest: {}", "guest: {limits: {rate: 4/h}}")
    limited = limited.replace("user: {extends: guest}", "user: {extends: guest, limits: {rate: 600/s}}")
    async with served(file_url, limited) as api:
        found = [(await api.get(path, headers(number))).status for number, headers in enumerate(MADE_UP)]
        assert found == [200] * 4 + [429] * 2
        for each in READS:
            assert (await api.get(each, {"X-Forwarded-For": "10.9.9.9"})).status == 429
            assert (await api.get(each, {**bearer("x"), "X-Forwarded-For": "10.9.9.8"})).status == 429
        assert told(await api.get(path, bearer(signed(ONE, "RS256", aud="shop")))) == [1, 2]


NAMED = (
    {"Host": "evil.example"},
    {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/evil.example"},
    {"Forwarded": "host=evil.example;proto=https", "X-Original-URL": "/evil.example", "X-Rewrite-URL": "/evil.example"},
)


@pytest.mark.parametrize("headers", NAMED, ids=lambda headers: next(iter(headers)))
async def test_no_answer_repeats_a_host_that_somebody_made_up(
    url: str, issuer: Service, headers: dict[str, str]
) -> None:
    """Neither in a link, nor in a place where a row was made, nor in a document; and no method is another by a header."""
    rules = config(issuer).replace("guest: {read: id == 1}", "guest: {read: true, create: {check: true}}")
    async with served(
        url, rules.replace("tables: {note: {", "tables: {note: {cache: {ttl: 1h, public: true}, ")
    ) as api:
        for _ in range(2):  # what is kept as well
            for path in (
                *READS,
                "/api/note?limit=1",
                "/rest/v1/note?limit=1",
                "/api",
                "/openapi.json",
                "/rest/v1/",
                "/docs",
            ):
                reply = await api.get(path, headers)
                assert reply.status in {200, 206}, path
                assert "evil.example" not in f"{reply.headers} {reply.body.decode()}", path
        for number, path in enumerate(("/api/note", "/rest/v1/note")):
            sent = {
                **headers,
                "Prefer": "return=headers-only",
                "X-HTTP-Method-Override": "DELETE",
                "X-Method-Override": "PUT",
            }
            made = await api.post(path, {"id": 70 + number}, sent)
            assert made.status == 201
            assert "evil.example" not in f"{made.headers} {made.body.decode()}", path
        assert [row["id"] for row in (await api.get("/rest/v1/note?order=id")).json] == [1, 2, 70, 71]


# ── what is for administrators ───────────────────────────────────────────────────────────────

INSIDE = (
    *("/metrics", "/admin", "/admin/", "/admin/reload", "/admin/config", "/console", "/console/", "/explain", "/debug"),
    *("/config", "/schema_cache", "/live", "/ready", "/metrics/", "/.env", "/config.yaml"),
)


async def test_nobody_else_is_told_what_is_for_administrators(url: str, issuer: Service) -> None:
    async with served(url, config(issuer)) as api:
        user = bearer(signed(ONE, "RS256", aud="shop"))
        for headers in ({}, user, bearer("x"), {"X-Reflector-Admin-Secret": "x"}, {"Cookie": "session=x"}):
            for path in INSIDE:
                for method in ("GET", "POST"):
                    reply = await api.request(method, path, headers)
                    assert reply.status in {401, 404, 405}, (path, method, reply.status)
                    assert b"note" not in reply.body.replace(b"nothing", b"")
                    assert b"reflector_" not in reply.body
            ready = await api.get("/health/ready", headers)
            assert ready.json.keys() <= {"status", "type", "title", "code", "detail", "errors", "request_id"}
            assert b"note" not in ready.body
        admin = bearer(signed(ONE, "RS256", aud="shop", role="admin"))
        assert b"reflector_tables" in (await api.get("/metrics", admin)).body
