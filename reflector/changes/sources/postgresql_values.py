"""PostgreSQL's values as its stream has them, which is text: in canonical form for rules, and as the resource API shows
them (`row_to_json`, and what `dialects.postgresql` makes of it).

The stream's connection fixes the settings that text depends on: dates in ISO form, UTC, bytes as hex, intervals in
ISO 8601.

Rule: text that has no canonical value (an infinite date, one before Christ) stays text: it is shown, and not judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from reflector.catalog.model import Column
from reflector.changes.change import Codec
from reflector.changes.sources.shown import base64_of, number, string
from reflector.datatypes import DataType, Kind, Value, parse_text
from reflector.errors import InvalidValue

# ── canonical ────────────────────────────────────────────────────────────────────────────────


ENDLESS = frozenset({"NaN", "Infinity", "-Infinity"})
"""What a numeric holds beside numbers, as PostgreSQL writes it."""


def value(column: Column, stored: str) -> Value:
    """The canonical value, or the text where it has none."""
    return _value(column.type, stored)


def _value(type_: DataType, text: str) -> Value:
    match type_.kind:
        case Kind.TEXT | Kind.UUID | Kind.ENUM | Kind.INTERVAL | Kind.SPECIAL | Kind.OPAQUE | Kind.JSON | Kind.SET:
            return text
        case Kind.BYTES:
            return bytes.fromhex(text[2:])
        case Kind.ARRAY:
            return text if type_.element is None else _items(type_.element, parse_array(text))
        case Kind.DECIMAL if text in ENDLESS:
            return Decimal(text)  # nobody gives one but at an API that PostgreSQL alone answers
        case _:
            try:
                return parse_text(type_, text)
            except InvalidValue:
                return text


def _items(element: DataType, items: list[Any]) -> tuple[Value, ...]:
    return tuple(
        None if item is None else _items(element, item) if isinstance(item, list) else _value(element, item)
        for item in items
    )


# ── shown ────────────────────────────────────────────────────────────────────────────────────


def shown(column: Column, stored: str) -> bytes:
    """The value as JSON."""
    if column.type.kind is Kind.BYTES:
        return base64_of(bytes.fromhex(stored[2:]))
    return _shown(column.type, stored)


def _shown(type_: DataType, text: str) -> bytes:
    return SHOWN.get(type_.kind, _string)(type_, text)


def _string(_: DataType, text: str) -> bytes:
    return string(text)


def _number(_: DataType, text: str) -> bytes:
    return number(text)


def _boolean(_: DataType, text: str) -> bytes:
    return b"true" if text == "t" else b"false"


def _json(_: DataType, text: str) -> bytes:
    return text.encode()


def _timestamp(_: DataType, text: str) -> bytes:
    return string(text.replace(" ", "T", 1))


def _instant(_: DataType, text: str) -> bytes:
    """`2024-05-01 10:00:00.5+00` is `2024-05-01T10:00:00.5+00:00`; an era stays at the end."""
    moment, era, _rest = text.partition(" BC")
    whole = moment + ":00" if moment[-3:-2] in ("+", "-") else moment
    return string(whole.replace(" ", "T", 1) + era)


def _array(type_: DataType, text: str) -> bytes:
    if type_.element is None:
        return string(text)
    return _shown_items(type_.element, parse_array(text))


def _shown_items(element: DataType, items: list[Any]) -> bytes:
    parts = (
        b"null" if item is None else _shown_items(element, item) if isinstance(item, list) else _shown(element, item)
        for item in items
    )
    return b"[" + b",".join(parts) + b"]"


SHOWN: Final[Mapping[Kind, Callable[[DataType, str], bytes]]] = {
    Kind.BOOLEAN: _boolean,
    Kind.INTEGER: _number,
    Kind.DECIMAL: _number,
    Kind.FLOAT: _number,
    Kind.JSON: _json,
    Kind.TIMESTAMP: _timestamp,
    Kind.INSTANT: _instant,
    Kind.ARRAY: _array,
}


# ── arrays as text: {1,NULL,"a \"b\"",{…}}, after their bounds [0:2]= where these are not from 1 ──


def parse_array(text: str) -> list[Any]:
    """The items as texts, None for NULL, lists for inner arrays."""
    start = text.index("{")
    items, _ = _list(text, start)
    return items


def _list(text: str, at: int) -> tuple[list[Any], int]:
    """The list that opens at `at`, and the place behind it."""
    items: list[Any] = []
    at += 1
    while text[at] != "}":
        if text[at] == "{":
            inner, at = _list(text, at)
            items.append(inner)
        elif text[at] == '"':
            item, at = _quoted(text, at + 1)
            items.append(item)
        elif text[at] == ",":
            at += 1
        else:
            end = min(each for each in _ends(text, at))
            plain = text[at:end]
            items.append(None if plain == "NULL" else plain)
            at = end
    return items, at + 1


def _ends(text: str, at: int) -> Iterator[int]:
    for mark in ",}":
        found = text.find(mark, at)
        if found >= 0:
            yield found


def _quoted(text: str, at: int) -> tuple[str, int]:
    """The item whose opening quote ends at `at`, and the place behind its closing one."""
    parts: list[str] = []
    while text[at] != '"':
        if text[at] == "\\":
            at += 1
        parts.append(text[at])
        at += 1
    return "".join(parts), at + 1


CODEC: Final = Codec(value, shown)
