"""Programs that carry a key, of a table and of the file; and the table, which is nobody's."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from reflector.catalog.model import DatabaseKind
from reflector.database_url import parse_database_url
from reflector.drivers import open_driver
from reflector.drivers.protocol import Settings
from server.config import ConfigError
from tests.apis.postgrest.native import MAKE_ROLES, SCRIPT
from tests.apis.realtime.following import connected
from tests.bookshops import Databases
from tests.changes.capturing import install, uninstall
from tests.server.harness import Served, configured, eventually, reflector, served
from tests.servers import PostgreSQLServer

KEY = "rk_0123456789abcdefghijklmnopqrstuv"
OTHER = "rk_another-key-that-is-long-enough"
ADMIN = "rk_the-key-that-stands-in-the-file-0"
WORDS = {
    DatabaseKind.POSTGRESQL: ("integer PRIMARY KEY", "jsonb", "timestamptz", "boolean", "bytea"),
    DatabaseKind.MARIADB: ("integer PRIMARY KEY", "json", "datetime", "boolean", "varbinary(32)"),
    DatabaseKind.SQLITE: ("integer PRIMARY KEY", "json", "timestamp", "boolean", "blob"),
}
ACCESS = """
roles: {guest: {}, user: {}, admin: {extends: user}}
tables:
  note: {allow: {user: {read: owner == claims.sub}, admin: {read: true}}}
"""
CONFIG = (
    f"""
auth:
  api_keys:
    table: api_key
    columns: {{subject: owner}}
    keys:
      deploy: {{hash: "sha256:{sha256(ADMIN.encode()).hexdigest()}", role: admin, claims: {{org: 7}}}}
  anonymous_role: guest
"""
    + ACCESS
)


def script(kind: DatabaseKind) -> str:
    number, document, moment, flag, raw = WORDS[kind]
    return f"""
        CREATE TABLE api_key (id {number}, key_hash varchar(64) NOT NULL UNIQUE, role varchar(40), owner varchar(40),
            expires_at {moment} NULL, revoked {flag}, claims {document} NULL);
        CREATE TABLE raw_key (id {number}, key_hash {raw} NOT NULL UNIQUE, role varchar(40));
        CREATE TABLE note (id {number}, owner varchar(40), text varchar(40), key_id integer REFERENCES api_key (id));
        INSERT INTO note VALUES (1, 'ann', 'of ann', NULL), (2, 'bob', 'of bob', NULL);
    """


def hashed(key: str) -> str:
    return sha256(key.encode()).hexdigest()


async def run(url: str, *statements: str) -> None:
    """Statements of whoever owns the database."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.executescript(";".join(statements))
        return
    driver = open_driver(parse_database_url(url), Settings(pool_size=1))
    await driver.open()
    try:
        for each in statements:
            await driver.fetch(each)
    finally:
        await driver.close()


@pytest.fixture
def url(databases: Databases, kind: DatabaseKind) -> str:
    true = "true" if kind is DatabaseKind.POSTGRESQL else "1"
    past, future = "2020-01-01 00:00:00", "2999-01-01 00:00:00"
    rows = [
        (1, KEY, "'ann'", "NULL", "NULL", "NULL"),
        (2, OTHER, "'bob'", f"'{future}'", true.replace("true", "false").replace("1", "0"), "'{\"org\": 7}'"),
        (3, KEY + "-ended", "'ann'", f"'{past}'", "NULL", "NULL"),
        (4, KEY + "-revoked", "'ann'", "NULL", true, "NULL"),
        (5, KEY + "-odd", "'ann'", "NULL", "NULL", "'[1]'"),
    ]
    values = ", ".join(f"({n}, '{hashed(k)}', 'user', {', '.join(rest)})" for n, k, *rest in rows)
    unknown = f"(6, '{hashed(KEY + '-nosuch')}', 'nosuch', 'ann', NULL, NULL, NULL)"
    none = f"(7, '{hashed(KEY + '-none')}', NULL, 'ann', NULL, NULL, NULL)"
    digest = sha256(KEY.encode()).hexdigest()
    raw = f"'\\x{digest}'" if kind is DatabaseKind.POSTGRESQL else f"x'{digest}'"
    made = f"INSERT INTO api_key VALUES {values}, {unknown}, {none}; INSERT INTO raw_key VALUES (1, {raw}, 'admin');"
    return databases.database(kind, script(kind) + made)


async def notes(api: Served, headers: Mapping[str, str]) -> list[str]:
    reply = await api.get("/api/note?sort=id", headers)
    assert reply.status == 200, reply.body
    return [each["text"] for each in reply.json["items"]]


