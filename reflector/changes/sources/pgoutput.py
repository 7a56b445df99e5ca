"""PostgreSQL's `pgoutput` stream, read: messages in, whole transactions of changes out; pure.

Rule: every image is read under the relation that the stream announced before it, so that a change of the schema in
mid-stream never puts a value under another column's name. What the stream leaves out is absent, never NULL.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

from reflector.changes.change import Committed, Op, TableName

EPOCH: Final = 946684800
"""2000-01-01, from which PostgreSQL counts, in seconds since 1970."""
LARGEST: Final = 16 * 1024 * 1024
"""Bytes of one transaction that are kept. Of a larger one only the tables are told."""

_BEGIN: Final = struct.Struct(">QqI")
_COMMIT: Final = struct.Struct(">BQQq")
_HEAD: Final = struct.Struct(">I")
_COUNT: Final = struct.Struct(">H")
_LENGTH: Final = struct.Struct(">i")

Image = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class Relation:
    """A table as the stream announced it. `identity` are the columns that old images always have."""

    table: TableName
    columns: tuple[str, ...]
    identity: frozenset[str]
    full: bool


@dataclass(frozen=True, slots=True)
class Transaction:
    """A committed transaction. `commit` is its place, `end` the place behind it."""

    commit: int
    end: int
    changes: list[Committed]


@dataclass(slots=True)
class Decoder:
    """Reads one connection's stream: relations are announced anew on each."""

    largest: int = LARGEST
    relations: dict[int, Relation] = field(default_factory=dict)
    _changes: list[Committed] = field(default_factory=list)
    _size: int = 0
    _too_large: dict[TableName, None] | None = None
    _at: float = 0.0
    _transaction: str = ""
    open: bool = False

    def feed(self, message: bytes) -> Transaction | None:
        """Take one message; the transaction when it ends with this one."""
        match message[:1]:
            case b"B":
                self._begin(message)
            case b"C":
                return self._commit(message)
            case b"R":
                self._relation(message)
            case b"I":
                self._insert(message)
            case b"U":
                self._update(message)
            case b"D":
                self._delete(message)
            case b"T":
                self._truncate(message)
        return None

    # ── transactions ─────────────────────────────────────────────────────────────────────────

    def _begin(self, message: bytes) -> None:
        _, moment, number = _BEGIN.unpack_from(message, 1)
        self._at = EPOCH + moment / 1e6
        self._transaction = str(number)
        self._changes, self._size, self._too_large = [], 0, None
        self.open = True

    def _commit(self, message: bytes) -> Transaction:
        _, commit, end, _ = _COMMIT.unpack_from(message, 1)
        changes = self._changes
        if self._too_large is not None:
            changes = [Committed(table, Op.RESET, None, None, self._at, self._transaction) for table in self._too_large]
        self._changes, self._too_large, self.open = [], None, False
        return Transaction(commit, end, changes)

    def _add(self, relation: Relation, op: Op, new: Image | None, old: Image | None, weight: int) -> None:
        if self._too_large is not None:
            self._too_large[relation.table] = None
            return
        size = 200 + 2 * weight
        self._changes.append(Committed(relation.table, op, new, old, self._at, self._transaction, size))
        self._size += size
        if self._size > self.largest:
            self._too_large = dict.fromkeys(each.table for each in self._changes)
            self._changes = []

    # ── rows ─────────────────────────────────────────────────────────────────────────────────

    def _insert(self, message: bytes) -> None:
        relation = self._of(message)
        new, _ = _image(relation, message, 6)
        self._add(relation, Op.INSERT, new, None, len(message))

    def _update(self, message: bytes) -> None:
        relation, at = self._of(message), 5
        old: Image | None = None
        if message[at : at + 1] in (b"K", b"O"):
            whole = message[at : at + 1] == b"O"
            old, at = _image(relation, message, at + 1)
            old = old if whole else _identified(relation, old)
        new, _ = _image(relation, message, at + 1)
        if old is None:
            # No old image: what identifies the row is what it was.
            old = _identified(relation, new)
        elif relation.full:
            # A large value that was left alone is not sent again, but the old image has it.
            new = {**{name: value for name, value in old.items() if name not in new}, **new}
        self._add(relation, Op.UPDATE, new, old, len(message))

    def _delete(self, message: bytes) -> None:
        relation = self._of(message)
        whole = message[5:6] == b"O"
        old, _ = _image(relation, message, 6)
        self._add(relation, Op.DELETE, None, old if whole else _identified(relation, old), len(message))

    def _truncate(self, message: bytes) -> None:
        (count,) = _HEAD.unpack_from(message, 1)
        for number in range(count):
            (oid,) = _HEAD.unpack_from(message, 6 + 4 * number)
            relation = self.relations[oid]
            self._add(relation, Op.RESET, None, None, 0)

    def _of(self, message: bytes) -> Relation:
        (oid,) = _HEAD.unpack_from(message, 1)
        return self.relations[oid]

    # ── tables ───────────────────────────────────────────────────────────────────────────────

    def _relation(self, message: bytes) -> None:
        (oid,) = _HEAD.unpack_from(message, 1)
        schema, at = _name(message, 5)
        name, at = _name(message, at)
        full = message[at : at + 1] == b"f"
        (count,) = _COUNT.unpack_from(message, at + 1)
        at += 3
        columns, identity = [], []
        for _ in range(count):
            flagged = message[at] & 1
            column, at = _name(message, at + 1)
            at += 8
            columns.append(column)
            if flagged:
                identity.append(column)
        # What belongs to pg_catalog is announced without its schema.
        self.relations[oid] = Relation((schema or "pg_catalog", name), tuple(columns), frozenset(identity), full)


def _name(message: bytes, at: int) -> tuple[str, int]:
    end = message.index(b"\0", at)
    return message[at:end].decode(), end + 1


def _identified(relation: Relation, image: Image) -> Image:
    """Only what identifies the row: other columns of such an image are empty, which says nothing of them."""
    return {name: value for name, value in image.items() if name in relation.identity}


def _image(relation: Relation, message: bytes, at: int) -> tuple[Image, int]:
    """The row that begins at `at`, and the place behind it. What was left out is absent; NULL is None."""
    (count,) = _COUNT.unpack_from(message, at)
    at += 2
    image: Image = {}
    for name in relation.columns[:count]:
        mark = message[at]
        at += 1
        if mark == 0x74:  # t: text
            (length,) = _LENGTH.unpack_from(message, at)
            at += 4
            image[name] = message[at : at + length].decode("utf-8", "replace")
            at += length
        elif mark == 0x6E:  # n: NULL
            image[name] = None
    return image, at
