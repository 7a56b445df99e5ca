"""The zone that a client prefers: the one its clocks show, and the one meant by a moment of its that has no offset.

Rule: where the database itself is told the zone it shows everything in it; elsewhere instants of the answer are shown in
it, and nothing else of a request knows that there are zones but the values that it writes.
"""

from __future__ import annotations

from dataclasses import dataclass

from reflector.datatypes import DataType, Kind
from reflector.query.forms import Form
from reflector.zones import Zone, located, zone_of
from server.apis.postgrest.faults import refusal
from server.apis.postgrest.media import Kind as Answered
from server.apis.postgrest.preferences import Preferences

LONGEST = 60
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
        """What a client wrote, with the offset that it left out."""
        if self.zone is None or type_.kind is not Kind.INSTANT:
            return text
        return located(text, self.zone)


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
