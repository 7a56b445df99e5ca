"""Rows by their key, read and written, on three databases."""

from __future__ import annotations

import json
from decimal import Decimal
from io import BytesIO
from typing import Any
from urllib.parse import quote

import pytest

from examples import bookshop
from reflector.catalog.model import DatabaseKind
from tests.server.harness import Reply, Served

TAGS = [str(row["name"]) for row in bookshop.rows()["tag"]]
PUBLISHERS = [str(row["code"]) for row in bookshop.rows()["publisher"]]
PRESS: dict[str, Any] = {"code": "H/1,é", "name": "Hé Press", "country": "PE"}
AT_PRESS = f"/api/publisher/{quote(PRESS['code'], safe='')}"


def told(reply: Reply) -> list[tuple[str, str | None]]:
    """Code and pointer of each fault."""
    return [(each["code"], each.get("pointer")) for each in reply.json["errors"]]


# ── by key ───────────────────────────────────────────────────────────────────────────────────


async def test_any_text_can_be_a_key(shop: Served) -> None:
    for table, column, keys in (("tag", "name", TAGS), ("publisher", "code", PUBLISHERS)):
        for key in keys:
            reply = await shop.get(f"/api/{table}/{quote(key, safe='')}?fields={column}")
            assert (reply.status, reply.json) == (200, {column: key})


async def test_a_comma_that_is_not_encoded_parts_a_key(shop: Served) -> None:
    assert (await shop.get("/api/tag/crime%2C%20noir")).status == 200
    reply = await shop.get("/api/tag/crime,%20noir")
    assert (reply.status, told(reply)) == (422, [("invalid_value", "/path/key")])
    assert "%2C" in reply.json["errors"][0]["hint"]
    line = await shop.get("/api/order_line/1002,1?fields=order_id,line_number")
    assert line.json == {"order_id": 1002, "line_number": 1}


@pytest.mark.parametrize("key", ["x", "1.5", "1,2", "", "99999999999999999999", "1%00", "%FF"])
async def test_a_key_of_the_wrong_form_is_422_before_any_sql(sqlite_shop: Served, key: str) -> None:
    reply = await sqlite_shop.get(f"/api/book/{key}")
    assert (reply.status, reply.json["errors"][0]["pointer"]) == (422, "/path/key")


async def test_an_empty_text_is_a_key_as_well(own_shop: Served) -> None:
    made = await own_shop.post("/api/tag", {"name": ""})
    assert (made.status, made.headers["Location"]) == (201, "/api/tag/")
    assert (await own_shop.get("/api/tag/?fields=name")).json == {"name": ""}
    assert (await own_shop.patch("/api/tag/", {"description": "nameless"})).status == 200
    assert (await own_shop.delete("/api/tag/")).status == 204
    assert (await own_shop.get("/api/tag/")).status == 404


async def test_a_row_that_is_not_there_is_404(shop: Served) -> None:
    for path in ("/api/book/999999999", "/api/author/00000000-0000-0000-0000-000000000000", "/api/tag/nosuch"):
        reply = await shop.get(path)
        assert (reply.status, reply.code) == (404, "row_not_found")
    reply = await shop.get("/api/stock_movement/1")
    assert (reply.status, reply.code) == (404, "row_not_found")


async def test_one_plan_serves_every_key(shop: Served) -> None:
    """The second row comes from what was kept of the first: with the second's values."""
    for number in (1, 2, 3, 1):
        assert (await shop.get(f"/api/book/{number}?fields=id")).json == {"id": number}
    for line in (1, 2):
        asked = f"/api/order_line/1002,{line}?fields=line_number"
        reply = await shop.get(asked)
        assert reply.status == 404 or reply.json == {"line_number": line}


# ── writing ──────────────────────────────────────────────────────────────────────────────────


async def test_a_row_is_made_changed_and_removed(own_shop: Served) -> None:
    made = await own_shop.post("/api/publisher", PRESS)
    assert (made.status, made.headers["Location"]) == (201, AT_PRESS)
    assert made.json == {**PRESS, "founded_on": None, "website": None, "note": None}

    changed = await own_shop.patch(f"{AT_PRESS}?fields=code,note", {"note": "small", "founded_on": "2001-02-03"})
    assert (changed.status, changed.json) == (200, {"code": PRESS["code"], "note": "small"})
    unchanged = await own_shop.patch(AT_PRESS, {})
    assert (unchanged.status, unchanged.json["founded_on"]) == (200, "2001-02-03")

    moved = await own_shop.patch(AT_PRESS, {"code": "moved"})
    assert (moved.status, moved.json["code"]) == (200, "moved")
    assert (await own_shop.get(AT_PRESS)).status == 404

    gone = await own_shop.delete("/api/publisher/moved")
    assert (gone.status, gone.body) == (204, b"")
    for again in (await own_shop.delete("/api/publisher/moved"), await own_shop.patch("/api/publisher/moved", {})):
        assert (again.status, again.code) == (404, "row_not_found")


