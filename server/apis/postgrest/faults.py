"""A fault as PostgREST tells it: code, message, details, hint; and the table of statuses by code.

Rule: the status follows from the code alone, and from whether the caller is known: nobody else writes a status of an
error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from server.problems import OwnWords


@dataclass(frozen=True, slots=True)
class Fault:
    """What is answered. `code` is PGRSTxxx or a SQLSTATE; `details` is text, or for ambiguities a list of objects."""

    code: str
    message: str
    details: str | tuple[Mapping[str, str], ...] | None = None
    hint: str | None = None

    def body(self, *, terse: bool = False) -> dict[str, Any]:
        """The members of the answered object; `terse` leaves code and message."""
        if terse:
            return {"code": self.code, "message": self.message}
        return {"code": self.code, "details": self.details, "hint": self.hint, "message": self.message}


class PostgrestError(OwnWords):
    """The one exception of this API: it carries its fault, and headers that belong to its answer."""

    def __init__(self, fault: Fault, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{fault.code}: {fault.message}")
        self.fault = fault
        self.headers: Mapping[str, str] = headers or {}


OWN: Final[Mapping[str, int]] = {
    "PGRST000": 503,
    "PGRST001": 503,
    "PGRST002": 503,
    "PGRST003": 504,
    "PGRST100": 400,
    "PGRST101": 405,
    "PGRST102": 400,
    "PGRST103": 416,
    "PGRST105": 405,
    "PGRST106": 406,
    "PGRST107": 406,
    "PGRST108": 400,
    "PGRST111": 500,
    "PGRST112": 500,
    "PGRST114": 400,
    "PGRST115": 400,
    "PGRST116": 406,
    "PGRST117": 405,
    "PGRST118": 400,
    "PGRST120": 400,
    "PGRST121": 500,
    "PGRST122": 400,
    "PGRST123": 400,
    "PGRST124": 400,
    "PGRST125": 404,
    "PGRST126": 404,
    "PGRST127": 400,
    "PGRST128": 400,
    "PGRST200": 400,
    "PGRST201": 300,
    "PGRST202": 404,
    "PGRST203": 300,
    "PGRST204": 400,
    "PGRST205": 404,
    "PGRST300": 500,
    "PGRST301": 401,
    "PGRST302": 401,
    "PGRST303": 401,
    "PGRSTX00": 500,
}

BESIDE: Final[Mapping[str, int]] = {
    "malformed_request": 400,
    "forwarded_refused": 403,
    "origin_refused": 403,
    "not_acceptable": 406,
    "request_timeout": 408,
    "body_too_large": 413,
    "uri_too_long": 414,
    "unsupported_media_type": 415,
    "expectation_failed": 417,
    "identity_unavailable": 503,
    "misdirected_request": 421,
    "too_many_attempts": 429,
    "rate_exceeded": 429,
    "headers_too_large": 431,
}
"""What is refused before PostgREST's part begins, and has no code of its own there."""

SQLSTATES: Final[Mapping[str, int]] = {
    "08": 503,
    "09": 500,
    "0L": 403,
    "0P": 403,
    "21000": 500,
    "23503": 409,
    "23505": 409,
    "25006": 405,
    "25": 500,
    "28": 403,
    "2D": 500,
    "38": 500,
    "39": 500,
    "3B": 500,
    "40": 500,
    "42883": 404,
    "42P01": 404,
    "42P17": 500,
    "53400": 500,
    "53": 503,
    "54": 500,
    "55": 500,
    "57P01": 503,
    "57": 500,
    "58": 500,
    "F0": 500,
    "HV": 500,
    "P0001": 400,
    "P0": 500,
    "XX": 500,
}
"""A code of five characters is looked up before its class of two; what is in neither is 400."""

REFUSED: Final = "42501"
CARDINALITY: Final = "21000"
UNFILTERED: Final = "requires a WHERE clause"
"""How the refusal of a change of all rows ends."""
RAISED: Final = "PT"


def status_of(code: str, *, known: bool, message: str = "") -> int:
    """The HTTP status of a code. `known`: the caller sent a credential that holds, so a refusal is not asking for one.

    One code means two things, and only its message says which.
    """
    if code == CARDINALITY and message.endswith(UNFILTERED):
        return 400
    if (own := OWN.get(code) or BESIDE.get(code)) is not None:
        return own
    if code == REFUSED:
        return 403 if known else 401
    if code.startswith(RAISED) and code[2:].isdecimal() and 200 <= int(code[2:]) <= 599:
        return int(code[2:])
    if code.startswith(("PGRST", RAISED)):
        return 500
    return SQLSTATES.get(code, SQLSTATES.get(code[:2], 400))


def refusal(code: str, message: str, details: str | None = None, hint: str | None = None) -> PostgrestError:
    """The error to raise for a fault of these words."""
    return PostgrestError(Fault(code, message, details, hint))
