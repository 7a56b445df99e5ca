"""What the database itself answers, where it decides: errors that it raises, and a status and headers that it sets.

    RAISE … ERRCODE 'PT402'      the status is 402
    RAISE … SQLSTATE 'PGRST'     MESSAGE and DETAIL are JSON and say everything: body, status, headers
    any other error              its SQLSTATE, MESSAGE, DETAIL and HINT, the status by the table
    response.headers             a JSON array of objects with one header each
    response.status              the status of an answer

Where the server decides, a status that was raised is honoured, and the words are ours; but for the first two of a function
that was called by its name and is open to its caller: nobody writes those but to be read by a caller of this API.

Rule: the database's words go out where its own grants and rules decide what a caller may see, and where a function that
the configuration opens says so in as many words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson
from aiohttp import web

from reflector.drivers.protocol import Said
from reflector.drivers.reports import Report, reported
from reflector.errors import ReflectorError
from server.apis.postgrest.errors import Refused, refused
from server.apis.postgrest.faults import RAISED, Fault, PostgrestError, refusal

FULL: Final = "PGRST"
SAID_TO_CALLERS: Final = re.compile(rf"{FULL}|{RAISED}[0-9]{{3}}")
"""States that nothing but an author's RAISE or SIGNAL has, and that mean an answer of this API."""
HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
HEADER_VALUE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
OURS: Final = frozenset({"content-length", "transfer-encoding", "connection"})
"""Headers that say how the answer travels, which is for us to know."""
BAD_HEADERS: Final = (
    "PGRST111",
    "response.headers GUC must be a JSON array composed of objects with a single key and a string value",
)
BAD_STATUS: Final = ("PGRST112", "response.status GUC must be a valid status code")
BAD_RAISE: Final = "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error"
MESSAGE_HINT: Final = (
    "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: 'details', 'hint'."
)
DETAIL_HINT: Final = (
    "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: 'status_text'."
)


@dataclass(frozen=True, slots=True)
class Raised:
    """An error of the database as it is sent; `reason` stands beside the status where the database words it."""

    refused: Refused
    reason: str | None = None


def raised(report: Report, *, known: bool, terse: bool) -> Raised:
    """The answer to an error that the database reported. `known`, `terse`: as for `refused`."""
    if report.sqlstate != FULL:
        fault = Fault(report.sqlstate, report.message, report.detail, report.hint)
        return Raised(refused(PostgrestError(fault), known=known, terse=terse))
    try:
        return _in_full(report, terse=terse)
    except PostgrestError as error:
        return Raised(refused(error, known=known, terse=terse))


class SpokenError(PostgrestError):
    """What a function said to its caller."""

    def __init__(self, report: Report) -> None:
        super().__init__(Fault(report.sqlstate, report.message))
        self.report = report


def spoken(error: ReflectorError) -> SpokenError | None:
    """What the function that was called said to its caller by this error; None where it said nothing to anybody."""
    report = reported(error)
    return SpokenError(report) if report is not None and SAID_TO_CALLERS.fullmatch(report.sqlstate) else None


def in_our_words(error: PostgrestError, report: Report | None) -> PostgrestError:
    """The error, with the status of one that was raised in full."""
    if report is None or report.sqlstate != FULL:
        return error
    status = (_object(report.detail) or {}).get("status")
    if not _is_status(status):
        return refusal("PGRST121", BAD_RAISE)
    return PostgrestError(replace(error.fault, code=f"{RAISED}{status}"), error.headers)


def _in_full(report: Report, *, terse: bool) -> Raised:
    """The answer that the error's own JSON describes; raises PostgrestError PGRST121."""
    said, form = _object(report.message), _object(report.detail)
    if said is None or not isinstance(said.get("code"), str) or not isinstance(said.get("message"), str):
        raise refusal("PGRST121", BAD_RAISE, f"Invalid JSON value for MESSAGE: '{report.message}'", MESSAGE_HINT)
    if report.detail is None:
        raise refusal("PGRST121", BAD_RAISE, "DETAIL is missing in the RAISE statement", DETAIL_HINT)
    status, headers = (form or {}).get("status"), (form or {}).get("headers")
    if form is None or not _is_status(status) or not isinstance(headers, dict) or not _are_headers(headers):
        raise refusal("PGRST121", BAD_RAISE, f"Invalid JSON value for DETAIL: '{report.detail}'", DETAIL_HINT)
    fault = Fault(said["code"], said["message"], _text(said.get("details")), _text(said.get("hint")))
    body = orjson.dumps(fault.body(terse=terse))
    headers = {name: value for name, value in headers.items() if name.lower() not in OURS}
    own = {"Content-Type": "application/json; charset=utf-8", "Proxy-Status": f"PostgREST; error={FULL}"}
    reason = form.get("status_text")
    worded = reason if isinstance(reason, str) and HEADER_VALUE.fullmatch(reason) else None
    return Raised(Refused(int(str(status)), body, {**own, **headers}), worded)


def _object(text: str | None) -> dict[str, Any] | None:
    try:
        read = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _is_status(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 200 <= value <= 599


def _are_headers(given: Mapping[str, Any]) -> bool:
    return all(
        HEADER_NAME.fullmatch(name) and isinstance(value, str) and HEADER_VALUE.fullmatch(value)
        for name, value in given.items()
    )


# ── what the database sets ───────────────────────────────────────────────────────────────────


def obey(said: Said, response: web.Response) -> None:
    """Put what the transaction said onto the answer; raises PostgrestError PGRST111 and PGRST112."""
    if said.headers is not None:
        replaced: set[str] = set()
        for name, value in _said_headers(said.headers):
            if name.lower() in OURS:
                continue
            if name.lower() not in replaced:
                response.headers.popall(name, None)
                replaced.add(name.lower())
            response.headers.add(name, value)
    if said.status is not None:
        text = said.status.strip()
        if not text.isdecimal() or not _is_status(int(text[:4])):
            raise refusal(*BAD_STATUS)
        response.set_status(int(text))


def _said_headers(text: str) -> Iterator[tuple[str, str]]:
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, list):
        raise refusal(*BAD_HEADERS)
    for each in read:
        if not isinstance(each, dict) or len(each) != 1 or not _are_headers(each):
            raise refusal(*BAD_HEADERS)
        yield from each.items()
