"""Limits and offsets of related rows: what is embedded of nobody's page is nothing, for `!inner` and null filters too."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.server.harness import Served

NONE: Final[list[Any]] = []


async def told(api: Served, address: str) -> Any:
    reply = await api.get(f"/rest/v1/{address}")
    assert reply.status == 200, reply.body
    return reply.json


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("drawer?select=id,thing!inner(id)&thing.limit=0", NONE),
        ("drawer?select=id,thing(id)&thing.limit=0&id=eq.1", [{"id": 1, "thing": []}]),
        ("drawer?select=id,thing(id)&thing.limit=0&thing=not.is.null", NONE),
        ("drawer?select=id,thing()&thing.limit=0&thing=is.null&order=id", [{"id": 1}, {"id": 2}, {"id": 3}]),
        ("drawer?select=id,thing!inner(id)&thing.offset=1&thing.order=id", [{"id": 1, "thing": [{"id": 2}]}]),
        ("drawer?select=id,thing!inner(id)&thing.offset=2", NONE),
        ("drawer?select=id,thing!inner(id)&thing.offset=1&thing.id=gt.1", NONE),
        ("drawer?select=id,thing()&thing.offset=1&thing=not.is.null", [{"id": 1}]),
        ("drawer?select=id,thing()&thing.offset=1&thing=is.null&order=id", [{"id": 2}, {"id": 3}]),
        ("drawer?select=id,thing()&thing.offset=1&or=(thing.not.is.null,id.eq.3)&order=id", [{"id": 1}, {"id": 3}]),
        ("thing?select=id,drawer(id)&drawer.limit=1&id=eq.1", [{"id": 1, "drawer": {"id": 1}}]),
        ("thing?select=id,drawer(id)&drawer.limit=0&id=eq.1", [{"id": 1, "drawer": None}]),
        ("thing?select=id,drawer(id)&drawer.offset=1&id=eq.1", [{"id": 1, "drawer": None}]),
        ("thing?select=id,...drawer(label)&drawer.limit=0&id=eq.1", [{"id": 1, "label": None}]),
        ("thing?select=id,drawer!inner(id)&drawer.limit=1&id=eq.1", [{"id": 1, "drawer": {"id": 1}}]),
        ("thing?select=id,drawer!inner(id)&drawer.limit=0", NONE),
        ("thing?select=id,drawer!inner(id)&drawer.offset=1", NONE),
    ],
)
async def test_a_page_of_related_rows_that_is_empty_is_nothing(things: Served, address: str, wanted: Any) -> None:
    assert await told(things, address) == wanted


async def test_of_two_hints_and_of_two_joins_the_first_one_holds(things: Served) -> None:
    assert await told(things, "drawer?select=id,thing!drawer_id!nothing(id)&id=eq.2") == [
        {"id": 2, "thing": [{"id": 3}]}
    ]
    assert await told(things, "drawer?select=id,thing!inner!left(id)&id=eq.3") == NONE
    assert await told(things, "drawer?select=id,thing!left!inner(id)&id=eq.3") == [{"id": 3, "thing": []}]
    assert await told(things, "drawer?select=id,thing!drawer_id!inner(id)&id=eq.3") == NONE
    assert await told(things, "drawer?select=id,thing!inner!drawer_id(id)&id=eq.3") == NONE
    for marks in ("!drawer_id!inner!left", "!inner!left!drawer_id"):
        reply = await things.get(f"/rest/v1/drawer?select=id,thing{marks}(id)")
        assert (reply.status, reply.code) == (400, "PGRST100")