async def test_a_key_of_the_table_is_its_owner(url: str) -> None:
    async with served(url, CONFIG) as api:
        assert await notes(api, {"X-API-Key": KEY}) == ["of ann"]
        assert await notes(api, {"Authorization": f"ApiKey {KEY}"}) == ["of ann"]
        assert await notes(api, {"X-API-Key": OTHER}) == ["of bob"]
        assert await notes(api, {"X-API-Key": ADMIN}) == ["of ann", "of bob"]


async def test_whoever_has_no_key_that_holds_is_nobody(url: str) -> None:
    """Unknown, ended, revoked, not understood and too short: one answer, and never the guest's."""
    async with served(url, CONFIG) as api:
        said = set()
        for key in (
            KEY + "x",
            KEY + "-ended",
            KEY + "-revoked",
            KEY + "-odd",
            "short",
            KEY.upper(),
            "x" * 600,
            "ä" * 30,
        ):
            reply = await api.get("/api/note", {"X-API-Key": key, "X-Request-Id": "one"})
            said.add((reply.status, reply.body, reply.headers["WWW-Authenticate"]))
        assert len(said) == 1
        (status, body, challenge), *_ = said
        assert (status, json.loads(body)["code"], challenge) == (401, "invalid_token", "ApiKey")
        assert (await api.get("/api/note", {"X-API-Key": KEY + "-nosuch"})).status == 403
        assert (await api.get("/api/note", {"X-API-Key": KEY + "-none"})).status == 403


async def test_what_an_index_takes_for_the_hash_of_a_key_is_not_its_hash(databases: Databases) -> None:
    """Where letters are compared whatever their size, a row of other letters is found, and is nobody's."""
    made = f"""CREATE TABLE api_key (key_hash varchar(64) COLLATE NOCASE PRIMARY KEY, role varchar(40));
        CREATE TABLE note (id integer PRIMARY KEY);
        INSERT INTO api_key VALUES ('{hashed(KEY).upper()}', 'admin'), ('{hashed(OTHER)}', 'admin');"""
    url = databases.database(DatabaseKind.SQLITE, made)
    rules = "roles: {admin: {}}\ntables: {note: {allow: {admin: {read: true}}}}\n"
    async with served(url, "auth: {api_keys: {table: api_key}}\n" + rules) as api:
        assert (await api.get("/api/note", {"X-API-Key": KEY})).status == 401
        assert (await api.get("/api/note", {"X-API-Key": OTHER})).status == 200


async def test_two_credentials_are_refused_and_the_same_said_twice_is_one(url: str) -> None:
    async with served(url, CONFIG) as api:
        both = {"X-API-Key": KEY, "Authorization": f"ApiKey {OTHER}"}
        assert (await api.get("/api/note", both)).code == "ambiguous_credentials"
        assert (await api.get("/api/note", {"X-API-Key": KEY, "Authorization": f"Bearer {OTHER}"})).status == 400
    supabase = CONFIG.replace("table: api_key", "table: api_key\n    header: apikey")
    async with served(url, supabase) as api:
        client = {"apikey": KEY, "Authorization": f"Bearer {KEY}"}
        assert await notes(api, client) == ["of ann"]
        reply = await api.get("/rest/v1/note?select=text", client)
        assert reply.json == [{"text": "of ann"}]


async def test_a_table_may_hold_the_bytes_of_the_hash(url: str) -> None:
    async with served(url, "auth: {api_keys: {table: raw_key}}" + ACCESS) as api:
        assert await notes(api, {"X-API-Key": KEY}) == ["of ann", "of bob"]
        assert (await api.get("/api/note", {"X-API-Key": OTHER})).status == 401


async def test_a_revoked_key_ends_its_requests_and_its_sockets(url: str) -> None:
    true = "true" if url.startswith("postgres") else "1"
    async with served(url, CONFIG) as api:
        assert await notes(api, {"X-API-Key": KEY}) == ["of ann"]
        async with api.session.ws_connect(f"{api.base}/ws", headers={"X-API-Key": KEY}) as socket:
            await run(url, f"UPDATE api_key SET revoked = {true} WHERE id = 1")

            async def refused() -> bool:
                return (await api.get("/api/note", {"X-API-Key": KEY})).status == 401

            assert await eventually(refused, 10)
            while (message := await socket.receive(timeout=20)).type is aiohttp.WSMsgType.TEXT:
                pass
            assert (message.type, socket.close_code) == (aiohttp.WSMsgType.CLOSE, 4401)


# ── the table is nobody's ────────────────────────────────────────────────────────────────────


