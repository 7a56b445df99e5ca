"""Who is calling, on every database and by every API: forgeries, claims that a database would bend, credentials too many.

Each test is a row of what is tried against servers of this kind; what it takes to try is said where it is done.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from aiohttp import WSServerHandshakeError
from multidict import CIMultiDict

from reflector.catalog.model import DatabaseKind
from tests.bookshops import KINDS, Databases
from tests.server.harness import Served, served
from tests.server.issuers import ONE, TWO, pem, public, service, signed
from tests.server.test_jwt import FORGERIES

# Columns that MariaDB compares without regard to case and to spaces at the end, and numbers that it makes of any text.
SCHEMA = """
CREATE TABLE account (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL);
CREATE TABLE note (id INTEGER PRIMARY KEY, owner_id INTEGER NOT NULL REFERENCES account (id), author VARCHAR(40) NOT NULL);
INSERT INTO account VALUES (7, 'alice'), (8, 'bob');
INSERT INTO note VALUES (1, 7, 'alice'), (2, 8, 'bob');
"""
RULES = """
roles: {guest: {}, user: {}, named: {}}
tables:
  account: {allow: {guest: {read: true}}}
  note: {allow: {user: {read: owner_id == claims.sub}, named: {read: author == claims.name}}}
"""


ASKED: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("/api/note?fields=id", lambda body: body["items"]),
    ("/rest/v1/note?select=id", lambda body: body),
    ("/graphql?query={note{id}}", lambda body: body["data"]["note"]),
)
"""How each API is asked for notes, and where its answer has them."""


@pytest.fixture(params=KINDS, ids=str)
def notes(request: pytest.FixtureRequest, databases: Databases) -> str:
    kind: DatabaseKind = request.param
    return databases.database(kind, SCHEMA)


def config(**auth: Any) -> str:
    said = {"jwt": {"keys": pem(ONE), "audience": "shop"}, "anonymous_role": "guest", **auth}
    said = {name: given for name, given in said.items() if given is not None}
    return f"auth: {json.dumps(said)}\n{RULES}"


def bearer(**claims: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {signed(ONE, 'RS256', **{'aud': 'shop', **claims})}"}


async def ids(api: Served, headers: dict[str, str]) -> list[tuple[int, Any]]:
    """By each API: the status, and the keys of the notes that are seen, or nothing."""
    found: list[tuple[int, Any]] = []
    for path, inside in ASKED:
        reply = await api.get(path, {**headers, "Accept": "application/json"})
        rows = inside(reply.json) if reply.status == 200 and "errors" not in reply.json else None
        found.append((reply.status, None if rows is None else [row["id"] for row in rows]))
    return found


async def test_a_claim_is_a_value_of_its_column_or_nobody_s(notes: str) -> None:
    async with served(notes, config()) as api:
        assert [each for _, each in await ids(api, bearer(sub="7"))] == [[1]] * 3
        assert [each for _, each in await ids(api, bearer(sub=8))] == [[2]] * 3
        for bent in (
            "7abc",
            " 7",
            "7 ",
            "7.0",
            "07",
            "+7",
            "7e0",
            "0x7",
            "",
            "7;",
            "7\u0000",
            "٧",
            True,
            [7],
            {"id": 7},
            7.5,
        ):
            for status, seen in await ids(api, bearer(sub=bent)):
                assert (status in (200, 403), seen) == (True, None), bent
            assert (await api.get("/api/note", bearer(sub=bent))).status == 403, bent


async def test_a_text_of_a_claim_is_that_text_byte_by_byte(notes: str) -> None:
    async with served(notes, config()) as api:
        assert [each for _, each in await ids(api, bearer(role="named", name="alice"))] == [[1]] * 3
        for other in ("ALICE", "alice ", "ALICE ", " alice", "Alice", "älice", "alice\u200b", "a%"):
            assert [each for _, each in await ids(api, bearer(role="named", name=other))] == [[]] * 3, other


async def test_no_forgery_is_anybody_at_any_api_and_nothing_is_fetched(notes: str) -> None:
    async with service(public(ONE)) as issuer, service(public(TWO)) as evil:
        forged = {
            **FORGERIES,
            "a key somewhere": signed(TWO, "RS256", {"kid": "one", "jku": evil.url}, aud="shop"),
            "a certificate somewhere": signed(TWO, "RS256", {"kid": "one", "x5u": evil.url}, aud="shop"),
            "another's signature": signed(TWO, "RS256", {"kid": "one"}, aud="shop"),
        }
        async with served(notes, config(jwt={"jwks": issuer.url, "audience": "shop"})) as api:
            asked = issuer.asked
            for name, token in forged.items():
                found = await ids(api, {"Authorization": f"Bearer {token}"})
                assert found == [(401, None)] * 3, name
                # What guests may read they may not either: a bad credential is never none.
                assert (await api.get("/api/account", {"Authorization": f"Bearer {token}"})).status == 401, name
            assert (evil.asked, issuer.asked - asked <= 1) == (0, True)


async def test_two_credentials_are_refused_whatever_their_kinds_by_every_api(databases: Databases) -> None:
    url, key = databases.database(DatabaseKind.SQLITE, SCHEMA), "a-key-of-more-than-twenty-two-letters"
    keys = {"keys": {"one": {"hash": "sha256:" + "0" * 64, "role": "user"}}}
    good = ("Authorization", f"Bearer {signed(ONE, 'RS256', aud='shop')}")
    pairs = (
        [good, good],
        [good, ("X-API-Key", key)],
        [("Authorization", "Basic YTpi"), ("X-API-Key", key)],
        [("X-API-Key", key), ("X-API-Key", key)],
    )
    async with served(url, config(api_keys=keys)) as api:
        for pair in pairs:
            for path in ("/api/account", "/rest/v1/account", "/graphql?query={account{id}}", "/openapi.json"):
                assert (await api.get(path, CIMultiDict(pair))).status == 400, (path, pair)
            with pytest.raises(WSServerHandshakeError) as caught:
                await api.session.ws_connect(f"{api.base}/ws", headers=CIMultiDict(pair))
            assert caught.value.status == 400, pair


KEY = "a-key-of-more-than-twenty-two-letters"
KEYS_ALONE = {
    "jwt": None,
    "api_keys": {
        "keys": {
            "one": {"hash": f"sha256:{sha256(KEY.encode()).hexdigest()}", "role": "named", "claims": {"name": "alice"}}
        }
    },
}
IN_AUTHORIZATION = tuple(
    ("Authorization", text) for text in ("Bearer x", "bearer", "", "Basic YTpi", "ApiKey x", "Foo bar")
)
IN_HEADERS = tuple(
    (name, text)
    for name in ("X-API-Key", "x-api-key", "apikey", "X-Reflector-Admin-Secret", "X-Hasura-Admin-Secret")
    for text in ("x", "")
)


@pytest.mark.parametrize("auth", [{}, {"jwt": None}, KEYS_ALONE], ids=["tokens alone", "guests alone", "keys alone"])
async def test_a_credential_that_no_method_takes_is_never_the_guest(notes: str, auth: dict[str, Any]) -> None:
    async with served(notes, config(**auth)) as api:
        assert (await api.get("/api/account")).status == 200
        for credential in (*IN_AUTHORIZATION, *IN_HEADERS):
            headers = CIMultiDict([credential])
            for path in ("/api/account", "/rest/v1/account", "/graphql?query={account{id}}", "/openapi.json"):
                assert (await api.get(path, headers)).status == 401, (path, credential)
            assert (await api.request("DELETE", "/api/account/7", headers)).status == 401, credential
            with pytest.raises(WSServerHandshakeError) as caught:
                await api.session.ws_connect(f"{api.base}/ws", headers=headers)
            assert caught.value.status == 401, credential


async def test_a_header_of_other_credentials_does_not_disturb_one_that_is_taken(notes: str) -> None:
    """Gateways pass their keys on, and Supabase's clients write `apikey` beside each Bearer, the same text or another."""
    token = bearer(sub="7")
    async with served(notes, config()) as api:
        same = {"apikey": token["Authorization"].removeprefix("Bearer ")}
        for beside in (same, *({name: text} for name, text in IN_HEADERS)):
            assert await ids(api, {**token, **beside}) == [(200, [1])] * 3, beside
            assert [status for status, _ in await ids(api, {"Authorization": "Bearer x", **beside})] == [401] * 3
        refused = await api.get("/api/account", same)
        assert (refused.status, refused.code, refused.headers["WWW-Authenticate"]) == (
            401,
            "invalid_token",
            'Bearer error="invalid_token"',
        )
        assert refused.json["detail"] == "this server takes no credential in the header apikey"
    async with served(notes, config(**KEYS_ALONE)) as api:
        for beside in ({"apikey": "x"}, {"X-Hasura-Admin-Secret": "x"}):
            assert await ids(api, {"X-API-Key": KEY, **beside}) == [(200, [1])] * 3
