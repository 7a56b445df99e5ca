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
from reflector.access.names import columns_named, is_pattern
from reflector.access.permissions import CreateRight, DeleteRight, Permission, ReadRight, UpdateRight
from reflector.query.nodes import TRUE
from tests.unit.access.blog import ACCOUNT, ARTICLE, AUTHOR, BLOG, COMMENT, TAG, TEAM, TEXT, column, table
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
        ({"no*": {"hidden": ["id"]}}, [(WARNING, "unknown_table", "no table matches 'no*'")]),
        ({"no*": USER}, [(UNBOUND, "idle_pattern", "no table matches 'no*'")]),
        ({"no*": {"user": {"read": True, "columns": ["id"]}}}, [(UNBOUND, "idle_pattern", "no table matches 'no*'")]),
        ({"t*": {"hidden": ["titel"]}}, [(WARNING, "unknown_column", "no column of t* matches 'titel'")]),
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
    told = [each for each in bind_permissions(description, BLOG)[1] if each.code == "unknown_column"]
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
