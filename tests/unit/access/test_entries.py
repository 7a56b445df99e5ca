"""Which entries speak of which table: patterns, hidden columns, what is closed by default, tables that are nobody's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reflector.access.bind import bind_permissions
from reflector.access.description import (
    AllowRules,
    Complaint,
    MaskRules,
    ReadRules,
    ReservedTable,
    RuleText,
    Severity,
    TableRules,
)
from reflector.access.entries import Arrived, read_entries
from reflector.access.names import columns_named, is_pattern
from reflector.access.permissions import CreateRight, DeleteRight, Permission, ReadRight, UpdateRight
from reflector.access.reserved import hidden_columns
from reflector.catalog.model import Key, Table, TableKind
from reflector.query.nodes import TRUE
from tests.unit.access.blog import ACCOUNT, ARTICLE, AUTHOR, BLOG, COMMENT, STATS, TAG, TEAM, TEXT, column, key, table
from tests.unit.access.describing import described

ERROR, UNBOUND, WARNING = Severity.ERROR, Severity.UNBOUND, Severity.WARNING
USER = {"user": {"read": True}}


def complaints(tables: dict[str, Any], **more: Any) -> list[tuple[Severity, str, str]]:
    found = bind_permissions(described(tables, {"user": ()}, **more), BLOG)[1]
    return [(each.severity, each.code, each.message) for each in found]


def test_what_is_a_pattern() -> None:
    assert [is_pattern(name) for name in ("a*", "a?", "*", "?", "ab", "a.b")] == [True, True, True, True, False, False]
    assert [each.name for each in columns_named("t?tle", ARTICLE)] == ["title"]
    starred = table("starred", column("a*", TEXT), column("ab", TEXT))
    assert [each.name for each in columns_named("a*", starred)] == ["a*"]


def test_a_question_mark_stands_for_one_letter() -> None:
    permissions, told = bind_permissions(described({"t?g": USER}), BLOG)
    assert told == ()
    assert permissions.grants(["user"]).tables == (TAG,)


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"nosuch": {"hidden": ["id"]}}, [(UNBOUND, "unknown_table", "there is no table 'nosuch'")]),
        ({"nosuch": USER}, [(UNBOUND, "unknown_table", "there is no table 'nosuch'")]),
        ({"nosuch": {"hidden": ["id"]}, "t*": USER}, [(UNBOUND, "hides_nothing", "there is no table 'nosuch'")]),
        ({"nosuch": USER, "t*": USER}, [(UNBOUND, "hides_nothing", "there is no table 'nosuch'")]),
        ({"nosuch": USER, "t*": {"hidden": ["name"]}}, [(UNBOUND, "unknown_table", "there is no table 'nosuch'")]),
        ({"no*": {"hidden": ["id"]}}, [(WARNING, "unknown_table", "no table matches 'no*'")]),
        ({"no*": USER}, [(UNBOUND, "idle_pattern", "no table matches 'no*'")]),
        ({"no*": {"user": {"read": True, "columns": ["id"]}}}, [(UNBOUND, "idle_pattern", "no table matches 'no*'")]),
        ({"t*": {"hidden": ["titel"]}}, [(WARNING, "hides_nothing", "no column of t* matches 'titel'")]),
        ({"t*": {"hidden": ["*x*"]}}, [(WARNING, "unknown_column", "no column of t* matches '*x*'")]),
        ({"tag": {"hidden": ["*x*"]}}, [(WARNING, "unknown_column", "no column of tag matches '*x*'")]),
        ({"tag": {"hidden": ["titel"]}}, [(UNBOUND, "unknown_column", "no column of tag matches 'titel'")]),
        ({"t*": {"hidden": ["name"]}}, []),
        (
            {"t*": {"user": {"read": True, "columns": ["titel"]}}},
            [(UNBOUND, "unknown_column", "no table of t* has a column 'titel'")],
        ),
    ],
)
def test_a_name_that_matches_nothing_is_told(tables: dict[str, Any], said: list[tuple[Severity, str, str]]) -> None:
    assert complaints(tables) == said


@pytest.mark.parametrize("more", [{"default_read": True}, {"default_write": True}])
def test_where_defaults_open_tables_a_misspelt_one_would_stay_open(more: dict[str, bool]) -> None:
    """What was to narrow it narrows nothing; what says nothing would have narrowed nothing either."""
    for entry, code in ((USER, "hides_nothing"), ({"hidden": ["id"]}, "hides_nothing"), ({}, "unknown_table")):
        assert [told[1] for told in complaints({"nosuch": entry}, **more)] == [code]
        assert [told[1] for told in complaints({"nosuch": entry})] == ["unknown_table"]


@pytest.mark.parametrize(
    ("table_name", "column_name", "said"),
    [
        ("t*", "nmae", [UNBOUND]),
        ("t*", "nm*", [WARNING]),
        ("t*", "name", []),
        ("t*", "n*", []),
        ("*a*", "name", []),
        ("no*", "nmae", None),
    ],
)
def test_a_mask_of_a_column_that_no_table_has_is_told(
    table_name: str, column_name: str, said: list[Severity] | None
) -> None:
    """One that is misspelt would leave open what it was to hide."""
    masks = {column_name: MaskRules("last4", None, "here")}
    allow = {"user": AllowRules(ReadRules(RuleText(True), None, masks))}
    description = replace(described({}, {"user": ()}), tables=(TableRules(table_name, allow),))
    told = [each for each in bind_permissions(description, BLOG)[1] if each.code in {"unknown_column", "hides_nothing"}]
    assert [each.code == "hides_nothing" for each in told] == [each is UNBOUND for each in said or ()]
    message = f"no table of {table_name} has a column {column_name!r}"
    assert [(each.severity, each.message, each.where) for each in told] == [
        (severity, message, "here") for severity in said or ()
    ]


def test_a_pattern_that_only_warns_closes_nothing() -> None:
    """What hides a column that is not there is a warning where it speaks of many tables, and the tables stay open."""
    permissions, told = bind_permissions(described({"t*": {**USER, "hidden": ["titel"]}}), BLOG)
    assert [each.severity for each in told] == [WARNING]
    assert permissions.grants(["user"]).tables == (TAG, TEAM)
    assert permissions.closed == {}
    permissions, _ = bind_permissions(described({"tag": {**USER, "hidden": ["nam*x"]}}), BLOG)
    assert permissions.grants(["user"]).tables == (TAG,)
    permissions, _ = bind_permissions(described({"tag": {**USER, "hidden": ["nmae"]}}), BLOG)
    assert permissions.grants(["user"]).tables == ()
    assert permissions.closed == {TAG: {"user"}}


def test_a_role_that_is_not_declared_is_granted_nothing() -> None:
    found, told = bind_permissions(described({"tag": {**USER, "usr": {"read": True}}}, {"user": ()}), BLOG)
    assert [each.code for each in told] == ["unknown_role"]
    assert found.rights == {"user": {TAG: found.rights["user"][TAG]}}


@pytest.mark.parametrize(
    ("read", "write", "listed", "opened"),
    [
        (False, False, False, []),
        (True, False, False, ["read"]),
        (False, True, False, ["create", "update", "delete"]),
        (True, True, False, ["read", "create", "update", "delete"]),
        (True, True, True, []),
        (False, False, True, []),
    ],
)
def test_what_no_entry_opens_is_as_the_defaults_say(read: bool, write: bool, listed: bool, opened: list[str]) -> None:
    description = described(
        {"tag": {"hidden": ["name"]}, "team": USER},
        {"user": ()},
        default_read=read,
        default_write=write,
        columns_listed=listed,
    )
    permissions, _ = bind_permissions(description, BLOG)
    found = permissions.rights["user"].get(TAG, Permission())
    assert [name for name in ("read", "create", "update", "delete") if getattr(found, name) is not None] == opened
    if read and not listed:
        assert found.read is not None
        assert {each.name for each in found.read.columns} == {"id"}
    if opened:
        assert permissions.rights["user"][AUTHOR] is not None
    assert (TAG in permissions.all_grants().rights) == bool(opened)


def test_every_right_is_something() -> None:
    columns = frozenset(TAG.columns)
    rights = (
        Permission(read=ReadRight(TRUE, columns)),
        Permission(create=CreateRight(TRUE, columns)),
        Permission(update=UpdateRight(TRUE, TRUE, columns)),
        Permission(delete=DeleteRight(TRUE)),
    )
    assert [each.empty for each in rights] == [False] * 4
    assert Permission(aggregate=True).empty


# ── tables that are read to know who calls ───────────────────────────────────────────────────


def reserved(*, served: bool) -> ReservedTable:
    places = {"email": "auth.email", "org": "auth.org"}
    return ReservedTable("account", "id", places, frozenset({"email"}), frozenset({"owner_id"}), served, "auth")


def bound(tables: dict[str, Any], reservation: ReservedTable, **more: Any) -> tuple[Any, list[Complaint]]:
    description = replace(described(tables, {"user": ()}, **more), reserved=(reservation,))
    permissions, told = bind_permissions(description, BLOG)
    return permissions, list(told)


def test_a_table_that_is_nobodys_stays_so() -> None:
    for tables, more in (({"*": USER}, {}), ({}, {"default_read": True, "default_write": True})):
        permissions, told = bound(tables, reserved(served=False), **more)
        assert told == []
        assert ACCOUNT not in permissions.grants(["user"]).rights
        assert COMMENT in permissions.grants(["user"]).rights
    _, [told_of] = bound({"account": USER}, reserved(served=False))
    assert (told_of.severity, told_of.code) == (ERROR, "reserved_table")


def test_of_a_table_that_is_served_besides_nobody_sees_what_proves_somebody() -> None:
    every = {"read": True, "create": True, "update": True, "delete": True}
    permissions, told = bound({"account": {"user": every}}, reserved(served=True))
    assert told == []
    found = permissions.rights["user"][ACCOUNT]
    assert {each.name for each in found.read.columns} == {"id", "org", "owner_id"}
    assert {each.name for each in found.create.columns} == {"id"}
    assert {each.name for each in found.update.columns} == {"id"}


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"name": "acount"}, "unknown_table", "there is no table 'acount'"),
        ({"columns": {"mail": "auth.email"}}, "unknown_column", "account has no column 'mail'"),
        ({"by": "email"}, "no_key", "rows of account are found by 'email', which is not unique"),
    ],
)
def test_a_table_that_cannot_be_read_so_is_told(change: dict[str, Any], code: str, message: str) -> None:
    _, told = bound({}, replace(reserved(served=False), **change))
    assert [(each.severity, each.code, each.message) for each in told] == [(ERROR, code, message)]


def test_what_is_unique_by_an_index_or_is_no_table_has_a_key() -> None:
    """A view has no keys to tell; whether one finds one row of it is for its maker to know."""
    email, org = ACCOUNT.by_name["email"], ACCOUNT.by_name["org"]
    keyless = replace(ACCOUNT, primary_key=None, uniques=())
    by_email = replace(reserved(served=False), by="email")
    for account, codes in (
        (replace(ACCOUNT, uniques=(Key("one", (email,)),)), []),
        (replace(keyless, uniques=(Key("one", (org,)), Key("two", (email,)))), []),
        (replace(keyless, kind=TableKind.VIEW), []),
        (keyless, ["no_key"]),
        (replace(keyless, uniques=(Key("both", (email, org)),)), ["no_key"]),
    ):
        description = replace(described({}, {"user": ()}), reserved=(by_email,))
        _, told = bind_permissions(description, replace(BLOG, tables={"account": account}, relationships={}))
        assert [each.code for each in told] == codes


def test_a_column_to_find_by_that_is_not_there_is_told_once() -> None:
    missing = replace(reserved(served=False), by="mail", columns={"mail": "auth.mail"})
    assert [each.code for each in bound({}, missing)[1]] == ["unknown_column"]


def test_a_table_is_reserved_for_one_thing() -> None:
    twice = replace(reserved(served=True), columns={"nosuch": "keys.nosuch"}, where="keys")
    description = replace(described({}, {"user": ()}), reserved=(reserved(served=False), twice))
    [told] = bind_permissions(description, BLOG)[1]
    message = "account is read for two things: what may be known of it for one may not for the other"
    assert (told.severity, told.code, told.message, told.where) == (ERROR, "reserved_table", message, "keys")
    with_more = replace(description, reserved=(*description.reserved, replace(reserved(served=False), name="nosuch")))
    assert [each.code for each in bind_permissions(with_more, BLOG)[1]] == ["reserved_table", "unknown_table"]


def test_a_rule_that_would_open_nothing_else_than_a_reserved_table_is_told() -> None:
    for tables, served, wheres in (
        ({"account": USER}, False, ["account"]),
        ({"acc*": USER}, False, ["acc*"]),
        ({"acco?nt": USER, "a*": USER}, False, ["acco?nt"]),
        ({"acc*": {"hidden": ["email"]}, "account": {"hidden": ["org"]}}, False, []),
        ({"comment": USER}, False, []),
        ({"account": USER}, True, []),
    ):
        told = [each for each in bound(tables, reserved(served=served))[1] if each.severity is ERROR]
        assert [(each.code, each.where) for each in told] == [("reserved_table", where) for where in wheres]


def test_a_view_of_a_table_that_is_nobodys_is_opened_by_its_own_name_alone_and_that_is_told() -> None:
    """Patterns and defaults are not meant for what shows hashes of passwords."""
    shown = replace(BLOG, stands_on={STATS: frozenset({ACCOUNT, TAG}), TEAM: frozenset({TAG})})
    cases: tuple[tuple[dict[str, Any], dict[str, Any], list[Table]], ...] = (
        ({"stats": USER}, {}, [STATS]),
        ({"*": {"user": {"read": True}, "other": {"read": True}}, "stats": USER}, {}, [STATS]),
        ({"*": USER}, {}, []),
        ({"st?ts": USER}, {}, []),
        ({}, {"default_read": True, "default_write": True}, []),
    )
    for tables, more, opened in cases:
        description = described(tables, {"user": (), "other": ()}, **more)
        permissions, told = bind_permissions(replace(description, reserved=(reserved(served=False),)), shown)
        assert [table for table in permissions.rights["user"] if table in (STATS, ACCOUNT)] == opened, tables
        assert STATS not in permissions.rights["other"], tables
        assert [(each.severity, each.code) for each in told] == [(WARNING, "reserved_view")] * len(opened), tables
        assert (TEAM in permissions.rights["user"]) is ("*" in tables or "default_read" in more)


def test_a_table_whose_name_looks_like_a_pattern_is_that_table() -> None:
    odd, other = table("a*", key(), column("email", TEXT)), table("ab", key(), column("email", TEXT))
    catalog = replace(BLOG, tables={"a*": odd, "ab": other}, relationships={})
    for name, codes in (("a*", ["reserved_table"]), ("ab", [])):
        reservation = ReservedTable(name, "id", {"email": "auth.email"}, where="auth")
        description = replace(described({"a*": USER}), reserved=(reservation,))
        assert [each.code for each in bind_permissions(description, catalog)[1]] == codes


def test_of_a_table_that_is_nobodys_every_column_is_hidden() -> None:
    assert hidden_columns(ACCOUNT, reserved(served=False)) == set(ACCOUNT.columns)
    assert hidden_columns(ACCOUNT, reserved(served=True)) == {ACCOUNT.by_name["email"]}


# ── what came while others were served ───────────────────────────────────────────────────────

CAME = "'gone' is gone, and may be what {} is now, of which no entry speaks"
NAMED = {"gone": {"hidden": ["id"]}}


def came(
    tables: dict[str, Any], *names: str, lost: tuple[TableRules, ...] = (), granted: bool = False, **more: Any
) -> list[Complaint]:
    """What is told of tables of these names that came."""
    told: list[Complaint] = []
    description = described(tables, {"user": ()}, **more)
    read_entries(description, BLOG, told.append, granted=granted, arrived=Arrived(frozenset(names), lost))
    return [each for each in told if each.code == "unnamed_table"]


@pytest.mark.parametrize("gone", [{"hidden": ["id"]}, USER, {"hidden": ["id"], **USER}])
def test_a_table_that_comes_may_be_what_an_entry_was_to_narrow_whose_table_went(gone: dict[str, Any]) -> None:
    tables = {"t*": USER, "gone": gone}
    assert [(each.severity, each.message, each.hint, each.where, each.table) for each in came(tables, "tag")] == [
        (UNBOUND, CAME.format("tag"), "name it in an entry", "gone", "tag")
    ]
    assert [each.table for each in came(tables, "tag", "team", "comment")] == ["tag", "team"]
    permissions, told = bind_permissions(described(tables), BLOG, Arrived(frozenset({"tag"})))
    assert (TAG in permissions.closed, TEAM in permissions.closed) == (True, False)
    assert CAME.format("tag") in {each.message for each in told}


@pytest.mark.parametrize(
    ("tables", "more"),
    [
        ({"t*": USER}, {}),
        ({"t*": USER, "gone": {}}, {}),
        ({"t*": USER, "team": {"hidden": ["id"]}}, {}),
        ({"t*": USER, "gon*": {"hidden": ["id"]}}, {}),
        ({"t*": USER, "tag": USER, **NAMED}, {}),
        ({"t*": {"hidden": ["name"]}, **NAMED}, {}),
        (NAMED, {}),
        ({"t*": USER, **NAMED}, {"reserved": (ReservedTable("tag", "id", {}, where="auth"),)}),
    ],
)
def test_otherwise_it_is_a_table_like_any_other(tables: dict[str, Any], more: dict[str, Any]) -> None:
    assert came(tables, "tag", **more) == []


@pytest.mark.parametrize("more", [{"granted": True}, {"default_read": True}, {"default_write": True}])
def test_grants_and_defaults_open_it_as_a_pattern_does(more: dict[str, Any]) -> None:
    assert [each.table for each in came(NAMED, "tag", "comment", **more)] == ["comment", "tag"]
    assert came({"tag": {}, **NAMED}, "tag", **more) == []
    served = ReservedTable("tag", "id", {}, served=True, where="auth")
    assert [each.table for each in came(NAMED, "tag", reserved=(served,), **more)] == ["tag"]


def test_what_was_to_be_left_out_is_lost_like_what_an_entry_names() -> None:
    lost = TableRules("gone", where="database.exclude")
    [told] = came({"t*": USER}, "tag", lost=(lost,))
    assert (told.message, told.where, told.table) == (CAME.format("tag"), "database.exclude", "tag")
    assert came({"t*": USER}, lost=(lost,)) == []
    # Once for each table, whatever else is gone.
    assert [each.where for each in came({"t*": USER, **NAMED}, "tag", lost=(lost,))] == ["gone"]


def test_a_name_with_the_first_schema_is_told_without_it() -> None:
    _, told = bind_permissions(described({f"{ARTICLE.schema}.{ARTICLE.name}": USER}), BLOG)
    hint = f"did you mean {ARTICLE.name!r}? the first schema stands in no name"
    assert [(each.severity, each.hint) for each in told] == [(UNBOUND, hint)]
    _, told = bind_permissions(described({"audit.tag": USER}), BLOG)
    assert "the first schema" not in str([each.hint for each in told])
