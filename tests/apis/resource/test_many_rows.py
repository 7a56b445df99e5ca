"""Several rows in one POST: all of them or none, told of all together, on three databases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from reflector.query.sets import MOST_KINDS
from server.apis.resource.bodies import MOST_FAULTS
from tests.apis.resource.test_roles import CLERK, CONFIG, CUSTOMER, WRITER
from tests.apis.resource.test_rows import told
from tests.bookshops import Databases
from tests.server.harness import Reply, Served, served

MINIMAL = {"Prefer": "return=minimal"}


@pytest.fixture
async def own_api(kind: DatabaseKind, databases: Databases) -> AsyncIterator[Served]:
    async with served(databases.bookshop(kind), CONFIG) as found:
        yield found


async def post(api: Served, path: str, rows: Any, headers: Mapping[str, str] | None = None) -> Reply:
    return await api.request("POST", path, headers, json=rows)


async def test_rows_are_made_and_answered_in_their_order(own_shop: Served) -> None:
    rows: list[dict[str, str | None]] = [
        {"name": "z'%s", "description": "last"},
        {"name": "a"},
        {"name": 'm"`', "description": None},
    ]
    reply = await post(own_shop, "/api/tag?fields=name,description", rows)
    wanted = [{"name": row["name"], "description": row.get("description")} for row in rows]
    assert (reply.status, reply.json) == (201, {"items": wanted})
    assert "Location" not in reply.headers
    assert (await own_shop.get("/api/tag/a?fields=name")).status == 200
    brief = await post(own_shop, "/api/tag", [{"name": "b"}], MINIMAL)
    assert (brief.status, brief.body, brief.headers["Preference-Applied"]) == (201, b"", "return=minimal")
    nothing = await post(own_shop, "/api/tag", [])
    assert (nothing.status, nothing.json) == (201, {"items": []})


async def test_related_rows_and_defaults_are_answered_with_them(own_shop: Served) -> None:
    book = {"title": "T", "publisher_code": "A/B", "price": 1}
    rows = [{**book, "isbn": "9999999999991"}, {**book, "isbn": "9999999999992", "in_print": False}]
    reply = await post(own_shop, "/api/book?fields=isbn,in_print,publisher.name", rows)
    one = await own_shop.post("/api/book?fields=isbn,in_print,publisher.name", {**book, "isbn": "9999999999993"})
    assert reply.json["items"] == [
        {**one.json, "isbn": "9999999999991"},
        {**one.json, "isbn": "9999999999992", "in_print": False},
    ]


async def test_every_fault_of_every_row_is_told_with_its_place(own_shop: Served) -> None:
    rows: list[Any] = [
        {"name": "fine"},
        {"name": 7, "colour": "red"},
        "text",
        {"description": "no name"},
        {"a/b": 1, "name": "fine too"},
    ]
    reply = await post(own_shop, "/api/tag", rows)
    assert reply.status == 422
    assert told(reply) == [
        ("invalid_value", "/1/name"),
        ("unknown_column", "/1/colour"),
        ("invalid_request", "/2"),
        ("invalid_value", "/3/name"),
        ("unknown_column", "/4/a~1b"),
    ]
    assert (await own_shop.get("/api/tag/fine")).status == 404


async def test_what_the_database_refuses_takes_all_back(own_shop: Served) -> None:
    reply = await post(own_shop, "/api/tag", [{"name": "newer"}, {"name": "c++"}])
    assert (reply.status, told(reply)) == (409, [("unique_violation", None)])
    assert reply.json["detail"] == "a row with this name exists already"
    assert (await own_shop.get("/api/tag/newer")).status == 404


async def test_there_is_a_most_of_rows_and_of_their_kinds(own_sqlite_shop: Served) -> None:
    reply = await post(own_sqlite_shop, "/api/tag", [{"name": str(number)} for number in range(1001)])
    assert (reply.status, reply.code) == (422, "limit_exceeded")
    book = {"title": "T", "publisher_code": "A/B", "price": 1}
    kinds = [
        {**book, "isbn": f"{number:013}", **{name: None for place, name in enumerate(NULLABLE) if number >> place & 1}}
        for number in range(MOST_KINDS + 1)
    ]
    many = await post(own_sqlite_shop, "/api/book", kinds)
    assert (many.status, many.code) == (422, "limit_exceeded")
    assert (await post(own_sqlite_shop, "/api/book", kinds[:-1])).status == 201
    faulty = await post(own_sqlite_shop, "/api/book", [dict.fromkeys("abcde", 1)] * 999)
    assert faulty.status == 422
    assert MOST_FAULTS < len(faulty.json["errors"]) < 2 * MOST_FAULTS
    assert (await own_sqlite_shop.patch("/api/tag/c++", [{"description": "x"}])).status == 422


NULLABLE = ("subtitle", "pages", "weight", "category_id", "publish_at")


async def test_rules_hold_for_every_row(own_api: Served) -> None:
    reviews = [{"book_id": 1, "rating": 5, "body": "a"}, {"book_id": 2, "rating": 4, "body": "b"}]
    made = await post(own_api, "/api/review?fields=customer_id,rating", reviews, CUSTOMER)
    assert (made.status, made.json) == (
        201,
        {"items": [{"customer_id": 7, "rating": 5}, {"customer_id": 7, "rating": 4}]},
    )
    given = await post(own_api, "/api/review", [reviews[0], {**reviews[1], "customer_id": 8}], CUSTOMER)
    assert told(given) == [("unknown_column", "/1/customer_id")]
    book = {"title": "T", "publisher_code": "A/B", "price": 1}
    unseen = await post(own_api, "/api/book", [{**book, "isbn": f"999999999999{n}"} for n in range(2)], WRITER)
    assert (unseen.status, unseen.body) == (201, b"")
    staff = [{"shop_id": 1, "given_name": str(n), "family_name": "f", "hired_on": "2024-01-01"} for n in range(6)]
    assert (await post(own_api, "/api/staff", staff, CLERK)).code == "limit_exceeded"
    assert (await post(own_api, "/api/staff", staff[:5], CLERK)).code != "limit_exceeded"
