"""Texts in the spellings that PostgreSQL takes for booleans, numbers, dates and times, as the core spells them.

    boolean     every beginning of true, false, yes, no, on and off that is one word's alone
    date        a moment's is its day                              2026-01-01T10:00:00Z → 2026-01-01
    time        a zone says nothing                                10:00:00Z            → 10:00:00
    timestamp   a zone says nothing                                2026-01-01T10:00:00Z → 2026-01-01T10:00:00

The same on every database. What PostgreSQL alone reads besides (names of months, `today`) is left to it.

Rule: a text that is none of these comes back as it is, and the core says what is wrong with it.

https://www.postgresql.org/docs/current/datatype-datetime.html#DATATYPE-DATETIME-INPUT
https://www.postgresql.org/docs/current/datatype-boolean.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from reflector.datatypes import Kind

_ZONE: Final = r"\s?(?:[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?"
_CLOCK: Final = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
_MOMENT: Final = re.compile(
    rf"(?P<day>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}|[0-9]{{8}})(?:[Tt ](?P<clock>{_CLOCK})(?P<zone>{_ZONE}))?", re.ASCII
)
_TIME: Final = re.compile(rf"(?P<clock>{_CLOCK}){_ZONE}", re.ASCII)
_WORDS: Final = {"true": "true", "yes": "true", "on": "true", "1": "true"} | dict.fromkeys(
    ("false", "no", "off", "0"), "false"
)


def spelled(kind: Kind, text: str) -> str:
    """The text as the core spells it."""
    spell = SPELLINGS.get(kind)
    return text if spell is None else spell(text.strip())


def _boolean(text: str) -> str:
    meant = {value for word, value in _WORDS.items() if text and word.startswith(text.lower())}
    return meant.pop() if len(meant) == 1 else text


def _date(text: str) -> str:
    found = _MOMENT.fullmatch(text)
    return text if found is None else _day(found)


def _time(text: str) -> str:
    found = _TIME.fullmatch(text)
    return text if found is None else found["clock"]


def _timestamp(text: str) -> str:
    found = _MOMENT.fullmatch(text)
    return text if found is None else f"{_day(found)}T{found['clock'] or '00:00:00'}"


def _instant(text: str) -> str:
    found = _MOMENT.fullmatch(text)
    if found is None or found["clock"] is None:
        return text if found is None else _day(found)
    return f"{_day(found)}T{found['clock']}{found['zone'].strip()}"


def _day(found: re.Match[str]) -> str:
    day = found["day"]
    return day if "-" in day else f"{day[:4]}-{day[4:6]}-{day[6:]}"


SPELLINGS: Final[Mapping[Kind, Callable[[str], str]]] = {
    Kind.BOOLEAN: _boolean,
    Kind.INTEGER: str,
    Kind.DECIMAL: str,
    Kind.FLOAT: str,
    Kind.UUID: str,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.TIMESTAMP: _timestamp,
    Kind.INSTANT: _instant,
}
MOMENTS: Final = frozenset({Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.INSTANT})
WORDED: Final = frozenset({Kind.BOOLEAN, *MOMENTS})
"""Kinds whose values have other spellings than with blanks around them."""
BY_NOW: Final = re.compile(r"now|today|tomorrow|yesterday", re.IGNORECASE)
OTHERS: Final = re.compile(
    rf"^\s*(?:{BY_NOW.pattern}|epoch|allballs)(?:\s+{_CLOCK})?\s*$|"
    r"\b(?:jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)[a-z]*\b",
    re.IGNORECASE | re.ASCII,
)
"""Moments by words, which PostgreSQL reads and nobody else does."""
