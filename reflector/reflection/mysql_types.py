"""MariaDB's and MySQL's types, read from the spelling that information_schema gives a column.

Rule: the spelling and the collation are everything there is; a type that is not in `ROWS` is opaque. `tinyint(1)`
is a boolean only as BOOLEAN makes it, signed: MySQL 8 forgets the width of every other integer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from reflector.datatypes import DataType, Kind


@dataclass(frozen=True, slots=True)
class Spelling:
    """A type as it is written: `name(arguments) more`, and the collation of its column."""

    text: str
    name: str
    arguments: str
    unsigned: bool
    collation: str | None

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(int(each) for each in re.findall(r"\d+", self.arguments))


_SHAPE = re.compile(r"(\w+)\s*(?:\(((?:'(?:[^'\\]|''|\\.)*'|[^()'])*)\))?(.*)", re.DOTALL)
_LABEL = re.compile(r"'((?:[^'\\]|''|\\.)*)'", re.DOTALL)
_LABEL_ESCAPE = re.compile(r"''|\\(.)", re.DOTALL)
_ESCAPED = {"0": "\0", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a"}


def spelling(text: str, collation: str | None = None) -> Spelling:
    found = _SHAPE.match(text)
    name, arguments, rest = found.groups() if found else (text, None, "")
    return Spelling(text, name.lower(), arguments or "", "unsigned" in rest.lower().split(), collation)


@lru_cache(maxsize=1024)
def data_type(text: str, collation: str | None = None) -> DataType:
    """The type of a column spelled `text`, as in COLUMN_TYPE or DTD_IDENTIFIER; opaque when it is not known."""
    if text.lower() in _BOOLEANS:
        return DataType(Kind.BOOLEAN, text, bits=1)
    native = spelling(text, collation)
    return ROWS.get(native.name, _opaque)(native)


def json_type(native: DataType) -> DataType:
    """The type of a text column that a check keeps to JSON, which is how MariaDB spells JSON."""
    return DataType(Kind.JSON, native.native)


def labels(arguments: str) -> tuple[str, ...]:
    """The labels between the parentheses of an enum or a set."""
    return tuple(_LABEL_ESCAPE.sub(_unescaped, each) for each in _LABEL.findall(arguments))


def _unescaped(found: re.Match[str]) -> str:
    escaped = found.group(1)
    return "'" if escaped is None else _ESCAPED.get(escaped, escaped)


def ignores_case(collation: str | None) -> bool:
    """Whether `=` under the collation finds letters equal that differ in case or in accents."""
    if collation is None or collation == "binary":
        return False
    words = collation.split("_")
    return "ai" in words or not {"bin", "cs"} & set(words)


_BOOLEANS = {"tinyint(1)", "bit(1)"}
Row = Callable[[Spelling], DataType]


def _integer(bits: int) -> Row:
    return lambda native: DataType(Kind.INTEGER, native.text, bits=bits, unsigned=native.unsigned)


def _bit(native: Spelling) -> DataType:
    return DataType(Kind.INTEGER, native.text, bits=(native.numbers or (1,))[0], unsigned=True)


def _decimal(native: Spelling) -> DataType:
    precision, scale = (*native.numbers, 10, 0)[:2] if len(native.numbers) != 1 else (native.numbers[0], 0)
    return DataType(Kind.DECIMAL, native.text, precision=precision, scale=scale)


def _text(native: Spelling) -> DataType:
    return DataType(
        Kind.TEXT,
        native.text,
        length=native.numbers[0] if native.numbers else None,
        case_insensitive=ignores_case(native.collation),
    )


def _bytes(most: int | None = None) -> Row:
    return lambda native: DataType(Kind.BYTES, native.text, length=native.numbers[0] if native.numbers else most)


def _moment(kind: Kind) -> Row:
    return lambda native: DataType(kind, native.text, precision=native.numbers[0] if native.numbers else 0)


def _labelled(kind: Kind) -> Row:
    return lambda native: DataType(kind, native.text, labels=labels(native.arguments))


def _plain(kind: Kind) -> Row:
    return lambda native: DataType(kind, native.text)


_opaque = _plain(Kind.OPAQUE)

ROWS: Mapping[str, Row] = {
    "tinyint": _integer(8),
    "smallint": _integer(16),
    "mediumint": _integer(24),
    "int": _integer(32),
    "bigint": _integer(64),
    "year": _integer(16),
    "bit": _bit,
    "decimal": _decimal,
    "float": lambda native: DataType(Kind.FLOAT, native.text, bits=32),
    "double": _plain(Kind.FLOAT),
    "char": _text,
    "varchar": _text,
    "tinytext": _text,
    "text": _text,
    "mediumtext": _text,
    "longtext": _text,
    "binary": _bytes(1),
    "varbinary": _bytes(),
    "tinyblob": _bytes((1 << 8) - 1),
    "blob": _bytes((1 << 16) - 1),
    "mediumblob": _bytes((1 << 24) - 1),
    "longblob": _bytes((1 << 32) - 1),
    "enum": _labelled(Kind.ENUM),
    "set": _labelled(Kind.SET),
    "date": _plain(Kind.DATE),
    "time": _moment(Kind.TIME),
    "datetime": _moment(Kind.TIMESTAMP),
    "timestamp": _moment(Kind.INSTANT),
    "json": _plain(Kind.JSON),
    "uuid": _plain(Kind.UUID),
    "inet4": _plain(Kind.SPECIAL),
    "inet6": _plain(Kind.SPECIAL),
}
