"""What a request is told that cannot be understood: all of it at once, each with its place and the nearest name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest

from reflector.catalog.model import DatabaseKind
from tests.bookshops import Databases
from tests.server.harness import Served, served


async def told(api: Served, query: str) -> list[tuple[str, str | None, str | None]]:
    """Code, pointer and hint of each fault."""
    reply = await api.get(f"/api/book?{query}")
    assert reply.status == 422, reply.json
    return [(each["code"], each.get("pointer"), each.get("hint")) for each in reply.json["errors"]]


async def test_every_fault_is_told_at_once(sqlite_shop: Served) -> None:
    query = "q=x&price__gt=abc&foo.bar=1&status__xx=1&lmit=3&sort=titel&fields=nosuch&include=nope&limit=x&page=0"
    found = await told(sqlite_shop, query + "&count=estimated")
    assert [(code, pointer) for code, pointer, _ in found] == [
        ("invalid_request", "/query/q"),
        ("invalid_value", "/query/price__gt"),
        ("unknown_relationship", "/query/foo.bar"),
        ("unknown_operator", "/query/status__xx"),
        ("unknown_parameter", "/query/lmit"),
        ("unknown_relationship", "/query/include"),
        ("unknown_column", "/query/fields"),
        ("unknown_column", "/query/sort"),
        ("invalid_value", "/query/limit"),
        ("invalid_value", "/query/page"),
        ("invalid_request", "/query/count"),
    ]


@pytest.mark.parametrize(
    ("query", "code", "hint"),
    [
        ("titel=x", "unknown_column", "did you mean 'title'?"),
        ("titel__contains=x", "unknown_column", "did you mean 'title'?"),
        ("title__contain=x", "unknown_operator", "did you mean 'contains'?"),
        ("title__gtee=x", "unknown_operator", "did you mean 'gte'?"),
        ("catgory.name=x", "unknown_relationship", "did you mean 'category'?"),
        ("category.nam=x", "unknown_column", "did you mean 'name'?"),
        ("soort=id", "unknown_parameter", "did you mean 'sort'?"),
        ("sort=-titel", "unknown_column", "did you mean 'title'?"),
        ("include=catgory", "unknown_relationship", "did you mean 'category'?"),
        ("fields=-titel", "unknown_column", "did you mean 'title'?"),
        ('filter={"titel":1}', "unknown_column", "did you mean 'title'?"),
        ('filter={"title":{"_contain":"x"}}', "unknown_operator", "did you mean '_contains'?"),
        ('filter={"title":{"contains":"x"}}', "unknown_operator", "did you mean '_contains'?"),
        ('filter={"_annd":[]}', "unknown_operator", "did you mean '_and'?"),
        ("pages=null", "invalid_value", "pages__isnull=true asks for null"),
        ("pages=1.5", "invalid_value", "this is a number, and whole numbers alone are held here"),
        ('filter={"pages":1.5}', "invalid_value", "this is a number, and whole numbers alone are held here"),
        ("sort=publisher", "invalid_request", "sort=publisher.name"),
        ("sort=-category.parent", "invalid_request", "sort=category.parent.name"),
        ("publisher=X", "invalid_request", "publisher.code=…"),
        ("publisher__in=X", "invalid_request", "publisher.code__in=…"),
        ("category=1", "invalid_request", "category.id=…"),
        ('filter={"pages":null}', "invalid_value", "use isnull"),
    ],
)
async def test_the_nearest_name_is_suggested(sqlite_shop: Served, query: str, code: str, hint: str) -> None:
    [found] = await told(sqlite_shop, quote(query, safe="=&"))
    assert (found[0], found[2]) == (code, hint)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("tag=x", "tag"),
        ("attributes=1", "attributes"),
        ("attributes__gte=1", "attributes__gte"),
        ("pages__between=1", "pages__between"),
        ("pages__in=1,x", "pages__in"),
        ("pages__isnull=perhaps", "pages__isnull"),
        ("title__contains=%00", "title__contains"),
        ("title=%ED%A0%80", None),
        ("sort=attributes", "sort"),
        ("sort=tag.name", "sort"),
        ("sort=", "sort"),
        ("fields=", "fields"),
        ("fields=id,-id", "fields"),
        ("fields=-category.name", "fields"),
        ("include=", "include"),
        ("include=title", "include"),
        ("limit=-1", "limit"),
        ("limit=1.5", "limit"),
        ("limit=٣", "limit"),
        ("page=0", "page"),
        ("page=1001&limit=101", "page"),
        ("page=99999999999999999999999", "page"),
        ("page=1&cursor=x", "cursor"),
        ("count=yes", "count"),
        ("deep=1", "deep"),
        ("aggregate=1", "aggregate"),
        ("group=1", "group"),
        ("having=1", "having"),
        ("all=true", "all"),
        ("on_conflict=id", "on_conflict"),
        ("filter={", "filter"),
        ("filter=7", "filter"),
        ("filter[price]", "filter/price"),
        ("filter[price][gte]=1&filter[price]=2", "filter[price]"),
        ("filter[price=1", "filter[price"),
        ("sort[x]=1", "sort[x]"),
        ('filter={"price":{}}', "filter/price"),
        ('filter={"_or":{"price":1}}', "filter/_or"),
        ('filter={"_or":[1]}', "filter/_or/0"),
        ('filter={"price":1,"price":2}', "filter"),
        ('filter={"price":{"_gte":NaN}}', "filter"),
        ('filter={"pages":{"_in":[1,null]}}', "filter/pages/_in"),
        ('filter={"category":{"name":{"_like":7}}}', "filter/category/name/_like"),
    ],
)
async def test_what_cannot_be_understood_is_422_with_its_place(
    sqlite_shop: Served, query: str, pointer: str | None
) -> None:
    found = await told(sqlite_shop, quote(query, safe="=&%"))
    assert [each[1] for each in found] == [None if pointer is None else f"/query/{pointer}"]


LIMITS: dict[str, Any] = {
    "parameters": "&".join(f"id__ne={number}" for number in range(101)),
    "terms": "filter=" + quote('{"_or":[' + ",".join(['{"id":1}'] * 201) + "]}"),
    "filter depth": "filter=" + quote('{"_not":' * 17 + "{}" + "}" * 17),
    "json depth": "filter=" + quote("[" * 70 + "]" * 70),
    "path": "category." + "parent." * 7 + "name=x",
    "an endless path": "category." + "parent." * 900 + "name=x",
    "sort path": "sort=category." + "parent." * 7 + "name",
    "include path": "include=category." + "parent." * 7 + "parent",
    "filter path": "filter=" + quote('{"category":' + '{"parent":' * 7 + "{}" + "}" * 8),
    "sort keys": "sort=" + ",".join(["id"] * 17),
    "digits": 'filter={"id":' + "9" * 5000 + "}",
    "rows of a tree": "include=tag.book.tag.book.tag",
}


@pytest.mark.parametrize("name", LIMITS)
async def test_limits_are_told_before_any_sql(sqlite_shop: Served, name: str) -> None:
    found = await told(sqlite_shop, LIMITS[name])
    assert {each[0] for each in found} == {"limit_exceeded"}


async def test_a_list_of_values_is_limited(shops: Mapping[DatabaseKind, str]) -> None:
    config = f"database: {{url: '{shops[DatabaseKind.SQLITE]}'}}\nlimits: {{list: 3}}\ndefaults: {{read: true}}"
    async with served(shops[DatabaseKind.SQLITE], config) as api:
        assert (await api.get("/api/book?id__in=1,2,3&fields=id")).status == 200
        for query in ("id__in=1,2,3,4", "id__nin=1,2,3,4", quote('filter={"id":{"_in":[1,2,3,4]}}', safe="=")):
            reply = await api.get(f"/api/book?{query}")
            assert (reply.status, reply.code) == (422, "limit_exceeded")


def nested(levels: int, beside: Mapping[str, Any] | None = None) -> str:
    """A list of books filtered through so many relationships, each one in an `_or` with what stands beside it."""
    condition: Any = {"id": {"_gt": 0}}
    for level in range(levels):
        condition = {"book" if (levels - level) % 2 == 0 else "review": condition}
        condition = condition if beside is None else {"_or": [beside, condition]}
    return f"/api/book?fields=id&limit=1&sort=id&filter={quote(json.dumps(condition))}"


async def test_a_filter_is_as_deep_as_the_database_can_read(
    kind: DatabaseKind, shops: Mapping[DatabaseKind, str]
) -> None:
    """What ends SQLite's parser is told as that, and not as a limit of the file or as a fault."""
    async with served(shops[kind], "limits: {depth: 32, filter_depth: 64}\ndefaults: {read: true}") as api:
        first = (await api.get(nested(1))).json["items"]
        within = await api.get(nested(8))
        beside = await api.get(nested(6, {"id": {"_lt": 0}}))
        beyond = await api.get(nested(16))
    assert len(first) == 1
    assert [within.json["items"], beside.json["items"]] == [first, first]
    if kind is DatabaseKind.SQLITE and beyond.status != 200:
        assert (beyond.status, beyond.code) == (422, "not_supported")
        assert beyond.json["detail"] == "SQLite cannot answer a question that is nested so deeply"
    else:
        assert beyond.json["items"] == first


