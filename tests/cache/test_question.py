"""Keys tell apart what a database tells apart."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.cache.question import Unspelled, spelled

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.decimals(allow_nan=False),
    st.text(),
    st.binary(),
    st.dates(),
    st.times(),
    st.datetimes(),
    st.datetimes(timezones=st.just(dt.UTC)),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(), inner, max_size=3),
    ),
    max_leaves=6,
)


def exactly(value: Any) -> Any:
    """The value with its type, so that `1` and `True` differ, and 1.0 and 1.00, and 0.0 and -0.0."""
    if isinstance(value, list | tuple):
        return type(value), tuple(map(exactly, value))
    if isinstance(value, dict):
        return dict, tuple((exactly(key), exactly(each)) for key, each in value.items())
    return type(value), repr(value)


@given(st.lists(VALUES, max_size=4), st.lists(VALUES, max_size=4))
def test_two_lists_of_values_are_spelled_alike_only_where_they_are_the_same(left: list[Any], right: list[Any]) -> None:
    assert (spelled(left) == spelled(right)) == (exactly(left) == exactly(right))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ([1], [True]),
        ([1], [1.0]),
        ([1], ["1"]),
        ([Decimal("1.0")], [Decimal("1.00")]),
        ([0.0], [-0.0]),
        (["a,b"], ["a", "b"]),
        (["a'", "b"], ["a", "'b"]),
        ([("a", "b")], ["a", "b"]),
        ([("a",), "b"], [("a", "b")]),
        ([[]], [()]),
        ([b"a"], ["a"]),
        ([None], ["None"]),
    ],
)
def test_what_python_or_a_careless_spelling_takes_for_equal_is_not(left: list[Any], right: list[Any]) -> None:
    assert spelled(left) != spelled(right)


@pytest.mark.parametrize("value", [Fraction(1, 2), object(), {1, 2}, [Fraction(1)]])
def test_what_nobody_has_looked_at_has_no_spelling(value: Any) -> None:
    with pytest.raises(Unspelled):
        spelled([value])