async def same(api: Served, path: str, hidden: str, absent: str, **request: Any) -> None:
    """The hidden name is answered as one that is not there."""
    said = []
    for name in (hidden, absent):
        sent = json.loads(json.dumps(request).replace("NAME", name))
        reply = await api.request(sent.pop("method", "GET"), path.replace("NAME", name), **sent)
        said.append((reply.status, reply.body.replace(name.encode(), b"NAME")))
    assert said[0] == said[1]
    assert said[0][0] in {200, 400, 404, 405, 422}


async def test_the_table_of_keys_does_not_exist_for_anybody(url: str) -> None:
    me = {"X-API-Key": ADMIN, "X-Request-Id": "one"}
    opened = CONFIG + '  "*": {allow: {admin: {read: true, create: true, update: true, delete: true}}}\n'
    async with served(url, opened) as api:
        await same(api, "/api/NAME", "api_key", "abc_key", headers=me)
        await same(api, "/api/NAME", "api_key", "abc_key", headers=me, method="POST", json={"id": 9})
        await same(api, "/api/note?include=NAME", "api_key", "abc_key", headers=me)
        await same(api, "/rest/v1/NAME", "api_key", "abc_key", headers=me)
        await same(api, "/rest/v1/NAME?id=eq.1", "api_key", "abc_key", headers=me, method="DELETE")
        await same(api, "/rest/v1/note?select=*,NAME(*)", "api_key", "abc_key", headers=me)
        await same(api, "/graphql", "api_key", "abc_key", headers=me, method="POST", json={"query": "{NAME {id}}"})
        for path in (
            "/api/note?NAME.role=admin",
            "/api/note?sort=NAME.role",
            "/api/note?fields=id,NAME.role",
            "/rest/v1/note?select=id,...NAME(role)",
            "/rest/v1/note?select=id,NAME!key_id(role)",
            "/rest/v1/note?select=id&order=NAME(role)",
            "/rest/v1/note?select=id&NAME.role=eq.admin",
            "/rest/v1/rpc/NAME",
            "/graphql?query={note{NAME{id}}}",
            "/graphql?query={note(where:{NAME:{}}){id}}",
            '/graphql?query={__type(name:"NAME"){name}}',
            "/graphql?query={NAME_aggregate{aggregate{count}}}",
        ):
            await same(api, path, "api_key", "abc_key", headers=me)
        for method in ("OPTIONS", "PUT", "PATCH", "HEAD"):
            for path in ("/api/NAME", "/api/NAME/1", "/rest/v1/NAME?id=eq.1"):
                await same(api, path, "api_key", "abc_key", headers=me, method=method, json={"id": 1})
        documents = ["/openapi.json", "/rest/v1/", "/graphql?query={__schema{types{name}}}"]
        for path in documents:
            reply = await api.get(path, me)
            assert reply.status == 200
            assert b"note" in reply.body
            assert b"api_key" not in reply.body, path


async def test_nobody_hears_of_its_changes(url: str, kind: DatabaseKind) -> None:
    """Neither of the table, nor by a filter that leads there; also where changes of all tables are captured."""
    captured = kind is not DatabaseKind.MARIADB
    if captured:
        await install(url)
    opened = CONFIG + '  "*": {allow: {admin: {read: true}}}\n'
    async with served(url, opened) as api, connected(api, {"X-API-Key": ADMIN}) as client:
        if captured:
            await client.follow("note", "0")
        for asked in ({"table": "{}"}, {"table": "note", "filter": {"{}": {}}}, {"table": "note", "columns": ["{}"]}):
            told = []
            for name in ("api_key", "abc_key"):
                frame = json.loads(json.dumps(asked).replace("{}", name, 1))
                told.append(json.dumps(await client.ask(type="subscribe", id="1", **frame)).replace(name, "NAME"))
            assert told[0] == told[1]
            assert json.loads(told[0])["type"] == "error"
        await run(url, "UPDATE api_key SET role = 'user' WHERE id = 1", "UPDATE note SET text = 'seen' WHERE id = 1")
        if captured:
            assert (await client.changes(1))[0]["new"]["text"] == "seen"
    if captured:
        await uninstall(url)


