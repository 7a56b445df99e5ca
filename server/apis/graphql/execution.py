"""Execution: the root fields of an operation become one question, and its answers go into the response as they are.

The library coerces variables, flattens fragments and obeys `@skip` and `@include`; then this takes over at the root.
A query is one statement with a column for each root field: reading it makes a recipe, and the response is the recipe's,
as it is for whoever asks the same later. The root fields of a mutation are one transaction, in the
order in which they were written, and are answered once it is committed.

Rule: what the database made is spliced into the response and never looked at; fields that equal one another are asked
once. Whatever goes wrong with a root field leaves the whole operation without data.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Final

import orjson
from graphql import GraphQLObjectType, get_named_type
from graphql.execution import Executor
from graphql.execution.collect_fields import GroupedFieldSet

from reflector.access.disclosure import disclosed
from reflector.engine import Engine, Prepared
from reflector.errors import (
    DatabaseError,
    InternalError,
    InvalidRequest,
    LimitExceeded,
    ReflectorError,
    TooManyAffected,
)
from reflector.query.nodes import Assignment, Delete, Insert, Literal, Overview, Query, Selected, Update
from reflector.query.operators import Takes
from reflector.query.scope import TableScope
from reflector.sql.plan import Answer
from server.apis.graphql.arguments import Arguments, Details
from server.apis.graphql.errors import REQUEST, Fault, fault
from server.apis.graphql.functions import FunctionFields
from server.apis.graphql.recipes import Recipe, find_slots, pieces_of
from server.apis.graphql.schema import Asked, Root, Schema, key_of
from server.apis.graphql.selection import Selection
from server.called import Called
from server.callers import Caller
from server.config.graphql import Graphql
from server.written import written_value

INTROSPECTIONS: Final = 3
ONE_BY_ONE: Final = frozenset({Takes.ONE, Takes.PATTERN})
"""Operands that another value may stand for where a list's length is part of the statement."""
WHOLE: Final = ONE_BY_ONE | {Takes.MANY}
SCHEMA_FIELDS: Final = frozenset({"__schema", "__type"})


@dataclass(eq=False, slots=True)
class Asking:
    """Who asks what schema through which engine. `sized`: as `written_value` has it. `introspecting`: one at a time. `terms`: what an operation
    may hold.

    `recipe` is what a query was read as, `prepared` the question with the values that it was asked with, and `deciding`
    the variables whose values the recipe depends on.
    """

    engine: Engine
    caller: Caller
    schema: Schema
    sized: bool
    introspecting: asyncio.Lock
    terms: Graphql
    called: Called | None = None
    recipe: Recipe | None = None
    prepared: Prepared | None = None
    deciding: frozenset[str] = frozenset()

    async def answered(self, recipe: Recipe, prepared: Prepared) -> Sequence[bytes | None]:
        """What the database answers to a query; raises Fault."""
        try:
            answer = await self.engine.run(prepared, self.caller.principal, self.caller.rights.session)
        except ReflectorError as error:
            raise Fault(self.told(error, recipe.table), recipe.path) from error
        return answer.members

    def told(self, error: ReflectorError, table: TableScope) -> ReflectorError:
        """What the caller is told of an error that the database reported."""
        if not isinstance(error, DatabaseError):
            return error
        told = disclosed(error, table, self.caller.rights.snapshot.catalog)
        told.__cause__ = error
        return told


