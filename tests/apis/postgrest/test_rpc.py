"""Functions at `/rest/v1/rpc`: found, called, and what they give answered as PostgREST answers it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from reflector.drivers.protocol import PLAIN, Session
from server.config import ConfigError
from server.transactions import hoisted
from tests.apis.postgrest import routines
from tests.apis.postgrest.native import MAKE_ROLES
from tests.bookshops import Databases
from tests.server.harness import Reply, Served, served
from tests.servers import PostgreSQLServer

RPC = "/rest/v1/rpc/"


@pytest.fixture(scope="module")
def url(databases: Databases) -> str:
    return databases.database(DatabaseKind.POSTGRESQL, routines.POSTGRESQL)


@pytest.fixture
async def api(url: str) -> AsyncIterator[Served]:
    async with served(url, routines.config(routines.OPEN, articles=True)) as found:
        yield found


async def post(api: Served, path: str, data: bytes, type_: str, **headers: str) -> Reply:
    return await api.request("POST", RPC + path, {"Content-Type": type_, **headers}, data=data)


@pytest.mark.parametrize(
    ("path", "body", "status", "given"),
    [
        ("twice", {"n": 4}, 200, 8),
        ("twice", {"n": "4", "by_what": 5}, 200, 20),
        ("twice", {"n": None}, 200, None),
        ("hello", {}, 200, "hello"),
        ("numbers", {"a": 1, "b": 3}, 200, [1, 2, 3]),
        ("numbers?limit=1&offset=1", {"a": 1, "b": 3}, 200, [2]),
        ("numbers", {"a": 3, "b": 1}, 200, []),
        ("pairs", {}, 200, [{"a": 1, "b": "x"}, {"a": 2, "b": None}]),
        ("split", {"whole": 5}, 200, {"half": 2, "rest": 1}),
        ("counted", {"n": 5}, 200, {"n": 6}),
        ("somewhere", {}, 200, {"x": 1, "y": 2.5}),
        ("first_article?select=id", {}, 200, {"id": 1}),
        ("joined", {"parts": ["a", "b"]}, 200, "a-b"),
        ("joined", {}, 200, ""),
        ("summed", {"v": [1, 2]}, 200, 3),
        ("summed", {"v": "{1,2}"}, 200, 3),
        ("said", {"any": ["thing"]}, 200, {"any": ["thing"]}),
        ("said", [1, {"a": 2}], 200, [1, {"a": 2}]),
        ("told", {"v": {"a": [1.50]}}, 200, {"a": [1.5]}),
        ("either", {"a": 1}, 200, "a"),
        ("either", {"a": 1, "b": 1}, 200, "ab"),
        ("peeks", {}, 200, 7),
    ],
)
async def test_a_function_is_called_with_named_arguments(
    api: Served, path: str, body: Any, status: int, given: Any
) -> None:
    reply = await api.post(RPC + path, body)
    assert (reply.status, reply.json) == (status, given)
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("path", "status", "given"),
    [
        ("twice?n=4", 200, 8),
        ("twice?n=4&n=5", 200, 10),
        ("joined?parts=a&parts=b,c", 200, "a-b,c"),
        ("summed?v={1,2,3}", 200, 6),
        ("numbers?a=1&b=5&numbers=gt.3", 200, [4, 5]),
        ("found?lowest=2&id=lt.4&select=id,shelf(label)&order=id.desc", 200, None),
        ("peeks", 200, 7),
        ("told?v=%7B%22a%22:1%7D", 200, {"a": 1}),
    ],
)
async def test_arguments_stand_in_the_address_beside_filters(api: Served, path: str, status: int, given: Any) -> None:
    reply = await api.get(RPC + path)
    if given is None:
        given = [{"id": 3, "shelf": {"label": "right"}}, {"id": 2, "shelf": {"label": "left"}}]
    assert (reply.status, reply.json) == (status, given)


async def test_rows_of_a_table_are_asked_as_at_the_table(api: Served) -> None:
    whole = await api.get(RPC + "found")
    # Row 4 may not be read from the table; the function gives it all the same, without the column that is hidden.
    assert whole.json[3] == {"id": 4, "title": "four", "shelf_id": None}
    page = await api.get(RPC + "found?limit=2&offset=1&select=id", {"Prefer": "count=exact"})
    assert (page.status, page.json) == (206, [{"id": 2}, {"id": 3}])
    assert page.headers["Content-Range"] == "1-2/4"
    assert page.headers["Preference-Applied"] == "count=exact"
    assert page.headers["Content-Location"] == "/rpc/found?limit=2&offset=1&select=id"
    ranged = await api.get(RPC + "found?select=id", {"Range-Unit": "items", "Range": "0-0"})
    assert (ranged.json, ranged.headers["Content-Range"]) == ([{"id": 1}], "0-0/*")
    beyond = await api.get(RPC + "found?offset=9", {"Prefer": "count=exact"})
    assert (beyond.status, beyond.code) == (416, "PGRST103")
    hidden = await api.get(RPC + "found?select=secret")
    assert (hidden.status, hidden.code) == (400, "42703")
    filtered = await api.get(RPC + "found?secret=eq.s1")
    assert (filtered.status, filtered.code) == (400, "42703")


async def test_a_caller_who_may_not_read_the_table_gets_none_of_its_rows(url: str) -> None:
    async with served(url, routines.config(["found", "shelves", "cleared"], shelves=False)) as api:
        reply = await api.get(RPC + "shelves")
        assert (reply.status, reply.code) == (401, "42501")
        assert (await api.post(RPC + "cleared", {})).status == 204


async def test_bodies_that_are_one_value(api: Served) -> None:
    assert (await post(api, "texted", "ü'; --".encode(), "text/plain")).json == "<ü'; -->"
    assert (await post(api, "sized", b"\x00\xff\x01", "application/octet-stream")).json == 3
    assert (await post(api, "rooted", b"<a>1</a>", "text/xml")).json == "<a>1</a>"
    form = await post(api, "twice", b"n=4&by_what=3", "application/x-www-form-urlencoded")
    assert form.json == 12
    several = await post(api, "joined", b"parts=a&parts=b", "application/x-www-form-urlencoded")
    assert several.json == "a-b"
    missing = await post(api, "twice", b"x", "text/plain")
    assert (missing.status, missing.code) == (404, "PGRST202")
    assert missing.json["details"] == (
        "Searched for the function public.twice with a single unnamed text parameter, but no matches were found in the "
        "schema cache."
    )
    for type_ in ("text/csv", "image/png"):
        reply = await post(api, "twice", b"n\n4", type_)
        assert (reply.status, reply.code) == (400, "PGRST102")
        assert reply.json["message"] == f"Content-Type not acceptable: {type_}"
    broken = await post(api, "twice", b"{", "application/json")
    assert (broken.status, broken.code) == (400, "PGRST102")
    empty = await post(api, "hello", b"", "application/json")
    assert (empty.status, empty.json) == (200, "hello")


async def test_a_function_that_is_not_there_is_told_with_the_nearest(api: Served) -> None:
    reply = await api.post(RPC + "twice", {"m": 1})
    assert (reply.status, reply.json) == (
        404,
        {
            "code": "PGRST202",
            "message": "Could not find the function public.twice(m) in the schema cache",
            "details": "Searched for the function public.twice with parameter m or with a single unnamed json/jsonb "
            "parameter, but no matches were found in the schema cache.",
            "hint": "Perhaps you meant to call the function public.twice(n, by_what)",
        },
    )
    reply = await api.get(RPC + "twise?b=1&a=2")
    assert (reply.status, reply.json) == (
        404,
        {
            "code": "PGRST202",
            "message": "Could not find the function public.twise(a, b) in the schema cache",
            "details": "Searched for the function public.twise with parameters a, b, but no matches were found in the "
            "schema cache.",
            "hint": "Perhaps you meant to call the function public.twice",
        },
    )
    without = await api.get(RPC + "nonsense")
    assert (
        without.json["message"] == "Could not find the function public.nonsense without parameters in the schema cache"
    )
    closed, absent = await api.post(RPC + "closed", {}), await api.post(RPC + "closer", {})
    assert (closed.status, closed.body.replace(b"closed", b"closer")) == (404, absent.body)


async def test_several_that_fit_are_told(api: Served) -> None:
    reply = await api.post(RPC + "twofold", {"a": 1})
    assert (reply.status, reply.code) == (300, "PGRST203")
    assert reply.json["message"] == (
        "Could not choose the best candidate function between: public.twofold(a => integer), public.twofold(a => text)"
    )


async def test_values_of_the_wrong_type(api: Served) -> None:
    for value, code in (("x", "22P02"), (1.5, "22P02"), ([1], "22P02"), (2**40, "22003")):
        reply = await api.post(RPC + "twice", {"n": value})
        assert (reply.status, reply.code) == (400, code), value
    evil = await api.post(RPC + "twice", {"n": "1); DROP TABLE shelf; --"})
    assert evil.status == 400
    name = await api.post(RPC + "twice", {"n": 1, 'by_what" => 1); DROP TABLE shelf; --': 2})
    assert (name.status, name.code) == (404, "PGRST202")
    assert (await api.get("/rest/v1/shelf?id=eq.1")).json == [{"id": 1, "label": "left"}]


async def test_who_writes_writes_by_post_alone(api: Served) -> None:
    refused = await api.get(RPC + "added?n=1&word=x")
    assert (refused.status, refused.code) == (405, "25006")
    head = await api.request("HEAD", RPC + "added?n=1&word=x")
    assert head.status == 405
    single = {"Accept": "application/vnd.pgrst.object+json"}
    several = await api.post(RPC + "added", {"n": 2, "word": "x"}, single)
    assert (several.status, several.code) == (406, "PGRST116")
    assert several.json["details"] == "The result contains 2 rows"
    strict = {"Prefer": "handling=strict, max-affected=2"}
    many = await api.post(RPC + "added", {"n": 3, "word": "x"}, strict)
    assert (many.status, many.code, many.json["details"]) == (400, "PGRST124", "The query affects 3 rows")
    scalar = await api.post(RPC + "twice", {"n": 3}, strict)
    assert (scalar.status, scalar.code) == (400, "PGRST128")
    assert (await api.get("/rest/v1/shelf?id=gte.10")).json == []
    one = await api.post(RPC + "added", {"n": 1, "word": "x"}, {**single, **strict})
    assert (one.status, one.json) == (200, {"id": 10, "label": "x"})
    assert one.headers["Preference-Applied"] == "handling=strict, max-affected=2"
    assert (await api.get("/rest/v1/shelf?id=gte.10")).json == [{"id": 10, "label": "x"}]
    void = await api.post(RPC + "cleared", {})
    assert (void.status, void.body) == (204, b"")
    assert (await api.get("/rest/v1/shelf?id=gte.10")).json == []


async def test_methods(api: Served) -> None:
    for method in ("PUT", "PATCH", "DELETE"):
        reply = await api.request(method, RPC + "twice")
        assert (reply.status, reply.code) == (405, "PGRST101")
    assert (await api.request("OPTIONS", RPC + "twice")).headers["Allow"] == "OPTIONS,GET,HEAD,POST"
    assert (await api.request("OPTIONS", RPC + "cleared")).headers["Allow"] == "OPTIONS,POST"
    assert (await api.request("OPTIONS", RPC + "closed")).status == 404
    head = await api.request("HEAD", RPC + "found?limit=1", {"Range": "0-2"})
    assert (head.status, head.body, head.headers["Content-Range"]) == (200, b"", "0-0/*")


async def test_media_types(api: Served) -> None:
    csv = {"Accept": "text/csv"}
    assert (await api.get(RPC + "pairs", csv)).body == b"a,b\n1,x\n2,"
    assert (await api.get(RPC + "split?whole=5", csv)).body == b"half,rest\n2,1"
    stripped = {"Accept": "application/vnd.pgrst.array+json;nulls=stripped"}
    assert (await api.get(RPC + "pairs", stripped)).json == [{"a": 1, "b": "x"}, {"a": 2}]
    single = {"Accept": "application/vnd.pgrst.object+json"}
    assert (await api.get(RPC + "pairs?a=eq.1", single)).json == {"a": 1, "b": "x"}
    assert (await api.get(RPC + "pairs", single)).status == 406
    assert (await api.get(RPC + "twice?n=2", single)).json == 4
    page = await api.get(RPC + "page", {"Accept": "text/html"})
    assert (page.body, page.headers["Content-Type"]) == (b"<b>hi</b>", "text/html")
    picture = await api.get(RPC + "picture")
    assert (picture.body, picture.headers["Content-Type"]) == (b"\x89\x50", "image/png")
    anything = await api.get(RPC + "anything", {"Accept": "application/x-own"})
    assert (anything.body, anything.headers["Content-Type"]) == (b"\x00\xff", "application/octet-stream")
    assert (await api.get(RPC + "page?page=like.*hi*")).body == b"<b>hi</b>"
    assert (await api.get(RPC + "page?page=eq.other")).body == b""
    refused = await api.get(RPC + "page", {"Accept": "application/json"})
    assert (refused.status, refused.code) == (406, "PGRST107")


async def test_nothing_that_a_function_says_is_told(api: Served) -> None:
    reply = await api.post(RPC + "fails", {})
    assert (reply.status, reply.code) == (400, "P0001")
    assert b"secret" not in reply.body


async def test_a_function_that_is_broken_is_no_fault_of_the_schema(api: Served) -> None:
    reply = await api.post(RPC + "misses", {})
    assert (reply.status, reply.code) == (404, "42883")
    assert b"not_there" not in reply.body
    together = await asyncio.gather(*(api.post(RPC + "misses", {}) for _ in range(20)))
    assert {(each.status, each.code) for each in together} == {(404, "42883")}


async def test_functions_of_another_schema(api: Served) -> None:
    there = await api.post(RPC + "elsewhere", {}, {"Content-Profile": "other"})
    assert (there.json, there.headers["Content-Profile"]) == (9, "other")
    assert (await api.get(RPC + "elsewhere", {"Accept-Profile": "other"})).json == 9
    assert (await api.get(RPC + "elsewhere")).code == "PGRST202"
    assert (await api.get(RPC + "elsewhere", {"Accept-Profile": "none"})).code == "PGRST106"


async def test_a_name_of_the_file_that_is_wrong_is_told_with_its_line(url: str) -> None:
    for name, told in (
        ("twise", "6:3: functions.twise: there is no function 'twise'; did you mean 'twice'?"),
        ("done", "6:3: functions.done: done cannot be called"),
    ):
        with pytest.raises(ConfigError) as refused:
            async with served(url, routines.config([name], shelves=False), strict=True):
                pass
        assert told in str(refused.value)
    with pytest.raises(ConfigError) as refused:
        async with served(url, "roles: {guest: {}}\nfunctions: {twice: {allow: [gast]}}"):
            pass
    assert "there is no role 'gast'; did you mean 'guest'?" in str(refused.value)
    async with served(url, routines.config(["twise", "hello"], shelves=False)) as api:
        assert (await api.get(RPC + "hello")).json == "hello"
        assert (await api.get(RPC + "twice?n=1")).status == 404


async def test_nothing_opens_a_function_but_its_name(url: str) -> None:
    async with served(url, writable=True) as api:
        assert (await api.get(RPC + "hello")).code == "PGRST202"
    async with served(url, "defaults: {read: true, write: true}") as api:
        assert (await api.get(RPC + "hello")).code == "PGRST202"


async def test_mariadb_gives_values(databases: Databases) -> None:
    url = databases.database(DatabaseKind.MARIADB, routines.MARIADB)
    async with served(url, routines.config(["twice", "texted", "marked"])) as api:
        assert (await api.post(RPC + "twice", {"by_what": 3, "n": "4"})).json == 12
        assert (await api.get(RPC + "twice?n=4&by_what=2")).json == 8
        assert (await api.post(RPC + "texted", {"word": "'; DROP TABLE shelf; -- %s \\"})).json == (
            "<'; DROP TABLE shelf; -- %s \\>"
        )
        assert (await api.get(RPC + "marked?n=1")).status == 405
        for unkept in ("If-Match", "If-Unmodified-Since", "Idempotency-Key"):
            refused = await api.post(RPC + "marked", {"n": 1}, {unkept: '"x"'})
            assert (refused.status, refused.code) == (400, "PGRST100")
        assert (await api.get("/rest/v1/shelf")).json == []
        assert (await api.post(RPC + "marked", {"n": 1})).json == 1
        assert (await api.get("/rest/v1/shelf")).json == [{"id": 1, "label": "marked"}]
        filtered = await api.get(RPC + "twice?n=4&by_what=2&twice=gt.3")
        assert (filtered.status, filtered.code) == (400, "PGRST127")
        for path in ("closed", "unheard"):
            reply = await api.post(RPC + path, {})
            assert (reply.status, reply.code) == (404, "PGRST202")


async def test_sqlite_has_no_functions(sqlite_shop: Served) -> None:
    reply = await sqlite_shop.post(RPC + "twice", {"n": 1})
    assert (reply.status, reply.code) == (400, "PGRST127")
    assert "SQLite" in reply.json["details"]


# ── settings of a function ───────────────────────────────────────────────────────────────────

HOISTED = """
CREATE SCHEMA api;
CREATE FUNCTION api.told() RETURNS json LANGUAGE sql VOLATILE
    SET default_transaction_isolation = 'SERIALIZABLE' SET statement_timeout = '7s' SET work_mem = '5MB' AS
    $$ SELECT json_build_object('level', current_setting('transaction_isolation')) $$;
