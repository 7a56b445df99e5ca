"""Issuers of tokens: algorithms that follow the key, keys that are fetched, and issuers that are not there."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import WSServerHandshakeError, web
from aiohttp.test_utils import make_mocked_request
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from reflector.errors import Forbidden
from server.auth.credentials import authenticator
from server.auth.frame import Authenticator
from server.auth.jwt import JwtBearer
from server.auth.key_sets import LEAST_SECONDS, MOST_SECONDS, SOUGHT_SECONDS, USUAL_SECONDS, FetchedKeys, fresh_seconds
from server.config import ConfigError
from server.context import Credential
from server.problems import IdentityUnavailable, InvalidToken
from tests.server.harness import configured, eventually, reloadable, served
from tests.server.issuers import CURVE, ONE, TWO, Key, outbound, pem, public, service, signed
from tests.server.test_jwt import CLAIMS, token

ROLES = "roles: {guest: {}, user: {}, editor: {}}"
SECRET = "a-signing-key-of-forty-letters-at-least"
SHARED: OctKey = OctKey.import_key(SECRET)


def of(jwt: Any) -> Authenticator:
    """Who tells who calls, under these issuers."""
    auth = {"jwt": jwt, "anonymous_role": "guest"}
    made = authenticator(configured("sqlite:///x.db", f"auth: {json.dumps(auth)}\n{ROLES}"))
    assert isinstance(made, Authenticator)
    return made


@asynccontextmanager
async def running(jwt: Any) -> AsyncIterator[Authenticator]:
    made = of(jwt)
    await made.start()
    try:
        yield made
    finally:
        await made.close()


async def told(made: Authenticator, token: str) -> Any:
    return await made.proved(Credential("bearer", token), make_mocked_request("GET", "/"))


# ── the key decides the algorithm ────────────────────────────────────────────────────────────

P384, P521 = ECKey.generate_key("P-384"), ECKey.generate_key("P-521")
ED25519, ED448 = OKPKey.generate_key("Ed25519"), OKPKey.generate_key("Ed448")
PAIRS: list[tuple[Key, str]] = [
    *((ONE, name) for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
    (CURVE, "ES256"), (P384, "ES384"), (P521, "ES512"),
    (ED25519, "EdDSA"), (ED25519, "Ed25519"), (ED448, "EdDSA"), (ED448, "Ed448"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "algorithm"), PAIRS, ids=[f"{key.kid or ''}-{name}" for key, name in PAIRS])
async def test_a_token_of_each_algorithm_is_held_against_a_key_for_it(key: Key, algorithm: str) -> None:
    token = signed(key, algorithm)
    for keys in (json.dumps(public(key)), json.dumps(key.as_dict(private=False)), pem(key), pem(key, private=True)):
        assert (await told(of({"keys": keys}), token)).roles == ("user",)
    assert (await told(of({"keys": [pem(TWO), pem(key)]}), token)).roles == ("user",)
    for others in (pem(TWO), pem(ECKey.generate_key("P-256")), pem(OKPKey.generate_key("Ed25519"))):
        with pytest.raises(InvalidToken):
            await told(of({"keys": others}), token)


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
async def test_a_secret_is_for_the_algorithm_that_is_said(algorithm: str) -> None:
    token = signed(SHARED, algorithm)
    assert (await told(of({"secret": SECRET, "algorithms": algorithm}), token)).roles == ("user",)
    if algorithm != "HS256":
        with pytest.raises(InvalidToken):
            await told(of({"secret": SECRET}), token)


async def test_a_key_may_say_its_own_algorithm_and_the_configuration_fewer() -> None:
    narrow = {**ONE.as_dict(private=False), "alg": "PS256"}
    assert (await told(of({"keys": json.dumps(narrow)}), signed(ONE, "PS256"))).roles == ("user",)
    for jwt in ({"keys": json.dumps(narrow)}, {"keys": pem(ONE), "algorithms": ["PS256", "ES256"]}):
        with pytest.raises(InvalidToken):
            await told(of(jwt), signed(ONE, "RS256"))


async def test_a_public_key_is_never_a_secret() -> None:
    text = pem(ONE)
    forged = token(CLAIMS, header={"alg": "HS256", "kid": "one"}, key=text)
    for keys in (text, json.dumps(public(ONE))):
        with pytest.raises(InvalidToken):
            await told(of({"keys": keys}), forged)
    with pytest.raises(ConfigError, match="holds no key for the algorithms"):
        of({"secret": text})


def test_a_certificate_s_key_is_taken(tmp_path: Any) -> None:
    assert of({"keys": certificate()}).methods


@pytest.mark.parametrize(
    "keys",
    [
        "x", "-----BEGIN NONSENSE-----", '{"keys": []}', '{"kty": "oct", "k": "c2hvcnQtYnV0LW5vdC12ZXJ5"}', '{"kty": "RSA"}', '{"keys": 5}',
    ],
)  # fmt: skip
def test_what_is_no_key_is_refused_at_the_start_and_not_told(keys: str) -> None:
    with pytest.raises(ConfigError) as caught:
        of({"keys": keys})
    assert re.search("auth.jwt.keys: holds no (public )?key", str(caught.value))
    assert "c2hvcnQtYnV0LW5vdC12ZXJ5" not in str(caught.value)


def test_a_short_pair_is_no_key() -> None:
    with pytest.warns(Warning, match="2048"):
        weak = RSAKey.generate_key(1024)
    with pytest.warns(Warning, match="2048"), pytest.raises(ConfigError):
        of({"keys": pem(weak)})


def certificate() -> str:
    """A certificate of ONE, for itself."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(ONE.as_pem(private=True), None)
    assert isinstance(key, RSAPrivateKey)
    assert key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    name, now = x509.Name([]), datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 7, now, now + timedelta(days=1)).sign(key, SHA256())
    return made.public_bytes(Encoding.PEM).decode()


