"""SQLite's stored values: in canonical form for rules, and as the resource API shows them.

Rule: SQLite keeps any value in any column. One that is not of its column's type is shown as it is stored and is not
judged, exactly as `dialects.sqlite` has it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

from reflector.catalog.model import Column, Fill
from reflector.changes.change import Codec
from reflector.changes.sources.shown import base64_of, real, string
from reflector.datatypes import Kind, Value, parse_text
from reflector.dialects.sqlite import ENCODERS
from reflector.errors import InvalidValue
from reflector.moments import instant_of

STAMP: Final = re.compile(r".{4}-.{2}-.{2}[T ].{2}:.{2}", re.DOTALL)
UTC_STAMP: Final = re.compile(r".{4}-.{2}-.{2}[T ].{2}:.{2}.*\+00:00\Z", re.DOTALL)
ZONE: Final = re.compile(r"[-+]|[Zz]\Z")


# ── canonical ────────────────────────────────────────────────────────────────────────────────


def value(column: Column, stored: Any) -> Value:
    """The canonical value, or the stored one where it is none of the column's type."""
    match column.type.kind:
        case Kind.BOOLEAN:
            return bool(stored) if stored in (0, 1) and type(stored) is int else stored
        case Kind.DECIMAL:
            return _parsed(column, repr(stored)) if type(stored) in (int, float) else stored
        case Kind.FLOAT:
            return stored
        case Kind.DATE | Kind.TIME | Kind.TIMESTAMP | Kind.INSTANT | Kind.UUID:
            return _stored_alike(column, stored)
        case _:
            return stored


def _stored_alike(column: Column, stored: Any) -> Value:
    """A value whose text is the very text that we compare with: another spelling of the same is another to SQLite."""
    if not isinstance(stored, str):
        return stored
    parsed = _parsed(column, stored)
    if column.type.kind is Kind.UUID:
        return parsed if parsed == stored else NotJudged(stored)
    return parsed if parsed is not stored and _spelled(column, parsed) == stored else NotJudged(stored)


class NotJudged(str):
    """Stored text of which only the database knows how it compares."""

    __slots__ = ()


def _spelled(column: Column, parsed: Any) -> str:
    return str(ENCODERS[column.type.kind](parsed))


def _parsed(column: Column, text: str) -> Value:
    try:
        return parse_text(column.type, text)
    except InvalidValue:
        return text


# ── shown ────────────────────────────────────────────────────────────────────────────────────


def shown(column: Column, stored: Any) -> bytes:
    """As `dialects.sqlite.SQLite.show` has it."""
    if isinstance(stored, bytes):
        return base64_of(stored)
    if column.fill is Fill.IDENTITY:
        return _plain(stored)
    return SHOWN.get(column.type.kind, _plain)(stored)


def _plain(stored: Any) -> bytes:
    if isinstance(stored, str):
        return string(stored)
    return real(stored) if isinstance(stored, float) else str(stored).encode()


def _boolean(stored: Any) -> bytes:
    return {0: b"false", 1: b"true"}.get(stored) or _plain(stored) if not isinstance(stored, str) else string(stored)


def _json(stored: Any) -> bytes:
    if not isinstance(stored, str):
        return _plain(stored)
    try:
        json.loads(stored, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return string(stored)
    return stored.encode("utf-8", "replace")


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def _timestamp(stored: Any) -> bytes:
    if isinstance(stored, str) and STAMP.match(stored):
        return string(stored.replace(" ", "T"))
    return _plain(stored)


def _instant(stored: Any) -> bytes:
    """With an offset of zero; another is turned into it, to the millisecond as SQLite does."""
    if not isinstance(stored, str) or not STAMP.match(stored):
        return _plain(stored)
    if UTC_STAMP.match(stored):
        return string(stored.replace(" ", "T"))
    if ZONE.search(stored[11:]):
        return string(_moved(stored))
    return string(stored.replace(" ", "T") + "+00:00")


def _moved(stored: str) -> str:
    moment = instant_of(stored)
    if moment is None:
        return stored
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+00:00"


SHOWN: Final[Mapping[Kind, Callable[[Any], bytes]]] = {
    Kind.BOOLEAN: _boolean,
    Kind.JSON: _json,
    Kind.TIMESTAMP: _timestamp,
    Kind.INSTANT: _instant,
}

CODEC: Final = Codec(value, shown)
