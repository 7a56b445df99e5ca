"""Cursors: where a list goes on, as text that only this server can read or make.

A cursor is the order values of the last row that was given, encrypted and signed in one (AES-SIV, RFC 5297). What it
was given for is signed with it: table, order, roles and the shape of the table as these roles see it. The same place
has the same cursor on every process that has the key, and after every restart.

Rule: a cursor is validated like a filter. A forged one, one of another list or of other roles, and one from before the
schema changed are all refused in the same words.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from reflector.datatypes import DataType, Value, parse_json
from reflector.errors import InvalidCursor, InvalidValue

LONGEST: Final = 8 * 1024
PREFIX: Final = b"\x01"
"""The form of what is inside; another form takes another number."""


class Cursors:
    """Seals and opens. `key` is 64 bytes."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(key)

    def seal(self, place: bytes, last: bytes) -> str:
        """The cursor for what comes after the row with these order values, in the list `place`."""
        return _text(self._cipher.encrypt(PREFIX + last, [place]))

    def open(self, place: bytes, text: str, types: Sequence[DataType]) -> list[Value]:
        """The order values; raises InvalidCursor."""
        values = self._values(place, text)
        if len(values) != len(types):
            raise refused()
        try:
            return [parse_json(type_, value) for type_, value in zip(types, values, strict=True)]
        except InvalidValue:
            raise InvalidCursor(
                "the list cannot be gone on with here: the row holds a value that is not of its column's type",
                hint="use page=",
            ) from None

    def _values(self, place: bytes, text: str) -> list[Any]:
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            canonical = len(text) <= LONGEST and _text(sealed) == text
            inside = self._cipher.decrypt(sealed, [place]) if canonical else b""
        except (binascii.Error, ValueError, InvalidTag):
            raise refused() from None
        if not inside.startswith(PREFIX):
            raise refused()
        values: list[Any] = json.loads(inside[len(PREFIX) :], parse_float=Decimal)
        return values


def _text(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def refused() -> InvalidCursor:
    return InvalidCursor(
        "the cursor was not given for this list", hint="begin without a cursor, and follow page.next from there"
    )