WORDS: Final = frozenset(("PUBLIC", "CERTIFICATE", "KEY-----"))


def bare(framed: str) -> str:
    """What stands between the lines of PEM, as providers show a public key."""
    return "".join(line for line in framed.split() if line.isascii() and "-" not in line and line not in WORDS)


@pytest.mark.parametrize(
    "text",
    [
        bare(pem(ONE)),
        bare(pem(CURVE)),
        bare(certificate()),
        f"\n {bare(pem(ONE))}\n",
        "ssh-ed25519 AAAAC3NzaC1lZDI1 ann@example",
    ],
)
def test_a_public_key_without_its_frame_is_no_secret_that_everybody_knows(text: str) -> None:
    for setting in ("keys", "secret"):
        with pytest.raises(ConfigError, match="is a public key without its frame: everybody could sign with it"):
            of({setting: text})


def test_a_text_is_a_secret_where_one_is_asked_for_and_no_public_key() -> None:
    shared = "a-text-that-is-long-enough-to-sign-with"
    assert of({"secret": shared}).methods
    with pytest.raises(ConfigError, match=r"holds no public key; .* is auth\.jwt\.secret") as caught:
        of({"keys": shared})
    assert shared not in str(caught.value)


# ── several issuers, and what their tokens say ───────────────────────────────────────────────


async def test_a_token_is_held_against_the_keys_of_its_issuer_alone() -> None:
    made = of(
        [
            {"issuer": "one", "keys": pem(ONE)},
            {"issuer": "two", "keys": pem(TWO), "role_claim": "groups", "audience": "shop"},
        ]
    )
    assert (await told(made, signed(ONE, "RS256", iss="one"))).issuer == "one"
    two = signed(TWO, "RS256", iss="two", aud=["x", "shop"], groups=["editor", "user"], role="guest")
    assert (await told(made, two)).roles == ("editor", "user")
    for wrong in (
        signed(ONE, "RS256", iss="two", aud="shop", groups="user"),
        signed(TWO, "RS256", iss="one"),
        signed(TWO, "RS256", iss="two", groups="user"),
        signed(ONE, "RS256", iss="three"),
        signed(ONE, "RS256", iss=["one"]),
        signed(ONE, "RS256"),
    ):
        with pytest.raises(InvalidToken):
            await told(made, wrong)


@pytest.mark.parametrize(
    ("jwt", "claims", "roles"),
    [
        ({"role_claim": "/https:~1~1x.example/role"}, {"https://x.example": {"role": "user"}}, ("user",)),
        ({"role_claim": "realm_access.roles"}, {"realm_access": {"roles": ["user", "editor"]}}, ("user", "editor")),
        ({"role_claim": "/a~0b"}, {"a~b": "editor"}, ("editor",)),
        (
            {"role_claim": "x-hasura-allowed-roles", "namespace": "https://hasura.io/jwt/claims"},
            {"https://hasura.io/jwt/claims": {"X-Hasura-Allowed-Roles": ["user"], "x-hasura-user-id": "7"}},
            ("user",),
        ),
        (
            {"role_claim": "x-hasura-default-role", "namespace": "https://hasura.io/jwt/claims"},
            {"https://hasura.io/jwt/claims": '{"x-hasura-default-role": "editor"}'},
            ("editor",),
        ),
        ({"namespace": "n", "default_role": "user"}, {"role": None}, ("user",)),
    ],
)
async def test_roles_stand_where_their_issuer_puts_them(jwt: Any, claims: Any, roles: tuple[str, ...]) -> None:
    assert (
        await told(of({"secret": SECRET, **jwt}), signed(SHARED, "HS256", **{"role": None, **claims}))
    ).roles == roles


