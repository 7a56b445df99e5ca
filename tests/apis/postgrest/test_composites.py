"""Values of composite types at `/rest/v1`: objects with their fields, but where fields would tell a table's columns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from reflector.catalog.model import DatabaseKind
from tests.bookshops import Databases
from tests.server.harness import Reply, Served, served
from tests.servers import PostgreSQLServer

SCRIPT: Final = """
CREATE TYPE point_of AS (x integer, y numeric(6, 2));
CREATE TYPE "The Place" AS ("its name" text, at point_of, tags text[], raw bytea);
CREATE TABLE secret (id integer PRIMARY KEY, hidden_column text);
CREATE TYPE keeper AS (n integer, kept secret);
CREATE TYPE deeper AS (n integer, kept keeper[]);
CREATE DOMAIN sealed AS secret;
CREATE TYPE sealer AS (n integer, kept sealed);
CREATE DOMAIN spot AS point_of CHECK ((VALUE).x > 0);
CREATE TABLE visit (
    id integer PRIMARY KEY, at point_of, place "The Place", path point_of[], spot spot,
    whole secret, keeper keeper, deeper deeper, several secret[], sealer sealer);
INSERT INTO visit VALUES
    (1, '(1,2.50)', ROW('a "b"', ROW(3, 4), ARRAY['u', 'v'], '\\x00ff'), '{"(1,1)","(2,)",NULL}', '(5,6)',
     '(1,word)', '(1,"(1,word)")', NULL, ARRAY['(1,word)'::secret], ROW(1, ROW(1, 'word')::secret)),
    (2, NULL, NULL, '{}', NULL, NULL, NULL, NULL, NULL, NULL),
    (3, '(,)', NULL, NULL, NULL, NULL, NULL, ROW(1, ARRAY[ROW(1, ROW(1, 'word')::secret)::keeper]), NULL, NULL);
CREATE FUNCTION doubled(at point_of) RETURNS point_of LANGUAGE sql IMMUTABLE AS 'SELECT ($1).x * 2, ($1).y * 2';
CREATE FUNCTION middle() RETURNS point_of[] LANGUAGE sql IMMUTABLE AS $$ SELECT ARRAY['(1,2)'::point_of] $$;
"""
CONFIG: Final = """
auth: {anonymous_role: guest}
roles: {guest: {}}
tables: {visit: {allow: {guest: {read: true, create: true, update: true, delete: true, aggregate: true}}}}
functions: {doubled: {allow: [guest]}, middle: {allow: [guest]}}
postgrest: {db_aggregates_enabled: true}
"""


@pytest.fixture
async def api(databases: Databases) -> AsyncIterator[Served]:
    async with served(databases.database(DatabaseKind.POSTGRESQL, SCRIPT), CONFIG) as found:
        yield found


async def rest(api: Served, method: str, address: str, body: Any = None, **headers: str) -> Reply:
    return await api.request(method, f"/rest/v1/{address}", headers, json=body)


async def test_a_composite_is_an_object(api: Served) -> None:
    shown = await rest(api, "GET", "visit?select=id,at,place,path,spot&order=id")
    assert shown.json == [
        {
            "id": 1,
            "at": {"x": 1, "y": 2.50},
            "place": {"its name": 'a "b"', "at": {"x": 3, "y": 4.00}, "tags": ["u", "v"], "raw": "\\x00ff"},
            "path": [{"x": 1, "y": 1.00}, {"x": 2, "y": None}, None],
            "spot": {"x": 5, "y": 6.00},
        },
        {"id": 2, "at": None, "place": None, "path": [], "spot": None},
        {"id": 3, "at": {"x": None, "y": None}, "place": None, "path": None, "spot": None},
    ]
    assert (await rest(api, "GET", "visit?select=n:place->at->x,place->>its%20name&id=eq.1")).json == [
        {"n": 3, "its name": 'a "b"'}
    ]
    assert (await rest(api, "GET", "visit?select=at,count()&id=eq.1")).json == [{"at": {"x": 1, "y": 2.5}, "count": 1}]
    assert (await rest(api, "GET", "rpc/middle")).json == [{"x": 1, "y": 2}]
    zoned = await rest(api, "GET", "visit?select=at&id=eq.1", Prefer="timezone=America/Lima")
    assert zoned.json == [{"at": {"x": 1, "y": 2.50}}]


async def test_a_written_row_is_shown_alike(api: Served) -> None:
    made = await rest(api, "PATCH", "visit?select=id,at&id=eq.1", {"id": 1}, Prefer="return=representation")
    assert (made.status, made.json) == (200, [{"id": 1, "at": {"x": 1, "y": 2.50}}])


async def test_the_columns_of_a_table_are_not_told(api: Served) -> None:
    """Whatever holds a row of a table, at any depth, is shown as text."""
    columns = "whole,keeper,several,sealer"
    shown = await rest(api, "GET", f"visit?select={columns}&id=eq.1")
    assert {name: type(value) for [row] in [shown.json] for name, value in row.items()} == dict.fromkeys(
        columns.split(","), str
    )
    deeper = await rest(api, "GET", "visit?select=deeper&id=eq.3")
    assert isinstance(deeper.json[0]["deeper"], str)
    everything = await rest(api, "GET", "visit")
    assert b"hidden_column" not in everything.body


async def test_texts_stay_texts(api: Served) -> None:
    csv = await rest(api, "GET", "visit?select=at,path&id=eq.1", Accept="text/csv")
    assert csv.body == b'at,path\n"(1,2.50)","{""(1,1.00)"",""(2,)"",NULL}"'
    assert (await api.get("/api/visit/1?fields=at,path")).json == {"at": "(1,2.50)", "path": '{"(1,1.00)","(2,)",NULL}'}


async def test_a_type_that_comes_to_hold_a_row_is_a_text_again(
    databases: Databases, postgresql_server: PostgreSQLServer
) -> None:
    url = databases.database(DatabaseKind.POSTGRESQL, SCRIPT)
    async with served(url, CONFIG) as own:
        assert isinstance((await rest(own, "GET", "visit?id=eq.1")).json[0]["at"], dict)
        postgresql_server.run(url.rpartition("/")[2], "ALTER TYPE point_of ADD ATTRIBUTE kept secret CASCADE")
        assert await own.running.engine.refresh()
        assert (await rest(own, "GET", "visit?select=at,place,path&id=eq.2")).json[0]["at"] is None
        shown = (await rest(own, "GET", "visit?select=at,place,path&id=eq.1")).json[0]
        assert {type(value) for value in shown.values()} == {str}
