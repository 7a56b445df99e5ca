"""Types of value, and how a value travels from text and JSON into Python.

Each kind is one row of `KINDS`: how a caller's text and a caller's JSON become the one canonical Python value, what
may be asked of it, and its JSON Schema. How a value leaves a database as JSON, and how it is bound, is said per
database in `dialects`, keyed by the same kinds.

Rule: a value is parsed once, before any SQL, into its canonical form; what no database could hold (NUL, lone
surrogates, numbers beyond the column's range) is refused here with the column's own words.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, TypeVar

from reflector import moments, scalars
from reflector.errors import InvalidValue, Unfit
from reflector.kinds import Kind as Kind  # noqa: PLC0414 - whoever asks for types asks for their kinds here
from reflector.representations import Representation

Value = Any
"""A canonical value: bool, int, Decimal, float, str, bytes, date, time, datetime, tuple, or parsed JSON; None is NULL."""


@dataclass(frozen=True, slots=True)
class DataType:
    """A column's type.

    `native` is the database's spelling, for people. `cast` is what a text operand is cast to so that it takes the
    type without its length or scale (quoted and qualified; PostgreSQL only). `bits` and `unsigned` bound an
    INTEGER, `bits` a FLOAT, `length` counts characters or bytes, `labels` are those of an ENUM or SET, `element` is
    an ARRAY's. `by` is a function that makes the value of what is bound or cast (like `cast`), and may do more where it is `busy`.
    `represented`: a domain. `case_insensitive`: the database's `=` ignores case, accents or spaces at the end. `padded`: the database fills
    values up with spaces that are no part of them. `by_json`: of an OPAQUE type that
    PostgreSQL itself makes of JSON and shows in JSON, its name there, quoted and qualified; `ranked`: it has an order of its own.
    """

    kind: Kind
    native: str
    cast: str = ""
    bits: int = 64
    unsigned: bool = False
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    labels: tuple[str, ...] = ()
    element: DataType | None = None
    case_insensitive: bool = False
    padded: bool = False
    by: str = ""
    busy: bool = False
    represented: Representation | None = None
    by_json: str = ""
    ranked: bool = False

    @property
    def writable(self) -> bool:
        return self.read_here or bool(self.by_json)

    @property
    def read_here(self) -> bool:
        """Whether values are read by us, before the database is asked."""
        return self.kind is not Kind.OPAQUE

    @property
    def facts(self) -> KindFacts:
        return KINDS[self.kind]


@dataclass(frozen=True, slots=True)
class KindFacts:
    """One row of `KINDS`. `from_text` and `from_json` raise InvalidValue. `comparable` allows equality, `ordered` < and >,
    `textual` the text operators. `schema` is the JSON Schema of the value as it is answered.
    """

    from_text: Callable[[DataType, str], Value]
    from_json: Callable[[DataType, Any], Value]
    schema: Callable[[DataType], Mapping[str, Any]]
    comparable: bool = True
    ordered: bool = True
    textual: bool = False


def parse_text(type_: DataType, text: str) -> Value:
    """A caller's text (a URL's, a claim's) as a canonical value; raises InvalidValue."""
    return KINDS[type_.kind].from_text(type_, text)


def parse_json(type_: DataType, value: Any) -> Value:
    """A caller's JSON as a canonical value; None is NULL; raises InvalidValue."""
    if value is None:
        return None
    return KINDS[type_.kind].from_json(type_, value)


def json_schema(type_: DataType) -> Mapping[str, Any]:
    """The JSON Schema of the type's answered form, without nullability."""
    return KINDS[type_.kind].schema(type_)


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


def _text_from_json(type_: DataType, value: Any) -> str:
    if not isinstance(value, str):
        raise refused(type_, value)
    return clean_text(type_, value)


# ── numbers and booleans ─────────────────────────────────────────────────────────────────────


def _boolean_from_text(type_: DataType, text: str) -> bool:
    return _known(type_, text, scalars.boolean_of(text))


def _boolean_from_json(type_: DataType, value: Any) -> bool:
    if not isinstance(value, bool):
        raise refused(type_, value)
    return value


