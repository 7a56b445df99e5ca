"""Which claims a file knows, by standard and by its own word."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from server.config import ConfigError
from server.config.claim_checks import check_claims, strange_claim
from server.config.complaints import Position
from server.config.document import Document, SourceMapping
from server.config.known_claims import WELL_KNOWN, known_claims, readings
from tests.unit.config.conftest import Loader

RULES = (Path(__file__).parents[3] / "docs" / "rules.md").read_text()
HASURA = "https://hasura.io/jwt/claims"


def test_the_page_names_all_that_are_well_known() -> None:
    table = RULES.partition("| known by | claims |")[2].partition("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    assert {source: tuple(re.findall(r"`([^`]+)`", names)) for source, names in rows} == WELL_KNOWN


@pytest.mark.parametrize("name", ["sub", "email", "scope", "groups", "role", "aal", "x-hasura-user-id"])
def test_what_is_well_known_is_known_as_it_stands(name: str) -> None:
    known = known_claims({})
    assert known.knows((name,))
    assert not known.knows((name.upper(),))
    assert not known.knows((name, "inside"))


@pytest.mark.parametrize(
    ("path", "is_known"),
    [
        (("address", "country"), True),
        (("address",), False),
        (("address", "counntry"), False),
        (("address.country",), False),
        (("app_metadata", "provider"), True),
        (("app_metadata", "plan"), False),
        (("user_metadata",), False),
        (("user_metadata", "name"), False),
        ((), False),
    ],
)
def test_of_a_document_its_own_members_are_known(path: tuple[str, ...], is_known: bool) -> None:
    assert known_claims({}).knows(path) is is_known


NAMED: list[tuple[Any, list[tuple[str, ...]], list[tuple[str, ...]]]] = [
    ({"claims": "tenant"}, [("tenant",), ("tenant", "a", "b")], [("Tenant",), ("a", "tenant"), ("tenan",)]),
    ({"claims": ["a.b"]}, [("a", "b"), ("a.b",), ("a", "b", "c"), ("a.b", "c")], [("a",), ("b",), ("a", "c")]),
    ({"claims": ["/a.b/c~1d"]}, [("a.b", "c/d"), ("a.b", "c/d", "e")], [("a", "b"), ("a.b",), ("/a.b/c~1d",)]),
    ({"claims": ["https://x.example/y"]}, [("https://x.example/y",)], [("https://x", "example/y")]),
    ({"claims": ["X-Hasura-Org"]}, [("x-hasura-org",), ("X-Hasura-Org",)], [("x-hasura-orgs",)]),
    ({"proxy": {"claims": {"mail": "X-Mail"}}}, [("mail",)], [("mail", "a"), ("X-Mail",)]),
    (
        {"api_keys": {"keys": {"a": {"claims": {"a.b": 1}}, "b": {"claims": {"c": 1}}}}},
        [("a.b",), ("c",)],
        [("a", "b")],
    ),
    ({"jwt": {"role_claim": "realm_access.roles"}}, [("realm_access", "roles")], [("realm_access",)]),
    ({"jwt": [{"role_claim": "r1"}, {"usual_role_claim": "r2"}]}, [("r1",), ("r2",)], [("r3",)]),
    ({"jwt": {"namespace": HASURA}}, [], [(HASURA,), (HASURA, "x-hasura-user-id")]),
    ({"introspection": {"role_claim": "a"}, "webhook": {"usual_role_claim": "b"}}, [("a",), ("b",)], [("c",)]),
    ({"oidc": {"role_claim": "a"}}, [("a",)], [("b",)]),
    ({"claims": 5, "jwt": 5, "proxy": [], "api_keys": {"keys": {"a": 5}}}, [], [("5",)]),
    (None, [("sub",)], [("tenant",)]),
]


@pytest.mark.parametrize(("auth", "known", "unknown"), NAMED)
def test_a_file_knows_what_it_names(auth: Any, known: list[Any], unknown: list[Any]) -> None:
    found = known_claims({"auth": auth})
    assert [path for path in known if not found.knows(path)] == []
    assert [path for path in unknown if found.knows(path)] == []


def test_below_what_is_named_everything_is_known_and_above_it_documents_lead_there() -> None:
    known = known_claims({"auth": {"claims": ["a.b"]}})
    assert [known.holds(path) for path in (("a",), ("a", "b"), ("a", "b", "c"), ("sub",))] == [False, True, True, False]
    paths = (("a",), ("a", "b"), ("a", "b", "c"), ("sub",), ("address",), ("a", "c"), ("c",), ("sub", "a"))
    assert [known.leads(path) for path in paths] == [True, True, True, True, True, False, False, False]


@pytest.mark.parametrize(
    ("path", "name", "near"),
    [
        (("subb",), "subb", "sub"),
        (("Sub",), "Sub", "sub"),
        (("tenat",), "tenat", "tenant"),
        (("org",), "org", "org.id"),
        (("org", "ids"), "org.ids", "org.id"),
        (("xyzzy",), "xyzzy", None),
        # A name with a dot and a way into a document are written alike, and nothing would be said by it.
        (("way.on",), "way.on", None),
    ],
)
def test_what_is_unknown_is_told_with_the_nearest_name(path: tuple[str, ...], name: str, near: str | None) -> None:
    message, hint = known_claims({"auth": {"claims": ["tenant", "org.id", "/way/on"]}}).unknown(path)
    assert message == f"nothing says that callers have a claim {name!r}"
    own = "claim of your own is named under auth.claims"
    assert hint == (f"a {own}" if near is None else f"did you mean {near!r}? A {own}")


def test_a_name_is_read_in_every_way_that_it_may_be_meant() -> None:
    assert readings("a") == {("a",)}
    assert readings("a.b") == {("a.b",), ("a", "b")}
    assert readings("/a/b.c") == {("a", "b.c")}
    assert readings("X-Hasura-A") == {("X-Hasura-A",), ("x-hasura-a",)}


# ── in a file ────────────────────────────────────────────────────────────────────────────────

FILE = """\
version: 1
auth: {AUTHjwt: {secret: a-signing-key-of-forty-letters-at-least, audience: api}}
roles: {user: {}}
tables: {book: {allow: {user: {read: RULE}}}}
TESTS
"""
OWN = "a claim of your own is named under auth.claims"


def complaints(loaded: Loader, text: str) -> list[str]:
    """What is said about a file, its name left out."""
    try:
        loaded(text, {})
    except ConfigError as refused:
        return [str(each).rpartition("config.yaml:")[2] for each in refused.complaints]
    return []


def told(loaded: Loader, rule: str, auth: str = "", tests: str = "") -> list[str]:
    return complaints(loaded, FILE.replace("AUTH", auth).replace("RULE", rule).replace("TESTS", tests))


@pytest.mark.parametrize(
    ("rule", "column"),
    [
        ("a == claims.xyzzy", 43),
        ("'a == claims.xyzzy'", 44),
        ('"a == claims.xyzzy"', 44),
        ("{filter: a == claims.xyzzy}", 52),
        ("{filter: {a: {_eq: claims.xyzzy}}}", 57),
        ("{a: {_eq: 'claims.xyzzy'}}", 48),
    ],
)
def test_a_claim_is_told_where_it_stands(loaded: Loader, rule: str, column: int) -> None:
    [said] = told(loaded, rule)
    assert said.startswith(f"4:{column}: tables.book.allow.user.read")
    assert said.endswith(f"nothing says that callers have a claim 'xyzzy'; {OWN}")
    assert told(loaded, rule, "claims: xyzzy, ") == []
    assert told(loaded, rule, "claims: [a, xyzzy], ") == []


@pytest.mark.parametrize(
    ("named", "place"),
    [("{a: b}", ""), ("[5]", "[0]"), ('["${NOT_SET}"]', "[0]"), ("[a, [b]]", "[1]"), ("'${NOT_SET}'", ""), ("5", "")],
)
def test_where_names_cannot_be_read_nothing_more_is_told(loaded: Loader, named: str, place: str) -> None:
    [said] = told(loaded, "a == claims.xyzzy", f"claims: {named}, ")
    assert said.split(": ")[1] == f"auth.claims{place}"


def test_what_is_no_rule_is_told_as_that_alone(loaded: Loader) -> None:
    assert told(loaded, "a = claims.xyzzy") == ["4:40: tables.book.allow.user.read: this is not a rule; == compares"]


def test_auth_that_is_no_section_is_told_alone(loaded: Loader) -> None:
    text = FILE.replace(FILE.splitlines()[1], "auth: 5").replace("RULE", "a == claims.xyzzy").replace("TESTS", "")
    assert [each.startswith("2:7: auth: must be a mapping") for each in complaints(loaded, text)] == [True]


def test_a_file_that_says_nothing_of_callers_is_judged_too(loaded: Loader) -> None:
    text = "version: 1\nroles: {user: {}}\ntables: {book: {allow: {user: {read: a == claims.subb}}}}\n"
    [nobody, unknown] = complaints(loaded, text)
    assert "nobody can have a role" in nobody
    assert unknown.startswith("3:43: tables.book.allow.user.read: nothing says that callers have a claim 'subb'")
    assert complaints(loaded, text.replace("subb", "sub")) == [nobody]


def test_a_variable_may_name_claims_as_well(loaded: Loader) -> None:
    text = FILE.replace("AUTH", "").replace("RULE", "a == claims.tenant and b == claims.org.id").replace("TESTS", "")
    auth = loaded(text, {"REFLECTOR_AUTH_CLAIMS": "tenant, org.id"}).auth
    assert auth is not None
    assert auth.claims == ("tenant", "org.id")


def test_what_a_column_is_preset_to_is_judged(loaded: Loader) -> None:
    text = FILE.replace("read: RULE", "create: {check: true, presets: {a: claims.subb, b: claims.sub, c: 5, d: now()}}")
    said = complaints(loaded, text.replace("AUTH", "").replace("TESTS", ""))
    assert [each.partition(" nothing")[0] for each in said] == ["4:67: tables.book.allow.user.create.presets.a:"]


def test_what_no_file_says_is_told_where_it_is_known() -> None:
    document = Document(SourceMapping(Position("somewhere", 2, 3)))
    document.data["policies"] = {"own": "a == claims.subb", "other": {"a": {"_eq": "claims.subb"}}}
    check_claims(document)
    assert [each.position for each in document.complaints] == [Position("somewhere", 2, 3)] * 2


@pytest.mark.parametrize(
    ("named", "wrong"),
    [("[a, b, a]", 2), ("[a.b, /a/b]", 1), ("[X-Hasura-A, x-hasura-a]", 1), ("[/a/b, a.b]", None), ("[a, a.b]", None)],
)
def test_a_claim_is_named_once(loaded: Loader, named: str, wrong: int | None) -> None:
    said = [each.partition(": ")[2] for each in told(loaded, "true", f"claims: {named}, ")]
    assert said == ([] if wrong is None else [f"auth.claims[{wrong}]: names a claim a second time"])


CALLERS: list[tuple[str, list[str]]] = [
    ("{role: user, sub: 1}", []),
    ("{roles: [user], tenant: {a: {b: 1}}, address: {country: PE}}", []),
    ("{role: user, org: 5}", []),  # of an odd form, which a test may be about
    ("{role: user, subb: 1}", ["tests[0].as.subb"]),
    ("{role: user, org: {id: 1, idd: 2}}", ["tests[0].as.org.idd"]),
    ("[user, {role: user, Sub: 1}]", ["tests[0].as[1].Sub"]),
]


@pytest.mark.parametrize(("caller", "wrong"), CALLERS)
@pytest.mark.parametrize("form", ["{as: CALLER, read: book, rows: 1}", "{as: CALLER, tests: [{read: book, rows: 1}]}"])
def test_who_makes_a_test_has_claims_that_are_known(loaded: Loader, form: str, caller: str, wrong: list[str]) -> None:
    tests = f"tests: [{form.replace('CALLER', caller)}]"
    said = told(loaded, "true", "claims: [tenant, org.id], ", tests)
    assert [each.split(": ")[1] for each in said] == wrong


def test_a_test_of_a_group_may_be_made_by_another(loaded: Loader) -> None:
    tests = "tests: [{as: {role: user, xa: 1}, tests: [{as: {role: user, xb: 1}, read: book, where: a == claims.xc, rows: 1}]}]"
    said = told(loaded, "true", "", tests)
    assert [each.split(": ")[1] for each in said] == [
        "tests[0].as.xa",
        "tests[0].tests[0].as.xb",
        "tests[0].tests[0].where",
    ]


DECIDED = """\
version: 1
database: {url: "postgresql://db/shop"}
auth: {enforce: database, CLAIMSjwt: {secret: a-signing-key-of-forty-letters-at-least, audience: api}}
tests:
  - {as: {role: user, xyzzy: 1}, read: book, where: a == claims.xyzzy, rows: 1}
