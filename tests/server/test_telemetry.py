"""What the server says of itself: lines of the log, and figures for whoever may have them."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Mapping

import pytest
from aiohttp import ClientSession
from joserfc import jwt
from joserfc.jwk import OctKey
from prometheus_client.parser import text_string_to_metric_families

from reflector.catalog.model import DatabaseKind
from server.config import ConfigError
from server.config.models import Observability
from server.journal import REQUEST, facts, logging_to_stderr, style_of
from server.telemetry.requests import BOUNDS, Requests
from tests.server.harness import PROGRAM, ServedProcess, configured, served

SECRET = "a-signing-key-of-forty-letters-at-least"
RULES = f"""
auth: {{jwt: {{secret: {SECRET}}}, anonymous_role: guest, admin_role: admin}}
roles: {{guest: {{}}, user: {{extends: guest}}, admin: {{}}, owner: {{extends: admin}}}}
tables: {{book: {{allow: {{guest: {{read: true}}}}}}}}
"""


def bearer(role: str) -> dict[str, str]:
    claims = {"role": role, "exp": 4_000_000_000}
    return {"Authorization": f"Bearer {jwt.encode({'alg': 'HS256'}, claims, OctKey.import_key(SECRET))}"}


def figures(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample by name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


# ── figures ──────────────────────────────────────────────────────────────────────────────────


async def test_figures_are_for_administrators(bookshop: str) -> None:
    async with served(bookshop, RULES) as api:
        assert [
            (await api.get("/metrics", headers)).status
            for headers in ({}, bearer("user"), bearer("admin"), bearer("owner"), {"Authorization": "Bearer x"})
        ] == [401, 404, 200, 200, 401]
        nothing, hidden = await api.get("/nothing", bearer("user")), await api.get("/metrics", bearer("user"))
        assert nothing.json | {"request_id": ""} == hidden.json | {"request_id": ""}
    for config in (None, RULES.replace(", admin_role: admin", "")):
        async with served(bookshop, config) as api:
            assert (await api.get("/metrics", bearer("admin") if config else None)).status == 404


async def test_requests_are_counted_by_api_method_and_class(bookshop: str) -> None:
    async with served(bookshop, RULES) as api:
        for path in ("/api/book?limit=1", "/api/book/1", "/api/book/0", "/nothing", "/health/live", "/a/b/c"):
            await api.get(path)
        await api.request("PROPFIND", "/api/book")
        await api.post("/graphql", {"query": "{__typename}"})
        reply = await api.get("/metrics", bearer("admin"))
    assert reply.headers["Content-Type"].startswith("text/plain; version=")
    told = figures(reply.body.decode())
    counted = {
        tuple(dict(labels)[name] for name in ("api", "method", "status")): value
        for (name, labels), value in told.items()
        if name == "reflector_requests_total"
    }
    assert counted == {
        ("resource", "GET", "2xx"): 2,
        ("resource", "GET", "4xx"): 1,
        ("resource", "other", "4xx"): 1,
        ("other", "GET", "4xx"): 2,
        ("health", "GET", "2xx"): 1,
        ("graphql", "POST", "2xx"): 1,
    }
    name, api_label = "reflector_request_duration_seconds", ("api", "resource")
    assert told[f"{name}_count", (api_label,)] == told[f"{name}_bucket", (api_label, ("le", "+Inf"))] == 4
    assert 0 < told[f"{name}_sum", (api_label,)] < 60
    buckets = [told[f"{name}_bucket", (api_label, ("le", str(bound)))] for bound in BOUNDS]
    assert buckets == sorted(buckets)


async def test_figures_tell_of_plans_pools_and_schema(bookshop: str) -> None:
    async with served(bookshop, RULES) as api:
        await api.get("/api/book?limit=1")
        told = figures((await api.get("/metrics", bearer("admin"))).body.decode())
        usage = {each.name: each for each in api.running.engine.driver.usage()}
        plans = api.running.engine.snapshot.plans
    assert told["reflector_plan_cache_misses_total", ()] == plans.misses > 0
    assert told["reflector_plan_cache_entries", ()] == len(plans)
    assert told["reflector_snapshot_number", ()] == 0
    assert told["reflector_pool_size", (("pool", "read"),)] == usage["read"].size == 10
    assert told["reflector_pool_waiting", (("pool", "read"),)] == 0
    assert told["reflector_pool_idle", (("pool", "read"),)] == usage["read"].idle >= 1
    assert 1_600_000_000 < told["reflector_start_time_seconds", ()] < 4_000_000_000
    assert told["process_resident_memory_bytes", ()] > 1_000_000
    assert {name for name, _ in told} >= {"reflector_subscriptions", "reflector_capture_active", "reflector_sockets"}
    assert [name for name, labels in told if "book" in str((name, labels))] == []


async def test_some_figures_can_be_asked_for_and_nothing_else(bookshop: str) -> None:
    async with served(bookshop, RULES) as api:
        some = await api.get("/metrics?name[]=reflector_tables&name[]=reflector_requests_total", bearer("admin"))
        assert {name for name, _ in figures(some.body.decode())} <= {"reflector_tables", "reflector_requests_total"}
        wrong = await api.get("/metrics?name[]=a%20b&nmae[]=c", bearer("admin"))
        assert (wrong.status, {each["pointer"] for each in wrong.json["errors"]}) == (
            422,
            {"/query/name[]", "/query/nmae[]"},
        )
        assert {each.get("hint") for each in wrong.json["errors"]} == {None, "did you mean 'name[]'?"}
        document = (await api.get("/openapi.json", bearer("admin"))).json["paths"]["/metrics"]["get"]
    (parameter,) = document["parameters"]
    assert (parameter["name"], parameter["style"], parameter["explode"]) == ("name[]", "form", True)
    assert document["responses"]["200"]["content"] == {"text/plain": {"schema": {"type": "string"}}}


async def test_a_port_of_its_own_tells_figures_and_whether_it_is_ready(bookshop: str) -> None:
    async with served(bookshop, "observability: {metrics: {port: 0}}") as api, ClientSession() as client:
        port = api.running.figures.port
        base = f"http://127.0.0.1:{port}"
        assert port != api.running.port
        async with client.get(f"{base}/metrics") as reply:
            assert "reflector_info" in await reply.text()
        for path in ("/api/book", "/openapi.json", "/docs", "/admin/reload", "/config", "/schema_cache"):
            async with client.get(base + path) as reply:
                assert reply.status == 404
        for path in ("/health/live", "/live", "/health/ready", "/ready"):
            async with client.get(base + path) as reply:
                assert (reply.status, await reply.json()) == (200, {"status": path.rpartition("/")[2]})
        api.running.health.draining = True
        async with client.get(f"{base}/ready") as reply:
            assert (reply.status, await reply.json()) == (503, {"status": "draining"})
        async with client.get(f"{base}/metrics", headers={"Host": "evil.example"}) as reply:
            assert reply.status == 421
        assert (await api.get("/metrics")).status == 404


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        (RULES.replace("admin_role: admin", "admin_role: guest"), "is a role of callers without a credential"),
        (RULES.replace("guest: {}", "guest: {extends: admin}"), "is a role of callers without a credential"),
        (RULES.replace("admin_role: admin", "admin_role: adnim"), "there is no role 'adnim'"),
        (
            "server: {workers: 2}\ntables: {book: {changes: {}}}",
            "server.workers: must be 1 where changes of a table are told",
        ),
    ],
)
def test_what_would_open_figures_or_lose_changes_is_refused(config: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configured("sqlite:///x.db", config)
    assert complaint in str(caught.value)


def test_kinds_that_callers_make_up_are_not_remembered() -> None:
    requests = Requests()
    for number in range(1000):
        requests.note(f"/path{number}", f"METHOD{number}", 404, 0.1)
    requests.note("/ws", "GET", 101, 4000.0)
    assert {kind: series.count for kind, series in requests.series.items()} == {
        ("other", "other", "4xx"): 1000,
        ("realtime", "GET", "1xx"): 1,
    }
    assert requests.series["realtime", "GET", "1xx"].seconds == 0
    assert len(requests._kinds) == 1


# ── the log ──────────────────────────────────────────────────────────────────────────────────


def lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capfd.readouterr().err.splitlines()]


def test_a_line_of_json_is_one_object_whatever_was_said(capfd: pytest.CaptureFixture[str]) -> None:
    with logging_to_stderr(Observability(log="json"), worker=3):
        log = logging.getLogger("reflector.server")
        REQUEST.set("abc-1")
        log.info("a path: %s", "/x\r\n2024 INFO forged \ud800\x1b[31m\u2028", extra=facts(status=200))
        REQUEST.set(None)
        try:
            int("first\n2024-01-01 INFO reflector: forged")
        except ValueError:
            log.exception("it failed")
        log.debug("a smaller thing")
    first, second = lines(capfd)
    assert first["event"] == "a path: /x\r\n2024 INFO forged \ud800\x1b[31m\u2028"
    assert (first["level"], first["logger"], first["request"], first["worker"], first["status"]) == (
        "info",
        "reflector.server",
        "abc-1",
        3,
        200,
    )
    assert str(first["at"]).endswith("Z")
    assert "request" not in second
    assert "ValueError: invalid literal" in str(second["exception"])


def test_a_traceback_shows_no_values_and_forges_no_line(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        hidden = "hunter2"
        raise ValueError(f"of {len(hidden)}\n2024-01-01T00:00:00.000Z INFO reflector: forged")

    with logging_to_stderr(Observability(log="console")):
        try:
            fail()
        except ValueError:
            logging.getLogger("reflector.server").exception("it failed")
    said = capfd.readouterr().err
    assert "hunter2" not in said.replace('hidden = "hunter2"', "")
    assert [line for line in said.splitlines() if line.startswith("20")] == [said.splitlines()[0]]


def test_lines_are_for_people_on_a_terminal_alone() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert [style_of("auto", each) for each in (Terminal(), io.StringIO())] == ["console", "json"]
    assert [style_of("json", Terminal()), style_of("console", io.StringIO())] == ["json", "console"]


async def test_every_line_of_a_request_carries_its_id_and_a_line_for_each_can_be_had(
    bookshop: str, capfd: pytest.CaptureFixture[str]
) -> None:
    wanted = "observability: {requests: true, level: debug, log: json}"
    with logging_to_stderr(configured(bookshop, wanted).observability):
        async with served(bookshop, wanted) as api:
            ids = [f"mine-{number}" for number in range(4)]
            await asyncio.gather(
                *(api.get(f"/api/book/{id_[-1]}?fields=title", {"X-Request-Id": id_}) for id_ in ids),
            )
            await api.get("/nothing?token=canary", {"X-Request-Id": "last"})
    told = lines(capfd)
    of_requests = [each for each in told if each["logger"] == "reflector.requests"]
    assert sorted(str(each["request"]) for each in of_requests) == ["last", *ids]
    last = next(each for each in of_requests if each["request"] == "last")
    assert (last["event"], last["status"]) == ("GET /nothing", 404)
    assert isinstance(last["milliseconds"], float)
    assert "canary" not in json.dumps(told)
    assert {each["request"] for each in told if str(each["event"]).startswith("compiled")} <= set(ids)


async def test_statements_are_told_without_their_values(
    shops: Mapping[DatabaseKind, str], kind: DatabaseKind, capfd: pytest.CaptureFixture[str]
) -> None:
    wanted = "observability: {statements: true, log: json}"
    with logging_to_stderr(configured(shops[kind], wanted).observability):
        async with served(shops[kind], wanted) as api:
            assert (await api.get("/api/book?title=canary&fields=id", {"X-Request-Id": "mine"})).status == 200
    told = [each for each in lines(capfd) if each["logger"] == "reflector.statements"]
    (statement,) = [each for each in told if each["request"] == "mine"]
    assert "title" in str(statement["event"])
    assert "canary" not in str(statement)
    assert isinstance(statement["milliseconds"], float)


def test_the_program_logs_json_where_nobody_looks(bookshop: str) -> None:
    environ = {"REFLECTOR_OBSERVABILITY_LOG": "auto"}
    with ServedProcess("serve", bookshop, "--port", "0", environ=environ, program=PROGRAM) as process:
        process.wait_until_it_serves()
    events = [json.loads(line) for line in process.said.splitlines()]
    assert [each["level"] for each in events if "serving" in each["event"]] == ["info"]
