"""Dates, times and booleans in PostgreSQL's spellings, and what is said of values that are none, on three databases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Final
from urllib.parse import quote

import pytest
import pytest_asyncio

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest.clocks import CLOCK, INSTANT
from tests.bookshops import KINDS, Databases
from tests.server.harness import Served, served

CONFIG: Final = """
auth: {anonymous_role: guest}
roles: {guest: {}}
tables:
  diary: {allow: {guest: {read: true, create: true, update: true}}, cache: {ttl: 60s}}
"""
ZONE: Final[Mapping[DatabaseKind, str]] = {
    DatabaseKind.POSTGRESQL: "+00",
    DatabaseKind.MARIADB: "",
    DatabaseKind.SQLITE: "+00:00",
}
ROWS: Final = {"Content-Type": "application/json", "Prefer": "return=representation"}


def script(kind: DatabaseKind) -> str:
    return f"""
        CREATE TABLE diary (id integer PRIMARY KEY, day date, hour time, local {CLOCK[kind]}, at {INSTANT[kind]},
            done boolean, small smallint);
        INSERT INTO diary (id, day, hour, local, at, done)
            VALUES (1, '2024-02-29', '10:00:00', '2024-02-29 10:00:00', '2024-02-29 10:00:00{ZONE[kind]}', true);
    """


@pytest_asyncio.fixture(params=KINDS, ids=lambda kind: kind.value)
async def diary(request: pytest.FixtureRequest, databases: Databases) -> AsyncIterator[Served]:
    kind: DatabaseKind = request.param
    async with served(databases.database(kind, script(kind)), CONFIG) as api:
        yield api


async def found(api: Served, condition: str) -> list[int]:
    reply = await api.request("GET", f"/rest/v1/diary?select=id&order=id&{quote(condition, safe='=')}")
    assert reply.status == 200, reply.json
    return [row["id"] for row in reply.json]


ALL_DATABASES: Final = (
    "day=eq.2024-02-29T23:59:00.000Z",
    "day=eq.20240229",
    "hour=eq.10:00:00+02",
    "local=eq.2024-02-29T10:00:00.000Z",
    "local=eq.2024-02-29T10:00:00+05:30",
    "local=eq.20240229 10:00",
    "at=eq.20240229T10:00Z",
    "at=eq. 2024-02-29T10:00 ",
    "done=eq.y",
    "done=eq.TR",
    "done=in.(on,yes)",
    "id=eq. 1 ",
    "id=in.( 1 ,7)",
)


async def test_filters_are_read_in_any_spelling(diary: Served) -> None:
    for condition in ALL_DATABASES:
        assert await found(diary, condition) == [1], condition
    for condition in ("done=eq.n", "done=eq.of", "local=lt.2024-02-29T10:00:00-10:00", "day=gt.20240229"):
        assert await found(diary, condition) == [], condition


async def test_rows_are_written_in_any_spelling(diary: Served) -> None:
    moment = "2025-03-01T22:30:00.000Z"  # as JavaScript writes every one
    given = {"id": 2, "day": moment, "hour": "22:30Z", "local": moment, "at": moment, "done": "yes"}
    made = await diary.request("POST", "/rest/v1/diary?select=id,day,hour,local,at,done", ROWS, json=given)
    assert made.status == 201, made.json
    assert made.json == [
        {
            "id": 2,
            "day": "2025-03-01",
            "hour": "22:30:00",
            "local": "2025-03-01T22:30:00",
            "at": "2025-03-01T22:30:00+00:00",
            "done": True,
        }
    ]
    changed = await diary.request("PATCH", "/rest/v1/diary?id=eq.2&select=day", ROWS, json={"day": "20250302"})
    assert changed.json == [{"day": "2025-03-02"}]


WRONG: Final = (
    ("id=eq.x", "22P02", 'invalid input syntax for type {integer}: "x"'),
    ("id=in.(1,1.5)", "22P02", 'invalid input syntax for type {integer}: "1.5"'),
    ("small=eq.99999999", "22003", 'value "99999999" is out of range for type {smallint}'),
    ("done=eq.o", "22P02", 'invalid input syntax for type boolean: "o"'),
    ("day=eq.soon", "22007", 'invalid input syntax for type date: "soon"'),
    ("day=eq.2023-02-29", "22008", 'date/time field value out of range: "2023-02-29"'),
    ("local=eq.2023-02-29T25:00:00Z", "22008", 'date/time field value out of range: "2023-02-29T25:00:00"'),
    ("at=gt.then", "22007", 'invalid input syntax for type timestamp with time zone: "then"'),
)
HELD_IN_EIGHT_BYTES: Final = {"integer": "bigint", "smallint": "bigint"}
"""SQLite's whole numbers are all of one width."""


async def test_what_is_no_value_is_told_in_postgresqls_words(diary: Served, request: pytest.FixtureRequest) -> None:
    sqlite = request.node.callspec.params["diary"] is DatabaseKind.SQLITE
    names = HELD_IN_EIGHT_BYTES if sqlite else {each: each for each in HELD_IN_EIGHT_BYTES}
    for condition, code, message in WRONG:
        if sqlite and code == "22003":
            continue
        reply = await diary.request("GET", f"/rest/v1/diary?{quote(condition, safe='=')}")
        told = {"code": code, "details": None, "hint": None, "message": message.format(**names)}
        assert (reply.status, reply.json) == (400, told), condition
    bad = await diary.request("POST", "/rest/v1/diary", ROWS, json={"id": 9, "day": "2023-02-29"})
    assert (bad.status, bad.json["code"]) == (400, "22008")
    assert await found(diary, "id=eq.9") == []


async def test_moments_by_words_are_postgresqls_alone(diary: Served, request: pytest.FixtureRequest) -> None:
    kind = request.node.callspec.params["diary"]
    words = ("day=lt.today", "at=lt.now", "local=lt.yesterday 10:00", "day=eq.Feb 29, 2024", "at=gt.epoch")
    for condition in words:
        if kind is DatabaseKind.POSTGRESQL:
            assert await found(diary, condition) == [1], condition
            continue
        reply = await diary.request("GET", f"/rest/v1/diary?{quote(condition, safe='=')}")
        assert (reply.status, reply.json["code"]) == (400, "22007"), condition
    if kind is DatabaseKind.POSTGRESQL:
        bad = await diary.request("GET", "/rest/v1/diary?day=eq.Feb%2030,%202024")
        assert (bad.status, bad.json["code"]) == (400, "22008")


@pytest.mark.parametrize("diary", [DatabaseKind.POSTGRESQL], indirect=True)
async def test_an_answer_of_now_is_not_kept(diary: Served) -> None:
    """What was after it a moment ago is before it, though nothing was written."""
    address = "/rest/v1/diary?select=id&at=lt.now"
    answers = [await diary.request("GET", address) for _ in range(3)]
    assert all(reply.headers.get("Age") is None for reply in answers)
    kept = [await diary.request("GET", "/rest/v1/diary?select=id&at=gt.2024-01-01") for _ in range(2)]
    assert kept[1].headers.get("ETag") is not None
    assert all(reply.headers.get("ETag") is None for reply in answers)
