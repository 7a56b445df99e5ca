"""What a rule finds, on three databases: keys of documents, Hasura's words, its session variables, columns with columns."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from tests.bookshops import KINDS, Databases
from tests.server.harness import served
from tests.server.test_jwt import SECRET, token

SCHEMA = """
CREATE TABLE team (id INTEGER PRIMARY KEY, least INTEGER);
CREATE TABLE note (id INTEGER PRIMARY KEY, team_id INTEGER REFERENCES team (id), title VARCHAR(40), rank INTEGER, top INTEGER, meta {json});
INSERT INTO team VALUES (1, 5), (2, 50);
INSERT INTO note VALUES
  (1, 1, 'alpha', 10, 10, '{{"a": null}}'), (2, 2, 'Beta', 20, 10, '{{"b": 1}}'), (3, NULL, 'al%pha', 1, 2, NULL),
  (4, 1, 'gamma', 7, 9, '[1, "a"]');
"""
JSON: Mapping[DatabaseKind, str] = {
    DatabaseKind.POSTGRESQL: "jsonb",
    DatabaseKind.MARIADB: "JSON",
    DatabaseKind.SQLITE: "JSON",
}
HASURA = {"x-hasura-user-id": "7", "x-hasura-teams": "{1,3}", "x-hasura-titles": '{"alpha","gamma"}'}
FOUND: tuple[tuple[Any, list[int]], ...] = (
    ("has_key(meta, 'a')", [1]),
    ("not has_key(meta, 'a')", [2, 3, 4]),
    ({"meta": {"_has_key": "b"}}, [2]),
    ({"rank": {"_eq": "X-Hasura-User-Id"}}, [4]),
    ({"team_id": {"_in": "X-Hasura-Teams"}}, [1, 4]),
    ({"title": {"_in": "X-Hasura-Titles"}}, [1, 4]),
    ({"team_id": {"_nin": "X-Hasura-Teams"}}, [2]),
    ({"rank": {"_ceq": "top"}}, [1]),
    ({"rank": {"_cgt": "top"}}, [2]),
    ({"team": {"least": {"_clt": ["$", "rank"]}}}, [1, 4]),
    ({"title": {"_nlike": "al%"}}, [2, 4]),
    ({"title": {"_ilike": "b%"}}, [2]),
    ({"_or": [{"title": {"$eq": "alpha"}}, {"team_id": {"_is_null": True}}]}, [1, 3]),
    ({"_not": {"rank": {"_gte": 7}}}, [3]),
    ({"_exists": {"_table": "team", "_where": {"least": {"_ceq": ["$", "rank"]}}}}, []),
    ({"_exists": {"_table": "team", "_where": {"least": {"_cgte": ["$", "rank"]}}}}, [1, 2, 3, 4]),
)


@pytest.fixture(scope="session")
def notes(databases: Databases) -> Mapping[DatabaseKind, str]:
    return {kind: databases.database(kind, SCHEMA.format(json=JSON[kind])) for kind in KINDS}


def config(rules: Mapping[str, Any]) -> str:
    """A role for each rule."""
    tables = {"note": {"allow": {name: {"read": {"filter": rule}} for name, rule in rules.items()}}}
    jwt = {"secret": SECRET, "audience": "api", "issuer": "https://id.example", "role_claim": "roles"}
    said = {
        "auth": {"jwt": {**jwt, "namespace": "https://hasura.io/jwt/claims"}},
        "roles": {name: {} for name in rules},
        "tables": tables,
    }
    return "\n".join(f"{name}: {json.dumps(value)}" for name, value in said.items())


def bearer(role: str) -> dict[str, str]:
    claims: dict[str, Any] = {"exp": time.time() + 86_400, "aud": "api", "iss": "https://id.example", "roles": role}
    return {"Authorization": f"Bearer {token({**claims, 'https://hasura.io/jwt/claims': HASURA})}"}


async def test_each_rule_finds_the_same_rows_on_every_database(
    kind: DatabaseKind, notes: Mapping[DatabaseKind, str]
) -> None:
    rules = {f"role{number}": rule for number, (rule, _) in enumerate(FOUND)}
    async with served(notes[kind], config(rules), strict=True) as api:
        for number, (rule, expected) in enumerate(FOUND):
            reply = await api.get("/api/note?fields=id", bearer(f"role{number}"))
            assert (rule, reply.status) == (rule, 200)
            assert (rule, [row["id"] for row in reply.json["items"]]) == (rule, expected)


@pytest.mark.parametrize("kind", [DatabaseKind.POSTGRESQL, DatabaseKind.MARIADB], ids=str)
async def test_regular_expressions_of_rules(kind: DatabaseKind, notes: Mapping[DatabaseKind, str]) -> None:
    rules = {
        "one": {"title": {"_regex": "^[a-b]"}},
        "two": {"title": {"_iregex": "^[a-b]"}},
        "three": {"title": {"_nregex": "a$"}},
    }
    async with served(notes[kind], config(rules), strict=True) as api:
        found = [
            [row["id"] for row in (await api.get("/api/note?fields=id", bearer(role))).json["items"]] for role in rules
        ]
    assert found == [[1, 3], [1, 2, 3], []]
