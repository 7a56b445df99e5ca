"""Two schemas with tables and functions of one name: a profile chooses, and nothing of the one is found from the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Final

import pytest

from reflector.catalog.model import DatabaseKind
from tests.bookshops import Databases
from tests.server.harness import Reply, Served, served

REST: Final = "/rest/v1/"
POSTGRESQL, MARIADB = DatabaseKind.POSTGRESQL, DatabaseKind.MARIADB
FIRST: Final = """
CREATE TABLE {first}parent (id integer NOT NULL PRIMARY KEY, name varchar(9));
CREATE TABLE {first}child (id integer NOT NULL PRIMARY KEY, parent_id integer, FOREIGN KEY (parent_id) REFERENCES {first}parent (id));
INSERT INTO {first}parent VALUES (1, 'one'); INSERT INTO {first}child VALUES (10, 1);
"""
SECOND: Final = """
CREATE TABLE {second}parent (id integer NOT NULL PRIMARY KEY, label varchar(9));
CREATE TABLE {second}thing (
    id integer NOT NULL PRIMARY KEY, above integer, p integer, FOREIGN KEY (above) REFERENCES {first}parent (id),
    FOREIGN KEY (p) REFERENCES {second}parent (id));
INSERT INTO {second}parent VALUES (2, 'two'); INSERT INTO {second}thing VALUES (20, 1, 2);
"""
ROUTINES: Final[Mapping[DatabaseKind, str]] = {
    POSTGRESQL: """
        CREATE FUNCTION {first}which() RETURNS text LANGUAGE sql STABLE AS 'SELECT ''first''';
        CREATE FUNCTION {second}which() RETURNS text LANGUAGE sql STABLE AS 'SELECT ''second''';
        CREATE FUNCTION {second}same(n integer) RETURNS integer LANGUAGE sql STABLE AS 'SELECT n';
    """,
    MARIADB: """
        CREATE FUNCTION {first}which() RETURNS varchar(9) DETERMINISTIC RETURN 'first';
        CREATE FUNCTION {second}which() RETURNS varchar(9) DETERMINISTIC RETURN 'second';
        CREATE FUNCTION {second}same(n integer) RETURNS integer DETERMINISTIC RETURN n;
    """,
}
CONFIG: Final = """
database: {{schemas: [{first}, {second}]}}
auth: {{anonymous_role: guest}}
roles: {{guest: {{}}}}
tables: {{"*": {{allow: {{guest: {{read: true, create: true, update: true, delete: true}}}}}}}}
functions: {{which: {{allow: [guest]}}, "{second}.which": {{allow: [guest]}}, "{second}.same": {{allow: [guest]}}}}
"""


@pytest.fixture(params=(POSTGRESQL, MARIADB), ids=str)
def kind(request: pytest.FixtureRequest) -> DatabaseKind:
    found: DatabaseKind = request.param
    return found


@pytest.fixture
async def api(kind: DatabaseKind, databases: Databases) -> AsyncIterator[tuple[Served, str, str]]:
    """The server, and the names of its two schemas: databases are MariaDB's."""
    script = FIRST + SECOND + ROUTINES[kind]
    if kind is POSTGRESQL:
        first, second = "one", "two"
        made = f"CREATE SCHEMA {first}; CREATE SCHEMA {second};"
        url = databases.database(kind, made + script.format(first=f"{first}.", second=f"{second}."))
    else:
        second = databases.database(kind, "SELECT 1;").rpartition("/")[2]
        url = databases.database(kind, "SELECT 1;")
        first = url.rpartition("/")[2]
        databases.mariadb().run(first, script.format(first=f"{first}.", second=f"{second}."))
    async with served(url, CONFIG.format(first=first, second=second)) as server:
        yield server, first, second


def told(reply: Reply) -> tuple[int, str | None]:
    return reply.status, reply.headers.get("Content-Profile")


async def test_a_profile_chooses_the_schema(api: tuple[Served, str, str]) -> None:
    server, first, second = api
    reading, writing = {"Accept-Profile": second}, {"Content-Profile": second, "Prefer": "return=representation"}
    usual = await server.get(REST + "parent")
    assert (told(usual), usual.json) == ((200, first), [{"id": 1, "name": "one"}])
    other = await server.get(REST + "parent", reading)
    assert (told(other), other.json) == ((200, second), [{"id": 2, "label": "two"}])
    made = await server.post(REST + "parent", {"id": 5, "label": "x"}, writing)
    assert (told(made), made.json) == ((201, second), [{"id": 5, "label": "x"}])
    # The profile of a write is that of its content, whatever is accepted.
    changed = await server.patch(REST + "parent?id=eq.5", {"label": "y"}, {**writing, "Accept-Profile": first})
    assert (told(changed), changed.json) == ((200, second), [{"id": 5, "label": "y"}])
    assert (await server.delete(REST + "parent?id=eq.5", writing)).json == [{"id": 5, "label": "y"}]
    assert (await server.get(REST + "parent?select=id", reading)).json == [{"id": 2}]
    allowed = await server.request("OPTIONS", REST + "thing", reading)
    assert told(allowed) == (200, second)


async def test_functions_belong_to_a_schema(api: tuple[Served, str, str]) -> None:
    server, _, second = api
    reading = {"Accept-Profile": second}
    assert (await server.get(REST + "rpc/which")).json == "first"
    assert (await server.get(REST + "rpc/which", reading)).json == "second"
    assert (await server.post(REST + "rpc/which", {}, {"Content-Profile": second})).json == "second"
    assert (await server.get(REST + "rpc/same?n=3", reading)).json == 3
    assert (await server.get(REST + "rpc/same?n=3")).code == "PGRST202"
    assert told(await server.request("OPTIONS", REST + "rpc/same", reading)) == (200, second)


async def test_nothing_leads_from_one_schema_into_another(api: tuple[Served, str, str]) -> None:
    server, _, second = api
    reading = {"Accept-Profile": second}
    assert (await server.get(REST + "thing?select=id,parent(label)", reading)).json == [
        {"id": 20, "parent": {"label": "two"}}
    ]
    assert (await server.get(REST + "child?select=id,parent(name)")).json == [{"id": 10, "parent": {"name": "one"}}]
    for address, headers in (("thing?select=above(id)", reading), ("parent?select=thing(id)", {})):
        assert (await server.get(REST + address, headers)).code == "PGRST200"
    for address, headers in (("thing", {}), ("child", reading)):
        assert (await server.get(REST + address, headers)).code == "PGRST205"


async def test_no_other_schema_is_there(api: tuple[Served, str, str]) -> None:
    server, first, second = api
    hint = f"Only the following schemas are exposed: {first}, {second}"
    for reply in (
        await server.get(REST + "parent", {"Accept-Profile": "nope"}),
        await server.get(REST + "rpc/which", {"Accept-Profile": "nope"}),
        await server.get(REST, {"Accept-Profile": "nope"}),
        await server.post(REST + "parent", {"id": 9}, {"Content-Profile": "nope"}),
    ):
        assert (reply.status, reply.code, reply.json["hint"]) == (406, "PGRST106", hint)


async def test_each_schema_has_a_document(api: tuple[Served, str, str]) -> None:
    server, _, second = api
    paths = [set((await server.get(REST, each)).json["paths"]) for each in ({}, {"Accept-Profile": second})]
    assert paths == [
        {"/", "/child", "/parent", "/rpc/which"},
        {"/", "/parent", "/thing", "/rpc/which", "/rpc/same"},
    ]
