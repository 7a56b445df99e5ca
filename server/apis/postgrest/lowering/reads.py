"""A question about a table as the core's `Read`: members, filters, order, embedded resources.

An inner embedded resource is a condition of its parent: that such rows exist. A null filter on one is the same, or its
opposite.

Rule: nothing that was written is left out: it is in the tree, or the request ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from reflector.catalog.model import Catalog, Column, Relationship
from reflector.query.nodes import (
    Embed,
    Exists,
    Expression,
    Field,
    Filter,
    Not,
    Order,
    Output,
    Read,
    Related,
    Selected,
    all_of,
    any_of,
)
from reflector.query.scope import Scope, TableScope
from server.apis.postgrest.faults import PostgrestError, refusal
from server.apis.postgrest.grammar import nodes
from server.apis.postgrest.grammar.limits import LIMITS, Limits
from server.apis.postgrest.grammar.questions import not_embedded
from server.apis.postgrest.lowering.operands import compared, not_offered
from server.apis.postgrest.lowering.relationships import relationship_of
from server.apis.postgrest.ranges import Window
from server.apis.postgrest.unknown import unknown_column


@dataclass(frozen=True, eq=False, slots=True)
class Relative:
    """An embedded resource whose relationship is known, and what is read of it."""

    written: nodes.Embed
    relationship: Relationship
    read: Read

    @property
    def exists(self) -> Filter:
        return Exists(self.relationship, self.read.where)


@dataclass(frozen=True, eq=False, slots=True)
class Lowering:
    """What reads one request. `rows` is the most that any list of it may hold."""

    scope: Scope
    catalog: Catalog
    rows: int
    limits: Limits = LIMITS

    def read(self, table: TableScope, level: nodes.Level, window: Window, *, count: bool = False) -> Read:
        """The rows of a table that a level and a window ask for; raises PostgrestError, RequestError."""
        related = [self._related(table, each) for each in level.embeds]
        window = window.capped(self.rows)
        return Read(
            table.table,
            self._members(table, level, related),
            where=self._where(table, level, related),
            order=tuple(self._order(table, term, related) for term in level.order),
            limit=window.limit,
            offset=window.offset or None,
            count=count,
        )

    # ── embedded resources ───────────────────────────────────────────────────────────────────

    def _related(self, table: TableScope, embed: nodes.Embed) -> Relative:
        relationship = relationship_of(self.catalog, table, embed)
        target = self.scope.on(relationship.target)
        level = embed.level
        read = self.read(target, level, Window(level.offset, level.limit))
        if not relationship.many:
            read = Read(read.table, read.select, where=read.where)
        return Relative(embed, relationship, read)

    # ── members ──────────────────────────────────────────────────────────────────────────────

    def _members(self, table: TableScope, level: nodes.Level, related: Sequence[Relative]) -> tuple[Selected, ...]:
        """The members in their order; of several with one key the last holds, as in any JSON object."""
        waiting = iter(related)
        found: dict[str, Selected] = {}
        for each in level.selected:
            match each:
                case nodes.Star():
                    found |= {name: Output(name, Field(column)) for name, column in table.readable.items()}
                case nodes.Column():
                    found[each.label] = Output(each.label, self._column(table, each))
                case nodes.Count():
                    raise no_aggregates()
                case nodes.Embed():
                    self._embed(found, next(waiting))
        return tuple(found.values())

    def _column(self, table: TableScope, written: nodes.Column) -> Expression:
        if written.aggregate is not None:
            raise no_aggregates()
        if written.field.name == "count" and not written.field.path and "count" not in table.readable:
            raise no_aggregates()
        if written.cast is not None:
            raise not_offered(f"::{written.cast}")
        return Field(self.column(table, written.field))

    def _embed(self, found: dict[str, Selected], related: Relative) -> None:
        written = related.written
        if written.spread:
            raise not_offered(f"...{written.name}()")
        if written.level.selected:
            found[written.label] = Embed(written.label, related.relationship, related.read)

    def column(self, table: TableScope, field: nodes.Field) -> Column:
        """A column that may be read; raises PostgrestError 42703."""
        if field.path:
            raise not_offered("->")
        found = table.readable.get(field.name)
        if found is None:
            raise unknown_column(table.table.name, field.name, table.readable)
        return found

    # ── which rows ───────────────────────────────────────────────────────────────────────────

    def _where(self, table: TableScope, level: nodes.Level, related: Sequence[Relative]) -> Filter:
        by_name = _by_name(related)
        inner = [each.exists for each in related if each.written.join is nodes.Join.INNER]
        return all_of(*(self._logic(table, each, by_name) for each in level.where), *inner)

    def _logic(self, table: TableScope, logic: nodes.Logic, related: Mapping[str, Relative]) -> Filter:
        match logic:
            case nodes.Junction(any_one, parts, negated):
                lowered = [self._logic(table, each, related) for each in parts]
                found = any_of(*lowered) if any_one else all_of(*lowered)
            case nodes.Condition(field, operation, negated):
                found = self._condition(table, field, operation, related)
            case _:
                assert_never(logic)
        return Not(found) if negated else found

    def _condition(
        self, table: TableScope, field: nodes.Field, operation: nodes.Operation, related: Mapping[str, Relative]
    ) -> Filter:
        embedded = None if field.path else related.get(field.name)
        if embedded is not None:
            if isinstance(operation, nodes.Is) and operation.what in {"null", "not_null"}:
                return Not(embedded.exists) if operation.what == "null" else embedded.exists
            if field.name not in table.readable:
                raise bad_operator(field.name)
        return compared(self.column(table, field), operation, self.limits)

    # ── order ────────────────────────────────────────────────────────────────────────────────

    def _order(self, table: TableScope, term: nodes.Term, related: Sequence[Relative]) -> Order:
        if term.relation is None:
            expression: Expression = Field(self.column(table, term.field))
        else:
            expression = self._related_field(table, term.relation, term.field, _by_name(related))
        return Order(expression, term.descending, None if term.nulls_first is None else not term.nulls_first)

    def _related_field(
        self, table: TableScope, name: str, field: nodes.Field, related: Mapping[str, Relative]
    ) -> Expression:
        embedded = related.get(name)
        if embedded is None:
            raise not_embedded(name)
        if embedded.relationship.many:
            raise not_to_one(table.table.name, name)
        target = self.scope.on(embedded.relationship.target)
        return Related(embedded.relationship, Field(self.column(target, field)), embedded.read.where)


def _by_name(related: Sequence[Relative]) -> Mapping[str, Relative]:
    """Embedded resources by relation, and before that by label."""
    by_relation = {each.written.name: each for each in reversed(related)}
    return by_relation | {each.written.label: each for each in reversed(related)}


def no_aggregates() -> PostgrestError:
    """The error where aggregates are not switched on."""
    return refusal("PGRST123", "Use of aggregate functions is not allowed")


def bad_operator(name: str) -> PostgrestError:
    """The error for any question to an embedded resource but whether it is null."""
    return refusal(
        "PGRST120",
        f"Bad operator on the '{name}' embedded resource",
        "Only is null or not is null filters are allowed on embedded resources",
    )


def not_to_one(table: str, name: str) -> PostgrestError:
    """The error for an order by one of many related rows."""
    return refusal(
        "PGRST118",
        f"A related order on '{name}' is not possible",
        f"'{table}' and '{name}' do not form a many-to-one or one-to-one relationship",
    )
