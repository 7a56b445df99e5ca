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

from reflector.access.fitting import fitting_rights
from reflector.access.permissions import CreateRight, Grants, TableGrant, UpdateRight, combine, open_permission
from reflector.access.row_order import as_given, settled, settled_related
from reflector.catalog.model import Column, Function, Relationship, Table
from reflector.errors import Forbidden, InternalError, InvalidRequest, UnknownColumn
from reflector.query.aggregates import AggregateFunction
from reflector.query.calls import Call, Gathered
from reflector.query.expressions import aggregates, grouped, may_fail
from reflector.query.masks import Masked
from reflector.query.nodes import (
    TRUE,
    Aggregate,
    And,
    Apart,
    Cast,
    Compare,
    Computed,
    Counted,
    Delete,
    Embed,
    Exists,
    Expression,
    Field,
    Filter,
    FixedText,
    Group,
    Guarded,
    Insert,
    IsNull,
    JsonPath,
    Lowered,
    Not,
    Operand,
    Or,
    Outer,
    Output,
    Overview,
    Query,
    Read,
    Related,
    Selected,
    Spread,
    Update,
    all_of,
    any_of,
)
from reflector.query.reach import tables_inside
from reflector.query.represented import made
from reflector.query.spreads import lifted
from reflector.query.walk import masked_in, source_columns, target_columns


def rewrite(query: Query, grants: Grants) -> tuple[Query, ...]:
    """The query with the rules of `grants` in it; raises Forbidden for what no rule allows.

    One query, but for a write that several rights of the caller allow in different ways (rows, checks or presets of
    their own): then one per right, to be tried in turn, so that a row found by one right is never judged by the check
    of another.
    """
    return Rewriter(grants).query(query)


