"""Domains that present their values in their own way: in documents, in bodies and in filters."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest.native import MAKE_ROLES, SECRET, bearer
from tests.bookshops import Databases
from tests.cache.conftest import cache_of, write_outside
from tests.server.harness import Served, eventually, served
from tests.servers import PostgreSQLServer

SCRIPT = """
CREATE DOMAIN color AS int CHECK (VALUE BETWEEN 0 AND 16777215);
CREATE FUNCTION shown(color) RETURNS json LANGUAGE sql IMMUTABLE
    AS $$ SELECT to_json('#' || lpad(to_hex($1), 6, '0')) $$;
CREATE FUNCTION color(text) RETURNS color LANGUAGE plpgsql IMMUTABLE STRICT AS $$ BEGIN
    IF $1 !~ '^#[0-9a-f]{6}$' THEN RAISE 'no color: %', $1 USING ERRCODE = '22023'; END IF;
    RETURN ('x' || lpad(substr($1, 2), 8, '0'))::bit(32)::int;
END $$;
CREATE FUNCTION color(json) RETURNS color LANGUAGE sql IMMUTABLE AS $$ SELECT public.color($1 #>> '{}') $$;
CREATE CAST (color AS json) WITH FUNCTION shown(color) AS IMPLICIT;
CREATE CAST (json AS color) WITH FUNCTION color(json) AS IMPLICIT;
CREATE CAST (text AS color) WITH FUNCTION color(text) AS IMPLICIT;
CREATE DOMAIN point_like AS text;
CREATE FUNCTION as_point(point_like) RETURNS json LANGUAGE sql IMMUTABLE STRICT
    AS $$ SELECT json_build_object('x', split_part($1, ',', 1)::int, 'y', split_part($1, ',', 2)::int) $$;
CREATE FUNCTION point_of(json) RETURNS point_like LANGUAGE sql IMMUTABLE STRICT
    AS $$ SELECT (($1->>'x') || ',' || ($1->>'y'))::point_like $$;
CREATE CAST (point_like AS json) WITH FUNCTION as_point(point_like) AS IMPLICIT;
CREATE CAST (json AS point_like) WITH FUNCTION point_of(json) AS IMPLICIT;
CREATE DOMAIN plain_color AS int;
CREATE FUNCTION not_shown(plain_color) RETURNS json LANGUAGE sql IMMUTABLE AS $$ SELECT to_json('never'::text) $$;
CREATE CAST (plain_color AS json) WITH FUNCTION not_shown(plain_color) AS ASSIGNMENT;
CREATE TABLE paint (id int PRIMARY KEY, shade color NOT NULL, hidden_shade color, place point_like, other plain_color);
INSERT INTO paint VALUES (1, 255, 1, '1,2', 9), (2, 16711680, 2, NULL, NULL), (3, 0, 3, '3,4', 7);
CREATE TABLE wall (id int PRIMARY KEY, paint_id int REFERENCES paint, shade color);
INSERT INTO wall VALUES (1, 1, 65280), (2, 1, NULL);
CREATE TABLE swatch (shade color PRIMARY KEY, name text);
INSERT INTO swatch VALUES (255, 'blue');
CREATE FUNCTION paints() RETURNS SETOF paint LANGUAGE sql STABLE AS 'SELECT * FROM paint';
"""
PAINT = "/rest/v1/paint"
RULES = f"""
auth: {{jwt: {{secret: {SECRET}}}, anonymous_role: guest}}
roles: {{guest: {{}}, partly: {{}}, clerk: {{extends: partly}}}}
tables:
  paint:
    allow:
      guest: {{read: true, columns: [id, shade]}}
      partly: {{read: true, columns: [id]}}
      clerk: {{read: id == 1, update: {{filter: true, columns: [place]}}}}
"""


@pytest.fixture(scope="module")
def url(databases: Databases) -> str:
    return databases.database(DatabaseKind.POSTGRESQL, SCRIPT)


@pytest.fixture
async def api(url: str) -> AsyncIterator[Served]:
    async with served(url, "postgrest: {db_aggregates_enabled: true}") as found:
        yield found


@pytest.fixture
async def own(databases: Databases) -> AsyncIterator[Served]:
    async with served(databases.database(DatabaseKind.POSTGRESQL, SCRIPT), writable=True) as found:
        yield found


async def rows(api: Served, address: str) -> Any:
    reply = await api.get(f"/rest/v1/{address}")
    assert reply.status == 200, reply.body
    return reply.json


# ── documents ────────────────────────────────────────────────────────────────────────────────


async def test_values_are_shown_as_the_function_gives_them(api: Served) -> None:
    assert await rows(api, "paint?order=id&limit=2") == [
        {"id": 1, "shade": "#0000ff", "hidden_shade": "#000001", "place": {"x": 1, "y": 2}, "other": 9},
        {"id": 2, "shade": "#ff0000", "hidden_shade": "#000002", "place": None, "other": None},
    ]
    assert await rows(api, "paint?select=tone:shade&order=shade.desc&limit=1") == [{"tone": "#ff0000"}]
    csv = await api.get(f"{PAINT}?select=id,shade&id=eq.1", {"Accept": "text/csv"})
    assert csv.body == b"id,shade\n1,#0000ff"


async def test_a_cast_and_an_aggregate_are_of_the_value_itself(api: Served) -> None:
    assert await rows(api, "paint?select=shade::text&id=eq.1") == [{"shade": "255"}]
    assert await rows(api, "paint?select=shade.max()") == [{"max": 16711680}]
    assert await rows(api, "paint?select=shade,count()&id=eq.1") == [{"shade": 255, "count": 1}]
    assert await rows(api, "wall?select=...paint(shade),count()") == [{"shade": 255, "count": 2}]


async def test_related_rows_show_theirs(api: Served) -> None:
    assert await rows(api, "wall?select=shade,paint(shade)&order=id") == [
        {"shade": "#00ff00", "paint": {"shade": "#0000ff"}},
        {"shade": None, "paint": {"shade": "#0000ff"}},
    ]
    assert await rows(api, "wall?select=id,...paint(tone:shade)&id=eq.1") == [{"id": 1, "tone": "#0000ff"}]
    assert await rows(api, "paint?select=...wall(shade)&id=eq.1&wall.order=id") == [{"shade": ["#00ff00", None]}]


async def test_rows_of_a_function_show_theirs(url: str) -> None:
    config = RULES.replace("guest: {read: true, columns: [id, shade]}", "guest: {read: true}")
    async with served(url, config + "functions: {paints: {allow: guest}}\n") as api:
        assert await rows(api, "rpc/paints?select=shade&id=eq.1") == [{"shade": "#0000ff"}]


async def test_the_other_apis_show_the_value_itself(api: Served) -> None:
    items = (await api.get("/api/paint?fields=shade,place&sort=id&limit=1")).json["items"]
    assert items == [{"shade": 255, "place": "1,2"}]
    assert (await api.get("/api/paint?shade=255&fields=id")).json["items"] == [{"id": 1}]
    reply = await api.post("/graphql", {"query": "{ paint(where: {shade: {_eq: 255}}) { shade } }"})
    assert reply.json["data"] == {"paint": [{"shade": 255}]}


# ── filters ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("shade=eq.%230000ff", [1]),
        ("shade=neq.%230000ff", [2, 3]),
        ("shade=gte.%230000ff", [1, 2]),
        ("shade=in.(%230000ff,%23000000)", [1, 3]),
        ("shade=not.in.(%230000ff)", [2, 3]),
        ("shade=isdistinct.%230000ff", [2, 3]),
        ("shade=eq(any).{%230000ff,%23ff0000}", [1, 2]),
        ("or=(shade.eq.%230000ff,id.eq.3)", [1, 3]),
        ("place=is.null", [2]),
        ('place=eq."1,2"', []),
        ("place=like.1*", [1]),
        ("wall.shade=eq.%2300ff00&select=id,wall!inner()", [1]),
        ("other=eq.9", [1]),
    ],
)
async def test_a_filter_is_written_as_the_function_reads_it(api: Served, asked: str, found: list[int]) -> None:
    assert [row["id"] for row in await rows(api, f"paint?{asked}&order=id")] == found


async def test_what_the_function_refuses_is_told_without_its_words(api: Served) -> None:
    for asked in ("shade=eq.255", "shade=in.(blue)"):
        reply = await api.get(f"{PAINT}?{asked}")
        assert (reply.status, reply.json["code"]) == (400, "22023")
        assert b"no color" not in reply.body


# ── bodies ───────────────────────────────────────────────────────────────────────────────────


async def test_bodies_give_values_as_the_function_reads_them(own: Served) -> None:
    shown = {"Prefer": "return=representation"}
    new = [{"id": 7, "shade": "#000007", "place": {"x": 7, "y": 8}}, {"id": 8, "shade": "#000008", "place": None}]
    made = await own.post(f"{PAINT}?select=id,shade,place", new, shown)
    assert (made.status, made.json) == (201, new)
    assert (await own.get("/api/paint/7?fields=shade,place")).json == {"shade": 7, "place": "7,8"}
    changed = await own.patch(f"{PAINT}?id=eq.7&select=shade", {"shade": "#0000aa"}, shown)
    assert changed.json == [{"shade": "#0000aa"}]
    merged = await own.post(
        f"{PAINT}?select=id,shade",
        [{"id": 7, "shade": "#000001"}, {"id": 9, "shade": "#000002"}],
        {"Prefer": "return=representation, resolution=merge-duplicates"},
    )
    assert merged.json == [{"id": 7, "shade": "#000001"}, {"id": 9, "shade": "#000002"}]
    csv = {"Content-Type": "text/csv", **shown}
    lines = await own.request("POST", f"{PAINT}?select=shade", csv, data=b"id,shade\n20,#000020")
    assert lines.json == [{"shade": "#000020"}]
    gone = await own.request("DELETE", f"{PAINT}?shade=eq.%23000020&select=id,shade", shown)
    assert gone.json == [{"id": 20, "shade": "#000020"}]


async def test_what_a_body_may_not_give_is_refused(own: Served) -> None:
    reply = await own.post(PAINT, {"id": 7, "shade": "blue"})
    assert (reply.status, reply.json["code"]) == (400, "22023")
    assert (await own.post(PAINT, {"id": 7, "shade": None})).status == 400  # the column has to have a value
    assert await rows(own, "paint?id=eq.7") == []


async def test_a_key_is_written_in_the_same_way(own: Served) -> None:
    put = await own.request("PUT", "/rest/v1/swatch?shade=eq.%230000ff", json={"shade": "#0000ff", "name": "deep"})
    assert put.status == 204
    assert await rows(own, "swatch") == [{"shade": "#0000ff", "name": "deep"}]
    other = await own.request("PUT", "/rest/v1/swatch?shade=eq.%230000ff", json={"shade": "#0000fe", "name": "deep"})
    assert (other.status, other.json["code"]) == (400, "PGRST115")


# ── who sees what, and when ──────────────────────────────────────────────────────────────────


async def test_hidden_values_stay_hidden(url: str) -> None:
    async with served(url, RULES) as api:
        assert await rows(api, "paint?order=id&limit=1") == [{"id": 1, "shade": "#0000ff"}]
        for asked in ("select={}", "{}=eq.%23000001", "order={}"):
            hidden, absent = [
                await api.get(f"{PAINT}?{asked.format(name)}") for name in ("hidden_shade", "hidden_shape")
            ]
            assert hidden.status == absent.status == 400
            assert hidden.body.replace(b"hidden_shade", b"") == absent.body.replace(b"hidden_shape", b"")
        partly = await api.get(f"{PAINT}?select=id,shade,place&order=id", bearer("clerk"))
        assert partly.json == [
            {"id": 1, "shade": "#0000ff", "place": {"x": 1, "y": 2}},
            {"id": 2, "shade": None, "place": None},
            {"id": 3, "shade": None, "place": None},
        ]
        found = await api.get(f"{PAINT}?select=id&shade=eq.%23ff0000", bearer("clerk"))
        assert found.json == []


async def test_where_the_database_decides_the_role_needs_the_function(
    postgresql_server: PostgreSQLServer, databases: Databases
) -> None:
    postgresql_server.run("postgres", MAKE_ROLES)
    script = (
        SCRIPT
        + """
        GRANT SELECT ON paint TO reader, author;
        REVOKE EXECUTE ON FUNCTION shown(color) FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION shown(color) TO author;
    """
    )
    url = databases.database(DatabaseKind.POSTGRESQL, script).replace("//postgres@", "//gatekeeper@")
    config = f"auth: {{enforce: database}}\npostgrest: {{jwt_secret: {SECRET}}}\n"
    async with served(url, config) as api:
        reply = await api.get(f"{PAINT}?select=shade&id=eq.1", bearer("author"))
        assert reply.json == [{"shade": "#0000ff"}]
        assert (await api.get(f"{PAINT}?select=shade&id=eq.1", bearer("reader"))).status == 403
        assert (await api.get(f"{PAINT}?select=id&id=eq.1", bearer("reader"))).json == [{"id": 1}]


async def test_a_cast_that_is_made_or_dropped_is_seen(
    postgresql_server: PostgreSQLServer, databases: Databases
) -> None:
    url = databases.database(DatabaseKind.POSTGRESQL, SCRIPT)
    async with served(url, "database: {watch: 100ms}") as api:

        async def shade() -> Any:
            return (await rows(api, "paint?select=shade&id=eq.1"))[0]["shade"]

        async def plain() -> bool:
            return bool(await shade() == 255)

        async def represented() -> bool:
            return bool(await shade() == "#0000ff")

        assert await represented()
        name = url.rpartition("/")[2]
        postgresql_server.run(name, "DROP CAST (color AS json)")
        await eventually(plain)
        postgresql_server.run(name, "CREATE CAST (color AS json) WITH FUNCTION shown(color) AS IMPLICIT")
        await eventually(represented)


# ── functions that do more than present ──────────────────────────────────────────────────────

BUSY = """
CREATE TABLE word (n int PRIMARY KEY, word text);
INSERT INTO word VALUES (1, 'one'), (2, 'two');
CREATE TABLE asked (word text);
CREATE DOMAIN label AS int;
CREATE FUNCTION worded(label) RETURNS json LANGUAGE sql STABLE AS 'SELECT to_json((SELECT word FROM word WHERE n = $1))';
CREATE FUNCTION label(text) RETURNS label LANGUAGE sql VOLATILE
    AS $$ SELECT set_config('left.behind', $1, false); SELECT n::label FROM word WHERE word = $1 $$;
CREATE CAST (label AS json) WITH FUNCTION worded(label) AS IMPLICIT;
CREATE CAST (text AS label) WITH FUNCTION label(text) AS IMPLICIT;
CREATE DOMAIN noted AS int;
CREATE FUNCTION noted(text) RETURNS noted LANGUAGE sql VOLATILE
    AS 'INSERT INTO asked VALUES ($1); SELECT $1::int::noted';
CREATE FUNCTION noted(json) RETURNS noted LANGUAGE sql VOLATILE
    AS $$ SELECT set_config('left.behind', 'by a body', false); SELECT ($1 #>> '{}')::int::noted $$;
CREATE CAST (text AS noted) WITH FUNCTION noted(text) AS IMPLICIT;
CREATE CAST (json AS noted) WITH FUNCTION noted(json) AS IMPLICIT;
CREATE TABLE tin (id int PRIMARY KEY, label label, noted noted);
INSERT INTO tin VALUES (1, 1, 1), (2, 2, 2);
CREATE FUNCTION behind() RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_setting('left.behind', true) $$;
CREATE FUNCTION behind(tin) RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_setting('left.behind', true) $$;
"""
TINS = f"""
auth: {{jwt: {{secret: {SECRET}}}, anonymous_role: guest}}
roles: {{guest: {{}}}}
tables:
  tin: {{cache: {{ttl: 1s}}, allow: {{guest: {{read: true, create: true}}}}}}
  asked: {{allow: {{guest: {{read: true}}}}}}
functions: {{behind: {{allow: guest}}}}
"""
TIN = "/rest/v1/tin"


@pytest.fixture
async def tins(databases: Databases) -> AsyncIterator[Served]:
    async with served(databases.database(DatabaseKind.POSTGRESQL, BUSY), TINS) as api:
        yield api


async def left_behind(api: Served) -> str | None:
    told: str | None = (await api.get(f"{TIN}?select=behind&id=eq.1&limit=1")).json[0]["behind"]
    return told or None


async def test_what_is_plain_for_the_address_is_still_for_the_function(tins: Served) -> None:
    for word, number in (("one", 1), ("two", 2)):
        assert (await tins.get(f"{TIN}?label=eq.{word}&select=id")).json == [{"id": number}]


async def test_what_a_function_of_a_domain_leaves_is_gone_for_the_next(tins: Served) -> None:
    for _ in range(4):
        assert (await tins.get(f"{TIN}?label=in.(one,two)&select=id")).status == 200
        assert await left_behind(tins) is None
    made = await tins.post(TIN, {"id": 3, "noted": 3})
    assert made.status == 201
    assert await left_behind(tins) is None


async def test_a_read_changes_nothing_by_a_function_of_a_domain(tins: Served) -> None:
    for asked in ("noted=eq.1", "noted=in.(1,2)", "or=(noted.eq.2)"):
        refused = await tins.get(f"{TIN}?{asked}")
        assert (refused.status, refused.code) == (405, "25006")
    assert (await tins.get("/rest/v1/asked")).json == []


async def test_what_a_function_of_a_domain_reads_is_not_believed_for_longer(databases: Databases) -> None:
    url = databases.database(DatabaseKind.POSTGRESQL, BUSY)
    async with served(url, TINS) as api:
        cache_of(api).covered = lambda _: True  # all changes of the table are heard, and none of what a function reads

        async def labels() -> list[str]:
            return [row["label"] for row in (await api.get(f"{TIN}?select=label&order=id")).json]

        assert await labels() == ["one", "two"]
        write_outside(databases, url, "UPDATE word SET word = 'uno' WHERE n = 1")

        async def told() -> bool:
            return await labels() == ["uno", "two"]

        await eventually(told)
