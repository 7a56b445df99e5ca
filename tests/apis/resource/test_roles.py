"""What a role may not see it cannot name, and what it may not write it cannot write, on three databases."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

import pytest

from examples import bookshop
from reflector.catalog.model import DatabaseKind
from tests.bookshops import Databases
from tests.server.harness import Reply, Served, served
from tests.server.test_jwt import SECRET, token

CONFIG = f"""
auth:
  jwt: {{secret: {SECRET}, audience: api, issuer: "https://id.example", role_claim: roles}}
  anonymous_role: guest
roles:
  guest: {{}}
  customer: {{extends: guest}}
  clerk: {{limits: {{max_rows: 5}}}}
  writer: {{}}
policies:
  own: customer_id == claims.sub
tables:
  book:
    allow:
      guest: {{read: status == 'published', columns: [id, title, price, status, publisher_code]}}
      clerk: {{read: true, update: {{filter: status == 'draft', check: price < 100, columns: [price, title]}}}}
      writer: {{create: {{check: true, columns: [isbn, title, publisher_code, price]}}}}
  publisher:
    allow:
      guest: {{read: true, columns: [name, country]}}
      clerk: {{read: true, update: {{filter: true, columns: [note]}}, delete: "country == 'PE'"}}
  review:
    allow:
      guest: {{read: status == 'published', columns: [id, book_id, rating, title]}}
      customer:
        read: own
        create: {{check: own, columns: [book_id, rating, title, body], presets: {{customer_id: claims.sub}}}}
        update: {{filter: own, columns: [rating, title]}}
        delete: own
  customer:
    allow:
      customer: {{read: id == claims.sub, columns: [id, name, email]}}
  staff:
    allow:
      clerk: {{read: true, columns: [id, given_name], create: {{check: true, columns: [shop_id, given_name, family_name, hired_on]}}}}
"""


def bearer(role: str, subject: str = "7") -> dict[str, str]:
    claims = {"exp": time.time() + 86_400, "aud": "api", "iss": "https://id.example", "roles": role, "sub": subject}
    return {"Authorization": f"Bearer {token(claims)}"}


CUSTOMER, CLERK, WRITER = bearer("customer"), bearer("clerk"), bearer("writer")


@pytest.fixture
async def api(kind: DatabaseKind, shops: Mapping[DatabaseKind, str]) -> AsyncIterator[Served]:
    """For tests that write nothing."""
    async with served(shops[kind], CONFIG) as found:
        yield found


@pytest.fixture
async def own_api(kind: DatabaseKind, databases: Databases) -> AsyncIterator[Served]:
    async with served(databases.bookshop(kind), CONFIG) as found:
        yield found


def blanked(reply: Reply, name: str) -> tuple[int, str]:
    """An answer without what differs by itself: the asked name, the request's id."""
    body = reply.body.decode().replace(name, "…").replace(quote(name, safe=""), "…")
    return reply.status, re.sub(r'"request_id":"[^"]+"', "", body)


HIDDEN = ("isbn", "zzzz")
"""A column that guests may not see, and one that is not there; neither is near to another name."""


async def test_a_hidden_column_is_told_like_one_that_is_not_there(api: Served) -> None:
    for path in (
        "/api/book?{}=1",
        "/api/book?{}__gte=1",
        "/api/book?{}__foo=1",
        "/api/book?sort={}",
        "/api/book?sort=-{}.nullslast",
        "/api/book?fields={}",
        "/api/book?fields=-{}",
        "/api/book?filter=%7B%22{}%22:1%7D",
        "/api/book?filter[{}][gte]=1",
        "/api/book?filter=%7B%22_not%22:%7B%22{}%22:%7B%22_isnull%22:true%7D%7D%7D",
        "/api/book/1?fields={}",
        "/api/review?book.{}=1",
        "/api/review?sort=book.{}",
        "/api/review?fields=book.{}",
    ):
        hidden, absent = [blanked(await api.get(path.format(name)), name) for name in HIDDEN]
        assert hidden == absent
        assert hidden[0] == 422


