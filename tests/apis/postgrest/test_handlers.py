"""Media types that aggregates of the database answer in: who is offered them, and what they are given."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest.native import MAKE_ROLES, SECRET, bearer
from tests.bookshops import Databases
from tests.server.harness import Reply, Served, served
from tests.servers import PostgreSQLServer

SCRIPT = """
CREATE DOMAIN "application/vnd.rows" AS text;
CREATE DOMAIN "application/vnd.bytes" AS bytea;
CREATE DOMAIN "text/csv" AS text;
CREATE DOMAIN "*/*" AS bytea;
CREATE TABLE place (id int PRIMARY KEY, gone text, name text, secret text, owner text);
ALTER TABLE place DROP COLUMN gone;
INSERT INTO place VALUES (1, 'one', 's1', 'ann'), (2, 'two', 's2', 'bob'), (3, 'three', 's3', 'ann');
CREATE TABLE part (id int PRIMARY KEY, place_id int REFERENCES place, picture bytea);
INSERT INTO part VALUES (1, 1, '\\xff00'), (2, 1, NULL), (3, 2, '\\x01');
CREATE TABLE other (id int PRIMARY KEY);
INSERT INTO other VALUES (7);
CREATE TABLE log (said text);
CREATE FUNCTION place_row(so_far "application/vnd.rows", one place) RETURNS "application/vnd.rows" LANGUAGE sql
    AS $$ SELECT (so_far || one::text || ';')::"application/vnd.rows" $$;
CREATE AGGREGATE rows_of_places (place) (SFUNC = place_row, STYPE = "application/vnd.rows", INITCOND = '');
CREATE FUNCTION any_bytes(so_far "application/vnd.bytes", one anyelement) RETURNS "application/vnd.bytes" LANGUAGE sql
    AS $$ SELECT (so_far || convert_to(to_json(one)::text, 'UTF8') || '\\x00'::bytea)::"application/vnd.bytes" $$;
CREATE AGGREGATE bytes_of_any (anyelement)
    (SFUNC = any_bytes, STYPE = "application/vnd.bytes", INITCOND = '\\x');
CREATE FUNCTION any_csv(so_far "text/csv", one anyelement) RETURNS "text/csv" LANGUAGE sql
    AS $$ SELECT (so_far || 'line;')::"text/csv" $$;
CREATE AGGREGATE own_csv (anyelement) (SFUNC = any_csv, STYPE = "text/csv", INITCOND = '');
CREATE FUNCTION any_of_other(so_far "*/*", one other) RETURNS "*/*" LANGUAGE sql AS $$ SELECT '\\x00ff'::bytea::"*/*" $$;
CREATE AGGREGATE whatever (other) (SFUNC = any_of_other, STYPE = "*/*");
CREATE FUNCTION noting(so_far "application/vnd.rows", one part) RETURNS "application/vnd.rows" LANGUAGE sql
    AS $$ INSERT INTO log VALUES ('read') RETURNING 'x'::"application/vnd.rows" $$;
CREATE AGGREGATE noted (part) (SFUNC = noting, STYPE = "application/vnd.rows");
CREATE FUNCTION places(lowest int) RETURNS SETOF place LANGUAGE sql STABLE AS 'SELECT * FROM place WHERE id >= lowest';
"""
RULES = f"""
auth: {{jwt: {{secret: {SECRET}}}, anonymous_role: guest}}
roles: {{guest: {{}}, user: {{extends: guest}}, some: {{}}, partly: {{extends: some}}, nobody: {{}}}}
tables:
  place:
    allow:
      guest: {{read: true}}
      some: {{read: true, columns: [id, name]}}
      partly: {{read: "owner == claims.sub"}}
      nobody: {{read: true}}
  part: {{allow: {{user: {{read: true}}}}}}
  other: {{allow: {{user: {{read: true}}}}}}
functions:
  rows_of_places: {{allow: [guest, some]}}
  bytes_of_any: {{allow: [user, some]}}
  own_csv: {{allow: user}}
  whatever: {{allow: user}}
  noted: {{allow: user}}
  places: {{allow: [guest, some]}}
