"""A program's key beside the token of the person who uses it: both hold, and the person alone counts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from aiohttp import WSServerHandshakeError
from multidict import CIMultiDict

from reflector.access.principal import Principal
from reflector.catalog.model import DatabaseKind
from server.apis.realtime import socket
from server.auth.frame import Authenticator, Open
from server.auth.method import InHeader, Proof, in_authorization
from server.config import ConfigError
from server.context import Credential
from server.problems import AmbiguousCredentials
from tests.apis.postgrest.test_clients import cases, failures
from tests.apis.realtime.following import connected
from tests.bookshops import Databases
from tests.changes.capturing import install, writer
from tests.server.harness import Served, configured, served
from tests.server.issuers import ONE, TWO, pem, signed
from tests.server.test_frame import GUEST, Names, asking, told

KEY = "rk_the-key-of-a-program-of-ours"
MIGHTY = "rk_the-key-of-a-mighty-program"
REVOKED = "rk_the-key-of-a-program-that-was"
UNKNOWN = "rk_the-key-of-nobody-whatsoever"


def hashed(key: str) -> str:
    return sha256(key.encode()).hexdigest()


SCHEMA = f"""
CREATE TABLE api_key (key_hash VARCHAR(64) PRIMARY KEY, role VARCHAR(40) NOT NULL, subject VARCHAR(40), revoked VARCHAR(5));
CREATE TABLE note (id INTEGER PRIMARY KEY, owner VARCHAR(40) NOT NULL, text VARCHAR(40) NOT NULL);
INSERT INTO api_key VALUES ('{hashed(KEY)}', 'program', 'shop', NULL), ('{hashed(MIGHTY)}', 'admin', 'ann', NULL),
  ('{hashed(REVOKED)}', 'program', 'shop', 'true');
INSERT INTO note VALUES (1, '', 'of everybody'), (2, 'ann', 'of ann'), (3, 'bob', 'of bob');
"""
RULES = """
roles: {program: {}, user: {}, admin: {}}
tables:
  note:
    allow:
      program: {read: owner == '', create: {check: owner == ''}, delete: owner == ''}
      user: {read: owner == claims.sub}
      admin: {read: true}
