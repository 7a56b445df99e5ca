"""What never reached a handler, as PostgREST's clients understand it: refused by the gate, or by the HTTP library.

    a token, or none         PGRST301, PGRST302: 401
    a path, a method         PGRST125: 404, PGRST117: 405
    all else                 the code that it has everywhere (`body_too_large`), because PostgREST has none for it

Rule: the form is PostgREST's, the words are ours, and the status follows from the code as for every other error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import hdrs, web

from reflector.errors import ReflectorError
from server.apis.postgrest.errors import refused
from server.apis.postgrest.faults import Fault, PostgrestError
from server.apis.postgrest.telling import told_error, traced
from server.config.postgrest import PostgrestSettings
from server.problems import HTTP_CODES

CODES: Final[Mapping[int, tuple[str, str]]] = {
    404: ("PGRST125", "Invalid path specified in request URL"),
    405: ("PGRST117", "Unsupported HTTP method"),
    500: ("PGRSTX00", HTTP_CODES[500][1]),
}
"""Statuses of HTTP that PostgREST has a code for."""


class Refusals:
    """The form of errors of everything under `root`; where that is empty, of all that does not begin with one of
    `elsewhere`."""

    def __init__(self, settings: PostgrestSettings, root: str, elsewhere: tuple[str, ...]) -> None:
        self._settings = settings
        self._root = root
        self._elsewhere = elsewhere

    def concerns(self, path: str) -> bool:
        """Whether requests to this path are PostgREST's."""
        if not self._root:
            return not path.startswith(self._elsewhere)
        return path == self._root or path.startswith(f"{self._root}/")

    def error(self, error: ReflectorError, request: web.BaseRequest) -> web.Response:
        """The answer to a request that ended with this error."""
        return self._answer(told_error(error), request)

    def http(
        self, status: int, detail: str | None, request: web.BaseRequest, headers: Mapping[str, str]
    ) -> web.Response:
        """The answer where the HTTP library refused, in its words where it is the request's fault."""
        code, words = CODES.get(status) or HTTP_CODES[status if status in HTTP_CODES else 400 if status < 500 else 500]
        said = words if detail is None or status >= 500 else detail
        return self._answer(PostgrestError(Fault(code, said), headers), request)

    def _answer(self, error: PostgrestError, request: web.BaseRequest) -> web.Response:
        known = hdrs.AUTHORIZATION in request.headers
        told = refused(error, known=known, terse=self._settings.client_error_verbosity == "minimal")
        response = web.Response(status=told.status, body=told.body, headers=told.headers)
        traced(self._settings, request, response)
        return response
