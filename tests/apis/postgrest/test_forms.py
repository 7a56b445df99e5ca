"""Bytes and intervals as PostgreSQL writes and reads them, whatever the database; other APIs keep forms of their own."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from reflector.catalog.model import DatabaseKind
from reflector.datatypes import DataType, Kind
from reflector.errors import InvalidValue
from server.apis.postgrest.lowering.zoned import read_bytes
from tests.bookshops import Databases
from tests.server.harness import Reply, Served, served
from tests.servers import PostgreSQLServer

BYTES: Final = DataType(Kind.BYTES, "bytea")
SCRIPT: Final = """
CREATE TABLE piece (id {type}({size}) NOT NULL PRIMARY KEY, raw {type}({size}), note varchar(20));
INSERT INTO piece VALUES ({one}, {two}, 'x'), ({three}, NULL, NULL);
"""
LOGGED: Final = "CREATE FUNCTION same(raw bytea) RETURNS bytea LANGUAGE sql STABLE AS 'SELECT raw';"


def script(kind: DatabaseKind) -> str:
    own = kind is DatabaseKind.POSTGRESQL
    said = SCRIPT.replace("({size})", "") if own else SCRIPT.replace("{size}", "9")
    values = {"one": "00ff", "two": "616200", "three": "61"}
    shown = {name: f"'\\x{text}'" if own else f"x'{text}'" for name, text in values.items()}
    types = {DatabaseKind.POSTGRESQL: "bytea", DatabaseKind.MARIADB: "varbinary", DatabaseKind.SQLITE: "blob"}
    return said.format(type=types[kind], **shown) + (LOGGED if own else "")


@pytest.fixture
async def api(kind: DatabaseKind, databases: Databases) -> AsyncIterator[Served]:
    async with served(databases.database(kind, script(kind)), writable=True) as found:
        yield found


async def rest(api: Served, method: str, address: str, body: Any = None, **headers: str) -> Reply:
    return await api.request(method, f"/rest/v1/{address}", headers, json=body)


async def test_bytes_are_written_and_read_as_postgresql_does(api: Served) -> None:
    shown = await rest(api, "GET", "piece?select=id,raw&order=id")
    assert shown.json == [{"id": "\\x00ff", "raw": "\\x616200"}, {"id": "\\x61", "raw": None}]
    for condition in ("id=eq.\\x00ff", 'id=in.("\\\\x00ff")', "raw=eq.ab\\000", "id=eq.\\000\\377"):
        assert [row["id"] for row in (await rest(api, "GET", f"piece?{condition}")).json] == ["\\x00ff"], condition
    assert [row["raw"] for row in (await rest(api, "GET", "piece?id=eq.a")).json] == [None]
    for bad in ("id=eq.\\x0", "id=eq.\\xzz", "id=eq.a\\b"):
        refused = await rest(api, "GET", f"piece?{bad}")
        assert (refused.status, refused.code) == (400, "22P02"), bad
    made = await rest(api, "POST", "piece", {"id": "\\x01", "raw": "plain"}, Prefer="return=representation")
    assert (made.status, made.json) == (201, [{"id": "\\x01", "raw": "\\x706c61696e", "note": None}])
    located = await rest(api, "POST", "piece", {"id": "\\xfe02"}, Prefer="return=headers-only")
    assert located.headers["Location"].endswith("/piece?id=eq.%5Cxfe02")
    again = await rest(api, "GET", located.headers["Location"].removeprefix("/"))
    assert [row["id"] for row in again.json] == ["\\xfe02"]
    text = await rest(api, "GET", "piece?select=raw&id=eq.\\x00ff", Accept="text/csv")
    assert text.body == b'raw\n"\\\\x616200"'
    assert (await api.get("/api/piece?fields=raw&note=x")).json["items"] == [{"raw": "YWIA"}]


async def test_so_are_those_of_functions(databases: Databases) -> None:
    url = databases.database(DatabaseKind.POSTGRESQL, script(DatabaseKind.POSTGRESQL))
    config = (
        "auth: {anonymous_role: guest}\nroles: {guest: {}}\ndefaults: {read: true}\nfunctions: {same: {allow: [guest]}}"
    )
    async with served(url, config) as api:
        assert (await rest(api, "POST", "rpc/same", {"raw": "\\x00ff"})).json == "\\x00ff"
        assert (await rest(api, "GET", "rpc/same?raw=ab")).json == "\\x6162"


@pytest.mark.parametrize(
    ("text", "wanted"), [("", b""), ("\\x", b""), ("\\xAb", b"\xab"), ("a\\\\b", b"a\\b"), ("\\001é", b"\x01\xc3\xa9")]
)
def test_bytes_of_a_text(text: str, wanted: bytes) -> None:
    assert read_bytes(BYTES, text) == wanted


@pytest.mark.parametrize("text", ["\\", "a\\", "\\x1", "\\xgg", "\\9", "\\400", "\\12"])
def test_what_are_no_bytes(text: str) -> None:
    with pytest.raises(InvalidValue):
        read_bytes(BYTES, text)


async def test_intervals_are_in_postgresqls_words(databases: Databases, postgresql_server: PostgreSQLServer) -> None:
    chosen = random.Random(7)
    parts = {
        "months": (0, 1, -1, 25, -14),
        "days": (0, 1, -1, 40),
        "hours": (0, 1, -100, 30),
        "seconds": (0, 1, -59.5, 0.125),
    }
    spans = [" ".join(f"{chosen.choice(each)} {name}" for name, each in parts.items()) for _ in range(60)]
    rows = ", ".join(f"({number}, '{span}')" for number, span in enumerate(spans))
    url = databases.database(
        DatabaseKind.POSTGRESQL,
        f"CREATE TABLE span (id int PRIMARY KEY, gap interval); INSERT INTO span VALUES {rows}, (99, NULL)",
    )
    wanted = postgresql_server.run(
        url.rpartition("/")[2], "SET IntervalStyle = postgres; SELECT gap::text FROM span ORDER BY id"
    )
    async with served(url) as api:
        shown = (await rest(api, "GET", "span?select=gap&order=id")).json
        assert [[each["gap"]] for each in shown] == wanted
        assert [row["id"] for row in (await rest(api, "GET", "span?gap=is.null&select=id")).json] == [99]
        assert (
            await rest(api, "GET", f"span?select=id&gap=eq.{wanted[0][0].replace(' ', '%20').replace('+', '%2B')}")
        ).json[0] == {"id": 0}
        assert (await api.get("/api/span/99")).json["gap"] is None
