"""A filter asked of one row in memory: yes, no, unknown, or *ask the database*.

It judges changes without asking the database again, so it must never say anything else than the database would. Where
that depends on the database (collations, the order of text, case beyond ASCII, single floats, other rows), it answers
`ASK`, and a definite part decides around it: false and ASK is false, true or ASK is true.

NaN is as PostgreSQL has it: equal to itself and greater than every number. The others never show one: SQLite keeps it
as NULL, MariaDB refuses it.

Rule: only operators that take linear time run here, and a value that is not in its type's canonical form is not judged.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, Final, Literal, TypeAlias, assert_never

from reflector.catalog.model import Column
from reflector.datatypes import DataType, Kind, Value
from reflector.query import nodes
from reflector.query.bytewise import unpadded
from reflector.query.comparisons import EQ, GT, GTE, IN, LIKE, LT, LTE, NE, Comparison
from reflector.query.expressions import type_of
from reflector.query.masks import Masked
from reflector.query.native import EXACT_MEMBER, MEMBER, TEXT_MEMBER
from reflector.query.nodes import (
    Aggregate,
    And,
    Cast,
    Claim,
    Compare,
    Computed,
    Counted,
    Exists,
    Expression,
    Field,
    Filter,
    FixedText,
    Guarded,
    IsNull,
    JsonPath,
    Lowered,
    Not,
    Now,
    Operand,
    Or,
    Outer,
    Parameter,
    Related,
)


class Ask(Enum):
    """The one answer that is none: only the database knows."""

    ASK = "ask the database"


ASK: Final = Ask.ASK
EMPTY_RECORD: Final = re.compile(r"\(,*\)\Z")
Answer: TypeAlias = bool | Literal[Ask.ASK] | None
Bind: TypeAlias = Callable[[Claim | Parameter | Now], Value]
Row: TypeAlias = Mapping[Column, Value]


def matches(where: Filter, row: Row, bind: Bind) -> Answer:
    """Whether the filter holds for the row: True, False, None for SQL's unknown, or ASK.

    `row` maps columns to canonical values; one that is missing makes whatever needs it ASK. `bind` gives the value of
    a claim, parameter or the clock, in the canonical form of its type; what it raises passes through.
    """
    match where:
        case Compare():
            return _compare(where, row, bind)
        case IsNull(expression=expression):
            return _null(_value(expression, row, bind), expression)
        case And(parts=parts):
            return _every(parts, row, bind)
        case Or(parts=parts):
            return _any(parts, row, bind)
        case Not(part=part):
            answer = matches(part, row, bind)
            return not answer if isinstance(answer, bool) else answer
        case Exists():
            return ASK
        case _:
            assert_never(where)


def _null(value: Value, expression: Expression) -> Answer:
    """A composite value whose fields are all null is NULL to its database, and what we have of it is a text."""
    if value is ASK or (EMPTY_RECORD.match(str(value)) and not type_of(expression).read_here):
        return ASK
    return value is None


def _every(parts: tuple[Filter, ...], row: Row, bind: Bind) -> Answer:
    result: Answer = True
    for part in parts:
        answer = matches(part, row, bind)
        if answer is False:
            return False
        result = _vaguer(result, answer)
    return result


def _any(parts: tuple[Filter, ...], row: Row, bind: Bind) -> Answer:
    result: Answer = False
    for part in parts:
        answer = matches(part, row, bind)
        if answer is True:
            return True
        result = _vaguer(result, answer)
    return result


def _vaguer(left: Answer, right: Answer) -> Answer:
    """ASK hides unknown, unknown hides an answer: what is asked may still decide."""
    if left is ASK or right is ASK:
        return ASK
    return None if left is None or right is None else left


# ── values ───────────────────────────────────────────────────────────────────────────────────


def _value(term: Expression | Operand, row: Row, bind: Bind) -> Value | Literal[Ask.ASK]:
    match term:
        case Field(column=column):
            value = row.get(column, ASK)
            return value if value is ASK else unpadded(value, column.type)
        case nodes.Literal(value=value):
            return value
        case Claim() | Parameter() | Now():
            return bind(term)
        case Guarded(rule=rule, expression=inner):
            holds = matches(rule, row, bind)
            return ASK if holds is ASK else _value(inner, row, bind) if holds else None
        case Lowered(expression=inner):
            return _lowered(_value(inner, row, bind))
        case FixedText(text=text):
            return text
        case JsonPath(expression=inner, path=path, text=text):
            return _inside(_value(inner, row, bind), path, text=text)
        case Outer() | Related() | Counted() | Cast() | Aggregate() | Computed() | Masked():
            return ASK
        case _:
            assert_never(term)


def _inside(value: Value, path: tuple[str | int, ...], *, text: bool) -> Value | Literal[Ask.ASK]:
    """What lies in a document; how a database writes what is no string is its own."""
    if value is ASK or value is None:
        return value
    inside = value
    for step in path:
        inside = _member(inside, step)
    return inside if text and (inside is None or isinstance(inside, str)) else ASK


def _member(document: Any, step: str | int) -> Any:
    if isinstance(step, str):
        return document.get(step) if isinstance(document, dict) else None
    fits = isinstance(document, list) and -len(document) <= step < len(document)
    return document[step] if fits else None


def _lowered(value: Value) -> Value | Literal[Ask.ASK]:
    """Beyond ASCII the databases lower in ways of their own."""
    if value is None:
        return None
    return value.lower() if isinstance(value, str) and value.isascii() else ASK


def _type(term: Expression | Operand) -> DataType:
    match term:
        case nodes.Literal(type=type_) | Claim(type=type_) | Parameter(type=type_) | Now(type=type_):
            return type_
        case _:
            return type_of(term)


# ── comparisons ──────────────────────────────────────────────────────────────────────────────


def _compare(compare: Compare, row: Row, bind: Bind) -> Answer:
    left = _value(compare.expression, row, bind)
    right = _value(compare.operand, row, bind)
    if right == () and compare.comparison is IN:
        return False  # not even NULL is in a list of nothing, as SQL has it
    if left is None or right is None:
        return None
    if left is ASK or right is ASK:
        return ASK
    types = _type(compare.expression), _type(compare.operand)
    if compare.comparison is IN:
        return _among(left, right, types, compare.exact)
    if compare.comparison is TEXT_MEMBER:
        return _text_member(left, right)
    if compare.comparison in (MEMBER, EXACT_MEMBER):
        return _member_of(left, right, types, exact=compare.comparison is EXACT_MEMBER)
    return _judge(compare.comparison, left, right, types, compare.exact)


def _among(left: Value, choices: tuple[Value, ...], types: tuple[DataType, DataType], exact: bool) -> Answer:
    result: Answer = False
    for choice in choices:
        answer = None if choice is None else _judge(EQ, left, choice, types, exact)
        if answer is True:
            return True
        result = _vaguer(result, answer)
    return result


def _text_member(document: Value, text: Value) -> Answer:
    """Whether a document, which changes have as it is written, is an array that has the text."""
    read = _read(document) if isinstance(document, str) else document
    if read is ASK or isinstance(read, bytes):
        return ASK
    if read is None:
        return None
    return isinstance(read, list) and any(isinstance(item, str) and item == text for item in read)


def _read(document: str) -> Value | Literal[Ask.ASK]:
    try:
        return json.loads(document, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return ASK


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _member_of(left: Value, item: Value, types: tuple[DataType, DataType], *, exact: bool) -> Answer:
    """Whether an array, of any depth, or a SET has the item; what is NULL in it is no item."""
    array, type_ = types
    each = array.element or type_
    known = [one for one in _items(left) if one is not None] if isinstance(left, tuple) else [ASK]
    answers = [ASK if one is ASK else _judge(EQ, one, item, (each, type_), exact) for one in known]
    return True if True in answers else ASK if ASK in answers else False


def _items(array: Value) -> Iterator[Value]:
    for each in array:
        if isinstance(each, tuple):
            yield from _items(each)
        else:
            yield each


def _judge(
    comparison: Comparison, left: Value, right: Value, types: tuple[DataType, DataType], exact: bool
) -> bool | Literal[Ask.ASK]:
    """Two values that are not NULL."""
    left_type, right_type = types
    if not (_canonical(left, left_type) and _canonical(right, right_type)):
        return ASK
    if left_type.kind in _NUMBERS and right_type.kind in _NUMBERS:
        return _numbers(comparison, left, right, types)
    if left_type.kind is not right_type.kind:
        return ASK
    if left_type.kind is Kind.TEXT:
        return _texts(comparison, left, right, exact=exact, folded=_folded(types))
    if left_type.kind in _PLAIN or (left_type.kind in _NAMED and comparison.equality):
        return comparison.holds(left, right)
    if left_type.kind is Kind.ARRAY and comparison.equality and left == right:
        return comparison is EQ
    return ASK


_NUMBERS: Final = {Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT}
_PLAIN: Final = {Kind.BYTES, Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.INSTANT}
_NAMED: Final = {Kind.BOOLEAN, Kind.UUID, Kind.ENUM}
"""Equal or not is the same everywhere; MariaDB orders UUIDs by their time, and keeps any number as a boolean."""
_FORMS: Final[Mapping[Kind, tuple[type, ...]]] = {
    Kind.BOOLEAN: (bool,),
    Kind.INTEGER: (int,),
    Kind.DECIMAL: (Decimal, int),
    Kind.FLOAT: (float, int),
    Kind.TEXT: (str,),
    Kind.UUID: (str,),
    Kind.ENUM: (str,),
    Kind.BYTES: (bytes,),
    Kind.DATE: (date,),
    Kind.TIME: (time,),
    Kind.TIMESTAMP: (datetime,),
    Kind.INSTANT: (datetime,),
    Kind.ARRAY: (tuple,),
}


def _canonical(value: Value, type_: DataType) -> bool:
    """Whether the value is one of its type: SQLite shows what contradicts a column's type as it is stored."""
    if type(value) not in _FORMS.get(type_.kind, ()):
        return False
    return not isinstance(value, datetime) or (value.tzinfo is not None) == (type_.kind is Kind.INSTANT)


