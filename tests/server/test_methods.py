"""Which ways of proving who calls a configuration asks for, and what each of them is told."""

from __future__ import annotations

import base64
import json
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from reflector.access.principal import Principal
from reflector.errors import Forbidden, UnknownRole
from server.auth.api_keys import ApiKeys
from server.auth.basic import Basic
from server.auth.claims import claim_at
from server.auth.credentials import Counted, authenticator, method_of
from server.auth.frame import Authenticator, Open
from server.auth.introspection import Introspection
from server.auth.issuers import token_rules, tokens
from server.auth.issuing import Issuing, put, signing
from server.auth.jwt import JwtBearer
from server.auth.key_sets import FetchedKeys, FixedKeys
from server.auth.outbound import Outbound
from server.auth.sessions import Sessions
from server.auth.signed import SignedBearer
from server.auth.webhook import WebhookMethod
from server.config import Config, ConfigError
from server.problems import RefusedClaims
from tests.server.harness import configured
from tests.server.issuers import CURVE, ONE, pem, public
from tests.server.test_issuers import bare
from tests.server.test_jwt import SECRET

OTHERS = json.dumps({"kty": "oct", "k": "c2hvcnQtYnV0LW5vdC12ZXJ5", "use": "sig"})
"""A secret that is too short, though its text is not."""
ROLES = "roles: {guest: {}, user: {}, admin: {}}"
NOW = 1_000_000.0
JWT = f"jwt: {{secret: {SECRET}}}"
INTROSPECTION = "introspection: {url: 'https://a.example/', client_id: a, client_secret: b%s}"
WEBHOOK = "webhook: {url: 'https://a.example/'%s}"
ADMIN = "admin_secret: a-secret-of-the-administrator-of-letters, admin_role: admin"
SETTINGS = {
    "oidc": "oidc: {issuer: 'https://id.example', client_id: us, client_secret: a-secret-of-the-client}",
    "jwt": JWT,
    "introspection": INTROSPECTION % "",
    "api_key": "api_keys: {table: api_key}",
    "basic": f"basic: {{table: person}}, {JWT}",
    "proxy": "proxy: {user_header: X-User}",
    "admin_secret": ADMIN,
    "webhook": WEBHOOK % "",
}
SERVER = "server: {secret: a-server-secret-of-many-more-letters, trusted_proxies: [192.0.2.1]}"


def of(auth: str | None, rest: str = "") -> Config:
    return configured("sqlite:///x.db", f"{SERVER}\n{ROLES}\n{rest}\n" + ("" if auth is None else f"auth: {{{auth}}}"))


def made(auth: str, rest: str = "") -> Authenticator:
    found = authenticator(of(auth, rest), clock=lambda: NOW)
    assert isinstance(found, Authenticator)
    return found


def rules_of(callers: Authenticator, kind: Any) -> Any:
    found: Any = method_of(callers, kind)
    return found._rules


# ── which methods ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_a_method_and_no_other(name: str) -> None:
    names = [each.name for each in made(f"anonymous_role: guest, {SETTINGS[name]}").methods]
    assert names == (["jwt", "basic"] if name == "basic" else [name])


def test_all_of_them_are_asked_in_one_order() -> None:
    every = [each for name, each in SETTINGS.items() if name not in {"jwt", "webhook"}]
    names = [each.name for each in made(", ".join(every)).methods]
    assert names == ["oidc", "jwt", "introspection", "api_key", "basic", "proxy", "admin_secret"]


def test_a_role_of_administrators_is_nobody_s_without_a_secret_and_a_secret_of_the_server_signs_nobody_in() -> None:
    assert [each.name for each in made(f"admin_role: admin, {JWT}").methods] == ["jwt"]


def test_a_method_is_found_by_its_kind() -> None:
    found = made(f"{JWT}, {ADMIN}")
    assert method_of(found, JwtBearer) is found.methods[0]
    assert method_of(found, Sessions) is None
    assert method_of(authenticator(of(None)), JwtBearer) is None


