"""SQLite's errors in our words: a table by result code, and what the messages name.

Rule: an extended code is looked up before the primary code it belongs to.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from typing import Final

from reflector.drivers.verdict import After, Meaning, Verdict, worded
from reflector.errors import (
    CheckViolation,
    DatabaseError,
    DatabaseUnavailable,
    Forbidden,
    ForeignKeyViolation,
    InvalidData,
    NotNullViolation,
    NotSupported,
    ReadOnlyDatabase,
    SchemaChanged,
    SerializationFailure,
    StatementTimeout,
    StorageFull,
    UniqueViolation,
)

UNIQUE: Final = Meaning(UniqueViolation, "a row with this value exists already")
UNFIT: Final = Meaning(InvalidData, "a value does not fit")
DAMAGED: Final = Meaning(DatabaseError, "the database file is damaged", lost=True)
BUSY: Final = Meaning(SerializationFailure, "another change got in the way: nothing was written")

MEANINGS: Final[Mapping[int, Meaning]] = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE: UNIQUE,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: UNIQUE,
    sqlite3.SQLITE_CONSTRAINT_ROWID: UNIQUE,
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY: Meaning(
        ForeignKeyViolation, "a row that is referred to is missing, or is still referred to"
    ),
    sqlite3.SQLITE_CONSTRAINT_CHECK: Meaning(CheckViolation, "the row breaks a rule of the table"),
    sqlite3.SQLITE_CONSTRAINT_NOTNULL: Meaning(NotNullViolation, "a value is required"),
    sqlite3.SQLITE_CONSTRAINT_TRIGGER: Meaning(CheckViolation, "the database refuses the row"),
    3091: UNFIT,  # SQLITE_CONSTRAINT_DATATYPE, of STRICT tables; the module gives it no name
    sqlite3.SQLITE_CONSTRAINT: Meaning(CheckViolation, "the row breaks a rule of the table"),
    sqlite3.SQLITE_MISMATCH: UNFIT,
    sqlite3.SQLITE_TOOBIG: Meaning(InvalidData, "a value is larger than the database allows"),
    sqlite3.SQLITE_BUSY: BUSY,
    sqlite3.SQLITE_LOCKED: BUSY,
    sqlite3.SQLITE_INTERRUPT: Meaning(StatementTimeout, "the statement took too long"),
    sqlite3.SQLITE_READONLY: Meaning(ReadOnlyDatabase, "the database is read-only"),
    sqlite3.SQLITE_FULL: Meaning(StorageFull, "the database has no space left"),
    sqlite3.SQLITE_NOMEM: Meaning(DatabaseUnavailable, "the database is out of resources"),
    sqlite3.SQLITE_IOERR: Meaning(DatabaseUnavailable, "the database file cannot be read or written", lost=True),
    sqlite3.SQLITE_CANTOPEN: Meaning(DatabaseUnavailable, "the database file cannot be opened", lost=True),
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
    sqlite3.SQLITE_AUTH: Meaning(Forbidden, "the database does not allow this"),
    sqlite3.SQLITE_PERM: Meaning(Forbidden, "the database does not allow this"),
    sqlite3.SQLITE_SCHEMA: Meaning(SchemaChanged, "the database is no longer as it was read"),
}
OTHERWISE: Final = Meaning(DatabaseError, "the database could not do this")
RAISED: Final = "P0001"
"""What PostgreSQL calls an error that a trigger raised; SQLite's RAISE can say no other."""
WORDED: Final[tuple[tuple[re.Pattern[str], Meaning], ...]] = (
    (re.compile(r"malformed JSON|JSON cannot hold BLOB values|bad JSON path"), UNFIT),
    (re.compile(r"integer overflow|string or blob too big"), UNFIT),
    (
        re.compile(r"parser stack overflow|Expression tree is too large|at most [0-9]+ tables in a join"),
        Meaning(NotSupported, "SQLite cannot answer a question that is nested so deeply"),
    ),
    (
        re.compile(r"no such (?:table|column|view|index)|has no column named"),
        Meaning(SchemaChanged, "the database is no longer as it was read"),
    ),
)
"""Errors that have no code of their own, by how they are worded."""

FAILED: Final = re.compile(r"(UNIQUE|NOT NULL|CHECK) constraint failed: (.*)\Z", re.DOTALL)
INDEX: Final = re.compile(r"index '(.*)'\Z", re.DOTALL)
STORED: Final = re.compile(r"cannot store .* value in .* column (.*)\Z", re.DOTALL)


def judge(error: BaseException) -> Verdict:
    """What an error that came out of the library means."""
    if isinstance(error, OverflowError):
        return Verdict(worded(UNFIT), After.SOUND, unsent=True)
    if not isinstance(error, sqlite3.Error):
        return Verdict(error, After.SOUND)
    code = getattr(error, "sqlite_errorcode", None) or 0
    meaning = _meaning(code, str(error))
    constraint, table, columns = _named(str(error))
    state = RAISED if code == sqlite3.SQLITE_CONSTRAINT_TRIGGER else None
    told = worded(meaning, constraint=constraint, table=table, columns=columns, sqlstate=state)
    return Verdict(told, After.LOST if meaning.lost else After.SOUND)


def _meaning(code: int, message: str) -> Meaning:
    found = MEANINGS.get(code) or MEANINGS.get(code & 0xFF)
    if found is not None:
        return found
    return next((meaning for pattern, meaning in WORDED if pattern.search(message)), OTHERWISE)


def _named(message: str) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Constraint, table and columns that the message names."""
    if stored := STORED.match(message):
        table, columns = _columns(stored[1])
        return None, table, columns
    if not (failed := FAILED.match(message)):
        return None, None, ()
    if failed[1] == "CHECK":
        return failed[2], None, ()
    if index := INDEX.match(failed[2]):
        return index[1], None, ()
    table, columns = _columns(failed[2])
    return None, table, columns


def _columns(text: str) -> tuple[str | None, tuple[str, ...]]:
    """`t.a, t.b` taken apart; every part begins with the same table."""
    table, dot, _ = text.partition(".")
    if not dot:
        return None, (text,)
    prefix = f"{table}."
    return table, tuple(part.removeprefix(prefix) for part in text.split(f", {prefix}"))
