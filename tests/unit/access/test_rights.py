"""What one entry allows one role: masks of columns, lists of columns, presets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from reflector.access.bind import BoundRules, bind_permissions
from reflector.access.description import (
    HIDDEN,
    AllowRules,
    ColumnList,
    Complaint,
    CreateRules,
    DeleteRules,
    MaskRules,
    PresetText,
    ReadRules,
    RuleText,
    Severity,
    TableRules,
    UpdateRules,
)
from reflector.access.entries import Allowed, TableEntry
from reflector.access.permissions import DeleteRight, Permission
from reflector.access.policies import Policies
from reflector.access.rights import RightsBinder
from reflector.access.rules import bind_rule
from reflector.query.masks import Mask, MaskKind
from reflector.secret import Secret
from tests.unit.access.blog import ARTICLE, BLOG
from tests.unit.access.describing import described

TITLE, BODY, SECRET = (ARTICLE.by_name[name] for name in ("title", "body", "api_secret"))
LAST4, PARTIAL = Mask(MaskKind.LAST4), Mask(MaskKind.PARTIAL)
KEY = Secret("ab" * 32)
FREE = "price == 0"


def masking(
    masks: Mapping[str, str | MaskRules],
    columns: tuple[str, ...] | None = None,
    table: str = "article",
    key: Secret | None = None,
    given: tuple[str, ...] | None = None,
) -> tuple[Permission, list[Complaint]]:
    """What a role may do with articles that reads and creates them, with the masks: their names, or a rule."""
    made = {name: mask if isinstance(mask, MaskRules) else MaskRules(mask, None, name) for name, mask in masks.items()}
    read = ReadRules(RuleText(True), None if columns is None else ColumnList(columns), made)
    create = CreateRules(RuleText(True), None if given is None else ColumnList(given, "given"))
    entry = TableRules(table, {"user": AllowRules(read, create)})
    description = replace(described({}, {"user": ()}), tables=(entry,), mask_key=key)
    permissions, told = bind_permissions(description, BLOG)
    return permissions.rights["user"].get(ARTICLE, Permission()), list(told)


def unless(rule: str) -> MaskRules:
    return MaskRules(HIDDEN, RuleText(rule), "unless")


# ── masks ────────────────────────────────────────────────────────────────────────────────────


def test_a_masked_column_is_shown_so_and_neither_seen_nor_written() -> None:
    found, _ = masking({"title": "last4", "body": HIDDEN, "api_secret": unless(FREE)})
    assert found.read is not None
    assert found.create is not None
    assert found.read.masks == {TITLE: LAST4}
    assert found.read.cells == {SECRET: bind_rule(FREE, ARTICLE, BLOG)}
    assert found.read.columns == frozenset(ARTICLE.columns) - {TITLE, BODY}
    assert SECRET in found.create.columns
    assert not {TITLE, BODY} & found.create.columns


@pytest.mark.parametrize(
    ("last", "masks", "cells", "seen"),
    [
        ("partial", {TITLE: PARTIAL}, False, False),
        (HIDDEN, {}, False, False),
        (unless(FREE), {}, True, True),
    ],
)
@pytest.mark.parametrize("first", ["last4", HIDDEN, unless("published")])
def test_of_two_masks_of_a_column_the_last_counts(
    first: str | MaskRules, last: str | MaskRules, masks: Any, cells: bool, seen: bool
) -> None:
    read = masking({"titl*": first, "title": last})[0].read
    assert read is not None
    assert read.masks == masks
    assert read.cells == ({TITLE: bind_rule(FREE, ARTICLE, BLOG)} if cells else {})
    assert (TITLE in read.columns) is seen


def test_what_is_not_read_is_not_masked_either() -> None:
    found, told = masking({"*": "last4"}, columns=("title", "body"))
    assert found.read is not None
    assert (found.read.masks, found.read.columns) == ({TITLE: LAST4, BODY: LAST4}, frozenset())
    assert [each.code for each in told if each.code != "create_incomplete"] == []


def test_a_mask_that_has_nothing_to_mask_is_told() -> None:
    for masks, columns, table, said in (
        ({"body": "last4"}, ("title",), "article", [("idle_column", "articles.body is masked, and not read at all")]),
        ({"bod*": "last4"}, ("title",), "article", []),
        ({"body": "last4"}, None, "article", []),
        ({"boddy": "last4"}, None, "article", [("unknown_column", "articles has no column 'boddy'")]),
        ({"name": "last4"}, None, "a*", []),
    ):
        told = [each for each in masking(masks, columns, table)[1] if each.code != "create_incomplete"]
        assert [(each.code, each.message) for each in told] == said
        assert [each.where for each in told] == [name for name in masks if said]


def test_of_some_types_nothing_can_be_shown_in_part() -> None:
    found, told = masking({"price": "last4"})
    [unfit] = [each for each in told if each.code == "mask_unfit"]
    assert unfit.message == "articles.price is of type numeric(10,2), of which nothing can be shown in part"
    assert (unfit.severity, unfit.hint) == (Severity.UNBOUND, "mask it by hidden or null_unless")
    assert found.empty
    for mask in (HIDDEN, unless("published")):
        found, told = masking({"price": mask})
        assert found.read is not None
        assert "mask_unfit" not in {each.code for each in told}


def test_a_hash_needs_a_key_and_nothing_else_does() -> None:
    found, told = masking({"title": "hash"})
    [unfit] = [each for each in told if each.code == "mask_without_key"]
    assert unfit.message == "articles.title is masked by a hash, and there is no key to make it with"
    assert (unfit.severity, found.empty) == (Severity.ERROR, True)
    found, told = masking({"title": "hash", "body": "partial"}, key=KEY)
    assert found.read is not None
    assert found.read.masks == {TITLE: Mask(MaskKind.HASH, KEY), BODY: PARTIAL}
    assert "mask_without_key" not in {each.code for each in told}


def test_a_masked_column_that_is_to_be_given_is_told() -> None:
    _, told = masking({"body": "last4"}, given=("title", "body"))
    assert [(each.code, each.message) for each in told] == [("idle_column", "articles.body is masked for this role")]


# ── columns and presets ──────────────────────────────────────────────────────────────────────


def told_of(tables: dict[str, Any], **more: Any) -> list[tuple[str, Any]]:
    return [(each.code, each.where) for each in bind_permissions(described(tables, **more), BLOG)[1]]


def test_a_list_that_is_wrong_is_told_of_every_role_that_has_it() -> None:
    for name, code in (("id_", "unknown_column"), ("body", "idle_column")):
        right = {"read": True, "columns": ["id", name]}
        places = [f"article.{role}.read.columns" for role in ("a", "b")]
        assert told_of({"article": {"a": right, "b": right, "hidden": ["body"]}}) == [(code, each) for each in places]


def test_a_pattern_of_columns_may_stand_for_hidden_ones() -> None:
    right = {"read": True, "columns": ["id", "*_secret"]}
    assert told_of({"article": {"user": right, "hidden": ["api_secret"]}}) == []


def test_callers_without_a_credential_may_have_presets_that_are_not_theirs() -> None:
    for value, codes in (("'x'", []), ("now()", []), ("claims.sub", ["claim_without_caller"])):
        column = "created_at" if value == "now()" else "slug"
        right = {"create": {"check": True, "columns": ["title"], "presets": {column: value}}}
        assert [code for code, _ in told_of({"article": {"guest": right}}, anonymous_role="guest")] == codes


TRUTH = RuleText(True)


@pytest.mark.parametrize(
    ("rules", "codes"),
    [
        (ReadRules(TRUTH, ColumnList(("titel", "id"))), ["unknown_column"]),
        (ReadRules(TRUTH, masks={"titel": MaskRules("last4", None)}), ["unknown_column"]),
        (ReadRules(TRUTH, masks={"title": MaskRules("hash", None)}), ["mask_without_key"]),
        (ReadRules(TRUTH, masks={"title": unless("rnk == 1")}), ["rule_unbound"]),
        (ReadRules(TRUTH, masks={"title": unless("broken")}), []),
        (ReadRules(RuleText("rank == claims.rank")), ["claim_without_caller"]),
        (CreateRules(TRUTH, presets={"titel": PresetText("'x'")}), ["unknown_column"]),
        (CreateRules(TRUTH, presets={"rank": PresetText("'x'")}), ["rule_unbound"]),
        (CreateRules(TRUTH, presets={"rank": PresetText("claims.rank")}), ["claim_without_caller"]),
        (UpdateRules(TRUTH, presets={"rank": PresetText("'x'")}), ["rule_unbound"]),
        (UpdateRules(TRUTH, columns=ColumnList(("titel",))), ["unknown_column"]),
    ],
)
def test_a_right_in_which_anything_is_wrong_is_not_granted(rules: Any, codes: list[str]) -> None:
    """Also where nobody would be served anyway, with what is wrong: a right is all of what was written, or nothing."""
    policies = Policies({"broken": RuleText("a = 1")})
    binder = RightsBinder(TableEntry(ARTICLE), BoundRules(policies, BLOG).bind)
    part = {ReadRules: "read", CreateRules: "create", UpdateRules: "update"}[type(rules)]
    delete = DeleteRules(RuleText("rank == 1"))
    said = AllowRules(**{"delete": delete, part: rules})
    found = binder.permission(Allowed(said, exact=True), anonymous=True)
    assert (getattr(found, part), found.delete) == (None, DeleteRight(bind_rule("rank == 1", ARTICLE, BLOG)))
    assert [each.code for each in binder.complaints if each.severity is not Severity.WARNING] == codes


def test_a_check_may_speak_of_the_new_row() -> None:
    assert told_of({"article": {"user": {"create": "new.published and new.rank == 1"}}}) == []
    update = {"filter": "published", "check": "new.rank == 1"}
    assert told_of({"article": {"user": {"read": True, "update": update}}}) == []
    assert told_of({"article": {"user": {"update": "new.published"}}}) == [("rule_error", "article.user.update")]
