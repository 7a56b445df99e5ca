"""Attacks on the configuration, and on what is said of it, by name, against the running server on every database."""

from __future__ import annotations

import argparse
import json
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import ClientSession

from reflector.catalog.model import DatabaseKind
from server.cli import parser
from server.config.models import Observability
from server.journal import logging_to_stderr
from tests.bookshops import Databases
from tests.cache.conftest import write_outside
from tests.properties.worlds import bearer
from tests.security.notes import READS, SCHEMA, told
from tests.server.harness import Served, reflector, served

TOKEN = "a-token-that-is-long-enough"
OPEN = "auth: {anonymous_role: guest}\nroles: {guest: {}}\n"
CANARY = "canary-of-forty-letters-at-the-very-least-it-is"


@pytest.fixture
def alter(databases: Databases, url: str) -> Callable[[str], None]:
    """Change the schema past the server."""
    return lambda sql: write_outside(databases, url, sql)


# ── open modes ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("insecure", "environ"), [(True, {}), (False, {}), (True, {"REFLECTOR_TOKEN": TOKEN})])
async def test_who_serves_everybody_says_so(file_url: str, insecure: bool, environ: dict[str, str]) -> None:
    """In readiness, which everybody may ask, and in the figures; who asks for a token serves not everybody."""
    config, said = "observability: {metrics: {port: 0}}", insecure and not environ
    async with served(file_url, config, insecure=insecure, environ=environ) as api, ClientSession() as client:
        assert (await api.get("/health/ready")).json == {"status": "ready"} | ({"insecure": True} if said else {})
        async with client.get(f"http://127.0.0.1:{api.running.figures.port}/metrics") as reply:
            assert f"reflector_insecure {float(said)}" in await reply.text()


@pytest.mark.parametrize("command", ["serve", "check"])
@pytest.mark.parametrize("given", ["REFLECTOR_INSECURE", "REFLECTOR_WRITABLE"])
def test_open_modes_of_the_environment_are_refused_beside_auth(
    file_url: str, tmp_path: Any, command: str, given: str
) -> None:
    (tmp_path / "config.yaml").write_text(f"version: 1\n{OPEN}")
    status, out, said = reflector(
        command, file_url, "--config", "config.yaml", environ={given: "true"}, folder=tmp_path
    )
    assert (status, out, given in said) == (2, "", True)


# ── what appears while serving ───────────────────────────────────────────────────────────────


async def everywhere(api: Served, table: str, column: str) -> list[int]:
    """The statuses with which each API answers for the column; of GraphQL 400 where there is none."""
    query = f"/graphql?query=%7B{table}%7B{column}%7D%7D"
    replies = [
        await api.get(f"/api/{table}?fields={column}"),
        await api.get(f"/rest/v1/{table}?select={column}"),
        await api.get(query, {"Accept": "application/graphql-response+json"}),
    ]
    return [reply.status for reply in replies]


async def documented(api: Served, name: str) -> list[bool]:
    """Whether the documents of each API hold the name."""
    introspected = "/graphql?query=%7B__schema%7Btypes%7Bname%20fields%7Bname%7D%7D%7D%7D"
    return [name in (await api.get(path)).body.decode() for path in ("/openapi.json", "/rest/v1/", introspected)]


async def test_a_table_that_appears_is_closed(url: str, alter: Callable[[str], None]) -> None:
    """By whatever API, until a rule opens it; so is one that takes the name of another with a letter more."""
    rules = "tables: {note: {allow: {guest: {read: true}}}}\ndatabase: {watch: off}\n"
    async with served(url, OPEN + rules) as api:
        for name in ("ledger", "notes", "note2"):
            alter(
                f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, note_id INTEGER REFERENCES note (id), text VARCHAR(40))"
            )
        await api.running.engine.refresh()
        assert "ledger" in api.running.engine.snapshot.catalog.tables
        for name in ("ledger", "notes", "note2"):
            assert await everywhere(api, name, "id") == [404, 404, 400]
            assert await documented(api, f'"{name}"') == [False] * 3
        assert (await api.get("/api/note?include=ledger")).status == 422
        assert (await api.get("/rest/v1/note?select=ledger(id)")).status == 400
        assert [told(await api.get(path)) for path in READS] == [[1, 2]] * 3


