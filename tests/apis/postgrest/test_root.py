"""The document at the root: valid, as it was agreed, of whoever asks, and switched by its settings."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from openapi_spec_validator import OpenAPIV2SpecValidator, OpenAPIV31SpecValidator

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest.native import MAKE_ROLES, SECRET, bearer
from tests.bookshops import Databases
from tests.server.harness import Reply, Served, served
from tests.servers import PostgreSQLServer

GOLDEN = Path(__file__).parents[2] / "golden" / "postgrest.json"
NEWER = {"Accept": "application/openapi+json;version=3.1"}
ROOT = "/rest/v1/"
RULES = f"""
auth: {{jwt: {{secret: {SECRET}}}, anonymous_role: guest}}
roles: {{guest: {{}}, clerk: {{extends: guest}}, writer: {{}}}}
tables:
  "*": {{columns: {{"*_secret": hidden}}}}
  book:
    allow:
      guest: {{read: status == 'published', columns: [id, title, publisher_code]}}
      clerk:
        read: true
        columns: [id, price]
        create: {{check: true, columns: [title, price], presets: {{isbn: "'0'", publisher_code: "'ACME'"}}}}
        update: {{filter: true, columns: [price]}}
  author: {{allow: {{clerk: {{read: true}}}}}}
  review: {{allow: {{writer: {{create: {{check: true, columns: [rating]}}}}}}}}
