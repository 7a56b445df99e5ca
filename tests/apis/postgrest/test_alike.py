"""Requests that differ in plain values alone: understood once, and answered each for its own values."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from server.apis.postgrest.grammar.questions import question
from server.apis.postgrest.shapes import shape_of
from tests.apis.postgrest.test_reads import rows
from tests.apis.resource.test_roles import CONFIG, bearer
from tests.server.harness import Served, served


@contextmanager
def calls(function: Callable[..., Any]) -> Iterator[list[str]]:
    """One entry for each call of the function while the block lasts, as the interpreter tells its profilers."""
    seen: list[str] = []

    def told(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code is function.__code__:
            seen.append(function.__name__)

    sys.setprofile(told)
    try:
        yield seen
    finally:
        sys.setprofile(None)


async def parsed(api: Served, address: str, headers: Mapping[str, str] | None = None, status: int = 200) -> int:
    """How often the grammar was asked what the request means."""
    with calls(question) as seen:
        reply = await api.get(f"/rest/v1/{address}", headers or {})
    assert reply.status == status, reply.body
    return len(seen)


async def test_what_was_read_is_not_read_again(shop: Served) -> None:
    assert await parsed(shop, "book?select=id,title&order=id&limit=3") == 1
    assert await parsed(shop, "book?select=id,title&order=id&limit=3") == 0
    assert await parsed(shop, "book?select=id,title&order=id&limit=4") == 1
    assert await parsed(shop, "book?select=id&or=(id.eq.1,id.eq.2)") == 1
    assert await parsed(shop, "book?select=id&or=(id.eq.1,id.eq.2)") == 0


async def test_what_differs_in_plain_values_is_not_read_again(shop: Served) -> None:
    assert await parsed(shop, "book?id=eq.1") == 1
    assert [await parsed(shop, f"book?id=eq.{number}") for number in (1, 2, 77, 123456)] == [0, 0, 0, 0]
    assert await parsed(shop, "book?id=gte.3&select=id&title=lt.M&limit=2") == 1
    assert await parsed(shop, "book?id=gte.30&select=id&title=lt.Zoo&limit=2") == 0
    assert await parsed(shop, "book?id=gt.30&select=id&title=lt.Zoo&limit=2") == 1
    assert await parsed(shop, "book?id=eq.no", status=400) == 0


async def test_nor_is_what_stands_beside_them(shop: Served) -> None:
    """Embedded resources, trees and lists are part of the form."""
    nested = "book?select=id,title,review(rating,customer(name))&order=id&limit=5&review.order=id&id=gt.{}"
    assert [await parsed(shop, nested.format(number)) for number in (1, 2, 77)] == [1, 0, 0]
    assert await parsed(shop, nested.replace("rating", "title").format(1)) == 1
    among = "book?select=id&status=in.(draft,published)&or=(pages.gt.10,pages.is.null)&price=gte.{}&price=lt.{}"
    assert [await parsed(shop, among.format(*each)) for each in (("5", "20"), ("7.5", "30"), ("1", "1"))] == [1, 0, 0]
    assert await parsed(shop, among.replace("draft", "withdrawn").format("5", "20")) == 1


SAID_TWICE = [
    "id=eq.{}&%22id%22=eq.5",
    "id=eq.{}&and=(id.eq.5)",
    "id=gte.{}&or=(id.gte.5)",
    "and=(id.gte.5,price.gte.0)&id=gte.{}",
]


@pytest.mark.parametrize("form", SAID_TWICE)
async def test_what_is_said_twice_once_is_not_said_twice_ever_after(shop: Served, form: str) -> None:
    """Where both conditions are the same one of them is left out of the plan, and others are not to have that plan."""
    said = await rows(shop, f"book?select=id&order=id&limit=9&{form.format(5)}")
    assert said[0] == {"id": 5}
    other = await rows(shop, f"book?select=id&order=id&limit=9&{form.format(3)}")
    assert other == (said if "gte" in form else [])
    assert await rows(shop, f"book?select=id&order=id&limit=9&{form.format(5)}") == said


async def test_who_asks_and_how_is_part_of_what_is_kept(shops: Mapping[DatabaseKind, str], kind: DatabaseKind) -> None:
    async with served(shops[kind], CONFIG) as api:
        who = bearer("guest")
        assert [await parsed(api, "book?id=eq.1", who), await parsed(api, "book?id=eq.2", who)] == [1, 0]
        assert await parsed(api, "book?id=eq.2", bearer("clerk")) == 1
        assert await parsed(api, "book?id=eq.2", {**who, "Accept": "text/csv"}) == 1
        assert await parsed(api, "book?id=eq.2", {**who, "Range": "0-4"}) == 1
        assert await parsed(api, "book?id=eq.2", {**who, "Prefer": "count=exact"}) == 1


PLAIN_NAME = re.compile(r"(?<=&)(?!(?:select|order|limit|offset|or)=)[a-z]")


def first_letter_encoded(found: re.Match[str]) -> str:
    return f"%{ord(found[0]):02X}"


def told_characters(query: str) -> str:
    """A query string with its characters as Content-Location has them."""
    for plain, told in (("->>", "-%3E%3E"), (":", "%3A"), ("(", "%28"), (")", "%29"), (",", "%2C")):
        query = query.replace(plain, told)
    return query


LIKE_EACH_OTHER = [
    ["id=eq.{}", ("1",), ("7",), ("99999",)],
    ["id=gte.{}&price=lt.{}", ("3", "20"), ("30", "12.5"), ("12.5", "30")],
    ["price=lt.{}&id=gte.{}", ("20", "20"), ("12.5", "3"), ("45", "100")],
    ["status=eq.{}&attributes->>language=eq.de", ("de",), ("draft",), ("published",)],
    ["attributes->>language=eq.de&status=eq.{}", ("de",), ("draft",), ("published",)],
    ["id=not.eq.5&id=lte.{}", ("5",), ("9",), ("2",)],
    ["offset=3&id=gt.{}", ("3",), ("300",), ("4",)],
    ["limit=3&id=gt.{}", ("3",), ("300",), ("4",)],
    ["in_print=eq.{}&id=lte.{}", ("true", "1"), ("false", "20"), ("t", "9")],
    ["publish_at=gte.{}", ("2022-01-01",), ("2023-05-05T10:00:00",), ("2021-02-02T00:00:00Z",)],
    ["price=gte.{}&price=lt.{}", ("10", "20"), ("5", "60"), ("20", "20")],
    ["id=gte.{}&%22id%22=lte.30&id=lt.{}", ("30", "31"), ("2", "30"), ("5", "60")],
    ["id=gt.{}&or=(price.lt.10,price.gte.20)&status=in.(draft,published)", ("3",), ("10",), ("300",)],
]


@pytest.mark.parametrize("form", LIKE_EACH_OTHER, ids=lambda form: str(form[0]))
async def test_each_is_answered_for_its_own_values(shop: Served, form: list[Any]) -> None:
    address, *given = form
    for values in given:
        query = f"select=id&order=id&{address.format(*values)}"
        reply = await shop.get(f"/rest/v1/book?{query}")
        # A name with anything encoded is never taken for plain: this is read anew, and means the same.
        anew = await shop.get(f"/rest/v1/book?{PLAIN_NAME.sub(first_letter_encoded, query)}")
        if reply.status == 400:
            assert (reply.code, anew.code) == ("22P02", "22P02")
        else:
            assert (reply.status, reply.json) == (200, anew.json)
            parts = told_characters(query).split("&")
            told = sorted(parts, key=lambda part: part.partition("=")[0])
            assert reply.headers["Content-Location"] == "/book?" + "&".join(told)
    assert len(await rows(shop, f"book?select=id&{address.format(*given[1])}")) > 0


@pytest.mark.parametrize(
    ("query", "form"),
    [
        ("id=eq.7", ("", "id=eq.", "")),
        ("select=id&id=eq.7&order=id", ("&select=id", "id=eq.", "&order=id")),
        ("a=gt.1&b=lte.x:y-z.w", ("", "a=gt.", "", "b=lte.", "")),
        ("id=eq.7&or=(id.eq.7)", ("", "id=eq.", "&or=(id.eq.7)")),
        ("select=*,a(*)&a.id=eq.1&id=eq.7", ("&select=*,a(*)&a.id=eq.1", "id=eq.", "")),
    ],
)
def test_a_form_is_what_stands_around_plain_values(query: str, form: tuple[str, ...]) -> None:
    shape = shape_of(query)
    assert shape is not None
    assert shape.form == form


@pytest.mark.parametrize(
    "query",
    [
        "", "id", "id=7", "id=eq.", "id=eq.a b", "id=eq.%37", "id=in.(1,2)", "id=not.eq.7", "id=like.x", "id=is.null",
        "select=eq.7", "order=eq.7", "limit=eq.7", "a.b=eq.7", "a->b=eq.7", '"a"=eq.7', "xid=eq.7*", "or=(id.eq.7)", "xor=(id=eq.7)",
    ],
)  # fmt: skip
def test_what_is_not_plain_has_no_form(query: str) -> None:
    assert shape_of(query) is None
