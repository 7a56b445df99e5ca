"""A question about a table as the core's `Read`: members, filters, order, embedded resources.

An inner embedded resource is a condition of its parent: that such rows exist. A null filter on one is the same, or its
opposite.

Rule: nothing that was written is left out: it is in the tree, or the request ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from reflector.catalog.model import Catalog, DatabaseKind, Relationship
from reflector.datatypes import Kind
from reflector.errors import LimitExceeded
from reflector.query.casts import CASTS
from reflector.query.cost import rows_of
from reflector.query.expressions import grouped, type_of
from reflector.query.forms import USUAL, Form
from reflector.query.native import is_sortable
from reflector.query.nodes import (
    FALSE,
    Cast,
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
    Spread,
    all_of,
    any_of,
)
from reflector.query.represented import plain, shown
from reflector.query.scope import Scope, TableScope
from server.apis.postgrest.faults import PostgrestError, refusal
from server.apis.postgrest.grammar import nodes
from server.apis.postgrest.grammar.limits import LIMITS, Limits
from server.apis.postgrest.grammar.questions import not_embedded
from server.apis.postgrest.lowering.comparing import Comparing
from server.apis.postgrest.lowering.expressions import cast_to, counted_rows, field_of, is_named, selected_of
from server.apis.postgrest.lowering.groups import check_groups, check_order_of_groups, no_order, order_of_ties
from server.apis.postgrest.lowering.relationships import relationship_of
from server.apis.postgrest.lowering.zoned import UTC, Clock
from server.apis.postgrest.ranges import Window


@dataclass(frozen=True, eq=False, slots=True)
class Relative:
    """An embedded resource whose relationship is known, and what is read of it."""

    written: nodes.Embed
    relationship: Relationship
    read: Read

    @property
    def exists(self) -> Filter:
        """That the resource is there: what is embedded of many rows is nothing where their page is empty."""
        if self.read.limit == 0:
            return FALSE
        beyond = self.read.offset if isinstance(self.read.offset, int) else 0
        if beyond and self.relationship.function is not None:
            raise refusal(
                "PGRST127", "Feature not implemented", "an offset of rows that a function gives, and a filter by them"
            )
        return Exists(self.relationship, self.read.where, beyond=beyond)


@dataclass(frozen=True, eq=False, slots=True)
class Lowering:
    """What reads one request. `rows` is the most that any list of it may hold. `represents`: domains show their values in
    their own way. `clock` is the client's, `form` how the values of a row are written. `legacy_targets`: what has an alias
    answers to the relation's name too."""

    scope: Scope
    catalog: Catalog
    rows: int
    limits: Limits = LIMITS
    may_aggregate: bool = False
    represents: bool = True
    clock: Clock = UTC
    form: Form = USUAL
    legacy_targets: bool = True

    def read(self, table: TableScope, level: nodes.Level, window: Window, *, count: bool = False) -> Read:
        """The rows of a table that a level and a window ask for; raises PostgrestError, RequestError."""
        related = [self._related(table, each) for each in level.embeds]
        window = window.capped(self.rows)
        members = self._members(table, level, related)
        order = tuple(each for term in level.order for each in self._order(table, term, related))
        if grouped(members):
            check_groups(members, self.catalog.kind)
            check_order_of_groups(table, members, order)
            order += order_of_ties(members, order, self.catalog.kind)
        read = Read(
            table.table,
            members,
            where=self._where(table, level, related),
            order=order,
            limit=window.limit,
            offset=window.offset or None,
            count=count,
        )
        return self._affordable(read)

    def found(self, table: TableScope, level: nodes.Level) -> Filter:
        """Which rows a level without embedded ones is about; raises PostgrestError, RequestError."""
        return self._where(table, level, [])

    def _affordable(self, read: Read) -> Read:
        """The read; raises LimitExceeded where it could bring more rows than somebody said that it may."""
        if self.limits.cost is not None and (rows := rows_of(read)) > self.limits.cost:
            said = f"the answer could hold {rows} rows, and {self.limits.cost} is the most"
            raise LimitExceeded(said, hint="give a limit at each level")
        return read

    # ── embedded resources ───────────────────────────────────────────────────────────────────

    def _related(self, table: TableScope, embed: nodes.Embed) -> Relative:
        relationship = relationship_of(self.catalog, self.scope, table, embed)
        target = self.scope.on(relationship.target)
        level = embed.level
        spread_one = embed.spread and not relationship.many
        # Related rows are documents, whatever the rows themselves are; those of a spread of one are the row's own values.
        inner = self if spread_one or not self.form.plain else replace(self, form=Form(self.form.zone))
        read = inner.read(target, level, Window(level.offset, level.limit))
        if not relationship.many:
            beyond = level.limit == 0 or level.offset > 0
            read = Read(read.table, read.select, where=FALSE if beyond else read.where)
        return Relative(embed, relationship, read)

    # ── members ──────────────────────────────────────────────────────────────────────────────

    def _members(self, table: TableScope, level: nodes.Level, related: Sequence[Relative]) -> tuple[Selected, ...]:
        """The members in their order; of several with one key the last holds, as in any JSON object."""
        waiting = iter(related)
        found: dict[str, Selected] = {}
        for each in level.selected:
            match each:
                case nodes.Star():
                    found |= {name: Output(name, Field(column)) for name, column in table.answered.items()}
                case nodes.Column():
                    chosen = selected_of(table, each, self.catalog.kind, may_aggregate=self.may_aggregate)
                    found[each.label] = Output(each.label, chosen)
                case nodes.Count():
                    count = cast_to(counted_rows(may_aggregate=self.may_aggregate), each.cast)
                    found[each.label] = Output(each.label, count)
                case nodes.Embed():
                    self._embed(found, next(waiting))
        members = tuple(found.values())
        if grouped(members) or not self.represents:
            members = tuple(map(plain, members))
        else:
            members = tuple(shown(each, table.masked) for each in members)
        return tuple(map(self._formed, members))

    def _formed(self, member: Selected) -> Selected:
        """The member in the form of the answer."""
        if not isinstance(member, Output):
            return member
        form = self.form.of(type_of(member.expression))
        return member if form is None else replace(member, form=form)

    def _embed(self, found: dict[str, Selected], related: Relative) -> None:
        written = related.written
        if not written.level.selected:
            return
        if not written.spread:
            found[written.label] = Embed(written.label, related.relationship, related.read)
        elif related.read.select:
            if related.relationship.many and grouped(related.read.select):
                raise no_spread_aggregates(written.name)
            # A spread has no key of its own: no member may take its place.
            found[f"...{len(found)}"] = Spread(related.relationship, related.read)

    # ── which rows ───────────────────────────────────────────────────────────────────────────

    def _where(self, table: TableScope, level: nodes.Level, related: Sequence[Relative]) -> Filter:
        by_name = self._by_name(related)
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
        if embedded is not None and embedded.written.label != field.name and is_named(table, field.name):
            # What is embedded has a name of its own, so that the column's is the column's.
            embedded = None
        if embedded is not None:
            if isinstance(operation, nodes.Is) and operation.what in {"null", "not_null"}:
                return Not(embedded.exists) if operation.what == "null" else embedded.exists
            if not is_named(table, field.name):
                raise bad_operator(field.name)
        expression = field_of(table, field, self.catalog.kind)
        return Comparing(self.catalog.kind, self.limits, self.clock).filter(expression, operation)

    # ── order ────────────────────────────────────────────────────────────────────────────────

    def _order(self, table: TableScope, term: nodes.Term, related: Sequence[Relative]) -> Iterator[Order]:
        if term.relation is None:
            expression = field_of(table, term.field, self.catalog.kind)
        else:
            expression = self._related_field(table, term.relation, term.field, self._by_name(related))
        if not is_sortable(type_of(expression), self.catalog.kind):
            raise no_order(type_of(expression), "an ordering")
        nulls_last = None if term.nulls_first is None else not term.nulls_first
        if type_of(expression).kind is Kind.JSON and self.catalog.kind is not DatabaseKind.POSTGRESQL:
            # PostgreSQL orders documents by their values; elsewhere they are texts, in which 100 comes before 20.
            yield Order(Cast(expression, CASTS["numeric"]), term.descending, nulls_last)
        yield Order(expression, term.descending, nulls_last)

    def _related_field(
        self, table: TableScope, name: str, field: nodes.Field, related: Mapping[str, Relative]
    ) -> Expression:
        embedded = related.get(name)
        if embedded is None:
            raise not_embedded(name)
        if embedded.relationship.many:
            raise not_to_one(table.table.name, name)
        target = self.scope.on(embedded.relationship.target)
        return Related(embedded.relationship, field_of(target, field, self.catalog.kind), embedded.read.where)

    def _by_name(self, related: Sequence[Relative]) -> Mapping[str, Relative]:
        """Embedded resources by label, and behind that by relation."""
        by_relation = {each.written.name: each for each in reversed(related)} if self.legacy_targets else {}
        return by_relation | {each.written.label: each for each in reversed(related)}


def no_spread_aggregates(name: str) -> PostgrestError:
    """The error for aggregates of rows that become arrays."""
    return refusal(
        "PGRST127",
        "Feature not implemented",
        f"Aggregates are not implemented for one-to-many or many-to-many spreads: '...{name}()'",
    )


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