async def test_a_hidden_table_is_told_like_one_that_is_not_there(api: Served) -> None:
    for path in ("/api/{}", "/api/{}/1", "/api/{}?fields=nosuch", "/api/book?include={}", "/api/book?{}.id=1"):
        hidden, absent = [blanked(await api.get(path.format(name)), name) for name in ("order_line", "zzzzzzzzzz")]
        assert hidden == absent
    listed = {each["name"]: each for each in (await api.get("/api")).json["items"]}
    assert set(listed) == {"book", "publisher", "review"}
    assert "key" not in listed["publisher"]


async def test_a_hidden_key_makes_no_address_and_no_cursor(api: Served) -> None:
    reply = await api.get("/api/publisher?limit=1")
    assert list(reply.json["items"][0]) == ["name", "country"]
    assert reply.json["page"]["next"] == "/api/publisher?limit=1&page=2"
    assert (await api.get("/api/publisher/QUIPU")).code == "row_not_found"
    assert (await api.get("/api/book?fields=publisher.name")).code == "unknown_relationship"


async def test_rows_are_the_roles_own(api: Served) -> None:
    guest = (await api.get("/api/book?status__ne=published&count=exact")).json
    assert (guest["items"], guest["page"]["total"]) == ([], 0)
    drafts = (await api.get("/api/book?status=draft&fields=id", CLERK)).json
    assert (len(drafts["items"]), drafts["page"]["limit"]) == (5, 5)
    draft = drafts["items"][0]["id"]
    assert (await api.get(f"/api/book/{draft}")).status == 404
    assert (await api.get(f"/api/book/{draft}", CLERK)).status == 200


async def test_a_cursor_is_for_one_list_and_one_set_of_roles(api: Served) -> None:
    async def next_of(path: str, headers: dict[str, str] | None = None) -> str:
        reply = await api.get(path, headers)
        return str(reply.json["page"]["next"]).rpartition("cursor=")[2]

    cursor = await next_of("/api/book?limit=2&sort=price")
    assert (await api.get(f"/api/book?limit=3&sort=price&price__gt=1&cursor={cursor}")).status == 200
    flipped = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
    for path, headers in (
        (f"/api/book?sort=price&cursor={cursor}", CLERK),
        (f"/api/book?sort=price&cursor={cursor}", CUSTOMER),
        (f"/api/book?sort=-price&cursor={cursor}", None),
        (f"/api/book?sort=price.nullsfirst&cursor={cursor}", None),
        (f"/api/book?sort=title&cursor={cursor}", None),
        (f"/api/book?cursor={cursor}", None),
        (f"/api/review?cursor={cursor}", None),
        (f"/api/book?sort=price&cursor={flipped}", None),
        (f"/api/book?sort=price&cursor={cursor[:-4]}", None),
        ("/api/book?sort=price&cursor=", None),
        ("/api/book?sort=price&cursor=%C3%A9", None),
    ):
        reply = await api.get(path, headers)
        assert (reply.status, reply.code) == (422, "invalid_cursor"), path
        assert reply.json["errors"][0]["pointer"] == "/query/cursor"
    assert await next_of("/api/book?limit=2&sort=price") == cursor


async def test_pages_by_a_column_that_is_seen_on_some_rows_only(api: Served) -> None:
    """`customer_id` is never null in the table, and is null here wherever another's review is seen."""
    for sort in ("customer_id", "-customer_id", "customer_id.nullsfirst,-rating", "body"):
        asked = f"/api/review?fields=id,customer_id&sort={sort}"
        whole = (await api.get(f"{asked}&limit=1000", CUSTOMER)).json["items"]
        assert {row["customer_id"] for row in whole} == {None, 7}
        paged: list[Any] = []
        following: str | None = f"{asked}&limit=40"
        while following is not None:
            reply = (await api.get(following, CUSTOMER)).json
            paged += reply["items"]
            following = reply["page"]["next"]
        assert paged == whole


