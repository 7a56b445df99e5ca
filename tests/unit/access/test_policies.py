"""Policies that no rule uses: each name in them must be somewhere, and all of them together must fit one table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reflector.access.bind import bind_permissions
from reflector.access.description import Complaint, RuleText, Severity
from reflector.access.policies import Policies
from tests.unit.access.blog import BLOG, INTEGER, TEXT, column, key, table
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
    ("new.ownr_id == 1", 0),
    ("rank == 1 and lower(new.ownr_id) == 'x'", 20),
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


def test_the_nearest_table_is_the_one_that_has_most_of_the_names() -> None:
    """Articles have more columns than authors, and one of three names."""
    [complaint] = told({"spare": "name == 'x' and active and slug == 'y'"})
    assert "'slug'" in complaint.message
    assert complaint.offset == 27


def test_a_policy_may_be_meant_for_checks() -> None:
    [complaint] = told({"spare": "new.slug == 'x' and active"})
    assert ("'active'" in complaint.message, complaint.offset) == (True, 20)
    first, second = table("first", key(), column("word", INTEGER)), table("second", key(), column("word", TEXT))
    catalog = replace(BLOG, tables={"first": first, "second": second}, relationships={})
    for rule, fits in (("new.word == 'x'", True), ("new.word == true", False)):
        complaints = bind_permissions(described({}, {"user": ()}, {"spare": rule}), catalog)[1]
        assert (complaints == ()) is fits


def test_from_names_those_policies_are_reached_that_stand_behind_them() -> None:
    texts = {"one": "two and rank == 1", "two": "three or nosuch", "three": "active", "other": "rank == 2"}
    policies = Policies({name: RuleText(rule, name) for name, rule in texts.items()})
    assert policies.reached(["one", "elsewhere"]) == {"one", "two", "three"}
    assert policies.reached(["elsewhere"]) == frozenset()


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
