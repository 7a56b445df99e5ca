"""What a trial asks of the engine: the caller's own query, through the caller's scope, as the APIs ask it.

Rule: whatever the caller names is looked up in their scope, and refused there or by the rules, never here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from reflector.catalog.model import Column, Function, Table
from reflector.errors import Forbidden, InvalidRequest, UnknownTable
from reflector.query.calls import Call, Given
from reflector.query.conditions import ConditionReader
from reflector.query.faults import FaultList
from reflector.query.nodes import (
    TRUE,
    Assignment,
    Embed,
    Field,
    Filter,
    Insert,
    Literal,
    Order,
    Output,
    Read,
    Selected,
)
from reflector.query.scope import Scope, TableScope
from reflector.query.sets import AnyQuery, Change, DeleteMany, InsertMany, UpdateMany, given_rows
from reflector.snapshot import Access
from server.config import EffectiveLimits
from server.config.values import thaw
from server.trials.aggregates import selected
from server.trials.trial import Bound, exact, rows_of, typed

MOST_RELATED = 1000


class Asking:
    """Makes the queries of one trial for one caller; every method raises what the caller is refused with."""

    def __init__(self, bound: Bound, access: Access, limits: EffectiveLimits) -> None:
        self.bound, self.access, self.limits = bound, access, limits
        self.said = bound.trial.said

    def queries(self) -> Sequence[AnyQuery]:
        """What is asked: one query, but for an update that says no values, which asks by each right in turn."""
        if self.bound.table is None:
            return (self.call(self.bound.functions),)
        table = self.access.scope.table(self.bound.table.label)
        match self.bound.trial.verb:
            case "read":
                return (self.read(table),)
            case "aggregate":
                return (self.aggregate(table),)
            case "create":
                return (self.create(table),)
            case "update":
                return self.update(table)
            case _:
                return (self.delete(table),)

    # ── reads ────────────────────────────────────────────────────────────────────────────────

    def read(self, table: TableScope) -> Read:
        """The rows, with the columns that the trial looks at, or all that the caller may read."""
        _readable(table)
        select = members(self.access.scope, table, self.wanted(table))
        if not select:
            raise InvalidRequest(f"no column of {table.table.label} may be read")
        return Read(
            table.table, select, where=self.filter(table), order=key_order(table), limit=self.limits.rows, count=True
        )

    def wanted(self, table: TableScope) -> Mapping[str, Any]:
        """Names of columns and relationships, each with what is wanted below it."""
        said, wanted = self.said, dict[str, Any]()
        for row in (*rows_of(said.rows if not isinstance(said.rows, int) else ()), *rows_of(said.sees)):
            merge(wanted, row)
        for name in said.fields or ():
            wanted.setdefault(name, None)
        if said.keys is not None:
            wanted |= {column.name: None for column in _key(table.table)}
        for name in said.hidden or ():
            if name in table.answered:
                wanted[name] = None
        return wanted or dict.fromkeys(table.answered)

    def aggregate(self, table: TableScope) -> Read:
        """How many rows there are and what else is asked of them together, for whoever may aggregate."""
        _readable(table)
        return Read(table.table, selected(table, self.said), where=self.filter(table))

    def filter(self, table: TableScope) -> Filter:
        """The caller's own filter, read as the APIs read theirs."""
        if self.said.filter is None:
            return TRUE
        _readable(table)
        faults = FaultList()
        reader = ConditionReader(self.access.scope, self.limits, faults)
        where = reader.document(table, thaw(self.said.filter), "filter")
        faults.check()
        return where

    # ── writes ───────────────────────────────────────────────────────────────────────────────

    def create(self, table: TableScope) -> Insert | InsertMany:
        if not table.may_create:
            raise Forbidden(f"you may not insert into {table.table.label}")
        rows = [self.row(table.creatable_column, row) for row in rows_of(self.said.values)]
        if isinstance(self.said.values, Mapping):
            assigned = tuple(Assignment(column, Literal(value, column.type)) for column, value in rows[0].items())
            return Insert(table.table, assigned, returning=self.returning(single=True), keyed=self.keyed)
        return InsertMany(table.table, given_rows(rows, defaults=True), returning=self.returning(), keyed=self.keyed)

    def update(self, table: TableScope) -> Sequence[UpdateMany]:
        if not table.may_update:
            raise Forbidden(f"you may not update {table.table.label}")
        where = self.filter(table)
        if self.said.values is None:
            # A column that becomes what it is changes nothing, and is judged by every rule.
            ways = ([Change(each, Field(each))] if each else [] for each in touched(self.access, table.table))
            return [UpdateMany(table.table, where, tuple(changes), keyed=self.keyed) for changes in ways]
        (row,) = [self.row(table.updatable_column, row) for row in rows_of(self.said.values)]
        changes = tuple(Change(column, Literal(value, column.type)) for column, value in row.items())
        return [UpdateMany(table.table, where, changes, returning=self.returning(), keyed=self.keyed)]

    def delete(self, table: TableScope) -> DeleteMany:
        if not table.may_delete:
            raise Forbidden(f"you may not delete from {table.table.label}")
        return DeleteMany(table.table, self.filter(table), keyed=False)

    @property
    def keyed(self) -> bool:
        """Whether the written rows are to be found again; whoever only writes need not be allowed to read anything."""
        return bool(self.said.sets)

    def row(self, column: Any, row: Mapping[str, Any]) -> dict[Column, Any]:
        found = [(column(name), given) for name, given in row.items()]
        return {each: typed(each, given) for each, given in found}

    def returning(self, *, single: bool = False) -> Read | None:
        """The written rows as they are in the table, whoever may read them."""
        table = self.bound.table
        if not self.said.sets or table is None:
            return None
        select = tuple(Output(name, Field(table.by_name[name])) for name in self.said.sets)
        return Read(table, select, single=single)

    # ── functions ────────────────────────────────────────────────────────────────────────────

    def call(self, functions: Iterable[Function]) -> Call:
        """The call of the function that takes these arguments."""
        given, names = thaw(self.said.arguments or {}), self.said.target
        fitting = [each for each in functions if _takes(each, given)]
        if not fitting:
            raise InvalidRequest(f"no function {names} takes the arguments {', '.join(given) or 'none'}")
        opened = [each for each in fitting if each in self.access.grants.functions]
        if not opened:
            raise Forbidden(f"you may not call {names}")
        function = opened[0]
        arguments = tuple(
            Given(each, Literal(typed_argument(each, given[each.name]), each.type))
            for each in function.takes
            if each.name in given
        )
        return Call(function, arguments, self.rows_of(function))

    def rows_of(self, function: Function) -> Read | None:
        if function.rows is None:
            return None
        table = self.access.scope.rows_of(function)
        if table is None:
            raise Forbidden(f"you may not read what {function.name} gives")
        wanted: dict[str, Any] = {}
        for row in rows_of(self.said.rows if not isinstance(self.said.rows, int) else ()):
            merge(wanted, row)
        select = members(self.access.scope, table, wanted or dict.fromkeys(table.answered))
        return Read(table.table, select, limit=self.limits.rows)


