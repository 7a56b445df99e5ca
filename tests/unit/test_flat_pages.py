"""The order values that are cut out of a row's text are those that reading it as JSON gives."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflector.sql.flat import MOST_MATCHED, SEPARATOR, _plain_row, cut_page
from reflector.sql.json_text import json_text
from reflector.sql.plan import Answer, Cut

PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**80), 2**80),
    st.decimals(allow_nan=False, allow_infinity=False, places=4),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12),
)
VALUES = st.one_of(PLAIN, st.lists(PLAIN, max_size=3), st.dictionaries(st.sampled_from(["id", "a"]), PLAIN, max_size=2))
LABELS = ["id", 'a "b\\', "größe", "(.*)"]


def rows_of(rows: list[dict[str, Any]]) -> bytes:
    return SEPARATOR.join(json_text(row).encode() for row in rows)


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(LABELS, VALUES)), min_size=1, max_size=4), st.permutations(LABELS))
def test_the_text_of_a_value_is_the_value(rows: list[dict[str, Any]], order: list[str]) -> None:
    keys = tuple(order[:2])
    cut = Cut(len(rows), keys=keys, row=_plain_row(LABELS, keys))
    one_more = Answer(rows_of([*rows, rows[0]]), len(rows) + 1)
    page = cut_page(one_more, cut, ())
    assert page.last is not None
    assert json.loads(page.last, parse_float=Decimal) == [rows[-1][key] for key in keys]
    assert page.body is not None
    assert json.loads(page.body, parse_float=Decimal) == rows


@pytest.mark.parametrize(
    ("labels", "keys"),
    [
        pytest.param(["a", "a"], ("a",), id="members of one name"),
        pytest.param(["a", "b"], ("a", "a"), id="a key asked twice"),
        pytest.param([f"c{n}" for n in range(MOST_MATCHED + 1)], ("c0",), id="very wide"),
    ],
)
def test_what_a_pattern_cannot_say_is_read(labels: list[str], keys: tuple[str, ...]) -> None:
    assert _plain_row(labels, keys) is None


def test_a_page_that_ends_here_has_no_last_row() -> None:
    cut = Cut(2, keys=("id",), row=_plain_row(["id"], ("id",)))
    assert cut_page(Answer(rows_of([{"id": 1}, {"id": 2}]), 2), cut, ()).last is None
