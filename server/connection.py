"""One connection of a client, with the deadlines that the HTTP library does not have.

    headers   10 s from the first byte of a request to the last of its headers
    body      30 s from then to its last byte, whether or not a handler reads it
    idle      75 s between requests, and before the first

One sweep a second looks at all connections, so that a request pays for nothing but a look at the clock.

Rule: what cannot be understood as HTTP is answered as everything else is, in words of ours: by a problem document, or in
the form of the API that its first line names.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage, HttpProcessingError, LineTooLong
from aiohttp.web_protocol import RequestHandler, _ErrInfo
from aiohttp.web_request import BaseRequest

from server.forms import Form
from server.journal import REQUEST
from server.middleware.dressing import ALWAYS
from server.middleware.request_ids import REQUEST_ID, request_id_of
from server.problems import http_problem

LOG: Final = logging.getLogger("reflector.server")
HEADER_SECONDS: Final = 10.0
BODY_SECONDS: Final = 30.0
IDLE_SECONDS: Final = 75.0
SWEEP_SECONDS: Final = 1.0
LONGEST_ADDRESS: Final = 8190
LONGEST_BEGINNING: Final = 256
"""Bytes of a request that are remembered until it is understood, for the path that it names."""
LONGEST_HEADER: Final = LONGEST_ADDRESS + 1
"""Bytes; not the same, because the library's complaint says the limit and not what went beyond it."""


class Connection(RequestHandler):
    """A connection that ends when its client takes too long."""

    __slots__ = ("beginning", "body_of", "body_since", "broken", "form", "headers_since", "seen")

    def __init__(self, manager: web.Server, *, loop: asyncio.AbstractEventLoop, form: Form | None = None) -> None:
        super().__init__(
            manager,
            loop=loop,
            keepalive_timeout=IDLE_SECONDS,
            access_log=None,  # type: ignore[arg-type]  # which is how the library is told that nobody reads one
            auto_decompress=False,
            max_line_size=LONGEST_ADDRESS,
            max_field_size=LONGEST_HEADER,
        )
        self.form = form
        self.seen = 0
        self.beginning = b""
        self.broken = b""
        self.headers_since = 0.0
        self.body_of: BaseRequest | None = None
        self.body_since = 0.0

    def data_received(self, data: bytes) -> None:
        """Take what arrived, and note when a request began to arrive that is not whole yet."""
        if self._close or self._force_close:
            self.take_rest(data)
            return
        super().data_received(data)
        if self._messages and isinstance(self._messages[-1][0], _ErrInfo):
            self.broken = self.beginning or data[:LONGEST_BEGINNING]
        if self._request_count != self.seen:
            self.seen = self._request_count
            self.headers_since = 0.0
            self.beginning = b""
        elif self._waiter is not None and not self.headers_since:
            self.headers_since = self._loop.time()
            self.beginning = data[:LONGEST_BEGINNING]

    def take_rest(self, data: bytes) -> None:
        """At the end of the server the library hears no more; the body of a request under way is heard to its last byte."""
        request = self._current_request
        if request is None or request.content.is_eof() or self._parser is None or self._upgraded:
            return
        try:
            self._parser.feed_data(data)
        except HttpProcessingError as fault:
            request.content.set_exception(fault)

    def sweep(self, now: float) -> None:
        """End what takes too long."""
        if self.headers_since and now - self.headers_since > HEADER_SECONDS:
            self.force_close()
            return
        request = self._current_request
        if request is None or request.content.is_eof():
            self.body_of = None
        elif request is not self.body_of:
            self.body_of, self.body_since = request, now
        elif now - self.body_since > BODY_SECONDS:
            self.body_of = None
            self.keep_alive(False)
            request.content.set_exception(web.HTTPRequestTimeout())

    def handle_error(
        self, request: BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """The answer where no handler was reached."""
        request_id = request_id_of(request)
        REQUEST.set(request_id)
        status = status if exc is None else status_of_fault(exc, status)
        if status >= 500:
            LOG.error("no handler was reached", exc_info=exc)
        form, headers = self.form, {str(REQUEST_ID): request_id}
        if form is not None and form.concerns(path_in(self.broken) if self.broken else request.path):
            response = form.http(status, None, request, headers)
        else:
            response = http_problem(status, None, request_id, headers)
        response.headers.merge(ALWAYS)
        response.force_close()
        return response

    async def finish_response(
        self, request: BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; what the library refused before the gate (an expectation) in our form."""
        if isinstance(resp, web.HTTPException):
            resp = self.handle_error(request, resp.status)
        return await super().finish_response(request, resp, start_time)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """A body that never came is nothing to tell at length."""
        fault = kw.get("exc_info")
        if not isinstance(fault, web.HTTPException):
            LOG.error(*args, **kw)


def path_in(beginning: bytes) -> str:
    """The path that the first line of a request names, as far as it goes."""
    words = beginning.lstrip().split(b"\n", 1)[0].split(b" ", 2)
    return words[1].partition(b"?")[0].decode("latin-1") if len(words) > 1 else ""


def status_of_fault(fault: BaseException, otherwise: int) -> int:
    """The status for what the parser refuses: too long an address and too large headers have their own."""
    if isinstance(fault, LineTooLong):
        return 414 if fault.args[1] == LONGEST_ADDRESS else 431
    if isinstance(fault, BadHttpMessage) and "Too many headers" in fault.message:
        return 431
    return otherwise


class Listener:
    """Makes the connections of one server and looks after them. `form`: that of the one API that has errors of its own."""

    def __init__(self, server: web.Server, form: Callable[[], Form | None]) -> None:
        self._server = server
        self._form = form
        self._loop = asyncio.get_running_loop()
        self._sweeping = self._loop.call_later(SWEEP_SECONDS, self._sweep)

    def __call__(self) -> Connection:
        return Connection(self._server, loop=self._loop, form=self._form())

    def close(self) -> None:
        """Look no more."""
        self._sweeping.cancel()

    def _sweep(self) -> None:
        now = self._loop.time()
        for connection in self._server.connections:
            if isinstance(connection, Connection):
                connection.sweep(now)
        self._sweeping = self._loop.call_later(SWEEP_SECONDS, self._sweep)
