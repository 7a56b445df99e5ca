"""`'x' in column`: which comparison asks for it, by what the column holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reflector.access.rules import UnfitRule, bind_rule
from reflector.datatypes import DataType, Kind, Value
from reflector.query.comparisons import Comparison
from reflector.query.native import EXACT_MEMBER, MEMBER, TEXT_MEMBER
from reflector.query.nodes import TEXT as ANY_TEXT
from reflector.query.nodes import Claim, Compare, Field, Literal, Not
from tests.unit.access.blog import BLOG, CITEXT, INTEGER, JSON, OPAQUE, TEXT, column, table

COLOURS = DataType(Kind.SET, "set('x','y')", labels=("x", "y"))


def array_of(item: DataType | None) -> DataType:
    return DataType(Kind.ARRAY, "some[]", element=item)


@pytest.mark.parametrize(
    ("type_", "asked", "comparison", "item", "value"),
    [
        (JSON, "'x'", TEXT_MEMBER, ANY_TEXT, "x"),
        (array_of(TEXT), "'x'", EXACT_MEMBER, ANY_TEXT, "x"),
        (array_of(CITEXT), "'x'", EXACT_MEMBER, ANY_TEXT, "x"),
        (array_of(INTEGER), "7", MEMBER, INTEGER, 7),
        (COLOURS, "'x'", MEMBER, replace(COLOURS, kind=Kind.ENUM), "x"),
    ],
)
def test_items_are_asked_for_by_their_type(
    type_: DataType, asked: str, comparison: Comparison, item: DataType, value: Value
) -> None:
    held = column("held", type_)
    post = table("post", held)
    assert bind_rule(f"{asked} in held", post, BLOG) == Compare(Field(held), comparison, Literal(value, item))
    told = Compare(Field(held), comparison, Claim(("sub",), item))
    assert bind_rule("claims.sub in held", post, BLOG) == told
    assert bind_rule("claims.sub not in held", post, BLOG) == Not(told)


def test_a_set_has_no_label_but_its_own() -> None:
    with pytest.raises(UnfitRule, match=r"'X' is not one of the allowed values: 'x', 'y'") as refused:
        bind_rule("'X' in held", table("post", column("held", COLOURS)), BLOG)
    assert refused.value.hint == "did you mean 'x'?"


@pytest.mark.parametrize("type_", [TEXT, array_of(None), array_of(OPAQUE), array_of(JSON)])
def test_what_has_no_items_that_compare_is_refused(type_: DataType) -> None:
    with pytest.raises(UnfitRule, match=r"'held' is .*, which has no items"):
        bind_rule("'x' in held", table("post", column("held", type_)), BLOG)
