"""Dates, times and instants out of text: ISO 8601, with a space or a T, with seconds, fractions and offsets left out at will.

Rule: text that is not one gives None; the caller knows what was expected and says so.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_TIME = re.compile(r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?\Z")
_STAMP = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)\s?([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?\Z"
)


def date_of(text: str) -> date | None:
    """`2024-02-29`."""
    try:
        return date.fromisoformat(text) if _DATE.match(text) else None
    except ValueError:
        return None


def time_of(text: str) -> time | None:
    """`09:30`, `09:30:00`, `09:30:00.5`."""
    try:
        return time.fromisoformat(_padded(text)) if _TIME.match(text) else None
    except ValueError:
        return None


def stamp_of(text: str) -> tuple[datetime, str] | None:
    """A date, or a date and a time, without its zone; and the zone's text, empty when there is none."""
    matched = _STAMP.match(text)
    if not matched:
        return None
    try:
        return datetime.fromisoformat(f"{matched[1]}T{_padded(matched[2] or '00:00:00')}"), matched[3] or ""
    except ValueError:
        return None


def instant_of(text: str) -> datetime | None:
    """A point in time, in UTC. A `+` that a URL turned into a space is not guessed back."""
    stamp = stamp_of(text)
    if stamp is None:
        return None
    moment, zone = stamp
    try:
        if zone in ("", "Z", "z"):
            return moment.replace(tzinfo=UTC)
        offset = zone if ":" in zone else f"{zone[:3]}:{zone[3:] or '00'}"
        return datetime.fromisoformat(moment.isoformat() + offset).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _padded(text: str) -> str:
    """Fractions as fromisoformat of every supported Python reads them: six digits."""
    whole, dot, fraction = text.partition(".")
    return f"{whole}.{fraction:0<6}" if dot else whole