async def test_an_unknown_table_is_404_with_the_nearest_name(sqlite_shop: Served) -> None:
    for path in ("/api/boook", "/api/boook/1", "/api/BOOK", "/api/%FF", "/api/book%00"):
        reply = await sqlite_shop.get(path)
        assert (reply.status, reply.code) == (404, "unknown_table")
    assert (await sqlite_shop.get("/api/boook")).json["errors"][0]["hint"] == "did you mean 'book'?"


async def test_a_row_takes_fields_and_include_alone(sqlite_shop: Served) -> None:
    for query, code in (("sort=id", "invalid_request"), ("title=x", "unknown_parameter"), ("q=1", "invalid_request")):
        reply = await sqlite_shop.get(f"/api/book/1?{query}")
        assert (reply.status, reply.code) == (422, code)


async def test_a_reserved_word_wins_over_a_column(databases: Databases) -> None:
    script = (
        'CREATE TABLE word (id INTEGER PRIMARY KEY, "limit" INTEGER, q TEXT, "a.b" TEXT, "c__gte" INTEGER, "-d" TEXT);'
    )
    script += "INSERT INTO word VALUES (1, 5, 'x', 'dot', 7, 'minus'), (2, 6, 'y', NULL, 8, NULL);"
    async with served(databases.database(DatabaseKind.SQLITE, script)) as api:

        async def ids(query: str) -> list[int]:
            reply = await api.get(f"/api/word?fields=id&{query}")
            assert reply.status == 200, reply.json
            return [row["id"] for row in reply.json["items"]]

        assert await ids("limit=1") == [1]
        assert await ids(quote('filter={"limit":6}', safe="=")) == [2]
        assert (await api.get("/api/word?q=x")).status == 422
        assert (
            await ids("a.b=dot") == await ids("c__gte=7") == await ids("c__gte__lt=8") == await ids("-d=minus") == [1]
        )
        assert await ids("sort=-d") == [1, 2]
        assert await ids("sort=--d.nullsfirst") == [2, 1]
        assert (await api.get("/api/word?fields=-d&limit=1")).json["items"] == [{"-d": "minus"}]


