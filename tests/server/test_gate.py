"""Who gets in: Host, forwarded headers, access token, Origin; and what every answer carries."""

from __future__ import annotations

import json

import pytest
from aiohttp import web

from reflector.errors import DatabaseUnavailable, Faults, InvalidValue, UniqueViolation, UnknownColumn
from server.config.models import Observability
from server.config.values import is_loopback
from server.guard import guard_of
from server.journal import logging_to_stderr
from tests.server.harness import Served, configured, served
from tests.server.origins import FOREIGN

TOKEN = "a-token-that-is-long-enough"
AUTH = """
auth: {jwt: {secret: "a-signing-key-of-forty-letters-at-least"}, anonymous_role: guest}
roles: {guest: {}}
"""


# ── Host ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST:1234", "localhost.", "127.0.0.1:80"])
async def test_this_machines_own_names_are_served(bookshop: str, host: str) -> None:
    async with served(bookshop) as api:
        assert (await api.get("/health/live", {"Host": host})).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil@localhost", "0.0.0.0", "[::2]"]
)
async def test_another_host_is_misdirected(bookshop: str, host: str) -> None:
    async with served(bookshop) as api:
        reply = await api.get("/health/live", {"Host": host})
        assert (reply.status, reply.code) == (421, "misdirected_request")
        assert host.encode() not in reply.body


