"""Upserts and `PUT` at `/rest/v1` on three databases."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest import workshop as workshops
from tests.apis.postgrest.workshop import fault, rows, send
from tests.bookshops import Databases
from tests.server.harness import Served, served

ROWS = "return=representation"
MERGE = f"{ROWS}, resolution=merge-duplicates"
IGNORE = f"{ROWS}, resolution=ignore-duplicates"


async def test_duplicates_are_merged(workshop: Served) -> None:
    given = [{"a": 1, "b": "x", "note": "changed"}, {"a": 2, "b": "y", "note": "new"}]
    mixed = await send(workshop, "POST", "line", given, f"{MERGE}, count=exact")
    assert (mixed.status, mixed.json, mixed.headers["Content-Range"]) == (201, given, "*/2")
    told = "resolution=merge-duplicates, return=representation, count=exact"
    assert mixed.headers["Preference-Applied"] == told
    again = await send(workshop, "POST", "line", [{**each, "note": "again"} for each in given], MERGE)
    assert (again.status, [each["note"] for each in again.json]) == (200, ["again", "again"])
    assert (await send(workshop, "POST", "line", given, "resolution=merge-duplicates")).status == 200
    assert await rows(workshop, "line?order=a") == given


async def test_only_what_is_given_is_merged(workshop: Served) -> None:
    made = await send(workshop, "POST", "thing?select=code,name,amount", {"id": 1, "code": "a", "amount": 9}, MERGE)
    assert (made.status, made.json) == (200, [{"code": "a", "name": "one", "amount": 9}])


async def test_duplicates_are_ignored(workshop: Served) -> None:
    given = [{"a": 1, "b": "x", "note": "changed"}, {"a": 2, "b": "y", "note": "new"}]
    mixed = await send(workshop, "POST", "line", given, IGNORE)
    assert (mixed.status, mixed.json) == (201, given[1:])
    assert mixed.headers["Preference-Applied"] == "resolution=ignore-duplicates, return=representation"
    again = await send(workshop, "POST", "line", given, IGNORE)
    assert (again.status, again.json) == (201, [])
    assert (await rows(workshop, "line?a=eq.1"))[0]["note"] == "first"


@pytest.mark.parametrize(("prefer", "shown"), [(MERGE, ["red", "blue"]), (IGNORE, ["blue"])])
async def test_a_table_may_be_its_key_alone(workshop: Served, prefer: str, shown: list[str]) -> None:
    made = await send(workshop, "POST", "tag", [{"name": "red"}, {"name": "blue"}], prefer)
    assert (made.status, [each["name"] for each in made.json]) == (201, shown)
    assert len(await rows(workshop, "tag")) == 2


async def test_another_key_can_be_named(workshop: Served) -> None:
    given = [{"code": "a", "amount": 50}, {"code": "n", "amount": 51}]
    made = await send(workshop, "POST", "thing?on_conflict=code&select=code,amount,name", given, MERGE)
    assert (made.status, made.json) == (201, [{**given[0], "name": "one"}, {**given[1], "name": None}])
    plain = await send(workshop, "POST", "thing?on_conflict=code", {"code": "a"})
    assert fault(plain) == (409, "23505")
    primary = await send(workshop, "POST", "thing", {"code": "a", "id": 77}, MERGE)
    assert fault(primary) == (409, "23505")


@pytest.mark.parametrize(("names", "code"), [("name", "42P10"), ("nope", "42703"), ("code,name", "42P10")])
async def test_what_conflicts_must_be_a_key(workshop: Served, names: str, code: str) -> None:
    reply = await send(workshop, "POST", f"thing?on_conflict={names}", {"code": "n"}, MERGE)
    assert fault(reply) == (400, code)
    assert len(await rows(workshop, "thing")) == 3


async def test_without_a_key_nothing_is_resolved_and_nothing_told(workshop: Served) -> None:
    for _ in range(2):
        made = await send(workshop, "POST", "plain", {"x": 1}, MERGE)
        assert (made.status, made.headers["Preference-Applied"]) == (201, ROWS)
    assert len(await rows(workshop, "plain")) == 2


async def test_columns_left_out_of_an_upsert(workshop: Served) -> None:
    given = [{"a": 1, "b": "x"}, {"a": 3, "b": "z", "note": "given"}]
    made = await send(workshop, "POST", "line?columns=a,b,note", given, f"{MERGE}, missing=default")
    assert [each["note"] for each in made.json][1] == "given"
    nulls = await send(workshop, "POST", "line?columns=a,b,note", given, MERGE)
    assert [each["note"] for each in nulls.json] == [None, "given"]


# ── PUT ──────────────────────────────────────────────────────────────────────────────────────


async def test_put_makes_or_changes_the_row_at_its_key(workshop: Served) -> None:
    made = await send(workshop, "PUT", "line?a=eq.4&b=eq.w", {"a": 4, "b": "w", "note": "one"}, ROWS)
    assert (made.status, made.json) == (201, [{"a": 4, "b": "w", "note": "one"}])
    changed = await send(workshop, "PUT", "line?b=eq.w&a=eq.4", {"a": "4", "b": "w", "note": "two"}, ROWS)
    assert (changed.status, changed.json) == (200, [{"a": 4, "b": "w", "note": "two"}])
    silent = await send(workshop, "PUT", "line?a=eq.4&b=eq.w", [{"a": 4, "b": "w", "note": "three"}])
    assert (silent.status, silent.body) == (204, b"")
    new = await send(workshop, "PUT", "line?a=eq.5&b=eq.w", {"a": 5, "b": "w", "note": "four"})
    assert new.status == 204
    first = [{"a": 4, "b": "w", "note": "five"}, {"a": 9, "b": "q", "note": "never"}]
    one = await send(workshop, "PUT", "line?a=eq.4&b=eq.w", first, ROWS, Accept="application/vnd.pgrst.object+json")
    assert (one.status, one.json) == (200, first[0])
    assert [each["note"] for each in await rows(workshop, "line?order=a")] == ["first", "five", "four"]


async def test_put_takes_the_place_of_a_row(workshop: Served) -> None:
    whole = await send(workshop, "PUT", "thing?id=eq.1", {"id": 1, "code": "new"}, ROWS)
    left = {"id": 1, "code": "new", "name": None, "amount": 7, "owner_id": None, "facts": None, "doubled": 14}
    assert (whole.status, whole.json) == (200, [left])
    bare = await send(workshop, "PUT", "line?a=eq.1&b=eq.x", {"a": 1, "b": "x"}, ROWS)
    assert (bare.status, bare.json) == (200, [{"a": 1, "b": "x", "note": "none"}])
    assert fault(await send(workshop, "PUT", "thing?id=eq.2", {"id": 2})) == (400, "23502")
    assert (await rows(workshop, "thing?id=eq.2"))[0]["code"] == "b"
    assert (await send(workshop, "PUT", "tag?name=eq.red", {"name": "red"}, ROWS)).json == [{"name": "red"}]


LIMITED = """
auth: {anonymous_role: guest}
roles: {guest: {}}
tables:
  thing:
    allow:
      guest:
        read: true
        create: {check: "amount < 100", columns: [id, code, name, amount], presets: {owner_id: 1}}
        update: {filter: id != 3, check: true, columns: [code, name, owner_id]}
  line: {allow: {guest: {read: true, create: {check: true, columns: [a, b, note]}}}}
  tag: {allow: {guest: {read: true, update: true}}}
