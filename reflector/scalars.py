"""Booleans, numbers, bytes and UUIDs out of text, in the spellings that callers use.

Rule: text that is not one gives None, whatever its length: no spelling costs more time than its characters, so numbers
of thousands of digits and exponents without end are not numbers here.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct
import uuid
from decimal import Decimal, InvalidOperation
from typing import Any

_INTEGER = re.compile(r"[+-]?[0-9]{1,40}\Z")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,3})?\Z")
_UUID = re.compile(r"\{?[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\}?\Z")
_TRUE = frozenset({"true", "t", "1", "yes", "on"})
_FALSE = frozenset({"false", "f", "0", "no", "off"})
_NON_FINITE = frozenset({"nan", "infinity", "+infinity", "inf", "-infinity", "-inf"})
DIGITS = 40
"""More digits than any integer column holds."""


def boolean_of(text: str) -> bool | None:
    folded = text.strip().lower()
    if folded in _TRUE:
        return True
    return False if folded in _FALSE else None


def integer_of(text: str) -> int | None:
    return int(text) if _INTEGER.match(text) else None


def whole(value: Any) -> int | None:
    """A JSON number as an integer, when it is one: `3` and `3.0` are, `3.5`, `true` and `1e999999999` are not."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, Decimal) and value.is_finite() and value.adjusted() < DIGITS:
        return int(value) if value == value.to_integral_value() else None
    return None


def decimal_of(text: str) -> Decimal | None:
    try:
        return Decimal(text) if _DECIMAL.match(text) else None
    except InvalidOperation:
        return None


def float_of(text: str) -> float | None:
    """A double; a number beyond its range becomes an infinite one, as `Infinity` is, and is for the caller to refuse."""
    return float(text) if text.lower() in _NON_FINITE or _DECIMAL.match(text) else None


def beyond_range(text: str, value: float) -> bool:
    """Whether the text spells a number that no double comes near."""
    return math.isinf(value) and text.lower() not in _NON_FINITE


def fits_single(value: float) -> bool:
    """Whether a float of 32 bits has a value near it: what is beyond its greatest has none."""
    try:
        struct.pack("<f", value)
    except OverflowError:
        return False
    return True


def bytes_of(text: str) -> bytes | None:
    """Base64 in either alphabet, padded or not (RFC 4648 §4 and §5)."""
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def uuid_of(text: str) -> str | None:
    """The canonical spelling: lower case, with hyphens."""
    return str(uuid.UUID(text)) if _UUID.match(text) else None
