"""What stands around the rows: headers, statuses, kept answers, and addresses that differ in their values alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest.test_reads import fault, get, rows
from tests.server.harness import Served, served

KEEPS = """
defaults:
  read: true
tables:
  book:
    cache: {ttl: 1h}
"""


@pytest.fixture
async def keeping(kind: DatabaseKind, shops: Mapping[DatabaseKind, str]) -> AsyncIterator[Served]:
    async with served(shops[kind], KEEPS) as api:
        yield api


async def test_head_is_get_without_a_body_and_its_length(shop: Served) -> None:
    for address in ("book?select=id&limit=2", "book?select=id&id=eq.0"):
        one, other = await get(shop, address), await shop.request("HEAD", f"/rest/v1/{address}", {"Range": "1-1"})
        assert (other.status, other.body) == (200, b"")
        assert "Content-Length" not in other.headers
        for name in ("Content-Type", "Content-Range", "Content-Location", "Vary"):
            assert other.headers[name] == one.headers[name]
    counted = await shop.request("HEAD", "/rest/v1/book?limit=2", {"Prefer": "count=exact"})
    assert counted.status == 206
    assert counted.headers["Preference-Applied"] == "count=exact"
    refused = await shop.request("HEAD", "/rest/v1/book?nope=eq.1")
    assert (refused.status, refused.headers["Proxy-Status"]) == (400, "PostgREST; error=42703")
    assert "Content-Length" not in refused.headers


async def test_content_length_is_that_of_the_body(shop: Served) -> None:
    reply = await get(shop, "book?select=id,title&limit=3")
    assert int(reply.headers["Content-Length"]) == len(reply.body)
    assert reply.headers["Vary"] == "Accept, Prefer, Range"


async def test_no_accept_and_any_accept_are_json(shop: Served) -> None:
    for accept in ("*/*", "application/*", "application/json", "text/html;q=0.9, */*;q=0.1"):
        reply = await get(shop, "book?limit=1", Accept=accept)
        assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json; charset=utf-8")
    for accept in ("application/geo+json", "application/vnd.pgrst.plan", "application/octet-stream"):
        assert await fault(shop, "book?limit=1", Accept=accept) == (406, "PGRST107")


@pytest.mark.parametrize(
    ("ranged", "limits", "told"),
    [
        ("0-1", "", "0-1/*"),
        ("3-", "&limit=2", None),
        ("1-", "&limit=3", "1-2/*"),
        ("0-9", "&limit=2&offset=1", "1-2/*"),
        ("x", "&limit=2", "0-1/*"),
        ("5-2", "", None),
    ],
)
async def test_a_range_narrows_what_the_address_asks(shop: Served, ranged: str, limits: str, told: str | None) -> None:
    reply = await get(shop, f"book?select=id&order=id{limits}", Range=ranged)
    if told is None:
        assert (reply.status, reply.code) == (416, "PGRST103")
    else:
        assert (reply.status, reply.headers["Content-Range"]) == (200, told)


async def test_addresses_that_differ_in_values_alone(shop: Served) -> None:
    for number in (1, 2, 3):
        reply = await get(shop, f"book?select=id&id=eq.{number}&price=gt.0")
        assert reply.json == [{"id": number}]
        assert reply.headers["Content-Location"] == f"/book?id=eq.{number}&price=gt.0&select=id"
    assert await rows(shop, "book?select=id&price=gt.0&id=eq.2") == [{"id": 2}]
    assert await rows(shop, "book?select=id&id=eq.2&id=eq.3") == []
    assert await rows(shop, "book?select=id&id=eq.2&id=eq.2") == [{"id": 2}]
    assert await rows(shop, "book?select=id&id=gt.2&limit=1&order=id") == [{"id": 3}]
    assert await rows(shop, "book?select=id&id=gt.4&limit=1&order=id") == [{"id": 5}]
    assert await rows(shop, "book?select=id&id=gt.4&limit=2&order=id") == [{"id": 5}, {"id": 6}]
    assert await fault(shop, "book?select=id&id=eq.x&price=gt.0") == (400, "22P02")
    assert await fault(shop, "book?select=id&id=eq.99999999999999999999&price=gt.0") == (400, "22003")


async def test_the_most_rows_hold_for_every_list(kind: DatabaseKind, shops: Mapping[DatabaseKind, str]) -> None:
    async with served(shops[kind], "postgrest:\n  db_max_rows: 2") as api:
        found = await rows(api, "publisher?select=code,book(id,review(id))&order=code")
        assert len(found) == 2
        assert max(len(each["book"]) for each in found) == 2
        assert max(len(book["review"]) for each in found for book in each["book"]) <= 2
        (page,) = await rows(api, "publisher?select=...book(id)&limit=1")
        assert len(page["id"]) == 2
        counted = await get(api, "book?select=id&limit=50", Prefer="count=exact")
        assert (counted.status, counted.headers["Content-Range"].partition("/")[0]) == (206, "0-1")


# ── kept answers ─────────────────────────────────────────────────────────────────────────────


async def test_a_kept_answer_has_a_tag_and_its_own_headers(keeping: Served) -> None:
    address = "book?select=id&limit=2&order=id"
    first = await get(keeping, address, Prefer="count=exact")
    again = await get(keeping, address, Prefer="count=exact")
    assert (first.status, first.headers["Preference-Applied"]) == (206, "count=exact")
    for name in ("ETag", "Content-Type", "Content-Range", "Content-Location", "Vary", "Preference-Applied"):
        assert again.headers[name] == first.headers[name]
    assert (again.status, again.body) == (first.status, first.body)
    same = await get(keeping, address, Prefer="count=exact", If_None_Match=first.headers["ETag"])
    assert (same.status, same.body) == (304, b"")
    plain = await get(keeping, address)
    assert (plain.status, "Preference-Applied" in plain.headers) == (200, False)
    assert plain.headers["Content-Range"] == "0-1/*"
    ranged = await get(keeping, address, Range="1-1")
    assert (ranged.json, ranged.headers["Content-Range"]) == ([{"id": 2}], "1-1/*")
    csv = await get(keeping, address, Accept="text/csv")
    assert (csv.body, csv.headers["Content-Type"]) == (b"id\n1\n2", "text/csv; charset=utf-8")
    head = await keeping.request("HEAD", f"/rest/v1/{address}")
    assert (head.status, head.body, head.headers["ETag"]) == (200, b"", plain.headers["ETag"])


async def test_two_spellings_of_a_value_are_two_addresses(keeping: Served) -> None:
    one = await get(keeping, "book?select=id&id=eq.7")
    other = await get(keeping, "book?select=id&id=eq.07")
    assert one.json == other.json == [{"id": 7}]
    assert one.headers["Content-Location"] == "/book?id=eq.7&select=id"
    assert other.headers["Content-Location"] == "/book?id=eq.07&select=id"


async def test_what_is_not_one_row_is_not_kept_as_one(keeping: Served) -> None:
    single = "application/vnd.pgrst.object+json"
    assert await fault(keeping, "book?id=lt.3", Accept=single) == (406, "PGRST116")
    assert (await get(keeping, "book?id=lt.3")).status == 200
    assert await fault(keeping, "book?id=lt.3", Accept=single) == (406, "PGRST116")
    assert await fault(keeping, "book?offset=99999", Prefer="count=exact") == (416, "PGRST103")


async def test_the_time_of_each_part_is_told_where_it_is_asked_for(
    kind: DatabaseKind, shops: Mapping[DatabaseKind, str]
) -> None:
    async with served(shops[kind], "postgrest:\n  server_timing_enabled: true") as api:
        reply = await get(api, "book?limit=1")
        parts = [part.partition(";dur=") for part in reply.headers["Server-Timing"].split(", ")]
        assert [name for name, _, _ in parts] == ["jwt", "parse", "plan", "transaction", "response"]
        assert all(float(took) >= 0 for _, _, took in parts)
        assert "Server-Timing" in (await get(api, "book?id=eq.x")).headers
    async with served(shops[kind]) as api:
        assert "Server-Timing" not in (await get(api, "book?limit=1")).headers