def test_without_auth_nobody_is_anybody_and_with_it_guests_are_who_the_file_says() -> None:
    assert isinstance(authenticator(of(None)), Open)
    request = make_mocked_request("GET", "/")
    guests = made(f"anonymous_role: guest, {JWT}")
    assert guests.waiting(request) is None
    assert (guests(request).roles, guests(request).anonymous) == (("guest",), True)
    nobody = made(JWT)
    assert nobody.waiting(request) is None
    with pytest.raises(Exception, match="a credential is required"):
        nobody(request)


def test_what_may_be_refused_and_which_roles_there_are_is_the_file_s() -> None:
    found = made(JWT, "limits: {refusals: 3/h}")
    assert (found.doubts._rate.count, set(found._roles)) == (3, {"guest", "user", "admin"})


# ── what they are told ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("kind", "setting"), [(Introspection, INTROSPECTION), (WebhookMethod, WEBHOOK)])
def test_of_whoever_is_asked_about_roles_stand_where_the_file_says(kind: Any, setting: str) -> None:
    rules = rules_of(made(setting % ", role_claim: r, default_role: user, usual_role_claim: u"), kind)
    assert rules.principal({}, "x", NOW).roles == ("user",)
    assert rules.principal({"r": ["admin", "user"], "u": "admin"}, "x", NOW).roles == ("admin",)
    with pytest.raises(UnknownRole):
        rules.principal({"r": "boss"}, "x", NOW)
    with pytest.raises(RefusedClaims):
        rules.principal({"exp": NOW - 31}, "x", NOW)
    plain = rules_of(made(setting % ""), kind)
    with pytest.raises(Forbidden):
        plain.principal({}, "x", NOW)


def test_of_an_introspection_audience_issuer_and_namespace_are_the_file_s() -> None:
    said = ", audience: shop, issuer: us, namespace: ns"
    rules = rules_of(made(INTROSPECTION % said), Introspection)
    good = {"aud": "shop", "iss": "us", "ns": {"role": "user"}}
    assert rules.principal(good, "x", NOW).roles == ("user",)
    for wrong in ({"aud": "other"}, {"iss": "them"}):
        with pytest.raises(RefusedClaims):
            rules.principal({**good, **wrong}, "x", NOW)


# ── issuers of tokens ────────────────────────────────────────────────────────────────────────


def issuers(jwt: str) -> JwtBearer:
    found = tokens(of(f"jwt: {jwt}"), Outbound(), lambda: NOW)
    assert isinstance(found, JwtBearer)
    return found


def test_an_issuer_s_tokens_must_be_what_the_file_says() -> None:
    [issuer] = issuers(
        f"{{secret: {SECRET}, audience: api, issuer: us, leeway: 5s, role_claim: r, default_role: user,"
        " usual_role_claim: u, namespace: ns}"
    ).issuers.values()
    terms, roles = issuer.claims.terms, issuer.claims.roles
    assert (terms.audience, terms.issuer, terms.leeway, terms.absent_exp, terms.absent_aud) == (
        *(("api",), "us", 5.0),
        *(False, False),
    )
    assert (roles.path, roles.default, roles.usual, issuer.claims.namespace) == ("r", "user", "u", "ns")
    assert roles.declared == frozenset({"guest", "user", "admin"})
    assert isinstance(issuer.keys, FixedKeys)


@pytest.mark.parametrize(
    ("said", "algorithms"),
    [("", {"HS256"}), (", algorithms: HS512", {"HS512"}), (", algorithms: [HS256, HS384]", {"HS256", "HS384"})],
)
def test_a_secret_is_for_one_algorithm_unless_others_are_said(said: str, algorithms: set[str]) -> None:
    [issuer] = issuers(f"{{secret: {SECRET}{said}}}").issuers.values()
    assert issuer.algorithms == algorithms


