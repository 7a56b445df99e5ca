"""Rows that the server reads for itself to know who calls: one row, by one column, of the table as it is now."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from reflector.access.permissions import Permissions
from reflector.catalog.model import Catalog, DatabaseKind
from reflector.catalog.roles import DatabaseRoles
from reflector.engine import Engine
from reflector.errors import InternalError, SchemaChanged
from server.auth.own_table import OwnTable
from tests.bookshops import Databases, serving

COLUMNS = {"name": "email", "role": None, "expires": None, "disabled": None, "claims": "nosuch"}
SCRIPT = """
    CREATE TABLE person (id integer PRIMARY KEY, email text COLLATE NOCASE, role text, expires_at text, secret text, raw blob);
    INSERT INTO person VALUES (1, 'ann', 'user', '2030-01-01', 'x', x'616e6e'), (2, 'bob', NULL, NULL, 'y', x'626f62'),
        (3, 'eve', 'user', NULL, 'z', NULL), (4, 'EVE', 'user', NULL, 'z', NULL);
    CREATE TABLE empty (email text PRIMARY KEY);
"""


def closed(catalog: Catalog) -> Permissions:
    """Permissions under which nobody may do anything."""
    return Permissions(catalog, {}, {}, {}, {})


@pytest.fixture
def url(databases: Databases) -> str:
    return databases.database(DatabaseKind.SQLITE, SCRIPT)


@pytest.fixture
async def engine(url: str) -> AsyncIterator[Engine]:
    async with serving(url, bind=closed) as made:
        yield made


async def test_a_row_is_found_by_one_column_whatever_anybody_may_read(engine: Engine) -> None:
    table = OwnTable(engine, "person", "name", COLUMNS)
    assert await table.find("ann") == {"name": "ann", "role": "user", "expires": "2030-01-01"}
    assert await table.find("bob") == {"name": "bob", "role": None, "expires": None}
    for nobody in ("", "dan", "ann' OR '1'='1", "*", "%"):
        assert await table.find(nobody) is None


BYTES = {
    DatabaseKind.POSTGRESQL: ("bytea", "'\\x616e6e'"),
    DatabaseKind.MARIADB: ("varbinary(40)", "x'616e6e'"),
    DatabaseKind.SQLITE: ("blob", "x'616e6e'"),
}


async def test_every_database_finds_the_one_row_of_a_text_or_of_bytes(databases: Databases, kind: DatabaseKind) -> None:
    form, raw = BYTES[kind]
    script = f"""
        CREATE TABLE person (id integer PRIMARY KEY, email varchar(40), role varchar(40), raw {form});
        INSERT INTO person VALUES (1, 'ann', 'user', {raw}), (2, 'bob', NULL, NULL), (3, 'eve', 'user', NULL), (4, 'eve', 'user', NULL);
    """
    async with serving(databases.database(kind, script), bind=closed) as engine:
        table = OwnTable(engine, "person", "name", COLUMNS)
        assert await table.find("ann") == {"name": "ann", "role": "user"}
        assert await table.find("bob") == {"name": "bob", "role": None}
        for nobody in ("", "dan", "ann' OR '1'='1", "*", "%", "eve"):
            assert await table.find(nobody) is None
        assert (await table.any() or {}).get("name") in {"ann", "bob", "eve"}
        held = OwnTable(engine, "person", "raw", {"raw": None, "name": "email"})
        assert (held.found_by_bytes, table.found_by_bytes) == (True, False)
        for given in (b"ann", "ann"):
            assert (await held.find(given) or {}).get("name") == "ann"
        for nobodys in (b"\xff", b"", b"\\x616e6e"):
            assert await held.find(nobodys) is None


async def test_of_two_rows_none_is_the_one_that_was_meant(engine: Engine) -> None:
    table = OwnTable(engine, "person", "name", COLUMNS)
    assert await table.find("eve") is None
    assert (await table.find("ANN") or {}).get("name") == "ann"  # as the column compares: whoever asks looks once more


async def test_bytes_are_found_by_bytes_and_by_the_bytes_of_a_text(engine: Engine) -> None:
    table = OwnTable(engine, "person", "raw", {"raw": None, "name": "email"})
    assert table.found_by_bytes
    for given in (b"ann", "ann"):
        assert (await table.find(given) or {}).get("name") == "ann"
    assert await table.find(b"\xff") is None
    assert not OwnTable(engine, "person", "name", COLUMNS).found_by_bytes


async def test_some_row_is_one_of_them_or_none(engine: Engine) -> None:
    some = await OwnTable(engine, "person", "name", COLUMNS).any()
    assert (some or {}).get("name") in {"ann", "bob", "eve", "EVE"}
    assert await OwnTable(engine, "empty", "name", COLUMNS).any() is None


async def test_the_table_is_the_one_that_is_served_now(url: str, engine: Engine) -> None:
    table = OwnTable(engine, "person", "name", COLUMNS)
    await table.find("ann")
    bound = table._bound
    await table.find("ann")
    assert table._bound is bound
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("ALTER TABLE person RENAME COLUMN role TO was_role")
    assert await engine.refresh()
    assert await table.find("ann") == {"name": "ann", "expires": "2030-01-01"}
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("ALTER TABLE person RENAME COLUMN email TO mail")
    assert await engine.refresh()
    with pytest.raises(SchemaChanged):
        await table.find("ann")


async def test_a_table_or_column_that_is_not_there_finds_nobody(engine: Engine) -> None:
    for table in (OwnTable(engine, "nosuch", "name", COLUMNS), OwnTable(engine, "person", "claims", COLUMNS)):
        with pytest.raises(SchemaChanged):
            await table.find("ann")


async def test_where_nothing_is_served_nothing_is_read() -> None:
    with pytest.raises(InternalError):
        await OwnTable(None, "person", "name", COLUMNS).find("ann")


async def test_where_the_database_decides_it_is_read_as_the_login_that_may_write_nothing(engine: Engine) -> None:
    table = OwnTable(engine, "person", "name", COLUMNS)
    plain = table._bind(engine.snapshot.catalog).session
    assert (plain.role, plain.read_only) == (None, False)
    catalog = replace(engine.snapshot.catalog, roles=DatabaseRoles("gatekeeper", {}))
    session = table._bind(catalog).session
    assert (session.role, session.read_only) == ("gatekeeper", True)
