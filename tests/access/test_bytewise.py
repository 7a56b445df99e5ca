"""Text of a rule is compared byte by byte, whatever type or collation a column has, and padding is no part of a value."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from server.config import ConfigError
from tests.bookshops import Databases
from tests.server.harness import Served, served
from tests.server.test_jwt import SECRET, token

BEFORE = """
CREATE EXTENSION citext;
CREATE COLLATION no_case (PROVIDER = icu, LOCALE = 'und-u-ks-level2', DETERMINISTIC = false);
CREATE DOMAIN label AS CHAR(6);
CREATE DOMAIN folded AS TEXT COLLATE no_case;
CREATE DOMAIN loose AS CITEXT;
"""
COLUMNS: Mapping[DatabaseKind, Sequence[str]] = {
    DatabaseKind.POSTGRESQL: (
        "TEXT",
        "VARCHAR(9)",
        "CHAR(6)",
        "BPCHAR",
        "LABEL",
        "CITEXT",
        "LOOSE",
        "TEXT COLLATE no_case",
        "FOLDED",
        "CHAR(6) COLLATE no_case",
        'TEXT COLLATE "C"',
        'TEXT COLLATE "en-x-icu"',
    ),
    DatabaseKind.MARIADB: (
        "TEXT",
        "VARCHAR(9)",
        "CHAR(6)",
        "VARCHAR(9) COLLATE utf8mb4_general_ci",
        "VARCHAR(9) COLLATE utf8mb4_bin",
        "VARCHAR(9) COLLATE utf8mb4_unicode_nopad_ci",
        "CHAR(6) CHARACTER SET latin1",
        "CHAR(6) COLLATE utf8mb4_bin",
    ),
    DatabaseKind.SQLITE: (
        "TEXT",
        "CHAR(6)",
        "TEXT COLLATE NOCASE",
        "TEXT COLLATE RTRIM",
    ),
}
CASES = [pytest.param(kind, declared, id=f"{kind}-{declared}") for kind, each in COLUMNS.items() for declared in each]
BY_CLAIM: Mapping[str, Mapping[str, list[int]]] = {
    "v == claims.sub": {"abc": [1], "ABC": [2], "abc ": [], "abc   ": []},
    "v != claims.sub": {"abc": [2, 4], "ABC": [1, 4], "abc ": [1, 2, 4]},
    "v in claims.names": {"abc": [1], "ABC": [2], "abc ": []},
    "v not in claims.names": {"abc": [2, 4], "abc ": [1, 2, 4]},
    "lower(v) == claims.sub": {"abc": [1, 2], "ABC": [], "abc ": []},
    "other.v == claims.sub": {"abc": [2, 4], "ABC": [3], "abc ": []},
    "exists(note, v == claims.sub)": {"abc": [], "ABC": [1], "abc ": []},
}
FOUND: tuple[tuple[Any, list[int]], ...] = (
    ("v == 'abc'", [1]),
    ("v == 'abc '", []),
    ("v in ['ABC', 'abc ']", [2]),
    ("v < 'a'", [2]),
    ("v == w", [1, 4]),
    ("w == v", [1, 4]),
    ("v == t", [1]),
    ("t == v", [1]),
    ("v != t", [2, 4]),
    ("lower(v) == t", [1, 2]),
    ("lower(t) == lower(v)", [1, 2]),
    ("exists(note, t == row.v)", [1]),
    ("exists(note, w == row.t)", [1]),
    ("other.v == t", [2]),
    ("like(v, 'ab%')", [1, 4]),
    ("like(v, 'abc')", [1]),
    ("like(v, 'abc ')", []),
    ("ilike(v, 'AB%')", [1, 2, 4]),
    ({"v": {"_eq": "X-Hasura-Name"}}, [1]),
    ({"v": {"_in": ["ABC", "abc "]}}, [2]),
    ({"v": {"_nin": ["ABC", "abc "]}}, [1, 4]),
    ({"v": {"_ceq": "w"}}, [1, 4]),
    ({"t": {"_ceq": "v"}}, [1]),
    ({"v": {"_startswith": "ab"}}, [1, 4]),
    ({"v": {"_contains": "C"}}, [2]),
)
ROWS = """
    INSERT INTO note VALUES (1, 'abc', 'abc', 'abc', NULL), (2, 'ABC', 'abc', 'abc', 1), (3, NULL, NULL, 'abc', 2), (4, 'ab', 'ab', 'abc ', 1);
