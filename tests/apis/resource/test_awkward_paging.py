"""Cursors over values that lose something on their way: floats, fractions of seconds, cases, spaces, bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from tests.bookshops import Databases
from tests.server.harness import served

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


@pytest.fixture(scope="session")
def made() -> dict[DatabaseKind, str]:
    return {}


@pytest.fixture
def things(kind: DatabaseKind, databases: Databases, made: dict[DatabaseKind, str]) -> str:
    if kind not in made:
        made[kind] = databases.database(kind, script(kind))
    return made[kind]
