"""Traces of requests, as a collector is told them: what a span says, which requests have one, and what becomes of them when
nobody takes them."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sqlite3
import sys
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from reflector.database_url import parse_database_url
from server.journal import logging_to_stderr
from server.telemetry import outgoing
from tests.bookshops import Databases
from tests.extensions.serving import CONFIG, SCHEMA, USER, put
from tests.server.collectors import Collector, Told, collector
from tests.server.harness import ServedProcess, configured, eventually, reloadable, served
from tests.server.issuers import ONE, service, signed
from tests.server.test_workers import ask

TAG = "CREATE TABLE tag (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL UNIQUE);"
TAGS = "tables: {tag: {allow: {guest: {read: true, create: true, update: true, delete: true}}}}"
GUEST = "auth: {anonymous_role: guest}\nroles: {guest: {}}\n"
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED, NOT_SAMPLED = (f"00-{TRACE}-{SPAN}-{flags}" for flags in ("01", "00"))
ADMIN_SECRET = "the-administrators-secret-is-forty-letters"
OBSERVABILITY = "observability: {log: json, requests: true, level: debug, traces: {url: 'URL'}}"


@pytest.fixture
def tags(databases: Databases, kind: DatabaseKind) -> str:
    """The URL of a database with one small table to write to."""
    return databases.database(kind, TAG)


def times(span: Told) -> tuple[int, int]:
    return span.began, span.ended


# ── what spans say ───────────────────────────────────────────────────────────────────────────


async def test_a_read_is_a_request_with_a_plan_and_a_statement_in_it(each_bookshop: str, kind: DatabaseKind) -> None:
    async with (
        collector() as told,
        served(each_bookshop, told.settings("sample: 1, service: shop, attributes: {team: a}")) as api,
    ):
        for number in range(2):
            reply = await api.get(f"/api/book?limit=1&include=publisher&title=canary{number}")
            assert reply.status == 200
        assert (await api.get("/health/live")).status == 200
    first, second = told.named("GET /api/{table}")
    assert told.within(first) == ["compile", "SELECT book publisher"]
    assert told.within(second) == ["SELECT book publisher"]
    assert len(told.spans) == 5
    assert (first.kind, first.parent, first.failed) == ("SERVER", "", False)
    assert first.attributes == {
        "server.address": "127.0.0.1",
        "server.port": 0,
        "http.request.method": "GET",
        "url.scheme": "http",
        "http.route": "/api/{table}",
        "http.response.status_code": 200,
        "reflector.request_id": first.attributes["reflector.request_id"],
    }
    compiled, asked = (each for each in told.spans if each.parent == first.id)
    assert (compiled.kind, compiled.attributes) == ("INTERNAL", {"reflector.table": "book"})
    assert first.began <= compiled.began <= compiled.ended <= asked.began <= asked.ended <= first.ended
    url = parse_database_url(each_bookshop)
    where = {"db.namespace": url.database, "server.address": url.host, "server.port": url.port}
    assert (asked.kind, asked.attributes) == (
        "CLIENT",
        {
            "db.system.name": str(kind),
            "db.operation.name": "SELECT",
            "db.query.summary": "SELECT book publisher",
            **({} if kind is DatabaseKind.SQLITE else where),
        },
    )
    assert asked.resource.items() >= {"service.name": "shop", "team": "a"}.items()
    assert {"service.version", "service.instance.id"} <= asked.resource.keys()
    assert b"canary" not in b"".join(told.raw)


async def test_writes_and_what_becomes_of_them(tags: str) -> None:
    async with collector() as told, served(tags, GUEST + TAGS + "\n" + told.settings("statements: true")) as api:
        statuses = [
            (await api.post("/api/tag", {"id": 1, "name": "canary"})).status,
            (await api.post("/api/tag", {"id": 2, "name": "canary"})).status,
            (await api.patch("/api/tag/1", {"name": "canary2"})).status,
            (await api.delete("/api/tag/1")).status,
            (await api.delete("/api/tag/1")).status,
            (await api.get("/api/tag?nmae=canary")).status,
        ]
    assert statuses == [201, 409, 200, 204, 404, 422]
    made, clash = told.named("POST /api/{table}")
    assert (made.attributes["reflector.roles"], made.attributes["http.response.status_code"]) == (["guest"], 201)
    assert (clash.attributes["error.type"], clash.attributes["http.response.status_code"]) == ("unique_violation", 409)
    assert not clash.failed
    done, refused = told.named("INSERT tag")
    assert done.parent == made.id
    assert (refused.parent, refused.failed, refused.attributes["error.type"]) == (clash.id, True, "unique_violation")
    assert done.attributes["db.collection.name"] == "tag"
    assert "INSERT INTO" in done.attributes["db.query.text"]
    changed = told.one("PATCH /api/{table}/{key}")
    assert told.within(changed)[-1] == "UPDATE tag"
    gone = told.named("DELETE tag")[1]
    assert (gone.attributes["error.type"], gone.failed) == ("row_not_found", False)
    wrong = told.one("GET /api/{table}")
    assert (wrong.attributes["error.type"], wrong.failed, told.within(wrong)) == ("unknown_column", False, [])
    assert b"canary" not in b"".join(told.raw)


async def test_several_writes_of_one_request_are_one_span(tags: str) -> None:
    made = ", ".join(
        f'a{number}: insert_tag_one(object: {{id: {number}, name: "n{number}"}}) {{id}}' for number in (1, 2)
    )
    async with collector() as told, served(tags, GUEST + TAGS + "\n" + told.settings()) as api:
        reply = await api.post("/graphql", {"query": f"mutation {{ {made} }}"})
        assert "errors" not in reply.json, reply.body
    request = told.one("POST /graphql")
    assert request.attributes["graphql.operation.type"] == "mutation"
    done = told.one("INSERT tag")
    assert done.parent == request.id
    assert (done.attributes["db.operation.name"], done.attributes["db.operation.batch.size"]) == ("BATCH INSERT", 2)


async def test_waiting_for_a_connection_is_told_apart_from_what_the_database_does(each_bookshop: str) -> None:
    async with collector() as told, served(each_bookshop, "database: {pool: {max: 2}}\n" + told.settings()) as api:
        await asyncio.gather(*(api.get("/api/book?limit=50&include=publisher") for _ in range(12)))
    waits, made = told.named("wait for a connection"), told.named("connect")
    assert waits
    assert made
    for wait in waits + made:
        request = next(each for each in told.spans if each.id == wait.parent)
        assert request.name == "GET /api/{table}"
        ran = next(each for each in told.spans if each.parent == request.id and each.kind == "CLIENT")
        assert ran.began + 1_000_000 > wait.ended, "it does not begin before there is a connection"


@pytest.mark.parametrize("path", ["/graphql", "/v1/graphql"])
async def test_an_operation_of_graphql_has_its_type_and_name_and_no_text(bookshop: str, path: str) -> None:
    query = 'query Mine($t: String = "canary") { book(where: {title: {_eq: $t}}) { id } }'
    async with collector() as told, served(bookshop, told.settings()) as api:
        for _ in range(2):  # the second is answered without looking at the document
            assert (await api.post(path, {"query": query, "variables": {"t": "canary"}})).status == 200
        assert "errors" in (await api.post(path, {"query": "{canary}"})).json
        await api.post(path, {"query": "{"})
    first, second, wrong, broken = told.named(f"POST {path}")
    named = {"graphql.operation.type": "query", "graphql.operation.name": "Mine"}
    assert first.attributes.items() >= named.items() <= second.attributes.items()
    assert told.within(first) == ["compile", "SELECT book"]
    assert (wrong.attributes["http.response.status_code"], wrong.attributes["error.type"]) == (200, "validation-failed")
    assert "graphql.operation.type" not in broken.attributes
    assert b"canary" not in b"".join(told.raw)


async def test_a_fault_of_ours_is_a_failed_span(bookshop: str) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("canary")

    async with collector() as told, served(bookshop, told.settings()) as api:
        api.running.engine.driver.run = broken  # type: ignore[method-assign]
        assert (await api.get("/api/book")).status == 500
        assert (await api.post("/graphql", {"query": "{book {id}}"})).status == 500
    for name in ("GET /api/{table}", "POST /graphql"):
        failed = told.one(name)
        assert (failed.failed, failed.attributes["error.type"]) == (True, "RuntimeError")
    assert b"canary" not in b"".join(told.raw)


async def test_code_of_an_extension_is_a_part_of_its_own(databases: Databases, tmp_path: Path) -> None:
    url = databases.database(DatabaseKind.SQLITE, SCHEMA)
    async with collector() as told, reloadable(url, put(tmp_path, CONFIG + told.settings())) as api:
        assert (await api.post("/api/:functions/notes", {}, USER)).status == 200
        assert (await api.post("/api/:functions/broken", {"how": "x"}, USER)).status == 500
    fine, failed = told.named("POST /api/:functions/{function}")
    assert told.within(fine) == ["authenticate", "call notes"]
    assert told.within(told.one("call notes")) == ["compile", "SELECT note"]
    broken = told.one("call broken")
    assert (broken.parent, broken.failed, failed.failed) == (failed.id, True, True)
    assert broken.attributes["error.type"] == failed.attributes["error.type"] == "internal_error"
    assert b"canary" not in b"".join(told.raw)


async def test_a_client_that_leaves_is_no_status(own_bookshop: str) -> None:
    async with collector() as told, served(own_bookshop, told.settings(), writable=True) as api:
        with closing(sqlite3.connect(parse_database_url(own_bookshop).database or "")) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(api.post("/api/tag", {"name": "canary"}), 0.2)

            async def left() -> bool:
                return not api.running.parts.grounds.requests.running

            await eventually(left)
    request = told.one("POST /api/{table}")
    assert request.attributes["error.type"] == "client_gone"
    assert "http.response.status_code" not in request.attributes
    assert not request.failed
    assert told.within(request)[-1] == "INSERT tag"


async def test_what_is_kept_says_so(bookshop: str) -> None:
    rules = "tables: {book: {allow: {guest: {read: true}}, cache: {ttl: 60s}}}\n"
    async with collector() as told, served(bookshop, GUEST + rules + told.settings()) as api:
        for _ in range(2):
            await api.get("/api/book?limit=1")
    first, second = told.named("GET /api/{table}")
    assert (first.attributes["reflector.cache"], second.attributes["reflector.cache"]) == ("miss", "hit")
    assert told.within(second) == []


async def test_a_socket_is_told_when_it_begins(own_bookshop: str) -> None:
    async with (
        collector() as told,
        served(own_bookshop, told.settings()) as api,
        api.session.ws_connect(f"{api.base}/ws") as socket,
    ):
        await socket.send_json({"type": "ping"})
        assert (await socket.receive_json())["type"] == "pong"

        async def begun() -> bool:
            return bool(told.named("GET /ws"))

        await eventually(begun)
        assert not socket.closed
    assert told.one("GET /ws").attributes["http.response.status_code"] == 101
    assert told.within(told.one("GET /ws")) == []


async def test_a_path_and_a_method_that_somebody_made_up_name_no_span(bookshop: str) -> None:
    async with collector() as told, served(bookshop, told.settings()) as api:
        await api.get("/canary/canary")
        await api.request("PROPFIND", "/api/book")
        await api.get("/api/book", {"Host": "evil.example"})
    assert [each.name for each in told.spans] == ["GET", "HTTP /api/{table}", "GET /api/{table}"]
    assert [each.attributes["http.response.status_code"] for each in told.spans] == [404, 405, 421]
    assert b"canary" not in b"".join(told.raw).lower()
    assert b"evil" not in b"".join(told.raw)


# ── who calls ────────────────────────────────────────────────────────────────────────────────


async def test_whoever_is_asked_who_calls_may_go_on_with_the_trace(bookshop: str) -> None:
    async with collector() as told, service({"active": True, "role": "user", "sub": "canary"}) as issuer:
        asked = f"{{url: '{issuer.url}?canary=1', client_id: us, client_secret: canary}}"
        config = f"auth: {{introspection: {asked}}}\nroles: {{user: {{}}}}\ntables: {{book: {{allow: {{user: {{read: true}}}}}}}}\n"
        async with served(bookshop, config + told.settings()) as api:
            for token in ("canary-token", "canary-token"):
                assert (await api.get("/api/book/1", {"Authorization": f"Bearer {token}"})).status == 200
            issuer.says({"active": False})
            assert (await api.get("/api/book/1", {"Authorization": "Bearer other-canary"})).status == 401
    first, second, refused = told.named("GET /api/{table}/{key}")
    proved, known = told.within(first), told.within(second)
    assert (proved[0], known) == ("authenticate", ["SELECT book"])
    authenticate = told.named("authenticate")[0]
    question = told.named("POST")[0]
    assert (question.parent, question.kind) == (authenticate.id, "CLIENT")
    assert question.attributes == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "server.address": "127.0.0.1",
        "server.port": issuer.port,
        "url.full": f"http://127.0.0.1:{issuer.port}/keys",
    }
    assert issuer.seen[0].headers["traceparent"] == f"00-{first.trace}-{question.id}-03"
    assert first.attributes["reflector.roles"] == ["user"]
    assert (refused.attributes["error.type"], refused.failed) == ("invalid_token", False)
    assert "reflector.roles" not in refused.attributes
    assert b"canary" not in b"".join(told.raw)


async def test_a_key_that_is_looked_up_is_a_statement_of_who_calls(databases: Databases, kind: DatabaseKind) -> None:
    key, text = "rk_canary-canary-canary-canary-canary", "VARCHAR(64)"
    script = f"""{TAG}
    CREATE TABLE api_key (key_hash {text} PRIMARY KEY, role {text} NOT NULL);
    INSERT INTO api_key VALUES ('{sha256(key.encode()).hexdigest()}', 'user');"""
    config = "auth: {api_keys: {table: api_key}}\nroles: {user: {}}\ntables: {tag: {allow: {user: {read: true}}}}\n"
    async with (
        collector() as told,
        served(databases.database(kind, script), config + told.settings("statements: true")) as api,
    ):
        assert (await api.get("/api/tag", {"X-API-Key": key})).status == 200
    request = told.one("GET /api/{table}")
    authenticate = told.one("authenticate")
    assert told.within(request)[0] == "authenticate"
    assert (authenticate.parent, told.within(authenticate)[-1]) == (request.id, "SELECT api_key")
    assert b"canary" not in b"".join(told.raw)


async def test_keys_that_are_fetched_for_a_token_are_part_of_its_request(bookshop: str) -> None:
    config = "roles: {user: {}}\ntables: {book: {allow: {user: {read: true}}}}\n"
    async with collector() as told, service({"keys": []}) as issuer:
        jwt = f"auth: {{jwt: {{jwks: '{issuer.url}', audience: api, issuer: 'https://id.example'}}}}\n"
        async with served(bookshop, jwt + config + told.settings()) as api:
            token = {"Authorization": f"Bearer {signed(ONE, 'RS256')}"}
            assert (await api.get("/api/book", token)).status in (401, 503)
    fetched = told.one("GET")
    assert fetched.parent == told.one("authenticate").id
    assert issuer.seen[-1].headers["traceparent"].split("-")[1] == fetched.trace
    assert "traceparent" not in issuer.seen[0].headers, "what is fetched at the start is nobody's"


# ── which requests ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("parent", [SAMPLED, NOT_SAMPLED])
async def test_a_stranger_decides_nothing(bookshop: str, parent: str) -> None:
    headers = {"traceparent": parent, "tracestate": "canary=1", "baggage": "canary=2"}
    async with collector() as told:
        for sample in (0, 1):
            async with served(bookshop, told.settings(f"sample: {sample}")) as api:
                assert (await api.get("/api/book/1", headers)).status == 200
            assert bool(told.raw) == bool(sample)
    request = told.one("GET /api/{table}/{key}")
    assert request.trace != TRACE
    assert (request.parent, request.links) == ("", [TRACE])
    assert b"canary" not in b"".join(told.raw)


@pytest.mark.parametrize(
    "given",
    [
        [f"00-{TRACE}-{SPAN}"],
        [f"ff-{TRACE}-{SPAN}-01"],
        [f"00-{'0' * 32}-{SPAN}-01"],
        [f"00-{TRACE}-{'0' * 16}-01"],
        [f"00-{TRACE.upper()}-{SPAN}-01"],
        [f"00-{TRACE}-{SPAN}-01-more"],
        [f"00-{TRACE}x-{SPAN}-01"],
        ["x" * 4000],
        ["", ""],
        [SAMPLED, SAMPLED],
    ],
)
async def test_what_is_no_traceparent_is_nothing(bookshop: str, given: list[str]) -> None:
    async with collector() as told, served(bookshop, told.settings()) as api:
        lines = "".join(f"traceparent: {each}\r\n" for each in given)
        said = await api.raw(
            f"GET /api/book/1 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{lines}\r\n".encode()
        )
    assert said.startswith(b"HTTP/1.1 200")
    request = told.one("GET /api/{table}/{key}")
    assert (request.parent, request.links) == ("", [])


async def test_a_trusted_proxy_decides_where_it_is_followed(bookshop: str) -> None:
    proxy = "auth: {anonymous_role: guest}\nroles: {guest: {}}\ntables: {book: {allow: {guest: {read: true}}}}\nserver: {trusted_proxies: [127.0.0.1]}\n"
    async with collector() as followed, served(bookshop, proxy + followed.settings("sample: 0, follow: true")) as api:
        for parent in (SAMPLED, NOT_SAMPLED, "nonsense"):
            assert (await api.get("/api/book/1", {"traceparent": parent})).status == 200
        assert (await api.get("/api/book/1")).status == 200
    assert followed.one("GET /api/{table}/{key}").parent == SPAN
    assert {each.trace for each in followed.spans} == {TRACE}
    async with collector() as told, served(bookshop, proxy + told.settings("sample: 1")) as api:
        assert (await api.get("/api/book/1", {"traceparent": SAMPLED})).status == 200
    assert (told.one("GET /api/{table}/{key}").parent, told.spans[-1].links) == ("", [TRACE])


async def test_lines_of_the_log_name_the_trace(bookshop: str, capfd: pytest.CaptureFixture[str]) -> None:
    async with collector() as told:
        config = OBSERVABILITY.replace("URL", told.url)
        with logging_to_stderr(configured(bookshop, config).observability):
            async with served(bookshop, config) as api:
                await api.get("/api/book/1")
                await api.get("/health/live")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    request, health = (each for each in lines if each["logger"] == "reflector.requests")
    compiled = next(each for each in lines if each["event"].startswith("compiled"))
    traced = told.one("GET /api/{table}/{key}")
    assert request["trace_id"] == compiled["trace_id"] == traced.trace
    assert request["request"] == traced.attributes["reflector.request_id"]
    assert "trace_id" not in health, "the connection is the one that was used before"


# ── when nobody takes them ───────────────────────────────────────────────────────────────────


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little patience, so that much happens in a second."""
    monkeypatch.setattr(outgoing, "PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(outgoing, "LONGEST_PAUSE", 0.05)


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.getMessage().startswith("traces:")]