# ── text ─────────────────────────────────────────────────────────────────────────────────────


def _folded(types: tuple[DataType, DataType]) -> bool:
    return any(each.case_insensitive for each in types)


def _texts(comparison: Comparison, left: str, right: str, *, exact: bool, folded: bool) -> bool | Literal[Ask.ASK]:
    if comparison.pattern:
        return _pattern(comparison, left, right)
    if left == right or exact:
        # The order of code points is the order of the bytes of UTF-8.
        return comparison.holds(left, right)
    if not comparison.equality or folded or left.rstrip(" ") == right.rstrip(" "):
        # Some collations, and PostgreSQL's char(n), do not count spaces at the end.
        return ASK
    return comparison.holds(left, right)


def _pattern(comparison: Comparison, text: str, pattern: str) -> bool | Literal[Ask.ASK]:
    if comparison is not LIKE and not (text.isascii() and pattern.isascii()):
        return ASK
    if (len(pattern) - len(pattern.rstrip("\\"))) % 2:
        return ASK
    answer = comparison.holds(text, pattern)
    return answer if comparison.holds(text.rstrip(" "), pattern) == answer else ASK


# ── numbers ──────────────────────────────────────────────────────────────────────────────────

_ORDERS: Final = {EQ, NE, LT, LTE, GT, GTE}
_WHOLE: Final = 2**53
"""Up to here every whole number is a float of its own."""
_DIGITS: Final = 15
"""Decimals of so many digits are still told apart by SQLite, which keeps them as floats."""


def _numbers(
    comparison: Comparison, left: Any, right: Any, types: tuple[DataType, DataType]
) -> bool | Literal[Ask.ASK]:
    kinds = {each.kind for each in types}
    single = any(each.kind is Kind.FLOAT and each.bits == 32 for each in types)
    if comparison not in _ORDERS or single or kinds == {Kind.DECIMAL, Kind.FLOAT}:
        return ASK
    if kinds != {Kind.INTEGER} and not (_told_apart(left) and _told_apart(right)):
        return ASK
    return comparison.holds(_key(left), _key(right))


def _told_apart(number: Any) -> bool:
    if isinstance(number, int):
        return abs(number) <= _WHOLE
    if isinstance(number, float) or not number.is_finite():
        return True
    return len(number.as_tuple().digits) <= _DIGITS and -300 < number.adjusted() < 300


def _key(number: Any) -> tuple[bool, Any]:
    """NaN after everything, and equal to itself."""
    return (True, 0) if not isinstance(number, int) and math.isnan(number) else (False, number)
