"""One condition on one expression, in the core's terms.

Rule: a value is of its expression's type or the request ends; what a database cannot be asked is said in words, by its
name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from reflector.catalog.model import DatabaseKind
from reflector.datatypes import DataType, Kind, Value, parse_text
from reflector.errors import InvalidValue
from reflector.query.comparisons import EQ
from reflector.query.expressions import type_of
from reflector.query.native import LANGUAGES, NATIVE, ORDERS, REGULAR, is_ordered, offered, search
from reflector.query.nodes import (
    FALSE,
    TEXT,
    TRUE,
    Compare,
    Expression,
    Field,
    Filter,
    IsNull,
    Literal,
    Not,
    all_of,
    any_of,
)
from reflector.query.operators import OPERATORS, apply_json, apply_text
from reflector.query.represented import filter_type
from reflector.query.told import told
from reflector.readings import clean_text
from server.apis.postgrest.faults import PostgrestError, refusal
from server.apis.postgrest.grammar.arrays import array_items
from server.apis.postgrest.grammar.limits import Limits
from server.apis.postgrest.grammar.nodes import Among, Comparison, Is, Operation, Quantifier, Search
from server.apis.postgrest.lowering.documents import compared_documents, holding_document
from server.apis.postgrest.lowering.expressions import no_operator
from server.apis.postgrest.lowering.operands import CORE, PATTERNS, array_value, not_on
from server.apis.postgrest.lowering.set_values import EQUALITIES, bits_of, set_value
from server.apis.postgrest.lowering.zoned import UTC, Clock

TEXTS = frozenset({Kind.TEXT, Kind.ENUM})


@dataclass(frozen=True, slots=True)
class Comparing:
    """Lowers the conditions of one request."""

    database: DatabaseKind
    limits: Limits
    clock: Clock = UTC

    def filter(self, expression: Expression, operation: Operation) -> Filter:
        """The filter of `expression operation`; raises PostgrestError, InvalidValue."""
        match operation:
            case Comparison("isdistinct", value):
                return any_of(IsNull(expression), self._one(expression, "neq", value))
            case Comparison(operator, value, None):
                return self._one(expression, operator, value)
            case Comparison(operator, value, quantifier):
                return self._quantified(expression, operator, value, quantifier)
            case Among(values):
                return self._among(expression, values)
            case Is(what):
                return _state(expression, what)
            case Search(operator, text, language):
                return self._search(expression, operator, text, language)
            case _:
                assert_never(operation)

    def _one(self, expression: Expression, operator: str, value: str) -> Filter:
        type_ = type_of(expression)
        if operator in NATIVE:
            return self._native(expression, type_, operator, value)
        if operator in REGULAR:
            return self._matched(expression, type_, operator, value)
        row = OPERATORS[CORE[operator]]
        if type_.kind is Kind.SET and operator in EQUALITIES:
            return row.build(expression, type_, [set_value(type_, value, self.limits)])
        if type_.kind is Kind.JSON and operator not in PATTERNS:
            return compared_documents(expression, type_, row.name, value, self.database)
        if not row.allowed(type_.facts):
            return self._ordered(expression, type_, operator, value)
        if operator not in PATTERNS and (own := own_type(expression)) is not type_:
            return apply_text(row, expression, own, value)
        if type_.kind is Kind.ARRAY:
            return row.build(expression, type_, [self._array(type_, value)])
        endless = self.clock.endless_value(type_, value)
        if endless is not None and operator not in PATTERNS:
            return row.build(expression, type_, [endless])
        value = self.clock.text(type_, value)
        return apply_text(row, expression, type_, value.replace("*", "%") if operator in PATTERNS else value)

    def _quantified(self, expression: Expression, operator: str, value: str, quantifier: Quantifier | None) -> Filter:
        parts = []
        for item in array_items(value, self.limits):
            if item is None:
                raise InvalidValue("NULL cannot stand in a list: nothing is equal to it")
            parts.append(self._one(expression, operator, item))
        if quantifier is Quantifier.ANY:
            return any_of(*parts) if parts else FALSE
        return all_of(*parts) if parts else TRUE

    def _among(self, expression: Expression, values: Sequence[str]) -> Filter:
        type_ = type_of(expression)
        if not values:
            return FALSE
        if type_.kind in {Kind.JSON, Kind.ARRAY, Kind.OPAQUE}:
            return any_of(*(self._one(expression, "eq", value) for value in values))
        row = OPERATORS["in"]
        if type_.kind is Kind.SET:
            return row.build(expression, type_, [set_value(type_, each, self.limits) for each in values])
        if not row.allowed(type_.facts):
            raise no_operator(told(type_), "in")
        if any(self.clock.endless_value(type_, each) is not None for each in values):
            return row.build(expression, type_, [self.clock.value(type_, each) for each in values])
        return apply_json(row, expression, own_type(expression), [self.clock.text(type_, each) for each in values])

    def _array(self, type_: DataType, text: str) -> Value:
        return array_value(type_, text, self.limits, self.clock)

    # ── what some databases alone can be asked ───────────────────────────────────────────────

    def _native(self, expression: Expression, type_: DataType, operator: str, text: str) -> Filter:
        comparison = NATIVE[operator]
        if not offered(comparison, type_, self.database):
            if self.database is DatabaseKind.POSTGRESQL:
                raise no_operator(told(type_), operator)
            raise not_on(self.database, operator)
        if type_.kind is Kind.JSON:
            return holding_document(expression, type_, operator, text, self.database, self.limits)
        if type_.kind is Kind.SET:
            return Compare(expression, comparison, bits_of(type_, set_value(type_, text, self.limits)))
        return Compare(expression, comparison, Literal(self._value(type_, text), type_))

    def _ordered(self, expression: Expression, type_: DataType, operator: str, text: str) -> Filter:
        """By an order that this database alone has for the type; raises PostgrestError where it has none."""
        if operator not in ORDERS or not is_ordered(operator, type_, self.database):
            raise no_operator(told(type_), operator)
        return Compare(expression, ORDERS[operator], Literal(self._value(type_, text), type_))

    def _value(self, type_: DataType, text: str) -> Value:
        if not type_.read_here:
            return clean_text(type_, text)
        return self._array(type_, text) if type_.kind is Kind.ARRAY else parse_text(type_, text)

    def _matched(self, expression: Expression, type_: DataType, operator: str, text: str) -> Filter:
        if self.database is DatabaseKind.SQLITE:
            raise not_on(self.database, operator)
        if not self.limits.regex:
            raise refusal("PGRST127", "Feature not implemented", f"'{operator}' is off unless limits.regex is set")
        if type_.kind not in TEXTS:
            raise no_operator(told(type_), operator)
        return Compare(expression, REGULAR[operator], Literal(parse_text(TEXT, text), TEXT))

    def _search(self, expression: Expression, operator: str, text: str, language: str | None) -> Filter:
        if self.database is not DatabaseKind.POSTGRESQL:
            raise not_on(self.database, operator)
        if language is not None and language not in LANGUAGES:
            raise refusal("42704", f'text search configuration "{language}" does not exist')
        type_ = type_of(expression)
        vector = type_.native == "tsvector"
        if not vector and type_.kind not in {Kind.TEXT, Kind.JSON}:
            raise no_operator(told(type_), operator)
        return Compare(expression, search(operator, language, vector), Literal(parse_text(TEXT, text), TEXT))


def own_type(expression: Expression) -> DataType:
    """The type of what it is compared with: a domain may read texts in its own way."""
    return filter_type(expression.column.type) if isinstance(expression, Field) else type_of(expression)


def _state(expression: Expression, what: str) -> Filter:
    null = IsNull(expression)
    if what in {"null", "not_null"}:
        return null if what == "null" else Not(null)
    type_ = type_of(expression)
    if type_.kind is not Kind.BOOLEAN:
        raise _not_boolean(what, type_)
    if what == "unknown":
        return null
    return all_of(Not(null), Compare(expression, EQ, Literal(what == "true", type_)))


def _not_boolean(what: str, type_: DataType) -> PostgrestError:
    return refusal("42804", f"argument of IS {what.upper()} must be type boolean, not type {told(type_)}")
