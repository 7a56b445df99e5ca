"""Attacks that use a moment: a rule's column that has just gone, and a cursor of changes that was another's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from tests.apis.realtime.following import connected
from tests.bookshops import Databases
from tests.cache.conftest import write_outside
from tests.changes.capturing import with_changes, writer
from tests.properties.worlds import KEY, bearer
from tests.server.harness import Served, served

SCHEMA = """
CREATE TABLE paper (id INTEGER PRIMARY KEY, title VARCHAR(40), closed INTEGER NOT NULL, owner_id INTEGER NOT NULL);
CREATE TABLE other (id INTEGER PRIMARY KEY);
INSERT INTO paper VALUES (1, 'open', 0, 7), (2, 'hunter2', 1, 8), (3, 'of bob', 0, 8);
INSERT INTO other VALUES (1);
"""
AUTH = f"auth: {{jwt: {{secret: {KEY}, audience: api, role_claim: roles}}, anonymous_role: guest}}\n"
RULES = """
roles: {guest: {}, user: {}}
postgrest: {allow_unfiltered_writes: true}
database: {watch: off}
tables:
  other: {allow: {guest: {read: true}}}
  paper: {allow: {guest: {read: closed != 1, update: {filter: closed != 1, check: true, columns: [title]}, delete: closed != 1}}}
"""
ASKED: tuple[tuple[str, str, Any], ...] = (
    ("GET", "/api/paper", None),
    ("GET", "/api/paper/2", None),
    ("GET", "/rest/v1/paper?select=id,title", None),
    ("HEAD", "/rest/v1/paper", None),
    ("GET", "/graphql?query=%7Bpaper%7Bid%20title%7D%7D", None),
    ("PATCH", "/api/paper/2", {"title": "x"}),
    ("DELETE", "/api/paper/2", None),
    ("PATCH", "/rest/v1/paper", {"title": "x"}),
    ("DELETE", "/rest/v1/paper", None),
    ("POST", "/graphql", {"query": "mutation {delete_paper_by_pk(id: 2) {id title}}"}),
    ("POST", "/graphql", {"query": 'mutation {update_paper_by_pk(pk_columns: {id: 2}, _set: {title: "x"}) {id}}'}),
)


async def papers(api: Served) -> list[list[Any]]:
    found = await api.running.engine.driver.fetch("SELECT id, title FROM paper ORDER BY id")
    return [list(row) for row in found]


@pytest.mark.parametrize("warm", [True, False], ids=["asked before", "asked first"])
async def test_a_rule_whose_column_has_just_gone_lets_nobody_in(
    databases: Databases, kind: DatabaseKind, warm: bool
) -> None:
    """SQLite takes a name in quotes that is no column for a text, which is unequal to most: then every row would be open."""
    url = databases.database(kind, SCHEMA)
    async with served(url, AUTH + RULES) as api:
        if warm:
            for method, path, body in ASKED[:5]:
                assert (await api.request(method, path, json=body)).status in {200, 404}
        write_outside(databases, url, "ALTER TABLE paper DROP COLUMN closed")
        before = await papers(api)
        for method, path, body in ASKED:
            reply = await api.request(method, path, json=body)
            assert b"hunter2" not in reply.body
            assert b"of bob" not in reply.body
            assert reply.status == 503 or (path.startswith("/graphql") and "errors" in reply.json), (path, reply.body)
            assert await papers(api) == before
        assert (await api.get("/api/other")).json["items"] == [{"id": 1}]


CHANGED = RULES.partition("  paper:")[0] + "  paper: {allow: {user: {read: owner_id == claims.sub}}}\n"


@pytest.mark.parametrize("kind", [DatabaseKind.SQLITE, DatabaseKind.POSTGRESQL], ids=str)
async def test_a_cursor_of_changes_is_a_place_and_no_right(databases: Databases, kind: DatabaseKind) -> None:
    """Who goes on from another's place is told of their own rows; one that was forged tells nothing."""
    alice, bob = (bearer(sub=number, roles="user") for number in (7, 8))
    async with with_changes(databases.database(kind, SCHEMA)) as url, served(url, AUTH + CHANGED) as api:
        write: Callable[[str], None] = writer(url, databases.postgresql)
        async with connected(api, alice) as client:
            place = (await client.follow("paper"))["cursor"]
            for number, owner in ((10, 7), (11, 8), (12, 7)):
                write(f"INSERT INTO paper VALUES ({number}, 'p', 0, {owner})")
            assert [each["key"] for each in await client.changes(2)] == [{"id": 10}, {"id": 12}]
        write("INSERT INTO paper VALUES (13, 'p', 0, 8)")
        async with connected(api, bob) as client:
            await client.follow("paper", since=place)
            assert [each["key"] for each in await client.changes(2)] == [{"id": 11}, {"id": 13}]
            await client.silence()
            for number, wrong in enumerate(("x", "", place * 2, f"{place[:-1]}=")):
                refused = await client.ask(type="subscribe", id=f"w{number}", table="paper", since=wrong)
                assert (refused["type"], refused["code"]) == ("error", "invalid_cursor"), wrong
            # Of one that another key may have sealed nothing is known but that all is to be read afresh.
            for number, wrong in enumerate((flipped(place, 0), flipped(place, 20), flipped(place, -3))):
                await client.follow("paper", f"f{number}", since=wrong)
                assert (await client.next())["type"] == "resync"
            await client.silence()


def flipped(place: str, at: int) -> str:
    letters = list(place)
    letters[at] = "B" if letters[at] == "A" else "A"
    return "".join(letters)
