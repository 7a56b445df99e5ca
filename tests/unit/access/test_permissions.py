"""What sets of roles may do: unions, inheritance, columns, writes."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest

from reflector.access.bind import bind_permissions
from reflector.access.description import Severity
from reflector.access.permissions import (
    Grants,
    Permission,
    Permissions,
    ReadRight,
    TableGrant,
    combine,
    open_grants,
)
from reflector.access.rules import bind_rule
from reflector.catalog.model import Catalog, Column, DatabaseKind, Table
from reflector.errors import Forbidden
from reflector.query.masks import Mask, Masked, MaskKind
from reflector.query.nodes import FALSE, TRUE, Assignment, Claim, Field, Filter, Literal, all_of, any_of
from tests.unit.access.blog import (
    ACCOUNT,
    ARTICLE,
    AUTHOR,
    BLOG,
    COMMENT,
    INTEGER,
    LOG,
    STATS,
    TABLES,
    TAG,
    TEXT,
    column,
    key,
    table,
)
from tests.unit.access.describing import described


def permitted(tables: dict[str, Any], *args: Any, **more: Any) -> Permissions:
    permissions, complaints = bind_permissions(described(tables, *args, **more), BLOG)
    # Rights to write are tested here by themselves, without one to read.
    assert [each for each in complaints if each.code != "unread_right"] == []
    return permissions


def granted(permissions: Permissions, *roles: str, on: Table = ARTICLE) -> TableGrant:
    grant = permissions.grants(roles).on(on)
    assert grant is not None
    return grant


def rule(text: str, of: Table = ARTICLE) -> Filter:
    return bind_rule(text, of, BLOG)


def names(columns: Any) -> set[str]:
    return {each.name for each in columns}


OWN, LIVE, FREE = rule("owner_id == claims.sub"), rule("published"), rule("price == 0")
WRITABLE = names(ARTICLE.columns) - {"words", "search"}

# ── reading ──────────────────────────────────────────────────────────────────────────────────


def test_what_no_right_opens_does_not_exist() -> None:
    permissions = permitted({"article": {"user": {"read": "published"}}}, {"user": (), "guest": ()})
    assert permissions.grants(["user"]).tables == (ARTICLE,)
    assert permissions.grants(["user"]).on(AUTHOR) is None
    assert permissions.grants(["guest"]).tables == ()
    assert permissions.grants(["guest"]).on(ARTICLE) is None
    assert permissions.grants([]).tables == ()


def test_a_right_of_false_is_no_right() -> None:
    never = {"read": False, "create": False, "update": {"filter": True, "check": "never"}, "delete": "never"}
    permissions = permitted({"article": {"user": never}}, None, {"never": "published and False"})
    assert permissions.grants(["user"]).on(ARTICLE) is None


def test_omitted_columns_mean_all() -> None:
    grant = granted(permitted({"article": {"user": {"read": "published"}}}), "user")
    assert grant.read_rows == LIVE
    assert grant.columns == dict.fromkeys(ARTICLE.columns, TRUE)
    assert list(grant.columns) == list(ARTICLE.columns)
    assert grant.may_read
    assert not grant.aggregate


def test_a_column_is_seen_where_a_right_that_names_it_holds() -> None:
    permissions = permitted(
        {
            "article": {
                "guest": {"read": "published", "columns": ["id", "title"]},
                "user": {"read": "owner_id == claims.sub", "columns": ["id", "title", "body"]},
                "buyer": {"read": "price == 0", "columns": ["id", "body"]},
                "boss": {"read": True, "columns": ["*_id", "title"]},
            }
        }
    )
    one = granted(permissions, "guest")
    assert (one.read_rows, one.columns) == (LIVE, {ARTICLE.by_name["id"]: TRUE, ARTICLE.by_name["title"]: TRUE})
    both = granted(permissions, "user", "guest")
    assert both.read_rows == any_of(LIVE, OWN)
    assert {each.name: where for each, where in both.columns.items()} == {"id": TRUE, "title": TRUE, "body": OWN}
    three = granted(permissions, "guest", "user", "buyer")
    assert {each.name: where for each, where in three.columns.items()} == {
        "id": TRUE,
        "title": any_of(LIVE, OWN),
        "body": any_of(FREE, OWN),
    }
    with_boss = granted(permissions, "boss", "user")
    assert with_boss.read_rows == TRUE
    assert {each.name: where for each, where in with_boss.columns.items()} == {
        "id": OWN,
        "title": TRUE,
        "body": OWN,
        "owner_id": TRUE,
        "author_id": TRUE,
        "editor_id": TRUE,
        "team_id": TRUE,
    }


def test_equal_rules_of_two_roles_leave_no_trace() -> None:
    permissions = permitted(
        {
            "article": {
                "a": {"read": "published", "columns": ["id"]},
                "b": {"read": "published", "columns": ["title"]},
            }
        }
    )
    grant = granted(permissions, "a", "b")
    assert grant.read_rows == LIVE
    assert set(grant.columns.values()) == {TRUE}


def test_roles_have_what_they_extend_in_every_order() -> None:
    permissions = permitted(
        {"article": {"guest": {"read": "published"}}, "tag": {"staff": {"read": True}}},
        {"boss": ("staff", "user"), "user": ("guest",), "guest": (), "staff": ("guest",)},
    )
    assert permissions.effective(["boss"]) == ("boss", "guest", "staff", "user")
    assert granted(permissions, "boss").read_rows == LIVE
    assert permissions.grants(["boss"]).tables == (ARTICLE, TAG)
    assert permissions.grants(["user", "guest"]).roles == permissions.grants(["user"]).roles == ("guest", "user")


def test_a_role_that_is_not_declared_is_refused() -> None:
    permissions = permitted({"article": {"user": {"read": True}}})
    with pytest.raises(Forbidden):
        permissions.grants(["user", "nosuch"])


def test_hidden_columns_are_gone_for_everybody() -> None:
    permissions = permitted(
        {
            "*": {"hidden": ["*_secret"]},
            "article": {"user": {"read": True, "create": True, "columns": ["id", "*e*"]}, "hidden": ["body"]},
        }
    )
    grant = granted(permissions, "user")
    assert {"id", "title", "price"} <= names(grant.columns)
    assert not {"api_secret", "body"} & names(grant.columns)
    assert names(grant.creates[0].columns) == WRITABLE - {"api_secret", "body"}


# ── masks and cells ──────────────────────────────────────────────────────────────────────────

ID, TITLE, BODY = (ARTICLE.by_name[name] for name in ("id", "title", "body"))
LAST4, PARTIAL = Mask(MaskKind.LAST4), Mask(MaskKind.PARTIAL)


def together(*rights: ReadRight) -> TableGrant:
    return combine(ARTICLE, [Permission(each) for each in rights])


def seen(rows: Filter, *columns: Column, **masks: Mask) -> ReadRight:
    return ReadRight(rows, frozenset(columns), masks={ARTICLE.by_name[name]: mask for name, mask in masks.items()})


def test_a_mask_of_one_role_is_on_every_row_it_sees() -> None:
    grant = together(seen(LIVE, BODY, ID, title=PARTIAL))
    assert grant.columns == {ID: TRUE, BODY: TRUE}
    assert grant.masked == {TITLE: ((TRUE, PARTIAL),)}
    assert grant.answered == (ID, TITLE, BODY)
    assert grant.shown(TITLE) == Masked(Field(TITLE), FALSE, ((TRUE, PARTIAL),))
    assert grant.shown(ID) is None


def test_a_column_is_masked_on_the_rows_of_the_right_that_masks_it() -> None:
    grant = together(seen(LIVE, ID, title=PARTIAL), seen(OWN, ID, TITLE))
    assert grant.columns == {ID: TRUE, TITLE: OWN}
    assert grant.masked == {TITLE: ((LIVE, PARTIAL),)}
    assert grant.shown(TITLE) == Masked(Field(TITLE), OWN, ((LIVE, PARTIAL),))


def test_of_two_masks_the_one_that_shows_more_comes_first_and_equal_ones_are_one() -> None:
    grant = together(seen(LIVE, title=PARTIAL), seen(OWN, title=LAST4, body=LAST4), seen(FREE, title=PARTIAL))
    assert grant.columns == {}
    assert grant.masked == {TITLE: ((OWN, LAST4), (any_of(LIVE, FREE), PARTIAL)), BODY: ((OWN, LAST4),)}
    both = together(seen(LIVE, title=PARTIAL), seen(OWN, title=PARTIAL))
    assert both.masked == {TITLE: ((TRUE, PARTIAL),)}


def test_what_is_seen_plainly_on_every_row_is_not_masked() -> None:
    """Whether all roles see it so, or one that sees every row."""
    grant = together(seen(LIVE, ID, TITLE, body=LAST4), seen(LIVE, ID, BODY, title=PARTIAL))
    assert (grant.columns, grant.masked) == ({ID: TRUE, TITLE: TRUE, BODY: TRUE}, {})
    grant = together(seen(LIVE, ID, title=PARTIAL), seen(TRUE, TITLE))
    assert (grant.columns, grant.masked) == ({ID: LIVE, TITLE: TRUE}, {})


def test_a_cell_is_seen_where_its_own_rule_holds_as_well() -> None:
    celled = ReadRight(LIVE, frozenset({ID, TITLE}), {TITLE: FREE})
    assert together(celled).columns == {ID: TRUE, TITLE: all_of(LIVE, FREE)}
    assert together(celled, celled).columns == {ID: TRUE, TITLE: all_of(LIVE, FREE)}
    wider = together(celled, seen(OWN, ID, TITLE))
    assert wider.columns == {ID: TRUE, TITLE: any_of(all_of(LIVE, FREE), OWN)}
    assert wider.masked == {}


def test_what_is_closed_where_all_is_open_is_nobodys_and_told_as_closed() -> None:
    grants = open_grants(BLOG, writable=True, closed=frozenset({TAG}))
    assert (grants.on(TAG), grants.broken) == (None, frozenset({TAG}))
    assert set(grants.tables) == {*open_grants(BLOG, writable=True).tables} - {TAG}
    assert open_grants(BLOG, writable=True).broken == frozenset()


def test_a_role_without_any_right_may_nothing_and_what_a_role_may_is_worked_out_once() -> None:
    permissions = Permissions(BLOG, {"guest": ("guest",)}, {})
    assert permissions.grants(["guest"]).tables == ()
    grants = open_grants(BLOG, writable=False)
    assert grants.on(ARTICLE) is grants.on(ARTICLE)


# ── patterns ─────────────────────────────────────────────────────────────────────────────────


def test_the_exact_name_says_everything_about_a_role() -> None:
    permissions = permitted(
        {
            "article": {"user": {"read": "published"}},
            "*": {"user": {"read": True, "delete": True}, "guest": {"read": True, "columns": ["id"]}},
            "co*": {"user": {"read": False}},
        }
    )
    assert granted(permissions, "user").deletes == ()
    assert granted(permissions, "user").read_rows == LIVE
    assert names(granted(permissions, "guest").columns) == {"id"}
    assert permissions.grants(["user"]).on(COMMENT) is None
    assert granted(permissions, "user", on=LOG).read_rows == TRUE
    assert granted(permissions, "user", on=STATS).deletes == ()


def test_tables_are_named_as_in_the_database() -> None:
    permissions = permitted({"article": {"user": {"read": True}}, "audit.log": {"user": {"read": True}}})
    assert permissions.grants(["user"]).tables == (ARTICLE, LOG)


def test_a_name_with_marks_is_that_name_before_it_is_a_pattern() -> None:
    odd, other = table("a*", key(), column("b?", TEXT), column("bc", TEXT)), table("ab", key())
    catalog = Catalog(DatabaseKind.SQLITE, (3,), ("public",), {"a*": odd, "ab": other}, {})
    description = described({"a*": {"user": {"read": True, "columns": ["b?"]}}})
    permissions, complaints = bind_permissions(description, catalog)
    assert complaints == ()
    grants = permissions.grants(["user"])
    assert grants.tables == (odd,)
    assert names(granted(permissions, "user", on=odd).columns) == {"b?"}


# ── defaults ─────────────────────────────────────────────────────────────────────────────────


def test_defaults_hold_where_no_entry_allows_anything() -> None:
    permissions = permitted(
        {"article": {"user": {"read": "published"}}, "comment": {"hidden": ["body"]}},
        {"user": (), "guest": ()},
        default_read=True,
    )
    assert granted(permissions, "user").read_rows == LIVE
    assert permissions.grants(["guest"]).on(ARTICLE) is None
    assert names(granted(permissions, "guest", on=COMMENT).columns) == {"id", "article_id", "user_id", "hidden"}
    assert granted(permissions, "guest", on=COMMENT).creates == ()


def test_defaults_may_open_writing() -> None:
    permissions = permitted({}, {"user": ()}, default_read=True, default_write=True)
    grant = granted(permissions, "user", on=COMMENT)
    assert (grant.updates[0].rows, grant.updates[0].check, grant.deletes[0].rows) == (TRUE, TRUE, TRUE)
    assert granted(permissions, "user", on=STATS).creates == ()


def test_columns_may_have_to_be_listed() -> None:
    tables = {"article": {"user": {"read": True, "create": True}}, "tag": {"user": {"read": True, "columns": ["id"]}}}
    permissions, told = bind_permissions(described(tables, columns_listed=True, default_read=True), BLOG)
    assert [each.code for each in told] == ["unlisted", "create_incomplete"]
    assert told[0].message == "opens no column of articles: defaults.columns is listed, and no columns are"
    assert granted(permissions, "user").columns == {}
    assert granted(permissions, "user").creates[0].columns == frozenset()
    assert names(granted(permissions, "user", on=TAG).columns) == {"id"}
    assert permissions.grants(["user"]).on(COMMENT) is None


def test_a_right_that_opens_no_column_is_told_where_it_was_meant_to() -> None:
    preset = {"filter": True, "presets": {"status": "'draft'"}}
    for rights, codes in (
        ({"read": True, "columns": ["id"], "update": True}, ["unlisted"]),
        ({"read": True, "columns": ["id"], "update": preset}, []),
        ({"read": True, "columns": ["*"]}, []),
    ):
        told = bind_permissions(described({"article": {"user": rights}}, columns_listed=True), BLOG)[1]
        assert [each.code for each in told] == codes
    assert bind_permissions(described({"art*": {"user": {"read": True}}}, columns_listed=True), BLOG)[1] == ()


# ── writing ──────────────────────────────────────────────────────────────────────────────────


def test_writes_have_their_own_columns_and_presets() -> None:
    permissions = permitted(
        {
            "article": {
                "user": {
                    "create": {
                        "check": "own",
                        "columns": ["title", "body"],
                        "presets": {"owner_id": "claims.sub", "status": "'draft'"},
                    },
                    "update": {"filter": "own", "check": "new.status != 'published'", "presets": {"rank": 1}},
                    "delete": "own and status == 'draft'",
                }
            }
        },
        None,
        {"own": "owner_id == claims.sub"},
    )
    grant = granted(permissions, "user")
    [create], [update], [delete] = grant.creates, grant.updates, grant.deletes
    assert not grant.may_read
    assert grant.read_rows == FALSE
    assert grant.columns == {}
    assert create.check == OWN
    assert names(create.columns) == {"title", "body"}
    assert create.presets == (
        Assignment(ARTICLE.by_name["owner_id"], Claim(("sub",), ARTICLE.by_name["owner_id"].type)),
        Assignment(ARTICLE.by_name["status"], Literal("draft", ARTICLE.by_name["status"].type)),
    )
    assert (update.rows, update.check) == (OWN, rule("status != 'published'"))
    assert names(update.columns) == WRITABLE - {"rank"}
    assert delete.rows == rule("owner_id == claims.sub and status == 'draft'")


def test_the_check_of_an_update_is_its_filter_unless_it_is_said() -> None:
    grant = granted(permitted({"article": {"user": {"update": "owner_id == claims.sub"}}}), "user")
    assert (grant.updates[0].rows, grant.updates[0].check) == (OWN, OWN)


def test_rights_to_write_stand_beside_each_other() -> None:
    permissions = permitted(
        {
            "article": {
                "a": {"update": {"filter": "published", "columns": ["title"]}, "aggregate": True},
                "b": {"update": {"filter": "owner_id == claims.sub"}, "read": True, "aggregate": True},
                "c": {"update": {"filter": "published", "columns": ["title"]}},
            }
        }
    )
    grant = granted(permissions, "a", "b", "c")
    assert [each.rows for each in grant.updates] == [LIVE, OWN]
    assert grant.aggregate
    assert not granted(permissions, "a").aggregate


# ── without configuration ────────────────────────────────────────────────────────────────────


def test_the_open_mode_reads_everything_and_writes_when_it_is_told() -> None:
    reading, writing = open_grants(BLOG, writable=False), open_grants(BLOG, writable=True)
    assert reading.tables == writing.tables == TABLES
    assert reading.roles == ()
    for each in TABLES:
        assert _open(reading, each).columns == dict.fromkeys(each.columns, TRUE)
        assert _open(reading, each).creates + _open(reading, each).updates + _open(reading, each).deletes == ()
    article = _open(writing, ARTICLE)
    assert names(article.creates[0].columns) == names(article.updates[0].columns) == WRITABLE
    assert (article.read_rows, article.creates[0].check, article.deletes[0].rows) == (TRUE, TRUE, TRUE)
    assert (article.updates[0].rows, article.updates[0].check) == (TRUE, TRUE)
    assert article.aggregate
    stats = _open(writing, STATS)
    assert stats.creates + stats.updates + stats.deletes == ()


def _open(grants: Grants, of: Table) -> TableGrant:
    grant = grants.on(of)
    assert grant is not None
    return grant


# ── many roles, many tables ──────────────────────────────────────────────────────────────────


def test_many_roles_and_tables_are_bound_in_a_moment() -> None:
    columns = ["id", "owner_id", "title", *(f"c{each}" for each in range(12))]
    tables = [_wide(f"t{each}", columns) for each in range(300)]
    catalog = Catalog(DatabaseKind.SQLITE, (3,), ("public",), {each.label: each for each in tables}, {})
    policies = {"own": "owner_id == claims.sub"}
    entries = {
        each.name: {
            f"r{role}": {
                "read": f"own or c1 == {role}",
                "columns": ["id", "title", "c*"],
                "update": {"filter": f"own and c2 != {role}", "presets": {"title": "'x'"}},
            }
            for role in range(50)
        }
        for each in tables
    }
    description = described(entries, None, policies)
    started = time.process_time()
    permissions, complaints = bind_permissions(description, catalog)
    took = time.process_time() - started
    assert complaints == ()
    assert sum(map(len, permissions.rights.values())) == 50 * 300
    assert took < 40  # seconds of the processor's time, more than twenty times what it takes


def _wide(name: str, columns: list[str]) -> Table:
    made: list[Column] = [column(each, TEXT if each == "title" else INTEGER) for each in columns]
    return table(name, *made)


@pytest.mark.parametrize(("read", "create"), [*itertools.product([True, False], repeat=2)])
def test_a_table_that_cannot_be_written_is_read_all_the_same(read: bool, create: bool) -> None:
    description = described({"*": {"user": {"read": read, "create": create, "update": create, "delete": create}}})
    permissions, complaints = bind_permissions(description, BLOG)
    assert [each for each in complaints if each.severity is not Severity.WARNING] == []
    grant = permissions.grants(["user"]).on(STATS)
    assert (grant is not None) == read
    assert (permissions.grants(["user"]).on(ACCOUNT) is not None) == (read or create)
