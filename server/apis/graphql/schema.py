"""The GraphQL schema of a set of roles: what they may ask, and no word of anything else.

    query_root      book(where, order_by, limit, offset) · book_by_pk(id) · book_aggregate(…)
    mutation_root   insert_book_one(object) · update_book_by_pk(pk_columns, _set) · delete_book_by_pk(id)
    either          functions of extensions, by whether they change anything

Rule: a schema is made of a scope, so nothing is in it that its roles may not use. It says of a value that it is never
null only where no rule can hide it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLField,
    GraphQLInputType,
    GraphQLInt,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
)

from reflector.catalog.model import Argument, Column, Function, Relationship
from reflector.datatypes import DataType, Kind
from reflector.query.nodes import TRUE
from reflector.query.scope import TableScope
from reflector.query.walk import source_columns, target_columns
from reflector.snapshot import Access
from server.apis.graphql.inputs import Inputs
from server.apis.graphql.names import Names, is_name
from server.apis.graphql.scalars import Scalars, element_type, is_list, scalar_name

NOTHING: Final = "no_queries_available"
AGGREGATE: Final = "_aggregate"


class Asked(Enum):
    """What a root field does."""

    LIST = "rows of a table"
    BY_KEY = "one row by its key"
    AGGREGATE = "how many rows, and rows"
    INSERT = "a new row"
    UPDATE = "new values for a row"
    DELETE = "a row goes"


@dataclass(frozen=True, eq=False, slots=True)
class Root:
    """A root field: what it does, and to which table."""

    asked: Asked
    table: TableScope


@dataclass(frozen=True, eq=False, slots=True)
class Schema:
    """A schema, and what its root fields mean. `key` tells it from every other one of the process.
    `told`: whether its roles may ask for it; otherwise no fault suggests a name of it. `closed` are the names of tables that are
    not in it because a rule of theirs does not fit the database. `functions` are root fields that code of extensions answers."""

    graphql: GraphQLSchema
    roots: Mapping[str, Root]
    key: object
    weight: int
    told: bool = True
    closed: frozenset[str] = frozenset()
    functions: Mapping[str, Function] = field(default_factory=dict)


def key_of(table: TableScope) -> tuple[Column, ...]:
    """The primary key, where all of it may be read and named."""
    key = table.table.primary_key
    if key is None or not all(each.name in table.readable and is_name(each.name) for each in key.columns):
        return ()
    return key.columns


def make_schema(access: Access, names: Names, *, told: bool = True) -> Schema:
    """The schema of those who have this access. It takes a moment where there are many tables."""
    return SchemaMaker(access, names).make(told=told)


class SchemaMaker:
    """Makes one schema."""

    def __init__(self, access: Access, names: Names) -> None:
        self.access = access
        self.scalars = Scalars()
        self.names = {
            scope: names.tables[table]
            for table, scope in access.scope.by_table.items()
            if table in names.tables and scope.may_read and self.columns(scope)
        }
        self.closed = frozenset(names.tables[table] for table in access.grants.broken if table in names.tables)
        self.functions = {each.name: each for each in access.scope.beside.values() if each in names.functions}
        self.inputs = Inputs(self.scalars, self.names, access.scope)
        self.rows: dict[TableScope, GraphQLObjectType] = {}
        self.aggregates: dict[TableScope, GraphQLObjectType] = {}
        self.roots: dict[str, Root] = {}

    def make(self, *, told: bool) -> Schema:
        for scope, name in self.names.items():
            self.rows[scope] = self.row_type(scope, name)
        queries: dict[str, GraphQLField] = {}
        mutations: dict[str, GraphQLField] = {}
        for scope, name in self.names.items():
            self.add_queries(queries, scope, name)
            self.add_mutations(mutations, scope, name)
        for name, function in self.functions.items():
            (mutations if function.changes else queries)[name] = self.function(function)
        schema = GraphQLSchema(
            query=GraphQLObjectType("query_root", _sorted(queries or {NOTHING: _nothing()})),
            mutation=GraphQLObjectType("mutation_root", _sorted(mutations)) if mutations else None,
            # Every type, because the library follows types that it does not know yet by recursion.
            types=[*self.rows.values(), *self.aggregates.values(), *self.inputs.made()],
            assume_valid=True,
        )
        weight = 20_000 + sum(map(_weight, schema.type_map.values()))
        return Schema(schema, self.roots, object(), weight, told, self.closed, self.functions)

    # ── root fields ──────────────────────────────────────────────────────────────────────────

    def add_queries(self, fields: dict[str, GraphQLField], scope: TableScope, name: str) -> None:
        row = self.rows[scope]
        fields[name] = GraphQLField(_list_of(row), self.list_arguments(scope), description=_said(scope, "rows of {}"))
        self.roots[name] = Root(Asked.LIST, scope)
        if key_of(scope):
            fields[f"{name}_by_pk"] = GraphQLField(
                row, self.key_arguments(scope), description=_said(scope, "the row of {} with this key")
            )
            self.roots[f"{name}_by_pk"] = Root(Asked.BY_KEY, scope)
        if scope.may_aggregate:
            fields[name + AGGREGATE] = GraphQLField(
                GraphQLNonNull(self.aggregate_type(scope, name)),
                self.list_arguments(scope),
                description=_said(scope, "how many rows {} has"),
            )
            self.roots[name + AGGREGATE] = Root(Asked.AGGREGATE, scope)

    def add_mutations(self, fields: dict[str, GraphQLField], scope: TableScope, name: str) -> None:
        """Each answers with the row, so each needs the right to read."""
        row = self.rows[scope]
        if scope.may_create and (values := self.inputs.insert(scope, name)):
            arguments = {"object": GraphQLArgument(GraphQLNonNull(values))}
            field = f"insert_{name}_one"
            fields[field] = GraphQLField(row, arguments, description=_said(scope, "a new row of {}"))
            self.roots[field] = Root(Asked.INSERT, scope)
        if not key_of(scope):
            return
        if scope.may_update and (values := self.inputs.update(scope, name)):
            arguments = {
                "pk_columns": GraphQLArgument(GraphQLNonNull(self.inputs.key(name, key_of(scope)))),
                "_set": GraphQLArgument(values),
            }
            field = f"update_{name}_by_pk"
            fields[field] = GraphQLField(row, arguments, description=_said(scope, "new values for a row of {}"))
            self.roots[field] = Root(Asked.UPDATE, scope)
        if scope.may_delete:
            field = f"delete_{name}_by_pk"
            fields[field] = GraphQLField(row, self.key_arguments(scope), description=_said(scope, "delete a row of {}"))
            self.roots[field] = Root(Asked.DELETE, scope)

    def list_arguments(self, scope: TableScope) -> dict[str, GraphQLArgument]:
        name = self.names[scope]
        order = self.inputs.order(scope)
        arguments: dict[str, GraphQLInputType] = {"limit": GraphQLInt, "offset": GraphQLInt}
        if order is not None:
            arguments["order_by"] = GraphQLList(GraphQLNonNull(order))
        arguments["where"] = self.inputs.where(scope, name)
        return {each: GraphQLArgument(type_) for each, type_ in arguments.items()}

    def key_arguments(self, scope: TableScope) -> dict[str, GraphQLArgument]:
        return {each.name: GraphQLArgument(GraphQLNonNull(self.inputs.value(each))) for each in key_of(scope)}

    # ── functions of extensions ──────────────────────────────────────────────────────────────

    def function(self, function: Function) -> GraphQLField:
        """Null is always possible: who knows what code does."""
        gives = GraphQLBoolean if function.value is None else self.plain(function.value)
        arguments = {each.name: GraphQLArgument(self.argument(each)) for each in function.takes}
        return GraphQLField(gives, arguments, description=function.comment)

    def argument(self, argument: Argument) -> GraphQLInputType:
        type_ = self.plain(argument.type)
        return type_ if argument.nullable or argument.has_default else GraphQLNonNull(type_)

    def plain(self, type_: DataType) -> GraphQLScalarType | GraphQLList[GraphQLScalarType]:
        scalar = self.scalars.get(scalar_name(element_type(type_)))
        return GraphQLList(scalar) if is_list(type_) else scalar

    # ── objects ──────────────────────────────────────────────────────────────────────────────

    def columns(self, scope: TableScope) -> dict[str, Column]:
        return {name: column for name, column in scope.answered.items() if is_name(name)}

    def relationships(self, scope: TableScope) -> dict[str, Relationship]:
        """Those with a name that lead to a table with one; columns have the older right to a name."""
        return {
            name: each
            for name, each in scope.relationships.items()
            if is_name(name) and name not in scope.answered and self.access.scope.on(each.target) in self.rows
        }

    def row_type(self, scope: TableScope, name: str) -> GraphQLObjectType:
        return GraphQLObjectType(name, lambda: _sorted(self.row_fields(scope)), description=scope.table.comment)

    def row_fields(self, scope: TableScope) -> dict[str, GraphQLField]:
        fields = {
            name: GraphQLField(self.column_type(scope, column), description=column.comment)
            for name, column in self.columns(scope).items()
        }
        for name, each in self.relationships(scope).items():
            target = self.access.scope.on(each.target)
            row = self.rows[target]
            if not each.many:
                fields[name] = GraphQLField(row if self.may_be_missing(scope, each) else GraphQLNonNull(row))
                continue
            fields[name] = GraphQLField(_list_of(row), self.list_arguments(target))
            aggregate = name + AGGREGATE
            if target.may_aggregate and aggregate not in scope.answered and aggregate not in scope.relationships:
                type_ = self.aggregate_type(target, self.names[target])
                fields[aggregate] = GraphQLField(GraphQLNonNull(type_), self.list_arguments(target))
        return fields

    def aggregate_type(self, scope: TableScope, name: str) -> GraphQLObjectType:
        known = self.aggregates.get(scope)
        if known is None:
            counts = {"count": GraphQLField(GraphQLNonNull(GraphQLInt))}
            fields = GraphQLObjectType(f"{name}_aggregate_fields", counts)
            known = self.aggregates[scope] = GraphQLObjectType(
                name + AGGREGATE, {"aggregate": GraphQLField(fields), "nodes": GraphQLField(_list_of(self.rows[scope]))}
            )
        return known

    def column_type(self, scope: TableScope, column: Column) -> GraphQLOutputType:
        answered = scope.answered_type(column)
        scalar = self.scalars.get(scalar_name(element_type(answered)))
        type_ = GraphQLList(GraphQLNonNull(scalar)) if is_list(answered) else scalar
        grant = self.access.grants.on(scope.table)
        sure = grant is not None and grant.columns.get(column) == TRUE and not column.nullable
        # The null of JSON is a value of the column, and null in an answer all the same.
        sure = sure and column.type.kind is not Kind.JSON
        return GraphQLNonNull(type_) if sure else type_

    def may_be_missing(self, scope: TableScope, relationship: Relationship) -> bool:
        """Whether a relationship to one row may find nothing, or nothing that may be seen."""
        near, far = self.access.grants.on(scope.table), self.access.grants.on(relationship.target)
        if relationship.nullable or relationship.junction is not None or near is None or far is None:
            return True
        ends = [near.columns.get(each) for each in source_columns(relationship)]
        ends += [far.columns.get(each) for each in target_columns(relationship)]
        return far.read_rows != TRUE or any(rule != TRUE for rule in ends)


def _list_of(row: GraphQLObjectType) -> GraphQLOutputType:
    return GraphQLNonNull(GraphQLList(GraphQLNonNull(row)))


def _sorted(fields: Mapping[str, GraphQLField]) -> dict[str, GraphQLField]:
    return dict(sorted(fields.items()))


def _said(scope: TableScope, words: str) -> str:
    return words.format(scope.table.label)


def _nothing() -> GraphQLField:
    said = "There is nothing here that you may read."
    return GraphQLField(GraphQLNonNull(GraphQLString), resolve=lambda *_: said)


def _weight(type_: GraphQLNamedType) -> int:
    """About how many bytes a type takes."""
    return 1_000 + 700 * len(getattr(type_, "fields", ()))