"""
ROWS, BYTES = "application/vnd.rows", "application/vnd.bytes"
PLACE = "/rest/v1/place"
USER = bearer("user")


@pytest.fixture(scope="module")
def url(databases: Databases) -> str:
    return databases.database(DatabaseKind.POSTGRESQL, SCRIPT)


@pytest.fixture
async def api(url: str) -> AsyncIterator[Served]:
    async with served(url, RULES) as found:
        yield found


async def get(api: Served, path: str, type_: str, caller: dict[str, str] | None = None, **more: str) -> Reply:
    return await api.get(f"/rest/v1/{path}", {"Accept": type_, **(caller or {}), **more})


# ── what they are given ──────────────────────────────────────────────────────────────────────


async def test_an_aggregate_over_rows_of_the_table_answers_in_its_type(api: Served) -> None:
    reply = await get(api, "place?order=id.desc&limit=2", ROWS)
    assert (reply.status, reply.body) == (200, b"(3,three,s3,ann);(2,two,s2,bob);")
    assert reply.headers["Content-Type"] == ROWS
    assert reply.headers["Content-Range"] == "0-1/*"
    head = await api.request("HEAD", f"{PLACE}?limit=1", {"Accept": ROWS})
    assert (head.status, head.body, head.headers["Content-Type"]) == (200, b"", ROWS)


async def test_filters_pages_and_counts_are_those_of_any_answer(api: Served) -> None:
    reply = await get(api, "place?owner=eq.ann&order=id&offset=1&limit=1", ROWS, Prefer="count=exact")
    assert (reply.status, reply.body) == (206, b"(3,three,s3,ann);")
    assert reply.headers["Content-Range"] == "1-1/2"
    nothing = await get(api, "place?id=eq.9", ROWS)
    assert (nothing.status, nothing.body, nothing.headers["Content-Range"]) == (200, b"", "*/*")


async def test_one_over_any_rows_is_given_what_is_selected(api: Served) -> None:
    reply = await get(api, "place?select=id,called:name,part(id)&order=id&limit=1", BYTES, USER)
    assert (reply.status, reply.body[-1:]) == (200, b"\x00")
    assert json.loads(reply.body[:-1]) == {"id": 1, "called": "one", "part": [{"id": 1}, {"id": 2}]}
    assert reply.headers["Content-Type"] == BYTES
    whole = await get(api, "part?id=eq.1", BYTES, USER)
    assert whole.body == b'{"id":1,"place_id":1,"picture":"\\\\xff00"}\x00'  # a value of the column's own type


async def test_a_type_of_ours_can_be_answered_in_another_way(api: Served) -> None:
    reply = await get(api, "place", "text/csv", USER)
    assert (reply.body, reply.headers["Content-Type"]) == (b"line;line;line;", "text/csv; charset=utf-8")
    assert (await get(api, "place?select=id", "text/csv")).body.startswith(b"id\n")  # nobody opened it for a guest


async def test_the_handler_of_any_type_answers_whatever_is_accepted(api: Served) -> None:
    for type_ in ("*/*", "application/json", "image/png"):
        reply = await get(api, "other", type_, USER)
        assert (reply.status, reply.body) == (200, b"\x00\xff")
        assert reply.headers["Content-Type"] == "application/octet-stream"
    assert (await get(api, "other?select=id", "application/json", USER)).json == [{"id": 7}]
    one = await get(api, "other", "application/vnd.pgrst.object+json", USER)
    assert one.json == {"id": 7}


async def test_rows_of_a_function_are_answered_by_the_handlers_of_their_table(api: Served) -> None:
    for reply in (
        await get(api, "rpc/places?lowest=2&order=id", ROWS),
        await api.post("/rest/v1/rpc/places?order=id", {"lowest": 2}, {"Accept": ROWS}),
    ):
        assert (reply.status, reply.body) == (200, b"(2,two,s2,bob);(3,three,s3,ann);")
        assert reply.headers["Content-Type"] == ROWS


async def test_a_handler_changes_nothing(api: Served, url: str) -> None:
    reply = await get(api, "part", ROWS, USER)
    assert reply.status == 405
    async with served(url) as own:
        assert (await own.get("/rest/v1/log")).json == []


# ── for whom they are ────────────────────────────────────────────────────────────────────────


def same(one: Reply, two: Reply, *names: str) -> bool:
    def told(reply: Reply) -> tuple[int, str, bytes]:
        body = reply.body
        for name in names:
            body = body.replace(name.encode(), b"")
        return reply.status, reply.headers["Content-Type"], body

    return told(one) == told(two)


@pytest.mark.parametrize(
    ("path", "type_", "caller"),
    [
        ("place", ROWS, bearer("nobody")),  # the function is not opened
        ("place", ROWS, bearer("some")),  # columns are hidden
        ("place?select=id,name", ROWS, None),  # not whole rows
        ("rpc/places?lowest=1", ROWS, bearer("some")),
        ("place", BYTES, None),
        ("place", ROWS.upper() + "x", None),
    ],
)
async def test_a_handler_that_is_not_offered_is_told_like_none(
    api: Served, path: str, type_: str, caller: dict[str, str] | None
) -> None:
    hidden, absent = await get(api, path, type_, caller), await get(api, path, "application/vnd.no", caller)
    assert hidden.status == 406
    assert same(hidden, absent, type_.lower(), "application/vnd.no")


async def test_it_is_given_the_columns_that_may_be_read(api: Served) -> None:
    reply = await get(api, "place?order=id&limit=1", BYTES, bearer("some"))
    assert reply.body == b'{"id":1,"name":"one"}\x00'
    hidden, absent = [await get(api, f"place?select={name}", BYTES, bearer("some")) for name in ("secret", "sekret")]
    assert same(hidden, absent, "secret", "sekret")


async def test_cells_out_of_sight_are_null_in_whole_rows(api: Served) -> None:
    reply = await get(api, "place?order=id", ROWS, bearer("partly", sub="ann"))
    assert (reply.status, reply.body) == (200, b"(1,one,s1,ann);(2,two,,);(3,three,s3,ann);")


async def test_an_aggregate_is_no_function_to_call(api: Served) -> None:
    hidden = await api.post("/rest/v1/rpc/rows_of_places", {}, USER)
    absent = await api.post("/rest/v1/rpc/rows_of_plates", {}, USER)
    assert (hidden.status, absent.status) == (404, 404)
    assert hidden.json["hint"] == absent.json["hint"]


async def test_where_nothing_is_configured_there_are_none(url: str) -> None:
    async with served(url) as api:
        assert (await get(api, "place", ROWS)).status == 406


NATIVE = """
CREATE SCHEMA api;
CREATE DOMAIN api."application/vnd.ids" AS text;
CREATE TABLE api.thing (id int PRIMARY KEY, owner text, secret text);
INSERT INTO api.thing VALUES (1, 'ann', 's'), (2, 'bob', 's');
ALTER TABLE api.thing ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON api.thing USING (owner = current_setting('request.jwt.claims')::json->>'sub');
CREATE FUNCTION api.thing_id(so_far api."application/vnd.ids", one api.thing) RETURNS api."application/vnd.ids"
    LANGUAGE sql AS $$ SELECT (so_far || (one).id || ';')::api."application/vnd.ids" $$;
