"""What later versions of PostgreSQL can say of a table. An earlier one does not know the words, and the test says so."""

from collections.abc import AsyncIterator

import asyncpg
import pg8000.exceptions
import pytest

from reflector.catalog.build import build
from reflector.catalog.model import Catalog
from reflector.reflection.postgresql import read_facts
from tests.server.harness import served
from tests.servers import PostgreSQLServer

PLAIN = """
CREATE TABLE room (id int, during daterange NOT NULL, name text);
CREATE TABLE guest (id int PRIMARY KEY, note text, first text NOT NULL);
CREATE TABLE booking (id int PRIMARY KEY, room_id int, during daterange, guest_id int);
INSERT INTO guest VALUES (1, NULL, 'a'), (2, 'b', 'b'), (3, NULL, 'c'), (4, 'a', 'd');
"""
PERIODS = """
CREATE EXTENSION btree_gist;
ALTER TABLE room ADD PRIMARY KEY (id, during WITHOUT OVERLAPS);
ALTER TABLE booking ADD CONSTRAINT housed FOREIGN KEY (room_id, PERIOD during) REFERENCES room (id, PERIOD during);
CREATE VIEW booked AS SELECT * FROM booking;
"""
FROM_NOW_ON = "ALTER TABLE guest ADD CONSTRAINT noted NOT NULL note NOT VALID"
VIRTUAL = "ALTER TABLE booking ADD twice int GENERATED ALWAYS AS (id * 2) VIRTUAL"
UNENFORCED = """
ALTER TABLE booking ADD FOREIGN KEY (guest_id) REFERENCES guest NOT ENFORCED;
ALTER TABLE booking ADD CONSTRAINT sane CHECK (id > 0) NOT ENFORCED;
INSERT INTO booking VALUES (-1, NULL, NULL, 9);
"""
PAST_THE_KEY = """
ALTER TABLE booking ADD FOREIGN KEY (guest_id) REFERENCES guest;
SET session_replication_role = replica;
INSERT INTO booking VALUES (-1, NULL, NULL, 9);
"""


@pytest.fixture
def database(postgresql_server: PostgreSQLServer) -> str:
    name = "later"
    postgresql_server.create_database(name)
    postgresql_server.run(name, PLAIN)
    return name


@pytest.fixture
async def connection(postgresql_server: PostgreSQLServer, database: str) -> AsyncIterator[asyncpg.Connection]:
    made = await asyncpg.connect(postgresql_server.url(database))
    yield made
    await made.close()


def known(server: PostgreSQLServer, database: str, script: str, *, since: int) -> bool:
    """Run the script; False where the server is older than that, and does not understand it either."""
    if server.version() >= since:
        server.run(database, script)
        return True
    with pytest.raises(pg8000.exceptions.DatabaseError, match=r"syntax error|cannot be marked"):
        server.run(database, script)
    return False


async def reflected(connection: asyncpg.Connection) -> Catalog:
    return build(await read_facts(connection.fetch, None))


async def test_a_foreign_key_of_periods_is_no_relationship(
    postgresql_server: PostgreSQLServer, database: str, connection: asyncpg.Connection
) -> None:
    """It finds the rows whose periods contain the other, and equal values would find others, or none."""
    with_periods = known(postgresql_server, database, PERIODS, since=180_000)
    catalog = await reflected(connection)
    assert all(not found for found in catalog.relationships.values())
    assert catalog.foreign_keys == ()
    assert all(not found for found in catalog.inherited.values())
    said = [notice.message for notice in catalog.notices if notice.code == "foreign_key_skipped"]
    assert said == ["public.booking: housed compares periods: no relationship comes of it"] * with_periods
    key = catalog.tables["room"].primary_key
    assert (key is not None and [column.name for column in key.columns] == ["id", "during"]) is with_periods


async def test_what_may_not_be_null_from_now_on_may_hold_null(
    postgresql_server: PostgreSQLServer, database: str, connection: asyncpg.Connection
) -> None:
    known(postgresql_server, database, FROM_NOW_ON, since=180_000)
    columns = (await reflected(connection)).tables["guest"].columns
    assert {column.name: column.nullable for column in columns} == {"id": False, "note": True, "first": False}


@pytest.mark.parametrize("sort", ["note", "-note", "note.nullsfirst", "-note.nullslast"])
async def test_pages_go_past_the_null_that_was_there_before(
    postgresql_server: PostgreSQLServer, database: str, sort: str
) -> None:
    known(postgresql_server, database, FROM_NOW_ON, since=180_000)
    async with served(postgresql_server.url(database)) as api:
        path: str | None = f"/api/guest?sort={sort}&limit=1&fields=id"
        found = []
        while path is not None:
            page = (await api.get(path)).json
            found += [row["id"] for row in page["items"]]
            path = page["page"]["next"]
    assert sorted(found) == [1, 2, 3, 4]


async def test_a_virtual_column_is_read_and_never_written(postgresql_server: PostgreSQLServer, database: str) -> None:
    virtual = known(postgresql_server, database, VIRTUAL, since=180_000)
    async with served(postgresql_server.url(database), writable=True) as api:
        made = await api.post("/api/booking", {"id": 7})
        refused = await api.post("/api/booking", {"id": 8, "twice": 3})
        found = await api.get("/api/booking?fields=id&twice=14")
    assert (made.status, made.json.get("twice")) == (201, 14 if virtual else None)
    assert refused.status == 422
    assert (found.json["items"] == [{"id": 7}]) if virtual else (found.status == 422)


async def test_a_key_that_nobody_enforces_leads_to_rows_that_may_be_missing(
    postgresql_server: PostgreSQLServer, database: str
) -> None:
    """Earlier versions let such a row be written past the key."""
    if not known(postgresql_server, database, UNENFORCED, since=180_000):
        postgresql_server.run(database, PAST_THE_KEY)
    async with served(postgresql_server.url(database)) as api:
        related = await api.get("/api/booking?fields=id,guest.id")
        asked = await api.post("/graphql", {"query": "{booking {id guest {id}}}"})
    assert related.json["items"] == [{"id": -1, "guest": None}]
    assert asked.json == {"data": {"booking": [{"id": -1, "guest": None}]}}
