"""One row by its key: read it, change it, remove it; and a new row made.

Rule: whether a row is not there or not to be seen is told alike. That a row may be seen and not changed is told only to
those who see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reflector.access.disclosure import disclosed
from reflector.catalog.model import Column
from reflector.datatypes import Value
from reflector.engine import Engine, Prepared
from reflector.errors import (
    DatabaseError,
    Forbidden,
    InvalidRequest,
    ReflectorError,
    RowNotFound,
    UnknownParameter,
)
from reflector.query.comparisons import EQ
from reflector.query.nodes import (
    Assignment,
    Compare,
    Delete,
    Field,
    Filter,
    Insert,
    Literal,
    Output,
    Query,
    Read,
    Selected,
    Update,
    all_of,
)
from reflector.query.scope import TableScope
from reflector.sql.plan import Answer
from server.apis.resource.caller import Caller, Rights
from server.apis.resource.faults import FaultList, in_query
from server.apis.resource.parameters import RESERVED, refuse_word, split_query, word_of
from server.apis.resource.selection import TREE_ROWS, Selection, rows_below


class Slot:
    """Stands for a value of the key while a plan is prepared that serves every key."""

    __slots__ = ()


@dataclass(frozen=True, eq=False, slots=True)
class RowPlan:
    """A read of one row, prepared for any key: `slots[i]` says where the key's value number i belongs."""

    key: tuple[Column, ...]
    prepared: Prepared
    slots: tuple[int, ...]

    def for_key(self, values: Sequence[Value]) -> Prepared:
        filled = list(self.prepared.values)
        for slot, value in zip(self.slots, values, strict=True):
            filled[slot] = value
        return Prepared(self.prepared.plans, filled, self.prepared.snapshot)


def read_members(rights: Rights, table: TableScope, query: str, faults: FaultList) -> tuple[Selected, ...]:
    """What `fields` and `include` ask of one row; nothing else may be asked, and what is wrong is noted."""
    words: dict[str, str] = {}
    for given in split_query(query):
        with faults.at(in_query(given.name)):
            word = word_of(given.name)
            if word is None or given.name != word:
                raise UnknownParameter(given.name, [each.name for each in RESERVED.values() if each.rows])
            refusal = refuse_word(RESERVED[word], one_row=True)
            if refusal is not None:
                raise refusal
            if word in words:
                raise InvalidRequest(f"{word!r} is given more than once")
            words[word] = given.value
    select = Selection(rights.access.scope, rights.limits, faults).read(
        table, words.get("fields"), words.get("include")
    )
    if (below := rows_below(select)) > TREE_ROWS:
        fault = InvalidRequest(f"a row with all that is included could hold {below} rows", hint="include fewer levels")
        faults.add(fault, in_query("include"))
    return select


def plan_row(engine: Engine, rights: Rights, table: TableScope, key: tuple[Column, ...], query: str) -> RowPlan:
    """The read of a row by a key that is not known yet; raises what is wrong with the query string."""
    faults = FaultList()
    select = read_members(rights, table, query, faults)
    faults.check()
    slots = [Slot() for _ in key]
    read = Read(table.table, select, where=by_key(key, slots), single=True)
    prepared = engine.prepare(rights.snapshot, rights.access, read)
    positions = {id(value): index for index, value in enumerate(prepared.values)}
    return RowPlan(key, prepared, tuple(positions[id(slot)] for slot in slots))


def by_key(key: Sequence[Column], values: Sequence[Value]) -> Filter:
    """The one row with this key."""
    return all_of(
        *(Compare(Field(column), EQ, Literal(value, column.type)) for column, value in zip(key, values, strict=True))
    )


# ── writes ───────────────────────────────────────────────────────────────────────────────────


class Writing:
    """The writes of one caller to one table."""

    def __init__(self, engine: Engine, caller: Caller, table: TableScope) -> None:
        self.engine, self.caller, self.table = engine, caller, table

    async def insert(self, values: tuple[Assignment, ...], select: tuple[Selected, ...] | None) -> Answer:
        """Make the row. `select` None answers nothing of it."""
        returning = None if select is None else Read(self.table.table, select, single=True)
        return await self._run(Insert(self.table.table, values, returning=returning))

    async def update(
        self, where: Filter, values: tuple[Assignment, ...], select: tuple[Selected, ...] | None
    ) -> Answer:
        """Change the row; raises Forbidden for one that the caller may see and not change."""
        returning = None if select is None else Read(self.table.table, select, single=True)
        try:
            return await self._run(Update(self.table.table, where, values, returning=returning))
        except RowNotFound as missing:
            raise await self._why(where, missing, "change") from None

    async def delete(self, where: Filter) -> None:
        """Remove the row; raises Forbidden for one that the caller may see and not remove."""
        try:
            await self._run(Delete(self.table.table, where))
        except RowNotFound as missing:
            raise await self._why(where, missing, "delete") from None

    async def _run(self, query: Query) -> Answer:
        rights = self.caller.rights
        try:
            prepared = self.engine.prepare(rights.snapshot, rights.access, query)
            return await self.engine.run(prepared, self.caller.principal, rights.session)
        except DatabaseError as error:
            raise disclosed(error, self.table, rights.snapshot.catalog) from error

    async def _why(self, where: Filter, missing: RowNotFound, verb: str) -> ReflectorError:
        column = next(iter(self.table.readable.values()))
        read = Read(self.table.table, (Output(column.name, Field(column)),), where=where, single=True)
        try:
            await self._run(read)
        except RowNotFound:
            return missing
        return Forbidden(f"you may not {verb} this row")