class Rewriter:
    """One rewrite. Every method takes the table whose row is in hand."""

    def __init__(self, grants: Grants) -> None:
        self.grants = grants

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

    def may_call(self, function: Function) -> None:
        if function not in self.grants.functions:
            raise Forbidden(f"you may not call {function.name}")

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

    def counted(self, count: Counted, table: Table, more: Filter = TRUE) -> Counted:
        """The count of those rows that may be seen."""
        grant = self.grant(table)
        if not grant.aggregate:
            raise InternalError(f"a query counts rows of {table.label}, which its roles may not")
        return replace(count, where=all_of(grant.read_rows, more, self.filter(count.where, grant)))

    def grant(self, table: Table) -> TableGrant:
        grant = self.grants.on(table)
        if grant is None or not grant.answered:
            raise InternalError(f"a query reads {table.label}, which its roles may not")
        return grant

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

    # ── relationships: both ends must be seen ────────────────────────────────────────────────

    def related_rows(self, relationship: Relationship, read: Read) -> tuple[Read, Filter]:
        """The read of the related rows, and which rows of the junction count."""
        grant = self.grant(read.table)
        inner = self.rewritten(read, grant)
        inner = replace(inner, where=all_of(self.far_rows(relationship), inner.where))
        through = self.junction_rows(relationship)
        return settled_related(relationship, inner, grant, through), through

    def near_rows(self, relationship: Relationship, grant: TableGrant) -> Filter:
        """On which rows the near end of the relationship may be seen; of a function, on every row."""
        if relationship.function is not None:
            self.may_call(relationship.function)
        return all_of(*(self.visible(column, grant) for column in source_columns(relationship)))

    def far_rows(self, relationship: Relationship) -> Filter:
        """On which target rows the far end may be seen."""
        target = self.grant(relationship.target)
        return all_of(*(self.visible(column, target) for column in target_columns(relationship)))

    def visible(self, column: Column, grant: TableGrant) -> Filter:
        rule = grant.columns.get(column)
        if rule is None:
            raise InternalError(f"a query uses {grant.table.label}.{column.name}, which its roles may not")
        return rule

    # ── expressions and filters ──────────────────────────────────────────────────────────────

    def expression(self, expression: Expression, grant: TableGrant) -> Expression:
        match expression:
            case Field(column=column):
                rule = self.visible(column, grant)
                return expression if rule == TRUE else Guarded(rule, expression)
            case Related(relationship=relationship, expression=inner, where=where):
                return self.related(relationship, inner, where, grant)
            case Lowered(expression=inner):
                return Lowered(self.expression(inner, grant))
            case JsonPath(expression=inner, path=path, text=text):
                return JsonPath(self.expression(inner, grant), path, text)
            case Cast(expression=inner, type=type_):
                return made(self.expression(inner, grant), type_)
            case Aggregate(function=function, expression=inner):
                return self.aggregate(function, inner, grant)
            case Computed(function=function):
                self.may_call(function)
                return expression
            case FixedText():
                return expression
            case Counted(via=Relationship() as via):
                count = self.counted(expression, via.target, self.far_rows(via))
                return replace(count, through=self.junction_rows(via), guard=self.near_rows(via, grant))
            case Counted(via=Table() as table):
                return self.counted(expression, table)
            case Outer() | Guarded() | Counted() | Masked():
                raise InternalError("a caller's query holds what only rules may hold")
            case _:
                assert_never(expression)

    def aggregate(self, function: AggregateFunction, inner: Expression | None, grant: TableGrant) -> Expression:
        """An aggregate of what may be seen, for whom every table that it tells of may be aggregated."""
        tables = [grant.table] if inner is None else [grant.table, *tables_inside(inner)]
        for table in tables:
            if not self.grant(table).aggregate:
                raise Forbidden(f"you may not aggregate {table.label}")
        return Aggregate(function, None if inner is None else self.expression(inner, grant))

    def related(self, relationship: Relationship, inner: Expression, where: Filter, grant: TableGrant) -> Expression:
        target = self.grant(relationship.target)
        rows = all_of(target.read_rows, self.far_rows(relationship), self.filter(where, target))
        related = Related(relationship, self.expression(inner, target), rows)
        near = self.near_rows(relationship, grant)
        return related if near == TRUE else Guarded(near, related)

    def filter(self, where: Filter, grant: TableGrant) -> Filter:
        match where:
            case Compare(expression=expression, comparison=comparison, operand=operand, exact=exact):
                return Compare(self.judged(expression, grant), comparison, self.operand(operand, grant), exact)
            case IsNull(expression=expression):
                return IsNull(self.judged(expression, grant))
            case And(parts=parts):
                return And(tuple(self.filter(part, grant) for part in parts))
            case Or(parts=parts):
                return Or(tuple(self.filter(part, grant) for part in parts))
            case Not(part=part):
                return Not(self.filter(part, grant))
            case Exists(via=via, where=inner, beyond=beyond):
                return self.exists(via, inner, grant, beyond)
            case _:
                assert_never(where)

    def judged(self, expression: Expression, grant: TableGrant) -> Expression:
        """What a filter asks about. A database may ask it before it asks the rule, so that a row out of sight must not
        be able to make it fail."""
        if aggregates(expression):
            raise InternalError("a filter asks of one row what only several give")
        rewritten = self.expression(expression, grant)
        seen = grant.read_rows
        return Guarded(seen, rewritten) if seen != TRUE and may_fail(expression) else rewritten

    def operand(self, operand: Operand, grant: TableGrant) -> Operand:
        if isinstance(operand, Field | Lowered | Outer):
            raise InternalError("a caller's query compares columns with one another")
        return operand

    def exists(self, via: Relationship | Table, inner: Filter, grant: TableGrant, beyond: int = 0) -> Filter:
        """An `Exists` over the rows that may be seen: a two-valued answer, also where the near end is hidden."""
        if isinstance(via, Table):
            raise InternalError("a caller's query reaches a table without a relationship")
        target = self.grant(via.target)
        rows = all_of(target.read_rows, self.far_rows(via), self.filter(inner, target))
        found = Exists(via, rows, self.junction_rows(via), beyond)
        near = self.near_rows(via, grant)
        if via.function is not None and grant.read_rows != TRUE:
            # A function may fail: it is not asked of rows out of sight.
            return Not(IsNull(Guarded(grant.read_rows, Related(via, FixedText(""), rows))))
        if near == TRUE:
            return found
        column = source_columns(via)[0]
        return all_of(Not(IsNull(Guarded(near, Field(column)))), found)

    def junction_rows(self, relationship: Relationship) -> Filter:
        """Which rows of the junction count: those the roles may read, with both of their ends in sight."""
        if relationship.junction is None:
            return TRUE
        grant = self.grant(relationship.junction.table)
        ends = [column for _, column in relationship.junction.near] + [
            column for column, _ in relationship.junction.far
        ]
        return all_of(grant.read_rows, *(self.visible(column, grant) for column in ends))

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
