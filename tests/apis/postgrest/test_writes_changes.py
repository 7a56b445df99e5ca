"""`PATCH` and `DELETE` at `/rest/v1` on three databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest.workshop import fault, rows, script, send
from tests.bookshops import Databases
from tests.server.harness import Served, served

ROWS = "return=representation"
OBJECT = "application/vnd.pgrst.object+json"


async def names(api: Served) -> list[Any]:
    return [each["name"] for each in await rows(api, "thing?select=name&order=id")]


# ── PATCH ────────────────────────────────────────────────────────────────────────────────────


async def test_every_row_that_is_found_is_changed(workshop: Served) -> None:
    silent = await send(workshop, "PATCH", "thing?id=gte.2", {"name": "new"})
    assert (silent.status, silent.body, silent.headers["Content-Range"]) == (204, b"", "0-1/*")
    assert await names(workshop) == ["one", "new", "new"]
    told = await send(
        workshop,
        "PATCH",
        "thing?or=(id.eq.1,name.eq.new)&select=id,doubled&order=id",
        {"amount": 4},
        f"{ROWS},count=exact",
    )
    assert (told.status, told.json) == (200, [{"id": number, "doubled": 8} for number in (1, 2, 3)])
    assert told.headers["Content-Range"] == "0-2/3"
    assert told.headers["Preference-Applied"] == "return=representation, count=exact"


async def test_a_change_of_what_it_is_found_by_is_told_as_it_is_now(workshop: Served) -> None:
    told = await send(workshop, "PATCH", "thing?name=eq.two&select=id,name", {"name": "zwei"}, ROWS)
    assert (told.status, told.json) == (200, [{"id": 2, "name": "zwei"}])


async def test_order_and_limit_shape_the_answer_alone(workshop: Served) -> None:
    told = await send(
        workshop,
        "PATCH",
        "thing?id=gt.0&order=id.desc&limit=1&offset=1&select=id",
        {"name": "all"},
        f"{ROWS},count=exact",
    )
    assert (told.status, told.json, told.headers["Content-Range"]) == (200, [{"id": 2}], "0-0/3")
    assert await names(workshop) == ["all"] * 3
    assert (await send(workshop, "PATCH", "thing?id=gt.0&limit=1", {"name": "each"})).status == 204
    assert await names(workshop) == ["each"] * 3


async def test_embedded_resources_do_not_say_what_is_changed(workshop: Served) -> None:
    told = await send(
        workshop, "PATCH", "thing?id=gt.0&select=id,owner!inner(name)&owner.name=eq.Ada&order=id", {"name": "all"}, ROWS
    )
    assert told.json == [{"id": 1, "owner": {"name": "Ada"}}, {"id": 2, "owner": {"name": "Ada"}}]
    assert await names(workshop) == ["all"] * 3
    only = await send(workshop, "PATCH", "thing?select=id,owner(name)&owner.name=eq.Ada", {"name": "none"})
    assert fault(only) == (400, "21000")
    absent = await send(workshop, "PATCH", "thing?owner.name=eq.Ada&id=eq.1", {"name": "none"})
    assert fault(absent) == (400, "PGRST108")
    assert await names(workshop) == ["all"] * 3


@pytest.mark.parametrize("body", [{}, [], [{}]])
async def test_nothing_given_changes_nothing(workshop: Served, body: Any) -> None:
    silent = await send(workshop, "PATCH", "thing?id=eq.1", body)
    assert (silent.status, silent.headers["Content-Range"]) == (204, "*/*")
    told = await send(workshop, "PATCH", "thing", body, f"{ROWS}, count=exact")
    assert (told.status, told.json, told.headers["Content-Range"]) == (200, [], "*/0")


async def test_no_row_found_is_no_error(workshop: Served) -> None:
    silent = await send(workshop, "PATCH", "thing?id=eq.99", {"name": "x"})
    assert (silent.status, silent.headers["Content-Range"]) == (204, "*/*")
    told = await send(workshop, "PATCH", "thing?id=in.()", {"name": "x"}, f"{ROWS}, count=exact")
    assert (told.status, told.json, told.headers["Content-Range"]) == (200, [], "*/0")


async def test_only_the_first_of_an_array_and_only_columns_that_are_named(workshop: Served) -> None:
    await send(workshop, "PATCH", "thing?id=eq.1", [{"name": "first"}, {"name": "second"}])
    assert (await names(workshop))[0] == "first"
    body = {"name": "named", "code": "not", "nope": 1}
    await send(workshop, "PATCH", "thing?id=eq.1&columns=name,owner_id", body)
    assert (await rows(workshop, "thing?id=eq.1&select=name,code,owner_id")) == [
        {"name": "named", "code": "a", "owner_id": None}
    ]
    told = await send(
        workshop,
        "PATCH",
        "thing?id=eq.2&columns=name,amount&select=name,amount",
        {"name": "x"},
        f"{ROWS},missing=default",
    )
    assert told.json == [{"name": "x", "amount": 7}]
    assert told.headers["Preference-Applied"] == "missing=default, return=representation"


# ── DELETE ───────────────────────────────────────────────────────────────────────────────────


async def test_rows_are_removed(workshop: Served) -> None:
    silent = await send(workshop, "DELETE", "thing?id=eq.1")
    assert (silent.status, silent.body, silent.headers["Content-Range"]) == (204, b"", "*/*")
    told = await send(
        workshop, "DELETE", "thing?id=gt.1&select=code,owner(name)&order=code.desc", None, f"{ROWS},count=exact"
    )
    assert (told.status, told.headers["Content-Range"]) == (200, "*/2")
    assert told.json == [{"code": "c", "owner": None}, {"code": "b", "owner": {"name": "Ada"}}]
    again = await send(workshop, "DELETE", "thing?id=gt.0", None, ROWS)
    assert (again.status, again.json) == (200, [])
    assert await rows(workshop, "thing") == []


async def test_a_limit_does_not_spare_rows(workshop: Served) -> None:
    told = await send(workshop, "DELETE", "thing?id=gt.1&order=id&limit=1&select=id", None, f"{ROWS},count=exact")
    assert (told.json, told.headers["Content-Range"]) == ([{"id": 2}], "*/2")
    assert len(await rows(workshop, "thing")) == 1


# ── too many ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("method", "body"), [("PATCH", {"name": "x"}), ("DELETE", None)])
async def test_more_rows_than_wanted_take_all_back(workshop: Served, method: str, body: Any) -> None:
    strict = "handling=strict, max-affected=2"
    reply = await send(workshop, method, "thing?id=gt.0", body, strict)
    assert fault(reply) == (400, "PGRST124")
    assert reply.json["message"] == "Query result exceeds max-affected preference constraint"
    assert await names(workshop) == ["one", "two", None]
    two = await send(workshop, method, "thing?id=gt.1", body, strict)
    assert (two.status, two.headers["Preference-Applied"]) == (204, "handling=strict, max-affected=2")
    lenient = await send(workshop, method, "thing?id=gt.0", body, "max-affected=0")
    assert (lenient.status, "Preference-Applied" in lenient.headers) == (204, False)


@pytest.mark.parametrize(("method", "body"), [("PATCH", {"name": "x"}), ("DELETE", None)])
@pytest.mark.parametrize("prefer", [ROWS, "return=minimal"])
async def test_who_wants_one_object_changes_one_row_or_none(
    workshop: Served, method: str, body: Any, prefer: str
) -> None:
    for address, found in (("thing?id=gt.1", 2), ("thing?id=eq.99", 0)):
        reply = await send(workshop, method, address, body, prefer, Accept=OBJECT)
        assert fault(reply) == (406, "PGRST116")
        assert reply.json["details"] == f"The result contains {found} rows"
    assert await names(workshop) == ["one", "two", None]
    one = await send(workshop, method, "thing?id=eq.2&select=id", body, prefer, Accept=OBJECT)
    assert one.status == (200 if prefer == ROWS else 204)
    assert prefer != ROWS or one.json == {"id": 2}


async def test_a_change_without_a_value_is_no_one_object(workshop: Served) -> None:
    assert fault(await send(workshop, "PATCH", "thing?id=eq.1", {}, Accept=OBJECT)) == (406, "PGRST116")


# ── every row ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("method", "body", "verb"), [("PATCH", {"name": "x"}, "UPDATE"), ("DELETE", None, "DELETE")])
async def test_a_change_of_every_row_is_refused(workshop: Served, method: str, body: Any, verb: str) -> None:
    for address in ("thing", "thing?order=id&limit=1", "thing?select=id"):
        reply = await send(workshop, method, address, body)
        assert (fault(reply), reply.json["message"]) == ((400, "21000"), f"{verb} requires a WHERE clause")
    assert await names(workshop) == ["one", "two", None]


@pytest.fixture
async def unguarded(kind: DatabaseKind, databases: Databases) -> AsyncIterator[Served]:
    url = databases.database(kind, script(kind))
    settings = "postgrest: {allow_unfiltered_writes: true, db_tx_end: commit-allow-override}"
    async with served(url, settings, writable=True) as api:
        yield api


async def test_a_setting_lets_every_row_be_changed(unguarded: Served) -> None:
    assert (await send(unguarded, "PATCH", "thing", {"name": "x"})).status == 204
    assert await names(unguarded) == ["x"] * 3
    assert (await send(unguarded, "DELETE", "thing")).status == 204
    assert await names(unguarded) == []


# ── the end of the transaction ───────────────────────────────────────────────────────────────


async def test_a_write_can_be_tried(unguarded: Served) -> None:
    kept = await rows(unguarded, "thing?order=id")
    for method, address, body, status in (
        ("POST", "thing?select=code", {"code": "n"}, 201),
        ("PATCH", "thing?id=eq.1&select=code", {"code": "n"}, 200),
        ("PUT", "tag?name=eq.n&select=code:name", {"name": "n"}, 201),
    ):
        reply = await send(unguarded, method, address, body, f"{ROWS}, tx=rollback")
        assert (reply.status, reply.json) == (status, [{"code": "n"}])
        assert reply.headers["Preference-Applied"] == "return=representation, tx=rollback"
    assert (await send(unguarded, "DELETE", "thing", None, "tx=rollback")).status == 204
    assert await rows(unguarded, "thing?order=id") == kept
    assert await rows(unguarded, "tag") == [{"name": "red"}]
    stays = await send(unguarded, "DELETE", "thing?id=eq.1", None, "tx=commit")
    assert stays.headers["Preference-Applied"] == "tx=commit"
    assert len(await rows(unguarded, "thing")) == 2


async def test_how_a_transaction_ends_is_not_for_clients_to_say(workshop: Served) -> None:
    made = await send(workshop, "POST", "thing", {"code": "n"}, "tx=rollback")
    assert (made.status, "Preference-Applied" in made.headers) == (201, False)
    assert len(await rows(workshop, "thing")) == 4


async def test_every_transaction_may_be_taken_back(kind: DatabaseKind, databases: Databases) -> None:
    url = databases.database(kind, script(kind))
    async with served(url, "postgrest: {db_tx_end: rollback}", writable=True) as api:
        assert (await send(api, "POST", "thing", {"code": "n"}, "tx=commit")).status == 201
        assert len(await rows(api, "thing")) == 3
