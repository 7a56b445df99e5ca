"""Mistakes in a description of access: each is told with its place, all at once, and none of them opens anything."""

from __future__ import annotations

from typing import Any

import pytest

from reflector.access.bind import bind_permissions
from reflector.access.description import AccessDescription, Complaint, RoleRules, RuleText, Severity
from reflector.access.rules import bind_rule
from reflector.query.nodes import TRUE
from tests.unit.access.blog import ACCOUNT, ARTICLE, AUTHOR, BLOG, COMMENT, TAG
from tests.unit.access.describing import described

ERROR, UNBOUND, WARNING = Severity.ERROR, Severity.UNBOUND, Severity.WARNING


def complaints_of(description: AccessDescription) -> tuple[Complaint, ...]:
    return bind_permissions(description, BLOG)[1]


# ── one mistake, one complaint ───────────────────────────────────────────────────────────────

ONE: list[tuple[dict[str, Any], Complaint]] = [
    (
        {"article": {"user": {"read": "ownr_id == claims.sub"}}},
        Complaint(
            UNBOUND,
            "rule_unbound",
            "articles has no column 'ownr_id'",
            "did you mean 'owner_id'?",
            "article.user.read",
            0,
            "articles",
        ),
    ),
    (
        {"article": {"user": {"update": {"filter": True, "check": "published and rank == 'x'"}}}},
        Complaint(
            UNBOUND,
            "rule_unbound",
            "smallint is compared with a text",
            "leave the quotes out",
            "article.user.update.check",
            22,
            "articles",
        ),
    ),
    (
        {"article": {"user": {"delete": "rank = 1"}}},
        Complaint(ERROR, "rule_error", "this is not a rule", "== compares", "article.user.delete", 5, "articles"),
    ),
    (
        {"article": {"user": {"read": "new.rank == 1"}}},
        Complaint(
            ERROR,
            "rule_error",
            "new is the row being written: it stands in checks alone",
            None,
            "article.user.read",
            0,
            "articles",
        ),
    ),
    (
        {"artikle": {"user": {"read": True}}},
        Complaint(UNBOUND, "unknown_table", "there is no table 'artikle'", "did you mean 'article'?", "artikle"),
    ),
    (
        {"x*": {"user": {"read": True}}},
        Complaint(UNBOUND, "idle_pattern", "no table matches 'x*'", None, "x*"),
    ),
    ({"x*": {"hidden": ["a"]}}, Complaint(WARNING, "unknown_table", "no table matches 'x*'", None, "x*")),
    (
        {"article": {"user": {"read": True, "columns": ["id", "titel"]}}},
        Complaint(
            UNBOUND,
            "unknown_column",
            "articles has no column 'titel'",
            "did you mean 'title'?",
            "article.user.read.columns",
            None,
            "articles",
            "[1]",
        ),
    ),
    (
        {"article": {"user": {"read": True, "columns": ["id", "x*"]}}},
        Complaint(
            UNBOUND,
            "unknown_column",
            "articles has no column 'x*'",
            None,
            "article.user.read.columns",
            None,
            "articles",
            "[1]",
        ),
    ),
    (
        {"a*": {"user": {"read": True, "columns": ["id", "titel"]}}},
        Complaint(
            UNBOUND, "unknown_column", "no table of a* has a column 'titel'", None, "a*.user.read.columns", trail="[1]"
        ),
    ),
    (
        {"article": {"user": {"read": True}, "hidden": ["api_secrt"]}},
        Complaint(
            UNBOUND,
            "unknown_column",
            "no column of article matches 'api_secrt'",
            "did you mean 'api_secret'?",
            "article.columns.api_secrt",
            None,
            "articles",
        ),
    ),
    (
        {"article": {"user": {"read": True}, "hidden": ["x_*"]}},
        Complaint(WARNING, "unknown_column", "no column of article matches 'x_*'", None, "article.columns.x_*"),
    ),
    (
        {"article": {"user": {"read": True, "columns": ["id", "body"]}, "hidden": ["body"]}},
        Complaint(
            WARNING,
            "idle_column",
            "articles.body is hidden",
            None,
            "article.user.read.columns",
            None,
            "articles",
            "[1]",
        ),
    ),
    (
        {"article": {"user": {"create": {"check": True, "columns": ["title", "words"]}}}},
        Complaint(
            WARNING,
            "idle_column",
            "articles.words cannot be given by a caller",
            None,
            "article.user.create.columns",
            None,
            "articles",
            "[1]",
        ),
    ),
    (
        {"article": {"user": {"create": {"check": True, "presets": {"ownr_id": "claims.sub"}}}}},
        Complaint(
            UNBOUND,
            "unknown_column",
            "articles has no column 'ownr_id'",
            "did you mean 'owner_id'?",
            "article.user.create.presets.ownr_id",
            None,
            "articles",
        ),
    ),
    (
        {"article": {"user": {"create": {"check": True, "presets": {"words": 1}}}}},
        Complaint(
            UNBOUND,
            "rule_unbound",
            "articles.words takes no value",
            None,
            "article.user.create.presets.words",
            None,
            "articles",
        ),
    ),
    (
        {"article": {"user": {"update": {"filter": True, "presets": {"status": "'drafd'"}}}}},
        Complaint(
            UNBOUND,
            "rule_unbound",
            "'drafd' is not one of the allowed values: 'draft', 'review', 'published'",
            "did you mean 'draft'?",
            "article.user.update.presets.status",
            0,
            "articles",
        ),
    ),
    (
        {"stats": {"user": {"create": True}}},
        Complaint(WARNING, "not_writable", "stats cannot be inserted into", None, "stats.user.create", None, "stats"),
    ),
    *(
        (
            {"article": {"user": {"create": True, right: True}}},
            Complaint(
                WARNING,
                "unread_right",
                f"no {right} can succeed: user reads no row of articles",
                None,
                place,
                None,
                "articles",
            ),
        )
        for right, place in (
            ("update", "article.user.update"),
            ("delete", "article.user.delete"),
            ("aggregate", "article.user"),
        )
    ),
]


