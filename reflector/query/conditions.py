"""Conditions as a JSON object: `{"price": {"_gte": 50}, "_or": [{"author": {"name": "Ann"}}, …]}`.

This is the one form in which every API and every subscription can write a filter. A relationship's name leads to an
`Exists`: conditions that one and the same related row is to fulfil stand together in one object.

Rule: no condition a caller wrote is dropped. What cannot be understood is a fault, never a filter that vanishes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from reflector.catalog.model import Column
from reflector.errors import (
    InvalidRequest,
    InvalidValue,
    LimitExceeded,
    UnknownColumn,
    UnknownOperator,
    nearest,
)
from reflector.query.faults import FaultList
from reflector.query.nodes import TRUE, Compare, Exists, Field, Filter, Literal, Not, all_of, any_of
from reflector.query.operators import OPERATORS, Operator, apply_json, apply_text
from reflector.query.scope import Scope, TableScope

AND, OR, NOT = "_and", "_or", "_not"
EQ: Final = OPERATORS["eq"]


class ConditionLimits(Protocol):
    """depth: nested relationships; terms: comparisons; filter_depth: nested objects; list: values of one comparison."""

    @property
    def depth(self) -> int: ...
    @property
    def terms(self) -> int: ...
    @property
    def filter_depth(self) -> int: ...
    @property
    def list(self) -> int: ...


class Written(str):
    """An operand as text of the query string, inside a filter in brackets."""

    __slots__ = ()


class ConditionReader:
    """Reads the conditions of one request; counts them, and gathers what is wrong with them."""

    def __init__(self, scope: Scope, limits: ConditionLimits, faults: FaultList) -> None:
        self.scope, self.limits, self.faults = scope, limits, faults
        self.terms = 0

    # ── one comparison ───────────────────────────────────────────────────────────────────────

    def _condition(self, operator: Operator, column: Column, given: Any) -> Filter:
        self.terms += 1
        if self.terms > self.limits.terms:
            raise LimitExceeded(f"a request has at most {self.limits.terms} conditions", pointer="/query")
        expression = Field(column)
        if isinstance(given, Written):
            try:
                where = apply_text(operator, expression, column.type, str(given))
            except InvalidValue as fault:
                if given == "null" and fault.hint is None:
                    fault.hint = f"{column.name}__isnull=true asks for null"
                raise
        else:
            where = apply_json(operator, expression, column.type, given)
        if _listed(where) > self.limits.list:
            raise LimitExceeded(f"a list has at most {self.limits.list} values")
        return where

    # ── an object of conditions ──────────────────────────────────────────────────────────────

    def document(self, table: TableScope, given: Any, pointer: str, level: int = 1, depth: int = 0) -> Filter:
        """The conditions of an object, all of which must hold. `depth` counts relationships, `level` objects."""
        with self.faults.at(pointer):
            if level > self.limits.filter_depth:
                raise LimitExceeded(f"a filter has at most {self.limits.filter_depth} levels")
            if not isinstance(given, Mapping):
                raise InvalidRequest("a filter is an object of conditions", hint='{"price": {"_gte": 50}}, for example')
            return all_of(
                *(self._member(table, name, each, f"{pointer}/{name}", level, depth) for name, each in given.items())
            )
        return TRUE

    def _member(self, table: TableScope, name: str, given: Any, pointer: str, level: int, depth: int) -> Filter:
        with self.faults.at(pointer):
            if name in (AND, OR):
                parts = [
                    self.document(table, each, f"{pointer}/{index}", level + 1, depth)
                    for index, each in enumerate(_items(name, given))
                ]
                return all_of(*parts) if name == AND else any_of(*parts)
            if name == NOT:
                return Not(self.document(table, given, pointer, level + 1, depth))
            if (column := table.readable.get(name)) is not None:
                return self._comparisons(column, given, pointer)
            if (relationship := table.relationships.get(name)) is not None:
                self._check_depth(depth + 1)
                target = self.scope.on(relationship.target)
                return Exists(relationship, self.document(target, given, pointer, level + 1, depth + 1))
            if name.startswith("_") and (near := nearest(name, (AND, OR, NOT))) is not None:
                raise UnknownOperator(name, (near,))
            raise UnknownColumn(table.table.label, name, [*table.readable, *table.relationships])
        return TRUE

    def _comparisons(self, column: Column, given: Any, pointer: str) -> Filter:
        """`{"_gte": 1, "_lt": 5}`, or a bare value to be equal to."""
        if not isinstance(given, Mapping):
            return self._condition(EQ, column, given)
        if not given:
            raise InvalidRequest(f"{column.name!r} is given no operator", hint='{"_eq": …}, for example')
        parts: list[Filter] = []
        for word, operand in given.items():
            with self.faults.at(f"{pointer}/{word}"):
                plain = isinstance(operand, Written) and not word.startswith("_")
                parts.append(self._condition(self._operator(word, column, "" if plain else "_"), column, operand))
        return all_of(*parts)

    def _operator(self, word: str, column: Column, prefix: str = "") -> Operator:
        operator = OPERATORS.get(word.removeprefix(prefix)) if word.startswith(prefix) else None
        if operator is None:
            allowed = [prefix + each.name for each in OPERATORS.values() if each.allowed(column.type.facts)]
            raise UnknownOperator(word, allowed)
        return operator

    def _check_depth(self, depth: int) -> None:
        if depth > self.limits.depth:
            raise LimitExceeded(f"a path goes through at most {self.limits.depth} relationships")


def _listed(where: Filter) -> int:
    """How many values the list of a comparison has."""
    inner = where.part if isinstance(where, Not) else where
    if isinstance(inner, Compare) and isinstance(inner.operand, Literal) and inner.operand.many:
        return len(inner.operand.value)
    return 0


def _items(name: str, given: Any) -> Iterable[Any]:
    """The parts of `_and` and `_or`: a list, or an object with numbers for names, as brackets make it."""
    if isinstance(given, list):
        return given
    if isinstance(given, Mapping) and given and all(isinstance(key, str) and key.isdecimal() for key in given):
        return [given[key] for key in sorted(given, key=int)]
    raise InvalidRequest(f"{name!r} takes a list of objects")
