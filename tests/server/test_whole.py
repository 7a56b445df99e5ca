"""What is sent as a whole is what the HTTP library sends, to the byte."""

from __future__ import annotations

import asyncio
import itertools
import re
from typing import Any

import pytest
from aiohttp import HttpVersion10, HttpVersion11, web
from aiohttp.http_writer import StreamWriter
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from server.whole import Whole

SAYS_WHEN = re.compile(rb"Date: [^\r]+")


class Wire:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.sent = b""
        self.transport = self
        self._paused = False

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes) -> None:
        self.sent += data

    def writelines(self, parts: list[bytes]) -> None:
        self.sent += b"".join(parts)


async def sent(
    kind: type[web.Response], request: dict[str, Any], answer: dict[str, Any], edit: str
) -> tuple[bytes, Any]:
    """The bytes of an answer, whether the connection is kept, and what the library asks of an answer that was sent."""
    wire = Wire()
    writer = StreamWriter(wire, asyncio.get_running_loop())  # type: ignore[arg-type]
    asked = make_mocked_request(path="/api/book", writer=writer, **request)
    response = kind(**answer)
    response.headers["Server"] = "reflector"
    if edit == "cookie":
        response.set_cookie("a", "b")
    elif edit == "close":
        response.force_close()
    elif edit == "compress":
        response.enable_compression(web.ContentCoding.gzip)
    elif edit == "chunk":
        response.enable_chunked_encoding()
    await response.prepare(asked)
    await response.write_eof()
    await response.write_eof()  # which is nothing more
    return SAYS_WHEN.sub(b"Date:", wire.sent), (response.keep_alive, response.body_length, response.prepared)


@pytest.mark.parametrize("edit", ["", "cookie", "close", "compress", "chunk"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_what_is_sent_is_what_the_library_sends(method: str, edit: str) -> None:
    versions = (HttpVersion11,) if edit else (HttpVersion11, HttpVersion10)
    headers = (None, {"Connection": "close"}, {"Connection": "keep-alive"})
    told: tuple[dict[str, str], ...] = (
        {"Content-Type": "application/json"},
        {"Content-Type": "application/json", "Date": "today", "Link": "</api>; rel=next"},
        {"Content-Type": "text/csv", "Content-Length": "2"},
        {"Content-Type": "text/csv", "Connection": "keep-alive"},
        {},
    )
    bodies = (
        (200, b"{}"),
        (200, b""),
        (201, b'{"id": 1}'),
        (206, b"[1]"),
        (204, None),
        (304, None),
        (404, b"{}"),
        (200, None),
    )
    some = 3 if edit else len(bodies)
    for version, given, said, (status, body) in itertools.product(versions, headers, told, bodies[:some]):
        if edit == "chunk" and (version is HttpVersion10 or "Content-Length" in said):
            continue  # which the library refuses
        asked = {"method": method, "version": version, "headers": given}
        one, other = [
            await sent(kind, asked, {"status": status, "body": body, "headers": CIMultiDict(said)}, edit)
            for kind in (Whole, web.Response)
        ]
        assert one == other, (asked, said, status, body)
