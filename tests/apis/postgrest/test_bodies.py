"""Bodies in, and JSON, CSV and stripped answers out."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.apis.postgrest.bodies import Rows, first_only, form_pairs, read_json, rows_of
from server.apis.postgrest.csv_text import csv_of
from server.apis.postgrest.exact_json import without_nulls
from server.apis.postgrest.faults import PostgrestError
from server.apis.postgrest.media import Body


def refused(body: bytes, written_in: Body = Body.JSON, columns: tuple[str, ...] | None = None) -> tuple[str, str]:
    with pytest.raises(PostgrestError) as caught:
        rows_of(body, written_in, columns)
    return caught.value.fault.code, caught.value.fault.message


@pytest.mark.parametrize(
    ("body", "columns", "rows", "one"),
    [
        (b'{"a":1,"b":null}', ("a", "b"), [{"a": 1, "b": None}], True),
        (b"{}", (), [{}], True),
        (b"[{},{}]", (), [{}, {}], False),
        (b"[]", (), [], False),
        (b"null", (), [], False),
        (b"7", (), [], False),
        (b'"text"', (), [], False),
        (b'[{"a":1,"b":2},{"b":3,"a":4}]', ("a", "b"), [{"a": 1, "b": 2}, {"b": 3, "a": 4}], False),
    ],
)
def test_json(body: bytes, columns: tuple[str, ...], rows: list[Any], one: bool) -> None:
    found = rows_of(body, Body.JSON)
    assert (found.columns, list(found.rows), found.one, found.texts) == (columns, rows, one, False)


@pytest.mark.parametrize(
    "body", [b"", b" ", b"{", b"{]", b"nul", b"[1,]", b"\xff", b'"\\ud800"', b"NaN", b"[1.5, NaN]", b'["\\ud800",1.5]']
)
def test_what_is_no_json(body: bytes) -> None:
    assert refused(body) == ("PGRST102", "Empty or invalid json")


@pytest.mark.parametrize(
    "body", [b'[{"a":1},{"b":1}]', b'[{"a":1},{}]', b"[1]", b'[{"a":1},null]', b'[{"a":1},{"a":1,"b":2}]']
)
def test_rows_have_the_same_keys(body: bytes) -> None:
    assert refused(body) == ("PGRST102", "All object keys must match")


def test_columns_choose_what_is_used() -> None:
    body = b'[{"a":1,"x":2},{"b":3},{}]'
    found = rows_of(body, Body.JSON, ("a", "b"))
    assert found == Rows(("a", "b"), ({"a": 1}, {"b": 3}, {}))
    assert rows_of(b'{"a":1,"x":2}', Body.JSON, ("a",)) == Rows(("a",), ({"a": 1},), one=True)
    assert refused(b"[1]", columns=("a",))[0] == "22023"


def test_only_the_first_row_is_used_where_one_is() -> None:
    assert first_only(rows_of(b'[{"a":1},{"a":2}]', Body.JSON)).rows == [{"a": 1}]


def test_numbers_keep_their_digits() -> None:
    found = read_json(b'{"a":12345678901234567890123,"b":0.1000,"c":1e400,"d":7,"e":"1.5","f":-0.0}')
    assert found == {
        "a": 12345678901234567890123,
        "b": Decimal("0.1000"),
        "c": Decimal("1e400"),
        "d": 7,
        "e": "1.5",
        "f": 0,
    }
    assert str(found["b"]) == "0.1000"
    assert read_json(b"18446744073709551615") == 2**64 - 1


@pytest.mark.parametrize("body", [b"[" * 65 + b"]" * 65, b'{"a":' * 70 + b"1" + b"}" * 70, b"[" * 5000 + b"]" * 5000])
def test_depth_has_a_limit(body: bytes) -> None:
    assert refused(body)[0] == "PGRST102"


@pytest.mark.parametrize("body", [b"1" * 1001, b"1e99999", b"0." + b"1" * 1001])
def test_digits_have_a_limit(body: bytes) -> None:
    assert refused(body) == ("PGRST102", "Empty or invalid json")


def test_depth_that_is_within_the_limit_is_read() -> None:
    assert read_json(b"[" * 64 + b"]" * 64)


# ── CSV and forms ────────────────────────────────────────────────────────────────────────────


def test_csv() -> None:
    found = rows_of(b'a,"b c"\r\n1,NULL\r\n"x,""y""\nz",\r\n', Body.CSV)
    assert found.columns == ("a", "b c")
    assert list(found.rows) == [{"a": "1", "b c": None}, {"a": 'x,"y"\nz', "b c": ""}]
    assert found.texts
    assert list(rows_of(b"a\n", Body.CSV).rows) == []
    assert list(rows_of(b"a,b\n1,2", Body.CSV, ("b",)).rows) == [{"b": "2"}]
    long = "x" * 200_000
    assert rows_of(f"a\n{long}".encode(), Body.CSV).rows[0]["a"] == long


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b"", "PGRST102", "Empty or invalid csv"),
        (b'a\n"open', "PGRST102", "Empty or invalid csv"),
        (b"a,b\n1", "PGRST102", "All lines must have same number of fields"),
        (b"a\n1,2", "PGRST102", "All lines must have same number of fields"),
        (b"a,a\n1,2", "42701", 'column "a" specified more than once'),
        (b"\xff", "PGRST102", "The body is not UTF-8"),
    ],
)
def test_csv_at_fault(body: bytes, code: str, message: str) -> None:
    assert refused(body, Body.CSV) == (code, message)


def test_forms() -> None:
    found = rows_of(b"a=1&b=x+y%21&c=&a=2", Body.FORM)
    assert found == Rows(("a", "b", "c"), ({"a": "2", "b": "x y!", "c": ""},), one=True, texts=True)
    assert form_pairs(b"a=1&a=2") == [("a", "1"), ("a", "2")]
    assert refused(b"a=%ff", Body.FORM) == ("PGRST102", "The form cannot be read")
    assert refused(b"x", Body.OCTETS)[0] == "PGRST102"


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=80) | st.text(alphabet='{}[]",:\\0129eE.-ntu a\n\r', max_size=60).map(str.encode),
    st.sampled_from(Body),
)
def test_any_body_is_read_or_refused(body: bytes, written_in: Body) -> None:
    try:
        found: Rows | str = rows_of(body, written_in)
    except PostgrestError as error:
        found = error.fault.code
    assert isinstance(found, Rows) or found in {"PGRST102", "42701"}


# ── answers ──────────────────────────────────────────────────────────────────────────────────


def test_csv_is_worded_as_rows_are() -> None:
    rows = (
        b'[{"id":1,"name":"a b","price":12.50,"ok":true,"no":false,"nothing":null,"empty":"","json":{"a": [1.0,null]}},'
        b'{"id":12345678901234567890,"name":"q\\"\\\\(x)","price":-1e5,"ok":null,"no":null,"nothing":1,"empty":"plain"}]'
    )
    assert csv_of(rows).decode() == (
        "id,name,price,ok,no,nothing,empty,json\n"
        '1,"a b",12.50,t,f,,"","{""a"":[1.0,null]}"\n'
        '12345678901234567890,"q""\\\\(x)",-1e5,,,1,plain,'
    )
    assert csv_of(b"[]") == b"\n"
    assert csv_of(b'{"a,b":1}') == b'"a,b"\n1'
    assert csv_of(b"[{}]") == b"\n"


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\\\x00"), max_size=8)


@settings(max_examples=120, deadline=None)
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=4))
def test_csv_is_read_back(rows: list[tuple[str, str]]) -> None:
    body = orjson.dumps([{"a": one, "b": other} for one, other in rows])
    found = list(csv.reader(io.StringIO(csv_of(body).decode(), newline=""), strict=True))
    assert found == [["a", "b"], *([one, other] for one, other in rows)]


def test_nulls_are_stripped_and_numbers_kept() -> None:
    body = b'[{"a":null,"b":1.50,"c":{"d":null,"e":[null,{"f":null}]}}, \n {"a":12345678901234567890}]'
    assert without_nulls(body) == b'[{"b":1.50,"c":{"e":[null,{}]}},{"a":12345678901234567890}]'


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=120, deadline=None)
@given(values)
def test_stripping_takes_nothing_else_away(value: Any) -> None:
    def stripped(each: Any) -> Any:
        if isinstance(each, dict):
            return {name: stripped(inner) for name, inner in each.items() if inner is not None}
        return [stripped(inner) for inner in each] if isinstance(each, list) else each

    assert json.loads(without_nulls(json.dumps(value).encode())) == stripped(value)


@pytest.mark.parametrize("depth", [300, 3000])
def test_what_is_nested_too_deeply_is_refused_in_words(depth: int) -> None:
    body = b'[{"a":' + b"[" * depth + b"]" * depth + b"}]"
    for render in (csv_of, without_nulls):
        with pytest.raises(PostgrestError, match="54001"):
            render(body)