"""


def config(rules: Sequence[Any]) -> str:
    """A role for each rule, by its place."""
    names = [f"role{number}" for number in range(len(rules))]
    jwt = {"secret": SECRET, "audience": "api", "issuer": "https://id.example", "role_claim": "roles"}
    said = {
        "auth": {"claims": ["names", "X-Hasura-Name"], "jwt": {**jwt, "namespace": "https://hasura.io/jwt/claims"}},
        "roles": {name: {} for name in names},
        "tables": {
            "note": {"allow": {name: {"read": {"filter": rule}} for name, rule in zip(names, rules, strict=True)}}
        },
    }
    return "\n".join(f"{name}: {json.dumps(value)}" for name, value in said.items())


def bearer(role: int, name: str) -> dict[str, str]:
    claims = {"exp": time.time() + 86_400, "aud": "api", "iss": "https://id.example", "roles": f"role{role}"}
    more = {"sub": name, "names": [name, "x"], "https://hasura.io/jwt/claims": {"x-hasura-name": name}}
    return {"Authorization": f"Bearer {token({**claims, **more})}"}


async def found(api: Served, role: int, name: str, query: str = "") -> list[int] | tuple[int, bytes]:
    reply = await api.get(f"/api/note?fields=id{query}", bearer(role, name))
    return [row["id"] for row in reply.json["items"]] if reply.status == 200 else (reply.status, reply.body)


@pytest.mark.parametrize(("kind", "declared"), CASES)
async def test_text_of_a_rule_is_what_its_letters_are(databases: Databases, kind: DatabaseKind, declared: str) -> None:
    before = BEFORE if kind is DatabaseKind.POSTGRESQL else ""
    columns = f"v {declared}, w {declared}, t VARCHAR(9), other_id INTEGER REFERENCES note (id)"
    url = databases.database(kind, f"{before} CREATE TABLE note (id INTEGER PRIMARY KEY, {columns}); {ROWS}")
    rules = [*BY_CLAIM, *(rule for rule, _ in FOUND)]
    seen: dict[Any, Any] = {}
    async with served(url, config(rules), strict=True) as api:
        for role, (rule, asked) in enumerate(BY_CLAIM.items()):
            seen[rule] = {name: await found(api, role, name) for name in asked}
        told = [(rule, await found(api, len(BY_CLAIM) + place, "abc")) for place, (rule, _) in enumerate(FOUND)]
    assert seen == BY_CLAIM
    assert told == list(FOUND)


@pytest.mark.parametrize(
    ("left", "right"), [('"C"', '"en-x-icu"'), ('"C"', "no_case"), ("no_case", '"en-x-icu"'), ("no_case", "no_accent")]
)
async def test_columns_of_two_collations_are_compared_with_one_another(
    databases: Databases, left: str, right: str
) -> None:
    script = f"""{BEFORE}
        CREATE COLLATION no_accent (PROVIDER = icu, LOCALE = 'und-u-ks-level1', DETERMINISTIC = false);
        CREATE DOMAIN mine AS TEXT COLLATE {left};
        CREATE TABLE note (id INTEGER PRIMARY KEY, a TEXT COLLATE {left}, b VARCHAR(9) COLLATE {right}, c MINE);
        INSERT INTO note VALUES (1, 'a', 'a', 'a'), (2, 'A', 'a', 'A'), (3, 'a', 'á', 'a');
    """
    rules = ["a == b", "b == a", "c == b", "b != c", "a < b", "lower(a) == b", {"a": {"_ceq": "b"}}]
    async with served(databases.database(DatabaseKind.POSTGRESQL, script), config(rules), strict=True) as api:
        told = [await found(api, role, "a") for role in range(len(rules))]
    assert told == [[1], [1], [1], [2, 3], [2, 3], [1, 2], [1]]


ARRAYS = ("TEXT[]", "CITEXT[]", "TEXT[] COLLATE no_case", "FOLDED[]", "CHAR(6)[]", "LABEL[]", "VARCHAR(9)[]")
LISTED: tuple[tuple[Any, str, list[int]], ...] = (
    ("'abc' in v", "", [1, 3]),
    ("'ABC' in v", "", [2]),
    ("'abc ' in v", "", []),
    ("claims.sub in v", "abc", [1, 3]),
    ("claims.sub in v", "abc ", []),
    ("claims.sub not in v", "abc", [2, 5]),
    ({"v": {"_contains": ["abc"]}}, "", [1, 3]),
    ({"v": {"_contains": ["abc "]}}, "", []),
    ({"v": {"_contained_in": ["abc", "x"]}}, "", [1, 5]),
    ({"v": {"_contained_in": ["abc ", "x"]}}, "", [5]),
    ({"v": {"_eq": ["abc"]}}, "", [1]),
    ({"v": {"_eq": ["abc "]}}, "", []),
    ({"v": {"_neq": ["abc"]}}, "", [2, 3, 5]),
    ({"v": {"_in": [["ABC"], ["abc "]]}}, "", [2]),
    ("v == w", "", [1, 3, 5]),
    ({"w": {"_ceq": "v"}}, "", [1, 3, 5]),
    ("v == t", "", [1, 3, 5]),
    ("t == v", "", [1, 3, 5]),
)


@pytest.mark.parametrize("declared", ARRAYS)
async def test_items_of_arrays_are_texts_byte_by_byte(databases: Databases, declared: str) -> None:
    script = f"""{BEFORE}
        CREATE TABLE note (id INTEGER PRIMARY KEY, v {declared}, w {declared}, t {declared});
        INSERT INTO note VALUES (1, '{{abc}}', '{{abc}}', '{{abc}}'), (2, '{{ABC}}', '{{abc}}', '{{abc}}'),
            (3, '{{abc,y,NULL}}', '{{abc,y,NULL}}', '{{abc,y,NULL}}'), (4, NULL, NULL, NULL), (5, '{{}}', '{{}}', '{{}}');
    """
    url = databases.database(DatabaseKind.POSTGRESQL, script)
    async with served(url, config([rule for rule, _, _ in LISTED]), strict=True) as api:
        told = [(rule, name, await found(api, role, name)) for role, (rule, name, _) in enumerate(LISTED)]
    assert told == list(LISTED)


LABELLED: tuple[tuple[Any, str, Any], ...] = (
    ("'red' in v", "", [1, 3]),
    ("'red' not in v", "", [2, 5]),
    ("'it\\'s' in v", "", [3]),
    ("claims.sub in v", "green", [2, 3]),
    ("claims.sub not in v", "green", [1, 5]),
    ("claims.sub in v", "RED", 403),
    ("claims.sub in v", "red,green", 403),
)


@pytest.mark.parametrize("more", ["", "CHARACTER SET latin1", "COLLATE utf8mb4_bin"])
async def test_labels_of_a_set(databases: Databases, more: str) -> None:
    script = f"""
        CREATE TABLE note (id INTEGER PRIMARY KEY, v SET('red', 'green', 'it''s', 'é') {more});
        INSERT INTO note VALUES (1, 'red'), (2, 'green'), (3, 'red,green,it''s'), (4, NULL), (5, '');
    """
    url = databases.database(DatabaseKind.MARIADB, script)
    async with served(url, config([rule for rule, _, _ in LABELLED]), strict=True) as api:
        told = [await found(api, role, name) for role, (_, name, _) in enumerate(LABELLED)]
    assert [each if isinstance(each, list) else each[0] for each in told] == [expected for _, _, expected in LABELLED]


async def test_a_label_that_a_set_does_not_have_is_told(databases: Databases) -> None:
    url = databases.database(DatabaseKind.MARIADB, "CREATE TABLE note (id INT PRIMARY KEY, v SET('red', 'green'));")
    with pytest.raises(ConfigError, match=r"'rde' is not one of the allowed values.*did you mean 'red'"):
        async with served(url, config(["'rde' in v"]), strict=True):
            pass


PATHS: tuple[tuple[Any, list[int]], ...] = (
    ({"v": {"_ancestor": "Top.Science.Physics"}}, [1, 2]),
    ({"v": {"_descendant": "Top.Science"}}, [2, 3]),
    ({"v": {"_descendant": "top.science"}}, [5]),
    ({"v": {"_ancestor": "Top"}}, [1]),
    ({"_not": {"v": {"_ancestor": "Top.Science"}}}, [3, 5]),
    ({"v": {"_eq": "Top.Science"}}, [2]),
    ("v == 'Top'", [1]),
)


async def test_paths_of_ltree(databases: Databases) -> None:
    script = """
        CREATE EXTENSION ltree;
        CREATE TABLE note (id INTEGER PRIMARY KEY, v ltree);
        INSERT INTO note VALUES (1, 'Top'), (2, 'Top.Science'), (3, 'Top.Science.Maths'), (4, NULL), (5, 'top.science');
    """
    url = databases.database(DatabaseKind.POSTGRESQL, script)
    async with served(url, config([rule for rule, _ in PATHS]), strict=True) as api:
        told = [(rule, await found(api, role, "")) for role, (rule, _) in enumerate(PATHS)]
    assert told == list(PATHS)


async def test_what_a_column_without_a_type_holds_is_compared_byte_by_byte(databases: Databases) -> None:
    script = f"CREATE TABLE note (id INTEGER PRIMARY KEY, v COLLATE NOCASE, w COLLATE RTRIM, t, o INTEGER); {ROWS}"
    said: tuple[tuple[Any, str, list[int]], ...] = (
        ("v == claims.sub", "abc", [1]),
        ("v == claims.sub", "ABC", [2]),
        ("v in claims.names", "ABC", [2]),
        ("v != claims.sub", "abc", [2, 4]),
        ("w == claims.sub", "abc ", []),
        ("w in ['abc ', 'ab']", "", [4]),
        ("v == w", "", [1, 4]),
        ("w == v", "", [1, 4]),
    )
    async with served(databases.database(DatabaseKind.SQLITE, script), config([rule for rule, _, _ in said])) as api:
        told = [(rule, name, await found(api, role, name)) for role, (rule, name, _) in enumerate(said)]
    assert told == list(said)


DOCUMENTS: tuple[tuple[Any, str, list[int]], ...] = (
    ("has_key(v, 'a')", "", [1]),
    ("has_key(v, 'A')", "", [2]),
    ("'a' in v", "", [3]),
    ("'a ' in v", "", []),
    ("claims.sub in v", "A", [4]),
    ("claims.sub in v", "a ", []),
    ({"v": {"_contains": {"a": "x"}}}, "", [1]),
    ({"v": {"_contains": {"a": "X"}}}, "", []),
    ({"v": {"_contains": {"a": "x "}}}, "", []),
    ({"v": {"_contains": {"A": "x"}}}, "", []),
    ({"v": {"_contains": ["A"]}}, "", [4]),
    ({"v": {"_contained_in": ["A", "b"]}}, "", [4]),
    ({"v": {"_contained_in": ["a ", "b"]}}, "", []),
    ({"v": {"_has_keys_any": ["A", "b"]}}, "", [2]),
)
KEPT = {
    DatabaseKind.POSTGRESQL: ("jsonb",),
    DatabaseKind.MARIADB: ("JSON", "LONGTEXT COLLATE utf8mb4_general_ci CHECK (json_valid(v))"),
    DatabaseKind.SQLITE: ("JSON", "JSON COLLATE NOCASE", "JSON COLLATE RTRIM"),
}


@pytest.mark.parametrize(("kind", "declared"), [(kind, declared) for kind, each in KEPT.items() for declared in each])
async def test_documents_hold_texts_byte_by_byte(databases: Databases, kind: DatabaseKind, declared: str) -> None:
    script = f"""
        CREATE TABLE note (id INTEGER PRIMARY KEY, v {declared});
        INSERT INTO note VALUES (1, '{{"a": "x"}}'), (2, '{{"A": "X"}}'), (3, '["a"]'), (4, '["A"]'), (5, NULL);
    """
    url = databases.database(kind, script)
    async with served(url, config([rule for rule, _, _ in DOCUMENTS]), strict=True) as api:
        told = [(rule, name, await found(api, role, name)) for role, (rule, name, _) in enumerate(DOCUMENTS)]
    assert told == list(DOCUMENTS)


ASKED: tuple[tuple[DatabaseKind, str, Mapping[str, list[int]]], ...] = (
    (DatabaseKind.POSTGRESQL, "CITEXT", {"v=abc": [1, 2], "v__like=ab%25": [1, 4]}),
    (DatabaseKind.POSTGRESQL, "TEXT COLLATE no_case", {"v=abc": [1, 2], "v__like=ab%25": [1, 4], "v__contains=B": [2]}),
    (DatabaseKind.POSTGRESQL, "FOLDED", {"v__in=abc,x": [1, 2], "v__ilike=AB%25": [1, 2, 4]}),
    (DatabaseKind.POSTGRESQL, "CHAR(6)", {"v=abc%20": [1], "v__in=abc%20,x": [1]}),
    (DatabaseKind.MARIADB, "VARCHAR(9) COLLATE utf8mb4_general_ci", {"v=abc%20": [1, 2], "v__like=ab%25": [1, 4]}),
    (DatabaseKind.SQLITE, "TEXT COLLATE NOCASE", {"v=abc": [1, 2], "v__like=ab%25": [1, 4]}),
    (DatabaseKind.SQLITE, "TEXT COLLATE RTRIM", {"v=abc%20": [1]}),
)


@pytest.mark.parametrize(("kind", "declared", "expected"), ASKED)
async def test_filters_of_callers_follow_the_column(
    databases: Databases, kind: DatabaseKind, declared: str, expected: Mapping[str, list[int]]
) -> None:
    before = BEFORE if kind is DatabaseKind.POSTGRESQL else ""
    columns = f"v {declared}, w {declared}, t VARCHAR(9), other_id INTEGER"
    url = databases.database(kind, f"{before} CREATE TABLE note (id INTEGER PRIMARY KEY, {columns}); {ROWS}")
    async with served(url, config([True]), strict=True) as api:
        assert {query: await found(api, 0, "abc", f"&{query}") for query in expected} == expected