class SplicingExecutor(Executor[Any]):
    """The library's executor, but for the fields of the root that the database answers."""

    context_value: Asking

    def execute_root_grouped_field_set(
        self,
        root_type: GraphQLObjectType,
        root_value: Any,
        grouped_field_set: GroupedFieldSet,
        serially: bool,
        position_context: Any,
    ) -> Any:
        roots, functions = self.context_value.schema.roots, self.context_value.schema.functions
        ours = {key: each for key, each in grouped_field_set.items() if each[0].node.name.value in roots}
        beside = {key: each for key, each in grouped_field_set.items() if each[0].node.name.value in functions}
        others = {key: each for key, each in grouped_field_set.items() if key not in ours and key not in beside}
        most = self.context_value.terms.root_fields
        if len(ours) + len(beside) > most:
            raise Fault(LimitExceeded(f"an operation has at most {most} root fields"), REQUEST)
        plain: Any = {}
        if any(each[0].node.name.value in SCHEMA_FIELDS for each in others.values()):
            plain = self._introspected(root_type, root_value, others, position_context)
        elif others:
            plain = super().execute_root_grouped_field_set(root_type, root_value, others, serially, position_context)
        if beside:
            return self._beside(root_type, ours, beside, plain, list(grouped_field_set), serially)
        if not ours:
            return plain
        return self._spliced(root_type, ours, plain, list(grouped_field_set), serially)

    async def _spliced(
        self, type_: GraphQLObjectType, ours: GroupedFieldSet, plain: Any, keys: list[str], serially: bool
    ) -> dict[str, Any]:
        fixed = dict(await plain if isawaitable(plain) else plain)
        if not serially:
            self._read(type_, ours, keys, fixed)
            return {}
        found = await self._written(type_, ours)
        return {key: found[key] if key in found else fixed[key] for key in keys}

    async def _beside(
        self,
        type_: GraphQLObjectType,
        ours: GroupedFieldSet,
        beside: GroupedFieldSet,
        plain: Any,
        keys: list[str],
        serially: bool,
    ) -> dict[str, Any]:
        """With fields that code of extensions answers: nothing of the operation is kept for whoever asks the same."""
        fixed = dict(await plain if isawaitable(plain) else plain)
        if serially and ours:
            told = "a mutation either calls functions of extensions or writes rows: send two of them"
            raise Fault(InvalidRequest(told), REQUEST)
        calls = FunctionFields(self.context_value, Arguments(self.variable_values))
        found = await calls.answered(beside, serially=serially)
        if ours:
            found |= await self._members(type_, ours)
        return {key: found[key] if key in found else fixed[key] for key in keys}

    async def _members(self, type_: GraphQLObjectType, ours: GroupedFieldSet) -> dict[str, Any]:
        """What the database answers to its fields, each by itself."""
        asking = self.context_value
        places = self._read(type_, ours, list(ours), {})
        recipe, prepared = asking.recipe, asking.prepared
        asking.recipe = asking.prepared = None
        if recipe is None or prepared is None:
            raise InternalError("a query was not read")
        members = await asking.answered(recipe, prepared)
        return {key: spliced(members[place]) for key, place in places.items()}

    async def _introspected(
        self, type_: GraphQLObjectType, root_value: Any, fields: GroupedFieldSet, context: Any
    ) -> dict[str, Any]:
        """In a thread, because a large schema takes its time; and one by one, because nobody needs it often."""
        if not self.context_value.schema.told:
            roles = ", ".join(f'"{role}"' for role in self.context_value.caller.principal.roles)
            whose = f" for role: {roles}" if roles else ""
            raise fault(f"introspection is disabled{whose}", REQUEST, "not-supported")
        if sum(each[0].node.name.value in SCHEMA_FIELDS for each in fields.values()) > INTROSPECTIONS:
            raise Fault(LimitExceeded(f"a schema is asked for at most {INTROSPECTIONS} times at once"), REQUEST)
        execute: Callable[..., Any] = super().execute_root_grouped_field_set
        async with self.context_value.introspecting:
            found: dict[str, Any] = await asyncio.to_thread(execute, type_, root_value, fields, False, context)
        return found

    # ── queries ──────────────────────────────────────────────────────────────────────────────

    def _read(
        self, type_: GraphQLObjectType, fields: GroupedFieldSet, keys: list[str], fixed: Mapping[str, Any]
    ) -> dict[str, int]:
        """Leave a recipe behind: its response is the query's, whatever stands in the library's. Where each field's member is."""
        asking = self.context_value
        rights = asking.caller.rights
        selection = Selection(self, rights, ONE_BY_ONE if asking.engine.dialect.buckets else WHOLE)
        columns: dict[Selected, int] = {}
        places: dict[str, int] = {}
        for key, details in fields.items():
            member = selection.root(asking.schema.roots[details[0].node.name.value], type_, details)
            places[key] = columns.setdefault(member, len(columns))
        first = next(iter(fields.values()))[0].node.name.value
        path = f"$.selectionSet.{first}" if len(fields) == 1 else REQUEST
        table = asking.schema.roots[first].table
        try:
            prepared = asking.engine.prepare(rights.snapshot, rights.access, Overview(table.table, tuple(columns)))
        except ReflectorError as error:
            raise Fault(error, path) from error
        slots = find_slots(prepared.values, list(selection.arguments.slots.values()))
        recipe = Recipe(prepared, slots, pieces_of(keys, places, fixed), table, path, self._scalars())
        filled = recipe.filled(selection.arguments.raw())
        if filled is None:
            raise InternalError("a query does not fit the values it was made with")
        asking.recipe, asking.prepared = recipe, filled
        asking.deciding = frozenset(
            selection.arguments.settled | recipe.types.keys() - {each.name for _, each in slots}
        )
        return places

    def _scalars(self) -> dict[str, str]:
        """The named types of the operation's variables."""
        sources = self.variable_values.sources
        return {name: get_named_type(source.signature.type).name for name, source in sources.items()}

    # ── mutations ────────────────────────────────────────────────────────────────────────────

    async def _written(self, type_: GraphQLObjectType, fields: GroupedFieldSet) -> dict[str, Any]:
        asking = self.context_value
        selection = Selection(self, asking.caller.rights)
        most = asking.caller.rights.limits.affected
        if most is not None and len(fields) > most:
            raise Fault(TooManyAffected(f"more than {most} rows would be written"), REQUEST)
        roots = {key: asking.schema.roots[details[0].node.name.value] for key, details in fields.items()}
        prepared = [self._prepared(selection, roots[key], type_, details) for key, details in fields.items()]
        done: list[Answer] = []
        try:
            await asking.engine.run_all(prepared, asking.caller.principal, asking.caller.rights.session, done=done)
        except ReflectorError as error:
            if len(done) == len(fields):
                raise Fault(error, REQUEST) from error
            key, details = list(fields.items())[len(done)]
            raise Fault(self.context_value.told(error, roots[key].table), _place(roots[key], details)) from error
        return {key: spliced(answer.body) for key, answer in zip(fields, done, strict=True)}

    def _prepared(self, selection: Selection, root: Root, type_: GraphQLObjectType, details: Details) -> Prepared:
        asking = self.context_value
        rights = asking.caller.rights
        query = self._query(selection, root, type_, details)
        try:
            return asking.engine.prepare(rights.snapshot, rights.access, query)
        except ReflectorError as error:
            raise Fault(error, _place(root, details)) from error

    def _query(self, selection: Selection, root: Root, type_: GraphQLObjectType, details: Details) -> Query:
        name = details[0].node.name.value
        path = f"$.selectionSet.{name}"
        field = type_.fields[name]
        arguments: dict[str, Any] = selection.arguments.settle_all(selection.arguments.of(details))
        table = root.table
        returning = selection.written(table, field, details, path)
        match root.asked:
            case Asked.INSERT:
                values = self._values(table.creatable, arguments["object"], f"{path}.args.object")
                return Insert(table.table, values, returning=returning, keyed=False)
            case Asked.UPDATE:
                if arguments.get("_set") is None:
                    raise Fault(InvalidRequest("at least any one of _set is expected"), f"{path}.args")
                where = selection.conditions.by_key(key_of(table), arguments["pk_columns"], f"{path}.args.pk_columns")
                values = self._values(table.updatable, arguments["_set"], f"{path}.args._set")
                return Update(table.table, where, values, returning=returning)
            case _:
                where = selection.conditions.by_key(key_of(table), arguments, f"{path}.args")
                return Delete(table.table, where, returning)

    def _values(self, columns: Mapping[str, Any], given: Mapping[str, Any], path: str) -> tuple[Assignment, ...]:
        values: list[Assignment] = []
        for name, each in given.items():
            column = columns[name]
            try:
                value = written_value(column, each, sized=self.context_value.sized)
            except ReflectorError as error:
                raise Fault(error, f"{path}.{name}") from error
            values.append(Assignment(column, Literal(value, column.type)))
        return tuple(values)


def spliced(body: bytes | None) -> Any:
    """JSON of the database's, to stand in the response as it is."""
    return None if body is None else orjson.Fragment(body)


def _place(root: Root, details: Details) -> str:
    """What of a mutation is at fault when the database, or a check, refuses it."""
    path = f"$.selectionSet.{details[0].node.name.value}.args"
    match root.asked:
        case Asked.INSERT:
            return f"{path}.object"
        case Asked.UPDATE:
            return f"{path}._set"
        case _:
            return path
