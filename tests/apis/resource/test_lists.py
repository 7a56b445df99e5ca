"""GET /api/{table} on three databases, held against the rows that the bookshops were made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest

from examples import bookshop
from tests.server.harness import Served

ROWS: Mapping[str, list[dict[str, Any]]] = {name: [dict(row) for row in each] for name, each in bookshop.rows().items()}
BOOKS = ROWS["book"]
NOTES = ROWS["reader's note"]
CATEGORIES: Mapping[int | None, dict[str, Any]] = {row["id"]: row for row in ROWS["category"]}
TAGS: set[tuple[int, str]] = {(row["book_id"], row["tag"]) for row in ROWS["book_tag"]}


async def ids(api: Served, query: str) -> list[Any]:
    reply = await api.get(f"/api/book?fields=id&limit=1000&{query}")
    assert reply.status == 200, reply.json
    return [row["id"] for row in reply.json["items"]]


async def every_page(api: Served, path: str) -> list[dict[str, Any]]:
    """The items of all pages, following `next`."""
    rows: list[dict[str, Any]] = []
    following: str | None = path
    while following is not None:
        reply = await api.get(following)
        assert reply.status == 200, reply.json
        rows += reply.json["items"]
        following = reply.json["page"]["next"]
        assert ('rel="next"' in reply.headers.get("Link", "")) == (following is not None)
    return rows


async def test_a_list_has_items_and_a_page_that_says_how_to_go_on(shop: Served) -> None:
    reply = await shop.get("/api/book?limit=2&fields=id,title")
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.json["items"] == [{"id": row["id"], "title": row["title"]} for row in BOOKS[:2]]
    page = reply.json["page"]
    following = page.pop("next")
    assert page == {"limit": 2, "number": 1, "total": None, "pages": None, "previous": None}
    assert following.startswith("/api/book?limit=2&fields=id,title&cursor=")
    assert reply.headers["Link"] == f'<{following}>; rel="next"'


async def test_following_cursors_gives_every_row_once_and_in_order(shop: Served) -> None:
    for sort, order in ORDERS.items():
        rows = await every_page(shop, f"/api/book?limit=37&fields=id&sort={sort}")
        assert [row["id"] for row in rows] == [row["id"] for row in sorted(BOOKS, key=order)], sort


def nulls_last(name: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda row: (row[name] is None, row[name] or 0, row["id"])


ORDERS: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "id": lambda row: row["id"],
    "-id": lambda row: -row["id"],
    "pages": nulls_last("pages"),
    "-pages": lambda row: (row["pages"] is not None, -(row["pages"] or 0), row["id"]),
    "-pages.nullslast": lambda row: (row["pages"] is None, -(row["pages"] or 0), row["id"]),
    "pages.nullsfirst": lambda row: (row["pages"] is not None, row["pages"] or 0, row["id"]),
    "in_print,-price": lambda row: (row["in_print"], -row["price"], row["id"]),
    "status,publisher_code.nullsfirst,-id": lambda row: (
        ("draft", "published", "withdrawn").index(row["status"]),
        row["publisher_code"],
        -row["id"],
    ),
    "category.position,-category.id": lambda row: (
        row["category_id"] is None,
        *((CATEGORIES[row["category_id"]]["position"], -row["category_id"]) if row["category_id"] is not None else ()),
        row["id"],
    ),
}


async def test_without_sort_rows_come_in_the_order_of_their_key(shop: Served) -> None:
    rows = await every_page(shop, "/api/order_line?limit=500&fields=order_id,line_number")
    keys = [(row["order_id"], row["line_number"]) for row in rows]
    assert keys == sorted(keys)
    assert len(keys) == len(set(keys)) == len(ROWS["order_line"])


async def test_page_numbers_lead_to_page_numbers(shop: Served) -> None:
    reply = await shop.get("/api/book?fields=id&limit=100&page=2&count=exact")
    assert [row["id"] for row in reply.json["items"]] == [row["id"] for row in BOOKS[100:200]]
    assert reply.json["page"] == {
        "limit": 100,
        "number": 2,
        "total": len(BOOKS),
        "pages": 4,
        "next": "/api/book?fields=id&limit=100&count=exact&page=3",
        "previous": "/api/book?fields=id&limit=100&count=exact&page=1",
    }
    assert reply.headers["Link"] == (
        '</api/book?fields=id&limit=100&count=exact&page=3>; rel="next", '
        '</api/book?fields=id&limit=100&count=exact&page=1>; rel="prev"'
    )
    beyond = await shop.get("/api/book?fields=id&page=9")
    assert (beyond.status, beyond.json["items"], beyond.json["page"]["next"]) == (200, [], None)


async def test_a_count_is_of_all_rows_found_whatever_the_page(shop: Served) -> None:
    found = sum(row["status"] == "draft" for row in BOOKS)
    for paging in ("limit=1", "limit=1&page=3", "limit=0"):
        page = (await shop.get(f"/api/book?status=draft&count=exact&{paging}")).json["page"]
        assert (page["total"], page["pages"]) == (found, None if paging == "limit=0" else found)


async def test_a_limit_of_nothing_answers_nothing(shop: Served) -> None:
    for table in ("book", "stock_movement"):
        reply = await shop.get(f"/api/{table}?limit=0")
        assert reply.json["items"] == []
        assert reply.json["page"]["next"] is None


async def test_a_larger_limit_is_capped_and_says_so(shop: Served) -> None:
    reply = await shop.get("/api/order_line?limit=99999999999999999999&fields=order_id")
    assert (len(reply.json["items"]), reply.json["page"]["limit"]) == (1000, 1000)
    assert (await shop.get("/api/order_line?fields=order_id")).json["page"]["limit"] == 100


async def test_a_table_without_a_key_goes_on_by_number(shop: Served) -> None:
    rows = await every_page(shop, "/api/stock_movement?limit=200&fields=quantity,checksum")
    assert len(rows) == len(ROWS["stock_movement"])
    refused = await shop.get("/api/stock_movement?cursor=AAAA")
    assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, "/query/cursor")


async def test_a_view_is_a_list_like_any_other(shop: Served) -> None:
    reply = await shop.get("/api/published_book?fields=id&sort=-price&limit=3")
    assert (reply.status, len(reply.json["items"])) == (200, 3)
    assert reply.json["page"]["next"].endswith("&page=2")


# ── conditions ───────────────────────────────────────────────────────────────────────────────

Holds = Callable[[Mapping[str, Any]], Any]
CONDITIONS: Mapping[str, Holds] = {
    "id=7": lambda row: row["id"] == 7,
    "price__gte=50": lambda row: row["price"] >= 50,
    "price__lt=10.5&in_print=false": lambda row: row["price"] < 10.5 and not row["in_print"],
    "status__in=draft,withdrawn": lambda row: row["status"] in ("draft", "withdrawn"),
    "status__nin=draft,withdrawn": lambda row: row["status"] == "published",
    "status__in=": lambda row: False,
    "pages__isnull=true": lambda row: row["pages"] is None,
    "pages__isnull=false": lambda row: row["pages"] is not None,
    "pages__ne=100": lambda row: row["pages"] not in (None, 100),
    "pages__between=100,200": lambda row: row["pages"] is not None and 100 <= row["pages"] <= 200,
    "title__contains=%25": lambda row: "%" in row["title"],
    "title__contains=_": lambda row: "_" in row["title"],
    "title__icontains=YEAR": lambda row: "year" in row["title"].lower(),
    "title__contains=YEAR": lambda row: "YEAR" in row["title"],
    "title__startswith=Don": lambda row: row["title"].startswith("Don"),
    "title__endswith=Year": lambda row: row["title"].endswith("Year"),
    "title__like=%25of+the%25": lambda row: "of the" in row["title"],
    "category.name=Drama": lambda row: CATEGORIES.get(row["category_id"], {}).get("name") == "Drama",
    "category.parent.name__in=Fiction,Arts": lambda row: parent(row).get("name") in ("Fiction", "Arts"),
    "tag.name=c%2B%2B": lambda row: (row["id"], "c++") in TAGS,
    'filter={"tag":{"name":"gift"}}': lambda row: (row["id"], "gift") in TAGS,
    'filter={"_or":[{"price":{"_lt":10}},{"pages":{"_gte":900}}]}': lambda row: (
        row["price"] < 10 or (row["pages"] or 0) >= 900
    ),
    'filter={"_not":{"tag":{}}}': lambda row: not any(book == row["id"] for book, _ in TAGS),
    'filter={"_and":[{"status":"draft"},{"in_print":true}]}': lambda row: row["status"] == "draft" and row["in_print"],
    "filter[price][gte]=20&filter[price][lt]=21": lambda row: 20 <= row["price"] < 21,
    "filter[_or][0][id]=3&filter[_or][1][id][_in]=5,9": lambda row: row["id"] in (3, 5, 9),
}


def parent(row: Mapping[str, Any]) -> Mapping[str, Any]:
    category: Mapping[str, Any] = CATEGORIES.get(row["category_id"], {})
    return CATEGORIES.get(category.get("parent_id"), {})


async def test_conditions_find_just_the_rows_they_mean(shop: Served) -> None:
    for query, holds in CONDITIONS.items():
        asked = quote(query, safe="=&%+[]")
        assert await ids(shop, asked) == [row["id"] for row in BOOKS if holds(row)], query


async def test_each_parameter_through_a_relationship_may_be_met_by_a_row_of_its_own(shop: Served) -> None:
    both = 'filter={"tag":{"_and":[{"name":"gift"},{"name":"null"}]}}'
    expected = [row["id"] for row in BOOKS if {(row["id"], "gift"), (row["id"], "null")} <= TAGS]
    assert await ids(shop, "tag.name=gift&tag.name=null") == expected
    assert await ids(shop, quote(both, safe="=")) == []


# ── what is answered ─────────────────────────────────────────────────────────────────────────


async def test_fields_name_what_is_answered(shop: Served) -> None:
    async def members(query: str) -> list[str]:
        return list((await shop.get(f"/api/review?limit=1&{query}")).json["items"][0])

    every = list(ROWS["review"][0])
    assert await members("") == every
    assert await members("fields=title,id") == ["title", "id"]
    assert await members("fields=-body,-title") == [name for name in every if name not in ("body", "title")]
    assert await members("fields=id,book.title") == ["id", "book"]
    assert await members("fields=*,book.title") == [*every, "book"]
    assert await members("include=book&fields=-body") == [name for name in every if name != "body"] + ["book"]


async def test_related_rows_come_along_in_the_order_of_their_key(shop: Served) -> None:
    reply = await shop.get("/api/book/16?fields=id,tag.name,book_author.author.name,publisher.name,category.parent")
    row = reply.json
    assert [tag["name"] for tag in row["tag"]] == sorted(tag for book, tag in TAGS if book == 16)
    assert list(row["publisher"]) == ["name"]
    assert all(list(each) == ["author"] and list(each["author"]) == ["name"] for each in row["book_author"])
    assert set(row["category"]) == {"parent"}


async def test_both_ways_and_three_levels(shop: Served) -> None:
    reply = await shop.get("/api/publisher/QUIPU?fields=code,book.id,book.review.rating,book.review.customer.name")
    books = [row["id"] for row in BOOKS if row["publisher_code"] == "QUIPU"]
    assert [book["id"] for book in reply.json["book"]] == sorted(books)[:100]
    expected = sorted(row["rating"] or 0 for row in ROWS["review"] if row["book_id"] in books[:100])
    found = [review["rating"] or 0 for book in reply.json["book"] for review in book["review"]]
    assert sorted(found) == expected


async def test_the_rows_of_a_whole_answer_are_limited_by_the_pages_length(shop: Served) -> None:
    reply = await shop.get("/api/shop?include=stock.book.review,staff&limit=1000")
    assert reply.status == 200
    assert reply.json["page"]["limit"] < 1000
    assert all(len(each["stock"]) <= 100 for each in reply.json["items"])


@pytest.mark.parametrize("path", ["/api/reader's%20note", "/api/reader%27s%20note"])
async def test_awkward_names_are_names(shop: Served, path: str) -> None:
    """Columns may hold quotes, backslashes, marks of placeholders and words of SQL."""
    first = (await shop.get(f"{path}?limit=1")).json["items"][0]
    expected = {name: float(each) if isinstance(each, Decimal) else each for name, each in NOTES[0].items()}
    assert first == expected
    for name in ('say "hi"', "back\\slash", "page:line", "why?", "100%", "order", "größe"):
        asked = f"{path}?{quote(name, safe='')}__isnull=true&fields={quote(name, safe='')}&sort=-{quote(name, safe='')}"
        reply = await shop.get(asked)
        assert reply.status == 200, reply.json
        assert reply.json["items"] == [{name: None}] * sum(row[name] is None for row in NOTES)


async def test_head_is_get_without_its_body(shop: Served) -> None:
    got, head = await shop.get("/api/book?limit=1"), await shop.request("HEAD", "/api/book?limit=1")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(got.body))
    assert head.headers["Link"] == got.headers["Link"]


async def test_related_rows_nest_as_deep_as_is_allowed(shop: Served) -> None:
    two_arrays = await shop.get("/api/shop?include=stock.book.review,staff&limit=2")
    assert len(two_arrays.json["items"]) == 2
    deep = await shop.get("/api/category/1?fields=id,book.publisher.book.category.parent.parent.name")
    assert deep.status == 200, deep.json
    assert deep.json["book"][0]["publisher"]["book"][0]["category"]