"""
ASKED: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("/api/note?fields=text&sort=id", lambda body: body["items"]),
    ("/rest/v1/note?select=text&order=id", lambda body: body),
    ("/graphql?query={note(order_by:{id:asc}){text}}", lambda body: body["data"]["note"]),
)


def config(**keys: Any) -> str:
    keys = {"table": "api_key", "header": "apikey", "with_token": "person", **keys}
    return f"auth: {json.dumps({'jwt': {'keys': pem(ONE)}, 'api_keys': keys})}\n{RULES}"


def token(subject: str = "ann", *roles: str, by: Any = ONE) -> str:
    return signed(by, "RS256", sub=subject, role=list(roles) or "user")


def pair(key: str, bearer: str, header: str = "apikey") -> dict[str, str]:
    return {header: key, "Authorization": f"Bearer {bearer}"}


async def seen(api: Served, headers: Any) -> list[str] | int:
    """The texts of the notes that are seen, the same by each API, or the status."""
    found: list[list[str] | int] = []
    for path, inside in ASKED:
        reply = await api.get(path, CIMultiDict([*headers.items(), ("Accept", "application/json")]))
        good = reply.status == 200 and "errors" not in reply.json
        found.append([row["text"] for row in inside(reply.json)] if good else reply.status)
    assert all(each == found[0] for each in found), found
    return found[0]


@pytest.fixture
def url(databases: Databases, kind: DatabaseKind) -> str:
    return databases.database(kind, SCHEMA)


@pytest.fixture
def lite(databases: Databases) -> str:
    return databases.database(DatabaseKind.SQLITE, SCHEMA)


# ── both hold ────────────────────────────────────────────────────────────────────────────────


async def test_the_person_counts_alone_and_both_must_hold(url: str) -> None:
    async with served(url, config()) as api:
        assert await seen(api, {"apikey": KEY}) == ["of everybody"]
        assert await seen(api, pair(KEY, KEY)) == ["of everybody"]
        for _ in range(2):  # what is remembered is no other answer
            assert await seen(api, {"Authorization": f"Bearer {token()}"}) == ["of ann"]
            # Neither what the key may, nor whose it is, nor less than the person has.
            for key in (KEY, MIGHTY):
                assert await seen(api, pair(key, token())) == ["of ann"], key
                assert await seen(api, pair(key, token("bob"))) == ["of bob"], key
            assert await seen(api, pair(KEY, token("eve", "admin"))) == ["of everybody", "of ann", "of bob"]
            for key in (UNKNOWN, REVOKED, "short", ""):
                assert await seen(api, pair(key, token())) == 401, key
            for bearer in (token(by=TWO), token() + "x", UNKNOWN, MIGHTY, "", signed(ONE, "RS256", exp=1)):
                assert await seen(api, pair(KEY, bearer)) == 401, bearer


async def test_a_role_is_chosen_among_the_person_s(url: str) -> None:
    async with served(url, config()) as api:
        both = pair(MIGHTY, token("ann", "user", "program"))
        assert await seen(api, both) == ["of everybody", "of ann"]
        assert await seen(api, {**both, "X-Role": "user"}) == ["of ann"]
        for header in ("X-Role", "X-Hasura-Role"):
            reply = await api.get("/api/note", {**both, header: "admin"})
            assert (reply.status, reply.code) == (403, "forbidden")


async def test_what_the_key_may_write_the_person_may_not(url: str) -> None:
    async with served(url, config()) as api:
        note = {"id": 9, "owner": "", "text": "new"}
        for path in ("/api/note", "/rest/v1/note"):
            refused = await api.request("POST", path, pair(KEY, token()), json=note)
            assert refused.status == 403, refused.body
        assert (await api.request("POST", "/api/note", {"apikey": KEY}, json=note)).status == 201
        assert (await api.request("DELETE", "/api/note/9", pair(KEY, token()))).status == 403
        assert (await api.request("DELETE", "/api/note/9", {"apikey": KEY})).status == 204


async def test_a_key_of_the_file_and_another_header_are_a_pair_as_well(lite: str) -> None:
    keys = {"deploy": {"hash": f"sha256:{hashed(UNKNOWN)}", "role": "program"}}
    async with served(lite, config(header="X-API-Key", keys=keys)) as api:
        assert await seen(api, pair(UNKNOWN, token(), "X-API-Key")) == ["of ann"]
        assert await seen(api, {**pair(UNKNOWN, token(), "X-API-Key"), "apikey": "of a gateway"}) == ["of ann"]
        # In another header than `apikey` one text is no credential that is said twice.
        assert await seen(api, pair(UNKNOWN, UNKNOWN, "X-API-Key")) == 401


async def test_where_the_database_decides_the_person_s_role_is_taken(databases: Databases) -> None:
    made = f"""
        CREATE SCHEMA api;
        CREATE TABLE api.api_key (key_hash text PRIMARY KEY, role text);
        CREATE TABLE api.note (id integer PRIMARY KEY, role name DEFAULT current_user);
        CREATE VIEW api.told AS SELECT current_user::text AS role;
        DO $$ BEGIN
          CREATE ROLE pair_login LOGIN; CREATE ROLE pair_program; CREATE ROLE pair_person;
          GRANT pair_program, pair_person TO pair_login;
        EXCEPTION WHEN duplicate_object THEN NULL; END $$;
        GRANT USAGE ON SCHEMA api TO pair_program, pair_person, pair_login;
        GRANT SELECT ON api.api_key TO pair_login;
        GRANT SELECT ON api.told TO pair_program, pair_person;
        GRANT SELECT ON api.note TO pair_program;
        INSERT INTO api.api_key VALUES ('{hashed(KEY)}', 'pair_program');
    """
    url = databases.database(DatabaseKind.POSTGRESQL, made).replace("//postgres@", "//pair_login@")
    keys = {"table": "api_key", "header": "apikey", "with_token": "person"}
    auth = {"enforce": "database", "jwt": {"keys": pem(ONE)}, "api_keys": keys}
    person = signed(ONE, "RS256", role="pair_person")
    async with served(url, f"auth: {json.dumps(auth)}\npostgrest: {{db_schemas: [api]}}\n") as api:
        for headers, role in (({"apikey": KEY}, "pair_program"), (pair(KEY, person), "pair_person")):
            assert (await api.get("/rest/v1/told?select=role", headers)).json == [{"role": role}]
        assert (await api.get("/rest/v1/note", {"apikey": KEY})).status == 200
        assert (await api.get("/rest/v1/note", pair(KEY, person))).status == 403
        assert (await api.get("/rest/v1/told", pair(UNKNOWN, person))).status == 401
        assert (await api.get("/rest/v1/told", pair(KEY, signed(TWO, "RS256", role="pair_person")))).status == 401


# ── everything else is too many ──────────────────────────────────────────────────────────────


async def test_other_pairs_and_anything_a_third_are_refused(lite: str) -> None:
    bearer, other = (("Authorization", f"Bearer {token(each)}") for each in ("ann", "bob"))
    key = ("apikey", KEY)
    many = (
        [key, ("apikey", MIGHTY)],
        [key, key, bearer],
        [key, ("apikey", MIGHTY), bearer],
        [key, bearer, other],
        [key, ("Authorization", "Basic YTpi")],
        [key, ("Authorization", f"ApiKey {MIGHTY}")],
        [("Authorization", f"ApiKey {KEY}"), bearer],
        [bearer, ("Authorization", f"ApiKey {KEY}")],
        [key, ("X-Reflector-Admin-Secret", "s" * 40)],
        [key, bearer, ("X-Reflector-Admin-Secret", "s" * 40)],
        [("apikey", token()), key, ("Authorization", f"Bearer {token()}")],
    )
    admin = config().replace("auth: {", 'auth: {"admin_role": "admin", "admin_secret": "' + "s" * 40 + '", ')
    async with served(lite, admin) as api:
        for each in many:
            for path in ("/api/note", "/rest/v1/note", "/graphql?query={note{id}}", "/openapi.json"):
                assert (await api.get(path, CIMultiDict(each))).status == 400, (path, each)
            with pytest.raises(WSServerHandshakeError) as caught:
                await api.session.ws_connect(f"{api.base}/ws", headers=CIMultiDict(each))
            assert caught.value.status == 400, each


async def test_a_pair_is_refused_where_nobody_said_that_it_may_be(lite: str) -> None:
    async with served(lite, config(with_token="refused")) as api:
        assert await seen(api, pair(KEY, token())) == 400
        assert await seen(api, pair(KEY, KEY)) == ["of everybody"]
    without = config().replace('"with_token": "person"', '"hash": "sha256"')
    async with served(lite, without) as api:
        assert await seen(api, pair(KEY, token())) == 400


def test_a_token_beside_a_key_is_nobody_s_where_nothing_takes_tokens(lite: str) -> None:
    keys = {"api_keys": {"table": "api_key", "with_token": "person"}}
    asked = {"url": "https://id.example/whoami", "header": "X-Whoami"}
    for auth in (keys, {**keys, "webhook": asked}):
        with pytest.raises(
            ConfigError, match=r"with_token: is about tokens, and nothing here takes any; configure auth.jwt"
        ):
            configured(lite, f"auth: {json.dumps(auth)}\n{RULES}")
    issuer = {"url": "https://id.example/introspect", "client_id": "a", "client_secret": "b" * 40}
    for more in ({"webhook": {"url": asked["url"]}}, {"introspection": issuer}):
        assert configured(lite, f"auth: {json.dumps({**keys, **more})}\n{RULES}").auth is not None


async def test_a_pair_whose_setting_is_gone_does_not_hold_any_more() -> None:
    key = Credential("apikey", "k")
    with pytest.raises(AmbiguousCredentials):
        await Authenticator([Names()], GUEST).proved(Credential("bearer", "ann", key), asking({}))
    assert Authenticator([Names()], GUEST).joined("ann", key) == Credential("bearer", "ann")
    assert Open(GUEST).joined("ann", key) == Credential("bearer", "ann")


@pytest.mark.parametrize(
    ("key", "person", "end"), [(5.0, 9.0, 5.0), (9.0, 5.0, 5.0), (5.0, None, 5.0), (None, None, None)]
)
async def test_a_pair_ends_when_the_first_of_both_does(
    key: float | None, person: float | None, end: float | None
) -> None:
    class Persons(Names):
        async def prove(self, credential: Any, request: Any) -> Proof:
            return Proof(Principal(roles=("user",), subject=credential.text, until=person), person)

    class Programs(Names):
        kinds = beside = ("apikey",)
        carriers = (in_authorization, InHeader("apikey"))

        async def prove(self, credential: Any, request: Any) -> Proof:
            return Proof(Principal(roles=("program",), until=key), key)

    authenticator = Authenticator([Persons(), Programs()], GUEST, clock=lambda: 1.0)
    for _ in range(2):
        principal = await told(authenticator, pair("k", "ann"))
        assert (principal.subject, principal.roles, principal.until) == ("ann", ("user",), end)


# ── sockets ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked again in the time of a test."""
    monkeypatch.setattr(socket, "ASKED_AGAIN_SECONDS", 0.05)
    monkeypatch.setattr("server.auth.api_keys.BELIEVED_SECONDS", 0.02)


