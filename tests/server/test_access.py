"""Whatever the file says has its effect: nothing is accepted and then ignored."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from reflector.secret import Secret
from server.access import EVERYBODY, describe, limits_of, may_write, overlay_of, settings_of
from server.config.models import Jwt
from tests.server.harness import Served, configured, served
from tests.server.test_jwt import NOW, SECRET, token
from tests.servers import PostgreSQLServer

AUTH = f"""
auth: {{jwt: {{secret: {SECRET}}}, anonymous_role: guest}}
roles:
  guest: {{limits: {{max_rows: 3, depth: 1}}}}
  user: {{extends: guest, limits: {{max_rows: 5, depth: 2, terms: 2, list: 2}}}}
"""


def user(**claims: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {token({'exp': NOW + 3600, 'role': 'user', **claims})}"}


async def names(api: Served, headers: dict[str, str] | None = None) -> set[str]:
    return {each["name"] for each in (await api.get("/api", headers)).json["items"]}


# ── who may what ─────────────────────────────────────────────────────────────────────────────


async def test_without_a_configuration_everything_is_read_and_nothing_written(own_bookshop: str) -> None:
    async with served(own_bookshop) as api:
        assert {"book", "author", "order"} <= await names(api)
        assert (await api.delete("/api/tag/fiction")).status == 403
        assert (await api.post("/api/tag", {"name": "unheard-of"})).status == 403
        assert (await api.get("/api/tag/unheard-of")).status == 404


async def test_writable_lets_whoever_reads_write(own_bookshop: str) -> None:
    async with served(own_bookshop, writable=True) as api:
        assert (await api.post("/api/tag", {"name": "unheard-of"})).status == 201
        assert (await api.get("/api/tag/unheard-of")).status == 200
        forged = await api.request(
            "POST",
            "/api/tag",
            {"Origin": "http://evil.example", "Content-Type": "text/plain"},
            data=b'{"name": "evil"}',
        )
        assert forged.status == 403
        assert (await api.get("/api/tag/evil")).status == 404
        assert (await api.delete("/api/tag/unheard-of")).status == 204


async def test_with_auth_what_nothing_opens_is_not_there(bookshop: str) -> None:
    async with served(bookshop, AUTH + "tables: {tag: {allow: {user: {read: true}}}}") as api:
        assert await names(api) == set()
        assert await names(api, user()) == {"tag"}
        assert (await api.get("/api/tag")).status == 404
        assert (await api.get("/api/tag", user())).status == 200


async def test_defaults_open_what_no_rule_speaks_of(own_bookshop: str) -> None:
    config = AUTH + "defaults: {read: true, write: true}\ntables: {author: {allow: {user: {read: true}}}}"
    async with served(own_bookshop, config) as api:
        open_to_all = await names(api)
        assert "tag" in open_to_all
        assert "author" not in open_to_all
        assert "author" in await names(api, user())
        assert (await api.post("/api/tag", {"name": "unheard-of"})).status == 201


async def test_defaults_open_for_everybody_where_nobody_has_a_credential(bookshop: str) -> None:
    async with served(bookshop, "defaults: {read: true}") as api:
        assert "book" in await names(api)
        assert (await api.get("/api/book?limit=1")).status == 200
        assert (await api.post("/api/tag", {"name": "x"})).status == 403
    async with served(bookshop, "tables: {tag: {name: labels}}") as api:
        assert await names(api) == set()


async def test_listed_columns_are_all_there_is(bookshop: str) -> None:
    tables = (
        "tables: {tag: {allow: {guest: {read: true}}}, author: {allow: {guest: {read: true, columns: [id, name]}}}}"
    )
    async with served(bookshop, f"{AUTH}\ndefaults: {{columns: listed}}\n{tables}") as api:
        assert (await api.get("/api/tag")).code == "forbidden"
        assert set((await api.get("/api/author?limit=1")).json["items"][0]) == {"id", "name"}


async def test_hidden_columns_do_not_exist_for_anybody(bookshop: str, own_bookshop: str) -> None:
    config = f"{AUTH}\ntables: {{'*': {{columns: {{'*_secret': hidden}}}}, tag: {{allow: {{guest: {{read: true}}}}}}}}"
    with closing(sqlite3.connect(own_bookshop.removeprefix("sqlite:///"))) as database:
        database.execute("ALTER TABLE tag ADD COLUMN a_secret TEXT DEFAULT 'hunter2'")
        database.commit()
    async with served(own_bookshop, config) as hidden, served(bookshop, config) as absent:
        assert "a_secret" not in (await hidden.get("/api/tag?limit=1")).json["items"][0]
        for query in (
            "a_secret=x",
            "a_secret__like=h%",
            "sort=a_secret",
            "fields=a_secret",
            "a_secre=x",
            "include=a_secret",
        ):
            told = [(await api.get(f"/api/tag?{query}", {"X-Request-Id": "same"})) for api in (hidden, absent)]
            assert told[0].status == 422
            assert (told[0].status, told[0].body) == (told[1].status, told[1].body), query


async def test_rules_policies_presets_checks_and_claims_hold(own_bookshop: str) -> None:
    tables = """