HASURA = {"namespace": "h", "role_claim": "x-hasura-allowed-roles", "usual_role_claim": "x-hasura-default-role"}


async def test_a_token_s_usual_role_counts_until_a_request_asks_for_another() -> None:
    made = of({"secret": SECRET, **HASURA})
    claims = {"x-hasura-allowed-roles": ["user", "editor"], "x-hasura-default-role": "user"}
    credential = Credential("bearer", signed(SHARED, "HS256", h=claims))
    for headers, roles in (
        ({}, ("user",)),
        ({"X-Hasura-Role": "editor"}, ("editor",)),
        ({"X-Role": "user"}, ("user",)),
    ):
        for _ in range(2):  # found out, and remembered
            request = make_mocked_request("GET", "/", headers={**headers, "Authorization": f"Bearer {credential.text}"})
            waiting = made.waiting(request)
            if waiting is not None:
                await waiting
            assert made(request).roles == roles == (await made.proved(credential, request)).roles
    with pytest.raises(Forbidden):
        await made.proved(credential, make_mocked_request("GET", "/", headers={"X-Role": "guest"}))
    odds: list[Any] = ["guest", "nosuch", 5, None, ["user"]]
    for odd in odds:
        with pytest.raises(Forbidden):
            await told(made, signed(SHARED, "HS256", h={**claims, "x-hasura-default-role": odd}))
    del claims["x-hasura-default-role"]
    assert (await told(made, signed(SHARED, "HS256", h=claims))).roles == ("user", "editor")


async def test_claims_of_a_namespace_stand_beside_the_others_and_do_not_hide_them() -> None:
    token = signed(SHARED, "HS256", sub="7", space={"X-Org": 5, "sub": "8", "exp": 1})
    caller = await told(of({"secret": SECRET, "namespace": "space"}), token)
    assert (caller.claims["x-org"], caller.claims["sub"], caller.subject) == (5, "7", "7")
    odds: list[Any] = [5, [], "x", "[]", "[" * 5000]
    for odd in odds:
        with pytest.raises(InvalidToken):
            await told(of({"secret": SECRET, "namespace": "space"}), signed(SHARED, "HS256", space=odd))


@pytest.mark.parametrize("odd", [True, "1e9", [], {}, 1e300, float("inf"), float("nan")])
async def test_moments_of_odd_types_are_refused(odd: Any) -> None:
    for name in ("exp", "nbf", "iat"):
        with pytest.raises(InvalidToken):
            await told(of({"secret": SECRET}), signed(SHARED, "HS256", **{name: odd}))


async def test_a_role_that_is_not_declared_is_forbidden() -> None:
    odds: list[Any] = ["nosuch", ["user", "nosuch"], [], 5, {"user": 1}, [["user"]]]
    for odd in odds:
        with pytest.raises(Forbidden):
            await told(of({"secret": SECRET, "default_role": "user"}), signed(SHARED, "HS256", role=odd))


ODD = st.sampled_from(
    [
        None, 5, -1, 1.5, 1e300, "", "x", "one", "HS256", "none", "user", True, [], {}, [5], ["user"], [["user"]], {"a": {"b": 1}},
        10**400, "\ud800", "é", "[", '{"role": "user"}', float("nan"), float("-inf"),
    ]
)  # fmt: skip
HEADERS = st.dictionaries(
    st.sampled_from(["alg", "typ", "kid", "crit", "b64", "jwk", "jku", "x5u", "x5c", "cty", "enc", "x"]),
    ODD,
    max_size=3,
)
SAID = st.dictionaries(
    st.sampled_from(["role", "iss", "exp", "nbf", "iat", "aud", "sub", "h", "x-hasura-default-role"]), ODD, max_size=4
)


ONE_ISSUER = {"issuer": "one", "secret": SECRET, "namespace": "h", "usual_role_claim": "x-hasura-default-role"}
TWO_ISSUERS = [ONE_ISSUER, {"issuer": "two", "secret": SECRET, "audience": "shop"}]


