"""Bodies and query strings as the core's writes of sets of rows.

Filters of the root say which rows are written. Embedded resources, their filters, order, limit and offset shape what is
answered of those rows, and nothing else.

Rule: a column that may not be written is told like one that is not there, unless its reader sees that the database makes
it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

from reflector.catalog.model import Column, Deed, Fill, Table, TableKind
from reflector.datatypes import Value
from reflector.errors import Forbidden, InvalidRequest, TooManyAffected
from reflector.query.expressions import grouped
from reflector.query.nodes import TRUE, Filter, Literal, Read
from reflector.query.represented import body_type
from reflector.query.scope import TableScope
from reflector.query.sets import (
    Change,
    Conflict,
    DeleteMany,
    How,
    InsertMany,
    UpdateMany,
    conflict_on,
)
from server.apis.postgrest.bodies import Row, Rows, first_only
from server.apis.postgrest.errors import translate
from server.apis.postgrest.faults import UNFILTERED, PostgrestError, refusal
from server.apis.postgrest.grammar import nodes
from server.apis.postgrest.lowering.reads import Lowering
from server.apis.postgrest.lowering.values import given_rows, given_value, same_key
from server.apis.postgrest.preferences import Preferences
from server.apis.postgrest.ranges import Window
from server.apis.postgrest.unknown import unknown_written_column

MERGE: Final = "merge-duplicates"
LOCATED: Final = "headers-only"
"""Of new rows is told where the first one stands, and for that its key."""


@dataclass(frozen=True, eq=False, slots=True)
class Writes:
    """What makes a write of one request. `shown`: the written rows are answered; `singular`: there must be one;
    `read_only`: nothing may be written here by anybody; `affected`: how many rows may be, None for any number."""

    lowering: Lowering
    table: TableScope
    asked: nodes.Question
    preferred: Preferences
    singular: bool = False
    read_only: bool = False
    affected: int | None = None

    @property
    def shown(self) -> bool:
        return self.preferred.representation

    @property
    def creatable(self) -> Mapping[str, Column]:
        return {**self.table.creatable, **self.table.creatable_by_json}

    @property
    def updatable(self) -> Mapping[str, Column]:
        return {**self.table.updatable, **self.table.updatable_by_json}

    # ── the writes ───────────────────────────────────────────────────────────────────────────

    def insert(self, body: Rows) -> InsertMany:
        """The new rows of a POST; raises PostgrestError, RequestError, AccessError."""
        self._may_insert()
        self._few(len(body.rows))
        columns = self._columns(body.columns, self.creatable, INSERTED)
        defaults = self.preferred.missing == "default"
        return InsertMany(
            self.table.table,
            given_rows([self._values(row, columns) for row in body.rows], columns.values(), defaults=defaults),
            returning=self._returning(),
            conflict=self._conflict(columns),
            exactly_one=self.singular,
            keyed=self.preferred.returning == LOCATED,
        )

    def put(self, body: Rows) -> InsertMany:
        """The one row of a PUT, at the key that its filters name; raises as `insert`.

        It takes the place of one that exists: what is not given becomes what a new row has, where the caller may write it.
        """
        key = self._key()
        self._may_insert()
        self._may_update()
        columns = self._columns(body.columns, self.creatable, INSERTED)
        self._may_take_over(columns)
        rows = [self._values(row, columns) for row in first_only(body).rows]
        if not rows or not self._is_at(key, rows[0]):
            raise refusal("PGRST115", "Payload values do not match URL in primary key column(s)")
        return InsertMany(
            self.table.table,
            given_rows(rows, columns.values(), defaults=False),
            returning=self._returning(),
            conflict=replace(conflict_on(self.table.table, update=columns.values()), reset=self._left_out(columns)),
            exactly_one=True,
        )

    def update(self, body: Rows) -> UpdateMany | None:
        """The changes of a PATCH, None where it changes nothing; raises as `insert`."""
        self._may_update()
        columns = self._columns(body.columns, self.updatable, UPDATED)
        rows = [self._values(row, columns) for row in first_only(body).rows]
        where, returning = self._where(), self._returning()
        if not columns or not rows:
            return None
        return UpdateMany(
            self.table.table,
            where,
            tuple(self._change(column, rows[0]) for column in columns.values()),
            returning=returning,
            most=self._most(),
            exactly_one=self.singular,
            keyed=False,
        )

    def delete(self) -> DeleteMany:
        """The rows that go; raises PostgrestError, RequestError, AccessError."""
        self._allowed(self.table.may_delete, self.table.table.deletable, Deed.DELETE)
        return DeleteMany(
            self.table.table,
            self._where(),
            self._returning(),
            most=self._most(),
            exactly_one=self.singular,
            keyed=False,
        )

    def _allowed(self, right: bool, table: bool, deed: Deed) -> None:
        """Raise PostgrestError without a right to write, or where rows are to be answered and may not be read.

        `table`: whether any row can be written at all, by whomever.
        """
        if not table:
            noun = "table" if self.table.table.kind is TableKind.TABLE else "view"
            raise refusal("25006", f'cannot {VERBS[deed]} {noun} "{self.table.table.name}"')
        if self.read_only:
            raise refusal("25006", f"cannot execute {deed.upper()} in a read-only transaction")
        if not right or ((self.shown or self.asked.root.where) and not self.table.may_read):
            raise translate(Forbidden("this may not be written"), self.table.table.name)

    def _may_insert(self) -> None:
        self._allowed(self.table.may_create, self.table.table.insertable, Deed.INSERT)

    def _may_update(self) -> None:
        self._allowed(self.table.may_update, self.table.table.updatable, Deed.UPDATE)

    # ── columns and values ───────────────────────────────────────────────────────────────────

    def _columns(self, names: tuple[str, ...], known: Mapping[str, Column], words: str) -> dict[str, Column]:
        return {name: self._column(name, known, words) for name in names}

    def _column(self, name: str, known: Mapping[str, Column], words: str) -> Column:
        made = self.table.readable.get(name)
        if made is not None and made.fill in MADE:
            raise refusal("428C9", words.format(name), MADE[made.fill].format(name))
        if name not in known:
            raise unknown_written_column(self.table.table.name, name)
        return known[name]

    def _values(self, row: Row, columns: Mapping[str, Column]) -> dict[Column, Value]:
        lowering, table = self.lowering, self.table.table.name
        kind, limits, clock = lowering.catalog.kind, lowering.limits, lowering.clock
        return {
            columns[name]: given_value(table, columns[name], value, kind, limits, clock) for name, value in row.items()
        }

    def _may_take_over(self, columns: Mapping[str, Column], key: Collection[str] = ()) -> None:
        """Raise PostgrestError PGRST204 for a column that new rows may be given and none that exists."""
        for name in columns:
            if name not in self.updatable and name not in (key or primary_key(self.table.table)):
                raise unknown_written_column(self.table.table.name, name)

    def _left_out(self, given: Mapping[str, Column]) -> tuple[Column, ...]:
        """The columns that a PUT does not give and may change. Numbers that the database gives stay as they are."""
        key = primary_key(self.table.table)
        return tuple(
            column
            for name, column in self.updatable.items()
            if name not in given and name not in key and column.fill in {Fill.NONE, Fill.DEFAULT}
        )

    def _change(self, column: Column, row: Mapping[Column, Value]) -> Change:
        if column not in row and self.preferred.missing == "default":
            return Change(column, None, How.DEFAULT)
        return Change(column, Literal(row.get(column), body_type(column.type)))

    # ── which rows, and what is told of them ─────────────────────────────────────────────────

    def _where(self) -> Filter:
        level = nodes.Level((), self.asked.root.where)
        return self.lowering.found(self.table, level) if level.where else TRUE

    def _most(self) -> int | None:
        """How many rows may be written: what the request says, and what the caller's roles allow."""
        asked = self.preferred.max_affected if self.preferred.strict else None
        return min((each for each in (asked, self.affected) if each is not None), default=None)

    def _few(self, rows: int) -> None:
        """Raise TooManyAffected for more new rows than the caller's roles allow."""
        if self.affected is not None and rows > self.affected:
            raise TooManyAffected(f"more than {self.affected} rows would be written")

    def _returning(self) -> Read | None:
        if not self.shown:
            return None
        root = self.asked.root
        read = self.lowering.read(self.table, replace(root, where=()), Window(root.offset, root.limit))
        if grouped(read.select):
            raise refusal("PGRST127", "Feature not implemented", "Aggregates of written rows are not answered")
        return replace(read, limit=root.limit)

    # ── rows that exist ──────────────────────────────────────────────────────────────────────

    @property
    def upserts(self) -> bool:
        """Whether there is a key that new rows can conflict with."""
        return self.table.table.primary_key is not None or bool(self.asked.on_conflict)

    def _conflict(self, columns: Mapping[str, Column]) -> Conflict | None:
        resolution = self.preferred.resolution
        if resolution is None or not self.upserts:
            return None
        key = None if not self.asked.on_conflict else [self._named(name) for name in self.asked.on_conflict]
        merges = resolution == MERGE and bool(columns)
        if merges:
            self._may_update()
            self._may_take_over(columns, () if key is None else [each.name for each in key])
        try:
            return conflict_on(self.table.table, key, update=columns.values() if merges else None)
        except InvalidRequest:
            message = "there is no unique or exclusion constraint matching the ON CONFLICT specification"
            raise refusal("42P10", message) from None

    def _named(self, name: str) -> Column:
        found = self.table.readable.get(name) or self.creatable.get(name)
        if found is None:
            raise refusal("42703", f'column "{name}" does not exist')
        return found

    # ── the key of a PUT ─────────────────────────────────────────────────────────────────────

    def _key(self) -> list[tuple[Column, str]]:
        """The columns of the primary key with what the filters say they are; raises PostgrestError PGRST105."""
        key = primary_key(self.table.table)
        found = [_equal(each) for each in self.asked.root.where]
        names = {each[0] for each in found if each is not None}
        if not key or None in found or names != key.keys() or not names <= self.table.readable.keys():
            raise refusal("PGRST105", "Filters must include all and only primary key columns with 'eq' operators")
        return [(key[each[0]], each[1]) for each in found if each is not None]

    def _is_at(self, key: list[tuple[Column, str]], row: Mapping[Column, Value]) -> bool:
        return all(column in row and same_key(column, row[column], text, self.lowering.clock) for column, text in key)


VERBS: Final[Mapping[Deed, str]] = {Deed.INSERT: "insert into", Deed.UPDATE: "update", Deed.DELETE: "delete from"}
INSERTED: Final = 'cannot insert a non-DEFAULT value into column "{}"'
UPDATED: Final = 'column "{}" can only be updated to DEFAULT'
MADE: Final[Mapping[Fill, str]] = {
    Fill.COMPUTED: 'Column "{}" is a generated column.',
    Fill.ALWAYS: 'Column "{}" is an identity column defined as GENERATED ALWAYS.',
}


def primary_key(table: Table) -> dict[str, Column]:
    """The columns of the primary key by name; none where there is no key."""
    return {} if table.primary_key is None else {column.name: column for column in table.primary_key.columns}


def _equal(logic: nodes.Logic) -> tuple[str, str] | None:
    """The name and the value of a condition that is `name=eq.value`."""
    match logic:
        case nodes.Condition(nodes.Field(name, ()), nodes.Comparison("eq", value, None), False):
            return name, value
        case _:
            return None


def unfiltered(table: str, verb: str) -> PostgrestError:
    """The error for a change of all rows, where that is not allowed."""
    return refusal("21000", f"{verb} {UNFILTERED}", hint=f"name the rows of {table} by a filter")
