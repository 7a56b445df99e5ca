"""Conditions and orders: arguments of a field, as trees of the core.

The library has checked the arguments against the schema, so every name is one that the schema has; what is left is what
only a column can say of a value, and what the limits allow.

Rule: no condition a caller wrote is dropped: null where a condition or an operand belongs is a fault.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from reflector.catalog.model import Column
from reflector.datatypes import Value
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
from reflector.query.operators import OPERATORS, Operator, Takes
from reflector.query.scope import Scope, TableScope
from server.apis.graphql.arguments import ABSENT, Arguments, Slot, Variable
from server.apis.graphql.comparisons import COMPARISONS
from server.apis.graphql.errors import Fault
from server.apis.graphql.inputs import ORDERS
from server.config.limits import EffectiveLimits

ORDER_KEYS: Final = 16
EQUAL: Final = OPERATORS["eq"]


class Conditions:
    """Reads the conditions and orders of one operation, and counts them.

    waiting: which operands may be left to a slot, because another one leaves the question as it is.
    """

    def __init__(self, scope: Scope, limits: EffectiveLimits, arguments: Arguments, waiting: frozenset[Takes]) -> None:
        self.scope, self.limits, self.arguments, self.waiting = scope, limits, arguments, waiting
        self.terms = 0

    # ── where ────────────────────────────────────────────────────────────────────────────────

    def where(self, table: TableScope, given: Any, path: str, level: int = 1, depth: int = 0) -> Filter:
        """The conditions of an object, all of which must hold. `depth` counts relationships, `level` objects."""
        given = self._settled(given, path)
        if level > self.limits.filter_depth:
            raise Fault(LimitExceeded(f"a filter has at most {self.limits.filter_depth} levels"), path)
        return all_of(
            *[self._member(table, name, each, f"{path}.{name}", level, depth) for name, each in given.items()]
        )

    def _member(self, table: TableScope, name: str, given: Any, path: str, level: int, depth: int) -> Filter:
        given = self._settled(given, path)
        if name in ("_and", "_or"):
            parts = [
                self.where(table, each, f"{path}[{index}]", level + 1, depth)
                for index, each in enumerate(given if isinstance(given, list) else [given])
            ]
            return all_of(*parts) if name == "_and" else any_of(*parts)
        if name == "_not":
            return Not(self.where(table, given, path, level + 1, depth))
        column = table.readable.get(name)
        if column is not None:
            return all_of(*[self._comparison(column, word, each, f"{path}.{word}") for word, each in given.items()])
        if depth >= self.limits.depth:
            raise Fault(LimitExceeded(f"a path goes through at most {self.limits.depth} relationships"), path)
        relationship = table.relationship(name)
        target = self.scope.on(relationship.target)
        return Exists(relationship, self.where(target, given, path, level + 1, depth + 1))

    def _comparison(self, column: Column, word: str, given: Any, path: str) -> Filter:
        self.terms += 1
        if self.terms > self.limits.terms:
            raise Fault(LimitExceeded(f"an operation has at most {self.limits.terms} conditions"), path)
        spelled = COMPARISONS[word]
        found = self._operated(OPERATORS[spelled.operator], column, given, path)
        return Not(found) if spelled.negated else found

    def by_key(self, columns: tuple[Column, ...], given: Mapping[str, Any], path: str) -> Filter:
        """The one row whose key this is."""
        return all_of(
            *[self._operated(EQUAL, column, given[column.name], f"{path}.{column.name}") for column in columns]
        )

    def _operated(self, operator: Operator, column: Column, given: Any, path: str) -> Filter:
        """One comparison; a variable that is its operand leaves a slot."""
        variable = given if type(given) is Variable and given.given and operator.takes in self.waiting else None
        value = self._operand(given, path) if variable is None else variable.value
        if value is None:
            raise Fault(InvalidRequest(f"unexpected null value for {column.name!r}"), path)
        slot = Slot(column.name, operator, column.type, self.limits.list)
        try:
            values: Sequence[Value] = slot.value(value) if operator.takes is Takes.MANY else (slot.value(value),)
        except ReflectorError as error:
            raise Fault(error, path) from error
        if variable is not None:
            values = (self.arguments.slot(variable, operator, column.type, self.limits.list),)
        return operator.build(Field(column), column.type, values)

    def _operand(self, given: Any, path: str) -> Any:
        """What is compared with: variables can stand in a list as well."""
        value = self._settled(given, path)
        if not isinstance(value, list):
            return value
        return [self._settled(each, path) if type(each) is Variable else each for each in value]

    def _settled(self, given: Any, path: str) -> Any:
        """What is there, or what a variable holds; null and nothing are faults."""
        value = self.arguments.settle(given)
        if value is None:
            raise Fault(InvalidRequest("unexpected null value for a condition"), path)
        if value is ABSENT:
            raise Fault(InvalidRequest(f"expecting a value for variable: {given.name!r}"), path)
        return value

    # ── order_by ─────────────────────────────────────────────────────────────────────────────

    def order(self, table: TableScope, given: Any, path: str) -> tuple[Order, ...]:
        """The orders, in the order in which they were written; `given` is one or a list."""
        found: list[Order] = []
        for index, each in enumerate(given if isinstance(given, list) else [given]):
            self._orders(table, self._settled(each, path), f"{path}[{index}]", (), found)
        if len(found) > ORDER_KEYS:
            raise Fault(LimitExceeded(f"an order has at most {ORDER_KEYS} columns"), path)
        return tuple(found)

    def _orders(
        self, table: TableScope, given: Mapping[str, Any], path: str, via: tuple[Any, ...], found: list[Order]
    ) -> None:
        for name, each in given.items():
            place = f"{path}.{name}"
            wanted = self._settled(each, place)
            column = table.readable.get(name)
            if column is not None:
                descending, nulls_last = ORDERS[wanted]
                expression: Expression = Field(column)
                for relationship in reversed(via):
                    expression = Related(relationship, expression, TRUE)
                found.append(Order(expression, descending, nulls_last))
                continue
            if len(via) >= self.limits.depth:
                raise Fault(LimitExceeded(f"a path goes through at most {self.limits.depth} relationships"), place)
            relationship = table.relationship(name)
            self._orders(self.scope.on(relationship.target), wanted, place, (*via, relationship), found)
