"""The matcher's four answers, kind by kind."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from reflector.catalog.model import Column, Relationship, Table, TableKind
from reflector.datatypes import DataType, Kind
from reflector.errors import MissingClaim
from reflector.query.comparisons import COMPARISONS, EQ, GT, GTE, ILIKE, IN, LIKE, LT, LTE, NE, Comparison
from reflector.query.match import ASK, Answer, matches
from reflector.query.native import EXACT_MEMBER, MEMBER, TEXT_MEMBER
from reflector.query.nodes import (
    FALSE,
    TRUE,
    And,
    Claim,
    Compare,
    Exists,
    Field,
    Filter,
    Guarded,
    IsNull,
    JsonPath,
    Literal,
    Lowered,
    Not,
    Now,
    Or,
    Outer,
    Parameter,
    Related,
)


def column(kind: Kind, native: str = "native", **more: Any) -> Column:
    return Column(native, DataType(kind, native, **more), nullable=True)


INTEGER = column(Kind.INTEGER)
DECIMAL = column(Kind.DECIMAL)
FLOAT = column(Kind.FLOAT)
SINGLE = column(Kind.FLOAT, bits=32)
TEXT = column(Kind.TEXT)
FOLDED = column(Kind.TEXT, case_insensitive=True)
BOOLEAN = column(Kind.BOOLEAN)
UUID = column(Kind.UUID)
ENUM = column(Kind.ENUM, labels=("a", "b"))
BYTES = column(Kind.BYTES)
DATE = column(Kind.DATE)
TIME = column(Kind.TIME)
TIMESTAMP = column(Kind.TIMESTAMP)
INSTANT = column(Kind.INSTANT)
INTERVAL = column(Kind.INTERVAL)
SPECIAL = column(Kind.SPECIAL)
ARRAY = column(Kind.ARRAY, element=INTEGER.type)
NAN = float("nan")
INFINITY = float("inf")


def unasked(operand: Claim | Parameter | Now) -> Any:
    raise AssertionError(operand)


def asked(of: Column, comparison: Comparison, operand: Any, value: Any, *, exact: bool = False) -> Answer:
    where = Compare(Field(of), comparison, Literal(operand, of.type, many=comparison is IN), exact)
    return matches(where, {of: value}, unasked)


def mirrored(of: Column, comparison: Comparison, operand: Any, value: Any, *, exact: bool = False) -> Answer:
    """The same, with the operand in a second column."""
    other = Column("other", of.type, nullable=True)
    return matches(Compare(Field(of), comparison, Field(other), exact), {of: value, other: operand}, unasked)


ORDERED: list[tuple[Column, Any, Any]] = [
    (INTEGER, 1, 2),
    (INTEGER, 2**63 - 2, 2**63 - 1),
    (DECIMAL, Decimal("1.10"), Decimal("1.2")),
    (DECIMAL, Decimal(5), Decimal("NaN")),
    (DECIMAL, Decimal("Infinity"), Decimal("NaN")),
    (FLOAT, 1.5, 2.5),
    (FLOAT, INFINITY, NAN),
    (FLOAT, -INFINITY, 0.0),
    (BYTES, b"\x00", b"\xff"),
    (BYTES, b"", b"\x00"),
    (DATE, date(2024, 1, 1), date(2024, 1, 2)),
    (TIME, time(9), time(10, 0, 0, 1)),
    (TIMESTAMP, datetime(2024, 1, 1), datetime(2024, 1, 1, 0, 0, 1)),  # noqa: DTZ001
    (INSTANT, datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)),
]


@pytest.mark.parametrize("ask", [asked, mirrored])
@pytest.mark.parametrize(("of", "low", "high"), ORDERED)
def test_what_every_database_orders_alike_is_decided_here(of: Column, low: Any, high: Any, ask: Any) -> None:
    for value, operand, sign in ((low, high, -1), (high, low, 1), (low, low, 0), (high, high, 0)):
        meant = {EQ: sign == 0, NE: sign != 0, LT: sign < 0, LTE: sign <= 0, GT: sign > 0, GTE: sign >= 0}
        assert {each: ask(of, each, operand, value) for each in meant} == meant


SAME: list[tuple[Column, Any, Any]] = [
    (BOOLEAN, True, False),
    (UUID, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12"),
    (ENUM, "a", "b"),
    (TEXT, "a", "A"),
    (TEXT, "é", "e\u0301"),
]


@pytest.mark.parametrize("ask", [asked, mirrored])
@pytest.mark.parametrize(("of", "one", "other"), SAME)
def test_what_every_database_tells_apart_is_told_apart_here(of: Column, one: Any, other: Any, ask: Any) -> None:
    assert [ask(of, EQ, one, one), ask(of, NE, one, one)] == [True, False]
    assert [ask(of, EQ, one, other), ask(of, NE, one, other)] == [False, True]
    assert ask(of, LT, one, other) is ASK


ASKED: list[tuple[Column, Comparison, Any, Any]] = [
    (FOLDED, EQ, "a", "A"),
    (FOLDED, NE, "a", "b"),
    (FOLDED, IN, ("x", "y"), "Y"),
    (TEXT, EQ, "a", "a "),
    (TEXT, NE, "a ", "a"),
    (TEXT, LT, "a", "b"),
    (TEXT, GTE, "a", "b"),
    (TEXT, ILIKE, "é%", "Éa"),
    (TEXT, ILIKE, "k", "\u212a"),
    (TEXT, LIKE, "a\\", "a\\"),
    (TEXT, LIKE, "a", "a "),
    (SINGLE, EQ, 0.1, 0.1),
    (DECIMAL, LT, Decimal("1.0000000000000001"), Decimal(1)),
    (DECIMAL, LT, Decimal("1e305"), Decimal("1e304")),
    (INTERVAL, EQ, "1 day", "1 day"),
    (SPECIAL, EQ, "10.0.0.1", "10.0.0.1/32"),
    (ARRAY, EQ, (1, 2), (1, 3)),
    (ARRAY, LT, (1, 2), (1, 2)),
    (INTEGER, EQ, 1, "1"),
    (INTEGER, EQ, 1, "x"),
    (INTEGER, EQ, 1, True),
    (INTEGER, EQ, 1, 1.0),
    (DATE, EQ, date(2024, 1, 1), "infinity"),
    (DATE, EQ, date(2024, 1, 1), datetime(2024, 1, 1)),  # noqa: DTZ001
    (INSTANT, LT, datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1)),  # noqa: DTZ001
    (TEXT, EQ, "a", 5),
]


@pytest.mark.parametrize(("of", "comparison", "operand", "value"), ASKED)
def test_what_databases_see_differently_is_left_to_them(
    of: Column, comparison: Comparison, operand: Any, value: Any
) -> None:
    assert asked(of, comparison, operand, value) is ASK


TEXTS: list[tuple[Comparison, Any, str, bool]] = [
    (EQ, "a ", "a", False),
    (NE, "A", "a", True),
    (LT, "é", "z", True),
    (LT, "\uffff", "\U0001f600", False),
    (GT, "\uffff", "\U0001f600", True),
    (LTE, "a", "a", True),
    (IN, ("b", "A"), "a", False),
    (IN, ("b", "a"), "a", True),
]


@pytest.mark.parametrize(("comparison", "operand", "value", "meant"), TEXTS)
def test_exact_text_is_compared_by_its_bytes(comparison: Comparison, operand: Any, value: str, meant: bool) -> None:
    assert asked(TEXT, comparison, operand, value, exact=True) is meant
    assert asked(FOLDED, comparison, operand, value, exact=True) is meant


def test_equal_text_is_equal_in_every_collation() -> None:
    assert [asked(FOLDED, each, "a", "a") for each in (EQ, NE, LT, LTE, GTE)] == [True, False, False, True, True]
    assert asked(FOLDED, IN, ("x", "a"), "a") is True


@pytest.mark.parametrize(
    ("comparison", "pattern", "text", "meant"),
    [
        (LIKE, "a%", "abc", True),
        (LIKE, "A%", "abc", False),
        (LIKE, "a_c", "abc", True),
        (LIKE, "_", "é", True),
        (LIKE, "a\\%", "a%", True),
        (LIKE, "a\\%", "ab", False),
        (LIKE, "", "", True),
        (ILIKE, "A%", "abc", True),
        (ILIKE, "%B_", "abc", True),
        (ILIKE, "b%", "abc", False),
        (LIKE, "a%", "a ", True),
    ],
)
def test_patterns_match_in_memory(comparison: Comparison, pattern: str, text: str, meant: bool) -> None:
    assert asked(TEXT, comparison, pattern, text) is meant
    assert asked(FOLDED, comparison, pattern, text) is meant


# ── numbers of different kinds ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("left", "one", "comparison", "right", "other", "meant"),
    [
        (INTEGER, 1, LT, DECIMAL, Decimal("1.5"), True),
        (INTEGER, 2, EQ, FLOAT, 2.0, True),
        (FLOAT, 2.5, GT, INTEGER, 2, True),
        (INTEGER, 2**53 + 1, EQ, FLOAT, float(2**53), ASK),
        (INTEGER, 2**53 + 1, EQ, DECIMAL, Decimal(2**53), ASK),
        (DECIMAL, Decimal("0.1"), EQ, FLOAT, 0.1, ASK),
        (INTEGER, 1, EQ, BOOLEAN, True, ASK),
        (INTEGER, 1, EQ, TEXT, "1", ASK),
        (ARRAY, (1,), EQ, ARRAY, (1,), True),
        (ARRAY, (1,), NE, ARRAY, (1,), False),
    ],
)
def test_kinds_meet_where_databases_agree(
    left: Column, one: Any, comparison: Comparison, right: Column, other: Any, meant: Answer
) -> None:
    there = Column("there", right.type, nullable=True)
    assert matches(Compare(Field(left), comparison, Field(there)), {left: one, there: other}, unasked) is meant


# ── NULL ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("comparison", COMPARISONS.values())
def test_nothing_is_known_of_null(comparison: Comparison) -> None:
    operand: Any = ("a",) if comparison.many else "a"
    assert asked(TEXT, comparison, operand, None) is None
    if not comparison.many:
        assert asked(TEXT, comparison, None, None) is None
        assert asked(TEXT, comparison, None, "a") is None
        unknown = Compare(Field(TEXT), comparison, Outer(TEXT))
        assert matches(unknown, {TEXT: None}, unasked) is None
        assert matches(unknown, {TEXT: "a"}, unasked) is ASK


def test_nothing_is_in_an_empty_list_not_even_null() -> None:
    assert asked(TEXT, IN, (), None) is False
    assert asked(TEXT, IN, (), "a") is False


def test_a_null_in_a_list_leaves_the_others_to_decide() -> None:
    assert asked(INTEGER, IN, (1, None), 1) is True
    assert asked(INTEGER, IN, (1, None), 2) is None
    assert asked(TEXT, IN, ("a ", None), "a") is ASK
    assert asked(TEXT, IN, ("a ", None, "a"), "a") is True


# ── joining ──────────────────────────────────────────────────────────────────────────────────

PLACE = Table("s", "t", "t", TableKind.TABLE, (TEXT,))
ELSEWHERE = Relationship("r", PLACE, PLACE, many=False, pairs=())
ANSWERS: Mapping[Any, Filter] = {
    True: TRUE,
    False: FALSE,
    None: Compare(Field(TEXT), EQ, Literal(None, TEXT.type)),
    ASK: Exists(PLACE, TRUE),
}
BOTH: dict[tuple[Any, Any], Answer] = {
    (True, True): True,
    (True, None): None,
    (True, ASK): ASK,
    (None, None): None,
    (None, ASK): ASK,
    (ASK, ASK): ASK,
    **{(False, each): False for each in ANSWERS},
}


@pytest.mark.parametrize("left", ANSWERS)
@pytest.mark.parametrize("right", ANSWERS)
def test_a_definite_part_decides_around_what_is_not_known(left: Answer, right: Answer) -> None:
    opposite = {True: False, False: True, None: None, ASK: ASK}
    both = BOTH[left, right] if (left, right) in BOTH else BOTH[right, left]
    mirror = opposite[left], opposite[right]
    either = BOTH[mirror] if mirror in BOTH else BOTH[mirror[1], mirror[0]]
    row = {TEXT: "a"}
    assert matches(And((ANSWERS[left], ANSWERS[right])), row, unasked) is both
    assert matches(Or((ANSWERS[left], ANSWERS[right])), row, unasked) is opposite[either]
    assert matches(Not(ANSWERS[left]), row, unasked) is opposite[left]
    assert matches(And((TRUE, ANSWERS[left], TRUE, ANSWERS[right])), row, unasked) is both


# ── expressions and operands ─────────────────────────────────────────────────────────────────


def test_a_column_that_the_row_does_not_carry_is_asked_for() -> None:
    assert matches(Compare(Field(TEXT), EQ, Literal("a", TEXT.type)), {}, unasked) is ASK
    assert matches(IsNull(Field(TEXT)), {}, unasked) is ASK
    assert matches(Compare(Field(INTEGER), EQ, Field(SINGLE)), {INTEGER: 1}, unasked) is ASK


def test_null_is_known_to_be_null() -> None:
    assert matches(IsNull(Field(TEXT)), {TEXT: None}, unasked) is True
    assert matches(IsNull(Field(TEXT)), {TEXT: ""}, unasked) is False
    assert matches(IsNull(Related(ELSEWHERE, Field(TEXT), TRUE)), {TEXT: "a"}, unasked) is ASK


def test_other_rows_are_asked_for() -> None:
    where = Compare(Related(ELSEWHERE, Field(TEXT), TRUE), EQ, Literal("a", TEXT.type), exact=True)
    assert matches(where, {TEXT: "a"}, unasked) is ASK
    assert matches(Exists(ELSEWHERE, FALSE), {TEXT: "a"}, unasked) is ASK


def test_a_guarded_column_is_null_where_its_rule_does_not_hold() -> None:
    for answer, seen in ((True, "a"), (False, None), (None, None)):
        guarded = Guarded(ANSWERS[answer], Field(TEXT))
        assert matches(IsNull(guarded), {TEXT: "a"}, unasked) is (seen is None)
        meant = None if seen is None else True
        assert matches(Compare(guarded, EQ, Literal("a", TEXT.type)), {TEXT: "a"}, unasked) is meant
    assert matches(IsNull(Guarded(ANSWERS[ASK], Field(TEXT))), {TEXT: "a"}, unasked) is ASK


def test_lower_case_is_known_for_ascii_alone() -> None:
    where = Compare(Lowered(Field(TEXT)), EQ, Literal("abc", TEXT.type), exact=True)
    assert [matches(where, {TEXT: each}, unasked) for each in ("ABC", "abc", "x", None)] == [True, True, False, None]
    assert matches(where, {TEXT: "ÄBC"}, unasked) is ASK
    both = Compare(Field(TEXT), EQ, Lowered(Field(FOLDED)), exact=True)
    assert matches(both, {TEXT: "abc", FOLDED: "ABC"}, unasked) is True


def test_a_text_in_a_document_is_known_and_what_a_database_writes_its_own_way_is_asked_for() -> None:
    document = column(Kind.JSON)
    held = {"a": {"b": ["x", 1, None]}, "n": None}

    def told(*path: str | int, text: bool = True, value: Any = held) -> Answer:
        return matches(IsNull(JsonPath(Field(document), path, text)), {document: value}, unasked)

    assert told("a", "b", 0) is False
    assert told("a", "b", 1) is ASK
    assert [told("a", "b", 2), told("n"), told("a", "c"), told("a", 0), told("a", "b", 9)] == [True] * 5
    assert told("n", text=False) is ASK
    assert [told("a", "b", -3), told("a", "b", -4)] == [False, True]
    assert told("a", value=None) is True
    found = Compare(JsonPath(Field(document), ("a", "b", 0), text=True), EQ, Literal("x", TEXT.type))
    assert matches(found, {document: held}, unasked) is True
    assert matches(found, {}, unasked) is ASK


def test_claims_parameters_and_the_clock_are_bound_when_they_are_needed() -> None:
    now = datetime(2024, 1, 1, tzinfo=UTC)
    values = {Claim(("sub",), INTEGER.type): 7, Parameter(0, TEXT.type): "a", Now(INSTANT.type): now}
    row = {INTEGER: 7, TEXT: "a", INSTANT: datetime(2023, 1, 1, tzinfo=UTC)}
    assert matches(Compare(Field(INTEGER), EQ, Claim(("sub",), INTEGER.type)), row, values.__getitem__) is True
    assert matches(Compare(Field(TEXT), NE, Parameter(0, TEXT.type)), row, values.__getitem__) is False
    assert matches(Compare(Field(INSTANT), LT, Now(INSTANT.type)), row, values.__getitem__) is True
    many = Claim(("teams",), INTEGER.type, many=True)
    assert matches(Compare(Field(INTEGER), IN, many), row, lambda _: (1, 7)) is True


def test_a_missing_claim_is_an_error_and_never_an_answer() -> None:
    def missing(operand: Claim | Parameter | Now) -> Any:
        raise MissingClaim("the credential carries no claim 'sub'")

    with pytest.raises(MissingClaim):
        matches(Not(Compare(Field(INTEGER), EQ, Claim(("sub",), INTEGER.type))), {INTEGER: 7}, missing)


@pytest.mark.parametrize(
    ("kind", "comparison", "held", "expected"),
    [
        (Kind.JSON, TEXT_MEMBER, ["y", "x"], True),
        (Kind.JSON, TEXT_MEMBER, ["X", ["x"], 7], False),
        (Kind.JSON, TEXT_MEMBER, '["y", "x"]', True),
        (Kind.JSON, TEXT_MEMBER, '["X", ["x"], 7]', False),
        (Kind.JSON, TEXT_MEMBER, '"x"', False),
        (Kind.JSON, TEXT_MEMBER, '{"x": ["x"]}', False),
        (Kind.JSON, TEXT_MEMBER, "7", False),
        (Kind.JSON, TEXT_MEMBER, "null", None),
        (Kind.JSON, TEXT_MEMBER, '["x", NaN]', ASK),
        (Kind.JSON, TEXT_MEMBER, "x", ASK),
        (Kind.JSON, TEXT_MEMBER, "[" * 100_000, ASK),
        (Kind.JSON, TEXT_MEMBER, b"[]", ASK),
        (Kind.ARRAY, EXACT_MEMBER, ("y", None, "x"), True),
        (Kind.ARRAY, EXACT_MEMBER, (("y", "z"), ("w", "x")), True),
        (Kind.ARRAY, EXACT_MEMBER, ("X", "x ", None), False),
        (Kind.ARRAY, EXACT_MEMBER, (), False),
        (Kind.ARRAY, MEMBER, ("x", "x "), True),
        (Kind.ARRAY, MEMBER, ("x ",), ASK),
        (Kind.ARRAY, MEMBER, "{x}", ASK),
    ],
)
def test_what_an_array_holds_is_known_where_its_items_are(
    kind: Kind, comparison: Comparison, held: Any, expected: Answer
) -> None:
    tags = column(kind)
    where = Compare(Field(tags), comparison, Literal("x", TEXT.type))
    assert matches(where, {tags: held}, unasked) is expected
    assert matches(where, {tags: None}, unasked) is None
    assert matches(Not(where), {tags: None}, unasked) is None


def test_spaces_that_the_database_adds_are_no_part_of_a_value() -> None:
    code = column(Kind.TEXT, padded=True)
    for given, expected in {"abc": True, "abc ": False, "abc  ": False, "ABC": False}.items():
        where = Compare(Field(code), EQ, Literal(given, code.type), exact=True)
        assert matches(where, {code: "abc  "}, unasked) is expected
    assert matches(Compare(Field(code), EQ, Literal("abc ", code.type)), {code: "abc  "}, unasked) is ASK
