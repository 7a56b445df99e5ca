"""Policies that no rule uses: each name in them must be somewhere, and all of them together must fit one table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reflector.access.bind import bind_permissions
from reflector.access.description import Complaint, Severity
from tests.unit.access.blog import BLOG
from tests.unit.access.describing import described


def told(policies: dict[str, Any], rule: Any = True) -> list[Complaint]:
    return list(bind_permissions(described({"article": {"user": {"read": rule}}}, None, policies), BLOG)[1])


NOWHERE = [
    ("ownr_id == 1", 0),
    ("1 == ownr_id", 5),
    ("rank == ownr_id", 8),
    ("not ownr_id", 4),
    ("not (ownr_id == 1)", 5),
    ("rank == 1 and ownr_id == 1", 14),
    ("rank == 1 or (rank == 2 and ownr_id == 1)", 28),
    ("ownr_id is None", 0),
    ("ownr_id in [1]", 0),
    ("like(ownr_id, 'a%')", 5),
    ("lower(ownr_id) == 'x'", 6),
    ("ownr_id.name == 'x'", 0),
    ("exists(ownr_id, rank == 1)", 7),
    ({"ownr_id": {"_eq": 1}}, None),
    ({"_and": [{"rank": {"_eq": 1}}, {"ownr_id": {"_eq": 1}}]}, None),
    ({"_not": {"_or": [{"ownr_id": {"_eq": 1}}]}}, None),
]


@pytest.mark.parametrize(("rule", "offset"), NOWHERE)
def test_a_name_that_is_nowhere_is_told_with_its_place(rule: Any, offset: int | None) -> None:
    [complaint] = told({"spare": rule})
    message = "policy 'spare', which no rule uses: no table has a column or relationship 'ownr_id'"
    assert (complaint.severity, complaint.code, complaint.message) == (Severity.UNBOUND, "rule_unbound", message)
    assert complaint.hint == "did you mean 'owner_id'?"
    assert (complaint.where, complaint.offset) == ("policies.spare", offset)


def test_a_policy_that_fits_no_table_is_told_of_the_one_that_is_nearest() -> None:
    """`slug` is of articles alone, `active` of authors; two of three names are of articles."""
    [complaint] = told({"spare": "slug == 'x' and active and published"})
    assert complaint.message.startswith("policy 'spare', which no rule uses, fits no table: ")
    assert "'active'" in complaint.message
    assert complaint.offset == 16


def test_a_policy_that_fits_a_table_is_nothing_to_tell_of() -> None:
    for rule in (
        "slug == 'x'",
        "active",
        "new.slug == 'x'",
        "exists(account, id == 1)",
        "_missing",
        {"_not": {"slug": {"_eq": "x"}}},
    ):
        found = told({"spare": rule, "_missing": "id == 1"})
        assert found == []


def test_a_policy_that_is_used_is_told_of_where_it_is_used() -> None:
    for rule in ("spare", "other"):
        complaints = told({"spare": "active", "other": "spare"}, rule)
        assert [each.where for each in complaints] == ["article.user.read"]


def test_a_policy_that_stands_on_a_broken_one_is_told_of_once() -> None:
    assert [each.where for each in told({"spare": "broken", "broken": "rank ="})] == ["policies.broken"]
    circle = told({"spare": "one", "one": "two", "two": "one"})
    assert sorted(each.where for each in circle) == ["policies.one", "policies.two"]


def test_a_name_that_is_no_policy_leads_nowhere() -> None:
    [complaint] = told({"spare": "nosuch and rank == 1"})
    assert "'nosuch'" in complaint.message


def test_without_a_table_nothing_is_told() -> None:
    empty = replace(BLOG, tables={}, relationships={})
    assert bind_permissions(described({}, {"user": ()}, {"spare": "ownr_id == 1"}), empty)[1] == ()
