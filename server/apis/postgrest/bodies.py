"""The rows that a body holds: JSON, CSV or a form.

Rule: numbers keep every digit they were written with, and nothing of a body that cannot be understood is written.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn
from urllib.parse import parse_qsl

import orjson

from server.apis.postgrest.faults import PostgrestError, refusal
from server.apis.postgrest.media import Body

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rows:
    """What is to be written. `columns` are those that every row speaks of; with `columns=` a row may lack some of them.
    `one`: the body was one object, not an array. `texts`: values are text or None, as CSV and forms have them."""

    columns: tuple[str, ...]
    rows: Sequence[Row]
    one: bool = False
    texts: bool = False


def rows_of(body: bytes, written_in: Body, columns: tuple[str, ...] | None = None) -> Rows:
    """The rows of a body; `columns` as the query string gives them. Raises PostgrestError."""
    match written_in:
        case Body.JSON:
            return _json_rows(read_json(body), columns)
        case Body.CSV:
            return _chosen(_csv_rows(_text(body)), columns)
        case Body.FORM:
            pairs = dict(form_pairs(body))
            return _chosen(Rows(tuple(pairs), (pairs,), one=True, texts=True), columns)
        case _:
            raise refusal("PGRST102", f"Content-Type not acceptable: {written_in.value}")


def first_only(rows: Rows) -> Rows:
    """The first row alone, as PATCH and PUT use it."""
    return Rows(rows.columns, rows.rows[:1], rows.one, rows.texts)


def _chosen(rows: Rows, columns: tuple[str, ...] | None) -> Rows:
    if columns is None:
        return rows
    chosen = tuple({name: row[name] for name in columns if name in row} for row in rows.rows)
    return Rows(columns, chosen, rows.one, rows.texts)


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise refusal("PGRST102", "The body is not UTF-8") from None


# ── JSON ─────────────────────────────────────────────────────────────────────────────────────

LOSSY: Final = re.compile(rb"[0-9][.eE]|[0-9]{16}")
"""Numbers that a float or a 64-bit integer may not hold; also found in text, where it costs time alone."""
SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
DIGITS: Final = 1000
DEEPEST: Final = 64
EMPTY_OR_INVALID: Final = "Empty or invalid json"


def read_json(body: bytes) -> Any:
    """The value of a JSON body, decimals as Decimal where they need to be; raises PostgrestError."""
    try:
        value = _exact(body) if LOSSY.search(body) else orjson.loads(body)
    except (ValueError, RecursionError):
        raise refusal("PGRST102", EMPTY_OR_INVALID) from None
    if body.count(b"[") + body.count(b"{") > DEEPEST and _deeper(value, DEEPEST):
        raise refusal("PGRST102", f"JSON is at most {DEEPEST} levels deep")
    return value


def _exact(body: bytes) -> Any:
    """The value with every digit; raises ValueError, as orjson does, for half of a surrogate pair too."""
    value = EXACT.decode(body.decode())
    if SURROGATE.search(body):
        json.dumps(value, ensure_ascii=False, default=str).encode()
    return value


class _NumberTooLongError(ValueError):
    """A number that would cost more than its length to read."""


def _integer(text: str) -> int:
    if len(text) > DIGITS:
        raise _NumberTooLongError
    return int(text)


def _decimal(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise _NumberTooLongError from None
    if len(text) > DIGITS or abs(value.adjusted()) > DIGITS:
        raise _NumberTooLongError
    return value


def _constant(text: str) -> NoReturn:
    raise ValueError(text)


EXACT: Final = json.JSONDecoder(parse_float=_decimal, parse_int=_integer, parse_constant=_constant)


def _deeper(value: Any, most: int) -> bool:
    """Whether there are more levels than that, found level by level."""
    level = [value]
    for _ in range(most + 1):
        level = [each for each in level if isinstance(each, dict | list)]
        if not level:
            return False
        level = [inner for each in level for inner in (each.values() if isinstance(each, dict) else each)]
    return True


def _json_rows(value: Any, columns: tuple[str, ...] | None) -> Rows:
    if isinstance(value, dict):
        return _chosen(Rows(tuple(value), (value,), one=True), columns)
    rows = value if isinstance(value, list) else []
    if columns is not None:
        if not all(isinstance(row, dict) for row in rows):
            raise refusal("22023", "the body must be an object, or an array of objects")
        return _chosen(Rows(columns, rows), columns)
    if not rows:
        return Rows((), ())
    _check_uniform(rows)
    return Rows(tuple(rows[0]), rows)


def _check_uniform(rows: Sequence[Any]) -> None:
    first = rows[0].keys() if isinstance(rows[0], dict) else None
    if first is None or not all(isinstance(row, dict) and row.keys() == first for row in rows):
        raise refusal("PGRST102", "All object keys must match")


# ── CSV and forms ────────────────────────────────────────────────────────────────────────────

NULL: Final = "NULL"
# The module refuses values above 128 KiB by itself; how long a body may be is decided where it is received.
csv.field_size_limit(2**31 - 1)


def _csv_rows(text: str) -> Rows:
    try:
        lines = [line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line]
    except csv.Error:
        raise refusal("PGRST102", "Empty or invalid csv") from None
    if not lines:
        raise refusal("PGRST102", "Empty or invalid csv")
    header, *body = lines
    if len(set(header)) != len(header):
        raise _twice(header)
    if any(len(line) != len(header) for line in body):
        raise refusal("PGRST102", "All lines must have same number of fields")
    rows = [{name: _csv_value(value) for name, value in zip(header, line, strict=True)} for line in body]
    return Rows(tuple(header), rows, texts=True)


def _csv_value(text: str) -> str | None:
    return None if text == NULL else text


def _twice(names: Sequence[str]) -> PostgrestError:
    name = next(name for index, name in enumerate(names) if name in names[:index])
    return refusal("42701", f'column "{name}" specified more than once')


def form_pairs(body: bytes) -> list[tuple[str, str]]:
    """The names and values of a form, in their order; raises PostgrestError."""
    try:
        return parse_qsl(_text(body), keep_blank_values=True, errors="strict", max_num_fields=1000)
    except ValueError:
        raise refusal("PGRST102", "The form cannot be read") from None
