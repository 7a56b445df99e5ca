"""The Prefer headers of a request, and Preference-Applied of its answer.

Rule: a kind of preference is one row of KINDS, whose order is that of Preference-Applied; the first value of a kind holds,
and only what was honoured is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum
from typing import Final

from server.apis.postgrest.faults import refusal


class Kind(Enum):
    """The kinds, in the order in which they are told."""

    RESOLUTION = "resolution"
    MISSING = "missing"
    RETURN = "return"
    COUNT = "count"
    TRANSACTION = "tx"
    HANDLING = "handling"
    TIMEZONE = "timezone"
    MAX_AFFECTED = "max-affected"


VALUES: Final = {
    Kind.RESOLUTION: re.compile("merge-duplicates|ignore-duplicates"),
    Kind.MISSING: re.compile("default|null"),
    Kind.RETURN: re.compile("minimal|headers-only|representation"),
    Kind.COUNT: re.compile("exact|planned|estimated"),
    Kind.TRANSACTION: re.compile("commit|rollback"),
    Kind.HANDLING: re.compile("strict|lenient"),
    Kind.TIMEZONE: re.compile(".+"),
    Kind.MAX_AFFECTED: re.compile("[0-9]{1,18}"),
}
BY_NAME: Final = {kind.value: kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a client prefers; None or False where it says nothing. `timezone` is any text."""

    resolution: str | None = None
    missing: str | None = None
    returning: str | None = None
    count: str | None = None
    transaction: str | None = None
    handling: str | None = None
    timezone: str | None = None
    max_affected: int | None = None

    @property
    def strict(self) -> bool:
        return self.handling == "strict"

    @property
    def representation(self) -> bool:
        return self.returning == "representation"

    def value(self, kind: Kind) -> str | None:
        """What was preferred of that kind, as it is written."""
        found = getattr(self, FIELDS[kind])
        return None if found is None else str(found)


FIELDS: Final = {
    Kind.RESOLUTION: "resolution",
    Kind.MISSING: "missing",
    Kind.RETURN: "returning",
    Kind.COUNT: "count",
    Kind.TRANSACTION: "transaction",
    Kind.HANDLING: "handling",
    Kind.TIMEZONE: "timezone",
    Kind.MAX_AFFECTED: "max_affected",
}


def preferences(headers: Iterable[str]) -> Preferences:
    """What the Prefer headers say, in their order; raises PostgrestError PGRST122 for unknown ones under handling=strict."""
    found: dict[Kind, str] = {}
    invalid: list[str] = []
    for text in (part.strip() for header in headers for part in header.split(",")):
        name, _, value = text.partition("=")
        kind = BY_NAME.get(name)
        if kind is not None and VALUES[kind].fullmatch(value):
            found.setdefault(kind, value)
        elif text:
            invalid.append(text)
    if invalid and found.get(Kind.HANDLING) == "strict":
        details = f"Invalid preferences: {', '.join(invalid)}"
        raise refusal("PGRST122", "Invalid preferences given with handling=strict", details)
    return _made(found)


def _made(found: dict[Kind, str]) -> Preferences:
    most = found.get(Kind.MAX_AFFECTED)
    return Preferences(
        found.get(Kind.RESOLUTION),
        found.get(Kind.MISSING),
        found.get(Kind.RETURN),
        found.get(Kind.COUNT),
        found.get(Kind.TRANSACTION),
        found.get(Kind.HANDLING),
        found.get(Kind.TIMEZONE),
        None if most is None else int(most),
    )


def honourable(
    given: Preferences,
    method: str,
    *,
    function: bool,
    upserts: bool,
    inserts: bool,
    may_choose_end: bool,
    zoned: bool = False,
) -> frozenset[Kind]:
    """The kinds that mean something for a request.

    `upserts`: there is a key that can conflict. `inserts`: there are values whose absence a default can fill.
    `may_choose_end`: a client may say how the transaction ends. `zoned`: its times are in the zone that it asks for.
    """
    writes = method in {"POST", "PATCH", "PUT", "DELETE"} and not function
    rules = {
        Kind.RESOLUTION: method == "POST" and writes and upserts,
        Kind.MISSING: method in {"POST", "PATCH"} and writes and inserts,
        Kind.RETURN: writes,
        Kind.COUNT: True,
        Kind.TRANSACTION: may_choose_end,
        Kind.HANDLING: True,
        Kind.TIMEZONE: zoned,
        Kind.MAX_AFFECTED: given.strict and (function or method in {"PATCH", "DELETE"}),
    }
    return frozenset(kind for kind, holds in rules.items() if holds)


def applied(given: Preferences, honoured: AbstractSet[Kind]) -> str | None:
    """Preference-Applied, or None where nothing was honoured."""
    told = [f"{kind.value}={value}" for kind in Kind if kind in honoured and (value := given.value(kind)) is not None]
    return ", ".join(told) or None
