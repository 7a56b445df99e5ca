"""A plan says which tables it reads. SQLite itself is asked which tables a statement looks into."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from reflector.access.principal import Principal
from reflector.catalog.model import DatabaseKind, TableKind
from reflector.database_url import parse_database_url
from reflector.drivers.protocol import PLAIN, Settings
from reflector.drivers.sqlite_file import connect
from reflector.sql.plan import Plan, Step
from server.apis.resource.cursors import Cursors
from server.apis.resource.listing import read_listing
from server.callers import Rights
from server.config import limits_for
from tests.server.harness import Served, served
from tests.server.test_jwt import SECRET

CONFIG = f"""
auth:
  claims: country
  jwt: {{secret: {SECRET}, audience: api, issuer: "https://id.example", role_claim: roles}}
roles: {{reader: {{}}}}
policies:
  reviewed: exists(review, customer.name == claims.country)
tables:
  book: {{allow: {{reader: {{read: "reviewed or publisher.country == 'PE'", aggregate: true}}}}}}
  publisher: {{allow: {{reader: {{read: "exists(book, category.name != 'x')"}}}}}}
  category: {{allow: {{reader: {{read: true}}}}}}
  tag: {{allow: {{reader: {{read: "name != claims.sub"}}}}}}
  book_tag: {{allow: {{reader: {{read: "book.price > 1"}}}}}}
  shop: {{allow: {{reader: {{read: true}}}}}}
  staff: {{allow: {{reader: {{read: shop.name == claims.country}}}}}}
"""
QUERIES = [
    "/api/book",
    "/api/book?count=exact",
    "/api/book?include=publisher,tag,category",
    "/api/book?fields=id,publisher.name&category.name=x",
    "/api/book?tag.name=x&sort=publisher.name",
    "/api/book?filter=%7B%22_not%22:%7B%22tag%22:%7B%22name%22:%7B%22_eq%22:%22a%22%7D%7D%7D%7D",
    "/api/publisher?include=book.tag",
    "/api/publisher?book.category.name=x",
    "/api/tag",
    "/api/tag?include=book.publisher",
    "/api/category?include=category",
    "/api/staff?include=shop,staff",
    "/api/staff?sort=shop.name",
    "/api/shop",
]


@pytest.fixture
def sqlite_url(own_shop: Callable[[DatabaseKind], str]) -> str:
    return own_shop(DatabaseKind.SQLITE)


def plan_of(api: Served, address: str) -> Plan:
    engine = api.running.engine
    snapshot = engine.snapshot
    access = snapshot.access(Principal(roles=("reader",)))
    path, _, query = address.partition("?")
    table = access.scope.table(path.removeprefix("/api/"))
    rights = Rights(snapshot, access, limits_for(api.running.config, ["reader"]), PLAIN)
    listing = read_listing(rights, table, path, query, Cursors(b"k" * 64))
    [plan] = engine.prepare(snapshot, access, listing.read).plans
    return plan


def looked_into(url: str, step: Step) -> set[str]:
    """The tables that SQLite opens for a statement."""
    found: set[str] = set()

    def note(action: int, table: str | None, _column: str | None, _database: str | None, _trigger: str | None) -> int:
        if action == sqlite3.SQLITE_READ and table:
            found.add(table)
        return sqlite3.SQLITE_OK

    with closing(connect(parse_database_url(url), Settings(writable=False), writer=False)) as connection:
        connection.set_authorizer(note)
        connection.execute(f"EXPLAIN {step.text}", [None] * len(step.binds))
    return {each for each in found if not each.startswith(("json_", "pragma_", "sqlite_"))}


async def test_a_plan_names_exactly_the_tables_its_statement_looks_into(sqlite_url: str) -> None:
    async with served(sqlite_url, CONFIG) as api:
        tables = {
            each.name for each in api.running.engine.snapshot.catalog.tables.values() if each.kind is TableKind.TABLE
        }
        most = 0
        for address in QUERIES:
            plan = plan_of(api, address)
            opened = looked_into(sqlite_url, plan.steps[0]) & tables
            assert opened == {each.name for each in plan.reads}, address
            most = max(most, len(opened))
        assert most >= 5


async def test_a_plan_names_exactly_the_claims_its_rules_use(sqlite_url: str) -> None:
    async with served(sqlite_url, CONFIG) as api:
        used = {
            address: {".".join(claim.path) for claim in plan_of(api, address).claims}
            for address in ("/api/book", "/api/tag", "/api/shop", "/api/staff", "/api/publisher?include=book")
        }
    assert used == {
        "/api/book": {"country"},
        "/api/tag": {"sub"},
        "/api/shop": set(),
        "/api/staff": {"country"},
        "/api/publisher?include=book": {"country"},
    }
