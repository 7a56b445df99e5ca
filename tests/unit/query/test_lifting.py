"""Wherever a caller's value may stand in a question, it leaves it: what remains is the same for every value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from reflector.catalog.model import Argument, Function
from reflector.query.calls import Call, Gathered, Given
from reflector.query.comparisons import EQ
from reflector.query.nodes import (
    COUNT,
    And,
    Apart,
    Assignment,
    Claim,
    Compare,
    Counted,
    Delete,
    Embed,
    Exists,
    Field,
    Filter,
    Group,
    Insert,
    IsNull,
    Literal,
    Lowered,
    Not,
    Operand,
    Or,
    Output,
    Overview,
    Parameter,
    Read,
    Spread,
    Update,
)
from reflector.query.parameterize import parameterize, parameterize_any
from reflector.query.sets import AnyQuery, Change, DeleteMany, GivenRows, How, InsertMany, UpdateMany
from tests.unit.access.blog import ARTICLE, AUTHOR, AUTHOR_OF, COMMENT, COMMENTS_OF, INTEGER, TAG, TAGS_OF, TEXT

ID, TITLE, BODY = (ARTICLE.by_name[name] for name in ("id", "title", "body"))
SHOWN = Output("title", Field(TITLE))
FUNCTION = Function("public", "seen", (Argument("since", TEXT), Argument("until", TEXT)), "integer", rows=ARTICLE)
GATHERS = Function("public", "gathers", (), "text")
OTHER = IsNull(Field(BODY))


def titled(operand: Operand) -> Filter:
    return Compare(Field(TITLE), EQ, operand)


def named(operand: Operand) -> Filter:
    return Compare(Field(AUTHOR.by_name["name"]), EQ, operand)


def read(operand: Operand) -> Read:
    return Read(ARTICLE, (SHOWN,), titled(operand))


def showing(*members: Any) -> Read:
    return Read(ARTICLE, members)


PLACES: Mapping[str, Callable[[Operand], AnyQuery]] = {
    "a filter": read,
    "a filter, turned": lambda x: Read(ARTICLE, (), Not(titled(x))),
    "one of several filters": lambda x: Read(ARTICLE, (), And((OTHER, titled(x)))),
    "one of several alternatives": lambda x: Read(ARTICLE, (), Or((OTHER, titled(x)))),
    "a filter of related rows": lambda x: Read(ARTICLE, (), Exists(AUTHOR_OF, named(x))),
    "a filter of what relates them": lambda x: Read(ARTICLE, (), Exists(TAGS_OF, OTHER, titled(x), beyond=2)),
    "the place of a page": lambda x: Read(ARTICLE, (SHOWN,), OTHER, after=titled(x)),
    "related rows": lambda x: showing(SHOWN, Embed("by", AUTHOR_OF, Read(AUTHOR, (), named(x))), SHOWN),
    "rows related to those": lambda x: showing(
        Embed("c", COMMENTS_OF, Read(COMMENT, (Embed("a", AUTHOR_OF, Read(AUTHOR, (), named(x))),)))
    ),
    "related rows, spread": lambda x: showing(Spread(AUTHOR_OF, Read(AUTHOR, (), named(x))), SHOWN),
    "a member of members": lambda x: showing(Group("g", (Embed("by", AUTHOR_OF, Read(AUTHOR, (), named(x))),)), SHOWN),
    "rows related to those beside what is worked out": lambda x: showing(
        Output("low", Lowered(Field(TITLE))), Embed("by", AUTHOR_OF, Read(AUTHOR, (), named(x)))
    ),
    "what is counted": lambda x: showing(Output("n", Counted(AUTHOR_OF, named(x), limit=3)), SHOWN),
    "one of several questions": lambda x: Overview(ARTICLE, (Apart("a", showing(SHOWN)), Apart("b", read(x)))),
    "a new row": lambda x: Insert(ARTICLE, (Assignment(TITLE, x),), OTHER),
    "the check of a new row": lambda x: Insert(ARTICLE, (), titled(x)),
    "what is told of a new row": lambda x: Insert(ARTICLE, (), OTHER, read(x)),
    "the row to change": lambda x: Update(ARTICLE, titled(x), ()),
    "a changed row": lambda x: Update(ARTICLE, OTHER, (Assignment(TITLE, x),)),
    "the check of a changed row": lambda x: Update(ARTICLE, OTHER, (), titled(x)),
    "what is told of a changed row": lambda x: Update(ARTICLE, OTHER, (), returning=read(x)),
    "the row to remove": lambda x: Delete(ARTICLE, titled(x)),
    "what is told of a removed row": lambda x: Delete(ARTICLE, OTHER, read(x)),
    "the check of new rows": lambda x: InsertMany(ARTICLE, (), titled(x)),
    "what is told of new rows": lambda x: InsertMany(ARTICLE, (), OTHER, read(x)),
    "the rows to change": lambda x: UpdateMany(ARTICLE, titled(x), ()),
    "changed rows": lambda x: UpdateMany(ARTICLE, OTHER, (Change(BODY, None, How.DEFAULT), Change(TITLE, x))),
    "the check of changed rows": lambda x: UpdateMany(ARTICLE, OTHER, (), titled(x)),
    "what is told of changed rows": lambda x: UpdateMany(ARTICLE, OTHER, (), returning=read(x)),
    "the rows to remove": lambda x: DeleteMany(ARTICLE, titled(x)),
    "what is told of removed rows": lambda x: DeleteMany(ARTICLE, OTHER, read(x)),
    "an argument": lambda x: Call(FUNCTION, (Given(FUNCTION.arguments[0], x),)),
    "what is read of a function": lambda x: Call(FUNCTION, (), read(x)),
    "what is gathered": lambda x: Gathered(GATHERS, read(x)),
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("buckets", [True, False])
def test_a_value_leaves_its_place_and_a_claim_stays_in_it(place: Callable[[Operand], AnyQuery], buckets: bool) -> None:
    shape, values = parameterize_any(place(Literal("x", TEXT)), buckets=buckets)
    assert (shape, values) == (place(Parameter(0, TEXT)), ["x"])
    assert parameterize_any(place(Literal("y", TEXT)), buckets=buckets) == (shape, ["y"])
    ruled = place(Claim(("sub",), TEXT))
    assert parameterize_any(ruled, buckets=buckets) == (ruled, [])


@pytest.mark.parametrize("buckets", [True, False])
def test_several_values_are_numbered_in_one_order_wherever_they_stand(buckets: bool) -> None:
    def told(first: Operand, second: Operand, third: Operand, limit: int | Parameter) -> Read:
        embed = Embed("by", AUTHOR_OF, Read(AUTHOR, (), named(third)))
        return Read(ARTICLE, (embed,), titled(first), after=titled(second), limit=limit)

    first, second, third = (Literal(each, TEXT) for each in "abc")
    shape, values = parameterize(told(first, second, third, limit=7), buckets=buckets)
    places = told(Parameter(0, TEXT), Parameter(1, TEXT), Parameter(2, TEXT), limit=Parameter(3, COUNT))
    assert (shape, values) == (places, ["a", "b", "c", 7])


def test_a_question_without_values_is_its_own_shape() -> None:
    """Not another one like it: the plan of most questions is looked up without making a tree."""
    inner = Read(AUTHOR, (Output("name", Field(AUTHOR.by_name["name"])),))
    for asked in (showing(SHOWN), showing(SHOWN, Embed("by", AUTHOR_OF, inner), Spread(AUTHOR_OF, inner))):
        assert parameterize(asked, buckets=False)[0] is asked


PAGE = Read(ARTICLE, (SHOWN,), limit=7, offset=3)
LIFTED = replace(PAGE, offset=Parameter(1, COUNT), limit=Parameter(2, COUNT))


def test_rows_and_bounds_of_a_set_are_values_and_its_page_comes_behind_them() -> None:
    rows, others = ((0, ("a",)), (1, ("b",))), ((2, ("c", "d")),)
    given = (GivenRows((TITLE,), rows), GivenRows((TITLE, BODY), others))
    shape, values = parameterize_any(InsertMany(ARTICLE, given), buckets=False)
    assert values == [rows, others]
    assert shape == InsertMany(ARTICLE, (GivenRows((TITLE,), 0), GivenRows((TITLE, BODY), 1)))
    assert parameterize_any(shape, buckets=False) == (shape, [])
    for bounded in (
        UpdateMany(ARTICLE, OTHER, (), returning=PAGE, most=5),
        DeleteMany(ARTICLE, OTHER, returning=PAGE, most=5),
    ):
        shape, values = parameterize_any(bounded, buckets=False)
        assert (shape, values) == (replace(bounded, returning=LIFTED, most=Parameter(0, COUNT)), [5, 3, 7])
        assert parameterize_any(shape, buckets=False) == (shape, [])
        unbounded = replace(bounded, returning=None, most=None)
        assert parameterize_any(unbounded, buckets=False) == (unbounded, [])


def test_the_bound_of_a_call_is_a_value_and_its_page_comes_behind_it() -> None:
    shape, values = parameterize_any(Call(FUNCTION, (), PAGE, most=5), buckets=False)
    assert (shape, values) == (Call(FUNCTION, (), LIFTED, most=Parameter(0, COUNT)), [5, 3, 7])
    assert parameterize_any(shape, buckets=False) == (shape, [])
    plain = Call(FUNCTION, ())
    assert parameterize_any(plain, buckets=False) == (plain, [])


def test_arguments_keep_their_places() -> None:
    since, until = FUNCTION.arguments
    given = Given(until, Literal("a", TEXT)), Given(since, Literal("b", TEXT))
    shape, values = parameterize_any(Call(FUNCTION, given, read(Literal("c", TEXT))), buckets=False)
    places = Given(until, Parameter(0, TEXT)), Given(since, Parameter(1, TEXT))
    assert (shape, values) == (Call(FUNCTION, places, read(Parameter(2, TEXT))), ["a", "b", "c"])


def test_the_bytes_of_a_list_are_no_list() -> None:
    """Where lists are filled up, a single value that happens to have a length is left as it is."""
    asked = Read(TAG, (), Compare(Field(TAG.by_name["name"]), EQ, Literal("abc", TEXT)))
    assert parameterize(asked, buckets=True)[1] == ["abc"]
    assert parameterize(Read(ARTICLE, (), Compare(Field(ID), EQ, Literal(7, INTEGER))), buckets=True)[1] == [7]