async def test_the_written_row_is_answered_as_fields_and_include_say(own_shop: Served) -> None:
    line = {"order_id": 1001, "line_number": 77, "book_id": 1, "quantity": 2, "price": 3.5}
    reply = await own_shop.post("/api/order_line?fields=amount,line_number&include=book", line)
    assert reply.headers["Location"] == "/api/order_line/1001,77"
    assert (reply.json["amount"], reply.json["book"]["id"], len(reply.json)) == (7, 1, 3)


async def test_minimal_is_answered_without_a_body(own_shop: Served) -> None:
    prefer = {"Prefer": "respond-async, return = minimal"}
    made = await own_shop.post("/api/publisher", PRESS, prefer)
    assert (made.status, made.body, made.headers["Location"]) == (201, b"", AT_PRESS)
    changed = await own_shop.patch(AT_PRESS, {"note": "x"}, prefer)
    assert (changed.status, changed.body) == (204, b"")
    assert made.headers["Preference-Applied"] == changed.headers["Preference-Applied"] == "return=minimal"
    assert (await own_shop.get(AT_PRESS)).json["note"] == "x"


async def test_a_table_without_a_key_takes_rows_that_have_no_address(own_shop: Served) -> None:
    reply = await own_shop.post("/api/stock_movement", {"shop_id": 1, "book_id": 2, "quantity": -3})
    assert (reply.status, reply.json["quantity"]) == (201, -3)
    assert "Location" not in reply.headers


async def test_what_was_written_is_read_exactly(own_shop: Served, kind: DatabaseKind) -> None:
    text = '{"isbn":"9999999999999","title":"T","publisher_code":"A/B","price":0.10,"weight":0.1,"attributes":'
    text += '{"a":[1,-2.5,1e-7,true,null,"é\\u0000"]}}'
    json_type = {"Content-Type": "application/json; charset=UTF-8"}
    nul = await own_shop.request("POST", "/api/book", json_type, data=text.encode())
    assert told(nul) == [("invalid_value", "/attributes")]
    reply = await own_shop.request("POST", "/api/book", json_type, data=text.replace("\\u0000", "📚").encode())
    assert reply.status == 201, reply.json
    row = json.loads(reply.body, parse_float=Decimal)
    assert (row["price"], row["weight"]) == (Decimal("0.1"), Decimal("0.1"))
    assert row["attributes"] == {"a": [1, Decimal("-2.5"), Decimal("1e-7"), True, None, "é📚"]}
    rate = await own_shop.request(
        "PATCH", "/api/order/1001", json_type, data=b'{"exchange_rate": 123456.12345678, "remark": null}'
    )
    assert json.loads(rate.body, parse_float=str)["exchange_rate"] == "123456.12345678"


async def test_every_fault_of_a_body_is_told_at_once(own_shop: Served) -> None:
    body: dict[str, Any] = {
        "isbn": None,
        "titel": "x",
        "pages": "many",
        "in_print": 1,
        "publish_at": "soon",
        "tag": [],
        "id/~": 1,
    }
    reply = await own_shop.post("/api/book?fields=nosuch", body)
    assert reply.status == 422
    assert told(reply) == [
        ("unknown_column", "/query/fields"),
        ("invalid_value", "/isbn"),
        ("unknown_column", "/titel"),
        ("invalid_value", "/pages"),
        ("invalid_value", "/in_print"),
        ("invalid_value", "/publish_at"),
        ("invalid_request", "/tag"),
        ("unknown_column", "/id~1~0"),
        ("invalid_value", "/title"),
        ("invalid_value", "/publisher_code"),
        ("invalid_value", "/price"),
    ]
    assert reply.json["errors"][2]["hint"] == "did you mean 'title'?"
    made = await own_shop.post(
        "/api/order_line", {"order_id": 1, "line_number": 1, "book_id": 1, "price": 1, "amount": 1}
    )
    assert told(made) == [("invalid_value", "/amount")]


async def test_what_the_database_refuses_is_told_by_column(own_shop: Served, kind: DatabaseKind) -> None:
    book = {"isbn": "9999999999999", "title": "T", "publisher_code": "A/B", "price": 1}
    assert (await own_shop.post("/api/book", book)).status == 201
    twice = await own_shop.post("/api/book", book)
    assert (twice.status, told(twice)) == (409, [("unique_violation", "/isbn")])
    assert twice.json["detail"] == "a row with this isbn exists already"
    key = await own_shop.post("/api/tag", {"name": "c++"})
    assert (key.status, told(key)) == (409, [("unique_violation", "/name")])
    pair = await own_shop.post("/api/book_tag", {"book_id": 1, "tag": "gift"})
    assert (pair.status, pair.json["detail"]) == (409, "a row with this book_id and tag exists already")
    check = await own_shop.patch("/api/book/1", {"price": -1})
    assert (check.status, told(check)) == (422, [("check_violation", "/price")])
    assert (await own_shop.get("/api/book/1?fields=price")).json != {"price": -1}
    parent = await own_shop.post("/api/book", {**book, "isbn": "9999999999998", "publisher_code": "NOPE"})
    child = await own_shop.delete("/api/publisher/QUIPU")
    assert (parent.status, child.status) == (409, 409)
    if kind is not DatabaseKind.SQLITE:  # SQLite does not say which key it was
        assert told(parent) == [("foreign_key_violation", "/publisher_code")]
        assert child.json["detail"] == "rows of book still refer to this row"
        long = await own_shop.patch("/api/book/1", {"title": "x" * 201, "price": "123456789.00"})
        assert told(long) == [("invalid_value", "/title"), ("invalid_value", "/price")]