@pytest.mark.parametrize("listed", [False, True])
async def test_a_column_that_appears_is_told_or_absent_by_every_api(
    url: str, alter: Callable[[str], None], caplog: pytest.LogCaptureFixture, listed: bool
) -> None:
    caplog.set_level(logging.WARNING)
    columns = ", columns: [id, text]" if listed else ""
    rules = f"tables: {{note: {{allow: {{guest: {{read: true{columns}}}}}}}}}\ndatabase: {{watch: off}}\n"
    more = (
        "defaults: {columns: listed}\nobservability: {metrics: {port: 0}}\n"
        if listed
        else "observability: {metrics: {port: 0}}\n"
    )
    async with served(url, OPEN + rules + more) as api, ClientSession() as client:
        alter("ALTER TABLE note ADD COLUMN ssn VARCHAR(20)")
        await api.running.engine.refresh()
        assert await everywhere(api, "note", "ssn") == ([422, 400, 400] if listed else [200] * 3)
        assert await documented(api, "ssn") == [not listed] * 3
        assert ("column_exposed" in caplog.text or "note.ssn appeared" in caplog.text) is not listed
        async with client.get(f"http://127.0.0.1:{api.running.figures.port}/metrics") as reply:
            assert f"reflector_columns_exposed {float(not listed)}" in await reply.text()


# ── secrets, and lines of the log ────────────────────────────────────────────────────────────


def test_no_option_of_the_command_takes_a_secret() -> None:
    """What is on a command line is seen by everybody on the machine."""
    given = parser()
    [commands] = [each for each in given._actions if isinstance(each, argparse._SubParsersAction)]
    actions = [each for command in (given, *commands.choices.values()) for each in command._actions]
    telling = [
        each for each in actions if re.search("secret|password|token|key|credential", "".join(each.option_strings))
    ]
    assert len(actions) > 40
    assert [each.option_strings for each in telling] == [["--api-key"]]
    assert telling[0].nargs == 0  # it makes one, and takes none


@pytest.mark.parametrize("style", ["json", "console"])
async def test_what_a_caller_sends_is_no_line_and_no_secret_of_the_log(
    databases: Databases, kind: DatabaseKind, style: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    """With every line on: credentials wherever they may stand, values, and ends of lines in what is logged."""
    url = databases.database(kind, SCHEMA)
    wanted = f"observability: {{requests: true, statements: true, level: debug, log: {style}}}\n"
    wanted += "auth: {jwt: {secret: a-signing-key-of-forty-letters-at-least, audience: api}, anonymous_role: guest}\n"
    wanted += "roles: {guest: {}}\ntables: {note: {allow: {guest: {read: true, create: {check: text != 'x'}}}}}\n"
    forged = "%0D%0A2024-01-01T00:00:00.000Z%20INFO%20reflector:%20forged%1B%5B31m%E2%80%A8"
    with logging_to_stderr(Observability(log=style, requests=True, statements=True, level="debug")):
        async with served(url, wanted) as api:
            for path in READS:
                joined = f"{path}{'&' if '?' in path else '?'}"
                for name in ("apikey", "token", "access_token", "text"):
                    await api.get(f"{joined}{name}={CANARY}")
                for header in ("Authorization", "Cookie", "X-API-Key", "apikey", "Proxy-Authorization"):
                    await api.get(path, {header: f"Bearer {CANARY}"})
                await api.get(f"{path}{forged}")
                await api.get(f"{joined}text={forged}")
            for path, body in (
                ("/api/note", {"id": 5, "text": CANARY}),
                ("/api/note", {"id": 1, "text": CANARY}),
                ("/rest/v1/note", {"id": 6, "text": f"{CANARY}{CANARY}"}),
                ("/rest/v1/note", {"id": CANARY}),
                ("/graphql", {"query": f'mutation {{insert_note_one(object: {{id: 5, text: "{CANARY}"}}) {{id}}}}'}),
                (
                    "/graphql",
                    {"query": f'{{note(where: {{text: {{_eq: "{CANARY}"}}}}) {{id {CANARY.replace("-", "_")}}}}}'},
                ),
                (
                    "/graphql",
                    {"query": "query ($v: String) {note(where: {text: {_eq: $v}}) {id}}", "variables": {"v": CANARY}},
                ),
            ):
                await api.post(path, body, bearer(role="guest") if "rest" in path else None)
            await api.get("/nothing", {"X-Request-Id": f"x\t{CANARY}"})
            await api.raw(f"GET /\x01{CANARY} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    said = capfd.readouterr().err
    assert said.count("GET /api/note") >= 10
    assert CANARY not in said
    assert "\x1b[31m" not in said
    for line in re.split(r"[\n\r\u2028\u0085]", said):
        assert not line.startswith("2024-")
        if style == "json" and line:
            json.loads(line)
