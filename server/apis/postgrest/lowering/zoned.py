"""What a client's texts mean and how it is shown values: by the zone that it prefers, and bytes as PostgreSQL writes them.

Rule: where the database itself is told the zone it shows everything in it; elsewhere instants of the answer are shown in
it, and nothing else of a request knows that there are zones but the values that it writes.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Final

from reflector.datatypes import DataType, Kind, refused
from reflector.query.forms import Form
from reflector.zones import Zone, located, zone_of
from server.apis.postgrest.faults import refusal
from server.apis.postgrest.media import Kind as Answered
from server.apis.postgrest.preferences import Preferences

WRITTEN_BYTES: Final = "bytes are hexadecimal after \\x, or text"
LONGEST: Final = 60
"""Characters of a name that is no zone's that are told."""


@dataclass(frozen=True, slots=True)
class Clock:
    """`zone` is meant by moments without offset, UTC for None. `shows`: instants of the answer are written in it here."""

    zone: Zone | None = None
    shows: bool = False

    def form(self, answered: Answered) -> Form:
        """How values of an answer of that kind are written."""
        return Form(self.zone if self.shows else None, plain=answered is Answered.CSV)

    def text(self, type_: DataType, text: str) -> str:
        """What a client wrote as the core reads it: a moment with the offset that was left out, bytes in base64."""
        if type_.kind is Kind.BYTES:
            return base64.b64encode(read_bytes(type_, text)).decode()
        if self.zone is None or type_.kind is not Kind.INSTANT:
            return text
        return located(text, self.zone)

    def reads(self, type_: DataType) -> bool:
        """Whether it has a say in what a text of the type means."""
        return type_.kind is Kind.BYTES or (self.zone is not None and type_.kind is Kind.INSTANT)


ESCAPE: Final = re.compile(rb"\\(\\|[0-3][0-7]{2})?")


def read_bytes(type_: DataType, text: str) -> bytes:
    """Bytes as PostgreSQL reads them, in hexadecimal or as text with escapes; raises InvalidValue."""
    try:
        if text.startswith("\\x"):
            return bytes.fromhex(text[2:])
        return ESCAPE.sub(_escaped, text.encode())
    except ValueError:
        raise refused(type_, text, f": {WRITTEN_BYTES}") from None


def _escaped(found: re.Match[bytes]) -> bytes:
    if found[1] is None:
        raise ValueError("a backslash escapes nothing")
    return found[1] if found[1] == b"\\" else bytes([int(found[1], 8)])


UTC = Clock()


def clock_of(preferred: Preferences, *, database_decides: bool) -> Clock:
    """The clock of a request; raises PostgrestError 22023 for what is no zone, unless the database is to say so."""
    name = preferred.timezone
    if name is None:
        return UTC
    zone = zone_of(name)
    if zone is None and not database_decides:
        shown = name if len(name) <= LONGEST else name[:LONGEST] + "…"
        raise refusal("22023", f'invalid value for parameter "TimeZone": "{shown}"')
    return Clock(zone, shows=not database_decides)
