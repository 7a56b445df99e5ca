"""Writes to sets of rows: many rows made, every row of a filter changed or removed, in one go.

A set stands or falls as a whole. What a set may do is what each of its rows might do alone; `rewrite` fills in the parts
that say so (`presets`, `judges`, `shares`), and an API leaves them as they are. `keyed`: the keys of the written rows are
asked for. Who asks neither for them nor for rows is told how many they are, which no database wants a right to read for.

Rule: as with every query a tree is born resolved, and parameterizing takes the values out of it: the rows themselves
are one value, however many they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final, TypeAlias, assert_never

from reflector.catalog.model import Column, Key, Table
from reflector.datatypes import DataType, Value
from reflector.errors import InvalidRequest, LimitExceeded
from reflector.query.calls import Call, Gathered
from reflector.query.nodes import COUNT, TRUE, Assignment, Filter, Operand, Parameter, Query, Read
from reflector.query.walk import filter_with, read_with

MOST_KINDS: Final = 20
"""How many combinations of columns the rows of one set may be given."""
PlacedRows: TypeAlias = tuple[tuple[int, tuple[Value, ...]], ...]
"""Rows with their place in the request, from 0; a row has a value for each column."""


@dataclass(frozen=True, slots=True)
class GivenRows:
    """Rows that are given the same columns. `rows` is the number of the request's value once they were lifted. `types` are
    those of what is given, where that is made into a value of the column; None where all are the columns' own."""

    columns: tuple[Column, ...]
    rows: PlacedRows | int
    types: tuple[DataType, ...] | None = None

    @property
    def given(self) -> tuple[DataType, ...]:
        return self.types if self.types is not None else tuple([column.type for column in self.columns])


@dataclass(frozen=True, slots=True)
class Judge:
    """A right to change rows: what `rows` found before, `check` must be true of afterwards."""

    rows: Filter = TRUE
    check: Filter = TRUE


@dataclass(frozen=True, slots=True)
class Conflict:
    """What becomes of a new row whose `columns` (a key of the table) are those of a row that exists.

    `update` are the columns that the existing row takes over; None leaves it alone and makes nothing. `reset` are those
    that become what a new row would have without a value, as far as whoever changes the row may write them.
    """

    columns: tuple[Column, ...]
    update: tuple[Column, ...] | None = None
    presets: tuple[Assignment, ...] = ()
    judges: tuple[Judge, ...] = (Judge(),)
    reset: tuple[Column, ...] = ()


@dataclass(frozen=True, slots=True)
class InsertMany:
    """New rows. `check` must be true of each as it was written.

    `returning` is read of the written rows: in the order in which they were given unless it has an order of its own.
    `exactly_one` takes everything back unless one row was written.
    """

    table: Table
    rows: tuple[GivenRows, ...]
    check: Filter = TRUE
    returning: Read | None = None
    conflict: Conflict | None = None
    exactly_one: bool = False
    presets: tuple[Assignment, ...] = ()
    keyed: bool = True


class How(Enum):
    """What a changed column becomes."""

    SET = "the operand"
    INCREMENT = "what it was, and the operand added"
    DEFAULT = "what a new row would have without a value"


@dataclass(frozen=True, slots=True)
class Change:
    """A new value of a column; `operand` is None for its default."""

    column: Column
    operand: Operand | None
    how: How = How.SET


@dataclass(frozen=True, slots=True)
class Share:
    """The rows of an update that are written under the same presets: those that one of the judges finds."""

    presets: tuple[Assignment, ...] = ()
    judges: tuple[Judge, ...] = (Judge(),)


@dataclass(frozen=True, slots=True)
class UpdateMany:
    """New values for every row that `where` finds. `returning` is read of them afterwards; its order, limit and offset
    shape the answer alone. More than `most` rows take everything back."""

    table: Table
    where: Filter
    changes: tuple[Change, ...]
    check: Filter = TRUE
    returning: Read | None = None
    most: int | Parameter | None = None
    exactly_one: bool = False
    shares: tuple[Share, ...] = (Share(),)
    keyed: bool = True


