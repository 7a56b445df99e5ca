"""The schema as SDL, as golden files; names that clash or are no names; and that the schema follows the database.

`UPDATE_GOLDEN=1 pytest tests/apis/graphql/test_schema.py` writes them anew.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from graphql import build_client_schema, get_introspection_query, print_schema, validate_schema

from reflector.access.permissions import open_grants
from reflector.access.scoping import scope_for
from reflector.catalog.model import DatabaseKind
from reflector.snapshot import Access
from server.apis.graphql.names import names_of
from server.apis.graphql.schema import make_schema
from tests.apis.graphql.asking import data
from tests.bookshops import Databases, serving
from tests.server.harness import Served, served

GOLDEN = Path(__file__).parents[2] / "golden" / "graphql"


async def test_the_schema_is_as_it_was_agreed_and_valid(kind: DatabaseKind, shops: Mapping[DatabaseKind, str]) -> None:
    async with served(shops[kind], writable=True) as api:
        found = await data(api, get_introspection_query())
    schema = build_client_schema(found)
    assert validate_schema(schema) == []
    said = print_schema(schema) + "\n"
    golden = GOLDEN / f"{kind.value}.graphql"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(said)
    assert said == golden.read_text()


AWKWARD = """
CREATE TABLE a (id INTEGER PRIMARY KEY, _and TEXT, "__typename" TEXT, "two words" TEXT, b_aggregate TEXT);
CREATE TABLE a_aggregate (id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a (id));
CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a (id));
CREATE TABLE "order_by" (id INTEGER PRIMARY KEY);
CREATE TABLE "String" (id INTEGER PRIMARY KEY);
CREATE TABLE "1st" (id INTEGER PRIMARY KEY);
CREATE TABLE "__x" (id INTEGER PRIMARY KEY);
CREATE TABLE "only odd" ("two words" TEXT);
INSERT INTO a VALUES (1, 'x', 'y', 'z', 'own');
INSERT INTO b VALUES (1, 1);
"""


async def test_what_has_no_name_or_no_free_name_is_left_out(databases: Databases) -> None:
    url = databases.database(DatabaseKind.SQLITE, AWKWARD)
    async with serving(url) as engine:
        names = names_of(engine.snapshot.catalog)
    assert list(names.tables.values()) == ["a", "b"]
    assert [each.message for each in names.notices] == [
        "1st is left out of GraphQL: its name is no GraphQL name",
        "String is left out of GraphQL: another table has its names already",
        "__x is left out of GraphQL: its name is no GraphQL name",
        "a._and cannot stand in conditions of GraphQL: it is a word of theirs",
        "a.__typename is left out of GraphQL: its name is no GraphQL name",
        "a.two words is left out of GraphQL: its name is no GraphQL name",
        "a_aggregate is left out of GraphQL: another table has its names already",
        "only odd is left out of GraphQL: its name is no GraphQL name",
        "order_by is left out of GraphQL: another table has its names already",
    ]
    async with served(url) as api:
        found = await data(api, "{a {_and b_aggregate __typename b {id a {id}}} b(where: {a: {id: {_eq: 1}}}) {id}}")
    assert found == {
        "a": [{"_and": "x", "b_aggregate": "own", "__typename": "a", "b": [{"id": 1, "a": {"id": 1}}]}],
        "b": [{"id": 1}],
    }


SCHEMAS = """
CREATE SCHEMA other;
CREATE TABLE thing (id int PRIMARY KEY);
CREATE TABLE other.thing (id int PRIMARY KEY, tags text[], mood text[]);
INSERT INTO other.thing VALUES (1, '{a,b}', NULL);
"""


async def test_tables_of_other_schemas_carry_their_schema(databases: Databases) -> None:
    url = databases.database(DatabaseKind.POSTGRESQL, SCHEMAS)
    async with served(url) as api:
        found = await data(api, '{thing {id} other_thing(where: {tags: {_eq: ["a", "b"]}}) {id tags mood __typename}}')
        none = await data(api, "query ($t: [String!]) {other_thing(where: {tags: {_eq: $t}}) {id}}", {"t": ["b", "a"]})
    assert found == {
        "thing": [],
        "other_thing": [{"id": 1, "tags": ["a", "b"], "mood": None, "__typename": "other_thing"}],
    }
    assert none == {"other_thing": []}


async def test_a_schema_follows_the_database_while_it_is_served(databases: Databases) -> None:
    url = databases.database(DatabaseKind.SQLITE, "CREATE TABLE a (id INTEGER PRIMARY KEY);")
    async with served(url) as api:
        assert await data(api, "{a {id}}") == {"a": []}
        await _change(api, databases, url)
        assert await data(api, "{a {id name}}") == {"a": []}


async def _change(api: Served, databases: Databases, url: str) -> None:
    import sqlite3

    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("ALTER TABLE a ADD name TEXT")
    assert await api.running.engine.refresh()


async def test_a_thousand_tables_have_a_schema_in_a_moment(databases: Databases) -> None:
    tables = "".join(
        f"CREATE TABLE t{n} (id INTEGER PRIMARY KEY, a TEXT, b INT, c REAL, d DATE, e TEXT, before INTEGER REFERENCES t{max(0, n - 1)} (id));"
        for n in range(1000)
    )
    async with serving(databases.database(DatabaseKind.SQLITE, tables)) as engine:
        catalog = engine.snapshot.catalog
    grants = open_grants(catalog, writable=True)
    began = time.process_time()
    names = names_of(catalog)
    schema = make_schema(Access(scope_for(catalog, grants), grants), names)
    took = time.process_time() - began
    assert len(schema.roots) == 6000
    assert took < 30, took  # about thirty times what it takes
