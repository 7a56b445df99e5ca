"""`Prefer: count=exact` of rows in groups: the rows that the groups are made of, as PostgREST counts."""

from __future__ import annotations

import pytest

from tests.server.harness import Served


@pytest.mark.parametrize(
    ("address", "status", "ranged", "rows"),
    [
        ("thing?select=drawer_id,count()&order=drawer_id", 206, "0-2/4", 3),
        ("thing?select=drawer_id,count()&order=drawer_id&limit=1", 206, "0-0/4", 1),
        ("thing?select=drawer_id,count()&drawer_id=eq.1", 206, "0-0/2", 1),
        ("thing?select=id,count()", 200, "0-3/4", 4),
        ("thing?select=count()", 206, "0-0/4", 1),
        ("thing?select=count()&id=gt.99", 200, "0-0/0", 1),
        ("thing?select=drawer_id,size.sum()&id=gt.99", 200, "*/0", 0),
        ("thing?select=drawer(label),count()", 206, "0-2/4", 3),
        ("thing?select=...drawer(label),size.max()", 206, "0-2/4", 3),
        ("thing?select=drawer_id,count()&offset=3", 206, "*/4", 0),
        ("thing?select=drawer_id,drawer!inner(label),count()", 206, "0-1/3", 2),
        ("drawer?select=label,thing(count())", 200, "0-2/3", 3),
    ],
)
async def test_groups_are_counted_by_their_rows(
    things: Served, address: str, status: int, ranged: str, rows: int
) -> None:
    for method in ("GET", "HEAD"):
        reply = await things.request(method, f"/rest/v1/{address}", {"Prefer": "count=exact"})
        assert (reply.status, reply.headers["Content-Range"]) == (status, ranged), reply.body
        assert method == "HEAD" or len(reply.json) == rows


async def test_an_offset_beyond_all_rows_is_none_and_beyond_all_groups_is_empty(things: Served) -> None:
    beyond = await things.get("/rest/v1/thing?select=drawer_id,count()&offset=5", {"Prefer": "count=exact"})
    assert (beyond.status, beyond.code, beyond.headers["Content-Range"]) == (416, "PGRST103", "*/4")