async def test_two_hosts_or_none_are_misdirected(bookshop: str) -> None:
    async with served(bookshop) as api:
        twice = await api.raw(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n")
        none = await api.raw(b"GET /health/live HTTP/1.0\r\n\r\n")
        assert twice.split()[1] in {b"400", b"421"}
        assert none.split()[1] == b"421"


async def test_hosts_may_be_added(bookshop: str) -> None:
    config = "server: {hosts: [shop.example], url: 'https://api.example:8443'}"
    async with served(bookshop, config) as api:
        assert (await api.get("/health/live", {"Host": "shop.example:81"})).status == 200
        assert (await api.get("/health/live", {"Host": "api.example:8443"})).status == 200
        assert (await api.get("/health/live", {"Host": "evil.example"})).status == 421


async def test_with_auth_only_listed_hosts_limit_the_names(bookshop: str) -> None:
    async with served(bookshop, AUTH) as api:
        assert (await api.get("/health/live", {"Host": "any.example"})).status == 200
    async with served(bookshop, AUTH + "server: {hosts: [shop.example]}") as api:
        assert (await api.get("/health/live", {"Host": "any.example"})).status == 421
        assert (await api.get("/health/live", {"Host": "shop.example"})).status == 200


# ── proxies ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "X-Real-IP", "x-forwarded-proto"])
async def test_nothing_that_came_through_a_proxy_reaches_an_open_server(bookshop: str, name: str) -> None:
    async with served(bookshop) as api:
        reply = await api.get("/health/live", {name: "1.2.3.4"})
        assert (reply.status, reply.code) == (403, "forwarded_refused")
        assert name.lower() in reply.json["detail"].lower()


@pytest.mark.parametrize("open_to", ["auth", "insecure"])
async def test_who_asks_for_credentials_or_wants_it_so_may_stand_behind_a_proxy(bookshop: str, open_to: str) -> None:
    async with served(bookshop, AUTH if open_to == "auth" else None, insecure=open_to == "insecure") as api:
        assert (await api.get("/health/live", {"X-Forwarded-For": "1.2.3.4"})).status == 200


# ── the access token ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_a_server_for_other_machines_has_a_token(host: str) -> None:
    guard = guard_of(configured("sqlite:///x.db", host=host))
    assert guard.made is not None
    assert guard.rules.token == guard.made
    assert len(guard.made.reveal()) >= 32
    assert guard_of(configured("sqlite:///x.db", host=host)).made != guard.made
    given = guard_of(configured("sqlite:///x.db", host=host, environ={"REFLECTOR_TOKEN": TOKEN}))
    assert (given.made, given.rules.token and given.rules.token.reveal()) == (None, TOKEN)
    assert guard_of(configured("sqlite:///x.db", host=host, insecure=True)).rules.token is None
    assert guard_of(configured("sqlite:///x.db", AUTH, host=host)).rules.token is None


def test_a_server_without_auth_but_with_rules_is_guarded_as_well() -> None:
    rules = guard_of(configured("sqlite:///x.db", "defaults: {read: true}")).rules
    assert rules.hosts == frozenset({"localhost", "127.0.0.1", "[::1]"})
    assert not rules.forwarded
    assert guard_of(configured("sqlite:///x.db", "defaults: {read: true}", host="0.0.0.0")).made is not None


@pytest.mark.parametrize(
    ("host", "alone"),
    [("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_what_is_loopback(host: str, alone: bool) -> None:
    assert is_loopback(host) is alone


async def test_without_the_token_nothing_is_served(bookshop: str) -> None:
    async with served(bookshop, environ={"REFLECTOR_TOKEN": TOKEN}, host="0.0.0.0") as api:
        for path in ("/api/book", "/openapi.json", "/", "/nothing"):
            reply = await api.get(path)
            assert (reply.status, reply.code) == (401, "unauthenticated"), path
            assert reply.headers["WWW-Authenticate"] == "Bearer"
        assert (await api.get("/health/ready")).status == 200
        for raw in (b"/health/../api/book", b"/health/live/../../api/book", b"/health/%2e%2e/api/book", b"//api/book"):
            answer = await api.raw(b"GET " + raw + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert answer.split()[1] == b"401", raw


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": TOKEN},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Bearer {TOKEN[:-1]}é"},
    ],
)
async def test_a_wrong_token_is_no_token(bookshop: str, headers: dict[str, str]) -> None:
    async with served(bookshop, environ={"REFLECTOR_TOKEN": TOKEN}, host="0.0.0.0") as api:
        reply = await api.get("/nothing", headers)
        assert (reply.status, reply.code) == (401, "invalid_token")
        assert reply.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


async def test_the_token_opens(bookshop: str) -> None:
    async with served(bookshop, environ={"REFLECTOR_TOKEN": TOKEN}, host="0.0.0.0") as api:
        assert (await api.get("/nothing", {"Authorization": f"Bearer {TOKEN}"})).status == 404
        assert (await api.get("/nothing", {"Authorization": f"bearer {TOKEN}"})).status == 404
        assert (await api.get(f"/nothing?token={TOKEN}")).status == 404


async def test_a_token_in_the_address_opens_pages_alone(bookshop: str) -> None:
    async with served(bookshop, environ={"REFLECTOR_TOKEN": TOKEN}, host="0.0.0.0") as api:
        assert (await api.get("/nothing?token=wrong")).status == 401
        assert (await api.get(f"/api/book?token={TOKEN}")).status == 401
        assert (await api.post(f"/nothing?token={TOKEN}", {})).status == 401


async def test_a_token_that_is_configured_is_asked_for_on_loopback_too(bookshop: str) -> None:
    async with served(bookshop, environ={"REFLECTOR_TOKEN": TOKEN}) as api:
        assert (await api.get("/nothing")).status == 401
        assert (await api.get("/nothing", {"Authorization": f"Bearer {TOKEN}", "Host": "evil.example"})).status == 421


# ── Origin and CORS ──────────────────────────────────────────────────────────────────────────

ORIGINS = "server: {cors: {origins: ['https://good.example']}, url: 'https://public.example/'}"


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
async def test_no_page_of_another_origin_writes(bookshop: str, origin: str, method: str) -> None:
    async with served(bookshop, ORIGINS) as api:
        headers = {"Origin": origin, "Content-Type": "text/plain"}
        reply = await api.request(method, "/health/live", headers, data=b"{}")
        assert (reply.status, reply.code) == (403, "origin_refused")
        assert "Access-Control-Allow-Origin" not in reply.headers


async def test_pages_of_this_server_and_of_listed_origins_may_write(bookshop: str) -> None:
    async with served(bookshop, ORIGINS) as api:
        for origin in (api.base, "https://good.example", "https://public.example"):
            assert (await api.post("/health/live", {}, {"Origin": origin})).status == 405, origin
        assert (await api.post("/health/live", {})).status == 405


async def test_a_write_with_a_credential_is_no_forgery(bookshop: str) -> None:
    async with served(bookshop, AUTH) as api:
        evil = {"Origin": "https://evil.example"}
        assert (await api.post("/health/live", {}, evil)).status == 403
        assert (await api.post("/health/live", {}, {**evil, "Authorization": "Bearer x"})).status == 405


async def test_without_auth_an_authorization_header_excuses_nothing(bookshop: str) -> None:
    async with served(bookshop) as api:
        headers = {"Origin": "https://evil.example", "Authorization": "Bearer x"}
        assert (await api.post("/health/live", {}, headers)).status == 403


@pytest.mark.parametrize("origin", FOREIGN)
async def test_no_other_origin_is_told_that_it_may_read(bookshop: str, origin: str) -> None:
    async with served(bookshop, ORIGINS) as api:
        reply = await api.get("/health/live", {"Origin": origin})
        asked = await api.request("OPTIONS", "/health/live", {"Origin": origin, "Access-Control-Request-Method": "GET"})
        assert reply.status == 200
        assert asked.status == 403
        assert not [name for answer in (reply, asked) for name in answer.headers if name.startswith("Access-Control")]


async def test_a_listed_origin_is_told_what_it_may(bookshop: str) -> None:
    async with served(bookshop, ORIGINS) as api:
        headers = {"Origin": "https://good.example", "Access-Control-Request-Method": "PATCH"}
        asked = await api.request("OPTIONS", "/api/book/1", headers)
        assert asked.status == 204
        assert asked.headers["Access-Control-Allow-Origin"] == "https://good.example"
        assert "PATCH" in asked.headers["Access-Control-Allow-Methods"]
        assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]
        assert "Access-Control-Allow-Credentials" not in asked.headers
        reply = await api.get("/nothing", headers)
        assert reply.headers["Access-Control-Allow-Origin"] == "https://good.example"
        assert "X-Request-Id" in reply.headers["Access-Control-Expose-Headers"]


# ── what every answer carries ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/health/live", "/nothing", "/api/book", "/api/nothing", "/openapi.json"])
async def test_every_answer_is_private_and_of_its_own_type(bookshop: str, path: str) -> None:
    async with served(bookshop) as api:
        headers = (await api.get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "no-store" in headers["Cache-Control"] or "no-cache" in headers["Cache-Control"]
        assert "private" in headers["Cache-Control"]
        assert {"Authorization", "Accept", "Origin"} <= set(headers["Vary"].split(", "))
        assert "aiohttp" not in headers["Server"]


@pytest.mark.parametrize(("given", "kept"), [("abc-1.2_3", True), ("x" * 65, False), ("a b", False), ("é", False)])
async def test_a_request_id_is_taken_over_when_it_is_one(bookshop: str, given: str, kept: bool) -> None:
    async with served(bookshop) as api:
        reply = await api.get("/nothing", {"X-Request-Id": given})
        assert (reply.headers["X-Request-Id"] == given) is kept
        assert reply.json["request_id"] == reply.headers["X-Request-Id"]
    async with served(bookshop) as api:
        ids = {(await api.get("/nothing")).headers["X-Request-Id"] for _ in range(5)}
        assert len(ids) == 5


async def test_a_compressed_body_is_refused(bookshop: str) -> None:
    async with served(bookshop) as api:
        reply = await api.request("POST", "/health/live", {"Content-Encoding": "gzip"}, data=b"\x1f\x8b")
        assert (reply.status, reply.code) == (415, "unsupported_media_type")


# ── problems ─────────────────────────────────────────────────────────────────────────────────


async def failing(request: web.Request) -> web.Response:
    raise {
        "secret": RuntimeError("hunter2"),
        "timeout": TimeoutError("hunter2"),
        "gone": DatabaseUnavailable("hunter2 at db.internal"),
        "unique": UniqueViolation("a row with this value exists already", constraint="hidden_key", columns=("salary",)),
        "two": Faults(
            (UnknownColumn("book", "titel", ["title"], pointer="/query/sort"), InvalidValue("no \ud800 date"))
        ),
        "http": web.HTTPForbidden(text="in our words"),
        "broken": web.HTTPInternalServerError(text="hunter2"),
    }[request.match_info["how"]]


async def large(request: web.Request) -> web.Response:
    return web.json_response({"length": len(await request.read())})


async def ask(bookshop: str, how: str) -> tuple[int, dict[str, object], Served]:
    async with served(bookshop, routes=[web.get("/fail/{how}", failing)]) as api:
        reply = await api.get(f"/fail/{how}")
        assert reply.headers["Content-Type"] == "application/problem+json"
        assert b"hunter2" not in reply.body
        assert (reply.json["status"], reply.json["type"]) == (reply.status, "about:blank")
        assert reply.json["request_id"] == reply.headers["X-Request-Id"]
        return reply.status, {**reply.json, "headers": reply.headers}, api


@pytest.mark.parametrize("how", ["secret", "timeout", "broken"])
async def test_what_nobody_foresaw_says_nothing_of_itself(
    bookshop: str, how: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with logging_to_stderr(Observability(log="json")):
        status, told, _ = await ask(bookshop, how)
    assert (status, told["code"]) == (500, "internal_error")
    if how != "broken":
        lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
        (line,) = [line for line in lines if line.get("request") == told["request_id"]]
        assert (line["level"], line["event"]) == ("error", f"GET /fail/{how}")
        assert "hunter2" in line["exception"]


async def test_a_database_that_is_gone_is_named_by_nothing_of_it(
    bookshop: str, caplog: pytest.LogCaptureFixture
) -> None:
    status, told, _ = await ask(bookshop, "gone")
    assert (status, told["code"]) == (503, "database_unavailable")
    assert told["headers"]["Retry-After"] == "2"  # type: ignore[index]
    assert "db.internal" not in str(told)
    assert "db.internal" in caplog.text


async def test_a_conflict_names_no_constraint(bookshop: str) -> None:
    status, told, _ = await ask(bookshop, "unique")
    assert (status, told["code"]) == (409, "unique_violation")
    assert "hidden_key" not in str(told)
    assert "salary" not in str(told)


async def test_all_faults_are_told_with_their_places(bookshop: str) -> None:
    status, told, _ = await ask(bookshop, "two")
    assert (status, told["title"]) == (422, "Unprocessable Entity")
    assert told["errors"] == [
        {
            "code": "unknown_column",
            "message": "book has no column 'titel'",
            "pointer": "/query/sort",
            "hint": "did you mean 'title'?",
        },
        {"code": "invalid_value", "message": "no ? date"},
    ]


async def test_a_refusal_in_words_of_ours_keeps_them(bookshop: str) -> None:
    status, told, _ = await ask(bookshop, "http")
    assert (status, told["detail"]) == (403, "in our words")


async def test_the_librarys_own_refusals_are_problems(bookshop: str) -> None:
    async with served(bookshop, "server: {body: 1KiB}", routes=[web.post("/large", large)]) as api:
        absent = await api.get("/nothing")
        assert (absent.status, absent.code) == (404, "not_found")
        method = await api.post("/health/live", {})
        assert (method.status, method.code, method.headers["Allow"]) == (405, "method_not_allowed", "GET,HEAD")
        assert (await api.request("POST", "/large", data=b"x" * 1024)).json == {"length": 1024}
        body = await api.request("POST", "/large", data=b"x" * 1025)
        assert (body.status, body.code) == (413, "body_too_large")


@pytest.mark.parametrize(
    "content",
    [
        b"GET / HTTX/1.1\r\n\r\n",
        b"GE T / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nA b: c\r\n\r\n",
        b"\x16\x03\x01\x00\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_a_problem_too(bookshop: str, content: bytes) -> None:
    async with served(bookshop) as api:
        head, _, body = (await api.raw(content)).partition(b"\r\n\r\n")
        assert head.split()[1] == b"400"
        assert b"application/problem+json" in head
        assert b'"code":"malformed_request"' in body
        assert b"X-Request-Id" in head


@pytest.mark.parametrize("path", ["/openapi.json", "/health/live", "/health/ready", "/docs", "/graphiql", "/api"])
async def test_options_answers_wherever_there_is_something(bookshop: str, path: str) -> None:
    async with served(bookshop) as api:
        reply = await api.request("OPTIONS", path)
        assert reply.status == 204
        assert {"GET", "HEAD", "OPTIONS"} <= set(reply.headers["Allow"].split(", "))
        assert (await api.request("OPTIONS", "/nowhere")).status == 404


async def test_an_expectation_that_nobody_knows_is_a_problem(bookshop: str) -> None:
    async with served(bookshop) as api:
        for path in ("/api/book", "/health/live", "/nowhere"):
            reply = await api.get(path, {"Expect": "x", "X-Request-Id": "mine"})
            assert (reply.status, reply.code) == (417, "expectation_failed")
            assert reply.headers["Content-Type"].startswith("application/problem+json")
            assert (reply.headers["X-Request-Id"], reply.json["request_id"]) == ("mine", "mine")
            assert {"Vary", "X-Content-Type-Options", "Cache-Control"} <= set(reply.headers)
            assert reply.headers["Server"] == "reflector"


@pytest.mark.parametrize(
    ("head", "status", "code"),
    [
        (b"GET /api/book?title=" + b"x" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414, "uri_too_long"),
        (
            b"GET /api/book HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 9000 + b"\r\n\r\n",
            431,
            "headers_too_large",
        ),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(200)) + b"\r\n", 431, None),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nno header\r\n\r\n", 400, "malformed_request"),
    ],
)
async def test_what_is_too_long_has_a_status_of_its_own(
    bookshop: str, head: bytes, status: int, code: str | None
) -> None:
    async with served(bookshop) as api:
        top, _, body = (await api.raw(head)).partition(b"\r\n\r\n")
        assert top.split(b" ")[1] == b"%d" % status
        assert b"application/problem+json" in top
        assert json.loads(body)["code"] == (code or "headers_too_large")
