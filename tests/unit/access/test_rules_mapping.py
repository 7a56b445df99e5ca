"""Rules in the JSON form of a filter."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from reflector.access.rules import UnfitRule, bind_rule
from reflector.access.rules_hasura import variable, word_of
from reflector.catalog.model import DatabaseKind
from reflector.errors import RuleError
from reflector.query.comparisons import EQ, GT, GTE, LT, LTE, NE, Comparison
from reflector.query.native import IMATCH, MATCH
from reflector.query.nodes import Compare, Exists, Field, Literal, Not
from tests.unit.access.blog import ARTICLE, BLOG, COMMENT, COMMENTS_OF

SAME: list[tuple[dict[str, Any], str]] = [
    ({"rank": {"_gte": 50}}, "rank >= 50"),
    ({"rank": {"_gte": 1, "_lt": 5}}, "rank >= 1 and rank < 5"),
    ({"rank": {"_between": [1, 5]}}, "rank >= 1 and rank <= 5"),
    ({"rank": {"_eq": 1}, "published": {"_eq": True}}, "rank == 1 and published"),
    ({"_and": [{"rank": {"_eq": 1}}, {"published": {"_eq": True}}]}, "rank == 1 and published"),
    ({"_or": ({"rank": {"_eq": 1}}, {"_not": {"rank": {"_ne": 3}}})}, "rank == 1 or not rank != 3"),
    ({"rank": {"_neq": 3}}, "rank != 3"),
    ({"body": {"_is_null": True}}, "body is None"),
    ({"body": {"_isnull": False}}, "body is not None"),
    ({"status": {"_in": ["draft", "review"]}}, "status in ['draft', 'review']"),
    ({"status": {"_nin": ("draft",)}}, "status not in ['draft']"),
    ({"due": {"_gt": "2024-01-02"}}, "due > '2024-01-02'"),
    ({"title": {"_like": "a%"}}, "like(title, 'a%')"),
    ({"title": {"_icontains": "a%"}}, r"ilike(title, '%a\\%%')"),
    ({"owner_id": {"_eq": "claims.sub"}}, "owner_id == claims.sub"),
    ({"owner_id": {"_eq": 'claims["https://x/y"]'}}, 'owner_id == claims["https://x/y"]'),
    ({"owner_id": {"_in": "claims.app.ids"}}, "owner_id in claims.app.ids"),
    ({"owner_id": {"_nin": "claims.app.ids"}}, "owner_id not in claims.app.ids"),
    ({"publish_at": {"_lte": "now()"}}, "publish_at <= now()"),
    ({"due": {"_ne": "today()"}}, "due != today()"),
    ({"title": {"_eq": "now()"}}, "title == 'now()'"),
    ({"title": {"_startswith": "the claims.x"}}, r"like(title, 'the claims.x%')"),
    ({"from": {"_eq": "x"}}, "col('from') == 'x'"),
    ({"author": {"name": {"_eq": "x"}}}, "exists(author, name == 'x')"),
    ({"team": {"members": {"user_id": {"_eq": "claims.sub"}}}}, "exists(team.members, user_id == claims.sub)"),
    ({"comments": {}}, "exists(comments, True)"),
    (
        {"_exists": {"_table": "account", "_where": {"owner_id": {"_eq": "claims.sub"}}}},
        "exists(account, owner_id == claims.sub)",
    ),
    (
        {"_exists": {"_table": {"schema": "audit", "name": "log"}, "_where": {"owner_id": {"_gt": 1}}}},
        "exists(audit.log, owner_id > 1)",
    ),
]


@pytest.mark.parametrize(("given", "text"), SAME)
def test_both_forms_say_the_same(given: dict[str, Any], text: str) -> None:
    assert bind_rule(given, ARTICLE, BLOG) == bind_rule(text, ARTICLE, BLOG)


ALWAYS_WRONG: list[tuple[dict[str, Any], str, str | None]] = [
    ({}, "an empty filter says nothing", "write true, or leave it out"),
    ({"_and": []}, "_and: takes a list of filters that is not empty", None),
    ({"_or": []}, "_or: takes a list of filters that is not empty", None),
    ({"_or": [{}]}, "_or[0]: an empty filter says nothing", "write true, or leave it out"),
    ({"_not": {}}, "_not: an empty filter says nothing", "write true, or leave it out"),
    ({"_or": [{"rank": {"_eq": 1}}, 5]}, "_or[1]: a filter is a mapping", None),
    ({"_not": []}, "_not: a filter is a mapping", None),
    ({"_not": None}, "_not: a filter is a mapping", None),
    ({"_and": {"rank": {"_eq": 1}}}, "_and: takes a list of filters that is not empty", None),
    ({"_exists": ["_table", "_where"]}, "_exists: takes _table and _where", None),
    ({"_exists": 5}, "_exists: takes _table and _where", None),
    ({"rank": {}}, "rank: takes a mapping of operators", "{rank: {_eq: …}}"),
    ({"rank": 5}, "rank: takes a mapping of operators", "{rank: {_eq: …}}"),
    ({"rank": {"eq": 5}}, "rank.eq: there is no operator 'eq'", "did you mean '_eq'?"),
    ({"rank": {"_in": []}}, "rank._in: nothing is in an empty list", None),
    ({"rank": {"_nin": []}}, "rank._nin: nothing is in an empty list", None),
    *(
        (
            {"title": {word: ["a", each]}},
            f"title.{word}: neither a claim nor a session variable can stand in a list of values",
            "ask for each by itself, under _or",
        )
        for word in ("_in", "_nin", "_between")
        for each in ("X-Hasura-Title", "claims.title", 'claims["title"]')
    ),
    *(
        ({"_not": {"title": {f"_{word}": each}}}, f"_not.title._{word}: {word!r} takes no claim", None)
        for word in ("contains", "icontains", "startswith", "istartswith", "endswith", "iendswith", "like", "ilike")
        for each in ("x-hasura-title", "claims.title")
    ),
    (
        {"title": {"_similar": "a"}},
        "title._similar: '_similar' is an operator of Hasura that rules do not have",
        "write _like, or _regex",
    ),
    ({"title": {"$lik": "a"}}, "title.$lik: there is no operator '$lik'", "did you mean '_like'?"),
    ({"rank": {"_between": "claims.x"}}, "rank._between: 'between' takes no claim", None),
    ({"_exists": {"_table": "account"}}, "_exists: takes _table and _where", None),
    (
        {"_exists": {"_table": "account", "_where": {}}},
        "_exists._where: an empty filter says nothing",
        "write true, or leave it out",
    ),
]
DOES_NOT_FIT: list[tuple[dict[str, Any], str, str | None]] = [
    ({"rnak": {"_eq": 1}}, "rnak: articles has no column or relationship 'rnak'", "did you mean 'rank'?"),
    ({"_nto": {"rank": {"_eq": 1}}}, "_nto: articles has no column or relationship '_nto'", "did you mean '_not'?"),
    (
        {"_and": [{"author": {"nam": {"_eq": 1}}}]},
        "_and[0].author.nam: author has no column or relationship 'nam'",
        "did you mean 'name'?",
    ),
    ({"rank": {"_eq": "x"}}, "rank._eq: 'x' is not an integer", None),
    ({"rank": {"_eq": None}}, "rank._eq: null cannot be the operand of 'eq'", "use isnull"),
    ({"rank": {"_in": [1, None]}}, "rank._in: null cannot stand in a list: nothing is equal to it", "use isnull"),
    ({"meta": {"_eq": "claims.x"}}, "meta._eq: 'eq' cannot be asked of jsonb", None),
    ({"rank": {"_regex": "a"}}, "rank._regex: '_regex' cannot be asked of smallint", None),
    ({"title": {"_regex": "X-Hasura-A"}}, "title._regex: '_regex' takes a text that stands in the rule", None),
    ({"title": {"_nregex": "claims.a"}}, "title._nregex: '_nregex' takes a text that stands in the rule", None),
    ({"title": {"_regex": 5}}, "title._regex: '_regex' takes a text that stands in the rule", None),
    ({"title": {"_has_key": "a"}}, "title._has_key: text has no keys", None),
    *(
        ({"_not": {"meta": {word: given}}}, f"_not.meta.{word}: '_has_key' takes a text that stands in the rule", None)
        for word, given in (
            ("_has_key", 5),
            ("_has_key", "claims.a"),
            ("_has_key", "X-Hasura-A"),
            ("_has_keys_any", ["a", "claims.a"]),
        )
    ),
    (
        {"rank": {"_ceq": "title"}},
        "rank._ceq: rank is smallint and the other column is text",
        "columns are compared with columns of the same type",
    ),
    ({"rank": {"_clt": "rnak"}}, "rank._clt: articles has no column 'rnak'", "did you mean 'rank'?"),
    (
        {"rank": {"_clt": ["$", "rank", "x"]}},
        "rank._clt: takes a column's name, or [$, name] for one of the row that the rule protects",
        None,
    ),
    ({"meta": {"_clt": "meta"}}, "meta._clt: '_clt' cannot be asked of jsonb", None),
    ({"title": {"_like": "a\\"}}, "title._like: the pattern ends in an escape that escapes nothing", None),
    ({"due": {"_lt": "now()"}}, "now() cannot be compared with date", "use today()"),
    ({"due": {"_in": "today()"}}, "due._in: 'in' takes a list", None),
    ({"due": {"_is_null": "today()"}}, "due._is_null: 'today()' is not a boolean", None),
    (
        {"_exists": {"_table": ["schema", "name"], "_where": {"id": {"_eq": 1}}}},
        "_exists._table: there is no table ['schema', 'name']",
        None,
    ),
    (
        {"_exists": {"_table": {"schema": "audit"}, "_where": {"id": {"_eq": 1}}}},
        "_exists._table: there is no table {'schema': 'audit'}",
        None,
    ),
    (
        {"_exists": {"_table": "acount", "_where": {"id": {"_eq": 1}}}},
        "_exists._table: there is no table 'acount'",
        "did you mean 'account'?",
    ),
]


@pytest.mark.parametrize(("given", "message", "hint"), ALWAYS_WRONG)
def test_a_filter_that_is_none_anywhere_is_refused(given: dict[str, Any], message: str, hint: str | None) -> None:
    with pytest.raises(RuleError) as caught:
        bind_rule(given, ARTICLE, BLOG)
    assert not isinstance(caught.value, UnfitRule)
    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize(("given", "message", "hint"), DOES_NOT_FIT)
def test_a_filter_that_does_not_fit_is_refused(given: dict[str, Any], message: str, hint: str | None) -> None:
    with pytest.raises(UnfitRule) as caught:
        bind_rule(given, ARTICLE, BLOG)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_a_mapping_nested_without_end_is_refused() -> None:
    deep: dict[str, Any] = {"rank": {"_eq": 1}}
    for _ in range(2000):
        deep = {"_not": deep}
    with pytest.raises(RuleError, match="nested too deeply"):
        bind_rule(deep, ARTICLE, BLOG)


def test_a_mapping_too_wide_is_refused() -> None:
    with pytest.raises(RuleError, match="more than 500 conditions"):
        bind_rule({"_or": [{"rank": {"_eq": each}} for each in range(300)]}, ARTICLE, BLOG)


def test_conditions_of_one_mapping_are_asked_of_one_row() -> None:
    where = bind_rule({"comments": {"hidden": {"_eq": True}, "body": {"_eq": "x"}}}, ARTICLE, BLOG)
    assert isinstance(where, Exists)
    assert where.via is COMMENTS_OF
    assert where.where == bind_rule("hidden and body == 'x'", COMMENT, BLOG)


def test_dates_of_a_mapping_are_parsed() -> None:
    where = bind_rule({"due": {"_eq": "2024-01-02"}}, ARTICLE, BLOG)
    assert getattr(getattr(where, "operand", None), "value", None) == date(2024, 1, 2)


# ── Hasura's words ───────────────────────────────────────────────────────────────────────────

HASURAS: list[tuple[dict[str, Any], str | dict[str, Any]]] = [
    (
        {"owner_id": {"_eq": "X-Hasura-User-Id"}},
        'owner_id == claims["x-hasura-user-id"]',
    ),
    ({"rank": {"_in": "x-hasura-ranks"}}, 'rank in claims["x-hasura-ranks"]'),
    ({"$or": [{"rank": {"$gt": 5}}, {"$not": {"rank": {"$ne": 1}}}]}, "rank > 5 or not (rank != 1)"),
    ({"title": {"_nlike": "a%"}}, "not like(title, 'a%')"),
    ({"title": {"_nilike": "a%"}}, "not ilike(title, 'a%')"),
    ({"owner_id": {"_ceq": "id"}}, "owner_id == id"),
    ({"comments": {"id": {"_ceq": ["$", "owner_id"]}}}, "exists(comments, id == row.owner_id)"),
    ({"meta": {"_has_key": "a"}}, "has_key(meta, 'a')"),
    (
        {"_exists": {"_table": {"schema": "public", "name": "account"}, "_where": {"id": {"_ceq": ["$", "owner_id"]}}}},
        "exists(account, id == row.owner_id)",
    ),
]


@pytest.mark.parametrize(("given", "said"), HASURAS, ids=lambda each: str(each)[:40])
def test_a_filter_of_hasura_means_what_the_rule_says(given: dict[str, Any], said: str) -> None:
    assert bind_rule(given, ARTICLE, BLOG) == bind_rule(said, ARTICLE, BLOG)


@pytest.mark.parametrize(
    ("word", "comparison", "found"),
    [("_regex", MATCH, True), ("$iregex", IMATCH, True), ("_nregex", MATCH, False), ("_niregex", IMATCH, False)],
)
def test_regular_expressions_and_their_opposites(word: str, comparison: Comparison, found: bool) -> None:
    title = ARTICLE.by_name["title"]
    where = Compare(Field(title), comparison, Literal("^a", title.type))
    assert bind_rule({"title": {word: "^a"}}, ARTICLE, BLOG) == (where if found else Not(where))


@pytest.mark.parametrize(
    ("word", "comparison"),
    [("_ceq", EQ), ("_cne", NE), ("_cneq", NE), ("_cgt", GT), ("_cgte", GTE), ("_clt", LT), ("_clte", LTE)],
)
@pytest.mark.parametrize("other", ["id", ["id"]])
def test_columns_of_one_row_are_compared(word: str, comparison: Comparison, other: Any) -> None:
    rank, key = ARTICLE.by_name["rank"], ARTICLE.by_name["id"]
    assert bind_rule({"rank": {word: other}}, ARTICLE, BLOG) == Compare(Field(rank), comparison, Field(key), exact=True)


def test_what_is_the_same_or_not_may_have_no_order() -> None:
    status, mood = ARTICLE.by_name["status"], ARTICLE.by_name["mood"]
    same = bind_rule({"status": {"_ceq": "status"}}, ARTICLE, BLOG)
    assert same == Compare(Field(status), EQ, Field(status), exact=True)
    for column, word, other in ((status, "_clt", status), (ARTICLE.by_name["search"], "_ceq", mood)):
        with pytest.raises(UnfitRule, match=f"'{word}' cannot be asked of {column.type.native}"):
            bind_rule({column.name: {word: other.name}}, ARTICLE, BLOG)
    with pytest.raises(UnfitRule, match="mood is mood and the other column is status"):
        bind_rule({"mood": {"_ceq": "status"}}, ARTICLE, BLOG)


@pytest.mark.parametrize("other", ["$", ["$"], [], 5, ["$", 5], ["id", "rank"], None])
def test_what_is_no_column_is_not_compared_with(other: Any) -> None:
    with pytest.raises(RuleError, match="takes a column's name, or "):
        bind_rule({"rank": {"_ceq": other}}, ARTICLE, BLOG)


def test_a_relationship_is_no_column_to_compare_with() -> None:
    with pytest.raises(UnfitRule, match="'author' is a relationship of articles") as caught:
        bind_rule({"title": {"_ceq": "author"}}, ARTICLE, BLOG)
    assert caught.value.hint == "name a column of it, or use exists(author, …)"


def test_a_session_variable_is_told_by_how_it_begins() -> None:
    assert variable("X-Hasura-User-Id") == variable("x-hasura-user-id") == ("x-hasura-user-id",)
    assert [variable(each) for each in ("user-id", "a x-hasura-b", "", 5, None, ["x-hasura-a"])] == [None] * 6
    assert [word_of(each) for each in ("$eq", "_eq", "eq", 5, "")] == ["_eq", "_eq", "eq", 5, ""]


def test_sqlite_looks_for_no_regular_expressions() -> None:
    with pytest.raises(UnfitRule) as caught:
        bind_rule({"title": {"_regex": "a"}}, ARTICLE, replace(BLOG, kind=DatabaseKind.SQLITE))
    message = "title._regex: SQLite looks for no regular expressions"
    assert (caught.value.message, caught.value.hint) == (message, "_like, or _ilike")