# ── what is selected ─────────────────────────────────────────────────────────────────────────


def merge(wanted: dict[str, Any], row: Mapping[str, Any]) -> None:
    """Add what a row that is expected names, related rows included."""
    for name, given in row.items():
        below = [*rows_of(given)]
        if below:
            inner = wanted.get(name) or {}
            for each in below:
                merge(inner, each)
            wanted[name] = inner
        else:
            wanted.setdefault(name, None)


def members(scope: Scope, table: TableScope, wanted: Mapping[str, Any]) -> tuple[Selected, ...]:
    """The members of the answered rows; raises UnknownColumn for what the caller may not read."""
    return tuple(_member(scope, table, name, below) for name, below in wanted.items())


def _member(scope: Scope, table: TableScope, name: str, below: Any) -> Selected:
    found = table.relationships.get(name)
    if found is not None and name not in table.answered:
        inner = scope.on(found.target)
        select = members(scope, inner, below or dict.fromkeys(inner.answered))
        limit = MOST_RELATED if found.many else None
        return Embed(name, found, Read(inner.table, select, order=key_order(inner) if found.many else (), limit=limit))
    return Output(name, Field(table.answered_column(name)))


def key_order(table: TableScope) -> tuple[Order, ...]:
    """By the key, as far as the caller may read it."""
    return tuple(Order(Field(column)) for column in _key(table.table) if table.readable.get(column.name) is column)


def _key(table: Table) -> tuple[Column, ...]:
    return () if table.primary_key is None else table.primary_key.columns


def _readable(table: TableScope) -> None:
    if not table.may_read:
        raise UnknownTable(table.table.label)


# ── what is written ──────────────────────────────────────────────────────────────────────────


def touched(access: Access, table: Table) -> Iterator[Column | None]:
    """Columns by which every right to change rows can be tried: as few as there can be; None for one without any."""
    grant = access.grants.on(table)
    waiting = [right.columns for right in grant.updates] if grant else []
    while waiting:
        # A row whose key is written, if only with itself, cannot be told from others on every database.
        columns = [each for each in table.columns if each in waiting[0] and each not in _key(table)]
        if not columns and waiting[0]:
            raise InvalidRequest(f"this caller changes nothing of {table.label} but its key", hint="say values")
        best = max(columns, key=lambda each: sum(each in right for right in waiting), default=None)
        yield best
        waiting = [right for right in waiting[1:] if best is None or best not in right]


def _takes(function: Function, given: Mapping[str, Any]) -> bool:
    names = {each.name for each in function.takes}
    return names.issuperset(given) and all(each.name in given or each.has_default for each in function.takes)


def typed_argument(argument: Any, given: Any) -> Any:
    """A value of the file as one of the argument; raises InvalidValue."""
    from reflector.datatypes import parse_json

    return parse_json(argument.type, exact(given))