async def test_a_number_that_json_has_not_is_told_with_its_place(own_sqlite_shop: Served) -> None:
    for body, word, pointer in (
        (b'{"title": "x", "price": NaN}', "NaN", "/price"),
        (b'{"attributes": {"a/b": [1, -Infinity]}}', "-Infinity", "/attributes/a~1b/1"),
    ):
        reply = await own_sqlite_shop.request("POST", "/api/book", {"Content-Type": "application/json"}, data=body)
        (error,) = reply.json["errors"]
        assert (reply.status, reply.code, error["pointer"]) == (400, "malformed_request", pointer)
        assert error["message"].startswith(word + " is not JSON")
    assert (await own_sqlite_shop.patch("/api/book/1", {"title": "NaN and Infinity"})).status == 200
    too_large = await own_sqlite_shop.patch("/api/book/1", {"price": "1e999"})  # SQLite would keep infinity
    assert (too_large.status, (await own_sqlite_shop.get("/api/book?price__gt=1e300")).json["items"]) == (422, [])


async def test_a_list_may_be_given_in_parts(sqlite_shop: Served) -> None:
    parts = await sqlite_shop.get(
        "/api/book?include=author&include=publisher&fields=id&fields=title&fields=author.name&sort=-price&sort=id&limit=3"
    )
    whole = await sqlite_shop.get(
        "/api/book?include=author,publisher&fields=id,title,author.name&sort=-price,id&limit=3"
    )
    assert parts.status == 200
    assert parts.json["items"] == whole.json["items"]
    assert (await sqlite_shop.get("/api/book/1?fields=id&fields=title")).json.keys() == {"id", "title"}
    twice = await sqlite_shop.get("/api/book?limit=1&limit=2")
    assert (twice.status, twice.code) == (422, "invalid_request")
    following = await sqlite_shop.get(parts.json["page"]["next"])
    assert following.status == 200


