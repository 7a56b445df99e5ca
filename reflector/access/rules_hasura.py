"""Hasura's words in the mapping form of a rule: more operators, session variables, columns compared with columns.

    {author_id: {_eq: X-Hasura-User-Id}}       a session variable is the claim of that name in small letters
    {price: {_clt: limit}}                     a column of the same row
    {price: {_clt: [$, limit]}}                a column of the row that the rule protects
    {title: {_nlike: "draft%"}}                an operator that is the opposite of one of ours

Rule: a word is a row of these tables; what Hasura has and we have not is named, so that nobody takes it for a misspelling.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from reflector.access.rule_syntax import Path, RowPath
from reflector.access.rules_operands import Place, Typed, UnfitRule, bind_column, comparable_types
from reflector.catalog.model import Column, DatabaseKind
from reflector.datatypes import Kind, parse_json
from reflector.errors import InvalidValue
from reflector.query.comparisons import EQ, GT, GTE, LT, LTE, NE, Comparison
from reflector.query.documents import contained_in, containing
from reflector.query.native import CONTAINED, CONTAINS, IMATCH, MATCH, offered
from reflector.query.nodes import Compare, Field, Filter, IsNull, JsonPath, Literal, Lowered, Not, Outer, all_of, any_of
from reflector.query.operators import OPERATORS
from reflector.query.outlines import outline_of

VARIABLE: Final = "x-hasura-"
CLAIMED: Final = ("claims.", "claims[")
"""How a text begins that is a claim."""
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
HAS_KEYS: Final[Mapping[str, Callable[..., Filter]]] = {"_has_keys_any": any_of, "_has_keys_all": all_of}
CONTAINMENT: Final[Mapping[str, Comparison]] = {
    "_contains": CONTAINS,
    "_contained_in": CONTAINED,
    "_ancestor": CONTAINS,
    "_descendant": CONTAINED,
}
"""Of documents and arrays the first two, of PostgreSQL's ltree the others; `_contains` of a text is an operator of ours."""
LTREE: Final = ("_ancestor", "_descendant")
WORDS: Final = (*SPELLED, *OPPOSITES, *PATTERNS, *COLUMNS, HAS_KEY, *HAS_KEYS, *CONTAINMENT)
SHAPES: Final = "write a view, or a column that says it, and compare that"
MISSING: Final[Mapping[str, str]] = {
    "_cast": "compare the column as it is; of a geometry, write a view",
    "_similar": "write _like, or _regex",
    "_nsimilar": "write _nlike, or _nregex",
    "_ancestor_any": "write _or with an _ancestor for each",
    "_descendant_any": "write _or with a _descendant for each",
    "_matches": "write _descendant, or a view",
    "_matches_any": "write _or with a _descendant for each, or a view",
    "_matches_fulltext": SHAPES,
    "_jsonb_path_exists": "write _contains, or _has_key",
    "_jsonb_path_match": "write _contains, or a column that says it",
    **dict.fromkeys(
        (
            "_st_contains", "_st_crosses", "_st_equals", "_st_overlaps", "_st_touches", "_st_within", "_st_intersects",
            "_st_3d_intersects", "_st_d_within", "_st_3d_d_within", "_st_intersects_rast", "_st_intersects_nband_geom",
            "_st_intersects_geom_nband",
        ),
        SHAPES,
    ),
}  # fmt: skip
"""Words of Hasura's that no rule has here, and what to write instead."""
ROOT: Final = "$"


def word_of(key: Any) -> Any:
    """The operator as it is written today: older metadata begin them with a dollar."""
    return f"_{key[1:]}" if isinstance(key, str) and key.startswith("$") else key


def variable(given: Any) -> tuple[str, ...] | None:
    """The path of the claim that a session variable stands for; None for what is none."""
    if isinstance(given, str) and given.lower().startswith(VARIABLE):
        return (given.lower(),)
    return None


def says_who_asks(given: Any) -> bool:
    """Whether it is a claim or a session variable: where none can stand, a rule that took it for a text would hold of other
    rows than it says, of all of them perhaps."""
    return isinstance(given, str) and (given.startswith(CLAIMED) or variable(given) is not None)


def matched(column: Column, word: str, given: Any) -> Filter:
    """A regular expression; raises InvalidValue."""
    comparison, found = PATTERNS[word]
    if not column.type.facts.textual:
        raise InvalidValue(f"{word!r} cannot be asked of {column.type.native}")
    if not isinstance(given, str) or says_who_asks(given):
        raise InvalidValue(f"{word!r} takes a text that stands in the rule")
    where = Compare(Field(column), comparison, Literal(given, column.type))
    return where if found else Not(where)


def keyed(column: Column, given: Any) -> Filter:
    """That a document has a key; raises InvalidValue."""
    if column.type.kind is not Kind.JSON:
        raise InvalidValue(f"{column.type.native} has no keys")
    if not isinstance(given, str) or says_who_asks(given):
        raise InvalidValue(f"{HAS_KEY!r} takes a text that stands in the rule")
    return Not(IsNull(JsonPath(Field(column), (given,))))


def keys(column: Column, word: str, given: Any) -> Filter:
    """That a document has some of these keys, or all of them; raises InvalidValue."""
    if not isinstance(given, list | tuple) or not given:
        raise InvalidValue(f"{word!r} takes a list of texts that is not empty")
    return HAS_KEYS[word](*(keyed(column, each) for each in given))


def is_containment(column: Column, word: Any) -> bool:
    """Whether the word asks what a document or an array holds, and not whether a text has another in it."""
    return word in CONTAINMENT and not (word in SPELLED and column.type.facts.textual)


def contained(column: Column, word: str, given: Any, database: DatabaseKind) -> Filter:
    """That a document, an array or a path holds another, or is held by it; raises InvalidValue."""
    type_, comparison = column.type, CONTAINMENT[word]
    own = type_.native.rpartition(".")[2] == "ltree" if word in LTREE else type_.kind in (Kind.JSON, Kind.ARRAY)
    if not own:
        raise InvalidValue(f"{word!r} cannot be asked of {type_.native}")
    if not offered(comparison, type_, database):
        hint = "'x' in column asks for one text of an array, has_key(column, 'x') for a key"
        raise InvalidValue(f"{word!r} cannot be asked of {type_.native} on this database", hint=hint)
    if any(map(says_who_asks, given if isinstance(given, list | tuple) else (given,))):
        raise InvalidValue(f"{word!r} takes what stands in the rule", hint="claims.x in column asks for one item")
    value = parse_json(type_, plain(given))
    if value is None:
        raise InvalidValue(f"{word!r} takes a value")
    if type_.kind is not Kind.JSON:
        return Compare(Field(column), comparison, Literal(value, type_), exact=True)
    outline = outline_of(value) if database is DatabaseKind.MARIADB else None
    return Compare(
        Field(column), containing(outline) if comparison is CONTAINS else contained_in(outline), Literal(value, type_)
    )


def plain(given: Any) -> Any:
    """What stands in the file, as JSON has it."""
    if isinstance(given, Mapping):
        return {name: plain(each) for name, each in given.items()}
    return [plain(each) for each in given] if isinstance(given, list | tuple) else given


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
