"""Secrets of every kind in a configuration, and a server that succeeds and fails under it: none of them is seen anywhere.

What is looked at: answers with their headers, the log at its most talkative, figures, readiness, documents, traces, and what
the commands print.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import OctKey

from reflector.database_url import parse_database_url
from reflector.secret import Secret
from server.config import Config, Flags, load
from tests.server.collectors import collector
from tests.server.harness import Served, reflector, reloadable
from tests.server.issuers import signed

CANARY = "canary"
SECRETS = {
    name: f"{CANARY}-of-{name}-with-forty-letters-at-the-very-least"
    for name in ("server", "jwt", "admin", "redis", "webhook")
}
FILE = f"""version: 1
server: {{secret: "{SECRETS["server"]}"}}
auth:
  jwt: {{secret: "{SECRETS["jwt"]}", audience: api}}
  anonymous_role: guest
  admin_role: admin
  admin_secret: "{SECRETS["admin"]}"
roles: {{guest: {{}}, admin: {{extends: guest}}}}
tables: {{book: {{allow: {{guest: {{read: id < 3}}}}}}}}
redis: {{url: "redis://u:{SECRETS["redis"]}@127.0.0.1:1/0"}}
"""
ADMIN = {"X-Reflector-Admin-Secret": SECRETS["admin"]}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(FILE)
    return path


def spoil(file: Path, content: str) -> None:
    file.write_text(content)


async def everything_asked(api: Served) -> list[str]:
    """What a server says to guests and administrators, to good requests and bad ones."""
    said = []
    wrong = {"Authorization": f"Bearer x.{SECRETS['jwt']}.y"}
    paths = (
        "/api/book",
        "/api/nothing",
        "/api/book?x=1",
        "/rest/v1/book",
        "/rest/v1/x",
        "/openapi.json",
        "/health/ready",
    )
    for path in (*paths, "/metrics", "/nowhere", "/admin/reload", "/auth/token", "/docs"):
        for headers in ({}, ADMIN, wrong, {"X-Reflector-Admin-Secret": "wrong"}):
            reply = await api.get(path, headers)
            said.append(f"{reply.status} {dict(reply.headers)} {reply.body.decode()}")
    bodies: tuple[Any, ...] = ({"query": "{book {id}}"}, {"query": "{"}, [])
    for body in bodies:
        reply = await api.post("/graphql", body, ADMIN)
        said.append(reply.body.decode())
    return said


async def test_no_answer_no_figure_and_no_line_of_the_log_holds_a_secret(
    each_bookshop: str, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with reloadable(each_bookshop, file) as api:
        said = await everything_asked(api)
        api.running.parts.house.context.engine.driver.run = broken  # type: ignore[method-assign]
        said += await everything_asked(api)
        for content in (
            FILE.replace("jwt: {secret", "jwt: {secrett"),
            FILE + "[",
            FILE.replace("guest: {read", "gust: {read"),
        ):
            spoil(file, content)
            reply = await api.post("/admin/reload", headers=ADMIN)
            assert reply.status == 422
            said.append(reply.body.decode())
        said.append(repr(api.running))
    said += [f"{record.getMessage()} {record.exc_text} {record.__dict__}" for record in caplog.records]
    assert any("something broke" in each for each in said)
    assert [each[:400] for each in said if CANARY in each] == []


async def test_no_span_holds_a_value(each_bookshop: str, file: Path) -> None:
    """What callers write and what the database answers, with the statements shown, in requests that succeed and fail."""
    claims: dict[str, Any] = {"role": "admin", "sub": CANARY, "aud": "api", "tenant": CANARY}
    bearer = {"Authorization": f"Bearer {signed(OctKey.import_key(SECRETS['jwt']), 'HS256', **claims)}"}
    beside = {"tracestate": f"a={CANARY}", "baggage": CANARY, "Cookie": CANARY, "User-Agent": CANARY, "Origin": CANARY}
    rows = "price > 0 and (title != claims.sub or title == 'canary-of-a-rule')"
    async with collector() as told:
        headers = f"headers: {{Authorization: {SECRETS['redis']}}}, statements: true"
        written = FILE.replace("jwt: {", "claims: [tenant]\n  jwt: {").replace(
            "{guest: {read: id < 3}}",
            f'{{guest: {{read: id < 3}}, admin: {{read: "{rows}", create: true, update: true}}}}',
        )
        spoil(file, written + told.settings(headers))
        async with reloadable(each_bookshop, file) as api:
            said = await everything_asked(api)
            for one in (bearer, {**bearer, **beside}, {"Authorization": f"Bearer {CANARY}"}, beside):
                for path in VALUES:
                    said.append((await api.get(path, one)).body.decode())
                said.append((await api.post("/graphql", OPERATION, one)).body.decode())
                said.append((await api.post("/api/book", {"title": CANARY, CANARY: 1}, one)).body.decode())
                said.append((await api.patch(f"/api/book/{CANARY}", {"title": CANARY}, one)).body.decode())
                said.append((await api.request(CANARY.upper(), f"/{CANARY}", one)).body.decode())
            items = (await api.get("/api/book", bearer)).json["items"]
            api.running.engine.driver.run = broken  # type: ignore[method-assign]
            await everything_asked(api)
    raw = b"".join(told.raw)
    assert len(told.spans) > 100
    assert {each.attributes.get("error.type") for each in told.spans} >= {"RuntimeError", "invalid_token", None}
    assert any("SELECT" in each.attributes.get("db.query.text", "") for each in told.spans)
    assert items
    values = [item[name] for item in items for name in ("title", "isbn")]
    assert [each for each in values if len(each) > 5 and each.encode() in raw] == []
    url = parse_database_url(each_bookshop)
    assert url.password is None or url.password.reveal().encode() not in raw
    told_of = raw.lower().replace(b"canary-of-a-rule", b"")
    assert CANARY.encode() not in told_of, told_of[told_of.index(CANARY.encode()) - 200 :][:300]


VALUES = (
    f"/api/book?title={CANARY}&sort=-title",
    f"/api/book/{CANARY}",
    f"/api/book/1/{CANARY}",
    f"/api/{CANARY}?{CANARY}=1",
    f"/api/book?fields={CANARY}&token={CANARY}",
    f"/rest/v1/book?title=eq.{CANARY}&select=title",
    f"/rest/v1/rpc/{CANARY}?a={CANARY}",
    f"/graphql?query=%7Bbook(where:%7Btitle:%7B_eq:%22{CANARY}%22%7D%7D)%7Bid%7D%7D",
    f"/{CANARY}/{CANARY}?{CANARY}",
)
OPERATION = {
    "query": f'query ($a: String) {{ book(where: {{_or: [{{title: {{_eq: $a}}}}, {{title: {{_eq: "{CANARY}"}}}}]}}) {{ id title }} }}',
    "variables": {"a": CANARY},
}


async def broken(*_: Any, **__: Any) -> Any:
    """A fault that nobody foresaw."""
    raise RuntimeError("something broke")


@pytest.mark.parametrize(
    "arguments",
    [
        ("config", "show"),
        ("config", "show", "--as", "role=guest"),
        ("check", "--verbose"),
        ("explain", "GET /api/book"),
        ("openapi",),
        ("inspect",),
    ],
    ids=" ".join,
)
def test_no_command_prints_one(bookshop: str, file: Path, arguments: tuple[str, ...]) -> None:
    name, *rest = arguments
    of = {"explain": ("--url", bookshop), "config": ()}.get(name, (bookshop,))
    environ = {"DATABASE_URL": bookshop} if name == "config" else {}
    _, out, said = reflector(name, *of, *rest, "--config", str(file), environ=environ)
    assert out + said
    assert CANARY not in out + said


def test_a_secret_is_not_seen_in_what_holds_it(file: Path) -> None:
    """repr, str, dumps of every kind, a message of the log, and an error that holds it."""
    config = load(file, {}, Flags(url="sqlite:///x.db"))
    assert isinstance(config, Config)
    secret = Secret(SECRETS["jwt"])
    record = logging.LogRecord("x", logging.INFO, "x", 1, "%s %r", (secret, config), None)
    shown = [
        repr(config),
        str(config.auth),
        config.model_dump_json(),
        str(config.model_dump()),
        str(config.model_dump(mode="json")),
        record.getMessage(),
        f"{secret!s:>80}",
        str(ValueError(secret)),
        repr({"a": [secret]}),
    ]
    assert [each for each in shown if CANARY in each] == []