"""


def test_where_the_database_decides_a_list_of_claims_is_held_to_where_there_is_one(loaded: Loader) -> None:
    assert complaints(loaded, DECIDED.replace("CLAIMS", "")) == []
    assert complaints(loaded, DECIDED.replace("CLAIMS", "claims: xyzzy, ")) == []
    said = complaints(loaded, DECIDED.replace("CLAIMS", "claims: tenant, "))
    assert [each.split(": ")[1] for each in said] == ["tests[0].as.xyzzy", "tests[0].where"]


def test_a_caller_by_hand_is_held_to_the_same_list(loaded: Loader) -> None:
    def strange(text: str, **claims: Any) -> str | None:
        found = strange_claim(loaded(text, {}), claims)
        return None if found is None else found[0].partition("claim ")[2]

    plain = FILE.replace("RULE", "true").replace("TESTS", "")
    keys = 'api_keys: {keys: {k: {hash: "sha256:' + "0" * 64 + '", role: user, claims: {tier: gold}}}}, '
    named = plain.replace("AUTH", f"claims: [tenant, org.id], {keys}")
    assert strange(named, sub=1, tenant={"a": 1}, org={"id": 1}, tier="gold", email="x") is None
    assert strange(named, sub=1, subb=2, teer=3) == "'subb'"
    assert strange(named, org={"id": 1, "idd": 2}) == "'org.idd'"
    assert strange(plain.replace("AUTH", ""), tenant=1) == "'tenant'"
    assert strange("version: 1\n", sub=1) is None
    assert strange("version: 1\n", subb=1) == "'subb'"
    decided = DECIDED.partition("tests:")[0]
    assert strange(decided.replace("CLAIMS", ""), anything=1) is None
    assert strange(decided.replace("CLAIMS", "claims: tenant, "), tenant=1) is None
    assert strange(decided.replace("CLAIMS", "claims: tenant, "), anything=1) == "'anything'"


def test_every_claim_of_a_rule_is_told(loaded: Loader) -> None:
    said = told(loaded, '"a == claims.x1 and (b in claims.x2 or exists(c, d == claims.x3))"')
    assert [re.findall(r"'(.*?)'", each)[0] for each in said] == ["x1", "x2", "x3"]
