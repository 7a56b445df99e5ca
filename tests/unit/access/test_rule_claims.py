"""Which claims a rule asks for: those that its filter has, in whichever form it is written, each where it stands."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from reflector.access.rule_claims import claim_set, claims_asked
from reflector.access.rules import bind_preset, bind_rule, claims_of
from reflector.errors import RuleError
from reflector.query.nodes import Claim
from tests.unit.access.blog import ARTICLE, BLOG
from tests.unit.access.test_rules_mapping import HASURAS, SAME
from tests.unit.access.test_rules_property import POLICIES, RULES

MARK = "‸"
TEXTS = [
    "owner_id == ‸claims.sub",
    "  ‸claims.sub == owner_id",
    "owner_id in ‸claims.app.ids",
    'owner_id not in ‸claims["a b"].ids',
    "title == 'ü' and owner_id == ‸claims.sub",
    "lower(title) == ‸claims.name or title != ‸claims.name",
    "not (rank > 5 and owner_id == ‸claims.sub)",
    "exists(comments, not hidden and body == ‸claims.a and exists(article, title == ‸claims.b))",
    "'a' in tags or ‸claims.tag in tags",
    "published and rank == 5 and body is None and like(title, 'claims.x') and has_key(meta, 'claims.y')",
    "title == 'claims.sub' and status in ['draft'] and due == today() and rank == owner_id",
    "true_ or True",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_asks_for_the_claims_in_it(text: str) -> None:
    plain, places = text.replace(MARK, ""), []
    while MARK in text:
        places.append(text.index(MARK))
        text = text.replace(MARK, "", 1)
    asked = [*claims_asked(plain)]
    assert [(steps, claim.offset) for steps, claim in asked] == [((), place) for place in places]
    for _, claim in asked:
        assert plain[claim.offset :].startswith("claims")
        assert all(each in plain for each in claim.parts)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("owner_id == claims.a.b", ("a", "b")),
        ('owner_id in claims["a.b"].c', ("a.b", "c")),
        ("claims.x != rank", ("x",)),
    ],
)
def test_a_claim_is_its_path(text: str, parts: tuple[str, ...]) -> None:
    assert [claim.parts for _, claim in claims_asked(text)] == [parts]


@pytest.mark.parametrize("rule", [rule for pair in (*SAME, *HASURAS) for rule in pair], ids=lambda each: str(each)[:60])
def test_a_rule_asks_for_the_claims_of_its_filter(rule: Any) -> None:
    assert {claim.parts for _, claim in claims_asked(rule)} == claims_of(bind_rule(rule, ARTICLE, BLOG))


@settings(max_examples=150, deadline=None)
@given(RULES)
def test_no_claim_of_a_filter_is_overlooked(text: str) -> None:
    """What a rule asks for by its policies these ask for; what is simply true or false leaves no filter to ask."""
    asked = {claim.parts for each in (text, *POLICIES.values()) for _, claim in claims_asked(each)}
    assert claims_of(bind_rule(text, ARTICLE, BLOG, POLICIES)) <= asked
    assert all(text[claim.offset :].startswith(f"claims.{claim.parts[0]}") for _, claim in claims_asked(text))


MAPPINGS: list[tuple[dict[str, Any], list[tuple[tuple[str | int, ...], tuple[str, ...]]]]] = [
    ({"owner_id": {"_eq": "claims.sub"}}, [(("owner_id", "_eq"), ("sub",))]),
    ({"owner_id": {"$eq": "X-Hasura-User-Id"}}, [(("owner_id", "$eq"), ("x-hasura-user-id",))]),
    (
        {"_or": [{"rank": {"_gt": 1, "_lte": "claims.a"}}, {"_not": {"author": {"name": {"_nin": 'claims["b"]'}}}}]},
        [(("_or", 0, "rank", "_lte"), ("a",)), (("_or", 1, "_not", "author", "name", "_nin"), ("b",))],
    ),
    (
        {"_exists": {"_table": {"schema": "s", "name": "claims.t"}, "_where": {"a": {"_neq": "claims.b.c"}}}},
        [(("_exists", "_where", "a", "_neq"), ("b", "c"))],
    ),
    ({"$and": ({"rank": {"_lt": "claims.a"}},)}, [(("$and", 0, "rank", "_lt"), ("a",))]),
]


@pytest.mark.parametrize(("rule", "asked"), MAPPINGS)
def test_a_mapping_asks_where_its_operands_stand(rule: dict[str, Any], asked: list[Any]) -> None:
    assert [(steps, claim.parts) for steps, claim in claims_asked(rule)] == asked
    assert all(claim.offset == 0 for _, claim in claims_asked(rule))


@pytest.mark.parametrize(
    "rule",
    [
        {"title": {"_like": "claims.x"}},
        {"title": {"_nlike": "X-Hasura-Title"}},
        {"title": {"_startswith": "claims.x"}},
        {"title": {"_between": "claims.x"}},
        {"title": {"_regex": "claims.x"}},
        {"title": {"_ceq": "claims.x"}},
        {"title": {"_has_key": "claims.x"}},
        {"meta": {"_contains": {"a": {"_eq": "claims.x"}}}},
        {"meta": {"_eq": {"a": {"_eq": "claims.x"}}}},
        {"title": {"_similar": {"a": {"_eq": "claims.x"}}}},
        {"title": {"_eq": "claim.x"}},
        {"title": {"_eq": "the claims.x"}},
        {"title": {"_eq": 5}},
        {"title": {"_in": ["claims.x"]}},
        {"title": "claims.x"},
        {"title": {"_eqq": "claims.x"}},
        {"title": {"_eq": "claims."}},
        {"title": {"_eq": "claims.x == 5"}},
        {},
    ],
    ids=str,
)
def test_what_stands_as_it_is_asks_for_nothing(rule: dict[str, Any]) -> None:
    assert [*claims_asked(rule)] == []


@pytest.mark.parametrize("rule", [True, False])
def test_a_rule_for_all_asks_for_nothing(rule: bool) -> None:
    assert [*claims_asked(rule)] == []


@pytest.mark.parametrize("preset", ["claims.sub", "  claims.app.id", 'claims["a b"]'])
def test_a_preset_may_be_a_claim(preset: str) -> None:
    [(steps, claim)] = claim_set(preset)
    assert steps == ()
    assert claim.offset == preset.index("claims")
    bound = bind_preset(preset, ARTICLE.by_name["title"])
    assert isinstance(bound, Claim)
    assert bound.path == claim.parts


@pytest.mark.parametrize("preset", ["'claims.sub'", "now()", "5", 5, True, None])
def test_a_preset_may_be_something_else(preset: Any) -> None:
    assert [*claim_set(preset)] == []


def test_what_is_no_rule_is_refused() -> None:
    for read, text in ((claims_asked, "a ="), (claims_asked, ""), (claim_set, "title"), (claim_set, "")):
        with pytest.raises(RuleError):
            [*read(text)]
