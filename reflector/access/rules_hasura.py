"""Hasura's words in the mapping form of a rule: more operators, session variables, columns compared with columns.

    {author_id: {_eq: X-Hasura-User-Id}}       a session variable is the claim of that name in small letters
    {price: {_clt: limit}}                     a column of the same row
    {price: {_clt: [$, limit]}}                a column of the row that the rule protects
    {title: {_nlike: "draft%"}}                an operator that is the opposite of one of ours

Rule: a word is a row of these tables; what Hasura has and we have not is named, so that nobody takes it for a misspelling.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reflector.access.rule_syntax import Path, RowPath
from reflector.access.rules_operands import Place, Typed, UnfitRule, bind_column, comparable_types
from reflector.catalog.model import Column
from reflector.datatypes import Kind
from reflector.errors import InvalidValue
from reflector.query.comparisons import EQ, GT, GTE, LT, LTE, NE, Comparison
from reflector.query.native import IMATCH, MATCH
from reflector.query.nodes import Compare, Field, Filter, IsNull, JsonPath, Literal, Lowered, Not, Outer
from reflector.query.operators import OPERATORS

VARIABLE: Final = "x-hasura-"
SPELLED: Final[Mapping[str, str]] = {f"_{name}": name for name in OPERATORS} | {"_neq": "ne", "_is_null": "isnull"}
"""Words for operators of ours."""
OPPOSITES: Final[Mapping[str, str]] = {"_nlike": "like", "_nilike": "ilike"}
PATTERNS: Final[Mapping[str, tuple[Comparison, bool]]] = {
    "_regex": (MATCH, True),
    "_iregex": (IMATCH, True),
    "_nregex": (MATCH, False),
    "_niregex": (IMATCH, False),
}
COLUMNS: Final[Mapping[str, Comparison]] = {
    "_ceq": EQ,
    "_cne": NE,
    "_cneq": NE,
    "_cgt": GT,
    "_cgte": GTE,
    "_clt": LT,
    "_clte": LTE,
}
HAS_KEY: Final = "_has_key"
WORDS: Final = (*SPELLED, *OPPOSITES, *PATTERNS, *COLUMNS, HAS_KEY)
MISSING: Final = frozenset(
    [
        "_contained_in",
        "_has_keys_any",
        "_has_keys_all",
        "_cast",
        "_similar",
        "_nsimilar",
        "_ancestor",
        "_descendant",
        "_matches",
    ]
)
"""Words of Hasura's that no rule has here."""
ROOT: Final = "$"


def word_of(key: Any) -> Any:
    """The operator as it is written today: older metadata begin them with a dollar."""
    return f"_{key[1:]}" if isinstance(key, str) and key.startswith("$") else key


def variable(given: Any) -> tuple[str, ...] | None:
    """The path of the claim that a session variable stands for; None for what is none."""
    if isinstance(given, str) and given.lower().startswith(VARIABLE):
        return (given.lower(),)
    return None


def matched(column: Column, word: str, given: Any) -> Filter:
    """A regular expression; raises InvalidValue."""
    comparison, found = PATTERNS[word]
    if not column.type.facts.textual:
        raise InvalidValue(f"{word!r} cannot be asked of {column.type.native}")
    if not isinstance(given, str) or variable(given) is not None:
        raise InvalidValue(f"{word!r} takes a text that stands in the rule")
    where = Compare(Field(column), comparison, Literal(given, column.type))
    return where if found else Not(where)


def keyed(column: Column, given: Any) -> Filter:
    """That a document has a key; raises InvalidValue."""
    if column.type.kind is not Kind.JSON:
        raise InvalidValue(f"{column.type.native} has no keys")
    if not isinstance(given, str):
        raise InvalidValue(f"{HAS_KEY!r} takes a text")
    return Not(IsNull(JsonPath(Field(column), (given,))))


def compared(column: Column, word: str, given: Any, place: Place) -> Filter:
    """A column compared with another; raises InvalidValue, UnfitRule."""
    other = _other(given, place)
    if not isinstance(other.expression, Field | Outer | Lowered):
        raise InvalidValue("a column is compared with a column of the same row, or of the row that the rule protects")
    comparison = COLUMNS[word]
    facts = column.type.facts
    if not (facts.comparable if comparison.equality else facts.ordered):
        raise InvalidValue(f"{word!r} cannot be asked of {column.type.native}")
    if not comparable_types(column.type, other.type):
        raise InvalidValue(
            f"{column.name} is {column.type.native} and the other column is {other.type.native}",
            hint="columns are compared with columns of the same type",
        )
    return Compare(Field(column), comparison, other.expression, exact=True)


def _other(given: Any, place: Place) -> Typed:
    match given:
        case str(name) | [str(name)] if name != ROOT:
            return _bound(place, Path((name,), 0))
        case ["$", str(name)]:
            return _bound(place, RowPath((name,), 0, incoming=False))
        case _:
            raise InvalidValue("takes a column's name, or [$, name] for one of the row that the rule protects")


def _bound(place: Place, path: Path | RowPath) -> Typed:
    try:
        return bind_column(place, path)
    except UnfitRule as fault:
        raise InvalidValue(fault.message, hint=fault.hint) from None