async def test_writes_that_no_rule_allows(api: Served) -> None:
    review = {"book_id": 1, "rating": 5, "title": "x", "body": "y"}
    for method, path, headers in (
        ("POST", "/api/review", None),
        ("POST", "/api/book", CLERK),
        ("PATCH", "/api/review/1", CLERK),
        ("DELETE", "/api/book/1", CLERK),
        ("DELETE", "/api/review/1", None),
    ):
        reply = await api.request(method, path, headers, json=review)
        assert (reply.status, reply.code) in ((403, "forbidden"), (404, "unknown_table")), (method, path)
        if reply.status == 403:
            allowed = await api.request("PUT", path, headers)
            assert method not in allowed.headers["Allow"]


async def test_a_row_that_is_seen_and_not_to_be_changed_is_403_another_is_404(api: Served) -> None:
    published = (await api.get("/api/book?limit=1")).json["items"][0]["id"]
    seen = await api.patch(f"/api/book/{published}", {"price": 1}, CLERK)
    assert (seen.status, seen.json["detail"]) == (403, "you may not change this row")
    kept = await api.delete("/api/publisher/A%2FB", CLERK)
    assert (kept.status, kept.json["detail"]) == (403, "you may not delete this row")
    draft = next(row for row in bookshop.rows()["review"] if row["status"] == "draft" and row["customer_id"] != 7)
    for method in ("PATCH", "DELETE"):
        replies = [
            await api.request(method, f"/api/review/{key}", CUSTOMER, json={"rating": 1})
            for key in (str(draft["id"]), "999999")
        ]
        unseen, absent = [blanked(reply, "no name") for reply in replies]
        assert unseen == absent
        assert unseen[0] == 404


async def test_a_check_refuses_and_nothing_is_written(own_api: Served) -> None:
    draft = (await own_api.get("/api/book?status=draft&fields=id,price&limit=1", CLERK)).json["items"][0]
    reply = await own_api.patch(f"/api/book/{draft['id']}", {"price": 100}, CLERK)
    assert (reply.status, reply.code) == (403, "check_refused")
    assert (await own_api.get(f"/api/book/{draft['id']}?fields=id,price", CLERK)).json == draft
    assert (await own_api.patch(f"/api/book/{draft['id']}", {"price": 99}, CLERK)).json["price"] == 99


async def test_columns_that_may_not_be_given_are_told_like_ones_that_are_not_there(api: Served) -> None:
    body: dict[str, Any] = {"book_id": 1, "title": "x", "body": "y"}
    hidden, absent = [
        blanked(await api.post("/api/review", {**body, name: 8}, CUSTOMER), name)
        for name in ("customer_id", "zzzzzzzzzzz")
    ]
    assert hidden == absent
    assert hidden[0] == 422


async def test_presets_are_the_servers(own_api: Served) -> None:
    made = await own_api.post("/api/review", {"book_id": 5, "title": "x", "body": "y"}, CUSTOMER)
    assert made.status == 201, made.json
    assert (made.json["customer_id"], made.json["title"]) == (7, "x")
    other = await own_api.get(made.headers["Location"], bearer("customer", "8"))
    assert other.status == 404


async def test_who_may_not_read_is_told_that_the_row_was_made(own_api: Served) -> None:
    book = {"isbn": "9999999999999", "title": "T", "publisher_code": "A/B", "price": 1}
    made = await own_api.post("/api/book", book, WRITER)
    assert (made.status, made.body) == (201, b"")
    assert "Location" not in made.headers
    assert (await own_api.get("/api/book", WRITER)).code == "forbidden"
    assert (await own_api.get("/api/book/1", WRITER)).status in (403, 404)
    twice = await own_api.post("/api/book", book, WRITER)
    assert (twice.status, twice.json["errors"][0].get("pointer")) == (409, "/isbn")


async def test_a_constraint_over_hidden_columns_names_none(api: Served, kind: DatabaseKind) -> None:
    """`email` is required and not the clerk's to give; `salary` likewise."""
    row = {"shop_id": 1, "given_name": "A", "family_name": "B", "hired_on": "2020-01-01"}
    reply = await api.post("/api/staff", row, CLERK)
    assert (reply.status, reply.code) == (422, "not_null_violation")
    assert b"email" not in reply.body
    assert b"salary" not in reply.body
    assert "pointer" not in reply.json["errors"][0]
