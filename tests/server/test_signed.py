"""Tokens where the database decides: keys of every kind, what a token must be, and where its role stands."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from reflector.access.principal import Principal
from reflector.errors import Unauthenticated
from reflector.secret import Secret
from server.auth.administrator import AdministratorSecret
from server.auth.claims import Terms
from server.auth.issuers import token_rules
from server.auth.opened import LONGEST
from server.auth.outbound import Outbound
from server.auth.signed import UNENDING_SECONDS, SignedBearer, TokenRules
from server.auth.token_keys import SigningKey
from server.config import Config, ConfigError, Flags, load
from server.config.claim_paths import read_claim_path
from server.config.values import UnfitError
from server.context import Credential
from server.problems import IdentityUnavailable, InvalidToken, MissingKey, RefusedClaims
from tests.server.test_jwt import token
from tests.server.test_tokens import Learning

NOW = 1_000_000.0
SECRET = "a-signing-key-of-forty-letters-at-least"
RSA = RSAKey.generate_key(2048, {"kid": "first"}, auto_kid=False)
CURVE = ECKey.generate_key("P-256", {"kid": "second"}, auto_kid=False)
STRANGER = RSAKey.generate_key(2048)
PUBLIC = json.dumps({"keys": [RSA.as_dict(private=False), CURVE.as_dict(private=False)]})


def configured(folder: Path, **settings: Any) -> Config:
    said = {"db_anon_role": "guest", **settings}
    lines = "".join(f"  {name}: {json.dumps(value)}\n" for name, value in said.items())
    text = f"version: 1\ndatabase: {{url: postgresql://a@b/c}}\nauth: {{enforce: database}}\npostgrest:\n{lines}"
    (folder / "config.yaml").write_text(text.replace("$", "$$"))
    return load(folder / "config.yaml", {}, Flags())


def bearer(folder: Path, **settings: Any) -> Callable[[str], Principal]:
    takes = SignedBearer(token_rules(configured(folder, **settings), Outbound()), lambda: NOW)
    return lambda token: takes.judged(token).principal


def signed(key: Any, algorithm: str, header: Mapping[str, Any] | None = None, **claims: Any) -> str:
    said = {"role": "author", "exp": NOW + 60, **claims}
    kept = {name: value for name, value in said.items() if value is not None}
    return jwt.encode({"alg": algorithm, **(header or {})}, kept, key, algorithms=[algorithm])


def plain(algorithm: str = "HS256", **claims: Any) -> str:
    return signed(OctKey.import_key(SECRET), algorithm, **claims)


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_text_signs(tmp_path: Path, algorithm: str) -> None:
    assert bearer(tmp_path, jwt_secret=SECRET)(plain(algorithm)).roles == ("author",)


def test_base64_signs(tmp_path: Path) -> None:
    raw = bytes(range(200, 240))
    takes = bearer(tmp_path, jwt_secret=base64.b64encode(raw).decode(), jwt_secret_is_base64=True)
    assert takes(signed(OctKey.import_key(raw), "HS256")).roles == ("author",)


def test_a_secret_stands_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    assert bearer(tmp_path, jwt_secret="@secret")(plain()).roles == ("author",)


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS256"])
@pytest.mark.parametrize("header", [{}, {"kid": "first"}])
def test_a_set_of_keys_signs(tmp_path: Path, algorithm: str, header: dict[str, str]) -> None:
    takes = bearer(tmp_path, jwt_secret=PUBLIC)
    assert takes(signed(RSA, algorithm, header)).roles == ("author",)
    assert takes(signed(CURVE, "ES256")).roles == ("author",)


@pytest.mark.parametrize(
    "token",
    [
        signed(RSA, "RS256", {"kid": "third"}),
        signed(RSA, "RS256", {"kid": "second"}),
        signed(STRANGER, "RS256"),
        signed(OctKey.import_key(PUBLIC), "HS256"),
    ],
    ids=["a name that no key has", "another key's name", "another key", "the public key as a text"],
)
def test_what_no_key_signed_is_refused(tmp_path: Path, token: str) -> None:
    with pytest.raises(InvalidToken, match="No suitable key"):
        bearer(tmp_path, jwt_secret=PUBLIC)(token)


def test_an_algorithm_that_a_key_is_not_for_is_refused(tmp_path: Path) -> None:
    only = json.dumps({**RSA.as_dict(private=False), "alg": "RS256"})
    takes = bearer(tmp_path, jwt_secret=only)
    assert takes(signed(RSA, "RS256")).roles == ("author",)
    with pytest.raises(InvalidToken):
        takes(signed(RSA, "RS512"))


@pytest.mark.parametrize(
    ("secret", "is_base64"),
    [("no base64 at all, and yet long enough", True), ('{"keys": [{"kty": "RSA", "n": 1}]}', False)],
)
def test_a_secret_that_is_no_key_does_not_serve(tmp_path: Path, secret: str, is_base64: bool) -> None:
    with pytest.raises(ConfigError):
        bearer(tmp_path, jwt_secret=secret, jwt_secret_is_base64=is_base64)


@pytest.mark.parametrize("audience", ["api", ["other", "api"]])
def test_a_token_for_here_is_taken(tmp_path: Path, audience: Any) -> None:
    assert bearer(tmp_path, jwt_secret=SECRET, jwt_aud="api")(plain(aud=audience)).roles == ("author",)


@pytest.mark.parametrize("audience", ["other", ["other"], [], None, 7])
def test_a_token_for_elsewhere_is_refused(tmp_path: Path, audience: Any) -> None:
    with pytest.raises(RefusedClaims):
        bearer(tmp_path, jwt_secret=SECRET, jwt_aud="api")(plain(aud=audience))


@pytest.mark.parametrize("audience", [[], None])
def test_a_token_for_nobody_in_particular_is_taken_where_that_is_said(tmp_path: Path, audience: Any) -> None:
    takes = bearer(tmp_path, jwt_secret=SECRET, jwt_aud="api", allow_absent_aud=True)
    assert takes(plain(aud=audience)).roles == ("author",)
    with pytest.raises(RefusedClaims):
        takes(plain(aud="other"))


def test_clocks_may_differ_by_half_a_minute(tmp_path: Path) -> None:
    takes = bearer(tmp_path, jwt_secret=SECRET)
    assert takes(plain(exp=NOW - 29)).roles == takes(plain(nbf=NOW + 29)).roles == takes(plain(iat=NOW + 29)).roles
    wrong: tuple[dict[str, Any], ...] = ({"exp": NOW - 31}, {"nbf": NOW + 31}, {"iat": NOW + 31})
    for late in wrong:
        with pytest.raises(RefusedClaims):
            takes(plain(**late))


def test_a_token_without_an_end_is_taken_where_that_is_said(tmp_path: Path) -> None:
    assert bearer(tmp_path, jwt_secret=SECRET, allow_absent_exp=True)(plain(exp=None)).roles == ("author",)


def test_a_token_says_until_when_it_is_believed(tmp_path: Path) -> None:
    rules = token_rules(configured(tmp_path, jwt_secret=SECRET, allow_absent_exp=True), Outbound())
    proof = SignedBearer(rules, lambda: NOW).judged(plain())
    assert (proof.principal.until, proof.until, proof.seconds) == (NOW + 60, NOW + 90, None)
    endless = SignedBearer(rules, lambda: NOW).judged(plain(exp=None))
    assert (endless.principal.until, endless.until, endless.seconds) == (None, None, UNENDING_SECONDS)


def test_tokens_are_not_remembered_where_that_is_said(tmp_path: Path) -> None:
    rules = token_rules(configured(tmp_path, jwt_secret=SECRET, jwt_cache_max_entries=0), Outbound())
    assert SignedBearer(rules, lambda: NOW).judged(plain()).seconds == 0


def test_a_token_that_names_no_role_is_the_anonymous_role(tmp_path: Path) -> None:
    caller = bearer(tmp_path, jwt_secret=SECRET)(plain(role=None, sub="7"))
    assert (caller.roles, caller.anonymous, caller.claims["sub"]) == (("guest",), True, "7")


def test_a_token_that_names_no_role_is_refused_where_nobody_is_anonymous(tmp_path: Path) -> None:
    config = configured(tmp_path, jwt_secret=SECRET)
    rules = token_rules(
        config.model_copy(update={"postgrest": config.postgrest.model_copy(update={"db_anon_role": None})}), Outbound()
    )
    with pytest.raises(Unauthenticated):
        SignedBearer(rules, lambda: NOW).judged(plain(role=None))


CLAIMS = {"role": "a", "https://x/role": "b", "realm": {"roles": ["c", "api_d", 5], "other-roles": ["e"]}, "n": 7}


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("$.role", "a"),
        (".role", "a"),
        ('$["https://x/role"]', "b"),
        ("$['https://x/role']", "b"),
        ('."https://x/role"', "b"),
        ("$.realm.roles[0]", "c"),
        (".realm.roles[-2]", "api_d"),
        (".realm.roles[7]", None),
        (".realm.other-roles[0]", "e"),
        ('$.realm.roles[?(@ == "c")]', "c"),
        ("$.realm.roles[?@ == 'z']", None),
        ('.realm.roles[?(@ != "c")]', "api_d"),
        ('.realm.roles[?(@ ^== "api_")]', "api_d"),
        ('.realm.roles[?(@ ==^ "_d")]', "api_d"),
        ('.realm.roles[?(@ *== "pi")]', "api_d"),
        ("$.n", "7"),
        ("$.realm.roles", '["c","api_d",5]'),
        ("$.absent.role", None),
    ],
)
def test_a_path_leads_to_a_role(path: str, role: str | None) -> None:
    assert read_claim_path(path).role_of(CLAIMS) == role


@pytest.mark.parametrize("path", ["", "$", "role", "$.", "$.a[", "$.a[b]", "$..a", "$.a[?(@ ~ 'x')]", 7])
def test_a_path_that_cannot_be_read_is_refused(path: Any) -> None:
    with pytest.raises(UnfitError):
        read_claim_path(path)


HEAD = "version: 1\ndatabase: {url: postgresql://a@b/c}\n"
ENFORCED = HEAD + "auth: {enforce: database}\npostgrest: {db_anon_role: guest}\n"


@pytest.mark.parametrize(
    ("text", "line", "setting"),
    [
        (ENFORCED.replace("postgresql://a@b/c", "sqlite:///x"), 3, "auth.enforce"),
        (ENFORCED.replace("postgrest: {db_anon_role: guest}", "roles: {}"), 3, "auth.enforce"),
        (ENFORCED + "policies: {own: id == 1}\n", 5, "policies"),
        (ENFORCED + "defaults: {read: true}\n", 5, "defaults"),
        (ENFORCED + "tables:\n  t:\n    allow: {guest: {read: true}}\n", 7, "tables.t.allow"),
        (ENFORCED + "tables:\n  t:\n    cache: {ttl: 1s}\n", 7, "tables.t.cache"),
        (
            ENFORCED.replace("enforce: database", "enforce: database, anonymous_role: guest"),
            4,
            "postgrest.db_anon_role",
        ),
        (ENFORCED.replace("enforce: database", "enforce: databse"), 3, "auth.enforce"),
        (ENFORCED.replace("guest}", "guest, db_tx_end: never}"), 4, "postgrest.db_tx_end"),
        (ENFORCED.replace("guest}", "guest, jwt_secrt: x}"), 4, "postgrest.jwt_secrt"),
        (HEAD + "postgrest: {db_pre_request: check}\n", 3, "postgrest.db_pre_request"),
    ],
)
def test_what_does_not_go_together_is_told_with_its_line(tmp_path: Path, text: str, line: int, setting: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ConfigError) as refused:
        load(tmp_path / "config.yaml", {}, Flags())
    assert (line, setting) in [(each.position.line, each.path) for each in refused.value.complaints]


# ── keys that change, and what is no token ───────────────────────────────────────────────────


def own(keys: Learning | None, **more: Any) -> SignedBearer:
    rules = TokenRules(keys, lambda claims: claims.get("role"), None, Terms(), **more)
    return SignedBearer(rules, lambda: NOW)


async def proved(method: SignedBearer, token: str) -> Principal:
    return (await method.prove(Credential("bearer", token), make_mocked_request("GET", "/"))).principal


FIRST, SECOND = (SigningKey(OctKey.import_key(each), None, ("HS256", "HS512")) for each in (SECRET, SECRET.swapcase()))


async def test_a_key_that_is_not_known_is_sought_once_and_then_judges() -> None:
    for now in ((), (SECOND,)):
        keys = Learning(now, (FIRST,))
        assert (await proved(own(keys), plain())).roles == ("author",)
        assert keys.times == 1
    for keys, error in ((Learning((SECOND,)), InvalidToken), (Learning(), IdentityUnavailable)):
        with pytest.raises(error):
            await proved(own(keys), plain())
        assert keys.times == 1
    known = Learning((FIRST,))
    assert (await proved(own(known), plain())).roles == ("author",)
    with pytest.raises(RefusedClaims):
        await proved(own(known), plain(exp=NOW - 31))
    assert known.times == 0


async def test_without_keys_a_token_is_an_error_of_its_own_and_there_is_nothing_to_begin() -> None:
    method = own(None)
    for _ in range(2):
        with pytest.raises(MissingKey, match="Server lacks JWT secret"):
            await proved(method, plain())
        await method.start()
        await method.close()
        method.follow(own(Learning((FIRST,))))
    assert not method.degraded
    own(Learning((FIRST,))).follow(method)


async def test_keys_are_begun_followed_and_ended_with_the_method_and_their_changes_are_its_own() -> None:
    keys = Learning((FIRST,))
    method = own(keys)
    await method.start()
    assert (keys.running, method.degraded) == (True, False)
    keys.degraded = True
    assert method.degraded
    generation = method.generation
    keys.changed()
    assert method.generation == generation + 1
    await method.close()
    assert not keys.running
    heir = Learning()
    after = own(heir)
    after.follow(AdministratorSecret(Secret("x" * 32), "admin"))
    assert not heir.known
    after.follow(method)
    assert heir.known == (FIRST,)


def test_algorithms_that_are_said_are_all_there_are() -> None:
    keys = Learning((FIRST,))
    for algorithm in ("HS256", "HS512"):
        assert own(keys).judged(plain(algorithm)).principal.roles == ("author",)
    assert own(keys, algorithms=frozenset({"HS512"})).judged(plain("HS512")).principal.roles == ("author",)
    for said in (frozenset({"HS512"}), frozenset({"RS256"})):
        with pytest.raises(InvalidToken, match="Wrong or unsupported encoding algorithm"):
            own(keys, algorithms=said).judged(plain())


def test_subject_and_issuer_are_texts_or_nobody() -> None:
    found = own(Learning((FIRST,))).judged(plain(sub="7", iss="us")).principal
    assert (found.subject, found.issuer, found.anonymous, found.method) == ("7", "us", False, "jwt")
    assert found.until == NOW + 60
    # A library that signs refuses what is no text there, and so it is put in by hand.
    odd = token({"role": "author", "exp": NOW + 60, "sub": 7, "iss": ["us"]}, key=SECRET)
    found = own(Learning((FIRST,))).judged(odd).principal
    assert (found.subject, found.issuer) == (None, None)


@pytest.mark.parametrize(
    ("text", "message", "details"),
    [
        ("", "Empty JWT is sent in Authorization header", None),
        ("a", "Expected 3 parts in JWT; got 1", None),
        ("a.b.c.d", "Expected 3 parts in JWT; got 4", None),
        (plain() + "x" * LONGEST, "JWT cryptographic operation failed", "The token is too long"),
        ("!.b.c", "JWT cryptographic operation failed", "The header cannot be used"),
        (token(header=b"{"), "JWT cryptographic operation failed", "The header cannot be used"),
        (token(header=b"[]"), "JWT cryptographic operation failed", "The header cannot be used"),
        (token(header=b'["crit"]'), "JWT cryptographic operation failed", "The header cannot be used"),
        (
            token(header={"alg": "HS256", "crit": ["x"]}),
            "JWT cryptographic operation failed",
            "The header cannot be used",
        ),
        (
            token(header={"alg": "HS256", "b64": True}),
            "JWT cryptographic operation failed",
            "The header cannot be used",
        ),
        (token(header={"alg": "none"}), "Wrong or unsupported encoding algorithm", None),
        (token(header={"typ": "JWT"}), "Wrong or unsupported encoding algorithm", None),
    ],
)
def test_what_is_no_token_is_told_in_the_words_of_that_api(text: str, message: str, details: str | None) -> None:
    with pytest.raises(InvalidToken) as caught:
        own(Learning((FIRST,))).judged(text)
    assert (caught.value.message, getattr(caught.value, "details", None)) == (message, details)
