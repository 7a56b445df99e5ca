"""Time zones: what a text names one, what o'clock an instant is there, and which instant an o'clock there is.

    Europe/Lima        a name of the IANA database, whatever the case
    5, -7.5            hours east of Greenwich
    +05:30, UTC+3      POSIX, which counts westwards: these are -05:30 and -03:00

Rule: a zone is made of a name that the database of zones has, or of a number; never of a caller's own text. Where PostgreSQL
knows a text as a zone that always has one offset, or by its name, so do we, and it is the same one.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final

from reflector import moments

HOURS: Final = re.compile(r"[+-]?[0-9]{1,2}(?:\.[0-9]{1,9})?\Z")
POSIX: Final = re.compile(r"(?:<[A-Za-z0-9+-]{1,10}>|[A-Za-z]{0,10})([+-]?)([0-9]{1,2})(?::([0-5]?[0-9]))?\Z")
DAY: Final = 24 * 60 * 60
ENDS: Final = 4_291_747_200
"""2106-01-01, in seconds since 1970: the most that a database of 32-bit times holds."""
LOOK: Final = 7 * DAY
"""No zone changes its offset twice in so many seconds."""
OTHERS: Final = frozenset({"localtime", "posixrules", "factory"})
"""Names that stand for something else on every machine."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone by its name, or by its `offset`: seconds east of Greenwich, less than a day."""

    name: str = "UTC"
    offset: int | None = None

    @property
    def rules(self) -> tzinfo:
        return _rules(self)

    def instant(self, clock: datetime) -> datetime:
        """The instant, in UTC, at which clocks there show this. Of an hour that comes twice it is the second one, and one
        that is left out is counted on from the hour before, as PostgreSQL does."""
        offsets = [clock.replace(tzinfo=self.rules, fold=fold).utcoffset() or timedelta() for fold in (0, 1)]
        return (clock - min(offsets)).replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` on (seconds since 1970), until the next one, clocks are `offset` seconds ahead of Greenwich."""

    since: int
    offset: int


def zone_of(text: str) -> Zone | None:
    """The zone that a text names; None for none."""
    if HOURS.match(text):
        return _fixed(int(float(text) * 3600))
    found = POSIX.match(text)
    if found is not None and (found[3] is not None or not text[0].isdigit()):
        seconds = int(found[2]) * 3600 + int(found[3] or 0) * 60
        return _fixed(seconds if found[1] == "-" else -seconds)
    name = _names().get(text.lower())
    return None if name is None else Zone(name)


def _fixed(offset: int) -> Zone | None:
    return Zone("", offset) if abs(offset) < DAY else None


@lru_cache(maxsize=1)
def _names() -> Mapping[str, str]:
    """The names by themselves in small letters; looked for on disk, once."""
    return {name.lower(): name for name in zoneinfo.available_timezones() if name.lower() not in OTHERS}


@lru_cache(maxsize=256)
def _rules(zone: Zone) -> tzinfo:
    if zone.offset is not None:
        return timezone(timedelta(seconds=zone.offset))
    return zoneinfo.ZoneInfo(zone.name)


def located(text: str, zone: Zone) -> str:
    """A moment's text with what was meant by it where it has no offset: the zone's own. What is no moment stays as it is."""
    stamp = moments.stamp_of(text)
    if stamp is None or stamp[1]:
        return text
    try:
        return zone.instant(stamp[0]).isoformat()
    except OverflowError:
        return text


# ── as PostgreSQL writes them ────────────────────────────────────────────────────────────────


def written(moment: datetime, zone: Zone, *, plain: bool) -> str:
    """An instant as clocks in the zone show it: `2024-01-01T05:30:00.5+05:30`; `plain` as a text: `2024-01-01 05:30:00.5+05:30`
    with no more of the offset than there is. One that no calendar of ours reaches in that zone is told in UTC."""
    try:
        here = moment.astimezone(zone.rules)
    except OverflowError:
        here = moment.astimezone(UTC)
    clock = here.replace(tzinfo=None).isoformat(" " if plain else "T")
    whole, dot, fraction = clock.partition(".")
    return whole + (dot + fraction).rstrip("0").rstrip(".") + offset_text(here.utcoffset() or timedelta(), plain=plain)


def offset_text(offset: timedelta, *, plain: bool) -> str:
    """An offset as it ends a moment."""
    seconds = round(offset.total_seconds())
    minutes, second = divmod(abs(seconds), 60)
    hour, minute = divmod(minutes, 60)
    told = f"{'-' if seconds < 0 else '+'}{hour:02}"
    if minute or second or not plain:
        told += f":{minute:02}"
    return f"{told}:{second:02}" if second else told


# ── for a database that has no zones ─────────────────────────────────────────────────────────


@lru_cache(maxsize=64)
def periods(zone: Zone) -> tuple[Period, ...]:
    """The zone's offsets from 1970 until 2106, each from when it holds."""
    found = [Period(0, _offset(zone, 0))]
    for end in range(LOOK, ENDS + LOOK, LOOK):
        if _offset(zone, end) != found[-1].offset:
            found.append(_change(zone, end - LOOK, end))
    return tuple(found)


def _change(zone: Zone, before: int, after: int) -> Period:
    """When the offset at `before` became that at `after`."""
    offset = _offset(zone, after)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(zone, middle) == offset:
            after = middle
        else:
            before = middle
    return Period(after, offset)


def _offset(zone: Zone, second: int) -> int:
    return round((datetime.fromtimestamp(second, zone.rules).utcoffset() or timedelta()).total_seconds())