"""


def token(*roles: str) -> dict[str, str]:
    claims = {"role": list(roles), "sub": "7", "exp": int(time.time()) + 86_400}
    return {"Authorization": "Bearer " + jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))}


async def document_of(api: Served, headers: Mapping[str, str] | None = None, root: str = ROOT) -> dict[str, Any]:
    reply = await api.get(root, headers)
    assert reply.status == 200, reply.body
    found: dict[str, Any] = reply.json
    return found


def check(document: Mapping[str, Any]) -> None:
    """Hold a document against its own specification."""
    validator = OpenAPIV2SpecValidator if "swagger" in document else OpenAPIV31SpecValidator
    assert [str(each)[:300] for each in validator(document).iter_errors()] == []


@pytest.fixture
async def writable_shop(kind: DatabaseKind, shops: Mapping[DatabaseKind, str]) -> AsyncIterator[Served]:
    """Open for reading and writing; no test here writes."""
    async with served(shops[kind], writable=True) as api:
        yield api


# ── what is in it ────────────────────────────────────────────────────────────────────────────


async def test_both_documents_are_valid_and_tell_of_the_same(writable_shop: Served) -> None:
    older, newer = await document_of(writable_shop), await document_of(writable_shop, NEWER)
    check(older)
    check(newer)
    assert (older["swagger"], newer["openapi"]) == ("2.0", "3.1.0")
    assert older["paths"].keys() == newer["paths"].keys()
    for path, item in older["paths"].items():
        assert item.keys() == newer["paths"][path].keys()
    assert len(older["definitions"]) == len(newer["components"]["schemas"])


async def test_every_path_and_parameter_is_one_that_is_served(writable_shop: Served) -> None:
    document = await document_of(writable_shop)
    tables = [path for path in document["paths"] if path != "/" and not path.startswith("/rpc/")]
    assert len(tables) > 10
    for path in tables:
        named = document["paths"][path]
        allowed = (await writable_shop.request("OPTIONS", f"/rest/v1{quote(path)}")).headers["Allow"]
        offered = {each.lower() for each in allowed.split(",")}
        assert named.keys() == offered - {"options", "head", "put"}, path
        reply = await writable_shop.get(f"/rest/v1{quote(path)}?limit=1")
        assert reply.status == 200
        assert {name for row in reply.json for name in row} <= document["definitions"][path[1:]]["properties"].keys()


async def test_it_is_the_one_that_was_agreed(shops: Mapping[DatabaseKind, str]) -> None:
    """UPDATE_GOLDEN=1 writes what is made now; the change is then for people to judge."""
    async with served(shops[DatabaseKind.SQLITE], writable=True) as api:
        whole = await document_of(api)
    whole["info"]["version"] = "0"
    made = lines(whole)
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(made)
    assert made == GOLDEN.read_text()


def lines(document: Mapping[str, Any]) -> str:
    """JSON with a line for each path, definition and parameter, so that a difference shows where it is."""
    spread = {"paths", "definitions", "parameters"}
    members = [
        f"{json.dumps(name)}: {_spread(each) if name in spread else json.dumps(each, ensure_ascii=False)}"
        for name, each in document.items()
    ]
    return "{\n" + ",\n".join(members) + "\n}\n"


def _spread(members: Mapping[str, Any]) -> str:
    return "{\n" + ",\n".join(json.dumps({name: each})[1:-1] for name, each in members.items()) + "\n}"


# ── of whom ──────────────────────────────────────────────────────────────────────────────────

HIDDEN = ("isbn", "price", "weight", "author", "book_author", "customer", "review", "order_line", "login_secret")


async def test_what_a_role_may_not_use_is_not_in_its_document(shops: Mapping[DatabaseKind, str]) -> None:
    async with served(shops[DatabaseKind.SQLITE], RULES) as api:
        for accept in ({}, NEWER):
            text = json.dumps(await document_of(api, accept))
            assert [name for name in HIDDEN if re.search(rf"\b{name}\b", text)] == []
        guest, clerk = await document_of(api), await document_of(api, token("clerk"))
        writer = await document_of(api, token("writer"))
    for each in (guest, clerk, writer):
        check(each)
    assert (guest["paths"]["/book"].keys(), clerk["paths"]["/book"].keys()) == ({"get"}, {"get", "post", "patch"})
    assert guest["definitions"]["book"]["properties"].keys() == {"id", "title", "publisher_code"}
    assert clerk["definitions"]["book"]["properties"].keys() == {"id", "title", "publisher_code", "price"}
    # A clerk sees the titles of some books alone.
    assert (guest["definitions"]["book"]["required"], clerk["definitions"]["book"]["required"]) == (
        ["id", "title", "publisher_code"],
        ["id", "price"],
    )
    assert "<fk " not in json.dumps(guest)
    assert writer["paths"].keys() == {"/", "/review"}
    assert [name for name in writer["parameters"] if name.startswith("rowFilter")] == []


async def test_privileges_are_ignored_where_the_setting_says_so(shops: Mapping[DatabaseKind, str]) -> None:
    mode = "postgrest: {openapi_mode: ignore-privileges}\n"
    async with served(shops[DatabaseKind.SQLITE], mode + RULES) as api:
        guest, clerk = await document_of(api), await document_of(api, token("clerk"))
    assert guest == clerk
    assert guest["paths"].keys() == {"/", "/book", "/author", "/review"}
    assert "login_secret" not in json.dumps(guest)


async def test_it_can_be_switched_off(sqlite_url: str) -> None:
    async with served(sqlite_url, "postgrest: {openapi_mode: disabled}") as api:
        reply = await api.get(ROOT)
        assert (reply.status, reply.code) == (404, "PGRST126")
        assert (await api.get("/rest/v1/book?limit=1")).status == 200


@pytest.fixture
def sqlite_url(shops: Mapping[DatabaseKind, str]) -> str:
    return shops[DatabaseKind.SQLITE]


# ── how it is asked for ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("accept", "version"),
    [
        (None, "2.0"),
        ("*/*", "2.0"),
        ("application/json", "2.0"),
        ("application/openapi+json", "2.0"),
        ("application/openapi+json;version=2.0", "2.0"),
        ("application/openapi+json; version=3.1", "3.1.0"),
        ("application/openapi+json;version=4, application/openapi+json;version=3.1.0;q=0.5", "3.1.0"),
        ("text/html, application/json;q=0.1", "2.0"),
    ],
)
async def test_which_document_is_answered(sqlite_shop: Served, accept: str | None, version: str) -> None:
    for root in (ROOT, "/rest/v1"):
        reply = await sqlite_shop.get(root, {} if accept is None else {"Accept": accept})
        assert reply.status == 200
        assert version in {reply.json.get("swagger"), reply.json.get("openapi")}
        told = reply.headers["Content-Type"].replace(";version=3.1", "" if version == "2.0" else ";version=3.1")
        newer = "" if version == "2.0" else ";version=3.1"
        assert told == f"application/openapi+json{newer}; charset=utf-8"


async def test_other_methods_and_types(sqlite_shop: Served) -> None:
    for accept in ("text/csv", "application/openapi+json;version=4"):
        reply = await sqlite_shop.get(ROOT, {"Accept": accept})
        assert (reply.status, reply.code) == (406, "PGRST107")
    assert (await sqlite_shop.request("OPTIONS", ROOT)).headers["Allow"] == "OPTIONS,GET,HEAD"
    head = await sqlite_shop.request("HEAD", ROOT)
    assert (head.status, head.body, "Content-Length" in head.headers) == (200, b"", False)
    assert head.headers["Content-Type"] == "application/openapi+json; charset=utf-8"
    for method in ("POST", "PATCH", "DELETE", "PUT"):
        reply = await sqlite_shop.request(method, ROOT)
        assert (reply.status, reply.code) == (405, "PGRST117")


async def test_where_it_says_that_the_api_is(sqlite_url: str) -> None:
    async with served(sqlite_url) as api:
        plain = await document_of(api)
        newer = await document_of(api, NEWER)
    assert (plain["basePath"], "host" in plain, "securityDefinitions" in plain) == ("/rest/v1", False, False)
    assert newer["servers"] == [{"url": "/rest/v1"}]
    said = "server: {url: https://own.example}\npostgrest: {path: /, openapi_security_active: true}"
    async with served(sqlite_url, said) as api:
        own = await document_of(api, root="/")
        newer = await document_of(api, NEWER, root="/")
    assert (own["host"], own["basePath"], own["schemes"]) == ("own.example", "/", ["https"])
    assert own["security"] == newer["security"] == [{"JWT": []}]
    assert own["securityDefinitions"]["JWT"]["type"] == "apiKey"
    proxied = "postgrest: {openapi_server_proxy_uri: 'https://api.example:8443/v1'}"
    async with served(sqlite_url, proxied) as api:
        found = await document_of(api)
    assert (found["host"], found["basePath"], found["schemes"]) == ("api.example:8443", "/v1", ["https"])


# ── PostgreSQL's own words, functions and grants ─────────────────────────────────────────────

SCRIPT = """
CREATE SCHEMA api;
CREATE SCHEMA more;
COMMENT ON SCHEMA api IS E'A library\\n\\nof notes';
CREATE TYPE api.state AS ENUM ('draft', 'done');
CREATE TABLE api.shelf (id integer PRIMARY KEY);
CREATE TABLE api.note (
    id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, shelf_id integer REFERENCES api.shelf, parent integer,
    code varchar(8) NOT NULL DEFAULT 'it''s', state api.state NOT NULL DEFAULT 'draft', worth numeric(8, 2) DEFAULT 1.5,
    pages integer DEFAULT -1, seen boolean DEFAULT true, made timestamptz DEFAULT now(), tags text[] DEFAULT '{}',
    facts jsonb, "limit" integer, "a/b c" text);
