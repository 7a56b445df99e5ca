"""Conditions and orders: arguments of a field, as trees of the core.

The library has checked the arguments against the schema, so every name is one that the schema has; what is left is what
only a column can say of a value, and what the limits allow.

Rule: no condition a caller wrote is dropped: null where a condition or an operand belongs is a fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reflector.catalog.model import Column
from reflector.errors import InvalidRequest, LimitExceeded, ReflectorError
from reflector.query.nodes import (
    TRUE,
    Exists,
    Expression,
    Field,
    Filter,
    Not,
    Order,
    Related,
    all_of,
    any_of,
)
from reflector.query.operators import OPERATORS, apply_json
from reflector.query.scope import Scope, TableScope
from server.apis.graphql.comparisons import COMPARISONS
from server.apis.graphql.errors import Fault
from server.apis.graphql.inputs import ORDERS
from server.config.limits import EffectiveLimits

ORDER_KEYS: Final = 16


class Conditions:
    """Reads the conditions and orders of one operation, and counts them."""

    def __init__(self, scope: Scope, limits: EffectiveLimits) -> None:
        self.scope, self.limits = scope, limits
        self.terms = 0

    # ── where ────────────────────────────────────────────────────────────────────────────────

    def where(self, table: TableScope, given: Any, path: str, level: int = 1, depth: int = 0) -> Filter:
        """The conditions of an object, all of which must hold. `depth` counts relationships, `level` objects."""
        if given is None:
            raise Fault(InvalidRequest("unexpected null value for a condition"), path)
        if level > self.limits.filter_depth:
            raise Fault(LimitExceeded(f"a filter has at most {self.limits.filter_depth} levels"), path)
        return all_of(
            *[self._member(table, name, each, f"{path}.{name}", level, depth) for name, each in given.items()]
        )

    def _member(self, table: TableScope, name: str, given: Any, path: str, level: int, depth: int) -> Filter:
        if given is None:
            raise Fault(InvalidRequest(f"unexpected null value for {name!r}"), path)
        if name in ("_and", "_or"):
            parts = [self.where(table, each, f"{path}[{index}]", level + 1, depth) for index, each in enumerate(given)]
            return all_of(*parts) if name == "_and" else any_of(*parts)
        if name == "_not":
            return Not(self.where(table, given, path, level + 1, depth))
        column = table.readable.get(name)
        if column is not None:
            return all_of(*[self._comparison(column, word, each, path) for word, each in given.items()])
        if depth >= self.limits.depth:
            raise Fault(LimitExceeded(f"a path goes through at most {self.limits.depth} relationships"), path)
        relationship = table.relationship(name)
        target = self.scope.on(relationship.target)
        return Exists(relationship, self.where(target, given, path, level + 1, depth + 1))

    def _comparison(self, column: Column, word: str, given: Any, path: str) -> Filter:
        path = f"{path}.{word}"
        self.terms += 1
        if self.terms > self.limits.terms:
            raise Fault(LimitExceeded(f"an operation has at most {self.limits.terms} conditions"), path)
        spelled = COMPARISONS[word]
        if isinstance(given, list) and len(given) > self.limits.list:
            raise Fault(LimitExceeded(f"a list has at most {self.limits.list} values"), path)
        try:
            found = apply_json(OPERATORS[spelled.operator], Field(column), column.type, given)
        except ReflectorError as error:
            error.hint = None if given is None else error.hint
            raise Fault(error, path) from error
        return Not(found) if spelled.negated else found

    def by_key(self, columns: tuple[Column, ...], given: Mapping[str, Any], path: str) -> Filter:
        """The one row whose key this is."""
        equal = OPERATORS["eq"]
        parts: list[Filter] = []
        for column in columns:
            try:
                parts.append(apply_json(equal, Field(column), column.type, given[column.name]))
            except ReflectorError as error:
                raise Fault(error, f"{path}.{column.name}") from error
        return all_of(*parts)

    # ── order_by ─────────────────────────────────────────────────────────────────────────────

    def order(self, table: TableScope, given: list[Mapping[str, Any]], path: str) -> tuple[Order, ...]:
        """The orders, in the order in which they were written."""
        found: list[Order] = []
        for index, each in enumerate(given):
            self._orders(table, each, f"{path}[{index}]", (), found)
        if len(found) > ORDER_KEYS:
            raise Fault(LimitExceeded(f"an order has at most {ORDER_KEYS} columns"), path)
        return tuple(found)

    def _orders(
        self, table: TableScope, given: Mapping[str, Any], path: str, via: tuple[Any, ...], found: list[Order]
    ) -> None:
        for name, each in given.items():
            place = f"{path}.{name}"
            if each is None:
                raise Fault(InvalidRequest(f"unexpected null value for {name!r}"), place)
            column = table.readable.get(name)
            if column is not None:
                descending, nulls_last = ORDERS[each]
                expression: Expression = Field(column)
                for relationship in reversed(via):
                    expression = Related(relationship, expression, TRUE)
                found.append(Order(expression, descending, nulls_last))
                continue
            if len(via) >= self.limits.depth:
                raise Fault(LimitExceeded(f"a path goes through at most {self.limits.depth} relationships"), place)
            relationship = table.relationship(name)
            self._orders(self.scope.on(relationship.target), each, place, (*via, relationship), found)
