"""Values as MariaDB and MySQL read them in a statement's text: the protocol the library speaks has no parameters.

Rule: one row per type, found by the exact type; what is not in the table is refused before anything is sent. A quote is
doubled, never escaped, so that no setting of the server can let a text end early.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from reflector.errors import InvalidData
from reflector.sql.plan import RowList

LONGEST_DECIMAL: Final = 81
"""Digits before the point that its parser has room for. It cuts a longer number and warns, where no warning is let pass."""


def literal(value: Any) -> str:
    """A value's literal. Raises TypeError for a type that is not a scalar of ours, InvalidData for NaN, infinity and what is too long."""
    write = LITERALS.get(type(value))
    if write is None:
        raise TypeError(f"{type(value).__name__} cannot be sent to this database")
    return write(value)


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise InvalidData("this database keeps no infinity and no NaN")
    text = repr(value)
    return text if "e" in text else text + "e0"


def _decimal(value: Decimal) -> str:
    if not value.is_finite():
        raise InvalidData("this database keeps no infinity and no NaN")
    if value.adjusted() >= LONGEST_DECIMAL:
        raise InvalidData(f"this database reads no decimal of more than {LONGEST_DECIMAL} digits before the point")
    return format(value, "f")


def _datetime(value: datetime) -> str:
    naive = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
    return f"'{naive.isoformat(' ')}'"


def _time(value: time) -> str:
    return f"'{value.replace(tzinfo=None).isoformat()}'"


def _span(value: timedelta) -> str:
    """How the library gives a TIME, back again."""
    sign, span = ("-", -value) if value < timedelta(0) else ("", value)
    seconds = span.days * 86400 + span.seconds
    return f"'{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{span.microseconds:06}'"


def _rows(rows: RowList) -> str:
    if rows.bare:
        return ",".join([literal(cell) for (cell,) in rows])
    return ",".join(["(" + ",".join([literal(cell) for cell in row]) + ")" for row in rows])


LITERALS: Final[Mapping[type, Callable[[Any], str]]] = {
    type(None): lambda _: "NULL",
    bool: lambda value: "1" if value else "0",
    int: str,
    float: _float,
    Decimal: _decimal,
    str: _text,
    bytes: lambda value: f"x'{value.hex()}'",
    date: lambda value: f"'{value.isoformat()}'",
    datetime: _datetime,
    time: _time,
    timedelta: _span,
    RowList: _rows,
}
