"""PostgREST's Python client, as it is published, against the real server on three databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from postgrest import APIError, AsyncPostgrestClient, CountMethod, ReturnMethod

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest.routines import WORKSHOP, opened
from tests.apis.postgrest.workshop import script
from tests.bookshops import Databases
from tests.server.harness import Served, served


@pytest.fixture
async def client(workshop: Served) -> AsyncIterator[AsyncPostgrestClient]:
    async with AsyncPostgrestClient(f"{workshop.base}/rest/v1") as found:
        yield found


async def ids(query: Any) -> list[int]:
    return [each["id"] for each in (await query.execute()).data]


async def refused(query: Any) -> str | None:
    with pytest.raises(APIError) as caught:
        await query.execute()
    return caught.value.code


async def test_it_reads(client: Any) -> None:
    def things() -> Any:
        return client.from_("thing").select("id").order("id")

    assert await ids(things()) == [1, 2, 3]
    assert await ids(things().neq("code", "a")) == [2, 3]
    assert await ids(things().in_("code", ["a", "c", "x,y"])) == [1, 3]
    assert await ids(things().gte("amount", 2).lt("amount", 3)) == [2]
    assert await ids(things().ilike("name", "T%")) == [2]
    assert await ids(things().is_("name", "null")) == [3]
    assert await ids(things().not_.is_("name", "null")) == [1, 2]
    assert await ids(things().or_("id.eq.1,and(id.gt.1,amount.eq.3)")) == [1, 3]
    assert await ids(client.from_("thing").select("id").order("name", nullsfirst=True, desc=True).order("id")) == [
        3,
        2,
        1,
    ]
    assert await ids(things().limit(1).offset(1)) == [2]
    assert await ids(things().range(1, 2)) == [2, 3]
    inner = client.from_("thing").select("id,owner!inner(name)").eq("owner.name", "Ada").order("id")
    assert (await inner.execute()).data == [{"id": 1, "owner": {"name": "Ada"}}, {"id": 2, "owner": {"name": "Ada"}}]
    counted = await client.from_("thing").select("id", count=CountMethod.exact).limit(2).execute()
    assert (len(counted.data), counted.count) == (2, 3)
    assert (await client.from_("thing").select("*", count=CountMethod.exact, head=True).execute()).count == 3
    assert (await things().eq("id", 1).single().execute()).data == {"id": 1}
    assert await things().eq("id", 99).maybe_single().execute() is None
    csv = await client.from_("thing").select("id", "code").lt("id", 3).order("id").csv().execute()
    assert csv.data == "id,code\n1,a\n2,b"


async def test_its_other_methods(client: Any, kind: DatabaseKind) -> None:
    def things() -> Any:
        return client.from_("thing").select("id").order("id")

    assert await ids(things().like_all_of("name", "%o%,t%")) == [2]
    assert await ids(things().ilike_any_of("name", "T%,O%")) == [1, 2]
    assert await ids(things().match({"code": "b", "name": "two"})) == [2]
    assert await ids(things().filter("id", "in", "(1,2)")) == [1, 2]
    owner = client.from_("owner").select("id,thing(id)").eq("id", 1)
    related = owner.order("id", desc=True, foreign_table="thing").limit(1, foreign_table="thing")
    assert (await related.execute()).data == [{"id": 1, "thing": [{"id": 2}]}]
    told = await client.from_("thing").select("id", count=CountMethod.planned, head=True).execute()
    assert told.count == 3
    for query in (
        things().text_search("name", "x"),
        things().overlaps("name", ["x"]),
        things().range_gt("name", ["1", "2"]),
    ):
        if kind is not DatabaseKind.POSTGRESQL:
            assert await refused(query) == "PGRST127"
    assert await refused(things().explain()) == "PGRST107"


async def test_it_writes(client: Any) -> None:
    things = client.from_("thing")
    made = await things.insert([{"code": "d"}, {"code": "e"}], count=CountMethod.exact).execute()
    assert ([each["code"] for each in made.data], made.count) == (["d", "e"], 2)
    silent = await things.insert({"code": "f"}, returning=ReturnMethod.minimal).execute()
    assert silent.data == []
    changed = await things.update({"name": "new"}).in_("code", ["d", "e"]).execute()
    assert [each["name"] for each in changed.data] == ["new", "new"]
    line = {"a": 1, "b": "x", "note": "merged"}
    assert (await client.from_("line").upsert(line).execute()).data == [line]
    assert (await client.from_("line").upsert({**line, "note": "no"}, ignore_duplicates=True).execute()).data == []
    merged = await things.upsert({"code": "d", "name": "by code"}, on_conflict="code").execute()
    assert [each["name"] for each in merged.data] == ["by code"]
    uneven = client.from_("plain").insert([{"x": 1}, {"y": "b"}], default_to_null=False)
    assert (await uneven.execute()).data == [{"x": 1, "y": "none"}, {"x": None, "y": "b"}]
    gone = await things.delete(count=CountMethod.exact).gt("id", 3).execute()
    assert (len(gone.data), gone.count) == (3, 3)


async def test_it_is_told_what_is_wrong(client: Any) -> None:
    things = client.from_("thing")
    assert await refused(things.select("nope")) == "42703"
    assert await refused(client.from_("nope").select("*")) == "PGRST205"
    assert await refused(things.select("id").single()) == "PGRST116"
    assert await refused(things.insert({"code": "a"})) == "23505"
    assert await refused(things.insert({"code": "n", "owner_id": 99})) == "23503"
    assert await refused(things.insert({"code": "n", "nope": 1})) == "PGRST204"
    assert await refused(things.delete()) == "21000"
    assert await refused(things.delete().gt("id", 0).max_affected(1)) == "PGRST124"
    assert await ids(things.select("id").order("id")) == [1, 2, 3]


@pytest.mark.parametrize("kind", WORKSHOP, ids=str)
async def test_it_calls_functions(kind: DatabaseKind, databases: Databases) -> None:
    url = databases.database(kind, script(kind) + WORKSHOP[kind])
    async with served(url, opened(kind)) as api, AsyncPostgrestClient(f"{api.base}/rest/v1") as client:
        called: Any = client.rpc
        for more in ({}, {"get": True}):
            assert (await called("add_up", {"a": 2, "b": 3}, **more).execute()).data == 5
        assert await refused(called("add_up", {"c": 1})) == "PGRST202"
        assert await refused(called("refuse", {})) == "PT402"
        assert (await called("mark", {"word": "blue"}).execute()).data == []
        assert (await client.from_("tag").select("name").eq("name", "blue").execute()).data == [{"name": "blue"}]
        if kind is DatabaseKind.MARIADB:
            assert (await called("halve", {"whole": 7}).execute()).data == {"half": 3, "rest": 1}
            rows = await called("things_above", {"lowest": 1}, count=CountMethod.exact).execute()
            assert (rows.data, rows.count) == ([{"id": 2, "code": "b"}, {"id": 3, "code": "c"}], 2)
            return
        counted = called("things_above", {"lowest": 0}, count=CountMethod.exact, get=True)
        rows = await counted.select("id").order("id").limit(1).execute()
        assert (rows.data, rows.count) == ([{"id": 1}], 3)
        assert (await called("things_above", {"lowest": 0}, count=CountMethod.exact, head=True).execute()).count == 3
        assert (await called("things_above", {"lowest": 2}).select("id").single().execute()).data == {"id": 3}
        assert (await called("things_above", {"lowest": 1}).select("id").gt("id", 2).csv().execute()).data == "id\n3"
