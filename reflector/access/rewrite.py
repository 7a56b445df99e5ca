"""Access rewrites the question; it never sieves the answer.

`rewrite` takes a caller's query and the grant of their roles and gives the query that may be asked: row rules on each
read and inside each `Exists` of the caller, columns visible in some rows as `Guarded`, writes with their rows,
presets and checks.

Rule: what a rule itself reads is read as the definer: the filters of a grant are put in as they are and never visited
again. Everything a caller wrote is visited, node by node, and nothing they wrote is dropped.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from reflector.access.conditions import Conditions
from reflector.access.fitting import fitting_rights
from reflector.access.permissions import CreateRight, Grants, TableGrant, UpdateRight, combine, open_permission
from reflector.access.row_order import as_given, settled, settled_related
from reflector.catalog.model import Function, Relationship, Table
from reflector.errors import Forbidden, InternalError, InvalidRequest, UnknownColumn
from reflector.query.calls import Call, Gathered
from reflector.query.expressions import grouped
from reflector.query.nodes import (
    TRUE,
    Apart,
    Counted,
    Delete,
    Embed,
    Field,
    Filter,
    FixedText,
    Group,
    Insert,
    Output,
    Overview,
    Query,
    Read,
    Selected,
    Spread,
    Update,
    all_of,
    any_of,
)
from reflector.query.spreads import lifted
from reflector.query.walk import masked_in


def rewrite(query: Query, grants: Grants) -> tuple[Query, ...]:
    """The query with the rules of `grants` in it; raises Forbidden for what no rule allows.

    One query, but for a write that several rights of the caller allow in different ways (rows, checks or presets of
    their own): then one per right, to be tried in turn, so that a row found by one right is never judged by the check
    of another.
    """
    return Rewriter(grants).query(query)


class Rewriter(Conditions):
    """One rewrite. Every method takes the grant of the table whose row is in hand, or finds it."""

    def query(self, query: Query) -> tuple[Query, ...]:
        match query:
            case Read():
                return (self.read(query),)
            case Overview(select=select):
                return (replace(query, select=tuple(self.apart(member) for member in select)),)
            case Insert():
                return self.insert(query)
            case Update():
                return self.update(query)
            case Delete():
                return (self.delete(query),)
            case _:
                assert_never(query)

    # ── functions ────────────────────────────────────────────────────────────────────────────

    def call(self, call: Call) -> Call:
        """The call, with the rules of columns on what it gives. Which rows that are is the function's own matter."""
        function = call.function
        self.may_call(function)
        if call.handler is not None:
            self.may_gather(call.handler)
        if call.read is None:
            return call
        table = call.read.table
        if function.of_table:
            grant = replace(self.grant(table), read_rows=TRUE)
        else:
            grant = combine(table, (open_permission(table, writable=False),))
        return replace(call, read=as_given(self.rewritten(call.read, grant), grant))

    def gathered(self, query: Gathered) -> Gathered:
        """The same of those rows and cells that may be seen."""
        self.may_gather(query.function)
        return replace(query, read=self.read(query.read))

    def may_gather(self, handler: Function) -> None:
        if not handler.features:
            self.may_call(handler)

    # ── reads ────────────────────────────────────────────────────────────────────────────────

    def read(self, read: Read) -> Read:
        grant = self.grant(read.table)
        return settled(self.rewritten(read, grant), grant)

    def rewritten(self, read: Read, grant: TableGrant) -> Read:
        """The read under the rules, in no other order than it was asked for."""
        return replace(
            read,
            select=self.members(read.select, grant),
            where=all_of(grant.read_rows, self.filter(read.where, grant)),
            after=self.filter(read.after, grant),
            order=tuple(replace(each, expression=self.expression(each.expression, grant)) for each in read.order),
        )

    def apart(self, member: Selected) -> Selected:
        """A member about no row."""
        match member:
            case Apart(label=label, read=read):
                return Apart(label, self.read(read))
            case Group(label=label, select=select):
                return Group(label, tuple(self.apart(each) for each in select))
            case Output(expression=FixedText()):
                return member
            case Output(label=label, expression=Counted(via=Table() as table) as count):
                return Output(label, self.counted(count, table))
            case _:
                raise InternalError("a document about no row asks for what only a row has")

    def members(self, select: tuple[Selected, ...], grant: TableGrant) -> tuple[Selected, ...]:
        members = tuple(each for member in select for each in self.selected(member, grant))
        if grouped(members) and (column := masked_in(members)) is not None:
            # Groups would tell which values are equal, and how many.
            raise UnknownColumn(
                grant.table.label, column.name, [each.name for each in grant.columns if each is not column]
            )
        return members

    def selected(self, member: Selected, grant: TableGrant) -> tuple[Selected, ...]:
        if isinstance(member, Spread):
            return self.spread(member, grant)
        return (self.member(member, grant),)

    def spread(self, spread: Spread, grant: TableGrant) -> tuple[Selected, ...]:
        relationship = spread.relationship
        inner, through = self.related_rows(relationship, spread.read)
        members = lifted(Spread(relationship, inner, self.near_rows(relationship, grant), through))
        if grouped(members) and not grant.aggregate:
            raise Forbidden(f"you may not aggregate {grant.table.label}")
        return members

    def member(self, member: Output | Embed | Group | Apart, grant: TableGrant) -> Selected:
        match member:
            case Output(label=label, expression=Field(column=column)) if column in grant.masked:
                return Output(label, grant.shown(column) or Field(column))
            case Output(label=label, expression=expression, form=form):
                return Output(label, self.expression(expression, grant), form)
            case Embed(label=label, relationship=relationship, read=read):
                inner, through = self.related_rows(relationship, read)
                return Embed(label, relationship, inner, self.near_rows(relationship, grant), through)
            case Group(label=label, select=select):
                return Group(label, self.members(select, grant))
            case Apart():
                return self.apart(member)
            case _:
                assert_never(member)

    def related_rows(self, relationship: Relationship, read: Read) -> tuple[Read, Filter]:
        """The read of the related rows, and which rows of the junction count."""
        grant = self.grant(read.table)
        inner = self.rewritten(read, grant)
        inner = replace(inner, where=all_of(self.far_rows(relationship), inner.where))
        through = self.junction_rows(relationship)
        return settled_related(relationship, inner, grant, through), through

    # ── writes ───────────────────────────────────────────────────────────────────────────────

    def insert(self, query: Insert) -> tuple[Insert, ...]:
        rights = self.write_grant(query.table).creates
        given = frozenset(each.column for each in query.values)
        fitting = fitting_rights(query.table, given, rights, "insert into")
        returning = self.returning(query.returning)
        return tuple(
            replace(query, values=query.values + right.presets, check=self.check(query, right), returning=returning)
            for right in fitting
        )

    def update(self, query: Update) -> tuple[Update, ...]:
        rights = self.write_grant(query.table).updates
        given = frozenset(each.column for each in query.values)
        fitting = fitting_rights(query.table, given, rights, "update")
        where = self.found(query.where, query.table)
        returning = self.returning(query.returning)
        return tuple(
            replace(
                query,
                where=all_of(right.rows, where),
                values=query.values + right.presets,
                check=self.check(query, right),
                returning=returning,
            )
            for right in fitting
        )

    def delete(self, query: Delete) -> Delete:
        grant = self.write_grant(query.table)
        if not grant.deletes:
            raise Forbidden(f"you may not delete from {query.table.label}")
        rows = any_of(*(right.rows for right in grant.deletes))
        where = all_of(rows, self.found(query.where, query.table))
        return replace(query, where=where, returning=self.returning(query.returning))

    def found(self, where: Filter, table: Table) -> Filter:
        """The rows that a write may find: those that the caller sees. What is changed would else tell what `where` says
        of rows out of sight."""
        grant = self.grant(table)
        return all_of(grant.read_rows, self.filter(where, grant))

    def returning(self, read: Read | None) -> Read | None:
        if read is not None and grouped(read.select):
            raise InvalidRequest("what is answered of written rows cannot be aggregated")
        return None if read is None else self.rewritten(read, self.grant(read.table))

    def write_grant(self, table: Table) -> TableGrant:
        grant = self.grants.on(table)
        if grant is None:
            raise InternalError(f"a query writes {table.label}, which its roles may not")
        return grant

    def check(self, query: Insert | Update, right: CreateRight | UpdateRight) -> Filter:
        """The right's check, and the query's own if it has one."""
        own = TRUE if query.check == TRUE else self.filter(query.check, self.grant(query.table))
        return all_of(right.check, own)
