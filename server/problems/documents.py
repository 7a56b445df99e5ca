"""Problem documents (RFC 9457): an error as the answer to a request.

    {"type": "about:blank", "title": "Unprocessable Content", "status": 422, "code": "unknown_column",
     "detail": "book has no column 'titel'",
     "errors": [{"code": "unknown_column", "message": "…", "pointer": "/query/sort", "hint": "did you mean 'title'?"}],
     "request_id": "…"}

Rule: what is said of an error is what the table of statuses allows, and whatever a caller wrote can be written back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import orjson
from aiohttp import web

from reflector.errors import Faults, ReflectorError
from server.problems.errors import InvalidToken
from server.problems.statuses import HTTP_CODES, Told, retry_of, told

CONTENT_TYPE: Final = "application/problem+json"


def problem(error: ReflectorError, request_id: str) -> web.Response:
    """The answer to a request that ended with this error."""
    row = told(error)
    errors = entries(error)
    detail = "; ".join(dict.fromkeys(each["message"] for each in errors))
    return problem_of(row.status, detail, errors, request_id, dict(_headers(error, row)), code=errors[0]["code"])


def http_problem(status: int, detail: str | None, request_id: str, headers: Mapping[str, str]) -> web.Response:
    """The answer where the HTTP library, or a handler in its words, refused; `detail` None for the table's words."""
    code, words = HTTP_CODES.get(status, (_code_of(status), _title(status)))
    said = words if detail is None or status >= 500 else detail
    return problem_of(status, said, [{"code": code, "message": said}], request_id, headers, code=code)


def problem_of(
    status: int,
    detail: str,
    errors: Sequence[Mapping[str, Any]],
    request_id: str,
    headers: Mapping[str, str],
    *,
    code: str,
) -> web.Response:
    """A problem document; `errors` are of the form `{"code", "message", "pointer"?, "hint"?}`."""
    document = {
        "type": "about:blank",
        "title": _title(status),
        "status": status,
        "code": code,
        "detail": detail,
        "errors": errors,
        "request_id": request_id,
    }
    # A caller's own text comes back in it, and that may hold half of a surrogate pair.
    body = orjson.dumps(_writable(document))
    return web.Response(body=body, status=status, headers=headers, content_type=CONTENT_TYPE)


def entries(error: ReflectorError) -> list[dict[str, str]]:
    """The faults as a document lists them: `{"code", "message", "pointer"?, "hint"?}`."""
    return [_entry(each) for each in (error.faults if isinstance(error, Faults) else (error,))]


def _entry(error: ReflectorError) -> dict[str, str]:
    row = told(error)
    entry = {"code": error.code, "message": row.words or error.message}
    if row.words is None:
        entry |= {name: said for name in ("pointer", "hint") if (said := getattr(error, name)) is not None}
    return entry


def _headers(error: ReflectorError, row: Told) -> Iterable[tuple[str, str]]:
    if (seconds := retry_of(error)) is not None:
        yield "Retry-After", str(seconds)
    if row.status == HTTPStatus.UNAUTHORIZED:
        bad = isinstance(error, InvalidToken)
        yield "WWW-Authenticate", 'Bearer error="invalid_token"' if bad else "Bearer"


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _code_of(status: int) -> str:
    return _title(status).lower().replace(" ", "_").replace("-", "_")


def _writable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {key: _writable(each) for key, each in value.items()}
    return [_writable(each) for each in value] if isinstance(value, list | tuple) else value