@pytest.fixture(scope="module")
def bearers() -> list[JwtBearer]:
    """Tokens of one issuer, and of two."""
    return [each for jwt in (ONE_ISSUER, TWO_ISSUERS) for each in of(jwt).methods if isinstance(each, JwtBearer)]


@given(HEADERS, SAID, st.integers(0, 400), st.sampled_from(["", ".", "_", "A", "é", "\x00", "\ud800", "=", " "]))
def test_a_token_of_odd_parts_is_refused_and_never_a_fault(
    bearers: list[JwtBearer], header: dict[str, Any], claims: dict[str, Any], place: int, letter: str
) -> None:
    head = json.dumps({"alg": "HS256", **header}).encode()
    body = json.dumps({"role": "user", "iss": "one", "exp": 9e9, **claims}).encode()
    text = token(body, header=head)
    text = text[:place] + letter + text[place + 1 :] if letter else text
    assert len(bearers) == 2
    for bearer in bearers:
        try:
            assert set(bearer.judged(text).principal.roles) <= {"guest", "user", "editor"}
        except (InvalidToken, Forbidden):
            assert header or claims or letter


# ── keys that an issuer publishes ────────────────────────────────────────────────────────────


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_published_keys_are_fetched_and_fetched_again_for_a_new_one() -> None:
    async with service(public(ONE)) as issuer, running({"jwks": issuer.url}) as made:
        assert (await told(made, signed(ONE, "RS256"))).subject == "7"
        assert (issuer.asked, made.degraded) == (1, False)
        issuer.says(public(ONE, CURVE))
        assert (await told(made, signed(CURVE, "ES256"))).subject == "7"
        assert issuer.asked == 2


async def test_a_thousand_unknown_keys_are_asked_for_once() -> None:
    async with service(public(ONE)) as issuer, running({"jwks": issuer.url}) as made:
        await told(made, signed(ONE, "RS256"))
        for several in range(10):
            answers = await asyncio.gather(
                *(told(made, signed(CURVE, "ES256", {"kid": f"{several}-{each}"})) for each in range(100)),
                return_exceptions=True,
            )
            assert {type(answer).__mro__[1] for answer in answers} == {InvalidToken}
        assert issuer.asked == 2
        assert (await told(made, signed(ONE, "RS256", sub="8"))).subject == "8"


async def test_while_the_issuer_is_away_its_old_keys_serve_on() -> None:
    clock = Clock()
    async with outbound() as asks:
        async with service(public(ONE)) as issuer:
            keys = FetchedKeys(issuer.url, asks, clock)
            await keys.sought()
            known = keys.keys
        answers: list[Any] = [None, {"keys": []}, [], {"keys": [SHARED.as_dict()]}]
        for wrong in answers:
            clock.now += SOUGHT_SECONDS
            async with service(wrong, port=issuer.port):
                assert not await keys.sought()
            assert (keys.keys, keys.degraded) == (known, True)
        clock.now += SOUGHT_SECONDS
        assert not await keys.sought()
        clock.now += SOUGHT_SECONDS
        async with service(public(ONE), port=issuer.port):
            assert not await keys.sought()
            assert not keys.degraded
        await keys.close()


async def test_a_withdrawn_key_holds_nothing_from_the_next_look_on() -> None:
    async with service(public(ONE, TWO)) as issuer, running({"jwks": issuer.url}) as made:
        old = signed(ONE, "RS256")
        assert (await told(made, old)).subject == "7"
        issuer.says(public(TWO, CURVE))
        assert (await told(made, old)).subject == "7"  # nobody has looked yet
        assert (await told(made, signed(CURVE, "ES256"))).subject == "7"
        with pytest.raises(InvalidToken):
            await told(made, old)


async def test_a_shared_secret_among_published_keys_is_nobody_s() -> None:
    everybodys = OctKey.import_key({"kty": "oct", "kid": "s", "k": "YS1rZXktdGhhdC1ldmVyeWJvZHktb24tZWFydGgta25vd3M"})
    document = {"keys": [everybodys.as_dict(), *public(ONE)["keys"], {"kty": "new"}, 5]}
    async with service(document) as issuer, running({"jwks": issuer.url}) as made:
        assert (await told(made, signed(ONE, "RS256"))).subject == "7"
        with pytest.raises(InvalidToken):
            await told(made, signed(everybodys, "HS256"))


