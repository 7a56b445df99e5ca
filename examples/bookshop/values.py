"""What a row may hold, and how each database writes it in SQL.

Rule: a dialect is one row of `SPELLINGS`; a kind of value one row of `WRITERS`. Instants are aware and in UTC,
other timestamps naive; JSON is wrapped, so that the JSON `null` and a missing value stay apart.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from types import NoneType
from typing import Any, TypeAlias
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Json:
    """A JSON document: anything that `json.dumps` takes, `None` included."""

    document: object

    def text(self) -> str:
        return json.dumps(self.document, ensure_ascii=False)


Value: TypeAlias = bool | int | float | Decimal | str | bytes | date | time | datetime | UUID | Json | None
Row: TypeAlias = dict[str, Value]
Rows: TypeAlias = dict[str, list[Row]]


@dataclass(frozen=True, slots=True)
class Spelling:
    """How one database writes names and values."""

    name_quote: str
    offset: str  # what follows an instant; MariaDB takes none and reads it in the session's zone
    bytes_before: str
    escapes: dict[int, str]

    def name(self, name: str) -> str:
        quote = self.name_quote
        return f"{quote}{name.replace(quote, quote * 2)}{quote}"

    def text(self, text: str) -> str:
        return f"'{text.translate(self.escapes)}'"


STANDARD = str.maketrans({"'": "''"})
# Line ends too, because MariaDB's own client drops the \r of a text it reads from a file.
BACKSLASHED = str.maketrans({"'": "''", "\\": "\\\\", "\n": "\\n", "\r": "\\r"})

SPELLINGS = {
    "postgresql": Spelling('"', "+00:00", "'\\x", STANDARD),
    "mariadb": Spelling("`", "", "x'", BACKSLASHED),
    "sqlite": Spelling('"', "+00:00", "x'", STANDARD),
}


def timestamp(value: datetime, offset: str = "+00:00") -> str:
    """Text like `2024-01-01 10:00:00.5+00:00`: zeros that end a fraction are cut, naive values get no offset."""
    local = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    text = local.isoformat(" ")
    return (text.rstrip("0") if local.microsecond else text) + (offset if value.tzinfo else "")


def real(value: float) -> str:
    """With an exponent, because MariaDB reads `0.1` as a decimal and `1e-1` as a double."""
    text = repr(value)
    return text if "e" in text else f"{text}e0"


# By exact type, because a datetime is also a date and a bool also an int.
WRITERS: dict[type, Callable[[Spelling, Any], str]] = {
    NoneType: lambda _, _value: "NULL",
    bool: lambda _, value: "TRUE" if value else "FALSE",
    int: lambda _, value: str(value),
    Decimal: lambda _, value: format(value, "f"),
    float: lambda _, value: real(value),
    bytes: lambda spelling, value: f"{spelling.bytes_before}{value.hex()}'",
    str: lambda spelling, value: spelling.text(value),
    Json: lambda spelling, value: spelling.text(value.text()),
    datetime: lambda spelling, value: f"'{timestamp(value, spelling.offset)}'",
    date: lambda _, value: f"'{value.isoformat()}'",
    time: lambda _, value: f"'{value.isoformat()}'",
    UUID: lambda _, value: f"'{value}'",
}


def literal(spelling: Spelling, value: Value) -> str:
    return WRITERS[type(value)](spelling, value)
