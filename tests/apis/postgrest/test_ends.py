"""How the transaction of a request ends, on every database: as the file says, or as its caller may choose."""

from __future__ import annotations

import pytest

from reflector.catalog.model import DatabaseKind
from tests.bookshops import Databases
from tests.server.harness import served

SCRIPT = "CREATE TABLE note (id integer PRIMARY KEY, body varchar(20))"
OPEN = "defaults: {read: true, write: true}\nauth: {anonymous_role: guest}\nroles: {guest: {}}\n"
GONE, KEPT = {"Prefer": "tx=rollback"}, {"Prefer": "tx=commit"}


@pytest.mark.parametrize(
    ("end", "kept"),
    [
        ("commit", ["usual", "gone", "kept"]),
        ("commit-allow-override", ["usual", "kept"]),
        ("rollback", []),
        ("rollback-allow-override", ["kept"]),
    ],
)
async def test_a_transaction_ends_as_it_is_to(
    kind: DatabaseKind, databases: Databases, end: str, kept: list[str]
) -> None:
    async with served(databases.database(kind, SCRIPT), f"{OPEN}postgrest: {{db_tx_end: {end}}}") as api:
        asked = [("usual", None), ("gone", GONE), ("kept", KEPT)]
        for number, (body, headers) in enumerate(asked, start=1):
            reply = await api.post("/rest/v1/note", {"id": number, "body": body}, headers)
            assert reply.status == 201, reply.body
        assert [row["body"] for row in (await api.get("/api/note?sort=id")).json["items"]] == kept
        assert (await api.post("/api/note", {"id": 9, "body": "always"}, GONE)).status == 201