async def test_what_a_key_brings_along_is_never_asked_for() -> None:
    async with service(public(ONE)) as issuer, service(public(TWO)) as evil, running({"jwks": issuer.url}) as made:
        await told(made, signed(ONE, "RS256"))
        for header in (
            {"jku": evil.url},
            {"x5u": evil.url},
            {"jwk": TWO.as_dict(private=False)},
            {"jwk": TWO.as_dict(private=False), "kid": None},
            {"x5c": [certificate()]},
            {"kid": evil.url},
            {"kid": "../../../etc/passwd"},
            {"kid": "one' OR '1'='1"},
        ):
            with pytest.raises(InvalidToken):
                await told(made, signed(TWO, "RS256", {"kid": "one", **header}))
        assert (evil.asked, issuer.asked <= 2) == (0, True)


@pytest.mark.parametrize("fault", ["redirect", "too large", "too slow", "compressed", "error", "no JSON"])
async def test_an_issuer_that_answers_otherwise_is_away(fault: str) -> None:
    seconds = 0.2 if fault == "too slow" else 5  # where the others are in no hurry, a busy machine decides nothing
    async with service(public(ONE)) as elsewhere, service() as issuer, outbound(seconds=seconds, most=4096) as asks:
        answers = {
            "redirect": web.Response(status=302, headers={"Location": elsewhere.url}),
            "too large": web.Response(body=b" " * 5000 + json.dumps(public(ONE)).encode()),
            "compressed": web.json_response(public(ONE), headers={"Content-Encoding": "gzip"}),
            "error": web.json_response(public(ONE), status=500),
            "no JSON": web.Response(text="[" * 3000),
        }

        async def answer(_: web.BaseRequest) -> web.StreamResponse:
            if fault not in answers:
                await asyncio.sleep(2)
            return answers[fault]

        issuer.answer = answer
        keys = FetchedKeys(issuer.url, asks)
        with pytest.raises(IdentityUnavailable):
            await keys.sought()
        assert (issuer.asked, elsewhere.asked, keys.degraded) == (1, 0, True)
        await keys.close()


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("max-age=900", 900),
        ("public, max-age=120, must-revalidate", 120),
        ("max-age=1", LEAST_SECONDS),
        ("no-store", USUAL_SECONDS),
        ("max-age=999999999", MOST_SECONDS),
        ("s-max-age=7", USUAL_SECONDS),
        ("", USUAL_SECONDS),
    ],
)
def test_keys_stay_fresh_for_as_long_as_is_said_within_reason(said: str, seconds: float) -> None:
    assert fresh_seconds({"Cache-Control": said}) == seconds


# ── the whole server ─────────────────────────────────────────────────────────────────────────

OPEN = "defaults: {read: true}\nroles: {guest: {}, user: {}}"


async def test_the_server_starts_without_its_issuer_and_takes_tokens_when_it_is_there(bookshop: str) -> None:
    async with service(public(ONE)) as issuer:
        pass
    config = f"auth: {{jwt: {{jwks: '{issuer.url}'}}, anonymous_role: guest}}\n{OPEN}"
    bearer = {"Authorization": f"Bearer {signed(ONE, 'RS256')}"}
    async with served(bookshop, config) as api:
        for path in (
            "/api/book?limit=1",
            "/rest/v1/book?limit=1",
            "/graphql?query={book(limit:1){id}}",
            "/openapi.json",
        ):
            assert (await api.get(path, bearer)).status == 503, path
            assert (await api.get(path)).status == 200, path
        reply = await api.get("/api/book?limit=1", bearer)
        assert (reply.code, reply.headers["Retry-After"]) == ("identity_unavailable", "2")
        assert (await api.get("/health/ready")).json == {"status": "degraded"}
        async with service(public(ONE), port=issuer.port):

            async def taken() -> bool:
                return (await api.get("/api/book?limit=1", bearer)).status == 200

            await eventually(taken)
            assert (await api.get("/health/ready")).json == {"status": "ready"}