def test_keys_are_fetched_where_an_address_is_said_and_of_several_issuers_each_has_its_own() -> None:
    found = issuers(f"[{{issuer: us, secret: {SECRET}}}, {{issuer: them, jwks: 'https://id.example/keys'}}]")
    assert list(found.issuers) == ["us", "them"]
    assert isinstance(found.issuers["us"].keys, FixedKeys)
    assert isinstance(found.issuers["them"].keys, FetchedKeys)
    assert found.issuers["them"].algorithms == frozenset()
    assert tokens(of("anonymous_role: guest"), Outbound(), lambda: NOW) is None


@pytest.mark.parametrize(
    ("jwt", "complaint"),
    [
        ("{keys: PAIR, algorithms: ES256}", r"auth\.jwt\.keys: holds no key for the algorithms"),
        (f"[{{issuer: us, secret: {SECRET}}}, {{issuer: them, keys: nothing}}]", r"config.yaml:\d+.*auth\.jwt.*keys"),
    ],
)
def test_a_key_that_cannot_be_used_is_told_with_its_place(jwt: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        issuers(jwt.replace("PAIR", json.dumps(json.dumps(ONE.as_dict(private=False)))))


# ── where the database decides ───────────────────────────────────────────────────────────────


def enforced(postgrest: str = "", auth: str = "") -> Config:
    text = f"auth: {{enforce: database{auth}}}\npostgrest: {{db_anon_role: guest{postgrest}}}"
    return configured("postgresql://a@127.0.0.1:9/b", text)


def test_where_the_database_decides_tokens_are_as_its_api_wants_them() -> None:
    found = tokens(enforced(f", jwt_secret: {SECRET}, jwt_aud: api, jwt_cache_max_entries: 5"), Outbound(), lambda: NOW)
    assert isinstance(found, SignedBearer)
    rules = found.rules
    assert (rules.anonymous, rules.entries, rules.terms.audience) == ("guest", 5, ("api",))
    assert (rules.terms.absent_aud, rules.terms.absent_exp, rules.algorithms) == (False, False, frozenset())
    assert rules.role_of({"role": "x"}) == "x"
    lax = token_rules(enforced(f", jwt_secret: {SECRET}, allow_absent_aud: true, allow_absent_exp: true"), Outbound())
    assert (lax.terms.audience, lax.terms.absent_aud, lax.terms.absent_exp) == ((), True, True)
    assert token_rules(enforced(), Outbound()).keys is None


def test_or_as_our_own_settings_want_them() -> None:
    jwt = f", jwt: {{secret: {SECRET}, algorithms: HS512, audience: api, issuer: us, leeway: 5s, role_claim: a.b}}"
    rules = token_rules(enforced(auth=jwt), Outbound())
    assert (rules.terms.audience, rules.terms.issuer, rules.terms.leeway) == (("api",), "us", 5.0)
    assert (rules.algorithms, rules.anonymous) == (frozenset({"HS512"}), "guest")
    assert rules.role_of({"a": {"b": "x"}}) == "x"
    assert rules.role_of({"a": {"b": 7}}) == "7"
    assert rules.role_of({}) is rules.role_of({"a": {}}) is None


def test_roles_of_keys_and_people_are_the_file_s_or_the_database_s() -> None:
    ours = made(f"api_keys: {{table: k}}, basic: {{table: p}}, {JWT}")
    keys, people = method_of(ours, ApiKeys), method_of(ours, Basic)
    assert keys is not None
    assert people is not None
    assert keys._people.known == people.passwords._people.known == {"guest", "user", "admin"}
    assert keys.asks


# ── tokens of our own ────────────────────────────────────────────────────────────────────────


def test_the_first_issuer_with_a_secret_is_who_signs() -> None:
    several = of(f"jwt: [{{issuer: a, jwks: 'https://id.example/keys'}}, {{issuer: b, secret: {SECRET}}}]")
    found = signing(several)
    assert found is not None
    assert found.issuer == "b"
    for nobody in (of(None), of("jwt: {jwks: 'https://id.example/keys'}")):
        assert signing(nobody) is None
        with pytest.raises(ValueError, match="there is nothing to sign with"):
            Issuing(nobody)


def shared(text: str, **said: str) -> dict[str, str]:
    """A secret as a JSON Web Key."""
    return {"kty": "oct", "k": base64.urlsafe_b64encode(text.encode()).decode().rstrip("="), **said}


def header_of(token: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(token.partition(".")[0] + "=="))


def test_of_a_secret_that_is_a_set_the_first_key_signs_that_can() -> None:
    public = json.loads(json.dumps(ONE.as_dict(private=False)))
    wide, old = shared("w" * 64, kid="wide", alg="HS512"), shared("o" * 40, kid="old", alg="HS256")
    for keys, more, named in (
        ([wide, old], "", {"alg": "HS256", "typ": "JWT", "kid": "old"}),
        ([public, wide, old], ", algorithms: [HS512]", {"alg": "HS512", "typ": "JWT", "kid": "wide"}),
        ([shared("n" * 40), old], "", {"alg": "HS256", "typ": "JWT"}),
    ):
        config = of(f"jwt: {{secret: '{json.dumps({'keys': keys})}'{more}}}")
        issued = Issuing(config).issue(Principal(("user",), {}, subject="7"), timedelta(minutes=1), NOW)
        assert header_of(issued.token) == named
    with pytest.raises(
        ConfigError, match=r"config\.yaml:.*auth\.jwt\.secret: holds no key that this server can sign with"
    ):
        Issuing(of(f"jwt: {{secret: '{json.dumps(wide)}'}}"))


@pytest.mark.parametrize(
    ("path", "claims", "made_of_them"),
    [
        ("role", {"a": 1}, {"a": 1, "role": "x"}),
        ("app.role", {"app": {"a": 1}}, {"app": {"a": 1, "role": "x"}}),
        ("app.role", {"app": "text"}, {"app": {"role": "x"}}),
        ("app.role", {}, {"app": {"role": "x"}}),
        ("/a~1b/role", {}, {"a/b": {"role": "x"}}),
        ("app.role", {"app.role": "admin", "app": {"role": "admin"}}, {"app.role": "x", "app": {"role": "admin"}}),
        ("/app/role", {"app.role": "admin"}, {"app.role": "admin", "app": {"role": "x"}}),
    ],
)
def test_a_role_is_put_where_it_is_looked_for(path: str, claims: dict[str, Any], made_of_them: Any) -> None:
    given = dict(claims)
    kept = deepcopy(claims)
    put(given, path, "x")
    assert (given, claims) == (made_of_them, kept)
    assert claim_at(given, path) == "x"


def claims_of(token: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return found


def test_a_token_of_our_own_says_who_it_is_for_whom_and_until_when_and_nothing_of_that_is_theirs() -> None:
    config = of(f"jwt: {{secret: {SECRET}, audience: [api, other], issuer: us, role_claim: app.role}}")
    theirs = {"org": 3, "iss": "them", "aud": "x", "exp": 1, "iat": 1, "nbf": 9e9, "jti": "1", "app": {"a": 1}}
    ann = Principal(("user",), theirs, subject="7")
    issued = Issuing(config).issue(ann, timedelta(minutes=10), NOW + 0.9)
    assert issued.seconds == 600
    assert claims_of(issued.token) == {
        "org": 3,
        "app": {"a": 1, "role": "user"},
        "sub": "7",
        "iss": "us",
        "aud": "api",
        "iat": int(NOW),
        "exp": int(NOW) + 600,
    }
    method = tokens(config, Outbound(), lambda: NOW)
    assert isinstance(method, JwtBearer)
    assert method.judged(issued.token).principal.roles == ("user",)


def test_several_roles_are_a_list_and_what_is_not_said_is_not_there() -> None:
    both = Principal(("user", "admin"), {})
    issued = Issuing(of(f"jwt: {{secret: {SECRET}, algorithms: [HS512, HS384]}}")).issue(both, timedelta(1), NOW)
    assert claims_of(issued.token) == {"role": ["user", "admin"], "iat": int(NOW), "exp": int(NOW) + 86_400}
    assert json.loads(base64.urlsafe_b64decode(issued.token.partition(".")[0] + "=="))["alg"] == "HS384"


# ── what is shared, and where it stands ──────────────────────────────────────────────────────


def test_failures_are_counted_where_the_server_counts_them() -> None:
    counted = Counted()
    found = authenticator(of(f"basic: {{table: person}}, {JWT}"), counted=counted)
    assert isinstance(found, Authenticator)
    people = method_of(found, Basic)
    assert people is not None
    assert found.doubts._refusals is counted.refusals
    assert people.passwords._attempts._buckets is counted.attempts


@pytest.mark.parametrize(
    ("jwt", "line", "setting"),
    [
        ("\n    issuer: a\n    keys: nothing", 6, "auth.jwt.keys"),
        (f"\n    - issuer: a\n      secret: {SECRET}\n    - issuer: b\n      keys: nothing", 8, "auth.jwt[1].keys"),
        (f"\n    secret:\n    - {SECRET}\n    - {bare(pem(ONE))}", 7, "auth.jwt.secret[1]"),
        (f"\n    secret:\n    - {SECRET}\n    - '{OTHERS}'\n    - {SECRET}", 7, "auth.jwt.secret[1]"),
        (
            f"\n  - secret: {SECRET}\n    issuer: a\n  - issuer: b\n    secret: [{SECRET},\n      '{OTHERS}']",
            9,
            "auth.jwt[1].secret[1]",
        ),
    ],
)
def test_a_key_that_is_none_is_told_with_the_line_of_its_own_issuer_and_its_own_line_in_a_list(
    jwt: str, line: int, setting: str
) -> None:
    config = configured("sqlite:///x.db", f"roles: {{user: {{}}}}\nauth:\n  jwt:{jwt}\n")
    with pytest.raises(ConfigError) as caught:
        tokens(config, Outbound(), lambda: NOW)
    [told] = caught.value.complaints
    assert (told.position.line, told.path) == (line, setting)
    assert not any(each in str(told) for each in (SECRET, bare(pem(ONE)), "c2hvcnQ"))


def test_keys_of_a_pair_are_for_all_that_they_can_unless_it_is_said_and_a_secret_of_a_pair_is_one_where_the_database_decides() -> (
    None
):
    pair = json.dumps(json.dumps(ONE.as_dict(private=False)))
    [issuer] = issuers(f"{{keys: {pair}}}").issuers.values()
    assert issuer.algorithms == frozenset()
    rules = token_rules(enforced(auth=f", jwt: {{secret: {pair}}}"), Outbound())
    assert rules.keys is not None
    assert "RS256" in rules.keys.keys[0].algorithms
    hint = "public keys stand under auth.jwt.keys"
    for said, told_so in ((f"{{secret: {pair}}}", hint), (f"{{keys: {pair}, algorithms: ES256}}", None)):
        with pytest.raises(ConfigError, match="holds no key for the algorithms") as caught:
            issuers(said)
        assert [each.hint for each in caught.value.complaints] == [told_so]


def test_each_shared_secret_is_for_the_algorithms_and_of_public_keys_one_is_enough() -> None:
    keys = json.dumps([json.dumps(public(each)) for each in (CURVE, ONE)])
    [issuer] = issuers(f"{{keys: {keys}, algorithms: RS256}}").issuers.values()
    assert isinstance(issuer.keys, FixedKeys)
    other = json.dumps(
        {"kty": "oct", "k": base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="), "alg": "HS512"}
    )
    with pytest.raises(ConfigError, match="holds no key for the algorithms") as caught:
        issuers(f"{{secret: [{SECRET}, '{other}'], algorithms: HS256}}")
    assert [each.path for each in caught.value.complaints] == ["auth.jwt.secret[1]"]
