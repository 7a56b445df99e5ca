"""What a caller asks of rows, under the rules: expressions and filters as those may be asked who may see some of it.

A column visible in some rows becomes `Guarded`; a relationship is there where both of its ends and its junction are in
sight; an `Exists` and a count are of the rows that may be seen.

Rule: everything a caller wrote is visited, node by node; the filters of a grant are put in as they are, and never visited
again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from reflector.access.permissions import Grants, TableGrant
from reflector.catalog.model import Column, Function, Relationship, Table
from reflector.errors import Forbidden, InternalError
from reflector.query.aggregates import AggregateFunction
from reflector.query.expressions import aggregates, may_fail
from reflector.query.masks import Masked
from reflector.query.nodes import (
    TRUE,
    Aggregate,
    And,
    Cast,
    Compare,
    Computed,
    Counted,
    Exists,
    Expression,
    Field,
    Filter,
    FixedText,
    Guarded,
    IsNull,
    JsonPath,
    Lowered,
    Not,
    Operand,
    Or,
    Outer,
    Related,
    all_of,
)
from reflector.query.reach import tables_inside
from reflector.query.represented import made
from reflector.query.walk import source_columns, target_columns


class Conditions:
    """What the roles of `grants` may ask. Every method takes the grant of the table whose row is in hand."""

    def __init__(self, grants: Grants) -> None:
        self.grants = grants

    def grant(self, table: Table) -> TableGrant:
        grant = self.grants.on(table)
        if grant is None or not grant.answered:
            raise InternalError(f"a query reads {table.label}, which its roles may not")
        return grant

    def may_call(self, function: Function) -> None:
        if function not in self.grants.functions:
            raise Forbidden(f"you may not call {function.name}")

    # ── relationships: both ends must be seen ────────────────────────────────────────────────

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

    def junction_rows(self, relationship: Relationship) -> Filter:
        """Which rows of the junction count: those the roles may read, with both of their ends in sight."""
        if relationship.junction is None:
            return TRUE
        grant = self.grant(relationship.junction.table)
        ends = [column for _, column in relationship.junction.near] + [
            column for column, _ in relationship.junction.far
        ]
        return all_of(grant.read_rows, *(self.visible(column, grant) for column in ends))

    # ── expressions ──────────────────────────────────────────────────────────────────────────

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

    def counted(self, count: Counted, table: Table, more: Filter = TRUE) -> Counted:
        """The count of those rows that may be seen."""
        grant = self.grant(table)
        if not grant.aggregate:
            raise InternalError(f"a query counts rows of {table.label}, which its roles may not")
        return replace(count, where=all_of(grant.read_rows, more, self.filter(count.where, grant)))

    # ── filters ──────────────────────────────────────────────────────────────────────────────

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
