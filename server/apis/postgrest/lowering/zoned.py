"""What a client's texts mean and how it is shown values: by the zone that it prefers, and bytes as PostgreSQL writes them.

PostgreSQL alone has decimals that are no number, moments before and after all others, and words for moments. They are read here and nowhere
else: nothing in memory has to order them, because what is asked at this API only the database answers.

Rule: where the database itself is told the zone it shows everything in it; elsewhere instants of the answer are shown in
it, and nothing else of a request knows that there are zones but the values that it writes.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from reflector.datatypes import DataType, Kind, Value, parse_text
from reflector.query.forms import Form
from reflector.readings import clean_text, refused
from reflector.zones import Zone, located, zone_of
from server.apis.postgrest.faults import refusal
from server.apis.postgrest.lowering.spellings import BY_NOW, MOMENTS, OTHERS, WORDED, spelled
from server.apis.postgrest.media import Kind as Answered
from server.apis.postgrest.preferences import Preferences

WRITTEN_BYTES: Final = "bytes are hexadecimal after \\x, or text"
LONGEST: Final = 60
"""Characters of a name that is no zone's that are told."""


@dataclass(frozen=True, slots=True)
class Clock:
    """`zone` is meant by moments without offset, UTC for None. `shows`: instants of the answer are written in it here.
    `endless`: the database has infinite decimals and moments."""

    zone: Zone | None = None
    shows: bool = False
    endless: bool = False

    def form(self, answered: Answered) -> Form:
        """How values of an answer of that kind are written."""
        return Form(self.zone if self.shows else None, plain=answered is Answered.CSV)

    def text(self, type_: DataType, text: str) -> str:
        """What a client wrote as the core reads it: a moment with the offset that was left out, bytes in base64."""
        if type_.kind is Kind.BYTES:
            return base64.b64encode(read_bytes(type_, text)).decode()
        text = spelled(type_.kind, text)
        if self.zone is None or type_.kind is not Kind.INSTANT:
            return text
        return located(text, self.zone)

    def value(self, type_: DataType, text: str) -> Value:
        """What a client wrote as a canonical value, or as an endless one; raises InvalidValue."""
        endless = self.endless_value(type_, text)
        return parse_text(type_, self.text(type_, text)) if endless is None else endless

    def endless_value(self, type_: DataType, text: str) -> Value | None:
        """A value that no text of a core's type is, None for every other."""
        if not self.endless or type_.kind not in ENDLESS:
            return None
        named = ENDLESS[type_.kind].get(text.strip().lower())
        if named is None:
            # What the database alone reads, it also says what is wrong with.
            return Endless(clean_text(type_, text)) if type_.kind in MOMENTS and OTHERS.search(text) else None
        return Decimal(named) if type_.kind is Kind.DECIMAL else Endless(named)

    def reads(self, type_: DataType) -> bool:
        """Whether it has a say in what a text of the type means."""
        if self.endless and type_.kind in ENDLESS:
            return True
        return type_.kind is Kind.BYTES or type_.kind in WORDED


class Endless(str):
    """A moment that PostgreSQL alone has or can read: before or after all others, or by its words."""

    __slots__ = ()

    @property
    def passes(self) -> bool:
        """Whether it is another one later."""
        return BY_NOW.search(self) is not None

    def isoformat(self) -> str:
        """The name: it is bound as every moment is."""
        return str(self)


_INFINITE: Final = {"infinity": "infinity", "+infinity": "infinity", "-infinity": "-infinity"}
ENDLESS: Final[Mapping[Kind, Mapping[str, str]]] = {
    Kind.DECIMAL: {"nan": "NaN", "inf": "Infinity", "+inf": "Infinity", "-inf": "-Infinity"} | _INFINITE,
    Kind.DATE: _INFINITE,
    Kind.TIME: {},
    Kind.TIMESTAMP: _INFINITE,
    Kind.INSTANT: _INFINITE,
}
"""What PostgreSQL alone has of a kind, by its spellings in small letters."""
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
BOUNDLESS: Final = Clock(endless=True)


def clock_of(preferred: Preferences, *, database_decides: bool, endless: bool) -> Clock:
    """The clock of a request; raises PostgrestError 22023 for what is no zone, unless the database is to say so."""
    name = preferred.timezone
    if name is None:
        return BOUNDLESS if endless else UTC
    zone = zone_of(name)
    if zone is None and not database_decides:
        shown = name if len(name) <= LONGEST else name[:LONGEST] + "…"
        raise refusal("22023", f'invalid value for parameter "TimeZone": "{shown}"')
    return Clock(zone, shows=not database_decides, endless=endless)
