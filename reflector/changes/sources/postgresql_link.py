"""One connection to PostgreSQL in its own protocol (version 3), as far as replication needs it: asyncpg speaks no CopyBoth.

    startup ─► trust, password, md5 or SCRAM-SHA-256 ─► simple queries ─► COPY in both directions

Rule: a password is sent in clear over TLS or a unix socket alone, and a server that asks for more than we know is left.
"""

from __future__ import annotations

import asyncio
import getpass
import hashlib
import secrets
import ssl
import struct
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Final

from reflector.changes.sources.scram import MECHANISM, Scram, Untrusted
from reflector.database_url import DatabaseUrl
from reflector.errors import ConnectionRefused, DatabaseUnavailable

CONNECT_SECONDS: Final = 10.0
CHUNK: Final = 256 * 1024
LARGEST: Final = 1 << 30
"""PostgreSQL's own bound of a message."""
PROTOCOL: Final = 196608
SSL_REQUEST: Final = 80877103
SETTINGS: Final[Mapping[str, str]] = {
    "application_name": "reflector changes",
    "client_encoding": "UTF8",
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "1",
}

Rows = list[list[str | None]]
Message = tuple[bytes, bytes]
"""Type, and what follows the length."""


class ServerRefused(Exception):
    """The server reported an error. `text` is its own and for the log alone."""

    def __init__(self, sqlstate: str, text: str) -> None:
        super().__init__(f"{sqlstate}: {text}")
        self.sqlstate = sqlstate
        self.text = text


