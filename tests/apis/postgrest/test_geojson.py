"""`application/geo+json` where PostGIS is: rows as features of a collection, of those and of that which may be read."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from reflector.catalog.model import DatabaseKind
from tests.bookshops import Databases
from tests.server.harness import Reply, Served, served

GEOJSON = "application/geo+json"
SCRIPT = """
CREATE EXTENSION postgis;
CREATE TABLE shop (id int PRIMARY KEY, name text, secret text, geom geometry(Point, 4326));
INSERT INTO shop VALUES (1, 'one', 's1', 'SRID=4326;POINT(1 2)'), (2, 'two', 's2', 'SRID=4326;POINT(3 4)'),
    (3, 'three', 's3', NULL);
CREATE TABLE visit (id int PRIMARY KEY, shop_id int REFERENCES shop);
INSERT INTO visit VALUES (1, 1), (2, 1);
CREATE FUNCTION shops(lowest int) RETURNS SETOF shop LANGUAGE sql STABLE AS 'SELECT * FROM shop WHERE id >= lowest';
"""
RULES = """
auth: {anonymous_role: guest}
roles: {guest: {}}
tables:
  shop: {allow: {guest: {read: id < 3, columns: [id, name, geom]}}}
functions: {shops: {allow: guest}}
"""
POINT = {"type": "Point", "coordinates": [1, 2]}


@pytest.fixture(scope="module")
def url(databases: Databases) -> str:
    return databases.database(DatabaseKind.POSTGRESQL, SCRIPT)


@pytest.fixture
async def api(url: str) -> AsyncIterator[Served]:
    async with served(url) as found:
        yield found


async def get(api: Served, path: str) -> Reply:
    return await api.get(f"/rest/v1/{path}", {"Accept": GEOJSON})


async def test_rows_are_features(api: Served) -> None:
    reply = await get(api, "shop?order=id&limit=1")
    assert reply.status == 200
    assert reply.headers["Content-Type"] == f"{GEOJSON}; charset=utf-8"
    assert reply.headers["Content-Range"] == "0-0/*"
    feature = {"type": "Feature", "geometry": POINT, "properties": {"id": 1, "name": "one", "secret": "s1"}}
    assert reply.json == {"type": "FeatureCollection", "features": [feature]}


async def test_what_is_selected_is_what_is_told(api: Served) -> None:
    [feature] = (await get(api, "shop?select=called:name,geom,visit(id)&id=eq.1")).json["features"]
    assert feature["properties"] == {"called": "one", "visit": [{"id": 1}, {"id": 2}]}
    assert (await get(api, "shop?id=eq.9")).json == {"type": "FeatureCollection", "features": []}
    [nowhere] = (await get(api, "shop?id=eq.3&select=id,geom")).json["features"]
    assert nowhere["properties"] == {"id": 3}


async def test_rows_without_a_geometry_are_refused(api: Served) -> None:
    assert (await get(api, "shop?select=id")).status == 400
    assert (await get(api, "visit")).status == 400


async def test_rows_of_a_function_are_features(url: str) -> None:
    async with served(url, RULES) as api:
        reply = await get(api, "rpc/shops?lowest=2&select=id,geom&order=id&limit=1")
        assert [each["properties"] for each in reply.json["features"]] == [{"id": 2}]


async def test_what_is_hidden_is_no_part_of_them(url: str) -> None:
    async with served(url, RULES) as api:
        features = (await get(api, "shop?order=id")).json["features"]
        assert [each["properties"] for each in features] == [{"id": 1, "name": "one"}, {"id": 2, "name": "two"}]
        hidden, absent = await get(api, "shop?select=geom,secret"), await get(api, "shop?select=geom,sekret")
        assert hidden.status == absent.status == 400
        assert hidden.body.replace(b"secret", b"") == absent.body.replace(b"sekret", b"")


async def test_without_the_extension_there_is_no_such_type(databases: Databases) -> None:
    url = databases.database(DatabaseKind.POSTGRESQL, "CREATE TABLE shop (id int PRIMARY KEY);")
    async with served(url) as api:
        reply = await get(api, "shop")
        assert (reply.status, reply.json["code"]) == (406, "PGRST107")
