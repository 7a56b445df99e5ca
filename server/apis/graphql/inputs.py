"""Input types: conditions, orders, new rows, new values, keys.

Rule: an input type offers what its table's scope allows and its columns' kinds can be asked, and is not made at all
where that is nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLString,
)

from reflector.catalog.model import Column
from reflector.query.operators import OPERATORS, Takes
from reflector.query.paging import can_page
from reflector.query.scope import Scope, TableScope
from server.apis.graphql.comparisons import COMPARISONS, Spelled
from server.apis.graphql.names import LOGICAL, is_name
from server.apis.graphql.scalars import ARRAY_SUFFIX, Scalars, comparison_name, element_type, is_list, scalar_name

ORDERS: Final[Mapping[str, tuple[bool, bool | None]]] = {
    "asc": (False, True),
    "asc_nulls_first": (False, False),
    "asc_nulls_last": (False, True),
    "desc": (True, False),
    "desc_nulls_first": (True, False),
    "desc_nulls_last": (True, True),
}
"""Spelling → descending, NULLs last."""
LIKE_POSTGRESQL: Final = {
    "asc": "ascending, nulls last",
    "asc_nulls_first": "ascending, nulls first",
    "asc_nulls_last": "ascending, nulls last",
    "desc": "descending, nulls first",
    "desc_nulls_first": "descending, nulls first",
    "desc_nulls_last": "descending, nulls last",
}


class Inputs:
    """The input types of one schema. `names` are the tables that have one, with their name."""

    def __init__(self, scalars: Scalars, names: Mapping[TableScope, str], scope: Scope) -> None:
        self.scalars, self.names, self.scope = scalars, names, scope
        self._made: dict[str, GraphQLInputObjectType] = {}
        self._asked: dict[str, list[Column]] = {}
        for each in names:
            for _, column in self._columns(each):
                self._asked.setdefault(compared_as(column), []).append(column)
        values = {each: GraphQLEnumValue(each, description=LIKE_POSTGRESQL[each]) for each in ORDERS}
        self._directions = GraphQLEnumType("order_by", values)

    def made(self) -> Iterable[GraphQLNamedType]:
        """All that were made so far."""
        return (self._directions, *self._made.values())

    def value(self, column: Column) -> GraphQLScalarType | GraphQLList[Any]:
        """What a value of the column is given as."""
        scalar = self.scalars.get(scalar_name(element_type(column.type)))
        return GraphQLList(GraphQLNonNull(scalar)) if is_list(column.type) else scalar

    # ── conditions ───────────────────────────────────────────────────────────────────────────

    def where(self, scope: TableScope, name: str) -> GraphQLInputObjectType:
        """The conditions on rows of a table."""
        return self._kept(f"{name}_bool_exp", lambda: self._conditions(scope, name))

    def _conditions(self, scope: TableScope, name: str) -> dict[str, GraphQLInputType]:
        own = self.where(scope, name)
        fields: dict[str, GraphQLInputType] = {
            "_and": GraphQLList(GraphQLNonNull(own)),
            "_not": own,
            "_or": GraphQLList(GraphQLNonNull(own)),
        }
        for each, column in self._columns(scope):
            if each not in LOGICAL:
                fields[each] = self._comparisons(column)
        for each, target in self._related(scope, many=True):
            fields.setdefault(each, self.where(target, self.names[target]))
        return fields

    def _comparisons(self, column: Column) -> GraphQLInputObjectType:
        """The comparisons of a scalar: those that any column of it can be asked."""
        scalar = compared_as(column)
        return self._kept(comparison_name(scalar), lambda: self._operators(self._asked[scalar]))

    def _operators(self, columns: list[Column]) -> dict[str, GraphQLInputType]:
        value = self.value(columns[0])
        return {
            each.name: _operand(each, value)
            for each in COMPARISONS.values()
            if any(OPERATORS[each.operator].allowed(column.type.facts) for column in columns)
        }

    # ── orders ───────────────────────────────────────────────────────────────────────────────

    def order(self, scope: TableScope) -> GraphQLInputObjectType | None:
        """What rows of a table can be sorted by; None where that is nothing."""
        if not self._can_be_sorted(scope):
            return None
        return self._kept(f"{self.names[scope]}_order_by", lambda: self._orders(scope))

    def _can_be_sorted(self, scope: TableScope) -> bool:
        return any(sortable(column) for _, column in self._columns(scope))

    def _orders(self, scope: TableScope) -> dict[str, GraphQLInputType]:
        fields: dict[str, GraphQLInputType] = {
            name: self._directions for name, column in self._columns(scope) if sortable(column)
        }
        for name, target in self._related(scope, many=False):
            order = self.order(target)
            if order is not None:
                fields.setdefault(name, order)
        return fields

    # ── writes ───────────────────────────────────────────────────────────────────────────────

    def insert(self, scope: TableScope, name: str) -> GraphQLInputObjectType | None:
        """A new row; None where no column may be given."""
        return self._row(f"{name}_insert_input", scope.creatable)

    def update(self, scope: TableScope, name: str) -> GraphQLInputObjectType | None:
        """New values; None where no column may be given."""
        return self._row(f"{name}_set_input", scope.updatable)

    def key(self, name: str, columns: tuple[Column, ...]) -> GraphQLInputObjectType:
        """The key of one row."""
        return self._kept(
            f"{name}_pk_columns_input", lambda: {each.name: GraphQLNonNull(self.value(each)) for each in columns}
        )

    def _row(self, type_name: str, given: Mapping[str, Column]) -> GraphQLInputObjectType | None:
        columns = [column for name, column in given.items() if is_name(name)]
        if not columns:
            return None
        return self._kept(type_name, lambda: {each.name: self.value(each) for each in columns})

    # ── pieces ───────────────────────────────────────────────────────────────────────────────

    def _columns(self, scope: TableScope) -> Iterable[tuple[str, Column]]:
        return ((name, column) for name, column in scope.readable.items() if is_name(name))

    def _related(self, scope: TableScope, *, many: bool) -> Iterable[tuple[str, TableScope]]:
        """Relationships with a name that lead to a table with one; `many`: those to many rows too."""
        for name, each in scope.relationships.items():
            target = self.scope.on(each.target)
            if is_name(name) and target in self.names and (many or not each.many) and name not in scope.readable:
                yield name, target

    def _kept(self, name: str, fields: Callable[[], Mapping[str, GraphQLInputType]]) -> GraphQLInputObjectType:
        found = self._made.get(name)
        if found is None:
            found = self._made[name] = GraphQLInputObjectType(
                name, lambda: {each: GraphQLInputField(type_) for each, type_ in sorted(fields().items())}
            )
        return found


def compared_as(column: Column) -> str:
    """The name of what is compared: a scalar, or lists of it."""
    return scalar_name(element_type(column.type)) + (ARRAY_SUFFIX if is_list(column.type) else "")


def sortable(column: Column) -> bool:
    """Whether rows can be sorted by the column."""
    return can_page(column.type)


def _operand(spelled: Spelled, value: GraphQLInputType) -> GraphQLInputType:
    match OPERATORS[spelled.operator].takes:
        case Takes.FLAG:
            return GraphQLBoolean
        case Takes.MANY:
            return GraphQLList(GraphQLNonNull(value))
        case Takes.PATTERN:
            return GraphQLString
        case _:
            return value
