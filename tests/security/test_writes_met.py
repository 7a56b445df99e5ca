"""Attacks on writes that meet something: another's row by a second key, and a link that breaks when all is done."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from tests.bookshops import KINDS, Databases
from tests.drivers.proxy import Proxy, never
from tests.properties.asking import asking
from tests.properties.worlds import KEY, bearer
from tests.reference.store import stored
from tests.security.asking import Blog
from tests.server.harness import Served, served
from tests.servers import MariaDBServer, PostgreSQLServer

SCHEMA = """
CREATE TABLE page (id int NOT NULL PRIMARY KEY, slug varchar(40) NOT NULL UNIQUE, owner_id int NOT NULL, body varchar(40));
INSERT INTO page VALUES (1, 'mine', 7, 'b1'), (9, 'theirs', 8, 'hunter2');
"""
CONFIG = f"""
auth: {{jwt: {{secret: {KEY}, audience: api, role_claim: roles}}, anonymous_role: guest}}
roles: {{guest: {{}}, user: {{}}}}
tables:
  page:
    cache: {{ttl: 1h}}
    allow:
      guest: {{read: true}}
      user:
        read: owner_id == claims.sub
        create: {{check: owner_id == claims.sub, columns: [id, slug, body], presets: {{owner_id: claims.sub}}}}
        update: {{filter: owner_id == claims.sub, columns: [id, slug, body]}}
"""
PAGES = [[1, "mine", 7, "b1"], [9, "theirs", 8, "hunter2"]]
MERGE = {"Prefer": "resolution=merge-duplicates,return=representation"}
ALICE = dict(bearer(sub=7, roles="user"))


# ── another's row by a second key ────────────────────────────────────────────────────────────


@pytest.fixture(scope="module", params=KINDS, ids=str)
def pages(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Blog]:
    """Pages, each found by its number and by its slug."""
    kind: DatabaseKind = request.param
    url = databases.database(kind, SCHEMA)
    with stored(kind, url) as store, asking(url, CONFIG) as api:
        yield Blog(api, kind, url, store.run)


MEETING: tuple[tuple[str, str, Any], ...] = (
    ("POST", "/rest/v1/page", {"id": 70, "slug": "theirs", "body": "x"}),
    ("POST", "/rest/v1/page", {"id": 1, "slug": "theirs", "body": "x"}),
    ("POST", "/rest/v1/page?on_conflict=id", {"id": 70, "slug": "theirs", "body": "x"}),
    ("POST", "/rest/v1/page?on_conflict=slug", {"id": 70, "slug": "theirs", "body": "x"}),
    ("POST", "/rest/v1/page?on_conflict=slug", {"id": 9, "slug": "theirs", "body": "x"}),
    ("POST", "/rest/v1/page?on_conflict=slug", {"id": 9, "slug": "new", "body": "x"}),
    ("POST", "/rest/v1/page", [{"id": 1, "slug": "new", "body": "x"}, {"id": 70, "slug": "theirs", "body": "x"}]),
    ("PUT", "/rest/v1/page?id=eq.70", {"id": 70, "slug": "theirs", "body": "x"}),
    ("PUT", "/rest/v1/page?id=eq.1", {"id": 1, "slug": "theirs", "body": "x"}),
    ("PUT", "/rest/v1/page?id=eq.9", {"id": 9, "slug": "theirs", "body": "x"}),
    ("PATCH", "/rest/v1/page?id=eq.1", {"slug": "theirs"}),
    ("POST", "/api/page", {"id": 70, "slug": "theirs", "body": "x"}),
    ("PATCH", "/api/page/1", {"slug": "theirs"}),
)


@pytest.mark.parametrize(("method", "path", "body"), MEETING)
def test_no_key_leads_an_upsert_to_a_row_of_another(pages: Blog, method: str, path: str, body: Any) -> None:
    """MariaDB's own upsert changes whatever row any unique key finds."""
    reply = pages.api.ask(method, path, json.dumps(body), {**ALICE, **(MERGE if "rest" in path else {})})
    assert reply.status in {403, 409}, reply.body
    assert b"hunter2" not in reply.body
    assert pages.rows("SELECT id, slug, owner_id, body FROM page ORDER BY id") == PAGES


def test_rows_that_are_left_alone_are_those_of_anybody_and_nobody_is_told_of_them(pages: Blog) -> None:
    headers = {**ALICE, "Prefer": "resolution=ignore-duplicates,return=representation"}
    for body in ({"id": 9, "slug": "new"}, {"id": 70, "slug": "theirs"}):
        for path in ("/rest/v1/page", "/rest/v1/page?on_conflict=slug"):
            reply = pages.api.ask("POST", path, json.dumps(body), headers)
            assert reply.status == 409 or (reply.status, reply.json) == (201, [])
    assert pages.rows("SELECT id, slug, owner_id, body FROM page ORDER BY id") == PAGES


# ── a link that breaks when all is done ──────────────────────────────────────────────────────


@pytest.fixture(params=["postgresql", "mariadb"])
async def linked(request: pytest.FixtureRequest, databases: Databases) -> AsyncIterator[tuple[Served, Proxy]]:
    """A server that reaches its database by way of a proxy, and keeps answers."""
    server: PostgreSQLServer | MariaDBServer = request.getfixturevalue(f"{request.param}_server")
    url = databases.database(DatabaseKind(request.param), SCHEMA)
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(Proxy(server.host, server.port))
        yield await stack.enter_async_context(served(proxy.url(url), CONFIG)), proxy


SENT: tuple[tuple[str, Any], ...] = (
    ("/api/page", {"id": 70, "slug": "new", "body": "x"}),
    ("/rest/v1/page", {"id": 71, "slug": "newer", "body": "x"}),
    ("/graphql", {"query": 'mutation {insert_page_one(object: {id: 72, slug: "newest", body: "x"}) {id}}'}),
)


async def test_a_write_whose_acknowledgement_is_lost_is_made_once_and_told_as_unknown(
    linked: tuple[Served, Proxy],
) -> None:
    """And what was kept of its table is not shown any more."""
    api, proxy = linked
    kept = "/api/page?fields=id&sort=id"
    for number, (path, body) in enumerate(SENT):
        for warm in (kept, "/rest/v1/page?select=id&order=id"):
            assert (await api.get(warm)).status == 200
        proxy.cut_after = lambda sent: b"COMMIT" in sent
        reply = await api.post(path, body, {**ALICE, "Accept": "application/graphql-response+json, */*"})
        proxy.cut_after = never
        assert reply.status == 503, reply.body
        assert b"may or may not have been" in reply.body
        here = [1, 9, *range(70, 71 + number)]
        assert [row["id"] for row in (await api.get(kept)).json["items"]] == here
        assert [row["id"] for row in (await api.get("/rest/v1/page?select=id&order=id")).json] == here
