"""Cursors over values that lose something on their way: floats, fractions of seconds, cases, spaces, bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from tests.bookshops import Databases
from tests.server.harness import Served, served

TYPES: Mapping[DatabaseKind, tuple[str, str, str, str]] = {
    DatabaseKind.POSTGRESQL: ("double precision", "real", "timestamptz", "bytea"),
    DatabaseKind.MARIADB: ("double", "float", "timestamp(6) NULL", "varbinary(20)"),
    DatabaseKind.SQLITE: ("REAL", "REAL", "DATETIME", "BLOB"),
}
FLOATS = (
    "0.1",
    "0.30000000000000004",
    "0.3",
    "1e-300",
    "12345678.9",
    "1.0000000000000002",
    "-0.5",
    "NULL",
    "123456789012345678",
)
SINGLES = ("0.1", "1.2345678", "1.23456789", "16777217", "3.4e38", "NULL", "-1e-30", "0.333333333", "0.33333334")
TEXTS = ("'a'", "'A'", "'a '", "'ä'", "'Z'", "''", "NULL", "'aa'", "'ß'")
STAMPS = (
    "'2024-01-01 10:00:00'",
    "'2024-01-01 10:00:00.000001'",
    "'2024-01-01 10:00:00.5'",
    "NULL",
    "'2024-01-01 10:00:00.499999'",
    "'2024-03-31 01:30:00'",
    "'2000-01-01 00:00:00'",
    "'2024-01-01 10:00:00'",
    "'2024-01-01 09:59:59.999999'",
)
DATA = ("00", "ff", "", "00ff", "NULL", "ff00", "7f", "80", "0000")


def script(kind: DatabaseKind) -> str:
    double, single, stamp, data = TYPES[kind]
    lines = [
        f"CREATE TABLE thing (id integer PRIMARY KEY, f {double}, s {single}, t varchar(20), m {stamp}, b {data});"
    ]
    for number, values in enumerate(zip(FLOATS, SINGLES, TEXTS, STAMPS, DATA, strict=True)):
        *plain, blob = values
        shown = "NULL" if blob == "NULL" else f"'\\x{blob}'" if kind is DatabaseKind.POSTGRESQL else f"x'{blob}'"
        lines.append(f"INSERT INTO thing VALUES ({number}, {', '.join(plain)}, {shown});")
    return "\n".join(lines)


@pytest.mark.parametrize("sort", ["f", "-f", "s", "-s", "t", "-t", "m", "-m.nullslast", "b", "-b", "t,-f", "s,m"])
async def test_every_row_comes_once_whatever_the_values(kind: DatabaseKind, things: str, sort: str) -> None:
    async with served(things) as api:
        whole = (await api.get(f"/api/thing?sort={sort}")).json["items"]
        paged: list[Any] = []
        following: str | None = f"/api/thing?sort={sort}&limit=1"
        while following is not None and len(paged) <= len(whole):
            reply = await api.get(following)
            assert reply.status == 200, reply.json
            paged += reply.json["items"]
            following = reply.json["page"]["next"]
        assert [row["id"] for row in paged] == [row["id"] for row in whole]


async def pages(api: Served, address: str | None, way: str) -> list[Any]:
    """The items of each page, from this address that way to its end."""
    found: list[Any] = []
    while address is not None and len(found) < 20:
        reply = await api.get(address)
        assert reply.status == 200, reply.json
        page = reply.json["page"]
        links = [f'<{page[name]}>; rel="{rel}"' for name, rel in (("next", "next"), ("previous", "prev")) if page[name]]
        assert reply.headers.get("Link", "") == ", ".join(links)
        found.append((address, reply.json["items"]))
        address = reply.json["page"][way]
    return found


@pytest.mark.parametrize(
    "sort", ["id", "-f", "s", "t", "-t.nullslast", "m.nullsfirst", "-m", "b", "t,-f", "-s,m.nullsfirst"]
)
@pytest.mark.parametrize("limit", [1, 2, 4])
async def test_going_back_gives_the_pages_one_came_by(kind: DatabaseKind, things: str, sort: str, limit: int) -> None:
    async with served(things) as api:
        forth = await pages(api, f"/api/thing?sort={sort}&limit={limit}", "next")
        back = await pages(api, forth[-1][0], "previous")
        assert [items for _, items in back] == [items for _, items in reversed(forth)]
        again = await pages(api, back[-1][0], "next")
        assert [items for _, items in again] == [items for _, items in forth]
        once_more = await pages(api, again[-1][0], "previous")
        assert [items for _, items in once_more] == [items for _, items in back]


async def test_so_do_rows_with_others_in_them_and_a_shorter_page(kind: DatabaseKind, databases: Databases) -> None:
    script = (
        "CREATE TABLE one (id integer PRIMARY KEY, name varchar(20));"
        "CREATE TABLE two (id integer PRIMARY KEY, one_id integer REFERENCES one (id), said varchar(40));"
        "INSERT INTO one VALUES (1, 'a'), (2, NULL), (3, 'c');"
        "INSERT INTO two VALUES (1, 1, '}, {\"x\": [1'), (2, 1, NULL), (3, 2, ''), (4, 3, ']'), (5, NULL, '[{');"
    )
    # MariaDB takes the inline form of a reference and forgets it.
    script = script.replace(
        "integer REFERENCES one (id), said varchar(40)",
        "integer, said varchar(40), FOREIGN KEY (one_id) REFERENCES one (id)",
    )
    async with served(databases.database(kind, script)) as api:
        forth = await pages(api, "/api/two?include=one.two&sort=one.name,-id&limit=2&count=exact", "next")
        back = await pages(api, forth[-1][0], "previous")
        assert [items for _, items in back] == [items for _, items in reversed(forth)]
        assert len(forth) == 3
        at_the_end = (await api.get(forth[-1][0])).json["page"]
        assert (at_the_end["total"], at_the_end["number"], at_the_end["next"]) == (5, None, None)
        (longer, *rest) = await pages(api, at_the_end["previous"].replace("limit=2", "limit=9"), "previous")
        assert (longer[1], rest) == (forth[0][1] + forth[1][1], [])
        nothing = (await api.get(at_the_end["previous"].replace("limit=2", "limit=0"))).json
        assert (nothing["items"], nothing["page"]["next"], nothing["page"]["previous"]) == ([], None, None)


@pytest.fixture(scope="session")
def made() -> dict[DatabaseKind, str]:
    return {}


@pytest.fixture
def things(kind: DatabaseKind, databases: Databases, made: dict[DatabaseKind, str]) -> str:
    if kind not in made:
        made[kind] = databases.lasting(databases.database(kind, script(kind)))
    return made[kind]