COMMENT ON TABLE api.note IS E'Notes of people\\n\\nin many words';
COMMENT ON COLUMN api.note.shelf_id IS 'Where it stands';
COMMENT ON COLUMN api.note.code IS 'Its code';
CREATE TABLE api.secret (id integer PRIMARY KEY, hush text);
CREATE TABLE more.other (id integer PRIMARY KEY);
CREATE VIEW api.shown AS SELECT id AS note_id, shelf_id FROM api.note;
CREATE FUNCTION api.add(a integer, b integer DEFAULT 1) RETURNS integer LANGUAGE sql STABLE AS 'SELECT a + b';
CREATE FUNCTION api.add(a integer, b integer, c integer) RETURNS integer LANGUAGE sql AS 'SELECT a + b + c';
CREATE FUNCTION api.change(word text, VARIADIC rest int[]) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION api.joined(VARIADIC words text[]) RETURNS text LANGUAGE sql STABLE AS 'SELECT words[1]';
CREATE FUNCTION api.whole(jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION api.unlisted() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION api.denied() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION api.start(word text DEFAULT 'none') RETURNS json LANGUAGE sql STABLE
    AS $$ SELECT json_build_object('swagger', '2.0', 'word', word) $$;
COMMENT ON FUNCTION api.change(text, int[]) IS E'Changes\\neverything';
REVOKE EXECUTE ON FUNCTION api.denied FROM PUBLIC;
GRANT USAGE ON SCHEMA api, more TO web_anon, author;
GRANT SELECT ON api.note TO web_anon;
GRANT SELECT ON api.shown TO author;
GRANT SELECT, INSERT, UPDATE, DELETE ON api.note, api.shelf, more.other TO author;
"""
CONFIG = f"""
auth: {{enforce: database}}
functions:
  add: {{allow: [web_anon, author]}}
  change: {{allow: author}}
  joined: {{allow: author}}
  whole: {{allow: author}}
  denied: {{allow: author}}
  start: {{allow: author}}
tables: {{"*": {{columns: {{hush: hidden}}}}}}
postgrest:
  db_schemas: [api, more]
  db_anon_role: web_anon
  jwt_secret: {SECRET}
"""


@pytest.fixture(scope="module")
def library(postgresql_server: PostgreSQLServer, databases: Databases) -> str:
    postgresql_server.run("postgres", MAKE_ROLES)
    return databases.database(DatabaseKind.POSTGRESQL, SCRIPT).replace("//postgres@", "//gatekeeper@")


async def test_comments_types_defaults_and_notes(library: str) -> None:
    async with served(library, CONFIG) as api:
        document = await document_of(api, bearer("author"))
        reply = await api.get(ROOT, bearer("author"))
        newer = await document_of(api, bearer("author") | NEWER)
    check(document)
    check(newer)
    assert reply.headers["Content-Profile"] == "api"
    assert (document["info"]["title"], document["info"]["description"]) == ("A library", "of notes")
    operation, note = document["paths"]["/note"]["get"], document["definitions"]["note"]
    assert (operation["summary"], operation["description"]) == ("Notes of people", "in many words")
    assert note["description"] == "Notes of people\n\nin many words"
    assert note["required"] == ["id", "code", "state"]
    assert note["properties"] == {
        "id": {"description": "Note:\nThis is a Primary Key.<pk/>", "format": "bigint", "type": "integer"},
        "shelf_id": {
            "description": "Where it stands\n\nNote:\nThis is a Foreign Key to `shelf.id`.<fk table='shelf' column='id'/>",
            "format": "integer",
            "type": "integer",
        },
        "parent": {"format": "integer", "type": "integer"},
        "code": {
            "description": "Its code",
            "format": "character varying",
            "type": "string",
            "maxLength": 8,
            "default": "it's",
        },
        "state": {"format": "api.state", "type": "string", "enum": ["draft", "done"], "default": "draft"},
        "worth": {"format": "numeric", "type": "number", "default": 1.5},
        "pages": {"format": "integer", "type": "integer", "default": -1},
        "seen": {"format": "boolean", "type": "boolean", "default": True},
        "made": {"format": "timestamp with time zone", "type": "string", "default": "now()"},
        "tags": {"format": "text[]", "type": "array", "items": {"type": "string"}},
        "facts": {"format": "jsonb"},
        "limit": {"format": "integer", "type": "integer"},
        "a/b c": {"format": "text", "type": "string"},
    }
    assert document["parameters"]["rowFilter.note.code"] == {
        "name": "code",
        "description": "Its code",
        "required": False,
        "in": "query",
        "type": "string",
    }
    filters = [each["$ref"] for each in operation["parameters"] if "rowFilter" in each["$ref"]]
    assert "#/parameters/rowFilter.note.a~1b%20c" in filters
    assert "#/parameters/rowFilter.note.limit" not in filters
    assert "`shelf.id`" in document["definitions"]["shown"]["properties"]["shelf_id"]["description"]


async def test_functions_are_told_as_they_are_called(library: str) -> None:
    async with served(library, CONFIG) as api:
        document = await document_of(api, bearer("author"))
        newer = await document_of(api, bearer("author") | NEWER)
        without = await api.get("/rest/v1/rpc/joined", bearer("author"))  # PostgreSQL has no way to call it so
        assert (without.status, without.json["code"]) == (404, "PGRST202")
    paths = document["paths"]
    assert {path for path in paths if path.startswith("/rpc/")} == {
        "/rpc/add",
        "/rpc/change",
        "/rpc/joined",
        "/rpc/whole",
        "/rpc/start",
    }
    assert (paths["/rpc/change"].keys(), paths["/rpc/add"].keys()) == ({"post"}, {"get", "post"})
    assert paths["/rpc/add"]["get"]["parameters"] == [
        {"name": "a", "required": True, "in": "query", "type": "integer", "format": "integer"},
        {"name": "b", "required": False, "in": "query", "type": "integer", "format": "integer"},
    ]
    (args,) = paths["/rpc/add"]["post"]["parameters"]
    assert (args["schema"]["required"], args["schema"]["properties"].keys()) == (["a"], {"a", "b", "c"})
    assert (paths["/rpc/change"]["post"]["summary"], paths["/rpc/change"]["post"]["description"]) == (
        "Changes",
        "everything",
    )
    (words,) = paths["/rpc/joined"]["get"]["parameters"]
    assert (words["type"], words["collectionFormat"], words["required"]) == ("array", "multi", True)
    assert paths["/rpc/whole"]["post"]["parameters"][0]["schema"] == {"format": "jsonb"}
    assert newer["paths"]["/rpc/add"]["post"]["requestBody"]["content"].keys() == {"application/json"}


async def test_grants_decide_what_is_told(library: str) -> None:
    async with served(library, CONFIG) as api:
        anybody, author = await document_of(api), await document_of(api, bearer("author"))
        other = await document_of(api, bearer("author") | {"Accept-Profile": "more"})
        unknown = await api.get(ROOT, {"Accept-Profile": "none"})
    assert anybody["paths"].keys() == {"/", "/note", "/rpc/add"}
    assert anybody["paths"]["/note"].keys() == {"get"}
    assert "shelf.id" not in json.dumps(anybody)
    assert {"/note", "/shelf", "/shown"} < author["paths"].keys()
    assert other["paths"].keys() == {"/", "/other"}
    assert (unknown.status, unknown.code) == (406, "PGRST106")
    async with served(library, CONFIG + "  openapi_mode: ignore-privileges\n") as api:
        every = await document_of(api)
    assert {"/secret", "/rpc/denied", "/shelf"} < every["paths"].keys()
    assert "/rpc/unlisted" not in every["paths"]
    assert "hush" not in json.dumps(every)


async def test_a_function_answers_in_its_place(library: str) -> None:
    async with served(library, CONFIG + "  db_root_spec: start\n  openapi_mode: disabled\n") as api:

        async def asked(query: str = "", **headers: str) -> Reply:
            return await api.get(ROOT + query, {**bearer("author"), **headers})

        plain, spoken = await asked(), await asked("?word=said")
        assert (plain.status, plain.json["word"], spoken.json["word"]) == (200, "none", "said")
        assert plain.headers["Content-Type"] == "application/json; charset=utf-8"
        assert (plain.headers["Content-Location"], spoken.headers["Content-Location"]) == ("/", "/?word=said")
        openapi = await asked(Accept="application/openapi+json")
        assert (openapi.status, openapi.headers["Content-Type"]) == (200, "application/openapi+json; charset=utf-8")
        head = await api.request("HEAD", ROOT, bearer("author"))
        assert (head.status, head.body) == (200, b"")
        untyped, unknown = await asked(Accept="*/*"), await asked(Accept="text/html")
        assert untyped.headers["Content-Type"] == "application/json; charset=utf-8"
        assert (unknown.status, unknown.code) == (406, "PGRST107")
        closed, posted = await api.get(ROOT), await api.post(ROOT, {}, bearer("author"))
        assert (closed.status, closed.code) == (404, "PGRST202")
        assert (posted.status, posted.code) == (405, "PGRST117")
    async with served(library, CONFIG + "  db_root_spec: api.denied\n") as api:
        denied = await api.get(ROOT, bearer("author"))
        assert (denied.status, denied.code) == (403, "42501")


# ── names that stand in types and defaults ───────────────────────────────────────────────────

NAMING = """
CREATE TABLE vault (id int PRIMARY KEY, word text);
CREATE SEQUENCE vault_seq;
CREATE FUNCTION vault_word() RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$;
CREATE TABLE plain (id int PRIMARY KEY);
CREATE TABLE open (
    id int PRIMARY KEY, word text DEFAULT vault_word(), number text DEFAULT ('A' || nextval('vault_seq')),
    of text DEFAULT (('vault'::regclass)::text || now()), made timestamptz DEFAULT now(), lower text DEFAULT lower('A'),
    kept vault, all_kept vault[], seen plain);
CREATE FUNCTION told(vault) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1.word';
CREATE FUNCTION told_twice(v vault, n int) RETURNS text LANGUAGE sql STABLE AS 'SELECT v.word';
CREATE FUNCTION several(v vault) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION several(v vault[]) RETURNS int LANGUAGE sql STABLE AS 'SELECT 2';
CREATE FUNCTION plainly(plain) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1.id';
"""
NAMES = f"""
auth: {{jwt: {{secret: {SECRET}}}, anonymous_role: guest}}
roles: {{guest: {{}}}}
tables: {{open: {{allow: {{guest: {{read: true}}}}}}, plain: {{allow: {{guest: {{read: true}}}}}}}}
functions: {{told: {{allow: guest}}, told_twice: {{allow: guest}}, plainly: {{allow: guest}}, several: {{allow: guest}}}}
postgrest: {{db_aggregates_enabled: true}}
"""


@pytest.fixture(scope="module")
def naming_url(databases: Databases) -> str:
    return databases.database(DatabaseKind.POSTGRESQL, NAMING)


@pytest.fixture
async def naming(naming_url: str) -> AsyncIterator[Served]:
    async with served(naming_url, NAMES) as api:
        yield api


@pytest.mark.parametrize("headers", [None, NEWER])
async def test_types_and_defaults_name_nothing_that_is_hidden(naming: Served, headers: dict[str, str] | None) -> None:
    reply = await naming.get(ROOT, headers)
    assert b"vault" not in reply.body
    check(reply.json)
    definitions = reply.json["definitions"] if headers is None else reply.json["components"]["schemas"]
    found = definitions["open"]["properties"]
    assert (found["made"]["default"], found["lower"]["default"]) == ("now()", "lower('A'::text)")
    assert (found["kept"], found["seen"]) == ({"type": "string"}, {"format": "plain", "type": "string"})
    assert {"/rpc/told", "/rpc/told_twice", "/rpc/plainly"} <= reply.json["paths"].keys()


@pytest.mark.parametrize(
    "asked",
    [
        *("/rest/v1/open?kept=eq.x", "/rest/v1/open?kept=in.(x)", "/rest/v1/open?kept=is.true", "/rest/v1/open?kept=like.x"),
        *("/rest/v1/open?kept=cs.x", "/rest/v1/open?all_kept=eq.x", "/rest/v1/open?select=kept.sum()", "/rest/v1/open?kept=fts.x"),
        *("/rest/v1/rpc/told_twice?v=x&n=1", "/rest/v1/rpc/several?v=x", "/api/open?kept=x", "/api/open?sort=kept"),
        *("/api/open?filter=%7B%22kept%22%3A%7B%22_eq%22%3A%22x%22%7D%7D", "/rest/v1/open?order=kept->x&kept->>a->b=eq.1"),
    ],
)  # fmt: skip
async def test_no_error_names_the_table_of_a_type(naming: Served, asked: str) -> None:
    reply = await naming.get(asked)
    assert 300 <= reply.status < 500
    assert b"vault" not in reply.body
