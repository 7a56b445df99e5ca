"""The frames of `/ws`, as bytes that go to the socket as they are.

    {"type":"ready","id","table","cursor"}             changes after the cursor are told from here on
    {"type":"initial","id","items","more","cursor"}    the rows as they are; changes after the cursor follow
    {"type":"change","id","op","table","key","new"?,"changed"?,"cursor","at"}
    {"type":"resync","id","reason","cursor"}           read afresh; changes after the cursor follow
    {"type":"error","id"?,"code","errors"}    {"type":"closed","id"}    {"type":"authenticated"}    {"type":"pong"}

Rule: a change is put into a frame once for all who gave their subscription the same id.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hmac
import os
import struct
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from reflector.changes.change import Cursor
from reflector.changes.notices import Notice
from reflector.errors import InvalidCursor, ReflectorError
from server.problems import entries

TEXT: Final = 0x81
PLACE: Final = struct.Struct(">QQ")
SALT: Final = 8
SEALED: Final = PLACE.size + SALT + 16
"""Bytes of a sealed place."""
PURPOSE: Final = b"reflector change cursors"


class ChangeCursors:
    """Places in the log as text that only this server can make or read. `key` is 64 bytes.

    The same place has another text each time: equal ones would tell that nothing happened in between, and others that
    something did, hidden or not.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(key)
        self.of_change = lru_cache(maxsize=4096)(self.text)
        """The text of a change's own place: one for all who are told of it."""

    def text(self, cursor: Cursor) -> str:
        place = PLACE.pack(cursor.epoch, cursor.position) + os.urandom(SALT)
        sealed = self._cipher.encrypt(place, [PURPOSE])
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def read(self, text: str) -> Cursor | None:
        """The place; None for one that another key sealed, as a server without `server.secret` does before each restart.

        Raises InvalidCursor for what is no cursor at all.
        """
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            sealed = b""
        if len(sealed) != SEALED:
            raise InvalidCursor("that is no cursor", hint="subscribe without `since`")
        try:
            return Cursor(*PLACE.unpack_from(self._cipher.decrypt(sealed, [PURPOSE])))
        except InvalidTag:
            return None


def opaque_keys(key: bytes) -> Callable[[bytes], str]:
    """Makes the token that stands for the address of a row whose key its reader may not see."""
    own = hmac.digest(key, b"reflector opaque keys", "sha256")
    return lambda plain: hmac.digest(own, plain, "sha256")[:16].hex()


def framed(payload: bytes) -> bytes:
    """The payload as one unmasked WebSocket text frame (RFC 6455 §5.2)."""
    length = len(payload)
    if length < 126:
        return bytes((TEXT, length)) + payload
    if length < 1 << 16:
        return struct.pack(">BBH", TEXT, 126, length) + payload
    return struct.pack(">BBQ", TEXT, 127, length) + payload


def said(frame: Mapping[str, Any]) -> bytes:
    return framed(orjson.dumps(frame))


def error_frame(error: ReflectorError, id_: str | None = None) -> dict[str, Any]:
    """What went wrong, in the words of a problem document."""
    errors = entries(error)
    frame = {"type": "error"} if id_ is None else {"type": "error", "id": id_}
    return {**frame, "code": errors[0]["code"], "errors": errors}


def change_frame(notice: Notice, id_: str, cursors: ChangeCursors) -> bytes:
    """The notice as a frame for subscriptions of that id."""
    found = notice.rendered.get(id_)
    if found is None:
        told = b'{"type":"change","id":' + orjson.dumps(id_) + b"," + change_members(notice, cursors) + b"}"
        found = notice.rendered[id_] = framed(told)
    return found


def change_members(notice: Notice, cursors: ChangeCursors) -> bytes:
    """What is told of a change, as the members of a JSON object."""
    parts = [
        b'"op":"',
        notice.op.encode(),
        b'","table":',
        orjson.dumps(notice.table),
        b',"key":',
        notice.key,
    ]
    if notice.new is not None:
        parts += [b',"new":', notice.new]
    if notice.changed is not None:
        parts += [b',"changed":', notice.changed]
    place = cursors.of_change(notice.cursor)
    parts += [b',"cursor":"', place.encode(), b'","at":"', instant(notice.at).encode(), b'"']
    return b"".join(parts)


@lru_cache(maxsize=1024)
def instant(at: float) -> str:
    """Seconds since 1970 as an instant in UTC, to the millisecond."""
    moment = dt.datetime.fromtimestamp(max(at, 0.0), dt.UTC)
    return moment.isoformat(timespec="milliseconds")
