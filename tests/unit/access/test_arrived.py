"""Tables that came while others were served: which of them may be what the file narrowed or closed under another name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reflector.access.bind import bind_permissions
from reflector.access.description import Complaint, ReservedTable, Severity, TableRules
from reflector.access.entries import Arrived, read_entries
from tests.unit.access.blog import BLOG, COMMENT, TAG, TEAM
from tests.unit.access.describing import described

USER = {"user": {"read": True}}
HIDING = {"hidden": ["id"]}
LOST = (TableRules("gone", where="database.exclude[0]"),)
ACCOUNTS = ReservedTable("account", "id", {"email": "auth.email"}, where="auth")


def told(
    tables: dict[str, Any], *came: str, lost: tuple[TableRules, ...] = (), granted: bool = False, **more: Any
) -> list[Complaint]:
    found: list[Complaint] = []
    description = described(tables, {"user": ()}, **more)
    read_entries(description, BLOG, found.append, granted=granted, arrived=Arrived(came, lost))
    return found


def suspected(tables: dict[str, Any], *came: str, **more: Any) -> list[tuple[str, str | None]]:
    """The name that is gone and the table that may be it now, of each that is told."""
    found = [each for each in told(tables, *came, **more) if each.code == "unnamed_table"]
    return [(each.message.partition(" ")[0].strip("'"), each.table) for each in found]


@pytest.mark.parametrize(
    ("tables", "came", "tables_told"),
    [
        ({"nosuch": USER, "t*": USER}, ["tag", "comment"], ["tag"]),
        ({"nosuch": USER, "t*": USER}, ["tag", "team"], ["tag", "team"]),
        ({"nosuch": USER, "t*": USER}, [], []),
        ({"nosuch": HIDING, "*": USER}, ["article", "audit.log"], ["articles", "audit.log"]),
        ({"nosuch": {}, "t*": USER}, ["tag"], []),
        ({"nosuch": USER, "nowhere": USER, "t*": USER}, ["tag"], ["tag"]),
        ({"nosuch": USER, "t*": USER, "tag": {}}, ["tag", "team"], ["team"]),
        ({"nosuch": USER, "t*": HIDING}, ["tag"], []),
        ({"team": USER, "t*": USER}, ["tag"], []),
        ({"no*": USER, "t*": USER}, ["tag"], []),
    ],
)
def test_what_came_and_nothing_names_may_be_what_is_gone(
    tables: dict[str, Any], came: list[str], tables_told: list[str]
) -> None:
    assert suspected(tables, *came) == [("nosuch", label) for label in tables_told]


def test_what_is_left_out_may_come_back_under_another_name() -> None:
    assert suspected({"t*": USER}, "tag", lost=LOST) == [("gone", "tag")]
    assert suspected({"nosuch": USER, "t*": USER}, "tag", lost=LOST) == [("nosuch", "tag")]
    assert suspected({"tag": USER}, "tag", lost=LOST) == []


@pytest.mark.parametrize("opening", [{"granted": True}, {"default_read": True}, {"default_write": True}])
def test_what_grants_or_defaults_open_may_be_what_is_gone(opening: dict[str, bool]) -> None:
    tables = {"nosuch": HIDING, "team": USER}
    assert suspected(tables, "tag", "team", **opening) == [("nosuch", "tag")]
    assert suspected(tables, "tag", "team") == []
    assert "hides_nothing" in {each.code for each in told(tables, **opening)}
    assert "hides_nothing" not in {each.code for each in told(tables)}


def test_what_is_nobodys_is_not_what_is_gone() -> None:
    """It is closed already; where it is served besides, it may be."""
    for served, labels in ((False, []), (True, ["account"])):
        reserved = (replace(ACCOUNTS, served=served),)
        found = suspected({"nosuch": USER}, "account", default_read=True, reserved=reserved)
        assert [label for _, label in found] == labels
    every = {label: {} for label in ("article", *BLOG.tables) if label not in {"articles", "account"}}
    for served, code in ((False, "unknown_table"), (True, "hides_nothing")):
        reserved = (replace(ACCOUNTS, served=served),)
        [complaint] = told({**every, "nosuch": USER}, default_read=True, reserved=reserved)
        assert complaint.code == code


def test_what_may_be_what_is_gone_is_closed_and_told_with_what_mends_it() -> None:
    description = described({"nosuch": USER, "*": USER, "team": USER})
    permissions, found = bind_permissions(description, BLOG, Arrived(("tag", "team")))
    assert permissions.closed == {TAG: {"user"}}
    assert not {TEAM, COMMENT} - {*permissions.grants(["user"]).tables}
    [complaint] = [each for each in found if each.code == "unnamed_table"]
    assert complaint.severity is Severity.UNBOUND
    assert complaint.message == "'nosuch' is gone, and may be what tag is now, of which no entry speaks"
    assert (complaint.hint, complaint.where) == ("name it in an entry", "nosuch")
    assert bind_permissions(description, BLOG)[0].closed == {}


def test_only_of_the_first_schema_is_it_told_that_it_stands_in_no_name() -> None:
    for name, said in (("public.tag", True), ("audit.tag", False), ("tag", False)):
        hints = [each.hint or "" for each in told({name: USER}) if each.code == "unknown_table"]
        assert [hint.endswith("the first schema stands in no name") for hint in hints] == (
            [] if name == "tag" else [said]
        )