async def test_options_lists_what_can_succeed(kind: DatabaseKind, databases: Databases) -> None:
    script = (
        "CREATE TABLE keyless (a integer); CREATE TABLE keyed (id integer PRIMARY KEY);"
        "CREATE VIEW seen AS SELECT count(*) AS n FROM keyed;"
    )
    async with served(databases.database(kind, script), writable=True) as api:
        for path, allow in (
            ("/api/keyless", "GET, HEAD, POST, OPTIONS"),
            ("/api/keyless/1", "OPTIONS"),
            ("/api/keyed/1", "GET, HEAD, PATCH, DELETE, OPTIONS"),
            ("/api/seen", "GET, HEAD, OPTIONS"),
            ("/api/seen/1", "OPTIONS"),
        ):
            reply = await api.request("OPTIONS", path)
            assert (reply.status, reply.headers["Allow"]) == (204, allow), path
            for method in allow.split(", "):
                given = {"id": 1} if "keyed" in path else {"a": 1}
                body = given if method in {"POST", "PATCH"} else None
                if method == "PATCH":
                    body = {}
                answered = (await api.request(method, path, json=body)).status
                assert answered in {200, 201, 204, 404}, (method, path)


async def test_a_number_beyond_every_column_is_no_fault_of_ours(shop: Served) -> None:
    for query in ("price__gt=1e82", "price=1e400", "price__ne=1e400", f"price__lt={'9' * 90}", "price__in=1,1e400"):
        reply = await shop.get(f"/api/book?limit=1&{query}")
        assert reply.status in (200, 422), (query, reply.body)


async def test_a_number_beyond_its_column_is_not_stored(own_shop: Served) -> None:
    book = {"isbn": "9799999999999", "title": "dear", "publisher_code": "50/50", "price": "1e400"}
    for body in (book, [book]):
        reply = await own_shop.post("/api/book", body)
        assert (reply.status, reply.code) == (422, "invalid_value")
    reply = await own_shop.patch("/api/book/3", {"price": "-1e309"})
    assert (reply.status, reply.code) == (422, "invalid_value")
    assert (await own_shop.get("/api/book?isbn=9799999999999")).json["items"] == []