def test_a_right_is_of_use_where_what_is_extended_reads_or_a_pattern_speaks_of_many() -> None:
    roles = {"guest": (), "user": ("guest",)}
    write = {"update": True, "delete": True, "aggregate": True}
    for tables in ({"article": {"guest": {"read": True}, "user": write}}, {"art*": {"user": write}}):
        assert bind_permissions(described(tables, roles), BLOG)[1] == ()


@pytest.mark.parametrize(("tables", "complaint"), ONE)
def test_a_mistake_is_told_with_its_place(tables: dict[str, Any], complaint: Complaint) -> None:
    description = described(tables, {"user": ()})
    assert complaints_of(description) == (complaint,)


@pytest.mark.parametrize(("tables", "complaint"), [each for each in ONE if each[1].severity is not WARNING])
def test_a_mistake_closes_its_table_for_those_it_was_meant_for(tables: dict[str, Any], complaint: Complaint) -> None:
    others = {"comment": {"user": {"read": True}}, "account": {"guest": {"read": True}}}
    description = described({**tables, **others}, {"user": (), "guest": (), "boss": ("user",)})
    permissions, _ = bind_permissions(description, BLOG)
    for role in ("user", "boss"):
        grants = permissions.grants([role])
        assert grants.on(COMMENT) is not None
        if complaint.table is not None:
            assert grants.broken == {BLOG.tables[complaint.table]}
            assert grants.on(BLOG.tables[complaint.table]) is None
    assert permissions.grants(["guest"]).broken == frozenset()
    assert permissions.grants(["guest"]).on(ACCOUNT) is not None


def test_one_role_s_mistake_closes_the_table_for_every_role() -> None:
    tables = {"article": {"user": {"read": "zzz == 1"}, "guest": {"read": True}, "other": {}}}
    permissions, _ = bind_permissions(described(tables), BLOG)
    for role in ("user", "guest"):
        assert permissions.grants([role]).on(ARTICLE) is None
        assert permissions.grants([role]).broken == {ARTICLE}
    assert permissions.grants(["other"]).broken == frozenset()


