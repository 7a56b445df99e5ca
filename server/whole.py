"""A response whose body is known and small enough to be one message, which is most of them.

The HTTP library's own goes through six coroutines to find out what is known here: that nothing is chunked, compressed or
left out. That was a tenth of what one row costs.

Rule: what is sent is what the library would have sent, to the byte; whatever is not plain the library sends.
"""

from __future__ import annotations

from typing import Final

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time
from multidict import CIMultiDict

PLAIN: Final = frozenset({200, 201, 206})
"""Statuses of answers that have a body whatever was asked."""


class Whole(web.Response):
    """An answer with a body of bytes and its headers, sent as one."""

    _begun = False
    """Whether it was begun here, and so is sent here to its end."""

    @classmethod
    def over(cls, body: bytes, status: int, headers: CIMultiDict[str]) -> Whole:
        """An answer of which these very headers are part from now on: nobody else may keep them."""
        made = cls(body=body, status=status)
        made._headers = headers
        return made

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Begin to send: the headers wait for the body."""
        body, headers = self._body, self._headers
        if (
            type(body) is not bytes
            or self._status not in PLAIN
            or request.method == hdrs.METH_HEAD
            or request.version != HttpVersion11
            or self._payload_writer is not None
            or self._chunked
            or self._compression
            or self._cookies
            or hdrs.CONTENT_LENGTH in headers
            or hdrs.CONTENT_TYPE not in headers
            or hdrs.CONNECTION in headers
            or self._eof_sent
        ):
            return await super().prepare(request)
        self._must_be_empty_body = False
        if self._keep_alive is None:
            self._keep_alive = request.keep_alive
        headers[hdrs.CONTENT_LENGTH] = str(len(body))
        if hdrs.DATE not in headers:
            headers[hdrs.DATE] = rfc822_formatted_time()
        if not self._keep_alive:
            headers[hdrs.CONNECTION] = "close"
        self._req = request
        writer = self._payload_writer = request.writer
        writer.length = len(body)
        await writer.write_headers(f"HTTP/1.1 {self._status} {self._reason}", headers)
        self._begun = True
        return writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Send the body, for which the headers have waited."""
        writer, body = self._payload_writer, self._body
        if not self._begun or data or writer is None or type(body) is not bytes:
            return await super().write_eof(data)
        await writer.write_eof(body)
        self._eof_sent = True
        self._req = self._payload_writer = None
        self._body_length = writer.output_size
        return None