CREATE AGGREGATE api.ids (api.thing) (SFUNC = api.thing_id, STYPE = api."application/vnd.ids", INITCOND = '');
REVOKE EXECUTE ON FUNCTION api.ids(api.thing) FROM PUBLIC;
GRANT USAGE ON SCHEMA api TO author, reader, careful;
GRANT SELECT ON api.thing TO author, reader;
GRANT SELECT (id, owner) ON api.thing TO careful;
GRANT EXECUTE ON FUNCTION api.ids(api.thing) TO author, careful;
"""


async def test_where_the_database_decides_grants_say_who(
    postgresql_server: PostgreSQLServer, databases: Databases
) -> None:
    postgresql_server.run("postgres", MAKE_ROLES)
    url = databases.database(DatabaseKind.POSTGRESQL, NATIVE).replace("//postgres@", "//gatekeeper@")
    config = f"""
auth: {{enforce: database}}
postgrest: {{db_schemas: [api], jwt_secret: {SECRET}, allow_granted_functions: true}}
"""
    async with served(url, config) as api:
        ids = "application/vnd.ids"
        assert (await get(api, "thing", ids, bearer("author", sub="ann"))).body == b"1;"
        assert (await get(api, "thing", ids, bearer("author", sub="bob"))).body == b"2;"
        assert (await get(api, "thing", ids, bearer("reader", sub="bob"))).status == 406
        assert (await get(api, "thing", ids, bearer("careful", sub="bob"))).status == 406
    async with served(url, config.replace("allow_granted_functions: true", "allow_granted_functions: false")) as api:
        assert (await get(api, "thing", ids, bearer("author", sub="ann"))).status == 406
    opened = config.replace(", allow_granted_functions: true", "") + "functions: {ids: {allow: author}}\n"
    async with served(url, opened) as api:
        assert (await get(api, "thing", ids, bearer("author", sub="ann"))).body == b"1;"


@pytest.mark.parametrize("database", [DatabaseKind.SQLITE, DatabaseKind.MARIADB], ids=str)
async def test_elsewhere_there_are_none(databases: Databases, database: DatabaseKind) -> None:
    url = databases.database(database, "CREATE TABLE place (id integer PRIMARY KEY);")
    async with served(url) as api:
        assert (await get(api, "place", ROWS)).status == 406