def integer_bounds(type_: DataType) -> tuple[int, int]:
    """The least and the greatest value the column can hold."""
    if type_.unsigned:
        return 0, (1 << type_.bits) - 1
    return -(1 << (type_.bits - 1)), (1 << (type_.bits - 1)) - 1


def _integer_from_text(type_: DataType, text: str) -> int:
    return _within(type_, _known(type_, text, scalars.integer_of(text)))


def _integer_from_json(type_: DataType, value: Any) -> int:
    if isinstance(value, str):
        return _integer_from_text(type_, value)
    return _within(type_, _known(type_, value, scalars.whole(value)))


def _within(type_: DataType, value: int) -> int:
    least, greatest = integer_bounds(type_)
    if not least <= value <= greatest:
        raise refused(type_, str(value), f" between {least} and {greatest}")
    return value


def _decimal_from_text(type_: DataType, text: str) -> Decimal:
    return _known(type_, text, scalars.decimal_of(text))


def _decimal_from_json(type_: DataType, value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise refused(type_, value)
    return _decimal_from_text(type_, repr(value) if isinstance(value, float) else str(value))


def _float_from_text(type_: DataType, text: str) -> float:
    value = _known(type_, text, scalars.float_of(text))
    if scalars.beyond_range(text, value):
        raise refused(type_, text, " in range")
    if type_.bits == 32 and not scalars.fits_single(value):
        raise refused(type_, text, " of single precision")
    return value


def _float_from_json(type_: DataType, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise refused(type_, value)
    return _float_from_text(type_, repr(value) if isinstance(value, float) else str(value))


# ── bytes, uuid, labels ──────────────────────────────────────────────────────────────────────


def _bytes_from_text(type_: DataType, text: str) -> bytes:
    return _known(type_, text, scalars.bytes_of(text))


def _uuid_from_text(type_: DataType, text: str) -> str:
    return _known(type_, text, scalars.uuid_of(text))


def _enum_from_text(type_: DataType, text: str) -> str:
    if text not in type_.labels:
        shown = ", ".join(map(repr, type_.labels[:20]))
        raise refused(type_, text, f": {shown}")
    return text


def _set_from_text(type_: DataType, text: str) -> tuple[str, ...]:
    return _set_of(type_, text.split(",") if text else [])


def _set_from_json(type_: DataType, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise refused(type_, value)
    return _set_of(type_, value)


def _set_of(type_: DataType, chosen: list[Any]) -> tuple[str, ...]:
    for each in chosen:
        if each not in type_.labels:
            raise refused(type_, each, f": {', '.join(map(repr, type_.labels[:20]))}")
    return tuple(label for label in type_.labels if label in chosen)


# ── dates and times ──────────────────────────────────────────────────────────────────────────


def _date_from_text(type_: DataType, text: str) -> date:
    return _known(type_, text, moments.date_of(text))


def _time_from_text(type_: DataType, text: str) -> time:
    return _known(type_, text, moments.time_of(text))


def _timestamp_from_text(type_: DataType, text: str) -> datetime:
    moment, zone = _known(type_, text, moments.stamp_of(text))
    if zone:
        raise refused(type_, text, " without zone: leave the offset out")
    return moment


def _instant_from_text(type_: DataType, text: str) -> datetime:
    """An instant in UTC; text without an offset is taken as UTC, in which we answer."""
    return _known(type_, text, moments.instant_of(text))


def _from_string(parse: Callable[[DataType, str], Value]) -> Callable[[DataType, Any], Value]:
    return lambda type_, value: parse(type_, _text_from_json(type_, value))


# ── json, arrays, the rest ───────────────────────────────────────────────────────────────────


def _json_from_text(type_: DataType, text: str) -> Any:
    try:
        return json.loads(clean_text(type_, text), parse_float=Decimal)
    except (ValueError, RecursionError):
        raise refused(type_, text) from None


def _array_from_json(type_: DataType, value: Any) -> tuple[Value, ...]:
    if not isinstance(value, list) or type_.element is None:
        raise refused(type_, value)
    if type_.element.kind is Kind.JSON or not any(isinstance(each, list) for each in value):
        return tuple(parse_json(type_.element, each) for each in value)
    rows = tuple(_array_from_json(type_, each) for each in value)
    if len({_sizes(row) for row in rows}) != 1 or not rows[0]:
        raise refused(type_, value, ": the arrays in it must be of one length, and not empty")
    return rows


def _sizes(value: Value) -> tuple[int, ...]:
    """How long an array is, and the arrays in it."""
    if not isinstance(value, tuple):
        return ()
    return (len(value), *(_sizes(value[0]) if value else ()))


def _array_from_text(type_: DataType, text: str) -> tuple[Value, ...]:
    return _array_from_json(type_, _json_from_text(type_, text))


def _never(type_: DataType, value: Any) -> Value:
    raise refused(type_, value, ": it is shown as text and cannot be compared or written")


# ── JSON Schema ──────────────────────────────────────────────────────────────────────────────


def _plain(kind: str, **more: Any) -> Callable[[DataType], Mapping[str, Any]]:
    return lambda _: {"type": kind, **more}


def _integer_schema(type_: DataType) -> Mapping[str, Any]:
    least, greatest = integer_bounds(type_)
    sized = {"format": "int32"} if type_.bits <= 32 and not type_.unsigned else {"format": "int64"}
    return {"type": "integer", **sized, "minimum": least, "maximum": greatest}


def _text_schema(type_: DataType) -> Mapping[str, Any]:
    return {"type": "string"} if type_.length is None else {"type": "string", "maxLength": type_.length}


def _array_schema(type_: DataType) -> Mapping[str, Any]:
    return {"type": "array", "items": json_schema(type_.element) if type_.element else {}}


KINDS: Mapping[Kind, KindFacts] = {
    Kind.BOOLEAN: KindFacts(_boolean_from_text, _boolean_from_json, _plain("boolean")),
    Kind.INTEGER: KindFacts(_integer_from_text, _integer_from_json, _integer_schema),
    Kind.DECIMAL: KindFacts(_decimal_from_text, _decimal_from_json, _plain("number")),
    Kind.FLOAT: KindFacts(
        _float_from_text,
        _float_from_json,
        lambda _: {"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]},
    ),
    Kind.TEXT: KindFacts(clean_text, _text_from_json, _text_schema, textual=True),
    Kind.UUID: KindFacts(_uuid_from_text, _from_string(_uuid_from_text), _plain("string", format="uuid")),
    Kind.BYTES: KindFacts(_bytes_from_text, _from_string(_bytes_from_text), _plain("string", contentEncoding="base64")),
    Kind.DATE: KindFacts(_date_from_text, _from_string(_date_from_text), _plain("string", format="date")),
    Kind.TIME: KindFacts(_time_from_text, _from_string(_time_from_text), _plain("string")),
    Kind.TIMESTAMP: KindFacts(_timestamp_from_text, _from_string(_timestamp_from_text), _plain("string")),
    Kind.INSTANT: KindFacts(_instant_from_text, _from_string(_instant_from_text), _plain("string", format="date-time")),
    Kind.INTERVAL: KindFacts(clean_text, _text_from_json, _plain("string")),
    Kind.JSON: KindFacts(_json_from_text, lambda _, value: value, lambda _: {}, comparable=False, ordered=False),
    Kind.ENUM: KindFacts(
        _enum_from_text,
        _from_string(_enum_from_text),
        lambda type_: {"type": "string", "enum": list(type_.labels)},
        ordered=False,
    ),
    Kind.SET: KindFacts(
        _set_from_text,
        _set_from_json,
        lambda type_: {"type": "array", "items": {"type": "string", "enum": list(type_.labels)}},
        comparable=False,
        ordered=False,
    ),
    Kind.ARRAY: KindFacts(_array_from_text, _array_from_json, _array_schema, ordered=False),
    Kind.SPECIAL: KindFacts(clean_text, _text_from_json, _plain("string"), ordered=False),
    Kind.OPAQUE: KindFacts(_never, _never, _plain("string"), comparable=False, ordered=False),
}