async def test_a_collector_that_is_away_costs_spans_and_one_line(
    bookshop: str, quick: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(outgoing, "MOST_WAITING", 4)
    attempts: list[int] = []

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        attempts.append(1)
        writer.close()

    async def tried() -> bool:
        return len(attempts) > 3

    away = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = away.sockets[0].getsockname()[1]
    async with served(bookshop, Collector(port).settings()) as api:
        for _ in range(10):
            assert (await api.get("/api/book/1")).status == 200
        await eventually(tried)
        away.close()
        await away.wait_closed()
        (line,) = complaints(caplog)
        assert "the collector does not take spans (it cannot be asked" in line
        dropped = api.running.parts.grounds.spans.dropped
        assert dropped > 0
        async with collector(port) as told:

            async def came() -> bool:
                return bool(told.spans)

            await eventually(came)
            assert len(complaints(caplog)) == 2
            assert complaints(caplog)[1].endswith(f"again; {dropped} were dropped")
            assert api.running.parts.grounds.spans.sent == len(told.spans) <= 4


@pytest.mark.parametrize(("status", "kept"), [(503, True), (429, True), (400, False), (401, False), (302, True)])
async def test_what_a_collector_refuses_is_sent_again_only_where_that_may_help(
    bookshop: str, quick: None, caplog: pytest.LogCaptureFixture, status: int, kept: bool
) -> None:
    async with collector() as told:
        told.status, told.says = status, b"canary"
        async with served(bookshop, told.settings()) as api:
            await api.get("/api/book/1")

            async def refused() -> bool:
                return len(told.raw) > kept

            await eventually(refused)
            told.status, told.says = 200, b""
        assert len(told.spans) == (len(told.raw) and 3 if kept else 0)
    assert [f"({status})" in each or f" {status})" in each for each in complaints(caplog)[:1]] == [True]
    assert "canary" not in caplog.text


async def test_what_cannot_be_written_is_dropped_and_told_once(
    bookshop: str, quick: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_: object) -> None:
        raise ValueError("no such type")

    async with collector() as told, served(bookshop, told.settings()) as api:
        tally = api.running.parts.grounds.spans

        async def lost() -> bool:
            return tally.dropped > before

        with monkeypatch.context() as library:
            library.setattr(outgoing, "encode_spans", fails)
            for _ in range(2):
                before = tally.dropped
                assert (await api.get("/api/book/1")).status == 200
                await eventually(lost)
        assert complaints(caplog) == ["traces: spans cannot be sent, and are dropped"]
        assert (await api.get("/api/book/1")).status == 200
    assert len(told.spans) > 0


@pytest.mark.parametrize("fault_first", [True, False])
async def test_a_fault_of_ours_and_a_collector_that_is_away_are_told_once_each_whichever_is_first(
    bookshop: str,
    quick: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    fault_first: bool,
) -> None:
    def fails(_: object) -> None:
        raise ValueError("no such type")

    async with collector() as told, served(bookshop, told.settings()) as api:
        tally = api.running.parts.grounds.spans
        for faulty in (fault_first, not fault_first, fault_first):
            told.status, met = 503, (tally.dropped, len(told.raw))

            async def again(faulty: bool = faulty, met: tuple[int, int] = met) -> bool:
                return tally.dropped > met[0] if faulty else len(told.raw) > met[1]

            with monkeypatch.context() as library:
                if faulty:
                    library.setattr(outgoing, "encode_spans", fails)
                await api.get("/api/book/1")
                await eventually(again)
    lines = [each.partition(" (")[0] for each in complaints(caplog)]
    fault, away = "traces: spans cannot be sent, and are dropped", "traces: the collector does not take spans"
    assert lines == ([fault, away] if fault_first else [away, fault])


async def test_what_no_message_can_hold_is_not_sent(bookshop: str, caplog: pytest.LogCaptureFixture) -> None:
    settings = "service: '${TEAM}', attributes: {team: '${TEAM}'}"
    async with collector() as told, served(bookshop, told.settings(settings), environ={"TEAM": "a\udcff"}) as api:
        assert (await api.get("/api/book/1")).status == 200
    assert told.spans[0].resource.items() >= {"service.name": "a?", "team": "a?"}.items()
    assert [each for each in caplog.records if each.name.startswith("opentelemetry")] == []


async def test_spans_that_a_collector_does_not_want_are_counted(bookshop: str) -> None:
    async with collector() as told:
        told.says = bytes.fromhex("0a02080 2".replace(" ", ""))  # partial_success.rejected_spans = 2
        async with served(bookshop, told.settings()) as api:
            await api.get("/api/book/1")
        tally = api.running.parts.grounds.spans
        assert (tally.sent, tally.dropped) == (len(told.spans) - 2, 2)


async def test_ending_does_not_wait_for_a_collector_that_does_not_answer(
    bookshop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "LAST_SECONDS", 0.1)
    stuck = asyncio.Event()

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await stuck.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/traces"
    async with asyncio.timeout(5):  # and not the ten seconds that the question may take
        async with served(bookshop, f"observability: {{traces: {{url: '{url}'}}}}") as api:
            await api.get("/api/book/1")
    assert api.running.parts.grounds.spans.dropped == 3
    stuck.set()
    server.close()


async def test_headers_go_with_the_spans_and_the_figures_count_them(bookshop: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("Bearer from-a-file\n")
    async with collector() as told:
        more = f"headers: {{Authorization: 'file:{tmp_path}/key', X-Team: \"${{TEAM}}\"}}"
        async with served(bookshop, told.settings(more), environ={"TEAM": "a b"}) as api:
            await api.get("/api/book/1")
        figures = api.running.parts.grounds.exposition.own().decode()
    assert told.headers[0]["Authorization"] == "Bearer from-a-file"
    assert told.headers[0]["X-Team"] == "a b"
    assert "reflector_spans_sent_total 3.0" in figures
    assert "reflector_spans_dropped_total 0.0" in figures


# ── which configuration ──────────────────────────────────────────────────────────────────────


async def test_they_begin_and_end_with_a_reload(bookshop: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    plain = f"version: 1\nserver: {{watch: off}}\nauth: {{anonymous_role: guest, admin_secret: {ADMIN_SECRET}, admin_role: admin}}\nroles: {{guest: {{}}, admin: {{}}}}\ntables: {{book: {{allow: {{guest: {{read: true}}}}}}}}\n"

    async def ordered(text: str) -> list[str]:
        file.write_text(text)
        reply = await api.post("/admin/reload", headers={"X-Reflector-Admin-Secret": ADMIN_SECRET})
        assert (reply.status, reply.json["restart"]) == (200, [])
        return list(reply.json["changed"])

    async with collector() as told, collector() as other:
        file.write_text(plain)
        async with reloadable(bookshop, file) as api:
            await api.get("/api/book/1")
            assert await ordered(plain + told.settings()) == ["observability.traces"]
            await api.get("/api/book/2")
            first = api.running.parts.house.traces
            await ordered(plain + told.settings() + "\nlimits: {rows: 10}")
            assert api.running.parts.house.traces is first
            await api.get("/api/book/3")
            assert await ordered(plain + other.settings()) == ["limits.rows", "observability.traces.url"]
            await api.get("/api/book/4")
            await ordered(plain)
            await api.get("/api/book/5")
            assert api.running.parts.house.traces is None
        assert len(told.named("GET /api/{table}/{key}")) == 2
        assert len(other.named("GET /api/{table}/{key}")) == 1
        assert len({each.resource["service.instance.id"] for each in told.spans + other.spans}) == 1


async def test_each_worker_tells_its_own(bookshop: str, tmp_path: Path) -> None:
    async with collector() as told:
        file = tmp_path / "config.yaml"
        file.write_text(f"version: 1\n{told.settings()}\n")
        with ServedProcess("serve", bookshop, "--port", "0", "--workers", "2", "--config", str(file)) as process:
            base = process.wait_until_it_serves()
            who: set[str] = set()
            while len(who) < 2:
                who.add((await asyncio.to_thread(ask, f"{base}/api/book/1"))[1])
            process.signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait) == 0
    told_by = {each.resource["service.instance.id"] for each in told.spans}
    numbers = {
        each.attributes["reflector.request_id"].partition("-")[0] for each in told.named("GET /api/{table}/{key}")
    }
    assert (len(told_by), numbers) == (2, who)


WITHOUT = """
import sys
sys.modules["opentelemetry"] = None
from server.cli import main
url, file = sys.argv[1:]
assert [main([command, url, "--config", file]) for command in ("check", "serve")] == [2, 2]
sys.exit(main(["serve", url, "--port", "0"]))
"""


def test_without_the_packages_everything_else_is_served(bookshop: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("version: 1\nobservability:\n  traces: {url: 'http://127.0.0.1:9/v1/traces'}\n")
    with ServedProcess(bookshop, str(file), program=(sys.executable, "-c", WITHOUT)) as process:
        assert ask(process.wait_until_it_serves() + "/api/book/1")[0] == 200
    complaint = (
        f"{file}:3:3: observability.traces: needs packages that are not installed; pip install 'reflector[traces]'"
    )
    assert process.said.count(complaint) == 2


def test_a_collector_in_the_network_is_named_in_clear_only_without_secrets() -> None:
    for url, more in (("http://collector:4318/v1/traces", ""), ("https://c.example/v1/traces", "headers: {A: b}")):
        settings = configured("sqlite:///x.db", Collector().settings(more).replace(Collector().url, url))
        assert settings.observability.traces is not None
        assert settings.observability.traces.url == url