CREATE FUNCTION api.seen() RETURNS json LANGUAGE sql STABLE SET statement_timeout = '7s' SET work_mem = '5MB'
    AS $$ SELECT NULL::json $$;
CREATE FUNCTION api.slow() RETURNS int LANGUAGE sql STABLE SET statement_timeout = '100ms'
    AS $$ SELECT 1 FROM pg_sleep(5) $$;
GRANT USAGE ON SCHEMA api TO web_anon;
"""
ENFORCED = """
auth: {enforce: database}
postgrest:
  db_schemas: [api]
  db_anon_role: web_anon
  allow_granted_functions: true
"""


async def test_settings_of_a_function_hold_for_its_transaction(
    postgresql_server: PostgreSQLServer, databases: Databases
) -> None:
    """A function's own timeout does not end it, because its statement has begun by then; that of its transaction does."""
    postgresql_server.run("postgres", MAKE_ROLES)
    url = databases.database(DatabaseKind.POSTGRESQL, HOISTED).replace("//postgres@", "//gatekeeper@")
    async with served(url, ENFORCED) as api:
        assert (await api.post(RPC + "told", {})).json == {"level": "serializable"}
        slow = await api.get(RPC + "slow")
        assert (slow.status, slow.code) == (500, "57014")
    async with served(url, ENFORCED + "  db_hoisted_tx_settings: [work_mem]\n") as api:
        assert (await api.post(RPC + "told", {})).json == {"level": "read committed"}
    function = next(each for each in api.running.engine.snapshot.catalog.functions if each.name == "seen")
    assert function.settings == (("statement_timeout", "7s"), ("work_mem", "5MB"))
    named = Session(role="web_anon", settings={"a": "b"})
    assert hoisted(named, function, ("work_mem",)).settings == {"a": "b", "work_mem": "5MB"}
    assert hoisted(named, function, ()) is named
    assert hoisted(PLAIN, function, ("work_mem",)) is PLAIN