async def test_every_key_takes_the_same_path(url: str) -> None:
    """Known, unknown, ended and revoked: one look each, by the hash, whose index tells; nothing is compared letter by letter."""
    async with served(url, CONFIG) as api:
        await notes(api, {"X-API-Key": OTHER})
        looked: list[tuple[str, int]] = []
        driver = api.running.engine.driver

        class Looking:
            def __getattr__(self, name: str) -> Any:
                return getattr(driver, name)

            async def run(self, plan: Any, *more: Any) -> Any:
                looked.append((plan.plan.steps[0].text, len(plan.values)))
                return await driver.run(plan, *more)

        api.running.engine.driver = Looking()
        for key in (KEY + "-ended", KEY + "-revoked", KEY + "-nobody's", KEY + "x", "x" * 40):
            assert (await api.get("/openapi.json", {"X-API-Key": key})).status == 401
        assert len(looked) == 5
        assert len(set(looked)) == 1
        [(text, _)] = set(looked)
        assert "key_hash" in text.partition("WHERE")[2]


@pytest.mark.parametrize(
    ("rules", "complaint"),
    [
        ("tables: {api_key: {allow: {user: {read: true}}}}", r"tables.api_key: api_key is read to know who calls"),
        ("tables: {'api_*': {allow: {user: {read: true}}}}", r'tables."api_\*": api_\* is read to know who calls'),
    ],
)
async def test_a_rule_that_opens_it_is_refused(url: str, rules: str, complaint: str) -> None:
    config = "auth: {api_keys: {table: api_key}}\nroles: {user: {}}\n" + rules
    with pytest.raises(ConfigError, match=complaint):
        async with served(url, config):
            pass


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ("{table: api_keys}", "there is no table 'api_keys'.*did you mean 'api_key'"),
        ("{table: api_key, columns: {expires: ends}}", "api_key has no column 'ends'"),
        ("{table: api_key, columns: {key_hash: owner}}", "found by 'owner', which is not unique"),
    ],
)
async def test_a_table_that_cannot_be_read_so_refuses_to_start(url: str, keys: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        async with served(url, f"auth: {{api_keys: {keys}}}\nroles: {{user: {{}}}}"):
            pass


HASH = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ("{}", "auth.api_keys: says nothing"),
        ("{columns: {role: r}}", "auth.api_keys.columns: says nothing without table"),
        ("{table: t, header: Cookie}", "auth.api_keys.header: is a header that means something else"),
        ("{table: t, header: Bearer}", "auth.api_keys.header: is a header that means something else"),
        ("{table: t, header: traceparent}", "auth.api_keys.header: is a header that means something else"),
        ("{keys: {a: {hash: 'sha256:12', role: user}}}", "auth.api_keys.keys.a.hash: must be sha256:"),
        (f"{{keys: {{a: {{hash: '{HASH}', role: usr}}}}}}", "auth.api_keys.keys.a.role: there is no role 'usr'"),
        (f"{{keys: {{a: {{hash: '{HASH}'}}}}}}", "auth.api_keys.keys.a.role: is required"),
        (f"{{keys: {{a: &k {{hash: '{HASH}', role: user}}, b: *k}}}}", "auth.api_keys.keys.b.hash: is the key of 'a'"),
        (f"{{keys: {{a: {{hash: '{HASH}', role: user, expires: soon}}}}}}", "keys.a.expires: must be a day such as"),
        ("{table: t, hash: md5}", "auth.api_keys.hash: must be 'sha256'"),
        ("{table: t, default_role: usr}", "auth.api_keys.default_role: there is no role 'usr'"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(keys: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        configured("sqlite:///x.db", f"auth: {{api_keys: {keys}}}\nroles: {{user: {{}}}}")


async def test_a_key_of_the_file_ends_with_its_day(bookshop: str) -> None:
    today = dt.datetime.now(dt.UTC).date()
    for day, status in ((today + dt.timedelta(days=1), 200), (today - dt.timedelta(days=2), 401)):
        key = f'{{hash: "sha256:{hashed(KEY)}", role: user, expires: "{day}"}}'
        config = f"auth: {{api_keys: {{keys: {{a: {key}}}}}}}\nroles: {{user: {{}}}}\ndefaults: {{read: true}}"
        async with served(bookshop, config) as api:
            assert (await api.get("/api/book?limit=1", {"X-API-Key": KEY})).status == status


async def test_where_the_database_decides_a_key_names_one_of_its_roles(
    databases: Databases, postgresql_server: PostgreSQLServer
) -> None:
    """Its login reads the table, and no role sees it, though one was granted all of it."""
    postgresql_server.run("postgres", MAKE_ROLES)
    made = f"""{SCRIPT}
        CREATE TABLE api.api_key (key_hash text PRIMARY KEY, role text, subject text);
        INSERT INTO api.api_key VALUES ('{hashed(KEY)}', 'author', 'ann'), ('{hashed(OTHER)}', 'postgres', 'bob');
        GRANT USAGE ON SCHEMA api TO gatekeeper;
        GRANT SELECT ON api.api_key TO gatekeeper;
        GRANT ALL ON api.api_key TO author;
    """
    url = databases.database(DatabaseKind.POSTGRESQL, made).replace("//postgres@", "//gatekeeper@")
    config = "auth: {enforce: database, api_keys: {table: api_key}}\npostgrest: {db_schemas: [api]}\n"
    async with served(url, config) as api:
        me = {"X-API-Key": KEY}
        assert [each["id"] for each in (await api.get("/rest/v1/note?order=id", me)).json] == [1, 3]
        assert (await api.get("/rest/v1/told?select=role", me)).json == [{"role": "author"}]
        assert (await api.get("/api/note", {"X-API-Key": OTHER})).code == "forbidden"
        assert (await api.get("/rest/v1/note", {"X-API-Key": OTHER + "x"})).status == 401
        assert (await api.get("/rest/v1/note")).status == 401
        await same(api, "/rest/v1/NAME", "api_key", "abc_key", headers=me)
        await same(api, "/rest/v1/NAME?role=eq.author", "api_key", "abc_key", headers=me, method="DELETE")
        assert b"api_key" not in (await api.get("/rest/v1/", me)).body
        assert b"api_key" not in (await api.get("/openapi.json", me)).body


def test_a_configuration_with_tables_of_its_own_is_tried_like_any_other(
    databases: Databases, kind: DatabaseKind, tmp_path: Path
) -> None:
    people = "CREATE TABLE person (username varchar(40) PRIMARY KEY, password_hash varchar(200), role varchar(40));"
    url = databases.database(kind, script(kind) + people)
    file = tmp_path / "config.yaml"
    config = CONFIG.replace(
        "  anonymous_role",
        "  basic: {table: person}\n  jwt: {secret: a-key-of-forty-letters-at-the-least-00}\n  anonymous_role",
    )
    file.write_text(f"version: 1\n{config}")
    assert reflector("check", url, "--config", str(file))[0] == 0
    file.write_text(f"version: 1\n{config.replace('table: person', 'table: persons')}")
    status, _, said = reflector("check", url, "--config", str(file))
    assert (status, "there is no table 'persons'" in said) == (2, True)


def test_the_command_makes_a_key_and_its_hash() -> None:
    status, told, _ = reflector("token", "--api-key")
    key, hash_ = (line.split()[1] for line in told.splitlines())
    assert (status, hash_, len(key) > 40) == (0, f"sha256:{hashed(key)}", True)
    assert reflector("token", "--api-key")[1] != told
    status, told, said = reflector("token", "--api-key", "--role", "user")
    assert (status, told) == (2, "")
    assert "--api-key" in said


# ── views of the table ───────────────────────────────────────────────────────────────────────

VIEWS = """
    CREATE VIEW owners AS SELECT id, owner FROM api_key;
    CREATE VIEW latest AS SELECT o.id, n.text FROM owners o JOIN note n ON n.id = o.id;
    CREATE VIEW others AS SELECT id, text FROM note;
"""


async def test_a_view_of_the_table_is_opened_by_its_name_alone(
    databases: Databases, kind: DatabaseKind, caplog: pytest.LogCaptureFixture
) -> None:
    url = databases.database(kind, script(kind) + VIEWS)
    me = {"X-API-Key": ADMIN, "X-Request-Id": "one"}
    for opened in (
        '  "*": {allow: {admin: {read: true}}}\n  "o*": {allow: {admin: {read: true}}}\n',
        "defaults: {read: true, write: true}\n",
    ):
        async with served(url, CONFIG + opened) as api:
            assert (await api.get("/api/others", me)).status == 200
            for view in ("owners", "latest"):
                assert (await api.get(f"/api/{view}", me)).code == "unknown_table"
                assert (await api.get(f"/rest/v1/{view}", me)).status == 404
                asked = await api.post("/graphql", {"query": f"{{{view} {{id}}}}"}, me)
                assert "errors" in asked.json
                assert view not in (await api.get("/openapi.json", me)).body.decode()
    assert "read to know who calls" not in caplog.text
    named = '  "*": {allow: {admin: {read: true}, user: {read: true}}}\n  latest: {allow: {user: {read: true}}}\n'
    caplog.clear()
    async with served(url, CONFIG + named) as api:
        assert (await api.get("/api/latest", {"X-API-Key": ADMIN})).status == 200  # who extends the user
        assert (await api.get("/api/owners", me)).status == 404
    assert "latest shows a table that is read to know who calls" in caplog.text
    assert "owners shows" not in caplog.text
