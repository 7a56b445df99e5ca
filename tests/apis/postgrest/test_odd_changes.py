"""What is written of composites and endless numbers is told to who may read it, and judged as the database judges it."""

from __future__ import annotations

from typing import Any, Final

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest.test_composites import rest
from tests.bookshops import Databases
from tests.changes.capturing import with_changes
from tests.server.harness import served

SCRIPT: Final = """
CREATE TYPE point_of AS (x integer, y numeric(6, 2));
CREATE TABLE visit (id integer PRIMARY KEY, at point_of, n numeric);
ALTER TABLE visit REPLICA IDENTITY FULL;
"""
CONFIG: Final = """
auth: {anonymous_role: guest}
roles: {guest: {}}
tables: {visit: {allow: {guest: {read: not (at is None) or n > 5, create: true, update: true}}}}
"""
WRITES: Final[list[tuple[str, str, Any]]] = [
    ("POST", "visit", [{"id": 1, "at": {"x": 1}, "n": None}, {"id": 2, "at": {"x": None}, "n": None}]),
    ("POST", "visit", [{"id": 3, "at": None, "n": "NaN"}, {"id": 4, "at": None, "n": 4}]),
    ("PATCH", "visit?id=eq.1", {"at": "(2,3)"}),
    ("PATCH", "visit?id=eq.1", {"at": {}}),
    ("PATCH", "visit?id=eq.3", {"n": "-Infinity"}),
    ("POST", "visit", {"id": 5, "at": {"y": 1}, "n": "Infinity"}),
]
TOLD: Final = [
    ("insert", 1, {"id": 1, "at": "(1,)", "n": None}),
    ("insert", 3, {"id": 3, "at": None, "n": "NaN"}),
    ("update", 1, {"id": 1, "at": "(2,3.00)", "n": None}),
    ("leave", 1, None),
    ("leave", 3, None),
    ("insert", 5, {"id": 5, "at": "(,1.00)", "n": "Infinity"}),
]


async def test_changes_are_told_as_the_rule_has_it(databases: Databases) -> None:
    url = databases.database(DatabaseKind.POSTGRESQL, SCRIPT)
    async with (
        with_changes(url),
        served(url, CONFIG) as api,
        api.session.ws_connect(f"http://127.0.0.1:{api.running.port}/ws") as socket,
    ):
        await socket.send_json({"type": "subscribe", "id": "1", "table": "visit"})
        assert (await socket.receive_json())["type"] == "ready"
        for method, address, body in WRITES:
            assert (await rest(api, method, address, body)).status in {201, 204}
        told = [await socket.receive_json(timeout=10) for _ in TOLD]
    assert [(each["op"], each["key"]["id"], each.get("new")) for each in told] == TOLD
