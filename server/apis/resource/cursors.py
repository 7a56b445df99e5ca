"""Cursors: where a list goes on, as text that only this server can read or make.

A cursor is the order values of a row at the edge of a page, encrypted and signed in one (AES-SIV, RFC 5297), and the way
to go from there. What it
was given for is signed with it: table, order, roles and the shape of the table as these roles see it. The same place
has the same cursor on every process that has the key, and after every restart.

Rule: a cursor is validated like a filter. A forged one, one of another list or of other roles, and one from before the
schema changed are all refused in the same words.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from reflector.datatypes import DataType, Value, parse_json
from reflector.errors import InvalidCursor, InvalidValue

LONGEST: Final = 8 * 1024


@dataclass(frozen=True, slots=True)
class Way:
    """Where a page lies: behind a row or, going `back`, before it; that row `including`."""

    back: bool = False
    including: bool = False

    @property
    def onward(self) -> Way:
        """The way from the last row that was read."""
        return Way(self.back)

    @property
    def round(self) -> Way:
        """The way to what lies on the other side of the same row's edge: the page that the reader came from."""
        return Way(not self.back, not self.including)


FORMS: Final[Mapping[bytes, Way]] = {
    b"\x01": Way(),
    b"\x02": Way(back=True, including=True),
    b"\x03": Way(back=True),
    b"\x04": Way(including=True),
}
"""The form of what is inside; another form takes another number."""
NUMBERS: Final = {way: number for number, way in FORMS.items()}
ONWARD: Final = Way()


@dataclass(frozen=True, slots=True)
class Opened:
    """A cursor that was read: the order values, and the same as they were sealed."""

    way: Way
    values: list[Value]
    sealed: bytes


class Cursors:
    """Seals and opens. `key` is 64 bytes."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(key)

    def seal(self, place: bytes, row: bytes, way: Way = ONWARD) -> str:
        """The cursor for what lies that way from the row with these order values, in the list `place`."""
        return _text(self._cipher.encrypt(NUMBERS[way] + row, [place]))

    def open(self, place: bytes, text: str, types: Sequence[DataType]) -> Opened:
        """What is in it; raises InvalidCursor."""
        way, row = self._inside(place, text)
        values: list[Any] = json.loads(row, parse_float=Decimal)
        if len(values) != len(types):
            raise refused()
        try:
            parsed = [parse_json(type_, value) for type_, value in zip(types, values, strict=True)]
        except InvalidValue:
            raise InvalidCursor(
                "the list cannot be gone on with here: the row holds a value that is not of its column's type",
                hint="use page=",
            ) from None
        return Opened(way, parsed, row)

    def _inside(self, place: bytes, text: str) -> tuple[Way, bytes]:
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            canonical = len(text) <= LONGEST and _text(sealed) == text
            inside = self._cipher.decrypt(sealed, [place]) if canonical else b""
        except (binascii.Error, ValueError, InvalidTag):
            raise refused() from None
        way = FORMS.get(inside[:1])
        if way is None:
            raise refused()
        return way, inside[1:]


def _text(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def refused() -> InvalidCursor:
    return InvalidCursor(
        "the cursor was not given for this list", hint="begin without a cursor, and follow page.next from there"
    )
