"""Values of composite types in bodies, arguments and filters: PostgreSQL makes them of JSON, or of the text that it writes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest.test_composites import rest
from tests.bookshops import Databases
from tests.server.harness import Reply, Served, served

SCRIPT: Final = r"""
CREATE TYPE mood AS ENUM ('calm', 'cross');
CREATE DOMAIN few AS integer CHECK (VALUE > 0);
CREATE TYPE point_of AS (x integer, y numeric(6, 2));
CREATE TYPE "The: \Place%" AS (
    "its name" text, at point_of, path point_of[], tags text[], raw bytea, mood mood, few few, facts jsonb, code varchar(3));
CREATE TYPE loose AS (n integer, facts json);
CREATE DOMAIN spot AS point_of CHECK ((VALUE).x > 0);
CREATE TABLE secret (id integer PRIMARY KEY, hidden_column text);
CREATE TABLE visit (
    id integer PRIMARY KEY, owner text DEFAULT 'nobody', at point_of, place "The: \Place%", path point_of[], spot spot,
    spots spot[], loose loose, whole secret, needed point_of NOT NULL DEFAULT '(0,0)');
INSERT INTO visit (id, at, path) VALUES (1, '(1,2.50)', '{"(1,1)","(2,)"}'), (2, NULL, '{}'), (3, '(,)', NULL), (4, '(1,)', NULL);
CREATE TABLE corner (at point_of PRIMARY KEY, n integer);
INSERT INTO corner VALUES ('(1,1)', 1);
CREATE TABLE kept (id integer PRIMARY KEY, owner text, at point_of);
INSERT INTO kept VALUES (1, 'ann', '(1,1)'), (2, 'bob', '(2,2)'), (3, 'bob', NULL);
CREATE FUNCTION doubled(at point_of) RETURNS point_of LANGUAGE sql IMMUTABLE AS 'SELECT ($1).x * 2, ($1).y * 2';
CREATE FUNCTION total(VARIADIC path point_of[]) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT sum(x) FROM unnest(path)';
CREATE FUNCTION listed(path point_of[]) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT sum(x) FROM unnest(path)';
CREATE FUNCTION spotted(spot spot) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT ($1).x';
CREATE FUNCTION placed(place "The: \Place%") RETURNS "The: \Place%" LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION told(whole secret) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1.hidden_column';
CREATE FUNCTION far(visit) RETURNS point_of LANGUAGE sql IMMUTABLE AS 'SELECT ($1.at).x * 10, ($1.at).y';
"""
CONFIG: Final = """
auth: {anonymous_role: guest}
roles: {guest: {}}
tables:
  visit: {allow: {guest: {read: true, create: true, update: true, delete: true, aggregate: true}}, cache: {ttl: 1m}}
  corner: {allow: {guest: {read: true, create: true, update: true}}}
  kept:
    allow:
      guest:
        read: {filter: owner == 'ann' or at is None, mask: {at: {null_unless: owner == 'ann'}}}
        create: {check: not (at is None), presets: {owner: "'ann'"}}
        update: {filter: owner == 'ann', check: not (at is None)}
