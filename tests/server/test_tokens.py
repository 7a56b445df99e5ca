"""A token, its issuers and their keys, without any server: what is read of it, which keys it is held against, and when anew."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from joserfc.jwk import OctKey, RSAKey

from reflector.secret import Secret
from server.auth.administrator import AdministratorSecret
from server.auth.claims import ClaimRules, RoleRules, Terms
from server.auth.jwt import Issuer, JwtBearer
from server.auth.key_sets import FixedKeys, KeySet
from server.auth.opened import LONGEST, opened
from server.auth.token_keys import SigningKey, fitting
from server.context import Credential
from server.problems import IdentityUnavailable, InvalidToken, RefusedClaims, UnknownKey
from tests.server.test_jwt import packed, token

NOW = 1_000_000.0
FIRST, SECOND = ("a-signing-key-of-forty-letters-at-least-" + each for each in "12")
PAIR = RSAKey.generate_key(2048)
ROLES = RoleRules("role", "user", frozenset({"user"}))


def key(secret: str = FIRST, name: str | None = None, *algorithms: str) -> SigningKey:
    return SigningKey(OctKey.import_key(secret), name, algorithms or ("HS256",))


def said(**more: Any) -> dict[str, Any]:
    return {"exp": NOW + 60, "iss": "us", **more}


class Learning:
    """Keys that are known by and by: those of `later` once they are sought."""

    def __init__(self, now: tuple[SigningKey, ...] = (), later: tuple[SigningKey, ...] = ()) -> None:
        self.known, self.later, self.times, self.running, self.degraded = now, later, 0, False, False
        self.changed: Callable[[], None] = lambda: None

    @property
    def keys(self) -> tuple[SigningKey, ...]:
        if not self.known:
            raise IdentityUnavailable("no keys so far")
        return self.known

    def tell(self, changed: Callable[[], None]) -> None:
        self.changed = changed

    def follow(self, before: KeySet) -> None:
        self.known = before.keys

    async def sought(self) -> bool:
        self.times += 1
        found, self.later = self.later, ()
        self.known = found or self.known
        return bool(found)

    async def start(self) -> None:
        self.running = True

    async def close(self) -> None:
        self.running = False


def issuer(name: str | None, keys: KeySet, *algorithms: str, **terms: Any) -> Issuer:
    return Issuer(keys, ClaimRules(Terms(issuer=name, **terms), ROLES), frozenset(algorithms))


def bearer(*issuers: Issuer) -> JwtBearer:
    return JwtBearer(issuers, lambda: NOW)


async def proved(method: JwtBearer, text: str) -> Any:
    return (await method.prove(Credential("bearer", text), make_mocked_request("GET", "/"))).principal.issuer


# ── what is read of it ───────────────────────────────────────────────────────────────────────


def test_a_token_is_read_once_and_nobody_has_vouched_for_it() -> None:
    found = opened(token(said(), header={"alg": "HS256", "kid": "first", "typ": "JWT"}, key=FIRST))
    assert (found.header["kid"], found.claims) == ("first", said())
    assert found.signed_by([key()])
    assert found.signed_by([key(SECOND), key()])
    assert not found.signed_by([])
    assert not found.signed_by([key(SECOND)])


def test_a_key_signs_by_the_algorithms_that_it_is_for_and_a_key_of_another_kind_signs_nothing() -> None:
    found = opened(token(said(), key=FIRST))
    assert not found.signed_by([key(FIRST, None, "HS384", "HS512")])
    assert not found.signed_by([SigningKey(PAIR, None, ("HS256",))])
    assert found.signed_by([SigningKey(PAIR, None, ("HS256",)), key()])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (token(said()) + "x" * LONGEST, "too long"),
        (token(header={"alg": "none"}), "malformed"),
        (token(header={"alg": "HS1"}), "malformed"),
        (token(header={"typ": "JWT"}), "malformed"),
        (token(header={"alg": ["HS256"]}), "malformed"),
        (token(header={"alg": "HS256", "kid": 7}), "malformed"),
        (token(header={"alg": "HS256", "kid": None}), "malformed"),
        (token(header={"alg": "HS256", "crit": ["x"]}), "asks for an extension"),
        (token(header={"alg": "HS256", "b64": True}), "asks for an extension"),
        (token(b"[]"), "malformed"),
        (token(b"{"), "malformed"),
        (token(b""), "malformed"),
        (f"{packed(b'[]')}.{packed(b'{}')}.x", "malformed"),
        ("", "malformed"),
        ("a.b", "malformed"),
    ],
)
def test_what_cannot_be_read_is_no_token(text: str, why: str) -> None:
    with pytest.raises(InvalidToken, match=why):
        opened(text)


def test_a_name_of_a_key_chooses_and_a_key_without_a_name_fits_any() -> None:
    first, second, unnamed = key(FIRST, "first"), key(FIRST, "second"), key(FIRST)
    other = key(FIRST, "first", "HS512")
    every = [first, second, unnamed, other]
    assert fitting(every, "HS256", "first") == [first, unnamed]
    assert fitting(every, "HS256", "third") == [unnamed]
    assert fitting(every, "HS256", None) == [first, second, unnamed]
    assert fitting(every, "HS512", "first") == [other]
    assert fitting(every, "RS256", None) == []


# ── its issuer ───────────────────────────────────────────────────────────────────────────────


async def test_a_token_is_held_against_the_keys_of_the_issuer_that_it_names() -> None:
    method = bearer(issuer("us", FixedKeys((key(FIRST),))), issuer("them", FixedKeys((key(SECOND),))))
    assert await proved(method, token(said(), key=FIRST)) == "us"
    assert await proved(method, token(said(iss="them"), key=SECOND)) == "them"
    for wrong in (
        token(said(), key=SECOND),
        token(said(iss="them"), key=FIRST),
        token(said(iss="nobody"), key=FIRST),
        token(said(iss=None), key=FIRST),
        token(said(iss=["us"]), key=FIRST),
    ):
        with pytest.raises(InvalidToken):
            await proved(method, wrong)


async def test_the_only_issuer_may_ask_for_no_name() -> None:
    method = bearer(issuer(None, FixedKeys((key(),))))
    assert await proved(method, token(said(iss="anybody"), key=FIRST)) == "anybody"
    assert await proved(method, token({"exp": NOW + 60}, key=FIRST)) is None
    with pytest.raises(RefusedClaims, match="not of the issuer"):
        await proved(bearer(issuer("us", FixedKeys((key(),)))), token(said(iss="them"), key=FIRST))


def test_an_issuer_s_tokens_are_signed_by_the_algorithms_that_are_said_or_by_any_that_its_keys_are_for() -> None:
    keys = FixedKeys((key(FIRST, None, "HS256", "HS512"),))
    short, long = token(said(), key=FIRST), token(said(), header={"alg": "HS512"}, key=FIRST, digest="sha512")
    for text in (short, long):
        assert bearer(issuer("us", keys)).judged(text).principal.subject is None
    assert bearer(issuer("us", keys, "HS512")).judged(long).principal.issuer == "us"
    with pytest.raises(InvalidToken):
        bearer(issuer("us", keys, "HS512")).judged(short)


def test_a_token_without_an_end_is_believed_without_one_where_that_is_allowed() -> None:
    keys = FixedKeys((key(),))
    endless = bearer(issuer("us", keys, absent_exp=True)).judged(token({"iss": "us"}, key=FIRST))
    assert (endless.until, endless.principal.until) == (None, None)
    ended = bearer(issuer("us", keys, leeway=10.0)).judged(token(said(), key=FIRST))
    assert (ended.until, ended.principal.until) == (NOW + 70, NOW + 60)
    longer = bearer(issuer("us", keys)).judged(token(said(x="x" * 400), key=FIRST))
    assert longer.weight > ended.weight + 4 * 400


def test_of_a_credential_that_is_no_token_another_method_is_asked() -> None:
    method, request = bearer(issuer("us", FixedKeys((key(),)))), make_mocked_request("GET", "/")
    assert [method.takes(Credential("bearer", text), request) for text in ("a.b.c", "a.b", "a", "a.b.c.d")] == [
        True,
        False,
        False,
        False,
    ]


# ── keys that change ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("now", [(), (key(SECOND, "second"),), (key(SECOND, "second", "HS512"),)])
async def test_a_key_that_is_not_known_is_sought_once_and_then_judges(now: tuple[SigningKey, ...]) -> None:
    keys = Learning(now, (key(FIRST, "first"),))
    text = token(said(), header={"alg": "HS256", "kid": "first"}, key=FIRST)
    assert await proved(bearer(issuer("us", keys)), text) == "us"
    assert keys.times == 1
    forged = token(said(), header={"alg": "HS256", "kid": "first"}, key=SECOND)
    with pytest.raises(InvalidToken):
        await proved(bearer(issuer("us", Learning(now, (key(FIRST, "first"),)))), forged)


async def test_where_there_are_no_other_keys_the_token_is_refused_or_cannot_be_judged() -> None:
    text = token(said(), header={"alg": "HS256", "kid": "first"}, key=FIRST)
    for keys, error in ((Learning((key(FIRST, "second"),)), UnknownKey), (Learning(), IdentityUnavailable)):
        with pytest.raises(error):
            await proved(bearer(issuer("us", keys)), text)
        assert keys.times == 1


async def test_a_token_that_a_known_key_did_not_sign_asks_nobody_for_others() -> None:
    keys = Learning((key(),), (key(SECOND),))
    for forged in (token(said(), key=SECOND), token(said(exp=NOW - 31), key=FIRST), token(said(iss="x"), key=FIRST)):
        with pytest.raises(InvalidToken):
            await proved(bearer(issuer("us", keys)), forged)
    assert keys.times == 0


async def test_keys_are_begun_followed_and_ended_with_the_method_and_their_changes_are_its_own() -> None:
    first, second = Learning((key(FIRST, "first"),)), Learning((key(SECOND, "second"),))
    method = bearer(issuer("us", first), issuer("them", second))
    await method.start()
    assert (first.running, second.running, method.degraded) == (True, True, False)
    second.degraded = True
    assert method.degraded
    for keys in (first, second):
        before = method.generation
        keys.changed()
        assert method.generation == before + 1
    await method.close()
    assert (first.running, second.running) == (False, False)
    heir = Learning()
    after = bearer(issuer("us", heir))
    after.follow(bearer(issuer("us", first)))
    assert heir.keys == first.keys


def test_a_method_of_another_kind_is_not_followed() -> None:
    keys = Learning((key(),))
    bearer(issuer("us", keys)).follow(AdministratorSecret(Secret("x" * 32), "admin"))
    assert keys.keys == (key(),)


def test_the_claims_of_a_token_are_the_caller_s() -> None:
    method = bearer(issuer("us", FixedKeys((key(),))))
    found = method.judged(token(said(sub="7", org=3), key=FIRST)).principal
    assert (found.roles, found.subject, found.method) == (("user",), "7", "jwt")
    assert json.loads(json.dumps(dict(found.claims))) == said(sub="7", org=3)
