"""What a procedure gives, as MariaDB and MySQL send it: result sets, whose columns nobody knows before they come.

Rule: rows are measured while they come, and a procedure that gives more than one set is refused: nobody could say which
of them is the answer.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import orjson
from pymysql.constants import FIELD_TYPE

from reflector.errors import AnswerTooLarge, NotSupported
from reflector.query.forms import Form
from reflector.sql.procedures import formed
from reflector.zones import Zone, written

CALL: Final = "CALL "
"""How the statements begin that are read by `given`."""


async def given(wire: Any, largest: int, text: str) -> tuple[str | None, int]:
    """A JSON array of the rows of the one set that a procedure gives, None where it gives none; and how many they are.

    Raises AnswerTooLarge, with the connection cut, and NotSupported for several sets.
    """
    await wire.query(text.encode(), unbuffered=True)
    sets: list[list[str]] = []
    while True:
        result = wire.sent
        if result.unbuffered_active:
            sets.append(await _rows(wire, result, largest, formed(text)))
        if not result.has_next:
            break
        await wire.following()
    if len(sets) > 1:
        raise NotSupported("the procedure gives several sets of rows, of which none is the answer")
    return (f"[{','.join(sets[0])}]", len(sets[0])) if sets else (None, 0)


async def _rows(wire: Any, result: Any, largest: int, form: Form | None) -> list[str]:
    """The documents of one set."""
    names = [orjson.dumps(column[0]).decode() for column in result.description]
    codes = [column[1] for column in result.description]
    found: list[str] = []
    while (row := await wire.one_row(result)) is not None:
        found.append(_document(names, codes, row, form))
        largest -= len(found[-1])
        if largest < 0:
            wire.cut()
            raise AnswerTooLarge
    return found


def _document(names: Sequence[str], codes: Sequence[int], row: Sequence[Any], form: Form | None) -> str:
    cells = [_cell(code, value, form) for code, value in zip(codes, row, strict=True)]
    return "{" + ",".join([f"{name}:{cell}" for name, cell in zip(names, cells, strict=True)]) + "}"


def _cell(code: int, value: Any, form: Form | None) -> str:
    """A value as JSON, in the forms that columns have."""
    if value is None:
        return "null"
    if code == FIELD_TYPE.BIT and isinstance(value, bytes):
        return str(int.from_bytes(value, "big"))
    if code == FIELD_TYPE.TIMESTAMP and isinstance(value, datetime):
        zone, plain = (Zone(), False) if form is None else (form.zone or Zone(), form.plain)
        return f'"{written(value.replace(tzinfo=UTC), zone, plain=plain)}"'
    if form is not None and isinstance(value, bytes):
        return _text(f"\\x{value.hex()}")
    if form is not None and form.plain and isinstance(value, datetime):
        return f'"{_moment(value).replace("T", " ")}"'
    return WRITTEN[type(value)](value)


def _moment(value: datetime) -> str:
    text = value.isoformat()
    return text.rstrip("0") if value.microsecond else text


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()


def _span(value: timedelta) -> str:
    sign, span = ("-", -value) if value < timedelta(0) else ("", value)
    seconds = span.days * 86400 + span.seconds
    fraction = f".{span.microseconds:06}".rstrip("0") if span.microseconds else ""
    return f'"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction}"'


WRITTEN: Final[Mapping[type, Callable[[Any], str]]] = {
    int: str,
    float: repr,
    Decimal: lambda value: format(value, "f"),
    str: _text,
    bytes: lambda value: _text(base64.b64encode(value).decode()),
    date: lambda value: f'"{value.isoformat()}"',
    datetime: lambda value: f'"{_moment(value)}"',
    timedelta: _span,
}
"""Every type that the library makes of a cell."""
