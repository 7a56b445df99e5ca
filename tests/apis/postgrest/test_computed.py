"""Computed fields and computed relationships: functions of the database that are asked of a row."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest import computing
from tests.apis.postgrest.native import MAKE_ROLES, bearer
from tests.bookshops import Databases
from tests.cache.conftest import cache_of, write_outside
from tests.server.harness import Reply, Served, eventually, served
from tests.servers import PostgreSQLServer

REST = "/rest/v1/"
MEMBER = bearer("member")
SHOWN = {"Prefer": "return=representation", **MEMBER}


@pytest.fixture(scope="module")
def url(databases: Databases) -> str:
    return databases.database(DatabaseKind.POSTGRESQL, computing.SCRIPT)


@pytest.fixture
def own_url(databases: Databases) -> str:
    """A database to write into."""
    return databases.database(DatabaseKind.POSTGRESQL, computing.SCRIPT)


@pytest.fixture
async def api(url: str) -> AsyncIterator[Served]:
    async with served(url, computing.config()) as found:
        yield found


def ok(reply: Reply) -> Any:
    assert reply.status in {200, 201, 206}, reply.body
    return reply.json


# ── fields ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("author?select=id,full_name&id=eq.1", [{"id": 1, "full_name": "Ann Ames"}]),
        ("author?select=called:full_name&id=eq.2", [{"called": "Bob Bell"}]),
        ("author?select=age,years:age::text&id=eq.1", [{"age": 50, "years": "50"}]),
        ("author?select=facts->>first,facts->tags->0&id=eq.1", [{"first": "Ann", "tags": 1}]),
        ("author?facts->>first=eq.Bob&select=id", [{"id": 2}]),
        ("author?select=*,full_name&id=eq.3", [{"id": 3, "first": "Cy", "last": "Cole", "born": None, "full_name": "Cy Cole"}]),
        ("author?select=*&id=eq.1", [{"id": 1, "first": "Ann", "last": "Ames", "born": 1950}]),
        ("author?id=eq.1", [{"id": 1, "first": "Ann", "last": "Ames", "born": 1950}]),
        ("author?full_name=eq.Bob%20Bell&select=id", [{"id": 2}]),
        ("author?full_name=not.in.(Bob%20Bell)&select=id&order=id", [{"id": 1}, {"id": 3}]),
        ("author?or=(full_name.like.Ann*,age.is.null)&select=id&order=id", [{"id": 1}, {"id": 3}]),
        ("author?and=(age.gt.30,age.not.gt.45)&select=id", [{"id": 2}]),
        ("author?select=id&order=full_name.desc", [{"id": 3}, {"id": 2}, {"id": 1}]),
        ("author?select=id&order=age.asc.nullsfirst", [{"id": 3}, {"id": 2}, {"id": 1}]),
        ("author?select=age&order=age.desc.nullslast&limit=1&offset=1", [{"age": 40}]),
        ("author?select=full_name,works(id)&order=full_name.desc&limit=2",
         [{"full_name": "Cy Cole", "works": []}, {"full_name": "Bob Bell", "works": [{"id": 3}]}]),
        ("book?select=id,author(full_name)&author.age=gt.45&order=id",
         [{"id": 1, "author": {"full_name": "Ann Ames"}}, {"id": 3, "author": None}]),
        ("book?select=id,author!inner(age)&author.age=gt.45", [{"id": 1, "author": {"age": 50}}]),
        ("book?select=id,...author(full_name,years:age)&order=author(full_name).desc",
         [{"id": 3, "full_name": "Bob Bell", "years": 40}, {"id": 1, "full_name": "Ann Ames", "years": 50}]),
        ("author?select=first&id=eq.1", [{"first": "Ann"}]),
        ("author?select=secret&id=eq.1", [{"secret": "not the column"}]),
        ("living?select=shout&id=eq.1", [{"shout": "ANN"}]),
        ("we%25ird%20%22t?select=id,%22o%25d%5C%22d%22", [{"id": 1, 'o%d"d': "ODD"}]),
        ("author?select=nickname,full_name&id=eq.1", [{"nickname": "ann", "full_name": "Ann Ames"}]),
    ],
)  # fmt: skip
async def test_a_function_of_a_row_is_a_field(api: Served, path: str, given: Any) -> None:
    assert ok(await api.get(REST + path)) == given


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("author?select=age.sum(),age.max(),full_name.count()", [{"sum": 90, "max": 50, "count": 3}]),
        ("author?select=known:age,count()&order=age", [{"known": 40, "count": 1}, {"known": 50, "count": 1}, {"known": None, "count": 1}]),
        ("author?select=id,works(count())&order=id",
         [{"id": 1, "works": [{"count": 1}]}, {"id": 2, "works": [{"count": 1}]}, {"id": 3, "works": [{"count": 0}]}]),
        ("author?select=id,works(number.sum())&id=eq.2", [{"id": 2, "works": [{"sum": 9}]}]),
        ("author?select=id,latest(count())&id=eq.2", [{"id": 2, "latest": {"count": 1}}]),
    ],
)  # fmt: skip
async def test_what_functions_give_is_aggregated(api: Served, path: str, given: Any) -> None:
    assert ok(await api.get(REST + path)) == given


async def test_rows_of_a_function_are_grouped_by(api: Served) -> None:
    for path, given in (
        ("author?select=count(),works(id)", [{"count": 1, "works": []}, {"count": 1, "works": [{"id": 1}]}, {"count": 1, "works": [{"id": 3}]}]),
        ("author?select=count(),latest(status)", [{"count": 2, "latest": None}, {"count": 1, "latest": {"status": "published"}}]),
        ("author?select=n:count(),age.max(),works(status)",
         [{"n": 1, "max": None, "works": []}, {"n": 2, "max": 50, "works": [{"status": "published"}]}]),
        ("author?select=count(),...works(status)", [{"count": 1, "status": []}, {"count": 2, "status": ["published"]}]),
        ("author?select=count(),...works(status,title)&id=lt.3",
         [{"count": 1, "status": ["published"], "title": ["One"]}, {"count": 1, "status": ["published"], "title": ["Three"]}]),
        ("book?select=id,writer(count(),works(status))&id=eq.1",
         [{"id": 1, "writer": {"count": 1, "works": [{"status": "published"}]}}]),
        ("author?select=count(),works(count())", [{"count": 1, "works": [{"count": 0}]}, {"count": 2, "works": [{"count": 1}]}]),
    ):  # fmt: skip
        assert sorted(ok(await api.get(REST + path)), key=str) == sorted(given, key=str), path
    lifted = ok(await api.get(REST + "author?select=...latest(status),count()"))
    assert sorted(lifted, key=str) == [{"status": "published", "count": 1}, {"status": None, "count": 2}]


async def test_a_field_may_have_further_arguments_that_have_defaults(api: Served) -> None:
    assert ok(await api.get(REST + "author?select=either&id=eq.1&either=eq.1")) == [{"either": 1}]
    for name in ("twice", "needs"):
        reply = await api.get(REST + f"author?select={name}")
        assert (reply.status, reply.code) == (400, "42703")
    reply = await api.get(REST + "author?select=id,more_works(id)")
    assert (reply.status, reply.code) == (400, "PGRST200")


async def test_a_count_counts_what_a_computed_filter_finds(api: Served) -> None:
    reply = await api.get(REST + "author?age=gt.0&select=id&limit=1", {"Prefer": "count=exact"})
    assert (reply.status, reply.headers["Content-Range"]) == (206, "0-0/2")


async def test_one_object_and_csv_have_computed_fields(api: Served) -> None:
    one = await api.get(REST + "author?id=eq.1&select=full_name", {"Accept": "application/vnd.pgrst.object+json"})
    assert ok(one) == {"full_name": "Ann Ames"}
    rows = await api.get(REST + "author?id=eq.1&select=id,full_name", {"Accept": "text/csv"})
    assert rows.body.decode() == 'id,full_name\n1,"Ann Ames"'


# ── relationships ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("author?select=id,works(id,title)&order=id&works.order=id",
         [{"id": 1, "works": [{"id": 1, "title": "One"}, {"id": 2, "title": "Two"}]},
          {"id": 2, "works": [{"id": 3, "title": "Three"}]}, {"id": 3, "works": []}]),
        ("author?select=id,latest(title),debut(title)&order=id",
         [{"id": 1, "latest": {"title": "Two"}, "debut": {"title": "One"}},
          {"id": 2, "latest": {"title": "Three"}, "debut": {"title": "Three"}}, {"id": 3, "latest": None, "debut": None}]),
        ("author?select=id,all:works(title)&all.order=id.desc&all.limit=1&id=eq.1", [{"id": 1, "all": [{"title": "Two"}]}]),
        ("author?select=id,works(id)&works.offset=1&works.order=id&id=eq.1", [{"id": 1, "works": [{"id": 2}]}]),
        ("author?select=id,works(id)&works.price=gt.15&order=id",
         [{"id": 1, "works": [{"id": 2}]}, {"id": 2, "works": [{"id": 3}]}, {"id": 3, "works": []}]),
        ("author?select=id,works!inner(id)&works.price=lt.15", [{"id": 1, "works": [{"id": 1}]}]),
        ("author?select=id,works()&works=is.null", [{"id": 3}]),
        ("author?select=id,debut()&debut=is.null", [{"id": 3}]),
        ("author?select=id,latest()&latest=not.is.null&order=id", [{"id": 1}, {"id": 2}]),
        ("author?select=id,latest(),works()&or=(latest.is.null,works.not.is.null)&order=id.desc&limit=1", [{"id": 3}]),
        ("author?select=id,latest(title)&order=latest(title).desc.nullslast&limit=2",
         [{"id": 1, "latest": {"title": "Two"}}, {"id": 2, "latest": {"title": "Three"}}]),
        ("author?select=id,...latest(title,price)&order=id&limit=1", [{"id": 1, "title": "Two", "price": 20}]),
        ("author?select=id,...works(titles:title)&works.order=id.desc&order=id&limit=1", [{"id": 1, "titles": ["Two", "One"]}]),
        ("book?select=id,writer(full_name,peers(id,latest(id)))&id=eq.1",
         [{"id": 1, "writer": {"full_name": "Ann Ames", "peers": [{"id": 2, "latest": {"id": 3}}, {"id": 3, "latest": None}]}}]),
        ("book?select=id,author(id,works(id))&id=eq.3", [{"id": 3, "author": {"id": 2, "works": [{"id": 3}]}}]),
        ("book?select=id,writer(id)&id=eq.4", [{"id": 4, "writer": None}]),
        ("book?select=id,writer!inner(id)&writer.full_name=eq.Bob%20Bell", [{"id": 3, "writer": {"id": 2}}]),
        ("author?select=id,book(id)&order=id", [{"id": 1, "book": [{"id": 2}]}, {"id": 2, "book": [{"id": 3}]}, {"id": 3, "book": []}]),
        ("author?select=id,book!book_author_id_fkey(id)&id=eq.1&book.order=id", [{"id": 1, "book": [{"id": 1}, {"id": 2}]}]),
        ("author?select=id,works!left(id)&id=eq.2", [{"id": 2, "works": [{"id": 3}]}]),
    ],
)  # fmt: skip
async def test_a_function_that_gives_rows_is_a_relationship(api: Served, path: str, given: Any) -> None:
    assert ok(await api.get(REST + path, MEMBER)) == given


async def test_only_rows_to_one_are_ordered_by(api: Served) -> None:
    reply = await api.get(REST + "author?select=id,works(id)&order=works(id)", MEMBER)
    assert (reply.status, reply.code) == (400, "PGRST118")


async def test_rows_of_a_function_have_computed_fields_and_relationships(api: Served) -> None:
    reply = await api.get(
        REST + "rpc/found?select=id,full_name,works(id)&full_name=like.*e*&order=age.desc.nullslast&limit=1"
    )
    assert ok(reply) == [{"id": 1, "full_name": "Ann Ames", "works": [{"id": 1}]}]
    assert ok(await api.get(REST + "rpc/anyone?select=full_name,...latest(title)")) == {
        "full_name": "Bob Bell",
        "title": "Three",
    }
    counted = await api.get(REST + "rpc/found?select=full_name&age=gt.45", {"Prefer": "count=exact"})
    assert (ok(counted), counted.headers["Content-Range"]) == ([{"full_name": "Ann Ames"}], "0-0/1")


# ── who may ──────────────────────────────────────────────────────────────────────────────────


GONE = """
DROP FUNCTION untold(author); DROP FUNCTION worth(author); DROP FUNCTION pages(author); DROP FUNCTION needs(author, int); DROP FUNCTION twice(author);
DROP FUNCTION twice(author, int); DROP FUNCTION more_works(author, int);
DROP FUNCTION elsewhere.far(author); DROP FUNCTION works(author); DROP FUNCTION book(author); DROP FUNCTION clocks(author);
"""
FIELDS = (
    "author?select=id,{}",
    "author?{}=eq.1",
    "author?or=({}.is.null,id.eq.1)",
    "author?order={}",
    "author?select={}.max()",
)
LINKS = (
    "author?select=id,{}(id)",
    "author?select=id,{}!inner()",
    "author?select=...{}(id)",
    "author?{}=is.null",
    "author?{}.id=eq.1",
)


async def test_a_function_that_may_not_be_called_is_not_there(url: str, databases: Databases) -> None:
    """Two worlds, in one of which there are no such functions."""
    closed = computing.config([each for each in computing.OPEN if each not in {"works", "book"}])
    bare = databases.database(DatabaseKind.POSTGRESQL, computing.SCRIPT + GONE)
    fields = [path.format(name) for path in FIELDS for name in ("untold", "worth", "pages", "needs", "twice", "far")]
    links = [path.format(name) for path in LINKS for name in ("works", "clocks", "book", "more_works")]
    async with served(url, closed) as one, served(bare, closed) as other:
        for path in (*fields, *links):
            here, there = await one.get(REST + path), await other.get(REST + path)
            assert (here.status, here.body) == (there.status, there.body), path
            assert here.status == 400 or "book" in path, path
        # What a closed function would have stood for is there.
        assert ok(await one.get(REST + "author?select=book(id)&id=eq.1")) == [{"book": [{"id": 1}]}]


async def test_another_role_may(api: Served) -> None:
    rows = ok(await api.get(REST + "author?select=worth&order=worth.desc.nullslast", MEMBER))
    assert rows == [{"worth": 30.5}, {"worth": 30}, {"worth": None}]


async def test_without_a_file_no_function_is_open(url: str) -> None:
    async with served(url) as api:
        reply = await api.get(REST + "author?select=full_name")
        assert (reply.status, reply.code) == (400, "42703")


@pytest.mark.parametrize(
    ("path", "guests", "members"),
    [
        ("author?select=every_book(id)&id=eq.1&every_book.order=id", [1, 3], [1, 2, 3, 4]),
        ("author?select=every_book(id)&id=eq.3&every_book.order=id.desc&every_book.limit=2", [3, 1], [4, 3]),
        ("author?select=every_book:invented(id)&id=eq.1", [90], [90, 91]),
        ("author?select=every_book:works(id)&id=eq.1&every_book.order=id", [1], [1, 2]),
    ],
)
async def test_the_rules_of_rows_hold_of_what_a_function_gives(
    api: Served, path: str, guests: list[int], members: list[int]
) -> None:
    for who, seen in ((None, guests), (MEMBER, members)):
        [row] = ok(await api.get(REST + path, who))
        assert [each["id"] for each in row["every_book"]] == seen


@pytest.mark.parametrize(
    ("path", "guests", "members"),
    [
        ("author?select=id,works!inner()&works.title=eq.Two", [], [1]),
        ("author?select=id,works()&works=not.is.null&works.title=eq.Two", [], [1]),
        ("author?select=id,latest()&latest=is.null&order=id", [1, 3], [3]),
        ("author?select=id,...latest(status)&latest=not.is.null&order=id", [2], [1, 2]),
        ("author?select=id,debut()&debut=not.is.null&order=latest(title).desc.nullslast", None, None),
    ],
)
async def test_a_hidden_row_is_not_told_of_by_a_filter(
    api: Served, path: str, guests: list[int] | None, members: list[int] | None
) -> None:
    for who, seen in ((None, guests), (MEMBER, members)):
        reply = await api.get(REST + path, who)
        if seen is None:
            assert (reply.status, reply.code) == (400, "PGRST108")
        else:
            assert [row["id"] for row in ok(reply)] == seen


@pytest.mark.parametrize(
    "path", ["author?select=works({})", "author?select=id,works(id)&works.{}=eq.One", "author?select=id,...latest({})"]
)
@pytest.mark.parametrize("name", ["price", "code"])
async def test_hidden_columns_stay_hidden_in_what_a_function_gives(api: Served, path: str, name: str) -> None:
    hidden = await api.get(REST + path.format(name))
    assert (hidden.status, hidden.code) == (400, "42703")
    assert ok(await api.get(REST + path.format("title")))


async def test_a_function_is_not_asked_of_hidden_rows(api: Served) -> None:
    """It would fail on the drafts, and tell so."""
    for path in (
        "book?number=gt.1&select=id&order=id",
        "book?or=(number.gt.1,number.is.null)&select=id&order=id",
        "book?select=id,number_twice!inner()&order=id",
        "book?select=id,number_twice()&number_twice=not.is.null&order=id",
        "author?select=...works(id,number)&id=eq.1",
        "author?select=id,works!inner()&works.number=lt.1&order=id",
        "author?select=id,every_book!inner()&every_book.number=lt.0&order=id&limit=1",
        "author?select=id,works(id,number_twice!inner(id))&order=id",
        "book?order=number.desc&select=id",
    ):
        assert (await api.get(REST + path)).status == 200, path
        reply = await api.get(REST + path, MEMBER)
        assert (reply.status, reply.code) == (400, "22P02"), path
        assert b"secret of ours" not in reply.body


# ── what functions do ────────────────────────────────────────────────────────────────────────


async def test_a_function_writes_nothing_on_a_read(own_url: str, databases: Databases) -> None:
    async with served(own_url, computing.config()) as api:
        for path in ("author?select=ticked", "author?ticked=gt.0", "author?select=id&order=ticked"):
            reply = await api.get(REST + path)
            assert (reply.status, reply.code) == (405, "25006"), path
        assert ok(await api.get(REST + "author?select=ticks&id=eq.1")) == [{"ticks": 1}]


async def test_a_function_writes_beside_a_write(own_url: str) -> None:
    async with served(own_url, computing.config()) as api:
        reply = await api.request("PATCH", REST + "author?id=eq.1&select=ticked", SHOWN, json={"born": 1951})
        assert ok(reply) == [{"ticked": 2}]
        assert ok(await api.get(REST + "author?select=ticks&id=eq.1")) == [{"ticks": 2}]


async def test_nothing_stays_behind_in_a_session(url: str) -> None:
    async with served(url, computing.config(more="database: {pool: {max: 1}, watch: off}\n")) as api:
        assert ok(await api.get(REST + "author?select=leaves&id=eq.1")) == [{"leaves": "something"}]
        [row] = ok(await api.get(REST + "author?select=behind&id=eq.1"))
        assert not row["behind"]


async def test_errors_of_a_function_are_told_in_our_words(api: Served) -> None:
    for path in ("author?select=fails", "author?fails=gt.0", "author?order=fails"):
        reply = await api.get(REST + path)
        assert (reply.status, reply.code) == (400, "P0001")
        assert b"secret of ours" not in reply.body
    missing = await api.get(REST + "author?select=misses")
    assert (missing.status, missing.code) == (404, "42883")
    assert b"not_there" not in missing.body


async def test_values_are_checked_against_the_type_of_the_field(api: Served) -> None:
    reply = await api.get(REST + "author?age=eq.many")
    assert (reply.status, reply.code) == (400, "22P02")
    none = await api.get(REST + "author?age=fts.word")
    assert (none.status, none.code) == (404, "42883")
    inside = await api.get(REST + "author?select=age->x")
    assert (inside.status, inside.code) == (404, "42883")


# ── writes ───────────────────────────────────────────────────────────────────────────────────


async def test_written_rows_are_found_and_told_by_computed_fields(own_url: str) -> None:
    async with served(own_url, computing.config()) as api:
        path = "author?select=id,full_name,works(id),latest(title)"
        made = await api.request(
            "POST", REST + path, SHOWN, json=[{"id": 7, "first": "Di", "last": "Dee"}, {"id": 8, "first": "Ed", "last": "Ek"}]
        )  # fmt: skip
        assert ok(made)[0] == {"id": 7, "full_name": "Di Dee", "works": [], "latest": None}
        changed = await api.request("PATCH", REST + path + "&full_name=like.Ann*", SHOWN, json={"last": "Oz"})
        [row] = ok(changed)
        assert (row["full_name"], row["latest"]) == ("Ann Oz", {"title": "Two"})
        gone = await api.request("DELETE", REST + "author?full_name=eq.Di%20Dee&select=full_name", SHOWN)
        assert ok(gone) == [{"full_name": "Di Dee"}]
        assert [row["id"] for row in ok(await api.get(REST + "author?select=id&order=id", MEMBER))] == [1, 2, 3, 8]
        refused = await api.request("PATCH", REST + "author?id=eq.8", MEMBER, json={"full_name": "Nobody"})
        assert (refused.status, refused.code) == (400, "PGRST204")


# ── kept answers, and a schema that changes ──────────────────────────────────────────────────


async def test_an_answer_of_a_function_is_kept_for_its_time_alone(own_url: str, databases: Databases) -> None:
    config = computing.config().replace("  author:\n", "  author:\n    cache: {ttl: 100ms}\n")
    async with served(own_url, config) as api:
        cache_of(api).covered = lambda _: True  # all changes of the table are heard, and none of what a function reads
        path = REST + "author?select=id,ticks&id=eq.1"
        assert ok(await api.get(path)) == [{"id": 1, "ticks": 1}]
        write_outside(databases, own_url, "INSERT INTO tick VALUES (2)")

        async def heard() -> bool:
            return bool(ok(await api.get(path)) == [{"id": 1, "ticks": 2}])

        await eventually(heard)
        plain = REST + "author?select=id&id=eq.1"
        for _ in range(2):
            await api.get(plain)
        assert cache_of(api).hits


async def test_a_write_forgets_what_functions_gave(own_url: str) -> None:
    config = computing.config().replace("  author:\n", "  author:\n    cache: {ttl: 1h}\n")
    async with served(own_url, config) as api:
        path = REST + "author?select=full_name&id=eq.1"
        assert ok(await api.get(path)) == [{"full_name": "Ann Ames"}]
        await api.request("PATCH", REST + "author?id=eq.1", MEMBER, json={"last": "Oz"})
        assert ok(await api.get(path)) == [{"full_name": "Ann Oz"}]


async def test_functions_come_and_go(own_url: str, databases: Databases) -> None:
    async with served(own_url, computing.config([*computing.OPEN, "fresh"], "database: {watch: off}\n")) as api:
        assert (await api.get(REST + "author?select=fresh")).code == "42703"
        write_outside(databases, own_url, "CREATE FUNCTION fresh(author) RETURNS int LANGUAGE sql AS 'SELECT 4'")
        assert await api.running.engine.refresh()
        assert ok(await api.get(REST + "author?select=fresh&id=eq.1")) == [{"fresh": 4}]
        write_outside(databases, own_url, "DROP FUNCTION fresh(author)")
        assert (await api.get(REST + "author?select=fresh")).code == "42703"
        write_outside(databases, own_url, "DROP FUNCTION works(author); CREATE FUNCTION works(author) RETURNS SETOF book"
                      " ROWS 1 LANGUAGE sql AS 'SELECT * FROM book WHERE id = 3'")  # fmt: skip
        await api.running.engine.refresh()
        assert ok(await api.get(REST + "author?select=works(id)&id=eq.1")) == [{"works": {"id": 3}}]


# ── where PostgreSQL decides ─────────────────────────────────────────────────────────────────


@pytest.fixture
async def native(postgresql_server: PostgreSQLServer, databases: Databases) -> AsyncIterator[Served]:
    postgresql_server.run("postgres", MAKE_ROLES)
    url = databases.database(DatabaseKind.POSTGRESQL, computing.NATIVE).replace("//postgres@", "//gatekeeper@")
    async with served(url, computing.DECIDES) as found:
        yield found


async def test_grants_and_policies_hold_of_functions(native: Served) -> None:
    ann, reader = bearer("author", "ann"), bearer("reader", "bob")
    path = REST + "note?select=id,loud,who&loud=like.HERS*&order=loud.desc"
    assert ok(await native.get(path, ann)) == [
        {"id": 3, "loud": "HERS TOO", "who": "author"},
        {"id": 1, "loud": "HERS", "who": "author"},
    ]
    assert ok(await native.get(REST + "note?select=quiet", reader)) == [{"quiet": "his"}]
    closed = await native.get(REST + "note?select=quiet", ann)
    assert (closed.status, closed.code) == (400, "42703")
    mentions = ok(await native.get(REST + "mention?select=id,note(id,body)&order=id", ann))
    assert mentions == [{"id": 1, "note": {"id": 1, "body": "hers"}}, {"id": 2, "note": None}]
    told = await native.get(REST + "note?select=raises&id=eq.1", ann)
    assert (told.status, told.json["message"]) == (400, "for hers")


# ── elsewhere ────────────────────────────────────────────────────────────────────────────────


async def test_no_other_database_has_computed_fields(shop: Served, kind: DatabaseKind) -> None:
    reply = await shop.get(REST + "book?select=full_name")
    assert (reply.status, reply.code) == (400, "42703"), kind
    related = await shop.get(REST + "book?select=works(id)")
    assert (related.status, related.code) == (400, "PGRST200")


async def test_other_apis_have_columns_alone(api: Served) -> None:
    reply = await api.get("/api/author?fields=full_name")
    assert (reply.status, reply.code) == (422, "unknown_column")
    document = json.dumps((await api.get("/openapi.json")).json)
    assert "full_name" not in document
