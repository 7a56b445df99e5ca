"""One condition on one column, in the core's terms.

Rule: a value is of its column's type or the request ends; what a database cannot be asked is said in words, by its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from reflector.catalog.model import Column
from reflector.datatypes import Kind
from reflector.errors import InvalidValue
from reflector.query.comparisons import EQ
from reflector.query.nodes import FALSE, TRUE, Compare, Field, Filter, IsNull, Literal, Not, all_of, any_of
from reflector.query.operators import OPERATORS, apply_json, apply_text
from server.apis.postgrest.faults import PostgrestError, refusal
from server.apis.postgrest.grammar.arrays import array_items
from server.apis.postgrest.grammar.limits import Limits
from server.apis.postgrest.grammar.nodes import Among, Comparison, Is, Operation, Quantifier, Search

CORE: Final[Mapping[str, str]] = {
    "eq": "eq",
    "neq": "ne",
    "gt": "gt",
    "gte": "gte",
    "lt": "lt",
    "lte": "lte",
    "like": "like",
    "ilike": "ilike",
}
"""What PostgREST calls an operator → what the core calls it."""
PATTERNS: Final = frozenset({"like", "ilike"})


def compared(column: Column, operation: Operation, limits: Limits) -> Filter:
    """The filter of `column operation`; raises PostgrestError, InvalidValue."""
    match operation:
        case Comparison("isdistinct", value):
            return any_of(IsNull(Field(column)), _one(column, "neq", value))
        case Comparison(operator, value, None):
            return _one(column, operator, value)
        case Comparison(operator, value, quantifier):
            return _quantified(column, operator, value, quantifier, limits)
        case Among(values):
            return _among(column, values)
        case Is(what):
            return _state(column, what)
        case Search(operator):
            raise not_offered(operator)


def _one(column: Column, operator: str, value: str) -> Filter:
    name = CORE.get(operator)
    if name is None:
        raise not_offered(operator)
    row = OPERATORS[name]
    if not row.allowed(column.type.facts):
        raise _no_operator(column, operator)
    return apply_text(row, Field(column), column.type, value.replace("*", "%") if name in PATTERNS else value)


def _quantified(column: Column, operator: str, value: str, quantifier: Quantifier | None, limits: Limits) -> Filter:
    parts = []
    for item in array_items(value, limits):
        if item is None:
            raise InvalidValue("NULL cannot stand in a list: nothing is equal to it")
        parts.append(_one(column, operator, item))
    if quantifier is Quantifier.ANY:
        return any_of(*parts) if parts else FALSE
    return all_of(*parts) if parts else TRUE


def _among(column: Column, values: Sequence[str]) -> Filter:
    row = OPERATORS["in"]
    if not row.allowed(column.type.facts):
        raise _no_operator(column, "in")
    return apply_json(row, Field(column), column.type, list(values)) if values else FALSE


def _state(column: Column, what: str) -> Filter:
    null = IsNull(Field(column))
    if what in {"null", "not_null"}:
        return null if what == "null" else Not(null)
    if column.type.kind is not Kind.BOOLEAN:
        message = f"argument of IS {what.upper()} must be type boolean, not type {column.type.native}"
        raise refusal("42804", message)
    if what == "unknown":
        return null
    return all_of(Not(null), Compare(Field(column), EQ, Literal(what == "true", column.type)))


def _no_operator(column: Column, operator: str) -> PostgrestError:
    return refusal("42883", f"operator does not exist: {column.type.native} {operator} unknown")


def not_offered(what: str) -> PostgrestError:
    """The error for what this server cannot do, though PostgREST can."""
    return refusal("PGRST127", "Feature not implemented", f"'{what}' is not offered by this version")
