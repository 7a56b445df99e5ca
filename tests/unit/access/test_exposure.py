"""What a change of the schema opens under rules that list no columns is told: that, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from reflector.access.bind import bind_permissions
from reflector.access.description import AccessDescription, Complaint, Severity
from reflector.access.exposure import CODE, appeared, exposed
from reflector.catalog.model import Catalog, Column
from tests.unit.access.blog import BLOG, TEXT, column
from tests.unit.access.describing import described

ROLES: Mapping[str, tuple[str, ...]] = {"guest": (), "user": ("guest",), "other": ()}


def with_columns(catalog: Catalog, label: str, *names: str) -> Catalog:
    """The catalog with further columns of text in one table."""
    added: tuple[Column, ...] = tuple(column(name, TEXT) for name in names)
    table = catalog.tables[label]
    grown = replace(table, columns=(*table.columns, *added))
    return replace(catalog, tables={**catalog.tables, label: grown}, relationships={})


def told(tables: Mapping[str, Any], label: str, *names: str, **more: Any) -> list[Complaint]:
    """What is told where these columns appear in one table."""
    description = described(tables, ROLES, **more)
    return judged(description, BLOG, with_columns(BLOG, label, *names))


def judged(description: AccessDescription, before: Catalog, after: Catalog) -> list[Complaint]:
    permissions, complaints = bind_permissions(description, after)
    assert [each for each in complaints if each.severity is Severity.ERROR] == []
    return [*exposed(description, after, permissions, appeared(before, after))]


def test_a_column_that_a_rule_without_a_list_opens_is_told_with_whom_and_where() -> None:
    [complaint] = told({"tag": {"guest": {"read": True}}}, "tag", "ssn")
    assert (complaint.severity, complaint.code, complaint.table) == (Severity.WARNING, CODE, "tag")
    assert complaint.message == "column_exposed: tag.ssn appeared, and guest may read it: no list names it"
    assert complaint.hint is not None
    assert complaint.where == "tag.guest"


def test_each_column_is_told_that_appeared_and_no_other() -> None:
    for columns in ({}, {"columns": ["*"]}, {"columns": ["id", "???"]}):
        several = told({"tag": {"other": {"read": True, **columns}}}, "tag", "ssn", "pin")
        assert len(several) == 2, columns
    messages = [each.message for each in told({"tag": {"other": {"read": True}}}, "tag", "ssn", "pin")]
    assert [message.split(" ")[1] for message in messages] == ["tag.ssn", "tag.pin"]
    assert told({"tag": {"other": {"read": True}}, "team": {"other": {"read": True}}}, "author") == []


@pytest.mark.parametrize(
    "allowed",
    [
        {"other": {"read": True, "columns": ["id"]}},
        {"other": {"read": True, "columns": ["id", "ssn"]}},
        {"other": {"create": True}},
        {"other": {"read": False}},
        {"other": {"read": True}, "hidden": ["s*"]},
    ],
)
def test_what_a_list_names_or_nobody_reads_is_not_told(allowed: Mapping[str, Any]) -> None:
    assert told({"tag": allowed}, "tag", "ssn") == []


def test_only_the_roles_are_named_whose_rule_lists_nothing() -> None:
    listed = {"read": True, "columns": ["id", "ssn"]}
    for allowed in ({"guest": listed, "other": {"read": True}}, {"guest": {"read": True}, "other": listed}):
        [complaint] = told({"tag": allowed}, "tag", "ssn")
        plain = next(role for role, given in allowed.items() if given is not listed)
        assert f"and {plain} may read it" in complaint.message
        assert complaint.where == f"tag.{plain}"


def test_what_is_open_by_default_is_told_without_a_place() -> None:
    [complaint] = told({"team": {"user": {"read": True}}}, "tag", "ssn", default_read=True)
    assert complaint.message == "column_exposed: tag.ssn appeared, and guest, other, user may read it: no list names it"
    assert complaint.where is None
    assert told({"team": {"user": {"read": True}}}, "tag", "ssn", default_read=True, columns_listed=True) == []


def test_a_table_that_appears_has_no_columns_that_appeared() -> None:
    before = replace(BLOG, tables={label: each for label, each in BLOG.tables.items() if label != "tag"})
    assert appeared(before, BLOG) == frozenset()
    assert appeared(BLOG, before) == frozenset()
    assert appeared(BLOG, with_columns(BLOG, "tag", "ssn")) == {("public", "tag", "ssn")}
    assert appeared(with_columns(BLOG, "tag", "ssn"), BLOG) == frozenset()


def test_tables_of_one_name_in_two_schemas_are_two() -> None:
    other = replace(BLOG.tables["tag"], schema="audit", label="audit.tag")
    before = replace(BLOG, tables={**BLOG.tables, "audit.tag": other})
    after = with_columns(before, "audit.tag", "ssn")
    description = described({"tag": {"guest": {"read": True}}, "audit.tag": {"other": {"read": True}}}, ROLES)
    assert [each.table for each in judged(description, before, after)] == ["audit.tag"]