# ── what is not a write ──────────────────────────────────────────────────────────────────────


async def test_bodies_that_are_no_json_object(own_sqlite_shop: Served) -> None:
    as_json = {"Content-Type": "application/json"}
    for body, status, code in (
        (b"", 400, "malformed_request"),
        (b"{", 400, "malformed_request"),
        (b'{"a": NaN}', 400, "malformed_request"),
        (b'{"a": 1e999999999}', 422, "invalid_value"),
        (b'{"a":' + b"9" * 5000 + b"}", 422, "limit_exceeded"),
        (b"\xff\xfe", 400, "malformed_request"),
        (b"[" * 65 + b"]" * 65, 422, "limit_exceeded"),
        (b"[" * 100_000, 422, "limit_exceeded"),
        (b'{"a": 1, "a": 2}', 422, "invalid_request"),
        (b"7", 422, "invalid_request"),
        (b"[7, {}, []]", 422, "invalid_request"),
    ):
        reply = await own_sqlite_shop.request("POST", "/api/publisher", as_json, data=body)
        assert (reply.status, reply.code) == (status, code), body[:20]
    for headers in (
        {"Content-Type": "text/plain"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json; charset=latin-1"},
        {**as_json, "Content-Encoding": "gzip"},
    ):
        reply = await own_sqlite_shop.request("POST", "/api/publisher", headers, data=b"{}")
        assert (reply.status, reply.code) == (415, "unsupported_media_type")
    large = BytesIO(b'{"a":"' + b"x" * (1 << 20) + b'"}')
    async with own_sqlite_shop.session.post(f"{own_sqlite_shop.base}/api/tag", data=large, headers=as_json) as response:
        assert (response.status, (await response.json(content_type=None))["code"]) == (413, "body_too_large")


async def test_conditions_that_would_not_be_kept_are_refused(own_sqlite_shop: Served) -> None:
    for name in ("If-Match", "If-Unmodified-Since", "Idempotency-Key"):
        reply = await own_sqlite_shop.post("/api/publisher", PRESS, {name: "x"})
        assert (reply.status, told(reply)) == (422, [("invalid_request", f"/header/{name}")])
    assert (await own_sqlite_shop.get(AT_PRESS)).status == 404


async def test_methods_that_a_path_does_not_have(own_sqlite_shop: Served) -> None:
    for method, path, allowed in (
        ("PUT", "/api/book/1", "DELETE,GET,HEAD,OPTIONS,PATCH"),
        ("DELETE", "/api/book", "GET,HEAD,OPTIONS,POST"),
        ("PATCH", "/api/book", "GET,HEAD,OPTIONS,POST"),
        ("POST", "/api/published_book", "GET,HEAD,OPTIONS"),
        ("POST", "/api", "GET,HEAD,OPTIONS"),
    ):
        reply = await own_sqlite_shop.request(method, path, json={})
        assert (reply.status, reply.headers["Allow"].replace(" ", "")) == (405, allowed)
    options = await own_sqlite_shop.request("OPTIONS", "/api/book/1")
    assert (options.status, options.headers["Allow"]) == (204, "GET, HEAD, PATCH, DELETE, OPTIONS")


async def test_what_is_not_writable_says_how_it_would_be(shop: Served) -> None:
    reply = await shop.post("/api/publisher", PRESS)
    assert (reply.status, reply.code, reply.json["errors"][0]["hint"]) == (
        403,
        "forbidden",
        "start the server with --writable",
    )


async def test_the_tables_are_listed_with_what_may_be_done(own_sqlite_shop: Served) -> None:
    tables = {each["name"]: each for each in (await own_sqlite_shop.get("/api")).json["items"]}
    assert tables["book_author"] == {
        "name": "book_author",
        "url": "/api/book_author",
        "methods": ["GET", "HEAD", "POST"],
        "key": ["book_id", "author_id"],
        "row_methods": ["GET", "HEAD", "PATCH", "DELETE"],
    }
    assert tables["reader's note"]["url"] == "/api/reader%27s%20note"
    assert tables["stock_movement"].keys() == {"name", "url", "methods"}
    for each in tables.values():
        assert (await own_sqlite_shop.get(f"{each['url']}?limit=1")).status == 200
