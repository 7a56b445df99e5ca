"""What was committed: first as a source reads it, by names, then as one catalog understands it.

    Committed      names and stored values, as the log keeps them; it outlives every snapshot
    Change         the same, bound to a table of one catalog: its key, its rows, what is different

Rule: a change is decoded by the names that were true when it was written, and bound to a catalog when it is told. What
the catalog does not know is left out; a value never stands under another column's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias

from reflector.catalog.model import Column, Table
from reflector.datatypes import Value

TableName: TypeAlias = tuple[str, str]
"""Schema and name, as the database has them."""
Stored: TypeAlias = Mapping[str, Any]
"""An image of a row: values by column name, in the form in which the source has them. What it does not know is absent."""


class Op(StrEnum):
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    RESET = "reset"
    """Something happened to the table that no row images tell: TRUNCATE, or a transaction too large to keep."""


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A place in the log. Places of one epoch are ordered; another epoch's say nothing of this one."""

    epoch: int
    position: int


@dataclass(frozen=True, slots=True)
class Committed:
    """One row's change. `at` is in seconds since 1970, of the database's clock. `size` is about its bytes in memory.

    `old` is None where the source has no image of the row before, and holds what it has otherwise.
    """

    table: TableName
    op: Op
    new: Stored | None
    old: Stored | None
    at: float
    transaction: str | None = None
    size: int = 200


@dataclass(frozen=True, slots=True)
class Codec:
    """How stored values of one database read. `value`: in canonical form, or as it is stored where it has none (NULL is
    None). `shown`: as JSON, in the very form in which the resource API answers it."""

    value: Callable[[Column, Any], Value]
    shown: Callable[[Column, Any], bytes]


class Row(Mapping[Column, Value]):
    """An image of a row under one catalog; values are decoded when they are asked for, and once."""

    __slots__ = ("_codec", "_shown", "_values", "stored", "table")

    def __init__(self, table: Table, stored: Stored, codec: Codec) -> None:
        self.table = table
        self.stored = stored
        self._codec = codec
        self._values: dict[Column, Value] = {}
        self._shown: dict[Column, bytes] = {}

    def __getitem__(self, column: Column) -> Value:
        found = self._values.get(column, ABSENT)
        if found is ABSENT:
            if column not in self:
                raise KeyError(column)
            stored = self.stored[column.name]
            found = self._values[column] = None if stored is None else self._codec.value(column, stored)
        return found

    def __contains__(self, column: object) -> bool:
        # A rule may reach other tables; a column of theirs with the same name is not this row's.
        return isinstance(column, Column) and column.name in self.stored and self.table.by_name[column.name] is column

    def __iter__(self) -> Iterator[Column]:
        return (column for column in self.table.columns if column.name in self.stored)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def shown(self, column: Column) -> bytes:
        """The value as JSON; KeyError for a column that the image lacks."""
        found = self._shown.get(column)
        if found is None:
            if column not in self:
                raise KeyError(column)
            stored = self.stored[column.name]
            found = self._shown[column] = NULL if stored is None else self._codec.shown(column, stored)
        return found


ABSENT: Final = object()
NULL: Final = b"null"


@dataclass(frozen=True, eq=False, slots=True)
class Change:
    """One row's change, as a catalog understands it.

    `changed` are the columns that differ between the two images; None where that cannot be told. A column that the new
    image lacks (a large value that was left alone) has not changed.
    """

    cursor: Cursor
    table: Table
    op: Op
    new: Row | None
    old: Row | None
    changed: frozenset[Column] | None
    at: float
    transaction: str | None

    @property
    def key(self) -> tuple[Column, ...]:
        """The columns of the row's address, none where the table has no primary key."""
        return () if self.table.primary_key is None else self.table.primary_key.columns

    @property
    def moved(self) -> bool:
        """Whether the row's key itself is another one now."""
        return self.changed is not None and any(column in self.changed for column in self.key)


def bound(committed: Committed, cursor: Cursor, table: Table, codec: Codec) -> Change:
    """The change under a catalog."""
    new = None if committed.new is None else Row(table, _known(committed.new, table), codec)
    old = None if committed.old is None else Row(table, _known(committed.old, table), codec)
    changed = _changed(new, old) if committed.op is Op.UPDATE else None
    return Change(cursor, table, committed.op, new, old, changed, committed.at, committed.transaction)


def _known(stored: Stored, table: Table) -> Stored:
    known = table.by_name
    if all(name in known for name in stored):
        return stored
    return {name: value for name, value in stored.items() if name in known}


def _changed(new: Row | None, old: Row | None) -> frozenset[Column] | None:
    """What differs; None where the old image does not tell of every column of the new one."""
    if new is None or old is None or any(name not in old.stored for name in new.stored):
        return None
    return frozenset(column for column in new if new.stored[column.name] != old.stored[column.name])


Batch: TypeAlias = Sequence[Committed]