@pytest.mark.usefixtures("often")
async def test_a_socket_of_both_hears_as_the_person_and_ends_with_the_key(lite: str) -> None:
    await install(lite)
    write = writer(lite)
    async with served(lite, config()) as api, connected(api, pair(KEY, token())) as client:
        await client.follow("note")
        write("UPDATE note SET text = 'new'")
        assert [frame["key"] for frame in await client.changes(1)] == [{"id": 2}]
        # A newer token of the same person keeps the key beside it.
        assert (await client.ask(type="auth", token=token()))["type"] == "authenticated"
        assert (await client.ask(type="auth", token=token("bob")))["code"] == "forbidden"
        await client.silence()
        write(f"UPDATE api_key SET revoked = 'true' WHERE key_hash = '{hashed(KEY)}'")
        assert (await client.closed())[0] == 4401


@pytest.mark.usefixtures("often")
async def test_somebody_signs_in_at_a_socket_that_a_key_opened(lite: str) -> None:
    await install(lite)
    write = writer(lite)
    async with served(lite, config()) as api, connected(api, pair(KEY, KEY)) as client:
        await client.follow("note")
        write("UPDATE note SET text = 'one'")
        assert [frame["key"] for frame in await client.changes(1)] == [{"id": 1}]
        assert (await client.ask(type="auth", token=token()))["type"] == "authenticated"
        frame = await client.next()
        assert frame["type"] == "resync"
        write("UPDATE note SET text = 'two'")
        assert [frame["key"] for frame in await client.changes(1)] == [{"id": 2}]
        # Whoever signed in is nobody else later, and the key is held against the table still.
        assert (await client.ask(type="auth", token=token("bob")))["code"] == "forbidden"
        write(f"UPDATE api_key SET revoked = 'true' WHERE key_hash = '{hashed(KEY)}'")
        assert (await client.closed())[0] == 4401


async def test_a_socket_of_a_key_is_nobody_else_s_without_the_setting(lite: str) -> None:
    async with served(lite, config(with_token="refused")) as api, connected(api, {"apikey": KEY}) as client:
        assert (await client.ask(type="auth", token=token()))["code"] == "forbidden"
        await client.silence()


async def test_many_sockets_with_one_pair_are_the_person_s(lite: str) -> None:
    async with served(lite, "limits: {sockets: 1}\n" + config()) as api, connected(api, pair(KEY, token())):
        with pytest.raises(WSServerHandshakeError) as caught:
            await api.session.ws_connect(f"{api.base}/ws", headers=pair(MIGHTY, token()))
        assert caught.value.status == 429
        async with connected(api, pair(KEY, token("bob"))) as other:
            await asyncio.wait_for(other.silence(), 10)


# ── Supabase's client ────────────────────────────────────────────────────────────────────────


async def test_supabase_js_calls_with_its_key_and_for_whoever_signed_in(url: str) -> None:
    found = await cases("signed_in.mjs", url, config(), KEY, token(), UNKNOWN)
    assert (len(found), failures(found)) == (6, "")
