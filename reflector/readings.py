"""Values out of a caller's text and a caller's JSON: for each kind how both become the one canonical Python value.

Rule: what no database could hold (NUL, lone surrogates, numbers beyond the column's range) is refused here, before any
SQL, with the column's own words; whatever is refused is an InvalidValue.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from reflector import moments, scalars
from reflector.errors import InvalidValue, Unfit
from reflector.kinds import Kind

if TYPE_CHECKING:  # a type knows how its values are read
    from reflector.datatypes import DataType, Value


def refused(type_: DataType, value: object, because: str = "") -> InvalidValue:
    """The error for a value that is not of the type, quoting at most 60 characters of it."""
    shown = str(value) if isinstance(value, str | Decimal) else _shown(value)
    quoted = shown if len(shown) <= 60 else shown[:60] + "…"
    broken = type_.kind is Kind.INTEGER and not because and scalars.decimal_of(shown) is not None
    hint = "this is a number, and whole numbers alone are held here" if broken else None
    error = InvalidValue(f"{quoted!r} is not {_ARTICLE.get(type_.kind, 'a ' + type_.kind)}{because}", hint=hint)
    error.unfit = Unfit(type_.kind, type_.native, type_.bits, quoted, because)
    return error


def _shown(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=str)[:80]
    except (ValueError, RecursionError):
        return type(value).__name__


_ARTICLE = {
    Kind.INTEGER: "an integer",
    Kind.INTERVAL: "an interval",
    Kind.INSTANT: "a timestamp with time zone",
    Kind.JSON: "valid JSON",
    Kind.BYTES: "base64",
    Kind.DECIMAL: "a decimal number",
    Kind.FLOAT: "a number",
    Kind.ENUM: "one of the allowed values",
    Kind.SET: "a list of the allowed values",
    Kind.ARRAY: "an array",
    Kind.UUID: "a UUID",
    Kind.SPECIAL: "a value of this type",
    Kind.OPAQUE: "a value that can be given",
}


Found = TypeVar("Found")


def _known(type_: DataType, given: object, found: Found | None) -> Found:
    """What was found in what was given, or the error that nothing was."""
    if found is None:
        raise refused(type_, given)
    return found


# ── text ─────────────────────────────────────────────────────────────────────────────────────


def clean_text(type_: DataType, text: str) -> str:
    """The text itself; NUL and lone surrogates are refused, no database can hold them."""
    if "\x00" in text:
        raise refused(type_, text, ": it holds a NUL character")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise InvalidValue("the text holds half of a surrogate pair") from None
    return text


def text_from_json(type_: DataType, value: Any) -> str:
    if not isinstance(value, str):
        raise refused(type_, value)
    return clean_text(type_, value)


# ── numbers and booleans ─────────────────────────────────────────────────────────────────────


def boolean_from_text(type_: DataType, text: str) -> bool:
    return _known(type_, text, scalars.boolean_of(text))


def boolean_from_json(type_: DataType, value: Any) -> bool:
    if not isinstance(value, bool):
        raise refused(type_, value)
    return value


def integer_bounds(type_: DataType) -> tuple[int, int]:
    """The least and the greatest value the column can hold."""
    if type_.unsigned:
        return 0, (1 << type_.bits) - 1
    return -(1 << (type_.bits - 1)), (1 << (type_.bits - 1)) - 1


def integer_from_text(type_: DataType, text: str) -> int:
    return _within(type_, _known(type_, text, scalars.integer_of(text)))


def integer_from_json(type_: DataType, value: Any) -> int:
    if isinstance(value, str):
        return integer_from_text(type_, value)
    return _within(type_, _known(type_, value, scalars.whole(value)))


def _within(type_: DataType, value: int) -> int:
    least, greatest = integer_bounds(type_)
    if not least <= value <= greatest:
        raise refused(type_, str(value), f" between {least} and {greatest}")
    return value


def decimal_from_text(type_: DataType, text: str) -> Decimal:
    return _known(type_, text, scalars.decimal_of(text))


def decimal_from_json(type_: DataType, value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise refused(type_, value)
    return decimal_from_text(type_, repr(value) if isinstance(value, float) else str(value))


def float_from_text(type_: DataType, text: str) -> float:
    value = _known(type_, text, scalars.float_of(text))
    if scalars.beyond_range(text, value):
        raise refused(type_, text, " in range")
    if type_.bits == 32 and not scalars.fits_single(value):
        raise refused(type_, text, " of single precision")
    return value


def float_from_json(type_: DataType, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise refused(type_, value)
    return float_from_text(type_, repr(value) if isinstance(value, float) else str(value))


# ── bytes, uuid, labels ──────────────────────────────────────────────────────────────────────


def bytes_from_text(type_: DataType, text: str) -> bytes:
    return _known(type_, text, scalars.bytes_of(text))


def uuid_from_text(type_: DataType, text: str) -> str:
    return _known(type_, text, scalars.uuid_of(text))


def enum_from_text(type_: DataType, text: str) -> str:
    if text not in type_.labels:
        shown = ", ".join(map(repr, type_.labels[:20]))
        raise refused(type_, text, f": {shown}")
    return text


def set_from_text(type_: DataType, text: str) -> tuple[str, ...]:
    return _set_of(type_, text.split(",") if text else [])


def set_from_json(type_: DataType, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise refused(type_, value)
    return _set_of(type_, value)


def _set_of(type_: DataType, chosen: list[Any]) -> tuple[str, ...]:
    for each in chosen:
        if each not in type_.labels:
            raise refused(type_, each, f": {', '.join(map(repr, type_.labels[:20]))}")
    return tuple(label for label in type_.labels if label in chosen)


# ── dates and times ──────────────────────────────────────────────────────────────────────────


def date_from_text(type_: DataType, text: str) -> date:
    return _known(type_, text, moments.date_of(text))


def time_from_text(type_: DataType, text: str) -> time:
    return _known(type_, text, moments.time_of(text))


def timestamp_from_text(type_: DataType, text: str) -> datetime:
    moment, zone = _known(type_, text, moments.stamp_of(text))
    if zone:
        raise refused(type_, text, " without zone: leave the offset out")
    return moment


def instant_from_text(type_: DataType, text: str) -> datetime:
    """An instant in UTC; text without an offset is taken as UTC, in which we answer."""
    return _known(type_, text, moments.instant_of(text))


def from_string(parse: Callable[[DataType, str], Value]) -> Callable[[DataType, Any], Value]:
    return lambda type_, value: parse(type_, text_from_json(type_, value))


# ── json, arrays, the rest ───────────────────────────────────────────────────────────────────


def json_from_text(type_: DataType, text: str) -> Any:
    try:
        return json.loads(clean_text(type_, text), parse_float=Decimal)
    except (ValueError, RecursionError):
        raise refused(type_, text) from None


def array_from_json(type_: DataType, value: Any) -> tuple[Value, ...]:
    if not isinstance(value, list) or type_.element is None:
        raise refused(type_, value)
    read = type_.element.facts.from_json
    if type_.element.kind is Kind.JSON or not any(isinstance(each, list) for each in value):
        return tuple(None if each is None else read(type_.element, each) for each in value)
    rows = tuple(array_from_json(type_, each) for each in value)
    if len({_sizes(row) for row in rows}) != 1 or not rows[0]:
        raise refused(type_, value, ": the arrays in it must be of one length, and not empty")
    return rows


def _sizes(value: Value) -> tuple[int, ...]:
    """How long an array is, and the arrays in it."""
    if not isinstance(value, tuple):
        return ()
    return (len(value), *(_sizes(value[0]) if value else ()))


def array_from_text(type_: DataType, text: str) -> tuple[Value, ...]:
    return array_from_json(type_, json_from_text(type_, text))


def never(type_: DataType, value: Any) -> Value:
    raise refused(type_, value, ": it is shown as text and cannot be compared or written")
