"""What fills each place of a compiled statement, by each database's own way of saying it: never a text, always the value that was meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from reflector.access.principal import Principal, bind_claim
from reflector.catalog.model import DatabaseKind
from reflector.datatypes import DataType, Kind, Value
from reflector.dialects import DIALECTS
from reflector.query.comparisons import EQ, IN, LIKE
from reflector.query.nodes import TRUE, Claim, Compare, Exists, Field, Filter, Literal, Not, Now, Output, Read, all_of
from reflector.query.parameterize import parameterize_any
from reflector.sql.compile import bind_plan, compile_any
from reflector.sql.plan import Constant, FromClaim, FromRequest, Step
from tests.unit.access.blog import ARTICLE, COMMENT, COMMENTS_OF, DATE, INSTANT, INTEGER, TEXT, UUID, column, table

NOW = datetime(2024, 5, 1, 23, 30, tzinfo=UTC)
THREE = (1, 2, 3)
POISON = "'; DROP TABLE article; --"
KINDS = tuple(DIALECTS)
ID, TITLE, OWNER, DUE = (Field(ARTICLE.by_name[name]) for name in ("id", "title", "owner_id", "due"))


def sent(kind: DatabaseKind, where: Filter, claims: Mapping[str, Any] | None = None) -> tuple[str, list[Any]]:
    """The text of a question for ids and what is bound in it."""
    dialect = DIALECTS[kind]
    asked = Read(ARTICLE, (Output("id", ID),), where, limit=20)
    shape, values = parameterize_any(asked, buckets=dialect.buckets)
    caller = Principal(claims=claims or {})

    def claim(source: FromClaim) -> Value:
        return bind_claim(caller, source.path, source.type, source.many)

    bound = bind_plan(compile_any(dialect, shape), values, claim, NOW)
    return bound.plan.steps[0].text, list(bound.values[0])


def items(given: Any) -> list[Any]:
    """What a list holds, however it was bound."""
    if isinstance(given, str):
        return [each.strip('"') for each in given.strip("[]{}").split(",") if each]
    return list(given)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_no_value_of_anybody_s_is_part_of_the_text(kind: DatabaseKind) -> None:
    rule = Compare(TITLE, EQ, Claim(("sub",), TEXT), exact=True)
    fixed = Not(Compare(TITLE, EQ, Literal(POISON + "of a rule", TEXT)))
    where = all_of(rule, fixed, Compare(TITLE, IN, Literal((POISON, "b", "c"), TEXT, many=True)))
    text, bound = sent(kind, where, {"sub": POISON + "of a claim"})
    assert "DROP" not in text
    assert text == sent(kind, where, {"sub": "x"})[0]
    told = [str(each) for each in bound]
    assert any(each == POISON + "of a claim" for each in told)
    assert any(each == POISON + "of a rule" for each in told)
    assert any(POISON in each for each in told)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_each_place_has_its_own_value_in_the_order_of_the_text(kind: DatabaseKind) -> None:
    inside = Exists(COMMENTS_OF, Compare(Field(COMMENT.by_name["user_id"]), EQ, Claim(("org",), INTEGER)))
    where = all_of(
        Compare(OWNER, EQ, Literal(3, INTEGER)),
        Compare(OWNER, EQ, Claim(("sub",), INTEGER)),
        inside,
        Compare(ID, EQ, Literal(5, INTEGER)),
    )
    _, bound = sent(kind, where, {"sub": 4, "org": 9})
    assert [each for each in bound if isinstance(each, int)][:4] == [3, 4, 9, 5]
    _, other = sent(kind, where, {"sub": 9, "org": 4})
    assert [each for each in other if isinstance(each, int)][:4] == [3, 9, 4, 5]


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("given", [(), (7,), (7, 8, 9), tuple(range(20))])
def test_a_list_is_all_of_its_values_and_no_others(kind: DatabaseKind, given: Sequence[int]) -> None:
    for operand, claims in (
        (Literal(tuple(given), INTEGER, many=True), {}),
        (Claim(("ids",), INTEGER, many=True), {"ids": list(given)}),
    ):
        _, bound = sent(kind, Compare(ID, IN, operand), claims)
        lists = [each for each in bound if not isinstance(each, int)]
        found = [item for each in lists for item in items(each)] if lists else bound
        assert {int(each) for each in found} == set(given)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_moment_is_of_the_request_and_in_the_type_that_it_meets(kind: DatabaseKind) -> None:
    _, bound = sent(kind, Compare(DUE, EQ, Now(DATE)))
    assert [str(each) for each in bound if "2024" in str(each)] == ["2024-05-01"]
    _, bound = sent(kind, Compare(Field(ARTICLE.by_name["created_at"]), EQ, Now(INSTANT)))
    assert len([each for each in bound if "2024-05-01" in str(each) and "23:30" in str(each)]) == 1


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_plan_tells_where_each_value_comes_from_and_which_claims_it_needs(kind: DatabaseKind) -> None:
    where = all_of(
        Compare(OWNER, EQ, Claim(("sub",), INTEGER)),
        Compare(ID, EQ, Claim(("sub",), INTEGER)),
        Compare(TITLE, EQ, Literal("x", TEXT)),
    )
    shape, _ = parameterize_any(Read(ARTICLE, (Output("id", ID),), where, limit=20), buckets=DIALECTS[kind].buckets)
    plan = compile_any(DIALECTS[kind], shape)
    assert plan.claims == (FromClaim(("sub",), INTEGER),)
    sources = [bind.source for bind in plan.steps[0].binds if not isinstance(bind.source, Constant)]
    assert sources == [*[FromClaim(("sub",), INTEGER)] * 2, FromRequest(0)]


# ── what a rule says itself ──────────────────────────────────────────────────────────────────


def ruled(kind: DatabaseKind, where: Filter) -> Step:
    """The statement of a question under a rule, whose literals nobody lifted."""
    return compile_any(DIALECTS[kind], Read(ARTICLE, (Output("id", ID),), where, limit=20)).steps[0]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_rule_s_own_values_are_bound_as_well(kind: DatabaseKind) -> None:
    step = ruled(
        kind, all_of(Compare(TITLE, EQ, Literal(POISON, TEXT)), Compare(ID, IN, Literal(THREE, INTEGER, True)))
    )
    own = [bind.source.value for bind in step.binds if isinstance(bind.source, Constant)]
    assert "DROP" not in step.text
    buckets = DIALECTS[kind].buckets
    assert own[: 4 if buckets else 2] == ([POISON, *THREE] if buckets else [POISON, THREE])


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_columns_are_compared_by_their_names_and_nothing_is_bound_for_them(kind: DatabaseKind) -> None:
    author, step = Field(ARTICLE.by_name["author_id"]), ruled(kind, TRUE)
    compared = ruled(kind, Compare(OWNER, EQ, author))
    assert len(compared.binds) == len(step.binds)
    assert "owner_id" in compared.text
    assert "author_id" in compared.text


def test_a_pattern_is_a_text_whatever_it_is_held_against() -> None:
    """A pattern of a UUID is none; PostgreSQL would refuse to make one of it."""
    token = Field(ARTICLE.by_name["token"])
    text = ruled(DatabaseKind.POSTGRESQL, Compare(token, LIKE, Literal("a%", UUID))).text
    assert "LIKE CAST($1 AS pg_catalog.text)" in text
    assert "$1 AS uuid" not in text


@pytest.mark.parametrize("busy", [True, False])
def test_a_value_that_a_function_makes_is_told_of_where_the_function_may_do_more(busy: bool) -> None:
    type_ = DataType(Kind.TEXT, "code", by="public.code", busy=busy)
    made = table("coded", column("code", type_))
    asked = Read(made, (), Compare(Field(made.by_name["code"]), EQ, Literal("x", type_)), limit=20)
    assert compile_any(DIALECTS[DatabaseKind.POSTGRESQL], asked).steps[0].calls is busy
