"""What each form of a rule becomes."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from reflector.access.rules import Rule, UnfitRule, bind_preset, bind_rule, claims_of, tables_of
from reflector.errors import RuleError
from reflector.query.comparisons import EQ, GT, GTE, ILIKE, IN, LIKE, LT, LTE, NE, Comparison
from reflector.query.nodes import (
    FALSE,
    TRUE,
    And,
    Claim,
    Compare,
    Exists,
    Expression,
    Field,
    Filter,
    IsNull,
    Literal,
    Lowered,
    Not,
    Now,
    Operand,
    Or,
    Outer,
    Related,
)
from tests.unit.access.blog import (
    ACCOUNT,
    ARTICLE,
    ARTICLE_OF,
    ARTICLE_TAG,
    AUTHOR,
    AUTHOR_OF,
    BLOG,
    COMMENT,
    COMMENTS_OF,
    COUNTRY,
    COUNTRY_OF,
    EDITOR_OF,
    LOG,
    MEMBER,
    MEMBERS_OF,
    TAG,
    TAGS_OF,
    TEAM,
    TEAM_OF,
)


def field(name: str) -> Field:
    return Field(ARTICLE.by_name[name])


def constant(name: str, value: Any, *, many: bool = False) -> Literal:
    return Literal(value, ARTICLE.by_name[name].type, many)


def compared(name: str, comparison: Comparison, value: Any, *, many: bool = False) -> Compare:
    return Compare(field(name), comparison, constant(name, value, many=many), exact=True)


def claimed(left: Expression, comparison: Comparison, operand: Operand) -> Compare:
    return Compare(left, comparison, operand, exact=True)


def of(table: Any, name: str) -> Field:
    return Field(table.by_name[name])


OWNER = ARTICLE.by_name["owner_id"]
OWN = claimed(field("owner_id"), EQ, Claim(("sub",), OWNER.type))
NAMED = Related(AUTHOR_OF, of(AUTHOR, "name"), TRUE)
USER = MEMBER.by_name["user_id"]
IS_MEMBER = claimed(Field(USER), EQ, Claim(("sub",), USER.type))
HIDDEN = claimed(of(COMMENT, "hidden"), EQ, Literal(True, COMMENT.by_name["hidden"].type))

MEANT: dict[str, Filter] = {
    "True": TRUE,
    "False": FALSE,
    "not True": FALSE,
    "not False": TRUE,
    "published": compared("published", EQ, True),
    "col('published')": compared("published", EQ, True),
    "not published": Not(compared("published", EQ, True)),
    "not not published": compared("published", EQ, True),
    "published == False": compared("published", EQ, False),
    "owner_id == claims.sub": OWN,
    "claims.sub == owner_id": OWN,
    'owner_id == claims["sub"]': OWN,
    "owner_id == claims.app.user['id']": claimed(field("owner_id"), EQ, Claim(("app", "user", "id"), OWNER.type)),
    'owner_id == claims["https://x/y"]': claimed(field("owner_id"), EQ, Claim(("https://x/y",), OWNER.type)),
    "owner_id != 7": compared("owner_id", NE, 7),
    "rank < -5": compared("rank", LT, -5),
    "rank <= +5": compared("rank", LTE, 5),
    "5 < rank": compared("rank", GT, 5),
    "5 >= rank": compared("rank", LTE, 5),
    "rank >= 1_000": compared("rank", GTE, 1000),
    "rank > 2.0": compared("rank", GT, 2),
    "price == 0.10000000000000000000001": compared("price", EQ, Decimal("0.10000000000000000000001")),
    "price == -19.90": compared("price", EQ, Decimal("-19.90")),
    "price == 3": compared("price", EQ, Decimal(3)),
    "rating > 1.5": compared("rating", GT, 1.5),
    "rating == 'NaN'": compared("rating", EQ, float("nan")),
    r"title == 'it\'s'": compared("title", EQ, "it's"),
    r"title == r'a\d'": compared("title", EQ, r"a\d"),
    "title == '# no comment'": compared("title", EQ, "# no comment"),
    "'ab'==title": compared("title", EQ, "ab"),
    "title in['ab']": compared("title", IN, ("ab",), many=True),
    "status == 'draft'": compared("status", EQ, "draft"),
    "status in ['draft', 'review', 'draft']": compared("status", IN, ("draft", "review"), many=True),
    "rank not in (1, 2)": Not(compared("rank", IN, (1, 2), many=True)),
    "owner_id in claims.teams": claimed(field("owner_id"), IN, Claim(("teams",), OWNER.type, many=True)),
    "owner_id not in claims.teams": Not(claimed(field("owner_id"), IN, Claim(("teams",), OWNER.type, many=True))),
    "body is None": IsNull(field("body")),
    "body is not None": Not(IsNull(field("body"))),
    "meta is None": IsNull(field("meta")),
    "search is None": IsNull(field("search")),
    "due == '2024-02-29'": compared("due", EQ, date(2024, 2, 29)),
    "publish_at <= '2024-01-01T10:00'": compared("publish_at", LTE, datetime(2024, 1, 1, 10)),  # noqa: DTZ001
    "token == 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'": compared("token", EQ, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    "cover == 'AQI='": compared("cover", EQ, b"\x01\x02"),
    "publish_at <= now()": claimed(field("publish_at"), LTE, Now(ARTICLE.by_name["publish_at"].type)),
    "now() > created_at": claimed(field("created_at"), LT, Now(ARTICLE.by_name["created_at"].type)),
    "due >= today()": claimed(field("due"), GTE, Now(ARTICLE.by_name["due"].type)),
    "lower(title) == 'abc'": claimed(Lowered(field("title")), EQ, constant("title", "abc")),
    "lower(title) == claims.name": claimed(
        Lowered(field("title")), EQ, Claim(("name",), ARTICLE.by_name["title"].type)
    ),
    "lower(title) == lower(body)": claimed(Lowered(field("title")), EQ, Lowered(field("body"))),
    "like(title, '%a_b')": compared("title", LIKE, "%a_b"),
    "ilike(title, 'x%')": compared("title", ILIKE, "x%"),
    r"like(title, '100\\%')": compared("title", LIKE, "100\\%"),
    'col("from") == "x"': compared("from", EQ, "x"),
    "col('claims') == 'x'": compared("claims", EQ, "x"),
    "col('author').name == 'x'": claimed(NAMED, EQ, Literal("x", AUTHOR.by_name["name"].type)),
    "col('author', 'name') == 'x'": claimed(NAMED, EQ, Literal("x", AUTHOR.by_name["name"].type)),
    "author.name == 'x'": claimed(NAMED, EQ, Literal("x", AUTHOR.by_name["name"].type)),
    "author.name is None": IsNull(NAMED),
    "author.active": claimed(
        Related(AUTHOR_OF, of(AUTHOR, "active"), TRUE), EQ, Literal(True, AUTHOR.by_name["active"].type)
    ),
    "author.country.code in ['PE', 'CL']": claimed(
        Related(AUTHOR_OF, Related(COUNTRY_OF, of(COUNTRY, "code"), TRUE), TRUE),
        IN,
        Literal(("PE", "CL"), COUNTRY.by_name["code"].type, many=True),
    ),
    "owner_id == author_id": claimed(field("owner_id"), EQ, field("author_id")),
    "rank < price": claimed(field("rank"), LT, field("price")),
    "author.name == title": claimed(NAMED, EQ, field("title")),
    "title == author.name": claimed(NAMED, EQ, field("title")),
    "title < author.name": claimed(NAMED, GT, field("title")),
    "row.owner_id == row.author_id": claimed(field("owner_id"), EQ, field("author_id")),
    "rank == 1 and rank == 2 and rank == 1": And((compared("rank", EQ, 1), compared("rank", EQ, 2))),
    "rank == 1 or (rank == 2 or rank == 3)": Or(tuple(compared("rank", EQ, each) for each in (1, 2, 3))),
    "not (rank == 1 and published)": Not(And((compared("rank", EQ, 1), compared("published", EQ, True)))),
    "True and published": compared("published", EQ, True),
    "True or published": TRUE,
    "False and published": FALSE,
    "exists(comments, hidden)": Exists(COMMENTS_OF, HIDDEN),
    "exists(author, name == 'x')": Exists(
        AUTHOR_OF, claimed(of(AUTHOR, "name"), EQ, Literal("x", AUTHOR.by_name["name"].type))
    ),
    "exists(team.members, user_id == claims.sub)": Exists(TEAM_OF, Exists(MEMBERS_OF, IS_MEMBER)),
    "exists(team, exists(members, user_id == claims.sub))": Exists(TEAM_OF, Exists(MEMBERS_OF, IS_MEMBER)),
    "exists(tags, name == 'a')": Exists(TAGS_OF, claimed(of(TAG, "name"), EQ, Literal("a", TAG.by_name["name"].type))),
    "exists(account, owner_id == row.owner_id)": Exists(ACCOUNT, claimed(of(ACCOUNT, "owner_id"), EQ, Outer(OWNER, 1))),
    "exists(account, row.owner_id == owner_id)": Exists(ACCOUNT, claimed(Outer(OWNER, 1), EQ, of(ACCOUNT, "owner_id"))),
    "exists(team.members, user_id == row.owner_id)": Exists(
        TEAM_OF, Exists(MEMBERS_OF, claimed(Field(USER), EQ, Outer(OWNER, 2)))
    ),
    "exists(audit.log, owner_id == row.owner_id)": Exists(LOG, claimed(of(LOG, "owner_id"), EQ, Outer(OWNER, 1))),
    "exists(col('audit.log'), True)": Exists(LOG, TRUE),
    "exists(public.account, True)": Exists(ACCOUNT, TRUE),
    "exists(article, True)": Exists(ARTICLE, TRUE),
    "exists(articles, True)": Exists(ARTICLE, TRUE),
    "exists(member, user_id == claims.sub)": Exists(MEMBER, IS_MEMBER),
    "exists(comment.article, True)": Exists(COMMENT, Exists(ARTICLE_OF, TRUE)),
    "  \n owner_id ==\n\t claims.sub \n": OWN,
}


@pytest.mark.parametrize("text", MEANT)
def test_a_rule_means_what_it_says(text: str) -> None:
    bound, meant = bind_rule(text, ARTICLE, BLOG), MEANT[text]
    # Not a number is not even itself, so that one is compared as it prints.
    assert bound == meant or ("NaN" in text and repr(bound) == repr(meant))


def test_a_rule_that_is_a_boolean_is_every_row_or_none() -> None:
    assert bind_rule(True, ARTICLE, BLOG) == TRUE
    assert bind_rule(False, ARTICLE, BLOG) == FALSE


def test_texts_are_compared_with_texts_whatever_the_database_calls_their_types() -> None:
    assert bind_rule("title == slug", ARTICLE, BLOG) == claimed(field("title"), EQ, field("slug"))


def test_two_paths_meet_through_lower() -> None:
    editor = Lowered(Related(EDITOR_OF, of(AUTHOR, "name"), TRUE))
    assert bind_rule("lower(author.name) == lower(editor.name)", ARTICLE, BLOG) == claimed(Lowered(NAMED), EQ, editor)


# ── policies ─────────────────────────────────────────────────────────────────────────────────

POLICIES: dict[str, Rule] = {
    "own": "owner_id == claims.sub",
    "live": "status == 'published' and publish_at <= now()",
    "either": "own or live",
    "visible": "not hidden",
    "mine_too": "exists(account, owner_id == row.owner_id)",
    "never": False,
    "ranked": {"rank": {"_gte": 5}},
}


def test_a_policy_stands_for_its_text() -> None:
    alone = bind_rule(POLICIES["live"], ARTICLE, BLOG)
    assert bind_rule("own", ARTICLE, BLOG, POLICIES) == OWN
    assert bind_rule("own or live", ARTICLE, BLOG, POLICIES) == Or((OWN, alone))
    assert bind_rule("either", ARTICLE, BLOG, POLICIES) == Or((OWN, alone))
    assert bind_rule("not own and rank == 1", ARTICLE, BLOG, POLICIES) == And((Not(OWN), compared("rank", EQ, 1)))
    assert bind_rule("never or own", ARTICLE, BLOG, POLICIES) == OWN
    assert bind_rule("ranked", ARTICLE, BLOG, POLICIES) == compared("rank", GTE, 5)


def test_a_policy_is_bound_to_the_table_that_uses_it() -> None:
    meant = claimed(of(LOG, "owner_id"), EQ, Claim(("sub",), OWNER.type))
    assert bind_rule("own", LOG, BLOG, POLICIES) == meant
    assert bind_rule("exists(comments, visible)", ARTICLE, BLOG, POLICIES) == Exists(COMMENTS_OF, Not(HIDDEN))


def test_row_in_a_policy_is_the_row_the_policy_speaks_of() -> None:
    inner = Exists(ACCOUNT, claimed(of(ACCOUNT, "owner_id"), EQ, Outer(OWNER, 1)))
    assert bind_rule("mine_too", ARTICLE, BLOG, POLICIES) == inner
    assert bind_rule("exists(comment.article, mine_too)", ACCOUNT, BLOG, POLICIES) == Exists(
        COMMENT, Exists(ARTICLE_OF, inner)
    )


# ── checks ───────────────────────────────────────────────────────────────────────────────────


def test_in_a_check_new_is_the_row_itself() -> None:
    assert bind_rule("new.owner_id == claims.sub", ARTICLE, BLOG, check=True) == OWN
    assert bind_rule("exists(account, owner_id == new.owner_id)", ARTICLE, BLOG, check=True) == Exists(
        ACCOUNT, claimed(of(ACCOUNT, "owner_id"), EQ, Outer(OWNER, 1))
    )
    assert bind_rule("new.author.name is None", ARTICLE, BLOG, check=True) == IsNull(NAMED)


def test_in_a_policy_used_on_another_row_there_is_no_new() -> None:
    policies = {"mine": "new.owner_id == claims.sub"}
    assert bind_rule("mine", ARTICLE, BLOG, policies, check=True) == OWN
    with pytest.raises(RuleError, match="policy 'mine': new is the row being written"):
        bind_rule("exists(account, mine)", ARTICLE, BLOG, policies, check=True)


# ── what a rule needs ────────────────────────────────────────────────────────────────────────


def test_a_rule_tells_its_claims_and_tables() -> None:
    rule = (
        "owner_id == claims.sub or exists(team.members, user_id in claims.app.ids)"
        " or exists(tags, not (name == claims.tag)) or author.country.code is None"
    )
    bound = bind_rule(rule, ARTICLE, BLOG)
    assert claims_of(bound) == {("sub",), ("app", "ids"), ("tag",)}
    assert tables_of(bound) == {TEAM, MEMBER, TAG, ARTICLE_TAG, AUTHOR, COUNTRY}
    assert claims_of(TRUE) == frozenset()


# ── presets ──────────────────────────────────────────────────────────────────────────────────

PRESETS = [
    ("owner_id", "claims.sub", Claim(("sub",), OWNER.type)),
    ("status", "'draft'", constant("status", "draft")),
    ("created_at", "now()", Now(ARTICLE.by_name["created_at"].type)),
    ("due", "today()", Now(ARTICLE.by_name["due"].type)),
    ("rank", 3, constant("rank", 3)),
    ("rank", "-3", constant("rank", -3)),
    ("published", False, constant("published", False)),
    ("price", 1.5, constant("price", Decimal("1.5"))),
    ("body", None, constant("body", None)),
    ("meta", "claims.app", Claim(("app",), ARTICLE.by_name["meta"].type)),
]


@pytest.mark.parametrize(("name", "given", "meant"), PRESETS)
def test_a_preset_is_a_constant_a_claim_or_the_clock(name: str, given: Any, meant: Operand) -> None:
    assert bind_preset(given, ARTICLE.by_name[name]) == meant


def test_a_constant_may_be_set_where_null_may_not() -> None:
    key = ARTICLE.by_name["id"]
    assert bind_preset(7, key) == Literal(7, key.type)
    with pytest.raises(UnfitRule, match="'id' cannot be null"):
        bind_preset(None, key)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("title", None, "'title' cannot be null"),
        ("status", "draft", "a preset is a constant, claims.x, now() or today()"),
        ("status", "'drafd'", "'drafd' is not one of the allowed values: 'draft', 'review', 'published'"),
        ("rank", "'3'", "smallint is compared with a text"),
        ("rank", 70000, "'70000' is not an integer between -32768 and 32767"),
        ("rank", "now()", "now() cannot be compared with smallint"),
        ("title", "a or b", "'and' or 'or' inside a comparison is not part of the rule language"),
    ],
)
def test_a_preset_that_does_not_fit_is_refused(name: str, given: Any, message: str) -> None:
    with pytest.raises(RuleError) as caught:
        bind_preset(given, ARTICLE.by_name[name])
    assert caught.value.message == message