async def test_every_api_holds_the_same_credentials(bookshop: str) -> None:
    async with service(public(ONE)) as issuer:
        jwt = f"{{jwks: '{issuer.url}', audience: shop}}"
        async with served(bookshop, f"auth: {{jwt: {jwt}, anonymous_role: guest}}\n{OPEN}") as api:
            paths = (
                "/api/book?limit=1",
                "/rest/v1/book?limit=1",
                "/graphql?query={book(limit:1){id}}",
                "/openapi.json",
            )
            good = signed(ONE, "RS256", aud="shop")
            for path in paths:
                assert (await api.get(path, {"Authorization": f"Bearer {good}"})).status == 200, path
                for bad in (
                    signed(ONE, "RS256"),
                    signed(ONE, "RS256", aud="shop", exp=None),
                    signed(TWO, "RS256"),
                    "x",
                ):
                    assert (await api.get(path, {"Authorization": f"Bearer {bad}"})).status == 401, path
                head = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                twice = f"{head}Authorization: Bearer {good}\r\nAuthorization: Bearer {good}\r\n\r\n"
                assert (await api.raw(twice.encode())).startswith(b"HTTP/1.1 400 "), path
                unknown = signed(ONE, "RS256", aud="shop", role=["nosuch"])
                reply = await api.get(path, {"Authorization": f"Bearer {unknown}"})
                assert reply.status == (401 if path.startswith("/rest") else 403), path
            with pytest.raises(WSServerHandshakeError) as caught:
                await api.session.ws_connect(api.base + "/ws", headers={"Authorization": "Bearer x"})
            assert caught.value.status == 401


async def test_where_tokens_are_for_no_audience_one_that_is_for_another_is_refused(bookshop: str) -> None:
    async with service(public(ONE)) as issuer:
        jwt = f"[{{jwks: '{issuer.url}', audience: false, issuer: one}}, {{issuer: two, secret: {SECRET}, audience: shop}}]"
        async with served(bookshop, f"auth: {{jwt: {jwt}, anonymous_role: guest}}\n{OPEN}") as api:
            for path in ("/api/book?limit=1", "/rest/v1/book?limit=1", "/graphql?query={book(limit:1){id}}"):
                for aud, status in ((None, 200), ("shop", 401), (["shop", "other"], 401), ("", 401)):
                    token = signed(ONE, "RS256", iss="one", aud=aud)
                    reply = await api.get(path, {"Authorization": f"Bearer {token}"})
                    assert reply.status == status, (path, aud)


async def test_a_configuration_that_is_read_again_has_its_issuers_keys_at_once(bookshop: str, tmp_path: Path) -> None:
    async with service(public(ONE)) as first, service(public(TWO)) as second:
        file = tmp_path / "config.yaml"
        auth = f"auth: {{jwt: {{jwks: '%s'}}, admin_role: admin, admin_secret: {SECRET}}}\nroles: {{user: {{}}, admin: {{}}}}"
        text = f"version: 1\n{auth}\ndefaults: {{read: true}}\n"
        file.write_text(text % first.url)
        one, two = ({"Authorization": f"Bearer {signed(key, 'RS256')}"} for key in (ONE, TWO))
        async with reloadable(bookshop, file) as api:
            assert [(await api.get("/api/book?limit=1", each)).status for each in (one, two)] == [200, 401]
            file.write_text(text % second.url)
            reply = await api.post("/admin/reload", headers={"X-Reflector-Admin-Secret": SECRET})
            assert reply.status == 200
            assert [(await api.get("/api/book?limit=1", each)).status for each in (one, two)] == [401, 200]


async def test_while_the_issuer_is_away_a_configuration_that_is_read_again_keeps_its_keys(
    bookshop: str, tmp_path: Path
) -> None:
    file = tmp_path / "config.yaml"
    async with service(public(ONE)) as issuer:
        auth = f"auth: {{jwt: {{jwks: '{issuer.url}'}}, admin_role: admin, admin_secret: {SECRET}}}"
        text = f"version: 1\n{auth}\nroles: {{user: {{}}, admin: {{}}}}\ndefaults: {{read: true}}\n"
        file.write_text(text)
        bearer, administrator = (
            {"Authorization": f"Bearer {signed(ONE, 'RS256')}"},
            {"X-Reflector-Admin-Secret": SECRET},
        )
        async with reloadable(bookshop, file) as api:
            assert (await api.get("/api/book?limit=1", bearer)).status == 200
            async with service(public(ONE)) as elsewhere:
                issuer.says(None, 500)
                file.write_text(f"{text}limits: {{depth: 5}}\n")
                assert (await api.post("/admin/reload", headers=administrator)).json["changed"] == ["limits.depth"]
                assert (await api.get("/api/book?limit=1", bearer)).status == 200
                elsewhere.says(None, 500)
                file.write_text(text.replace(issuer.url, elsewhere.url))
                assert (await api.post("/admin/reload", headers=administrator)).status == 200
                assert (await api.get("/api/book?limit=1", bearer)).status == 503
