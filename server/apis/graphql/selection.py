"""What an operation selects, as members of the core's documents.

    book(where: …) {title author {name} review_aggregate {aggregate {count}}}
    → Apart(Read(book, Output(title), Embed(author, …), Group(review_aggregate, Group(aggregate, Output(Counted)))))

Rule: how many rows an operation can answer is known before the database is asked. Related rows come in the order of
their key unless said otherwise, and no more than EMBEDDED_ROWS under each row where no `limit` is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, cast

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    get_named_type,
)
from graphql.execution import Executor

from reflector.catalog.model import Relationship
from reflector.errors import InvalidValue, LimitExceeded
from reflector.query.nodes import (
    TRUE,
    Apart,
    Counted,
    Embed,
    Expression,
    Field,
    Filter,
    FixedText,
    Group,
    Order,
    Output,
    Read,
    Selected,
)
from reflector.query.operators import Takes
from reflector.query.scope import TableScope
from server.apis.graphql.arguments import Arguments, Details
from server.apis.graphql.conditions import Conditions
from server.apis.graphql.errors import Fault
from server.apis.graphql.schema import AGGREGATE, Asked, Root, key_of
from server.callers import Rights

EMBEDDED_ROWS: Final = 100
"""Rows that a relationship to many answers for each row where no limit is given."""
EMBEDS: Final = 50
"""Relationships of one operation."""
MEMBERS: Final = 2_000
"""Values of one operation, each selected one counted once."""


class Selection:
    """Reads what one operation selects. `waiting`: as `Conditions` has it."""

    def __init__(self, executor: Executor[Any], rights: Rights, waiting: frozenset[Takes] = frozenset()) -> None:
        self.executor = executor
        self.rights = rights
        self.scope = rights.access.scope
        self.arguments = Arguments(executor.variable_values)
        self.conditions = Conditions(self.scope, rights.limits, self.arguments, waiting)
        self.embeds = self.members = self.rows = 0

    # ── root fields ──────────────────────────────────────────────────────────────────────────

    def root(self, root: Root, type_: GraphQLObjectType, details: Details) -> Selected:
        """A root field of a query, as a member of an overview."""
        node = details[0].node
        name = node.name.value
        field = type_.fields[name]
        path = f"$.selectionSet.{name}"
        arguments = self.arguments.of(details)
        match root.asked:
            case Asked.BY_KEY:
                where = self.conditions.by_key(key_of(root.table), arguments, f"{path}.args")
                select, below = self.document(root.table, named(field), details, path, 0)
                member: Selected = Apart("", Read(root.table.table, select, where=where, single=True))
                rows = 1 + below
            case Asked.LIST:
                select, below = self.document(root.table, named(field), details, path, 0)
                read = self.listed(root.table, arguments, path, select, self.rights.limits.rows)
                member, rows = Apart("", read), _most(read) * (1 + below)
            case _:
                member, rows = self.aggregate(root.table, None, field, details, path, "", 0)
        self.rows += rows
        if self.rows > self.rights.limits.tree:
            said = f"this operation could answer {self.rows} rows, and {self.rights.limits.tree} is the most"
            raise Fault(LimitExceeded(said, hint="give a limit at each level"), path)
        return member

    def written(self, table: TableScope, field: GraphQLField, details: Details, path: str) -> Read:
        """What a mutation answers of its row."""
        select, below = self.document(table, named(field), details, path, 0)
        if below > self.rights.limits.tree:
            raise Fault(LimitExceeded(f"a row with all that is selected could hold {below} rows"), path)
        return Read(table.table, select, single=True)

    # ── objects ──────────────────────────────────────────────────────────────────────────────

    def document(
        self, table: TableScope, type_: GraphQLObjectType, details: Details, path: str, depth: int
    ) -> tuple[tuple[Selected, ...], int]:
        """The members of a row, and how many rows each row can bring with it."""
        below = 0
        members: list[Selected] = []
        for label, inner in self.executor.collect_subfields(type_, details).grouped_field_set.items():
            name = inner[0].node.name.value
            if name == "__typename":
                members.append(self.output(label, FixedText(type_.name), path))
            elif (column := table.answered.get(name)) is not None:
                members.append(self.output(label, Field(column), path))
            else:
                member, rows = self.related(table, type_.fields[name], label, inner, path, depth)
                members.append(member)
                below += rows
        return tuple(members), below

    def output(self, label: str, expression: Expression, path: str) -> Output:
        self.members += 1
        if self.members > MEMBERS:
            raise Fault(LimitExceeded(f"an operation selects at most {MEMBERS} values"), path)
        return Output(label, expression)

    def related(
        self, table: TableScope, field: GraphQLField, label: str, details: Details, path: str, depth: int
    ) -> tuple[Selected, int]:
        name = details[0].node.name.value
        path = f"{path}.selectionSet.{name}"
        relationship = table.relationships.get(name)
        self.embeds += 1
        if depth >= self.rights.limits.depth:
            raise Fault(
                LimitExceeded(f"a selection goes through at most {self.rights.limits.depth} relationships"), path
            )
        if self.embeds > EMBEDS:
            raise Fault(LimitExceeded(f"an operation has at most {EMBEDS} relationships"), path)
        if relationship is None:
            relationship = table.relationship(name.removesuffix(AGGREGATE))
            target = self.scope.on(relationship.target)
            return self.aggregate(target, relationship, field, details, path, label, depth + 1)
        target = self.scope.on(relationship.target)
        select, below = self.document(target, named(field), details, path, depth + 1)
        if not relationship.many:
            return Embed(label, relationship, Read(target.table, select)), 1 + below
        read = self.listed(target, self.arguments.of(details), path, select, EMBEDDED_ROWS)
        return Embed(label, relationship, read), _most(read) * (1 + below)

    # ── aggregates ───────────────────────────────────────────────────────────────────────────

    def aggregate(
        self,
        table: TableScope,
        via: Relationship | None,
        field: GraphQLField,
        details: Details,
        path: str,
        label: str,
        depth: int,
    ) -> tuple[Group, int]:
        """`{aggregate {count} nodes {…}}`, of a table or of related rows, and how many rows it can bring."""
        rows = EMBEDDED_ROWS if via is not None else self.rights.limits.rows
        arguments = self.arguments.of(details)
        page = self.listed(table, arguments, path, (), rows)
        limit = page.limit if self.amount(arguments, "limit", path) is not None else None
        counted = Counted(via or table.table, page.where, _whole(limit), _whole(page.offset))
        type_ = named(field)
        members: list[Selected] = []
        below = 0
        for key, inner in self.executor.collect_subfields(type_, details).grouped_field_set.items():
            name = inner[0].node.name.value
            if name == "__typename":
                members.append(self.output(key, FixedText(type_.name), path))
            elif name == "nodes":
                select, more = self.document(
                    table, named(type_.fields[name]), inner, f"{path}.selectionSet.nodes", depth
                )
                read = replace(page, select=select)
                members.append(Apart(key, read) if via is None else Embed(key, via, read))
                below += _most(read) * (1 + more)
            else:
                members.append(self.counts(key, named(type_.fields[name]), counted, inner, path))
        return Group(label, tuple(members)), below

    def counts(self, label: str, type_: GraphQLObjectType, counted: Counted, details: Details, path: str) -> Group:
        members = [
            self.output(key, FixedText(type_.name) if inner[0].node.name.value == "__typename" else counted, path)
            for key, inner in self.executor.collect_subfields(type_, details).grouped_field_set.items()
        ]
        return Group(label, tuple(members))

    # ── lists ────────────────────────────────────────────────────────────────────────────────

    def listed(
        self,
        table: TableScope,
        arguments: Mapping[str, Any],
        path: str,
        select: tuple[Selected, ...],
        rows: int,
    ) -> Read:
        """A list with its conditions, order and page; without `limit` it has at most `rows` rows."""
        where: Filter = TRUE
        if "where" in arguments:
            where = self.conditions.where(table, arguments["where"], f"{path}.args.where")
        order: tuple[Order, ...] = ()
        if (sorting := self.arguments.settle(arguments.get("order_by"))) is not None:
            order = self.conditions.order(table, sorting, f"{path}.args.order_by")
        sorted_by = {each.expression for each in order}
        last = tuple(
            each for each in (Order(Field(column)) for column in key_of(table)) if each.expression not in sorted_by
        )
        limit = self.amount(arguments, "limit", path)
        offset = self.amount(arguments, "offset", path)
        if offset is not None and offset > self.rights.limits.offset:
            raise Fault(LimitExceeded(f"offset is at most {self.rights.limits.offset}"), f"{path}.args.offset")
        most = min(rows if limit is None else limit, self.rights.limits.rows)
        return Read(table.table, select, where=where, order=order + last, limit=most, offset=offset or None)

    def amount(self, arguments: Mapping[str, Any], name: str, path: str) -> int | None:
        given = self.arguments.settle(arguments.get(name))
        if given is not None and given < 0:
            said = f'expected a non-negative 32-bit integer for type "Int", but found {given}'
            raise Fault(InvalidValue(said), f"{path}.args.{name}")
        return None if given is None else int(given)


def named(field: GraphQLField) -> GraphQLObjectType:
    """The object that a field leads to."""
    return cast("GraphQLObjectType", get_named_type(field.type))


def _most(read: Read) -> int:
    return read.limit if isinstance(read.limit, int) else 1


def _whole(count: object) -> int | None:
    return count if isinstance(count, int) else None