def test_all_mistakes_are_told_at_once() -> None:
    tables = {
        "article": {"user": {"read": "zzz == 1", "update": "rank = 1", "delete": "rank == 'x'"}},
        "nowhere": {"user": {"read": True}},
        "comment": {"usr": {"read": "zzz == 1"}, "user": {"read": "yyy == 1"}},
    }
    told = complaints_of(described(tables, {"user": ("gast",)}))
    assert sorted((each.severity, each.code, each.where) for each in told) == [
        (ERROR, "rule_error", "article.user.update"),
        (ERROR, "unknown_role", "comment.usr"),
        (ERROR, "unknown_role", "roles.user"),
        (UNBOUND, "rule_unbound", "article.user.delete"),
        (UNBOUND, "rule_unbound", "article.user.read"),
        (UNBOUND, "rule_unbound", "comment.user.read"),
        (UNBOUND, "rule_unbound", "comment.usr.read"),
        (UNBOUND, "unknown_table", "nowhere"),
    ]


# ── roles ────────────────────────────────────────────────────────────────────────────────────


def test_roles_that_extend_one_another_in_a_circle_are_told() -> None:
    told = complaints_of(described({}, {"a": ("b",), "b": ("c",), "c": ("a",), "d": ("a",), "e": ("e",)}))
    assert [(each.severity, each.code, each.where) for each in told] == [
        (ERROR, "circular_role", f"roles.{name}") for name in ("a", "b", "c", "e")
    ]


def test_an_anonymous_role_must_be_declared() -> None:
    [told] = complaints_of(described({}, {"guest": ()}, anonymous_role="gest"))
    assert (told.severity, told.message, told.hint) == (ERROR, "there is no role 'gest'", "did you mean 'guest'?")


# ── policies ─────────────────────────────────────────────────────────────────────────────────


def test_a_wrong_policy_is_told_once_however_many_use_it() -> None:
    tables = {
        name: {"user": {"read": "rank == 1 or bad"}, "guest": {"read": "also"}} for name in ("article", "comment")
    }
    description = described(tables, None, {"bad": "a = 1", "also": "not bad", "good": "id == 1"})
    permissions, told = bind_permissions(description, BLOG)
    assert told == (Complaint(ERROR, "rule_error", "this is not a rule", "== compares", "policies.bad", 2),)
    assert permissions.grants(["user", "guest"]).on(COMMENT) is None


def test_policies_in_a_circle_are_told_each() -> None:
    description = described(
        {"article": {"user": {"read": "first"}}},
        None,
        {"first": "exists(comments, second)", "second": "not third", "third": "hidden or first", "apart": "first"},
    )
    permissions, told = bind_permissions(description, BLOG)
    assert [(each.severity, each.message, each.where) for each in told] == [
        (ERROR, f"policy {name!r} leads back to itself", f"policies.{name}") for name in ("first", "second", "third")
    ]
    assert permissions.grants(["user"]).tables == ()


def test_policies_may_refer_to_each_other_s_tables_without_end() -> None:
    description = described(
        {"article": {"user": {"read": "seen"}}, "comment": {"user": {"read": "shown"}}},
        None,
        {"seen": "exists(comments, not hidden)", "shown": "exists(article, published)"},
    )
    permissions, told = bind_permissions(description, BLOG)
    assert told == ()
    assert permissions.grants(["user"]).tables == (ARTICLE, COMMENT)


