"""Every filter operator a caller can spell: what it takes, where it is allowed, and what it is made of.

Rule: a new operator is one new row here. The parsers, OpenAPI and the documentation are read off this table; nobody
else lists operators. What the pieces mean in SQL and in memory stands in `comparisons`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any, assert_never

from reflector.datatypes import DataType, Kind, KindFacts, Value, parse_json, parse_text
from reflector.errors import InvalidValue
from reflector.query.comparisons import EQ, GT, GTE, ILIKE, IN, LIKE, LT, LTE, NE, Comparison, escape_pattern
from reflector.query.nodes import Compare, Expression, Filter, IsNull, Literal, Not, all_of
from reflector.query.told import told

Build = Callable[[Expression, DataType, Sequence[Value]], Filter]


class Takes(Enum):
    """How many values an operator takes, and what a comma in a URL's text means."""

    ONE = "one value"
    TWO = "two values, separated by a comma"
    MANY = "values, separated by commas, or a JSON array"
    FLAG = "true or false"
    TEXT = "text"
    PATTERN = "a pattern: % is any run of characters, _ any one, \\ makes the next one literal"


@dataclass(frozen=True, eq=False, slots=True)
class Operator:
    """`allowed` says for which kinds of column; `meaning` is a sentence for the documents."""

    name: str
    takes: Takes
    build: Build
    allowed: Callable[[KindFacts], bool]
    meaning: str


def apply_text(operator: Operator, expression: Expression, type_: DataType, text: str) -> Filter:
    """The filter for a URL's text; raises InvalidValue."""
    _check_allowed(operator, type_)
    match operator.takes:
        case Takes.ONE:
            values: Sequence[Value] = (parse_text(type_, text),)
        case Takes.TEXT:
            values = (_wanted_text(text),)
        case Takes.PATTERN:
            values = (_wanted_pattern(text),)
        case Takes.FLAG:
            values = (_flag(text),)
        case Takes.MANY | Takes.TWO:
            values = tuple(_list_item(type_, each) for each in split_list(text))
        case _:
            assert_never(operator.takes)
    return _built(operator, expression, type_, values)


def apply_json(operator: Operator, expression: Expression, type_: DataType, given: Any) -> Filter:
    """The filter for a JSON operand; raises InvalidValue. A null operand is an error, never a filter that vanishes."""
    return _built(operator, expression, type_, json_values(operator, type_, given))


def json_values(operator: Operator, type_: DataType, given: Any) -> Sequence[Value]:
    """The canonical values that a JSON operand holds; raises InvalidValue."""
    _check_allowed(operator, type_)
    if given is None:
        raise InvalidValue(f"null cannot be the operand of {operator.name!r}", hint="use isnull")
    match operator.takes:
        case Takes.ONE:
            return (parse_json(type_, given),)
        case Takes.TEXT:
            return (_wanted_text(given),)
        case Takes.PATTERN:
            return (_wanted_pattern(given),)
        case Takes.FLAG:
            return (parse_json(_FLAG, given),)
        case Takes.MANY | Takes.TWO:
            if not isinstance(given, list):
                raise InvalidValue(f"{operator.name!r} takes a list")
            return tuple(_list_item(type_, each) for each in given)
        case _:
            assert_never(operator.takes)


def split_list(text: str) -> list[Any]:
    """`a,b` as texts, or a JSON array when the text begins with `[` (for values that hold commas)."""
    if text.startswith("["):
        try:
            listed = json.loads(text)
        except (ValueError, RecursionError):
            raise InvalidValue("a list that begins with '[' must be a JSON array") from None
        if isinstance(listed, list):
            return listed
    return text.split(",") if text else []


_FLAG = DataType(Kind.BOOLEAN, "boolean")


def _flag(text: str) -> bool:
    return bool(parse_text(_FLAG, text))


def _list_item(type_: DataType, given: Any) -> Value:
    if given is None:
        raise InvalidValue("null cannot stand in a list: nothing is equal to it", hint="use isnull")
    return parse_text(type_, given) if isinstance(given, str) else parse_json(type_, given)


_TEXT = DataType(Kind.TEXT, "text")
RUNS = 16
"""`%` in one pattern: each makes a database try the rest of the pattern from every place once more."""


def _wanted_text(given: Any) -> str:
    if not isinstance(given, str):
        raise InvalidValue("text expected")
    return str(parse_text(_TEXT, given))


def _wanted_pattern(given: Any) -> str:
    pattern = _wanted_text(given)
    if pattern.count("%") > RUNS:
        raise InvalidValue(f"a pattern may hold {RUNS} times '%' at most")
    return pattern


