"""SQLite's types: what a declared type promises of the values, by its name, else by the affinity SQLite gives it.

A declaration binds nobody: SQLite keeps any value in any column of a table that is not STRICT, and such a value is
shown as it is stored. Lengths are told, not enforced.

Rule: a name that people use is one row of `ROWS`; the five affinity rules of SQLite decide the rest, except that
INT must be a word of the type (POINT and INTERVAL are no integers). A column without a type, ANY, and a name that
tells nothing are SPECIAL: a value is given as text and shown as it is stored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from reflector.datatypes import DataType, Kind

_SHAPE = re.compile(r"([^(]*)(?:\(\s*([+-]?\d+)\s*(?:,\s*([+-]?\d+)\s*)?\))?")
_INTEGER_WORD = re.compile(r"\b(?:TINY|SMALL|MEDIUM|BIG)?INT(?:EGER)?\d*\b")

Row = Callable[[str, int | None, int | None, bool], DataType]
"""(declared type, first number, second number, whether the column ignores case) → the type."""


@lru_cache(maxsize=1024)
def data_type(declared: str, collation: str | None = None) -> DataType:
    """The type of a column declared as `declared`, '' when it was declared without a type."""
    found = _SHAPE.match(declared)
    name, first, second = found.groups() if found else (declared, None, None)
    row = _row(" ".join(name.upper().split()))
    numbers = (None if first is None else int(first), None if second is None else int(second))
    return row(declared, *numbers, ignores_case(collation))


def ignores_case(collation: str | None) -> bool:
    """Whether `=` under the collation finds texts equal that differ in case (NOCASE, for ASCII), in spaces at the end (RTRIM),
    or in whatever a collation of somebody else's does not tell apart."""
    return collation is not None and collation.upper() != "BINARY"


def _row(name: str) -> Row:
    if name in ROWS:
        return ROWS[name]
    for pattern, row in _AFFINITIES:
        if pattern.search(name):
            return row
    return _special


def _plain(kind: Kind) -> Row:
    return lambda declared, _first, _second, _folds: DataType(kind, declared)


def _decimal(declared: str, first: int | None, second: int | None, _folds: bool) -> DataType:
    return DataType(Kind.DECIMAL, declared, precision=first, scale=second if first is None else second or 0)


def _text(declared: str, first: int | None, _second: int | None, folds: bool) -> DataType:
    return DataType(Kind.TEXT, declared, length=first, case_insensitive=folds)


def _bytes(declared: str, first: int | None, _second: int | None, _folds: bool) -> DataType:
    return DataType(Kind.BYTES, declared, length=first)


def _special(declared: str, _first: int | None, _second: int | None, folds: bool) -> DataType:
    return DataType(Kind.SPECIAL, declared or "ANY", case_insensitive=folds)


_integer, _float, _boolean = _plain(Kind.INTEGER), _plain(Kind.FLOAT), _plain(Kind.BOOLEAN)
_timestamp, _instant = _plain(Kind.TIMESTAMP), _plain(Kind.INSTANT)
_uuid, _json = _plain(Kind.UUID), _plain(Kind.JSON)

ROWS: Mapping[str, Row] = {
    "BOOLEAN": _boolean,
    "BOOL": _boolean,
    "BIT": _boolean,
    "SERIAL": _integer,
    "BIGSERIAL": _integer,
    "LONG": _integer,
    "YEAR": _integer,
    "FLOATING POINT": _float,
    "NUMERIC": _decimal,
    "DECIMAL": _decimal,
    "DEC": _decimal,
    "NUMBER": _decimal,
    "MONEY": _decimal,
    "CURRENCY": _decimal,
    "STRING": _text,
    "UUID": _uuid,
    "GUID": _uuid,
    "UNIQUEIDENTIFIER": _uuid,
    "BINARY": _bytes,
    "VARBINARY": _bytes,
    "BINARY VARYING": _bytes,
    "BYTEA": _bytes,
    "BYTES": _bytes,
    "IMAGE": _bytes,
    "DATE": _plain(Kind.DATE),
    "TIME": _plain(Kind.TIME),
    "TIME WITHOUT TIME ZONE": _plain(Kind.TIME),
    "DATETIME": _timestamp,
    "DATETIME2": _timestamp,
    "SMALLDATETIME": _timestamp,
    "TIMESTAMP": _timestamp,
    "TIMESTAMP WITHOUT TIME ZONE": _timestamp,
    "TIMESTAMPTZ": _instant,
    "TIMESTAMP WITH TIME ZONE": _instant,
    "DATETIMEOFFSET": _instant,
    "JSON": _json,
    "JSONB": _json,
}

# In SQLite's own order (datatype3.html, section 3.1): the first that fits decides.
_AFFINITIES: tuple[tuple[re.Pattern[str], Row], ...] = (
    (_INTEGER_WORD, _integer),
    (re.compile("CHAR|CLOB|TEXT"), _text),
    (re.compile("BLOB"), _bytes),
    (re.compile("REAL|FLOA|DOUB"), _float),
)
