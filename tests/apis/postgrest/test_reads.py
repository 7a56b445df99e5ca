"""`GET /rest/v1/{table}` on three databases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from tests.apis.resource.test_roles import CONFIG, bearer
from tests.server.harness import Reply, Served, served


async def get(api: Served, address: str, **headers: str) -> Reply:
    return await api.get(f"/rest/v1/{address}", {name.replace("_", "-"): value for name, value in headers.items()})


async def rows(api: Served, address: str) -> Any:
    reply = await get(api, address)
    assert reply.status == 200, reply.body
    return reply.json


async def fault(api: Served, address: str, **headers: str) -> tuple[int, str]:
    reply = await get(api, address, **headers)
    assert set(reply.json) == {"code", "message", "details", "hint"}
    assert reply.headers["Proxy-Status"] == f"PostgREST; error={reply.code}"
    return reply.status, reply.code


# ── columns, filters, order ──────────────────────────────────────────────────────────────────


async def test_columns_are_answered_in_their_order_under_their_alias(shop: Served) -> None:
    found = await rows(shop, "book?select=t:title,id&id=in.(2,1)&order=id.desc")
    assert [list(each) for each in found] == [["t", "id"], ["t", "id"]]
    assert [each["id"] for each in found] == [2, 1]
    whole = await rows(shop, "book?id=eq.1")
    assert whole == await rows(shop, "book?select=*&id=eq.1") == await rows(shop, "book?select=&id=eq.1")
    assert list((await rows(shop, "book?select=*,id,n:id&id=eq.1"))[0]) == [*whole[0], "n"]


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("id=eq.3", lambda book: book["id"] == 3),
        ("id=not.eq.3", lambda book: book["id"] != 3),
        ("id=neq.3", lambda book: book["id"] != 3),
        ("id=gte.3&id=lt.6", lambda book: 3 <= book["id"] < 6),
        ("id=in.(1,%222%22,99999)", lambda book: book["id"] in {1, 2}),
        ("id=in.()", lambda book: False),
        ("id=not.in.()", lambda book: True),
        ("id=eq(any).{1,4}", lambda book: book["id"] in {1, 4}),
        ("id=gt(all).{1,4}", lambda book: book["id"] > 4),
        ("id=eq(any).{}", lambda book: False),
        ("id=eq(all).{}", lambda book: True),
        ("title=like.*Quijote*", lambda book: "Quijote" in book["title"]),
        ("title=ilike.*QUIJOTE*", lambda book: "quijote" in book["title"].lower()),
        ("title=like(any).{*Quijote*,A*}", lambda book: "Quijote" in book["title"] or book["title"][0] == "A"),
        ("subtitle=is.null", lambda book: book["subtitle"] is None),
        ("subtitle=not.is.null", lambda book: book["subtitle"] is not None),
        ("subtitle=is.not_null", lambda book: book["subtitle"] is not None),
        ("in_print=is.true", lambda book: book["in_print"] is True),
        ("in_print=not.is.true", lambda book: book["in_print"] is not True),
        ("in_print=is.false", lambda book: book["in_print"] is False),
        ("in_print=is.unknown", lambda book: book["in_print"] is None),
        ("subtitle=isdistinct.Primera%20parte", lambda book: book["subtitle"] != "Primera parte"),
        ("or=(id.eq.1,and(id.gt.3,id.lt.6))", lambda book: book["id"] in {1, 4, 5}),
        ("not.or=(id.eq.1,id.eq.2)", lambda book: book["id"] not in {1, 2}),
        ("and=(id.gte.2,not.and(id.gt.3,status.eq.published))", lambda book: book["id"] >= 2 and not (book["id"] > 3 and book["status"] == "published")),
    ],
)  # fmt: skip
async def test_filters_mean_what_they_say(sqlite_shop: Served, condition: str, holds: Any) -> None:
    every = await rows(sqlite_shop, "book?order=id")
    expected = [book["id"] for book in every if holds(book)]
    assert [book["id"] for book in await rows(sqlite_shop, f"book?order=id&{condition}")] == expected


SAME = [
    "book?select=id,title&title=like.*a*&order=title.desc,id&limit=7",
    "book?select=id,subtitle&order=category_id.nullsfirst,id&limit=12",
    "book?select=id,subtitle&order=category_id.desc.nullslast,id&limit=60",
    "book?select=id,publisher(name,country)&order=publisher(name).desc,id&limit=9&offset=3",
    "book?select=id,tag(name),review(rating)&order=id&limit=8&tag.order=name&review.order=id&review.limit=2&review.offset=1",
    "publisher?select=code,book!inner(id)&book.price=gt.50&book.order=id&order=code",
    "publisher?select=code,book()&book.price=gt.50&book=not.is.null&order=code",
    "publisher?select=code,book()&book.price=gt.50&book=is.null&order=code",
    "publisher?select=code,b:book(id)&or=(b.is.null,code.like.Q*)&b.id=lt.5&b.order=id&order=code",
    "staff?select=id,staff(id),boss:manager_id(id,manager_id(id))&staff.order=id&order=id&limit=9",
    "order?select=id,a:address!billing_address_id(label),shipping_address_id(label)&order=id&limit=6",
    "customer?select=id,customer_profile!customer_id(referrer_id)&order=id&limit=6",
    "book?select=id,author!inner(name)&author.name=like.R*&author.order=name&order=id&limit=5",
]


@pytest.mark.parametrize("kind", [DatabaseKind.POSTGRESQL, DatabaseKind.MARIADB], ids=str)
async def test_every_database_answers_alike(shops: Mapping[DatabaseKind, str], kind: DatabaseKind) -> None:
    async with served(shops[kind]) as one, served(shops[DatabaseKind.SQLITE]) as other:
        for address in SAME:
            found = await rows(one, address)
            assert found, address
            assert found == await rows(other, address), address


async def test_a_number_beyond_all_rows_is_one(shop: Served) -> None:
    far = "9" * 20
    assert await fault(shop, f"book?offset={far}") == (400, "PGRST100")
    assert await fault(shop, "book", Range=f"{far}-") == (400, "PGRST100")
    first = await rows(shop, "book?select=id&order=id&limit=3")
    assert (await rows(shop, f"book?select=id&order=id&limit={far}"))[:3] == first
    (book,) = await rows(shop, f"book?select=review(id)&id=eq.1&review.offset={far}&review.limit={far}")
    assert book == {"review": []}
    reply = await get(shop, "book?select=id&order=id", Range=f"1-{far}")
    assert reply.json[:2] == first[1:]


async def test_embedded_resources_have_their_shapes(shop: Served) -> None:
    (book,) = await rows(shop, "book?select=publisher(code),category(id),review(id)&id=eq.1")
    assert isinstance(book["publisher"], dict)
    assert isinstance(book["review"], list)
    (profile,) = await rows(shop, "customer_profile?select=customer!customer_id(id)&limit=1")
    assert isinstance(profile["customer"], dict)


# ── ranges, counts, media ────────────────────────────────────────────────────────────────────


async def test_ranges_and_counts(sqlite_shop: Served) -> None:
    total = len(await rows(sqlite_shop, "book?select=id"))
    for address, headers, status, told in (
        ("book", {"Range": "2-4"}, 200, "2-4/*"),
        ("book?limit=2", {"Range": "2-9"}, 416, None),
        ("book?limit=0", {}, 200, "*/*"),
        ("book?limit=5&offset=1", {"Prefer": "count=exact"}, 206, f"1-5/{total}"),
        ("book", {"Prefer": "count=exact"}, 200, f"0-{total - 1}/{total}"),
        (f"book?offset={total}", {"Prefer": "count=exact"}, 206, f"*/{total}"),
        (f"book?offset={total + 1}", {"Prefer": "count=exact"}, 416, f"*/{total}"),
        (f"book?offset={total + 1}", {}, 200, "*/*"),
        ("book?limit=-1", {}, 416, None),
    ):
        reply = await get(sqlite_shop, address, **headers)
        assert (reply.status, reply.headers.get("Content-Range")) == (status, told), address
        applied = headers.get("Prefer") if status != 416 else None
        assert reply.headers.get("Preference-Applied") == applied


async def test_media(shop: Served) -> None:
    one = await get(shop, "book?select=id,subtitle&id=eq.1", Accept="application/vnd.pgrst.object+json")
    assert one.json == {"id": 1, "subtitle": "Primera parte"}
    assert one.headers["Content-Type"] == "application/vnd.pgrst.object+json; charset=utf-8"
    stripped = await get(
        shop,
        "book?select=id,subtitle&subtitle=is.null&limit=1",
        Accept="application/vnd.pgrst.array+json;nulls=stripped",
    )
    assert [list(each) for each in stripped.json] == [["id"]]
    csv = await get(shop, "book?select=id,title,in_print&id=in.(1,2)&order=id", Accept="text/csv")
    assert csv.body == b'id,title,in_print\n1,"Don Quijote de la Mancha",t\n2,"Don Quijote de la Mancha",t'
    assert csv.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert await fault(shop, "book?id=lt.3", Accept="application/vnd.pgrst.object+json") == (406, "PGRST116")
    assert await fault(shop, "book?id=eq.0", Accept="application/vnd.pgrst.object") == (406, "PGRST116")
    assert await fault(shop, "book", Accept="image/png") == (406, "PGRST107")


async def test_content_location_and_warnings(sqlite_shop: Served) -> None:
    reply = await get(sqlite_shop, "book?select=id,p:publisher(code)&publisher.code=like.Q*&id=eq.1")
    assert (
        reply.headers["Content-Location"]
        == "/book?id=eq.1&publisher.code=like.Q%2A&select=id%2Cp%3Apublisher%28code%29"
    )
    assert reply.headers["Warning"].startswith("299 - ")
    head = await sqlite_shop.request("HEAD", "/rest/v1/book?limit=2", {"Range": "1-1"})
    assert (head.status, head.body, head.headers["Content-Range"]) == (200, b"", "0-1/*")


# ── faults ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("boks", 404, "PGRST205"),
        ("a%2Fb", 404, "PGRST205"),
        ("book/1", 404, "PGRST125"),
        ("rpc/a/b", 404, "PGRST125"),
        ("book?titel=eq.1", 400, "42703"),
        ("book?select=titel", 400, "42703"),
        ("book?order=titel", 400, "42703"),
        ("book?id=eq.x", 400, "22P02"),
        ("book?id=in.(1,x)", 400, "22P02"),
        ("book?id=eq(any).1", 400, "22P02"),
        ("book?id=1", 400, "PGRST100"),
        ("book?select=id,", 400, "PGRST100"),
        ("book?or=(id.eq.1", 400, "PGRST100"),
        ("book?id=like.1", 404, "42883"),
        ("book?title=is.true", 400, "42804"),
        ("book?select=author!nope(*)", 400, "PGRST200"),
        ("order?select=address(*)", 300, "PGRST201"),
        ("book?publisher.name=eq.x", 400, "PGRST108"),
        ("book?select=review(id)&order=review(id)", 400, "PGRST118"),
        ("book?order=publisher(name)", 400, "PGRST108"),
        ("book?select=id,publisher(code)&publisher=eq.1", 400, "PGRST120"),
        ("book?select=id.sum()", 400, "PGRST123"),
        ("book?select=count()", 400, "PGRST123"),
        ("book?select=count", 400, "PGRST123"),
        ("book?title=fts.x", 400, "PGRST127"),
        ("book?title=match.x", 400, "PGRST127"),
        ("book?offset=999999999", 400, "PGRST100"),
        ("book?select=" + "review(book(" * 12 + "id" + "))" * 12, 400, "PGRST100"),
    ],
)
async def test_faults_have_their_codes(sqlite_shop: Served, address: str, status: int, code: str) -> None:
    assert await fault(sqlite_shop, address) == (status, code)


async def test_methods(sqlite_shop: Served) -> None:
    reply = await sqlite_shop.request("PROPFIND", "/rest/v1/book")
    assert (reply.status, reply.code) == (405, "PGRST117")
    written = await sqlite_shop.post("/rest/v1/book", {})
    assert (written.status, written.code) == (405, "25006")


async def test_profiles(shop: Served) -> None:
    assert await fault(shop, "book", Accept_Profile="nowhere") == (406, "PGRST106")


# ── roles ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def ruled(kind: DatabaseKind, shops: Mapping[DatabaseKind, str]) -> AsyncIterator[Served]:
    async with served(shops[kind], CONFIG) as api:
        yield api


async def test_a_role_sees_its_rows_and_columns_alone(ruled: Served) -> None:
    guest = await rows(ruled, "book?select=*&order=id")
    assert {each["status"] for each in guest} == {"published"}
    assert set(guest[0]) == {"id", "title", "price", "status", "publisher_code"}
    clerk = await get(ruled, "book?select=id,status", **bearer("clerk"))
    assert len(clerk.json) == 5
    with_reviews = await rows(ruled, "book?select=id,review(id,rating)&review=not.is.null&order=id")
    assert all(each["review"] for each in with_reviews)


@pytest.mark.parametrize(
    ("hidden", "absent"),
    [
        ("shop", "shpo"),
        ("book?isbn=eq.1", "book?nope=eq.1"),
        ("book?select=isbn", "book?select=nope"),
        ("book?order=isbn", "book?order=nope"),
        ("book?select=author(*)", "book?select=nowhere(*)"),
        ("book?select=category_id(*)", "book?select=no_such_id(*)"),
        ("book?select=publisher!publisher_code(*)", "book?select=publishr!publisher_code(*)"),
    ],
)
async def test_what_is_hidden_is_told_like_what_is_absent(ruled: Served, hidden: str, absent: str) -> None:
    one, other = await get(ruled, hidden), await get(ruled, absent)
    assert (one.status, one.code) == (other.status, other.code)
    assert (one.json["hint"] is None) == (other.json["hint"] is None)


async def test_who_may_not_read_is_asked_for_a_credential(ruled: Served) -> None:
    writer = await get(ruled, "book", **bearer("writer"))
    assert (writer.status, writer.code) == (403, "42501")
    assert (await get(ruled, "book", Authorization="Bearer nonsense")).status == 401
