"""What a rule finds, on three databases: keys of documents, Hasura's words, its session variables, columns with columns."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from server.config import ConfigError
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
POSTS = """
CREATE TABLE post (id INTEGER PRIMARY KEY, tags {json}, owner VARCHAR(40));
INSERT INTO post VALUES (1, '["a", "b"]', 'x'), (2, '["A", "it''s", "ü", 7]', 'x'), (3, '[]', 'x'), (4, NULL, 'x'), (5, 'null', 'x'),
  (6, '"a"', 'x'), (7, '{{"a": 1, "k": {{"a": "b"}}}}', 'x'), (8, '["7", "abc"]', 'x');
"""
HELD: tuple[tuple[Any, list[int]], ...] = (
    ("'a' in tags", [1]),
    ("'A' in tags", [2]),
    ("'it\\'s' in tags", [2]),
    ("'ü' in tags", [2]),
    ("'7' in tags", [8]),
    ("'a' not in tags", [2, 3, 6, 7, 8]),
    ("not ('a' in tags) and owner == 'x'", [2, 3, 6, 7, 8]),
    ("claims.sub in tags", [8]),
    ("claims.sub not in tags", [1, 2, 3, 6, 7]),
    ("'' in tags", []),
    ("'%' in tags or 'b' in tags", [1]),
    ({"tags": {"_has_keys_any": ["a", "zz"]}}, [7]),
    ({"tags": {"_has_keys_all": ["a", "k"]}}, [7]),
    ({"tags": {"_has_keys_all": ["a", "zz"]}}, []),
)
CONTAINED: tuple[tuple[Any, list[int]], ...] = (
    ({"tags": {"_contains": ["a"]}}, [1]),
    ({"tags": {"_contains": {"k": {"a": "b"}}}}, [7]),
    ({"_not": {"tags": {"_contains": []}}}, [5, 6, 7]),
    ({"tags": {"_contained_in": ["a", "b", "c"]}}, [1, 3, 6]),
)
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
        "auth": {
            "claims": ["X-Hasura-Teams", "x-hasura-titles"],
            "jwt": {**jwt, "namespace": "https://hasura.io/jwt/claims"},
        },
        "roles": {name: {} for name in rules},
        "tables": tables,
    }
    return "\n".join(f"{name}: {json.dumps(value)}" for name, value in said.items())


def bearer(role: str) -> dict[str, str]:
    claims: dict[str, Any] = {
        "exp": time.time() + 86_400,
        "aud": "api",
        "iss": "https://id.example",
        "roles": role,
        "sub": "7",
    }
    return {"Authorization": f"Bearer {token({**claims, 'https://hasura.io/jwt/claims': HASURA})}"}


@pytest.fixture(scope="session")
def posts(databases: Databases) -> Mapping[DatabaseKind, str]:
    return {kind: databases.database(kind, POSTS.format(json=JSON[kind])) for kind in KINDS}


async def found_by(url: str, said: tuple[tuple[Any, list[int]], ...]) -> None:
    rules = {f"role{number}": rule for number, (rule, _) in enumerate(said)}
    async with served(url, config(rules).replace('"note"', '"post"'), strict=True) as api:
        for number, (rule, expected) in enumerate(said):
            reply = await api.get("/api/post?fields=id", bearer(f"role{number}"))
            assert (rule, reply.status) == (rule, 200), reply.body
            assert (rule, [row["id"] for row in reply.json["items"]]) == (rule, expected)


async def test_what_a_document_holds_is_the_same_everywhere(
    kind: DatabaseKind, posts: Mapping[DatabaseKind, str]
) -> None:
    await found_by(posts[kind], HELD)


async def test_a_document_in_another_is_the_same_everywhere(
    kind: DatabaseKind, posts: Mapping[DatabaseKind, str]
) -> None:
    await found_by(posts[kind], CONTAINED)


async def test_arrays_of_postgresql(databases: Databases) -> None:
    script = """
        CREATE TABLE post (id INTEGER PRIMARY KEY, tags TEXT[], numbers INTEGER[], labels VARCHAR(10)[]);
        INSERT INTO post VALUES (1, '{a,b}', '{1,7}', '{a}'), (2, '{}', '{}', '{}'), (3, NULL, NULL, NULL), (4, '{NULL,c}', '{NULL,2}', '{NULL}');
    """
    said: tuple[tuple[Any, list[int]], ...] = (
        ("'a' in tags", [1]),
        ("'a' not in tags", [2, 4]),
        ("7 in numbers", [1]),
        ("claims.sub in numbers", [1]),
        ("'a' in labels", [1]),
        ("'a' not in labels", [2, 4]),
        ({"tags": {"_contains": ["a", "b"]}}, [1]),
        ({"tags": {"_contained_in": ["a", "b", "c"]}}, [1, 2]),
        ({"numbers": {"_contains": [2]}}, [4]),
    )
    await found_by(databases.database(DatabaseKind.POSTGRESQL, script), said)


@pytest.mark.parametrize("type_", ["CITEXT[]", "TEXT[] COLLATE no_case", "VARCHAR(9)[] COLLATE no_case", "NO_CASE[]"])
async def test_items_are_texts_byte_by_byte(databases: Databases, type_: str) -> None:
    """A claim of `ALICE` is not `alice`, whatever the column's type or collation thinks of that."""
    script = f"""
        CREATE EXTENSION citext;
        CREATE COLLATION no_case (PROVIDER = icu, LOCALE = 'und-u-ks-level2', DETERMINISTIC = false);
        CREATE DOMAIN no_case AS TEXT COLLATE no_case;
        CREATE TABLE post (id INTEGER PRIMARY KEY, tags {type_});
        INSERT INTO post VALUES (1, '{{a,7}}'), (2, '{{A,NULL}}'), (3, NULL), (4, '{{}}');
    """
    said: tuple[tuple[Any, list[int]], ...] = (
        ("'a' in tags", [1]),
        ("'A' in tags", [2]),
        ("'a ' in tags", []),
        ("'a' not in tags", [2, 4]),
        ("claims.sub in tags", [1]),
    )
    await found_by(databases.database(DatabaseKind.POSTGRESQL, script), said)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("'x' in owner", "'owner' is character varying(40), which has no items; x in ['a', 'b'] asks"),
        ("7 in tags", "is not a text"),
        ("owner in tags", "'in' needs a list, or a claim that is one"),
        (
            {"tags": {"_contains": "X-Hasura-Tag"}},
            "takes what stands in the rule; claims.x in column asks for one item",
        ),
        ({"owner": {"_contained_in": ["a"]}}, "'_contained_in' cannot be asked of"),
        ({"tags": {"_ancestor": "a"}}, "'_ancestor' cannot be asked of"),
        ({"tags": {"_has_keys_any": []}}, "takes a list of texts that is not empty"),
        ({"owner": {"_similar": "a"}}, "is an operator of Hasura that rules do not have; write _like, or _regex"),
        ({"owner": {"_st_within": {}}}, "write a view, or a column that says it, and compare that"),
        ({"tags": {"_jsonb_path_exists": "$.a"}}, "write _contains, or _has_key"),
        ({"tags": {"_cast": {"String": {"_eq": "a"}}}}, "compare the column as it is"),
    ],
)
async def test_what_a_rule_cannot_ask_is_told_with_what_to_write(
    posts: Mapping[DatabaseKind, str], rule: Any, said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        async with served(posts[DatabaseKind.SQLITE], config({"one": rule}).replace('"note"', '"post"'), strict=True):
            pass
    assert said in str(refused.value).replace("VARCHAR(40)", "character varying(40)")


async def test_each_rule_finds_the_same_rows_on_every_database(
    kind: DatabaseKind, notes: Mapping[DatabaseKind, str]
) -> None:
    rules = {f"role{number}": rule for number, (rule, _) in enumerate(FOUND)}
    async with served(notes[kind], config(rules), strict=True) as api:
        for number, (rule, expected) in enumerate(FOUND):
            reply = await api.get("/api/note?fields=id", bearer(f"role{number}"))
            assert (rule, reply.status) == (rule, 200), reply.body
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
