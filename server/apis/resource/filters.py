"""Conditions: `price__gte=50`, `customer.country=PE`, `filter={"price":{"_gte":50}}`, `filter[price][gte]=50`.

A path through a relationship is an `Exists` of its own: of a relationship to many, at least one row fulfils that
condition. Conditions that one and the same related row is to fulfil stand together in one object of the JSON form.

Rule: no condition a caller wrote is dropped. What cannot be understood is a fault, never a filter that vanishes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from reflector.catalog.model import Column, Relationship
from reflector.errors import (
    InvalidRequest,
    InvalidValue,
    LimitExceeded,
    RequestError,
    UnknownColumn,
    UnknownOperator,
    UnknownParameter,
    UnknownRelationship,
    nearest,
)
from reflector.query.nodes import (
    TRUE,
    Compare,
    Exists,
    Field,
    Filter,
    Literal,
    Not,
    all_of,
    any_of,
)
from reflector.query.operators import OPERATORS, Operator, apply_json, apply_text
from reflector.query.scope import Scope, TableScope
from server.apis.resource.faults import FaultList, in_query
from server.apis.resource.parameters import RESERVED
from server.config.limits import EffectiveLimits

AND, OR, NOT = "_and", "_or", "_not"
EQ: Final = OPERATORS["eq"]
BRACKETS: Final = re.compile(r"filter((?:\[[^\[\]]+\])+)\Z")


class Written(str):
    """An operand as text of the query string, inside a filter in brackets."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Target:
    """What the name of a parameter means."""

    path: tuple[Relationship, ...]
    column: Column
    operator: Operator


class FilterReader:
    """Reads the conditions of one request; counts them, and gathers what is wrong with them."""

    def __init__(self, scope: Scope, limits: EffectiveLimits, faults: FaultList) -> None:
        self.scope, self.limits, self.faults = scope, limits, faults
        self.terms = 0

    # ── one parameter, one condition ─────────────────────────────────────────────────────────

    def parameter(self, table: TableScope, name: str, text: str) -> Filter:
        """The condition of `name=text`; TRUE when it is at fault, which is noted."""
        with self.faults.at(in_query(name)):
            target = self._find(table, name)
            where = self._condition(target.operator, target.column, Written(text))
            for relationship in reversed(target.path):
                where = Exists(relationship, where)
            return where
        return TRUE

    def _find(self, table: TableScope, text: str, path: tuple[Relationship, ...] = ()) -> Target:
        if (column := table.readable.get(text)) is not None:
            return Target(path, column, EQ)
        name, mark, word = text.rpartition("__")
        if mark and (column := table.readable.get(name)) is not None:
            return Target(path, column, self._operator(word, column))
        for end in _dots(text):
            if (relationship := table.relationships.get(text[:end])) is not None:
                self._check_depth(len(path) + 1)
                return self._find(self.scope.on(relationship.target), text[end + 1 :], (*path, relationship))
        raise _unknown(table, text, first=not path)

    def _operator(self, word: str, column: Column, prefix: str = "") -> Operator:
        operator = OPERATORS.get(word.removeprefix(prefix)) if word.startswith(prefix) else None
        if operator is None:
            allowed = [prefix + each.name for each in OPERATORS.values() if each.allowed(column.type.facts)]
            raise UnknownOperator(word, allowed)
        return operator

    def _check_depth(self, depth: int) -> None:
        if depth > self.limits.depth:
            raise LimitExceeded(f"a path goes through at most {self.limits.depth} relationships")

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


def _dots(text: str) -> Iterable[int]:
    return (index for index, letter in enumerate(text) if letter == ".")


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


def _unknown(table: TableScope, text: str, *, first: bool) -> RequestError:
    """Say what a name that means nothing was most likely meant to be."""
    label = table.table.label
    head, dot, _ = text.partition(".")
    if dot:
        return UnknownRelationship(label, head, table.relationships)
    stem, mark, word = text.rpartition("__")
    name = stem if mark and nearest(word, OPERATORS) else text
    if name in table.relationships:
        return InvalidRequest(f"{name!r} is a relationship: a condition names one of its columns", hint=f"{name}.id=…")
    offered = [each.name for each in RESERVED.values() if each.offered]
    if first and nearest(name, [*table.readable, *offered]) in offered:
        return UnknownParameter(name, offered)
    return UnknownColumn(label, name, [*table.readable, *table.relationships])


# ── brackets ─────────────────────────────────────────────────────────────────────────────────


class Brackets:
    """Parameters in brackets, put together to the object that they spell."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = {}

    def add(self, name: str, text: str) -> None:
        """Put one in; raises InvalidRequest when it is no such name, or contradicts an earlier one."""
        matched = BRACKETS.match(name)
        if matched is None:
            raise InvalidRequest(f"{name!r} cannot be read", hint="filter[price][gte]=50, for example")
        *path, last = matched[1][1:-1].split("][")
        here = self.document
        for each in path:
            here = here.setdefault(each, {})
            if not isinstance(here, dict):
                raise InvalidRequest(f"{name!r} contradicts another parameter")
        if last in here:
            raise InvalidRequest(f"{name!r} is given more than once, or contradicts another parameter")
        here[last] = Written(text)
