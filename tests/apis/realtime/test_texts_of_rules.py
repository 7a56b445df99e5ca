"""Changes are told by what the letters of a rule's texts are, as reads are: padding, case and items of lists."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping

import pytest

from reflector.catalog.model import DatabaseKind
from tests.apis.realtime.following import connected
from tests.apis.realtime.test_rules import bearer
from tests.bookshops import Databases
from tests.changes.capturing import Write, with_changes, writer
from tests.server.harness import Served, served
from tests.server.test_jwt import SECRET

COLUMNS: Mapping[DatabaseKind, Mapping[str, str]] = {
    DatabaseKind.POSTGRESQL: {
        "padded": "CHAR(6)",
        "loose": "CITEXT",
        "folded": "TEXT COLLATE no_case",
        "tags": "CITEXT[]",
        "codes": "CHAR(6)[]",
        "document": "JSONB",
    },
    DatabaseKind.SQLITE: {
        "padded": "CHAR(6)",
        "loose": "TEXT COLLATE NOCASE",
        "folded": "TEXT COLLATE RTRIM",
        "document": "JSON",
    },
}
BEFORE = """
CREATE EXTENSION citext;
CREATE COLLATION no_case (PROVIDER = icu, LOCALE = 'und-u-ks-level2', DETERMINISTIC = false);
"""
LISTS = ("tags", "codes", "document")
ROWS = {1: "abc", 2: "ABC", 3: "ab"}


@pytest.fixture
async def url(kind: DatabaseKind, databases: Databases) -> AsyncIterator[str]:
    columns = ", ".join(f"{name} {declared}" for name, declared in COLUMNS[kind].items())
    before = BEFORE if kind is DatabaseKind.POSTGRESQL else ""
    script = f"{before} CREATE TABLE note (id INTEGER PRIMARY KEY, {columns}, body VARCHAR(9));"
    async with with_changes(databases.database(kind, script)) as made:
        yield made


@pytest.fixture
async def api(url: str, kind: DatabaseKind) -> AsyncIterator[Served]:
    rules = {name: f"claims.sub in {name}" if name in LISTS else f"{name} == claims.sub" for name in COLUMNS[kind]}
    said = {
        "auth": {"jwt": {"secret": SECRET, "audience": "api", "issuer": "https://id.example", "role_claim": "roles"}},
        "roles": {name: {} for name in rules},
        "tables": {
            "note": {"allow": {name: {"read": rule, "columns": ["id", "body"]} for name, rule in rules.items()}}
        },
    }
    async with served(url, "\n".join(f"{name}: {json.dumps(each)}" for name, each in said.items())) as running:
        yield running


def inserted(kind: DatabaseKind, id_: int, text: str) -> str:
    """A row that has the text in each of its columns, alone or as an item."""
    listed = {"document": json.dumps(["x", text]), "tags": f"{{x,{text}}}", "codes": f"{{x,{text}}}"}
    values = ", ".join(f"'{listed.get(name, text)}'" for name in COLUMNS[kind])
    return f"INSERT INTO note ({', '.join(COLUMNS[kind])}, id, body) VALUES ({values}, {id_}, 'new')"


async def test_changes_are_told_by_the_letters_of_a_claim(
    api: Served, url: str, kind: DatabaseKind, databases: Databases
) -> None:
    write: Write = writer(url, databases.postgresql)
    for name in COLUMNS[kind]:
        callers = {subject: bearer(name, subject) for subject in ("abc", "ABC", "abc ", "Abc", "ab")}
        told: dict[str, list[tuple[str, int]]] = {}
        async with (
            connected(api, callers["abc"]) as small,
            connected(api, callers["ABC"]) as large,
            connected(api, callers["abc "]) as longer,
            connected(api, callers["Abc"]) as mixed,
            connected(api, callers["ab"]) as last,
        ):
            clients = dict(zip(callers, (small, large, longer, mixed, last), strict=True))
            for client in clients.values():
                await client.follow("note")
            for id_, text in ROWS.items():
                write(inserted(kind, id_, text))
            write("UPDATE note SET body = 'now'")
            write("DELETE FROM note")
            for subject, client in clients.items():
                count = 3 if subject in ROWS.values() else 0
                told[subject] = [(each["op"], each["key"]["id"]) for each in await client.changes(count)]
                await client.silence()
        expected = {text: [("insert", id_), ("update", id_), ("delete", id_)] for id_, text in ROWS.items()}
        assert told == expected | {"abc ": [], "Abc": []}, name
