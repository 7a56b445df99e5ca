"""Which media type is answered, and what a request's body is written in.

Rule: a type is a row of TYPES or of BODIES; what a client accepts is looked up there, in the order of its preference.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from server.apis.postgrest.faults import PostgrestError, refusal


class Kind(Enum):
    """What an answer is made of; the value is its media type."""

    JSON = "application/json"
    OBJECT = "application/vnd.pgrst.object+json"
    ARRAY = "application/vnd.pgrst.array+json"
    CSV = "text/csv"
    GEOJSON = "application/geo+json"
    OPENAPI = "application/openapi+json"
    OCTETS = "application/octet-stream"
    TEXT = "text/plain"
    XML = "text/xml"
    PLAN = "application/vnd.pgrst.plan"


TYPES: Final[Mapping[str, Kind]] = {
    **{kind.value: kind for kind in Kind},
    "application/vnd.pgrst.object": Kind.OBJECT,
    "application/vnd.pgrst.array": Kind.ARRAY,
    "application/vnd.pgrst.plan+text": Kind.PLAN,
    "application/vnd.pgrst.plan+json": Kind.PLAN,
}
ANSWER: Final = Kind.JSON.value
"""What a plan is of where nothing is said."""
PLAN_OPTIONS: Final = ("analyze", "verbose", "settings", "buffers", "wal")
ANY: Final = "*/*"
DATA: Final = frozenset({Kind.JSON, Kind.OBJECT, Kind.ARRAY, Kind.CSV})
"""What every table is answered in, on every database."""


@dataclass(frozen=True, slots=True)
class Media:
    """The type of an answer. `stripped`: members that are null are left out. The rest is of plans: `planned` is the type
    that the plan is for, `as_json` how it is written."""

    kind: Kind
    stripped: bool = False
    as_json: bool = False
    planned: Kind = Kind.JSON
    options: tuple[str, ...] = ()

    @property
    def content_type(self) -> str:
        """The Content-Type header."""
        charset = "" if self.kind is Kind.OCTETS else "; charset=utf-8"
        return f"{self.kind.value}{self._parameters()}{charset}"

    def _parameters(self) -> str:
        if self.kind is Kind.PLAN:
            options = f"; options={'|'.join(self.options)}" if self.options else ""
            return f'+{"json" if self.as_json else "text"}; for="{self.planned.value}"{options}'
        return ";nulls=stripped" if self.stripped else ""


# ── what a client accepts ────────────────────────────────────────────────────────────────────

PIECE: Final = re.compile(r'(?:[^,"]++|"(?:[^"\\]|\\.)*+(?:"|\\?\Z))++', re.DOTALL)
"""One media range; a quote that is not closed holds the rest, so that each character is looked at once."""
PARAMETER: Final = re.compile(r';\s*([^\s;=]+)\s*=\s*("(?:[^"\\]|\\.)*+"|[^;]*)', re.DOTALL)
QUALITY: Final = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\Z")
MOST: Final = 64
"""Types of one Accept header that are looked at."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One media range of Accept: `type` in lower case, its parameters, its quality between 0 and 1."""

    type: str
    parameters: Mapping[str, str]
    quality: float


def accepted(accept: str | None) -> list[Wanted]:
    """The media ranges by preference: quality, then how definite they are, then their order."""
    if accept is None or not accept.strip():
        return [Wanted(ANY, {}, 1.0)]
    found = [_wanted(piece[0]) for piece in list(PIECE.finditer(accept))[:MOST]]
    return sorted((each for each in found if each.quality > 0), key=lambda each: (-each.quality, each.type.count("*")))


def _wanted(piece: str) -> Wanted:
    type_, _, rest = piece.partition(";")
    parameters = {match[1].lower(): match[2].strip().strip('"') for match in PARAMETER.finditer(";" + rest)}
    quality = parameters.pop("q", "1")
    return Wanted(type_.strip().lower(), parameters, float(quality) if QUALITY.match(quality) else 1.0)


def negotiate(accept: str | None, offered: Container[Kind], default: Kind = Kind.JSON) -> Media:
    """The type that is answered: the first accepted one that is offered; raises PostgrestError PGRST107."""
    wanted = accepted(accept)
    for each in wanted:
        if (media := answered(each, offered, default)) is not None:
            return media
    raise unavailable(wanted)


def answered(wanted: Wanted, offered: Container[Kind], default: Kind = Kind.JSON) -> Media | None:
    """The type that is answered where this one is accepted; None for none."""
    if wanted.type in {ANY, "application/*"}:
        return Media(default)
    if wanted.type == "text/*" and Kind.CSV in offered:
        return Media(Kind.CSV)
    media = media_of(wanted)
    return media if media is not None and media.kind in offered and media.planned in offered else None


def unavailable(wanted: Sequence[Wanted]) -> PostgrestError:
    """The error where nothing that is accepted is offered."""
    names = ", ".join(_written(each) for each in wanted)
    return refusal("PGRST107", f"None of these media types are available: {names}")


def media_of(wanted: Wanted) -> Media | None:
    """What a media range means; None for a type that is not ours."""
    kind = TYPES.get(wanted.type)
    if kind is None:
        return None
    if kind is Kind.PLAN:
        return _plan(wanted)
    stripped = wanted.parameters.get("nulls") == "stripped" and kind in {Kind.OBJECT, Kind.ARRAY}
    return Media(Kind.JSON) if kind is Kind.ARRAY and not stripped else Media(kind, stripped)


def _plan(wanted: Wanted) -> Media | None:
    """A plan, None for one of a type that nobody makes."""
    planned = TYPES.get(wanted.parameters.get("for", ANSWER).partition(";")[0].strip().lower())
    if planned is None:
        return None
    asked = wanted.parameters.get("options", "").split("|")
    return Media(
        Kind.PLAN,
        as_json=wanted.type.endswith("+json"),
        planned=Kind.JSON if planned is Kind.PLAN else planned,
        options=tuple(option for option in PLAN_OPTIONS if option in asked),
    )


def _written(wanted: Wanted) -> str:
    return wanted.type + "".join(f";{name}={value}" for name, value in wanted.parameters.items())


def own_type(name: str | None) -> str:
    """The Content-Type of what has a media type of its own by its type in the database; bytes where it may be any."""
    if name is None or name == ANY:
        return Media(Kind.OCTETS).content_type
    return Media(TYPES[name]).content_type if name in TYPES else name


# ── what a body is written in ────────────────────────────────────────────────────────────────


class Body(Enum):
    """How a request's body is written."""

    JSON = "application/json"
    CSV = "text/csv"
    FORM = "application/x-www-form-urlencoded"
    TEXT = "text/plain"
    XML = "text/xml"
    OCTETS = "application/octet-stream"


BODIES: Final[Mapping[str, Body]] = {body.value: body for body in Body}
WHOLE: Final = frozenset({Body.TEXT, Body.XML, Body.OCTETS})
"""Bodies that are one value: for a function with one unnamed argument."""


def body_of(content_type: str | None, *, function: bool = False) -> Body:
    """What a body is written in, JSON where nothing is said; raises PostgrestError PGRST102."""
    if content_type is None or not content_type.strip():
        return Body.JSON
    name = content_type.partition(";")[0].strip().lower()
    found = BODIES.get(name)
    if found is None or (found in WHOLE and not function):
        raise refusal("PGRST102", f"Content-Type not acceptable: {name}")
    return found