policies: {mine: customer_id == claims.sub}
tables:
  address:
    allow:
      user:
        read: mine
        create: {check: mine and country != 'XX', columns: [label, street, city, country, preferred], presets: {customer_id: claims.sub}}
        update: {filter: mine, check: country != 'XX', columns: [street, country]}
        delete: {filter: mine and label == 'new'}
"""
    address = {"label": "new", "street": "x", "city": "y", "country": "PE", "preferred": False}
    async with served(own_bookshop, AUTH + tables) as api:
        mine = user(sub="7")
        assert {each["customer_id"] for each in (await api.get("/api/address", mine)).json["items"]} <= {7}
        made = await api.post("/api/address", address, mine)
        assert (made.status, made.json["customer_id"]) == (201, 7)
        key = made.json["id"]
        assert (await api.get(f"/api/address/{key}", user(sub="8"))).status == 404
        assert (await api.patch(f"/api/address/{key}", {"street": "z"}, user(sub="8"))).status == 404
        assert (await api.patch(f"/api/address/{key}", {"country": "XX"}, mine)).status == 403
        assert (await api.patch(f"/api/address/{key}", {"customer_id": 8}, mine)).status == 422
        assert (await api.post("/api/address", {**address, "label": "b", "country": "XX"}, mine)).status == 403
        assert (await api.post("/api/address", {**address, "customer_id": 8}, mine)).status == 422
        assert (await api.get("/api/address", user())).code == "missing_claim"
        assert (await api.get(f"/api/address/{key}", mine)).json["street"] == "x"
        assert (await api.delete(f"/api/address/{key}", mine)).status == 204


# ── what lies over the catalog ───────────────────────────────────────────────────────────────


async def test_names_exclusions_and_relationships_are_as_the_file_says(bookshop: str) -> None:
    config = (
        "database: {exclude: ['stock*']}\ntables: {tag: {name: labels}}\ndefaults: {read: true}\n"
        "relationships: {book.publisher: {rename: house}, author.namesake: {to: customer, join: {name: name}}}"
    )
    async with served(bookshop, config) as api:
        known = await names(api)
        assert "labels" in known
        assert not {each for each in known if each.startswith("stock")} | known & {"tag"}
        assert "house" in (await api.get("/api/book?limit=1&include=house")).json["items"][0]
        assert (await api.get("/api/book?include=publisher")).status == 422
        assert (await api.get("/api/author?limit=1&include=namesake")).json["items"][0]["namesake"] == []


async def test_only_the_schemas_that_are_listed_are_served(postgresql_server: PostgreSQLServer) -> None:
    url = postgresql_server.create_database("schemas")
    postgresql_server.run(
        "schemas", "CREATE SCHEMA a; CREATE SCHEMA b; CREATE TABLE a.x (id int primary key); CREATE TABLE b.y (id int)"
    )
    try:
        async with served(url, "database: {schemas: [b, a]}") as api:
            assert await names(api) == {"y", "a.x"}
        async with served(url, "database: {schemas: [a]}") as api:
            assert await names(api) == {"x"}
    finally:
        postgresql_server.drop_database("schemas")


# ── limits ───────────────────────────────────────────────────────────────────────────────────


async def test_a_roles_limits_hold(bookshop: str) -> None:
    async with served(bookshop, AUTH + "defaults: {read: true}") as api:
        for headers, rows in ((None, 3), (user(), 5)):
            reply = await api.get("/api/book?limit=100", headers)
            assert (len(reply.json["items"]), reply.json["page"]["limit"]) == (rows, rows)
        assert (await api.get("/api/book?include=publisher.book")).code == "limit_exceeded"
        assert (await api.get("/api/book?include=publisher.book", user())).status == 200
        assert (await api.get("/api/book?id__gt=1&id__lt=9&price__gt=0", user())).code == "limit_exceeded"
        assert (await api.get("/api/book?id__in=1,2,3", user())).code == "limit_exceeded"
        assert (await api.get("/api/book?id__in=1,2", user())).status == 200


async def test_common_limits_hold_where_roles_say_nothing(bookshop: str) -> None:
    config = "limits: {rows: 7, page: 2, depth: 1, terms: 1, list: 1, offset: 3, filter_depth: 2}"
    async with served(bookshop, config) as api:
        assert len((await api.get("/api/book")).json["items"]) == 2
        assert len((await api.get("/api/book?limit=50")).json["items"]) == 7
        assert (await api.get("/api/book?page=2&limit=3")).status == 200
        for refused in (
            "page=3&limit=3",
            "include=publisher.book",
            "id__gt=1&price__gt=0",
            "id__in=1,2",
            'filter={"_or":[{"_or":[{"_or":[{"id":{"_eq":1}}]}]}]}',
        ):
            reply = await api.get(f"/api/book?{refused}")
            assert (reply.status, reply.code) == (422, "limit_exceeded"), refused


async def test_a_roles_time_is_its_own(postgresql_server: PostgreSQLServer) -> None:
    url = postgresql_server.create_database("timed")
    postgresql_server.run("timed", "CREATE TABLE slow (id int primary key)")
    locker = postgresql_server._connect("timed")
    config = AUTH.replace("terms: 2", "timeout: 4s, terms: 2") + "database: {timeout: 300ms}\ndefaults: {read: true}"
    try:
        async with served(url, config) as api:
            locker.run("BEGIN")
            locker.run("LOCK TABLE slow IN ACCESS EXCLUSIVE MODE")
            longer = asyncio.create_task(api.get("/api/slow", user()))
            assert (await api.get("/api/slow")).code == "statement_timeout"
            assert not longer.done()
            assert (await longer).code == "statement_timeout"
            locker.run("ROLLBACK")
    finally:
        locker.close()
        postgresql_server.drop_database("timed")


def test_a_file_may_not_give_everybodys_role_a_meaning() -> None:
    config = configured("sqlite:///x.db", "defaults: {read: true}\nroles: {guest: {}}")
    assert describe(config).anonymous_role == EVERYBODY
    assert set(describe(config).roles) == {"guest", EVERYBODY}
    assert limits_of(config)((EVERYBODY,)).rows == 1000
    with pytest.raises(Exception, match="a role's name"):
        configured("sqlite:///x.db", "roles: {'*': {}}")


# ── the driver's settings ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("config", "writes"),
    [
        ("", False),
        ("defaults: {read: true}", False),
        ("defaults: {write: true}", True),
        (AUTH + "tables: {a: {allow: {user: {read: true}}}}", False),
        (AUTH + "tables: {a: {allow: {user: {delete: true}}}}", True),
        (AUTH + "tables: {a: {allow: {user: {create: true}}}}", True),
        (AUTH + "tables: {a: {allow: {user: {update: true}}}}", True),
    ],
)
def test_the_database_refuses_writes_where_no_rule_allows_any(config: str, writes: bool) -> None:
    assert may_write(configured("sqlite:///x.db", config)) is writes
    assert settings_of(configured("sqlite:///x.db", config)).writable is writes


def test_pool_and_time_reach_the_driver() -> None:
    settings = settings_of(configured("sqlite:///x.db", "database: {pool: {max: 3}, timeout: 7s}"))
    assert (settings.pool_size, settings.statement_timeout) == (3, 7.0)
    assert settings_of(configured("sqlite:///x.db", writable=True)).writable


def test_nothing_said_lays_nothing_over_the_catalog() -> None:
    overlay = overlay_of(configured("sqlite:///x.db"))
    assert (overlay.schemas, overlay.exclude, dict(overlay.names), overlay.relationships) == (None, (), {}, ())


def test_the_sections_that_the_tests_write_are_those_of_the_file() -> None:
    assert Jwt(secret=(Secret(SECRET),)).leeway.total_seconds() == 5