def _check_allowed(operator: Operator, type_: DataType) -> None:
    if not operator.allowed(type_.facts):
        allowed = ", ".join(each.name for each in OPERATORS.values() if each.allowed(type_.facts))
        raise InvalidValue(f"{operator.name!r} cannot be asked of {told(type_)}", hint=f"it can be asked: {allowed}")


def _built(operator: Operator, expression: Expression, type_: DataType, values: Sequence[Value]) -> Filter:
    if operator.takes is Takes.TWO and len(values) != 2:
        raise InvalidValue(f"{operator.name!r} takes two values, not {len(values)}")
    return operator.build(expression, type_, values)


# ── how they are made ────────────────────────────────────────────────────────────────────────


def _one(comparison: Comparison, expression: Expression, type_: DataType, values: Sequence[Value]) -> Filter:
    return Compare(expression, comparison, Literal(values[0], type_))


def _between(expression: Expression, type_: DataType, values: Sequence[Value]) -> Filter:
    low, high = values
    return all_of(
        Compare(expression, GTE, Literal(low, type_)),
        Compare(expression, LTE, Literal(high, type_)),
    )


def _among(expression: Expression, type_: DataType, values: Sequence[Value]) -> Filter:
    return Compare(expression, IN, Literal(tuple(values), type_, many=True))


def _not_among(expression: Expression, type_: DataType, values: Sequence[Value]) -> Filter:
    return Not(_among(expression, type_, values))


def _null(expression: Expression, _: DataType, values: Sequence[Value]) -> Filter:
    return IsNull(expression) if values[0] else Not(IsNull(expression))


def _pattern(
    comparison: Comparison, before: str, after: str, expression: Expression, type_: DataType, values: Sequence[Value]
) -> Filter:
    return Compare(expression, comparison, Literal(before + escape_pattern(values[0]) + after, type_))


def _comparable(facts: KindFacts) -> bool:
    return facts.comparable


def _ordered(facts: KindFacts) -> bool:
    return facts.ordered


def _textual(facts: KindFacts) -> bool:
    return facts.textual


def _any(_: KindFacts) -> bool:
    return True


OPERATORS: Mapping[str, Operator] = {
    row.name: row
    for row in (
        Operator("eq", Takes.ONE, partial(_one, EQ), _comparable, "is equal to the value"),
        Operator("ne", Takes.ONE, partial(_one, NE), _comparable, "is not equal to the value, and not null"),
        Operator("gt", Takes.ONE, partial(_one, GT), _ordered, "is greater than the value"),
        Operator("gte", Takes.ONE, partial(_one, GTE), _ordered, "is greater than the value or equal to it"),
        Operator("lt", Takes.ONE, partial(_one, LT), _ordered, "is less than the value"),
        Operator("lte", Takes.ONE, partial(_one, LTE), _ordered, "is less than the value or equal to it"),
        Operator("in", Takes.MANY, _among, _comparable, "is equal to one of the values; none for an empty list"),
        Operator("nin", Takes.MANY, _not_among, _comparable, "is equal to none of the values, and not null"),
        Operator("between", Takes.TWO, _between, _ordered, "lies between the two values, both included"),
        Operator("isnull", Takes.FLAG, _null, _any, "is null (true) or is not null (false)"),
        Operator(
            "like", Takes.PATTERN, partial(_one, LIKE), _textual, "matches the pattern: % any run, _ any character"
        ),
        Operator("ilike", Takes.PATTERN, partial(_one, ILIKE), _textual, "matches the pattern, whatever the case"),
        Operator("contains", Takes.TEXT, partial(_pattern, LIKE, "%", "%"), _textual, "contains the text"),
        Operator(
            "icontains",
            Takes.TEXT,
            partial(_pattern, ILIKE, "%", "%"),
            _textual,
            "contains the text, whatever the case",
        ),
        Operator("startswith", Takes.TEXT, partial(_pattern, LIKE, "", "%"), _textual, "starts with the text"),
        Operator(
            "istartswith", Takes.TEXT, partial(_pattern, ILIKE, "", "%"), _textual, "starts with it, whatever the case"
        ),
        Operator("endswith", Takes.TEXT, partial(_pattern, LIKE, "%", ""), _textual, "ends with the text"),
        Operator(
            "iendswith", Takes.TEXT, partial(_pattern, ILIKE, "%", ""), _textual, "ends with it, whatever the case"
        ),
    )
}
