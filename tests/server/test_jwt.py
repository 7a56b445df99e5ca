"""Who carries a token: what holds, twelve forgeries that do not, and which roles a token gives."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from reflector.access.principal import Principal
from reflector.errors import Forbidden
from server.auth.credentials import authenticator
from server.auth.frame import Authenticator
from server.auth.jwt import JwtBearer
from server.problems import InvalidToken
from tests.server.harness import Served, configured, served

SECRET = "a-signing-key-of-forty-letters-at-least"
NOW = time.time()
CONFIG = f"""
auth:
  jwt: {{secret: {SECRET}, audience: api, issuer: "https://id.example", role_claim: roles}}
  anonymous_role: guest
roles: {{guest: {{}}, user: {{extends: guest}}, editor: {{}}}}
"""
CLAIMS = {"exp": NOW + 86_400, "aud": "api", "iss": "https://id.example", "roles": "user", "sub": "7"}


def packed(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def token(
    claims: dict[str, Any] | bytes | None = None,
    *,
    header: dict[str, Any] | bytes | None = None,
    key: str | bytes = SECRET,
    digest: str = "sha256",
) -> str:
    """A token made by hand, so that nothing keeps us from making a bad one."""
    head = header if isinstance(header, bytes) else json.dumps(header or {"alg": "HS256", "typ": "JWT"}).encode()
    body = claims if isinstance(claims, bytes) else json.dumps(CLAIMS if claims is None else claims).encode()
    signed = f"{packed(head)}.{packed(body)}"
    secret = key.encode() if isinstance(key, str) else key
    return f"{signed}.{packed(hmac.new(secret, signed.encode(), digest).digest())}"


def but(**changes: Any) -> dict[str, Any]:
    """The good claims, changed; a claim that is None is left out."""
    return {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}


def public_key() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def own_jwk() -> dict[str, Any]:
    return {"kty": "oct", "k": packed(b"attacker-key-attacker-key-attacker")}


ATTACKER = b"attacker-key-attacker-key-attacker"
NESTED = b'{"alg":' + b"[" * 2400 + b"]" * 2400 + b"}"
FORGERIES = {
    "no algorithm": token(header={"alg": "none"}).rpartition(".")[0] + ".",
    "no algorithm, in capitals": token(header={"alg": "NONE"}).rpartition(".")[0] + ".",
    "another key": token(key="b-signing-key-of-forty-letters-at-least"),
    "another algorithm of the same key": token(header={"alg": "HS512"}, digest="sha512"),
    "an asymmetric algorithm": token(header={"alg": "RS256"}),
    "a public key as the secret": token(header={"alg": "HS256"}, key=public_key()),
    "a key in the header": token(header={"alg": "HS256", "jwk": own_jwk()}, key=ATTACKER),
    "a key somewhere else": token(header={"alg": "HS256", "jku": "https://evil.example/keys"}, key=ATTACKER),
    "a certificate somewhere else": token(header={"alg": "HS256", "x5u": "https://evil.example/c"}, key=ATTACKER),
    "a key id that is a path": token(header={"alg": "HS256", "kid": "../../dev/null"}, key=b""),
    "an extension it calls critical": token(header={"alg": "HS256", "crit": ["x"], "x": 1}),
    "a known extension it calls critical": token(header={"alg": "HS256", "crit": ["b64"], "b64": True}),
    "an unencoded payload": token(header={"alg": "HS256", "b64": False}),
    "an empty list of critical extensions": token(header={"alg": "HS256", "crit": []}),
    "one letter of the claims changed": token().replace(".", ".A", 1),
    "no signature": token().rpartition(".")[0] + ".",
    "four parts": token() + "." + packed(b"x"),
    "one part": "abc",
    "empty parts": "..",
    "no letters of the alphabet": "é.ü.ß",
    "a header that is no mapping": token(header=b"[]"),
    "a header that is deep": token(header=NESTED),
    "claims that are no mapping": token(b'["exp"]'),
    "claims that are deep": token(b'{"exp":9999999999,"a":' + NESTED + b"}"),
    "claims that are no JSON": token(b"{"),
    "no end": token(but(exp=None)),
    "an end that is text": token(but(exp="9999999999")),
    "an end that is true": token(but(exp=True)),
    "an end that is not a number": token(json.dumps(but(exp=float("nan"))).encode()),
    "an end that never comes": token(json.dumps(but(exp=float("inf"))).encode()),
    "an end of four hundred digits": token(but(exp=10**400)),
    "an end of five thousand digits": token(b'{"aud":"api","iss":"https://id.example","exp":' + b"9" * 5000 + b"}"),
    "ended": token(but(exp=NOW - 60)),
    "not begun": token(but(nbf=NOW + 86_400)),
    "issued in the future": token(but(iat=NOW + 86_400)),
    "no audience": token(but(aud=None)),
    "another audience": token(but(aud="apis")),
    "audiences without ours": token(but(aud=["ap", "i"])),
    "an audience that is a mapping": token(but(aud={"api": 1})),
    "no issuer": token(but(iss=None)),
    "another issuer": token(but(iss="https://id.example.evil")),
    "issuers": token(but(iss=["https://id.example"])),
}


async def whoami(request: web.Request) -> web.Response:
    authenticate = authenticator(configured("sqlite:///x.db", CONFIG))
    waiting = authenticate.waiting(request)
    if waiting is not None:
        await waiting
    caller = authenticate(request)
    return web.json_response({"roles": caller.roles, "sub": caller.subject, "anonymous": caller.anonymous})


async def asked(api: Served, *credentials: str) -> Any:
    lines = "".join(f"Authorization: {each}\r\n" for each in credentials)
    answer = await api.raw(f"GET /whoami HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body), head.decode()


async def test_no_forgery_is_taken_for_a_token_nor_for_nobody(bookshop: str) -> None:
    async with served(bookshop, CONFIG, routes=[web.get("/whoami", whoami)]) as api:
        for name, forged in FORGERIES.items():
            status, told, head = await asked(api, f"Bearer {forged}")
            assert (status, told["code"]) == (401, "invalid_token"), name
            assert 'WWW-Authenticate: Bearer error="invalid_token"' in head, name
            assert forged not in str(told), name


async def test_a_token_that_holds_names_its_bearer(bookshop: str) -> None:
    async with served(bookshop, CONFIG, routes=[web.get("/whoami", whoami)]) as api:
        assert (await asked(api, f"Bearer {token()}"))[1] == {"roles": ["user"], "sub": "7", "anonymous": False}
        assert (await asked(api, f"bearer {token()}"))[0] == 200
        assert (await asked(api))[1] == {"roles": ["guest"], "sub": None, "anonymous": True}


async def test_any_other_credential_is_refused_and_two_are_too_many(bookshop: str) -> None:
    async with served(bookshop, CONFIG, routes=[web.get("/whoami", whoami)]) as api:
        for wrong in ("Basic YTpi", "Bearer", "Bearer x", "x", f"Token {token()}"):
            assert (await asked(api, wrong))[0] == 401, wrong
        status, told, _ = await asked(api, f"Bearer {token()}", f"Bearer {token()}")
        assert (status, told["code"]) == (400, "ambiguous_credentials")


async def test_a_bad_token_is_refused_where_guests_may_read(bookshop: str) -> None:
    config = CONFIG + "defaults: {read: true}"
    async with served(bookshop, config) as api:
        assert (await api.get("/api/book?limit=1")).status == 200
        assert (await api.get("/api/book?limit=1", {"Authorization": "Bearer x"})).status == 401


async def test_without_an_anonymous_role_a_credential_is_required(bookshop: str) -> None:
    config = CONFIG.replace("anonymous_role: guest", "") + "defaults: {read: true}"
    async with served(bookshop, config) as api:
        reply = await api.get("/api/book?limit=1")
        assert (reply.status, reply.code, reply.headers["WWW-Authenticate"]) == (401, "unauthenticated", "Bearer")
        assert (await api.get("/api/book?limit=1", {"Authorization": f"Bearer {token()}"})).status == 200


# ── the check itself ─────────────────────────────────────────────────────────────────────────


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def bearer(clock: Clock | None = None, **settings: Any) -> Callable[[str], Principal]:
    said = {name: list(each) if isinstance(each, tuple) else each for name, each in settings.items()}
    auth = {"jwt": {"secret": SECRET, **said}, "anonymous_role": "guest"}
    config = configured("sqlite:///x.db", f"auth: {json.dumps(auth)}\nroles: {{guest: {{}}, user: {{}}, editor: {{}}}}")
    made = authenticator(config, clock=clock or Clock())
    assert isinstance(made, Authenticator)
    [check] = made.methods
    assert isinstance(check, JwtBearer)
    return lambda token: check.judged(token).principal


@pytest.mark.parametrize(
    ("claim", "path", "roles"),
    [
        ({"role": "user"}, "role", ("user",)),
        ({"role": ["user", "editor", "user"]}, "role", ("user", "editor")),
        ({"realm": {"roles": ["editor"]}}, "realm.roles", ("editor",)),
        ({"https://x.example/role": "user"}, "https://x.example/role", ("user",)),
        ({"realm.roles": "user", "realm": {"roles": "editor"}}, "realm.roles", ("user",)),
    ],
)
def test_a_role_is_found_by_its_path(claim: dict[str, Any], path: str, roles: tuple[str, ...]) -> None:
    assert bearer(role_claim=path)(token({"exp": NOW + 9, **claim})).roles == roles


@pytest.mark.parametrize(
    "claim", [5, True, None, "", [], [5], {"user": True}, ["user", None], "nosuch", ["user", "nosuch"]]
)
def test_a_role_of_an_odd_form_or_name_is_forbidden(claim: Any) -> None:
    with pytest.raises(Forbidden):
        bearer(default_role="guest")(token({"exp": NOW + 9, "role": claim}))


def test_the_default_role_is_for_tokens_that_say_nothing() -> None:
    assert bearer(default_role="guest")(token({"exp": NOW + 9})).roles == ("guest",)
    assert bearer(default_role="guest", role_claim="realm.roles")(token({"exp": NOW + 9, "realm": 5})).roles == (
        "guest",
    )
    with pytest.raises(Forbidden):
        bearer()(token({"exp": NOW + 9}))


def test_clocks_may_differ_by_the_leeway_and_no_more() -> None:
    clock, check = Clock(), None
    for leeway, late, holds in (("10s", 9, True), ("10s", 12, False), ("0s", 0, False)):
        check = bearer(clock, leeway=leeway, default_role="user")
        try:
            check(token({"exp": int(NOW) - late}))
            assert holds
        except InvalidToken:
            assert not holds
    with pytest.raises(InvalidToken):
        bearer(clock, leeway="10s", default_role="user")(token({"exp": NOW + 99, "nbf": NOW + 12}))


def test_a_token_says_who_vouches_for_it_and_until_when() -> None:
    caller = bearer(default_role="user")(token({"exp": NOW + 60, "iss": "https://id.example", "sub": "7"}))
    assert (caller.issuer, caller.subject, caller.method, caller.until) == ("https://id.example", "7", "jwt", NOW + 60)


def test_an_elliptic_key_is_no_secret() -> None:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(InvalidToken):
        bearer(default_role="user")(token({"exp": NOW + 60}, key=pem, header={"alg": "ES256"}))
