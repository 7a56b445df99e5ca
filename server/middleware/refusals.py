"""What is answered where a handler or the gate raised: a problem document, or the form of the API that was asked.

Rule: an exception that nobody foresaw is a 500 that says nothing of it; the log has it under the request's id.
"""

from __future__ import annotations

import logging
from typing import Final

from aiohttp import hdrs, web

from reflector.errors import ReflectorError
from server.forms import Form
from server.journal import note
from server.problems import http_problem, problem

LOG: Final = logging.getLogger("reflector.server")


def refusal(error: Exception, request: web.Request, request_id: str, form: Form | None) -> web.StreamResponse:
    """What is answered where a handler or the gate raised, and what the log is told of it."""
    own = form if form is not None and form.concerns(request.path) else None
    if isinstance(error, ReflectorError):
        note(error, request)
        return problem(error, request_id) if own is None else own.error(error, request)
    if isinstance(error, web.HTTPException):
        options = request.method == "OPTIONS" and error.status == 405
        return offered(error) if options else refused_by_http(error, request, request_id, own)
    LOG.error("%s %s", request.method, request.path, exc_info=error)
    return http_problem(500, None, request_id, {}) if own is None else own.http(500, None, request, {})


def refused_by_http(
    error: web.HTTPException, request: web.Request, request_id: str, form: Form | None
) -> web.StreamResponse:
    """The HTTP library's own refusals as errors; what is none (a redirect) as it is."""
    if error.status < 400:
        return web.Response(status=error.status, headers=error.headers)
    kept = {name: error.headers[name] for name in ("Allow", "Retry-After", "Upgrade") if name in error.headers}
    detail = None if error.text in (None, f"{error.status}: {error.reason}") else error.text
    if form is not None:
        return form.http(error.status, detail, request, kept)
    return http_problem(error.status, detail, request_id, kept)


def offered(error: web.HTTPException) -> web.Response:
    """The answer to OPTIONS on a path that has no answer of its own."""
    methods = {*error.headers[hdrs.ALLOW].replace(" ", "").split(","), "OPTIONS"}
    return web.Response(status=204, headers={hdrs.ALLOW: ", ".join(sorted(methods))})
