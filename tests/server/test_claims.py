"""What a credential's claims come to, without any credential: what has an odd form is refused, and never guessed at."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from reflector.errors import Forbidden, UnknownRole
from server.auth.claims import ABSENT, ClaimRules, RoleRules, Terms, claim_at, flattened, subject_of
from server.problems import RefusedClaims

NOW = 1_000_000.0
GOOD: dict[str, Any] = {"exp": NOW + 60, "role": "user", "sub": "7"}


# ── when, and for whom ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("terms", "claims", "refusal"),
    [
        (Terms(), {"exp": NOW - 30}, None),
        (Terms(), {"exp": NOW - 31}, "JWT expired"),
        (Terms(leeway=0), {"exp": NOW - 1}, "JWT expired"),
        (Terms(), {}, "The JWT must have an 'exp' claim"),
        (Terms(absent_exp=True), {}, None),
        (Terms(absent_exp=True), {"exp": NOW - 31}, "JWT expired"),
        (Terms(), {"exp": NOW, "nbf": NOW + 30, "iat": NOW + 30}, None),
        (Terms(), {"exp": NOW, "nbf": NOW - 9e5, "iat": NOW - 9e5}, None),
        (Terms(), {"exp": NOW, "nbf": NOW + 31}, "JWT not yet valid"),
        (Terms(), {"exp": NOW, "iat": NOW + 31}, "JWT issued at future"),
        (Terms(("api",)), {"exp": NOW, "aud": "api"}, None),
        (Terms(("api",)), {"exp": NOW, "aud": ["other", "api"]}, None),
        (Terms(("api",)), {"exp": NOW, "aud": "apis"}, "JWT not in audience"),
        (Terms(("api",)), {"exp": NOW, "aud": []}, "JWT not in audience"),
        (Terms(("api",)), {"exp": NOW}, "JWT not in audience"),
        (Terms(("api",), absent_aud=True), {"exp": NOW}, None),
        (Terms(("api",), absent_aud=True), {"exp": NOW, "aud": []}, None),
        (Terms(("api",), absent_aud=True), {"exp": NOW, "aud": "other"}, "JWT not in audience"),
        (Terms(), {"exp": NOW, "aud": "anything"}, None),
        (Terms(False), {"exp": NOW}, None),
        (Terms(False), {"exp": NOW, "aud": []}, None),
        (Terms(False), {"exp": NOW, "aud": None}, None),
        (Terms(False), {"exp": NOW, "aud": ""}, "JWT not in audience"),
        (Terms(False), {"exp": NOW, "aud": "another"}, "JWT not in audience"),
        (Terms(False), {"exp": NOW, "aud": ["another"]}, "JWT not in audience"),
        (Terms(False), {"exp": NOW, "aud": [1]}, "The JWT 'aud' claim must be a string or an array of strings"),
        (Terms(), {"exp": NOW, "aud": [1]}, "The JWT 'aud' claim must be a string or an array of strings"),
        (Terms(), {"exp": NOW, "iss": "anybody"}, None),
        (Terms(issuer="us"), {"exp": NOW, "iss": "us"}, None),
        (Terms(issuer="us"), {"exp": NOW, "iss": "them"}, "JWT not of the issuer"),
        (Terms(issuer="us"), {"exp": NOW}, "JWT not of the issuer"),
    ],
)
def test_claims_hold_here_and_now_or_are_refused(terms: Terms, claims: dict[str, Any], refusal: str | None) -> None:
    if refusal is None:
        assert terms.judge(claims, NOW) == claims.get("exp")
        return
    with pytest.raises(RefusedClaims, match=refusal):
        terms.judge(claims, NOW)


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("odd", ["1", True, False, [1], {}, math.inf, -math.inf, math.nan, 2e15, -2e15, 10**400])
def test_a_moment_is_a_number_that_may_be_one(name: str, odd: Any) -> None:
    with pytest.raises(RefusedClaims, match=f"The JWT '{name}' claim must be a number"):
        Terms().judge({"exp": NOW, name: odd}, NOW)
    assert Terms().judge({"exp": NOW, "nbf": None, "iat": None}, NOW) == NOW
    assert Terms().judge({"exp": 1e15}, NOW) == 1e15


# ── which roles ──────────────────────────────────────────────────────────────────────────────

DECLARED = frozenset({"user", "editor"})


@pytest.mark.parametrize(
    ("given", "roles"),
    [("user", ("user",)), (["user"], ("user",)), (["editor", "user", "editor"], ("editor", "user"))],
)
def test_roles_are_a_name_or_names(given: Any, roles: tuple[str, ...]) -> None:
    assert RoleRules("role", None, DECLARED).of({"role": given}) == roles


@pytest.mark.parametrize("odd", [None, 1, True, "", [], [1], ["user", None], [["user"]], {"user": True}])
def test_roles_of_an_odd_form_are_nobody_s_whatever_the_default(odd: Any) -> None:
    for default in (None, "user"):
        with pytest.raises((Forbidden, UnknownRole)):
            RoleRules("role", default, DECLARED).of({"role": odd})


def test_a_role_that_is_not_declared_is_refused_by_its_name_and_only_the_database_knows_others() -> None:
    with pytest.raises(UnknownRole) as fault:
        RoleRules("role", None, DECLARED).of({"role": ["user", "boss"]})
    assert fault.value.message == 'role "boss" does not exist'
    assert RoleRules("role", None, None).of({"role": ["user", "boss"]}) == ("user", "boss")


@pytest.mark.parametrize(
    ("given", "default", "roles"),
    [
        (["boss", "editor", "user", "boss"], None, ("editor", "user")),
        ("editor", "user", ("editor",)),
        (["boss", "other"], "user", ("user",)),
        ("boss", "user", ("user",)),
    ],
)
def test_roles_of_others_may_be_ignored(given: Any, default: str | None, roles: tuple[str, ...]) -> None:
    assert RoleRules("role", default, DECLARED, ignoring=True).of({"role": given}) == roles


def test_who_has_nothing_but_roles_of_others_and_who_names_oddly_is_nobody() -> None:
    rules = RoleRules("role", None, DECLARED, ignoring=True)
    with pytest.raises(Forbidden, match="the token names no role"):
        rules.of({"role": ["boss"]})
    for odd in (None, 1, [], ["user", 1]):
        with pytest.raises(Forbidden, match="neither a name nor a list"):
            RoleRules("role", "user", DECLARED, ignoring=True).of({"role": odd})
    assert RoleRules("role", None, None, ignoring=True).of({"role": ["boss"]}) == ("boss",)


def test_the_default_is_for_who_names_no_role_at_all() -> None:
    assert RoleRules("role", "user", DECLARED).of({}) == ("user",)
    with pytest.raises(Forbidden, match="the token names no role"):
        RoleRules("role", None, DECLARED).of({})


def test_the_usual_role_is_one_of_the_token_s_or_none() -> None:
    rules, both = RoleRules("roles", None, DECLARED, usual="usual"), ("user", "editor")
    assert rules.usually({}, both) == both
    assert rules.usually({"usual": "editor"}, both) == ("editor",)
    assert RoleRules("roles", None, DECLARED).usually({"usual": "editor"}, both) == both
    for odd in ("boss", "", None, 1, ["editor"]):
        with pytest.raises(Forbidden, match="the token's usual role is none of its roles"):
            rules.usually({"usual": odd}, both)


# ── where claims stand ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("role", "plain"),
        ("app.role", "dotted"),
        ("realm.roles", ["inside"]),
        ("realm.nosuch", ABSENT),
        ("role.deeper", ABSENT),
        ("/realm/roles", ["inside"]),
        ("/https:~1~1x.example~1role", "pointed"),
        ("/a~0b", "tilde"),
        ("nosuch", ABSENT),
    ],
)
def test_a_path_leads_to_one_claim(path: str, found: Any) -> None:
    claims = {
        "role": "plain",
        "app.role": "dotted",
        "app": {"role": "not this one"},
        "realm": {"roles": ["inside"]},
        "https://x.example/role": "pointed",
        "a~b": "tilde",
    }
    assert claim_at(claims, path) == found


INSIDE = {"X-Hasura-User-Id": "7", "X-Hasura-Role": "user", "sub": "inside"}


@pytest.mark.parametrize("inside", [INSIDE, json.dumps(INSIDE)])
def test_claims_of_a_namespace_stand_beside_the_others_which_win(inside: Any) -> None:
    found = flattened({"ns": inside, "sub": "outside"}, "ns")
    assert (found["x-hasura-user-id"], found["x-hasura-role"], found["sub"]) == ("7", "user", "outside")
    assert flattened({"sub": "7"}, "ns") == {"sub": "7"}
    assert flattened({"ns": inside, "sub": "7"}, None) == {"ns": inside, "sub": "7"}


NO_JSON = ("", "{", "[" * 100_000)


@pytest.mark.parametrize("odd", [*NO_JSON, "[]", '"x"', "1", 1, None, []])
def test_a_namespace_of_an_odd_form_is_refused(odd: Any) -> None:
    what = "JSON" if odd in NO_JSON else "object"
    with pytest.raises(RefusedClaims, match=f"the claims of the namespace are no {what}"):
        flattened({"ns": odd}, "ns")


# ── who it is ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("given", "subject"),
    [("7", "7"), (7, "7"), ("", ""), (True, None), (False, None), (1.5, None), ([7], None), (None, None)],
)
def test_a_subject_is_a_text_or_a_whole_number(given: Any, subject: str | None) -> None:
    assert subject_of({"sub": given}) == subject
    assert subject_of({}) is None


def test_a_caller_is_made_of_claims_that_hold() -> None:
    rules = ClaimRules(Terms(issuer="us"), RoleRules("role", None, DECLARED, usual="usual"))
    said = {**GOOD, "iss": "us", "role": ["user", "editor"], "usual": "editor"}
    found = rules.principal(said, "jwt", NOW)
    assert (found.roles, found.allowed, found.subject, found.issuer) == (("editor",), ("user", "editor"), "7", "us")
    assert (found.method, found.until, found.claims) == ("jwt", NOW + 60, said)
    with pytest.raises(RefusedClaims):
        rules.principal({**said, "iss": "them"}, "jwt", NOW)
    with pytest.raises(RefusedClaims):
        rules.principal({**said, "exp": NOW - 31}, "jwt", NOW)