@dataclass(frozen=True, slots=True)
class DeleteMany:
    """Every row that `where` finds goes. `returning` is read of them before."""

    table: Table
    where: Filter
    returning: Read | None = None
    most: int | Parameter | None = None
    exactly_one: bool = False
    keyed: bool = True


SetQuery: TypeAlias = InsertMany | UpdateMany | DeleteMany
AnyQuery: TypeAlias = Query | SetQuery | Call | Gathered

# ── made of what a caller gives ──────────────────────────────────────────────────────────────


def given_rows(
    rows: Sequence[Mapping[Column, Value]], columns: Iterable[Column] | None = None, *, defaults: bool
) -> tuple[GivenRows, ...]:
    """The rows as an `InsertMany` takes them.

    A column that one row gives and another does not is its default there when `defaults`, else null. `columns` are
    those that count, all that any row gives unless said. Raises LimitExceeded for rows of too many kinds: each needs
    statements of its own.
    """
    wanted = tuple(dict.fromkeys(column for row in rows for column in row) if columns is None else columns)
    if not defaults:
        placed = tuple((place, tuple([row.get(each) for each in wanted])) for place, row in enumerate(rows))
        return (GivenRows(wanted, placed),) if rows else ()
    groups: dict[tuple[Column, ...], list[tuple[int, tuple[Value, ...]]]] = {}
    for place, row in enumerate(rows):
        given = tuple([column for column in wanted if column in row])
        groups.setdefault(given, []).append((place, tuple([row[column] for column in given])))
    if len(groups) > MOST_KINDS:
        raise LimitExceeded(
            f"the rows give columns in {len(groups)} different combinations, and at most {MOST_KINDS} can be written at once",
            hint="give every row the same columns",
        )
    return tuple(GivenRows(given, tuple(placed)) for given, placed in groups.items())


def conflict_on(table: Table, columns: Sequence[Column] | None = None, *, update: Iterable[Column] | None) -> Conflict:
    """The conflict with a key of the table, its primary key unless other columns are named.

    Raises InvalidRequest for columns that are no key. The columns of the key itself are never taken over: they are
    the same.
    """
    key = _key(table, columns)
    taken = None if update is None else tuple(column for column in update if column not in key.columns)
    return Conflict(key.columns, taken)


def _key(table: Table, columns: Sequence[Column] | None) -> Key:
    keys = [*([table.primary_key] if table.primary_key is not None else []), *table.uniques]
    if columns is None:
        if table.primary_key is None:
            raise InvalidRequest(f"{table.label} has no primary key: name the columns that conflict")
        return table.primary_key
    for key in keys:
        if frozenset(key.columns) == frozenset(columns):
            return key
    names = ", ".join(column.name for column in columns)
    raise InvalidRequest(f"{names}: no two rows of {table.label} are kept from having the same")


# ── values out of the tree ───────────────────────────────────────────────────────────────────

Replace = Callable[[Operand], Operand]
Keep = Callable[[Any], int]


def lifted(query: SetQuery, change: Replace, keep: Keep) -> SetQuery:
    """The query without its values: operands as `change` makes them, rows and bounds kept aside by `keep`, which gives
    them a number."""
    returning = None if query.returning is None else read_with(query.returning, change)
    match query:
        case InsertMany():
            rows = tuple(each if isinstance(each.rows, int) else _rows(each, keep) for each in query.rows)
            return replace(query, rows=rows, check=filter_with(query.check, change), returning=returning)
        case UpdateMany():
            return replace(
                query,
                where=filter_with(query.where, change),
                changes=tuple(_change(each, change) for each in query.changes),
                check=filter_with(query.check, change),
                returning=returning,
                most=_bound(query.most, keep),
            )
        case DeleteMany():
            where = filter_with(query.where, change)
            return replace(query, where=where, returning=returning, most=_bound(query.most, keep))
        case _:
            assert_never(query)


def _rows(given: GivenRows, keep: Keep) -> GivenRows:
    return replace(given, rows=keep(given.rows))


def _change(given: Change, change: Replace) -> Change:
    return given if given.operand is None else replace(given, operand=change(given.operand))


def _bound(most: int | Parameter | None, keep: Keep) -> int | Parameter | None:
    return Parameter(keep(most), COUNT) if isinstance(most, int) else most
