"""Types of value: each kind is one row of `KINDS`.

A row says how a caller's text and a caller's JSON become the one canonical Python value (`readings`), what may be asked
of it, and its JSON Schema. How a value leaves a database as JSON, and how it is bound, is said per database in
`dialects`, keyed by the same kinds.

Rule: a value is read once, before any SQL, into its canonical form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from reflector import readings
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

    from_text: Reading
    from_json: Callable[[DataType, Any], Value]
    schema: Schema
    comparable: bool = True
    ordered: bool = True
    textual: bool = False


Reading: TypeAlias = Callable[[DataType, str], Value]
Schema: TypeAlias = Callable[[DataType], Mapping[str, Any]]


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


# ── JSON Schema ──────────────────────────────────────────────────────────────────────────────


def _plain(kind: str, **more: Any) -> Schema:
    return lambda _: {"type": kind, **more}


def _integer_schema(type_: DataType) -> Mapping[str, Any]:
    least, greatest = readings.integer_bounds(type_)
    sized = {"format": "int32"} if type_.bits <= 32 and not type_.unsigned else {"format": "int64"}
    return {"type": "integer", **sized, "minimum": least, "maximum": greatest}


def _text_schema(type_: DataType) -> Mapping[str, Any]:
    return {"type": "string"} if type_.length is None else {"type": "string", "maxLength": type_.length}


def _array_schema(type_: DataType) -> Mapping[str, Any]:
    return {"type": "array", "items": json_schema(type_.element) if type_.element else {}}


# ── the table ────────────────────────────────────────────────────────────────────────────────


def _worded(read: Reading, schema: Schema, *, ordered: bool = True) -> KindFacts:
    """A kind whose values are texts in JSON too."""
    return KindFacts(read, readings.from_string(read), schema, ordered=ordered)


KINDS: Mapping[Kind, KindFacts] = {
    Kind.BOOLEAN: KindFacts(readings.boolean_from_text, readings.boolean_from_json, _plain("boolean")),
    Kind.INTEGER: KindFacts(readings.integer_from_text, readings.integer_from_json, _integer_schema),
    Kind.DECIMAL: KindFacts(readings.decimal_from_text, readings.decimal_from_json, _plain("number")),
    Kind.FLOAT: KindFacts(
        readings.float_from_text,
        readings.float_from_json,
        lambda _: {"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]},
    ),
    Kind.TEXT: KindFacts(readings.clean_text, readings.text_from_json, _text_schema, textual=True),
    Kind.UUID: _worded(readings.uuid_from_text, _plain("string", format="uuid")),
    Kind.BYTES: _worded(readings.bytes_from_text, _plain("string", contentEncoding="base64")),
    Kind.DATE: _worded(readings.date_from_text, _plain("string", format="date")),
    Kind.TIME: _worded(readings.time_from_text, _plain("string")),
    Kind.TIMESTAMP: _worded(readings.timestamp_from_text, _plain("string")),
    Kind.INSTANT: _worded(readings.instant_from_text, _plain("string", format="date-time")),
    Kind.INTERVAL: KindFacts(readings.clean_text, readings.text_from_json, _plain("string")),
    Kind.JSON: KindFacts(
        readings.json_from_text, lambda _, value: value, lambda _: {}, comparable=False, ordered=False
    ),
    Kind.ENUM: _worded(
        readings.enum_from_text, lambda type_: {"type": "string", "enum": list(type_.labels)}, ordered=False
    ),
    Kind.SET: KindFacts(
        readings.set_from_text,
        readings.set_from_json,
        lambda type_: {"type": "array", "items": {"type": "string", "enum": list(type_.labels)}},
        comparable=False,
        ordered=False,
    ),
    Kind.ARRAY: KindFacts(readings.array_from_text, readings.array_from_json, _array_schema, ordered=False),
    Kind.SPECIAL: KindFacts(readings.clean_text, readings.text_from_json, _plain("string"), ordered=False),
    Kind.OPAQUE: KindFacts(readings.never, readings.never, _plain("string"), comparable=False, ordered=False),
}