class Link:
    """A connection. `replication` makes it one that may stream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._waiting = b""

    @classmethod
    async def open(cls, url: DatabaseUrl, *, replication: bool) -> Link:
        """Connect and log in; raises OSError, ServerRefused, ConnectionRefused, DatabaseUnavailable."""
        try:
            async with asyncio.timeout(float(url.option("connect_timeout") or CONNECT_SECONDS)):
                reader, writer = await _connected(url)
                link = cls(reader, writer)
                try:
                    await link._log_in(url, replication=replication)
                except BaseException:
                    writer.close()
                    raise
                return link
        except (TimeoutError, EOFError) as error:
            raise DatabaseUnavailable("the database cannot be reached") from error

    # ── queries ──────────────────────────────────────────────────────────────────────────────

    async def query(self, text: str) -> Rows:
        """The rows of the last statement, as text; raises ServerRefused."""
        self._send(b"Q", text.encode() + b"\0")
        rows: Rows = []
        fault: ServerRefused | None = None
        while True:
            kind, body = await self._message()
            if kind == b"D":
                rows.append(_row(body))
            elif kind == b"T":
                rows = []
            elif kind == b"E":
                fault = _fault(body)
            elif kind == b"Z":
                if fault is not None:
                    raise fault
                return rows

    async def copy_both(self, text: str) -> None:
        """Begin to stream; raises ServerRefused."""
        self._send(b"Q", text.encode() + b"\0")
        while True:
            kind, body = await self._message()
            if kind == b"E":
                raise _fault(body)
            if kind == b"W":
                return

    async def copied(self) -> AsyncIterator[list[bytes]]:
        """What is streamed, in batches of what arrived together; ends when the server ends it."""
        while True:
            batch: list[bytes] = []
            for kind, body in self._parsed():
                if kind == b"d":
                    batch.append(body)
                elif kind == b"E":
                    raise _fault(body)
                elif kind == b"c":
                    return
            if batch:
                yield batch
            chunk = await self._reader.read(CHUNK)
            if not chunk:
                return
            self._waiting += chunk

    def copy(self, body: bytes) -> None:
        """Send into the stream."""
        self._send(b"d", body)

    def close(self) -> None:
        if not self._writer.is_closing():
            self._send(b"X", b"")
            self._writer.close()

    # ── messages ─────────────────────────────────────────────────────────────────────────────

    def _send(self, kind: bytes, body: bytes) -> None:
        self._writer.write(kind + struct.pack(">I", len(body) + 4) + body)

    def _parsed(self) -> Iterator[Message]:
        """The whole messages of what has arrived."""
        waiting, at, end = self._waiting, 0, len(self._waiting)
        while end - at >= 5:
            length = _length(waiting, at + 1)
            if end - at < length + 1:
                break
            yield waiting[at : at + 1], waiting[at + 5 : at + 1 + length]
            at += length + 1
        self._waiting = waiting[at:]

    async def _message(self) -> Message:
        """The next message, read by itself: none of the following is touched."""
        head = await self._reader.readexactly(5)
        return head[:1], await self._reader.readexactly(_length(head, 1) - 4)

    # ── logging in ───────────────────────────────────────────────────────────────────────────

    async def _log_in(self, url: DatabaseUrl, *, replication: bool) -> None:
        user = url.user or getpass.getuser()
        words = {"user": user, "database": url.database or user, **SETTINGS}
        if name := url.option("application_name"):
            words["application_name"] = name
        if replication:
            words["replication"] = "database"
        body = b"".join(part.encode() + b"\0" for pair in words.items() for part in pair) + b"\0"
        self._writer.write(struct.pack(">II", len(body) + 8, PROTOCOL) + body)
        while True:
            kind, said = await self._message()
            if kind == b"R":
                await self._authenticate(url, user, said)
            elif kind == b"E":
                raise _fault(said)
            elif kind == b"Z":
                return

    async def _authenticate(self, url: DatabaseUrl, user: str, said: bytes) -> None:
        (asked,) = struct.unpack_from(">I", said)
        if asked == 0:
            return
        if url.password is None:
            raise ConnectionRefused("password: the database asks for one, and the URL has none")
        password = url.password.reveal()
        if asked == 3 and (url.socket or self._writer.get_extra_info("ssl_object") is not None):
            self._send(b"p", password.encode() + b"\0")
        elif asked == 5:
            inner = hashlib.md5((password + user).encode(), usedforsecurity=False).hexdigest()
            outer = hashlib.md5(inner.encode() + said[4:8], usedforsecurity=False).hexdigest()
            self._send(b"p", f"md5{outer}".encode() + b"\0")
        elif asked == 10 and MECHANISM.encode() in said[4:].split(b"\0"):
            await self._scram(password)
        else:
            raise ConnectionRefused("password: the database asks for it in a way that is not spoken here")

    async def _scram(self, password: str) -> None:
        exchange = Scram(password, secrets.token_urlsafe(18))
        first = exchange.first()
        self._send(b"p", MECHANISM.encode() + b"\0" + struct.pack(">I", len(first)) + first)
        try:
            self._send(b"p", exchange.final(await self._sasl(11)))
            exchange.verify(await self._sasl(12))
        except Untrusted as fault:
            raise ConnectionRefused(f"password: {fault}") from fault

    async def _sasl(self, step: int) -> bytes:
        kind, body = await self._message()
        if kind == b"E":
            raise _fault(body)
        if kind != b"R" or struct.unpack_from(">I", body)[0] != step:
            raise Untrusted("the server breaks off the exchange")
        return body[4:]


def _length(data: bytes, at: int) -> int:
    (length,) = struct.unpack_from(">I", data, at)
    if not 4 <= length <= LARGEST:
        raise DatabaseUnavailable("the database sends what is no message")
    return int(length)


def _row(body: bytes) -> list[str | None]:
    (count,) = struct.unpack_from(">H", body)
    at, row = 2, list[str | None]()
    for _ in range(count):
        (length,) = struct.unpack_from(">i", body, at)
        at += 4
        row.append(None if length < 0 else body[at : at + length].decode())
        at += max(length, 0)
    return row


def _fault(body: bytes) -> ServerRefused:
    fields = {part[:1]: part[1:].decode("utf-8", "replace") for part in body.split(b"\0") if part}
    return ServerRefused(fields.get(b"C", "XX000"), fields.get(b"M", ""))


# ── the way there ────────────────────────────────────────────────────────────────────────────


async def _connected(url: DatabaseUrl) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if url.socket:
        return await asyncio.open_unix_connection(f"{url.socket}/.s.PGSQL.{url.port}")
    mode = url.option("sslmode") or "prefer"
    reader, writer = await asyncio.open_connection(url.host or "localhost", url.port)
    if mode in ("disable", "allow"):
        return reader, writer
    try:
        await _secured(url, mode, reader, writer)
    except BaseException:
        writer.close()
        raise
    return reader, writer


async def _secured(url: DatabaseUrl, mode: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """TLS where the server speaks it; raises ConnectionRefused where it must and does not."""
    writer.write(struct.pack(">II", 8, SSL_REQUEST))
    if await reader.readexactly(1) == b"S":
        await writer.start_tls(tls_context(url, mode), server_hostname=url.host or "localhost")
    elif mode != "prefer":
        raise ConnectionRefused("sslmode: the database speaks no TLS")


def tls_context(url: DatabaseUrl, mode: str) -> ssl.SSLContext:
    """What libpq does for each `sslmode`."""
    root = url.option("sslrootcert")
    context = ssl.create_default_context(cafile=root if root and Path(root).exists() else None)
    context.check_hostname = mode == "verify-full"
    if mode in ("prefer", "require") and not root:
        context.verify_mode = ssl.CERT_NONE
    certificate = url.option("sslcert")
    if certificate:
        context.load_cert_chain(certificate, url.option("sslkey"))
    return context