"""


async def test_put_leaves_what_its_caller_may_not_write(kind: DatabaseKind, databases: Databases) -> None:
    async with served(databases.database(kind, workshops.script(kind)), LIMITED) as api:
        new = await send(api, "PUT", "thing?id=eq.8", {"id": 8, "code": "h"}, ROWS)
        assert (new.status, new.json[0]["owner_id"], new.json[0]["amount"]) == (201, 1, 7)
        # The amount may be made and not changed; whose a thing is, new things are told.
        put = await send(api, "PUT", "thing?id=eq.2", {"id": 2, "code": "z"}, ROWS)
        assert (put.status, put.json) == (
            200,
            [{"id": 2, "code": "z", "name": None, "amount": 2, "owner_id": 1, "facts": None, "doubled": 4}],
        )
        unheard = await send(api, "PUT", "thing?id=eq.2", {"id": 2, "code": "z", "amount": 5})
        assert fault(unheard) == (400, "PGRST204")
        assert fault(await send(api, "PUT", "thing?id=eq.3", {"id": 3, "code": "y"})) == (401, "42501")
        assert fault(await send(api, "PUT", "line?a=eq.1&b=eq.x", {"a": 1, "b": "x"})) == (401, "42501")
        assert fault(await send(api, "PUT", "tag?name=eq.new", {"name": "new"})) == (401, "42501")
        assert [each["code"] for each in await rows(api, "thing?order=id")] == ["a", "z", "c", "h"]
        assert await rows(api, "line") == [{"a": 1, "b": "x", "note": "first"}]


@pytest.mark.parametrize(
    ("address", "body", "status", "code"),
    [
        ("line", {"a": 1, "b": "x"}, 405, "PGRST105"),
        ("line?a=eq.1", {"a": 1, "b": "x"}, 405, "PGRST105"),
        ("line?a=eq.1&b=eq.x&note=eq.first", {"a": 1, "b": "x"}, 405, "PGRST105"),
        ("line?a=eq.1&b=neq.x", {"a": 1, "b": "x"}, 405, "PGRST105"),
        ("line?a=eq.1&b=not.eq.x", {"a": 1, "b": "x"}, 405, "PGRST105"),
        ("line?a=eq.1&b=in.(x)", {"a": 1, "b": "x"}, 405, "PGRST105"),
        ("line?and=(a.eq.1,b.eq.x)", {"a": 1, "b": "x"}, 405, "PGRST105"),
        ("plain?x=eq.1", {"x": 1}, 405, "PGRST105"),
        ("line?a=eq.1&b=eq.x&limit=1", {"a": 1, "b": "x"}, 400, "PGRST114"),
        ("line?a=eq.1&b=eq.x&offset=1", {"a": 1, "b": "x"}, 400, "PGRST114"),
        ("line?a=eq.1&b=eq.x", {"a": 2, "b": "x"}, 400, "PGRST115"),
        ("line?a=eq.1&b=eq.x", {"a": 1}, 400, "PGRST115"),
        ("line?a=eq.1&b=eq.x", [], 400, "PGRST115"),
        ("line?a=eq.1&b=eq.x", {"a": 1, "b": "x", "nope": 1}, 400, "PGRST204"),
        ("line?a=eq.y&b=eq.x", {"a": 1, "b": "x"}, 400, "22P02"),
    ],
)
async def test_put_is_about_one_key(workshop: Served, address: str, body: Any, status: int, code: str) -> None:
    before = await rows(workshop, "line")
    assert fault(await send(workshop, "PUT", address, body)) == (status, code)
    assert await rows(workshop, "line") == before


async def test_documents_are_told_apart_by_the_database(workshop: Served, kind: DatabaseKind) -> None:
    """A filter that holds a document cannot be compared with another before it is asked."""
    assert (await send(workshop, "PATCH", "thing?id=eq.1", {"facts": {"a": [1]}})).status == 204
    for query in (
        'facts=in.("{\\"a\\":[1]}","{\\"a\\":[1]}")',
        'or=(facts.eq."{\\"a\\":[1]}",facts.eq."{\\"b\\":2}")',
        'and=(facts.eq."{\\"a\\":[1]}",facts.eq."{\\"a\\":[1]}")',
        'facts=eq(any).{"{\\"a\\":[1]}"}',
        'facts=isdistinct.{"b":2}&id=eq.1',
    ):
        reply = await send(workshop, "GET", f"thing?select=id&{quote(query, safe='=&.(),')}")
        if kind is DatabaseKind.POSTGRESQL:
            assert (reply.status, reply.json) == (200, [{"id": 1}]), query
        else:
            assert fault(reply) == (400, "PGRST127"), query