functions: {"*": {allow: [guest]}}
postgrest: {db_aggregates_enabled: true}
"""
FUNCTIONS: Final = ("doubled", "total", "listed", "spotted", "placed", "told", "far")
SHOWN: Final = {"Prefer": "return=representation"}


@pytest.fixture
async def api(databases: Databases) -> AsyncIterator[Served]:
    named = ", ".join(f"{name}: {{allow: [guest]}}" for name in FUNCTIONS)
    config = CONFIG.replace('{"*": {allow: [guest]}}', f"{{{named}}}")
    async with served(databases.database(DatabaseKind.POSTGRESQL, SCRIPT), config) as found:
        yield found


async def ids(api: Served, asked: str, table: str = "visit") -> list[int]:
    reply = await rest(api, "GET", f"{table}?select=id&order=id&{asked}")
    assert reply.status == 200, (asked, reply.body)
    return [row["id"] for row in reply.json]


def row(x: int | None = None, y: float | None = None) -> dict[str, Any]:
    return {"x": x, "y": y}


# ── bodies ───────────────────────────────────────────────────────────────────────────────────

PLACE: Final = {
    "its name": 'a "b"',
    "at": {"x": 3, "y": None},
    "path": [{"x": 1, "y": 2}, None],
    "tags": ["u", "v,w"],
    "raw": "\\x00ff",
    "mood": "cross",
    "few": 3,
    "facts": {"a": [1]},
    "code": "abc",
}


async def test_an_object_makes_a_value(api: Served) -> None:
    given = {
        "id": 10,
        "at": {"x": "1", "y": 2.5, "there is none of this": {"deep": [1]}},
        "place": PLACE,
        "path": [{"x": 1}, None, "(2,3)"],
        "spot": {"x": 4},
        "spots": [{"x": 5}],
        "loose": {"n": 1, "facts": {"q": None}},
    }
    made = await rest(api, "POST", f"visit?select={','.join(given)}", given, **SHOWN)
    assert (made.status, made.json) == (
        201,
        [
            {
                "id": 10,
                "at": row(1, 2.5),
                "place": PLACE,
                "path": [row(1), None, row(2, 3)],
                "spot": row(4),
                "spots": [row(5)],
                "loose": {"n": 1, "facts": {"q": None}},
            }
        ],
    )
    changed = await rest(api, "PATCH", "visit?id=eq.10&select=at,path", {"at": {"y": 7}, "path": []}, **SHOWN)
    assert (changed.status, changed.json) == (200, [{"at": row(None, 7), "path": []}])
    put = await rest(api, "PUT", "visit?id=eq.10&select=at,place,needed", {"id": 10, "at": {"x": 9}}, **SHOWN)
    assert (put.status, put.json) == (200, [{"at": row(9), "place": None, "needed": row(0, 0)}])


async def test_many_rows_and_each_their_own(api: Served) -> None:
    rows = [{"id": 20, "at": {"x": 1}}, {"id": 21, "at": None}, {"id": 22, "at": "(3,4)"}]
    made = await rest(api, "POST", "visit?select=id,at", rows, **SHOWN)
    assert made.json == [{"id": 20, "at": row(1)}, {"id": 21, "at": None}, {"id": 22, "at": row(3, 4)}]
    some = await rest(
        api,
        "POST",
        "visit?select=id,needed&columns=id,needed",
        [{"id": 23}],
        Prefer="missing=default, return=representation",
    )
    assert some.json == [{"id": 23, "needed": row(0, 0)}]
    merged = await rest(
        api, "POST", "visit?select=id,at", [{"id": 20, "at": {"x": 8}}, {"id": 24, "at": {"x": 9}}],
        Prefer="resolution=merge-duplicates, return=representation",
    )  # fmt: skip
    assert (merged.status, merged.json) == (201, [{"id": 20, "at": row(8)}, {"id": 24, "at": row(9)}])


async def test_texts_are_as_the_database_writes_them(api: Served) -> None:
    csv = 'id,at,path\n30,"(1,2)","{""(1,2)"",NULL}"\n31,NULL,{}'
    made = await api.request(
        "POST", "/rest/v1/visit?select=id,at,path", {**SHOWN, "Content-Type": "text/csv"}, data=csv.encode()
    )
    assert (made.status, made.json) == (
        201,
        [{"id": 30, "at": row(1, 2), "path": [row(1, 2), None]}, {"id": 31, "at": None, "path": []}],
    )
    form = await api.request(
        "POST", "/rest/v1/visit?select=at", SHOWN | {"Content-Type": "application/x-www-form-urlencoded"}, data=b"id=32&at=(8,)"
    )  # fmt: skip
    assert (form.status, form.json) == (201, [{"at": row(8)}])


async def test_a_composite_is_a_key(api: Served) -> None:
    rows = [{"at": {"x": 1, "y": 1}, "n": 5}, {"at": "(2,2)", "n": 6}]
    merged = await rest(api, "POST", "corner", rows, Prefer="resolution=merge-duplicates, return=representation")
    assert merged.json == [{"at": row(1, 1), "n": 5}, {"at": row(2, 2), "n": 6}]
    ignored = await rest(
        api, "POST", "corner", [{"at": {"x": 2, "y": 2.0}, "n": 7}], Prefer="resolution=ignore-duplicates, return=representation"
    )  # fmt: skip
    assert (ignored.status, ignored.json) == (201, [])
    again = await rest(api, "POST", "corner", [{"at": {"x": 2, "y": 2}, "n": 7}])
    assert (again.status, again.json["code"]) == (409, "23505")


# (column, value) → status and code
WRONG: Final[list[tuple[str, Any, str]]] = [
    ("at", {"x": "abc"}, "22P02"),
    ("at", {"x": [1]}, "22P02"),
    ("at", {"x": 1.5}, "22P02"),
    ("at", {"x": 99999999999}, "22003"),
    ("at", {"y": 123456789.5}, "22003"),
    ("at", [1, 2], "22023"),
    ("at", 5, "22023"),
    ("at", True, "22023"),
    ("at", "abc", "22P02"),
    ("at", "(1,2,3)", "22P02"),
    ("at", {"x": "a\x00b"}, "22P02"),
    ("at", {"a\x00": 1}, "22P02"),
    ("at", "(\x00,1)", "22P02"),
    ("path", {"x": 1}, "22P02"),
    ("path", [5], "22023"),
    ("path", [[{"x": 1}], []], "22P02"),
    ("path", "abc", "22P02"),
    ("spot", {"x": -1}, "23514"),
    ("spots", [{"x": -1}], "23514"),
    ("place", {"few": -1}, "23514"),
    ("place", {"mood": "glad"}, "22P02"),
    ("place", {"code": "abcd"}, "22001"),
    ("place", {"at": [1]}, "22023"),
    ("place", {"tags": {"a": 1}}, "22P02"),
    ("place", {"facts": {"k": "\x00"}}, "22P02"),
    ("needed", None, "23502"),
    ("whole", {"id": 1}, "PGRST204"),
]


async def test_what_does_not_fit_writes_nothing(api: Served) -> None:
    deep: Any = 1
    for _ in range(100):
        deep = {"x": deep}
    found = []
    for column, value, code in [*WRONG, ("at", deep, "PGRST102")]:
        reply = await rest(
            api,
            "POST",
            "visit",
            [{"id": 50}, {"id": 51, column: value}] if column != "whole" else {"id": 51, column: value},
        )
        if column != "whole":
            assert reply.json["code"] in {"PGRST102", code}, (column, value, reply.body)
        one = await rest(api, "POST", "visit", {"id": 51, column: value})
        found.append((column, one.status, one.json["code"] == code, one.json["code"]))
    assert [each for each in found if each[1] != 400 or not each[2]] == []
    assert await ids(api, "id=gte.50") == []
    half = await rest(api, "POST", "visit", [{"id": 50, "at": {"x": 1}}, {"id": 51, "at": {"x": "y"}}])
    assert (half.status, half.json["code"]) == (400, "22P02")
    assert await ids(api, "id=gte.50") == []


# ── arguments ────────────────────────────────────────────────────────────────────────────────


async def test_arguments(api: Served) -> None:
    async def post(name: str, body: Any) -> Reply:
        return await rest(api, "POST", f"rpc/{name}", body)

    assert (await post("doubled", {"at": {"x": 2, "y": 1.5}})).json == row(4, 3)
    assert (await post("doubled", {"at": "(3,)"})).json == row(6)
    assert (await post("doubled", {"at": None})).json == row()
    assert (await rest(api, "GET", "rpc/doubled?at=(1,2)")).json == row(2, 4)
    assert (await post("listed", {"path": [{"x": 1}, "(9,1)"]})).json == 10
    assert (await rest(api, "GET", 'rpc/listed?path={"(1,2)","(4,2)"}')).json == 5
    assert (await post("total", {"path": [{"x": 1}, {"x": 5}]})).json == 6
    assert (await rest(api, "GET", "rpc/total?path=(1,2)&path=(4,2)")).json == 5
    assert (await post("spotted", {"spot": {"x": 2}})).json == 2
    assert (await post("placed", {"place": PLACE})).json == PLACE
    form = await api.request(
        "POST", "/rest/v1/rpc/doubled", {"Content-Type": "application/x-www-form-urlencoded"}, data=b"at=(4,5)"
    )
    assert form.json == row(8, 10)


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("doubled", {"at": {"x": "r"}}, "22P02"),
        ("doubled", {"at": [1]}, "22023"),
        ("doubled", {"at": "zz"}, "22P02"),
        ("doubled", {"at": {"x": "\x00"}}, "22P02"),
        ("listed", {"path": {"x": 1}}, "22P02"),
        ("spotted", {"spot": {"x": -2}}, "23514"),
        ("placed", {"place": {"few": -2}}, "23514"),
        ("told", {"whole": {"id": 1}}, "22P02"),
    ],
)
async def test_arguments_that_do_not_fit(api: Served, name: str, body: Any, code: str) -> None:
    reply = await rest(api, "POST", f"rpc/{name}", body)
    assert (reply.status, reply.json["code"]) == (400, code)


# ── filters, orders, groups ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("at=eq.(1,2.5)", [1]),
        ("at=eq.(1,)", [4]),
        ("at=neq.(1,2.5)", [3, 4]),
        ('at=in.("(1,2.5)","(1,)")', [1, 4]),
        ("at=not.in.(%22(1,2.5)%22)", [3, 4]),
        ("at=gt.(1,2.5)", [3, 4]),
        ("at=lte.(1,2.5)", [1]),
        ('at=eq(any).{"(1,)","(7,)"}', [4]),
        ("at=isdistinct.(1,)", [1, 2, 3]),
        # What has no field with a value is null to PostgreSQL, and what has one is not.
        ("at=is.null", [2, 3]),
        ("at=not.is.null", [1, 4]),
        ('or=(at.eq."(1,)",id.eq.2)', [2, 4]),
        ("at->x=eq.1", [1, 4]),
        ("at->>y=eq.2.50", [1]),
        ("path->0->x=eq.1", [1]),
        ('path=eq.{"(1,1)","(2,)"}', [1]),
        ('path=cs.{"(2,)"}', [1]),
        ('path=ov.{"(2,)","(3,)"}', [1]),
        ("path=cd.{}", [2]),
        ("far=eq.(10,2.5)", [1]),
    ],
)
async def test_filters(api: Served, asked: str, found: list[int]) -> None:
    assert await ids(api, asked) == found


async def test_orders_and_groups(api: Served) -> None:
    ordered = await rest(api, "GET", "visit?select=id&order=at.desc.nullslast,id")
    assert [each["id"] for each in ordered.json] == [3, 4, 1, 2]
    groups = await rest(api, "GET", "visit?select=at,count()&at=not.is.null&order=at")
    assert groups.json == [{"at": row(1, 2.5), "count": 1}, {"at": row(1), "count": 1}]


@pytest.mark.parametrize(
    "asked", ["order=loose", "loose=eq.(1,{})", "select=loose,count()", "at=like.(*", "whole=eq.(1,a)"]
)
async def test_what_the_type_has_no_operator_for(api: Served, asked: str) -> None:
    reply = await rest(api, "GET", f"visit?{asked}")
    assert (reply.status, reply.json["code"]) == (404, "42883")


@pytest.mark.parametrize("asked", ["at=eq.(1", "at=eq.(a,b)", "path=eq.{(1)}", "at=in.(a)"])
async def test_operands_that_do_not_fit(api: Served, asked: str) -> None:
    reply = await rest(api, "GET", f"visit?{asked}")
    assert (reply.status, reply.json["code"]) == (400, "22P02")


# ── rules, caches, other APIs ────────────────────────────────────────────────────────────────


async def test_rules_hold_of_composites(api: Served) -> None:
    shown = await rest(api, "GET", "kept?order=id")
    assert shown.json == [{"id": 1, "owner": "ann", "at": row(1, 1)}, {"id": 3, "owner": "bob", "at": None}]
    assert await ids(api, "at=eq.(2,2)", "kept") == []
    made = await rest(api, "POST", "kept", {"id": 4, "at": {"x": 1}}, **SHOWN)
    assert (made.status, made.json) == (201, [{"id": 4, "owner": "ann", "at": row(1)}])
    for empty in (None, {"x": None}, "(,)"):
        refused = await rest(api, "POST", "kept", {"id": 5, "at": empty})
        assert (refused.status, refused.json["code"]) == (401, "42501"), empty
    refused = await rest(api, "PATCH", "kept?id=eq.1", {"at": {}})
    assert refused.json["code"] == "42501"
    assert (await rest(api, "GET", "kept?id=eq.1&select=at")).json == [{"at": row(1, 1)}]


async def test_kept_answers_follow(api: Served) -> None:
    before = await rest(api, "GET", "visit?select=at&id=eq.1")
    assert before.json == [{"at": row(1, 2.5)}]
    await rest(api, "PATCH", "visit?id=eq.1", {"at": {"x": 6}})
    assert (await rest(api, "GET", "visit?select=at&id=eq.1")).json == [{"at": row(6)}]


async def test_other_apis_take_none(api: Served) -> None:
    refused = await api.request("POST", "/api/visit", json={"id": 60, "at": {"x": 1}})
    assert (refused.status, refused.json["detail"]) == (422, "'at' is of type point_of, which takes no value here")
    assert (await api.request("POST", "/api/visit", json={"id": 60})).status == 201
    inputs = await api.request(
        "POST", "/graphql", json={"query": '{__type(name:"visit_insert_input"){inputFields{name}}}'}
    )
    assert [each["name"] for each in inputs.json["data"]["__type"]["inputFields"]] == ["id", "owner"]
    document = (await api.get("/openapi.json")).json["components"]["schemas"]
    shown, created = document["Visit"]["properties"], document["VisitCreate"]["properties"]
    assert shown["at"]["readOnly"] is True
    assert "at" not in created
