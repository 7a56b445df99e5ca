"""One row by its key: read it, change it, remove it; and a new row made.

Rule: whether a row is not there or not to be seen is told alike. That a row may be seen and not changed is told only to
those who see it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from reflector.access.disclosure import disclosed
from reflector.catalog.model import Column
from reflector.datatypes import Value
from reflector.engine import Engine, Prepared
from reflector.errors import (
    DatabaseError,
    Forbidden,
    InvalidRequest,
    LimitExceeded,
    ReflectorError,
    RowNotFound,
    SchemaChanged,
    TooManyAffected,
    UnknownParameter,
)
from reflector.query.comparisons import EQ
from reflector.query.cost import rows_below
from reflector.query.nodes import (
    Assignment,
    Compare,
    Delete,
    Field,
    Filter,
    FixedText,
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
from reflector.query.sets import InsertMany, given_rows
from reflector.snapshot import weight
from reflector.sql.plan import Answer
from server.apis.resource.caller import Caller, Rights
from server.apis.resource.faults import FaultList, in_query
from server.apis.resource.parameters import RESERVED, put, refuse_word, split_query, word_of
from server.apis.resource.selection import Selection, row_key
from server.config.limits import EffectiveLimits


class Slot:
    """Stands for a value while a plan is prepared that serves every value."""

    __slots__ = ()


@dataclass(frozen=True, eq=False, slots=True)
class Template:
    """A query prepared for any values: `slots[i]` says where value number i belongs."""

    prepared: Prepared
    slots: tuple[int, ...]

    def filled(self, values: Iterable[Value]) -> Prepared:
        all_values = list(self.prepared.values)
        for slot, value in zip(self.slots, values, strict=True):
            all_values[slot] = value
        return Prepared(self.prepared.plans, all_values, self.prepared.snapshot)


@dataclass(frozen=True, eq=False, slots=True)
class RowPlan:
    """The read of one row by any key."""

    key: tuple[Column, ...]
    template: Template


def template(engine: Engine, rights: Rights, count: int, build: Callable[[Sequence[Slot]], Query]) -> Template:
    """Prepare what `build` makes of so many values; raises as `Engine.prepare` does."""
    slots = [Slot() for _ in range(count)]
    prepared = engine.prepare(rights.snapshot, rights.access, build(slots))
    positions = {id(value): index for index, value in enumerate(prepared.values)}
    return Template(prepared, tuple(positions[id(slot)] for slot in slots))


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
            put(words, word, given.value)
    select = Selection(rights.access.scope, rights.limits, faults).read(
        table, words.get("fields"), words.get("include")
    )
    if (below := rows_below(select)) > rights.limits.tree:
        fault = InvalidRequest(f"a row with all that is included could hold {below} rows", hint="include fewer levels")
        faults.add(fault, in_query("include"))
    return select


def check_amount(rows: int, select: Sequence[Selected], limits: EffectiveLimits, faults: FaultList) -> None:
    """Note where these are more rows than may be written at once, or than may be answered with all that is included."""
    if limits.affected is not None and rows > limits.affected:
        faults.add(TooManyAffected(f"more than {limits.affected} rows would be written"))
    elif rows > limits.rows:
        faults.add(LimitExceeded(f"at most {limits.rows} rows at once", hint="send them in several requests"))
    below = rows_below(tuple(select)) * rows
    if rows > 1 and below > limits.tree:
        fault = InvalidRequest(
            f"the rows with all that is included could hold {below} rows", hint="include fewer levels"
        )
        faults.add(fault, in_query("include"))


def plan_row(engine: Engine, rights: Rights, table: TableScope, key: tuple[Column, ...], query: str) -> RowPlan:
    """The read of a row by a key that is not known yet; raises what is wrong with the query string."""
    faults = FaultList()
    select = read_members(rights, table, query, faults)
    faults.check()
    return RowPlan(
        key,
        template(
            engine,
            rights,
            len(key),
            lambda slots: Read(table.table, select, where=by_key(key, slots), single=True),
        ),
    )


def by_key(key: Sequence[Column], values: Sequence[Value]) -> Filter:
    """The one row with this key."""
    return all_of(
        *(Compare(Field(column), EQ, Literal(value, column.type)) for column, value in zip(key, values, strict=True))
    )


# ── writes ───────────────────────────────────────────────────────────────────────────────────


Given = Mapping[Column, Value]
"""The values that a writer gives, by column."""
Shown = tuple[Selected, ...] | None
"""What is to be answered of a written row; None for nothing."""


class Writing:
    """The writes of one caller to one table. Equal columns share a template: `Rights.recent` keeps it."""

    def __init__(self, engine: Engine, caller: Caller, table: TableScope) -> None:
        self.engine, self.caller, self.table = engine, caller, table

    async def insert(self, values: Given, shown: Shown) -> Answer:
        """Make the row. Where the database decides and keeps it from its maker's sight, nothing is answered of it."""
        try:
            return await self._insert(values, shown)
        except Forbidden:
            if not self._unseen(shown, keyed=self._keyed):
                raise
        return await self._insert(values, None, unseen=True)

    @property
    def _keyed(self) -> bool:
        return bool(row_key(self.table))

    def _unseen(self, shown: Shown, *, keyed: bool) -> bool:
        """Whether a row that was refused may have been refused to be read alone. PostgreSQL tells neither from the other, and
        has taken back what it refused."""
        return self.caller.rights.session.role is not None and (shown is not None or keyed)

    async def _insert(self, values: Given, shown: Shown, *, unseen: bool = False) -> Answer:
        columns = tuple(values)
        made = self._template(
            "insert unseen" if unseen else "insert",
            columns,
            shown,
            lambda slots: Insert(
                self.table.table,
                _assigned(columns, slots),
                returning=self._returning(shown),
                keyed=not unseen and self._keyed,
            ),
        )
        return await self._run(made.filled(values.values()))

    async def insert_many(self, rows: Sequence[Given], shown: Shown) -> Answer:
        """Make the rows, all or none; nothing is answered of them where the database keeps one from its maker's sight. A fault
        that the database finds is of one of them, and does not say of which."""
        try:
            return await self._insert_many(rows, shown)
        except Forbidden:
            if not self._unseen(shown, keyed=False):
                raise
        return await self._insert_many(rows, None)

    async def _insert_many(self, rows: Sequence[Given], shown: Shown) -> Answer:
        rights = self.caller.rights
        returning = None if shown is None else Read(self.table.table, shown)
        query = InsertMany(self.table.table, given_rows(rows, defaults=True), returning=returning, keyed=False)
        try:
            return await self._run(self.engine.prepare(rights.snapshot, rights.access, query))
        except DatabaseError as error:
            error.pointer = None
            raise

    async def update(self, key: Given, values: Given, shown: Shown) -> Answer:
        """Change the row; raises Forbidden for one that the caller may see and not change."""
        columns, found = tuple(values), tuple(key)
        made = self._template(
            "update",
            (*found, *columns),
            shown,
            lambda slots: Update(
                self.table.table,
                by_key(found, slots[: len(found)]),
                _assigned(columns, slots[len(found) :]),
                returning=self._returning(shown),
            ),
        )
        try:
            return await self._run(made.filled([*key.values(), *values.values()]))
        except RowNotFound as missing:
            raise await self._why(key, missing, "change") from None

    async def delete(self, key: Given) -> None:
        """Remove the row; raises Forbidden for one that the caller may see and not remove."""
        found = tuple(key)
        made = self._template("delete", found, None, lambda slots: Delete(self.table.table, by_key(found, slots)))
        try:
            await self._run(made.filled(key.values()))
        except RowNotFound as missing:
            raise await self._why(key, missing, "delete") from None

    def _template(
        self, kind: str, columns: tuple[Column, ...], shown: Shown, build: Callable[[Sequence[Slot]], Query]
    ) -> Template:
        """The template of a write. What is shown is known by its identity, which lasts as long as it is kept here."""
        rights = self.caller.rights
        name = (kind, self.caller.principal.roles, self.table.table.label, columns, id(shown))
        kept: tuple[Template, Shown] | None = rights.recent.get(name)
        if kept is not None:
            return kept[0]
        made = template(self.engine, rights, len(columns), build)
        rights.recent.put(name, (made, shown), weight(made.prepared.plans) + 100 * len(columns))
        return made

    def _returning(self, shown: Shown) -> Read | None:
        return None if shown is None else Read(self.table.table, shown, single=True)

    async def _run(self, prepared: Prepared) -> Answer:
        rights = self.caller.rights
        try:
            return await self.engine.run(prepared, self.caller.principal, rights.session)
        except SchemaChanged:
            await self.engine.renewed(rights.snapshot)  # the next try meets the schema as it is
            raise
        except DatabaseError as error:
            raise disclosed(error, self.table, rights.snapshot.catalog) from error

    async def _why(self, key: Given, missing: RowNotFound, verb: str) -> ReflectorError:
        rights = self.caller.rights
        read = Read(
            self.table.table,
            (Output("there", FixedText("there")),),
            where=by_key(tuple(key), tuple(key.values())),
            single=True,
        )
        try:
            await self._run(self.engine.prepare(rights.snapshot, rights.access, read))
        except RowNotFound:
            return missing
        return Forbidden(f"you may not {verb} this row")


def _assigned(columns: Sequence[Column], values: Sequence[Value]) -> tuple[Assignment, ...]:
    return tuple(Assignment(column, Literal(value, column.type)) for column, value in zip(columns, values, strict=True))