def test_a_policy_that_does_not_fit_closes_only_who_uses_it() -> None:
    tables = {
        "article": {"user": {"read": "own"}},
        "tag": {"user": {"read": "own"}},
        "author": {"user": {"read": True}},
    }
    permissions, [told] = bind_permissions(described(tables, None, {"own": "owner_id == 1"}), BLOG)
    assert (told.severity, told.where, told.offset, told.table) == (UNBOUND, "tag.user.read", 0, "tag")
    assert told.message == "policy 'own': tag has no column 'owner_id'"
    assert permissions.grants(["user"]).tables == (ARTICLE, AUTHOR)
    assert permissions.grants(["user"]).broken == {TAG}


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("owner_id == claims.x and exists(comments, not hidden)", []),
        ("exists(comment, user_id == 1)", []),
        ("row.rank == 1 or new.rank == 2", []),
        ("other", []),
        (True, []),
        ({"_or": [{"rank": {"_gt": 1}}, {"author": {"active": {"_eq": True}}}]}, []),
        ("ownr_id == 1 or titel == 'x'", [(UNBOUND, 0, "'ownr_id'"), (UNBOUND, 16, "'titel'")]),
        ({"_not": {"ownr_id": {"_eq": 1}}}, [(UNBOUND, None, "'ownr_id'")]),
        ("rank == 'x'", [(UNBOUND, 8, "smallint is compared with a text")]),
        ("exists(comments, hiden) and rank == 1", [(UNBOUND, 17, "'hiden'")]),
        ("rank = 1", [(ERROR, 5, "this is not a rule")]),
        ("1 == 2 and nothing()", [(ERROR, 0, "column"), (ERROR, 11, "function 'nothing'")]),
        ({"rank": {"_eqq": 1}}, [(ERROR, None, "no operator '_eqq'")]),
    ],
)
def test_a_policy_that_no_rule_uses_is_a_rule_and_fits_some_table(
    rule: Any, said: list[tuple[Severity, int | None, str]]
) -> None:
    policies = {"spare": rule, "other": "rank == 1"}
    told = complaints_of(described({"article": {"user": {"read": "other"}}}, None, policies))
    assert [(each.severity, each.where, each.offset) for each in told] == [
        (severity, "policies.spare", offset) for severity, offset, _ in said
    ]
    assert all(words in each.message for each, (_, _, words) in zip(told, said, strict=True))


@pytest.mark.parametrize(
    "name",
    ["now", "today", "claims", "exists", "new", "row", "col", "lower", "like", "ilike", "has_key", "true", "Null"],
)
def test_a_policy_is_not_named_like_a_word_of_the_language(name: str) -> None:
    description = described({"article": {"user": {"read": True}}}, None, {name: "rank == 1"})
    [told] = complaints_of(description)
    assert (told.severity, told.code, told.where) == (ERROR, "policy_error", f"policies.{name}")
    assert told.message == f"{name!r} is a word of the rule language, and no name of a policy"


# ── all faults of a right ────────────────────────────────────────────────────────────────────


def test_all_faults_of_an_entry_are_told() -> None:
    allowed = {
        "read": "rnk == 1 and titel == 'x'",
        "columns": ["idd", "titel", "id"],
        "create": {"check": "rnk == 1", "columns": ["titel"], "presets": {"ownr_id": "claims.sub", "rank": "'x'"}},
        "update": {"filter": "rank == 'x'", "check": "1 == 2", "columns": ["bdy"], "presets": {"rank": "claims"}},
        "delete": "rank = 1",
    }
    permissions, told = bind_permissions(described({"article": {"user": allowed}}), BLOG)
    where = [(str(each.where).removeprefix("article.user."), each.offset) for each in told]
    assert sorted(where, key=str) == sorted(
        [
            ("read", 0),
            ("read", 13),
            ("read.columns", None),
            ("read.columns", None),
            ("create", 0),
            ("create.presets.ownr_id", None),
            ("create.presets.rank", 0),
            ("create.columns", None),
            ("update", 8),
            ("update.check", 0),
            ("update.presets.rank", 0),
            ("update.columns", None),
            ("delete", 5),
        ],
        key=str,
    )
    assert permissions.grants(["user"]).broken == {ARTICLE}


@pytest.mark.parametrize(
    ("create", "said"),
    [
        (True, []),
        ({"check": True, "columns": ["title", "rank"]}, []),
        ({"check": True, "columns": ["body"], "presets": {"title": "'x'"}}, []),
        ({"check": False, "columns": ["body"]}, []),
        (
            {"check": True, "columns": ["body"]},
            [("article.user.create.columns", "title")],
        ),
    ],
)
def test_a_create_that_cannot_succeed_is_warned_of(create: Any, said: list[tuple[str, str]]) -> None:
    told = complaints_of(described({"article": {"user": {"create": create}}}))
    assert [(each.severity, each.code, each.where) for each in told] == [
        (WARNING, "create_incomplete", where) for where, _ in said
    ]
    assert all(f"articles.{name} is NOT NULL" in each.message for each, (_, name) in zip(told, said, strict=True))


def test_a_policy_bound_once_is_what_it_is_when_bound_alone() -> None:
    policies = {
        "own": "owner_id == claims.sub",
        "deep": "exists(comments.article, own) and own",
        "other": "deep or own",
    }
    names = ["own and rank == 1", "deep", "exists(comments.article, deep)", "other", "exists(articles, other and own)"]
    tables = {"article": {f"r{index}": {"read": rule} for index, rule in enumerate(names)}}
    permissions, told = bind_permissions(described(tables, None, policies), BLOG)
    assert told == ()
    for index, rule in enumerate(names):
        grant = permissions.grants([f"r{index}"]).on(ARTICLE)
        assert grant is not None
        assert grant.read_rows == bind_rule(rule, ARTICLE, BLOG, policies)


def test_what_is_too_much_is_too_much_also_when_policies_are_known() -> None:
    wide = {"p0": "rank == 1"} | {
        f"p{n}": " or ".join([f"exists(articles, p{n - 1} and rank == {each})" for each in range(4)])
        for n in range(1, 7)
    }
    tables = {"article": {f"r{n}": {"read": f"p{n}"} for n in range(7)}}
    told = complaints_of(described(tables, None, wide))
    assert [each.where for each in told] == [f"article.r{n}.read" for n in range(4, 7)]
    assert all("more than 500 conditions" in each.message for each in told)
    deep = {"p0": "rank == 1"} | {f"p{n}": f"not not (rank == 2 or p{n - 1})" for n in range(1, 12)}
    told = complaints_of(described({"article": {f"r{n}": {"read": f"p{n}"} for n in range(12)}}, None, deep))
    assert [each.where for each in told] == [f"article.r{n}.read" for n in range(8, 12)]
    assert all("nested too deeply" in each.message for each in told)


# ── the anonymous ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("tables", "where"),
    [
        ({"article": {"guest": {"read": "owner_id == claims.sub"}}}, "article.guest.read"),
        ({"article": {"guest": {"read": "published or exists(comments, own)"}}}, "article.guest.read"),
        ({"article": {"base": {"delete": {"owner_id": {"_eq": "claims.sub"}}}}}, "article.base.delete"),
        (
            {"article": {"guest": {"create": {"check": True, "presets": {"owner_id": "claims.sub"}}}}},
            "article.guest.create.presets.owner_id",
        ),
        ({"*": {"root": {"update": {"filter": True, "check": "id == claims.sub"}}}}, "*.root.update.check"),
    ],
)
def test_claims_where_nobody_carries_any_are_refused(tables: dict[str, Any], where: str) -> None:
    roles: dict[str, tuple[str, ...]] = {"guest": ("base",), "base": ("root",), "root": (), "user": ("guest",)}
    policies = {"own": "user_id == claims.sub"}
    told = complaints_of(described(tables, roles, policies, anonymous_role="guest"))
    assert {(each.severity, each.code, each.where) for each in told if "claim" in each.code} == {
        (ERROR, "claim_without_caller", where)
    }


def test_claims_of_those_who_extend_the_anonymous_are_fine() -> None:
    tables = {"article": {"user": {"read": "owner_id == claims.sub"}, "guest": {"read": "published"}}}
    assert complaints_of(described(tables, {"guest": (), "user": ("guest",)}, anonymous_role="guest")) == ()


# ── nothing at all ───────────────────────────────────────────────────────────────────────────


def test_saying_nothing_opens_nothing() -> None:
    permissions, told = bind_permissions(AccessDescription(), BLOG)
    assert told == ()
    assert permissions.grants([]).tables == ()


def test_a_rule_in_json_form_is_bound_like_a_text() -> None:
    description = AccessDescription({"user": RoleRules()}, {"live": RuleText({"published": {"_eq": True}}, "here")}, ())
    assert complaints_of(description) == ()
    tables = {"article": {"user": {"read": {"_or": [{"rank": {"_eq": 1}}, {"author": {"active": {"_eq": True}}}]}}}}
    permissions, told = bind_permissions(described(tables), BLOG)
    assert told == ()
    grant = permissions.grants(["user"]).on(ARTICLE)
    assert grant is not None
    assert grant.read_rows == bind_rule("rank == 1 or exists(author, active)", ARTICLE, BLOG)
    assert grant.read_rows != TRUE
