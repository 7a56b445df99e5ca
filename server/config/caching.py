"""What `cache` and `tables.*.cache` say: for how long answers are kept, and shown while new ones are fetched.

Rule: what a table does not say of itself, `cache` says of all; `cache: false` of a table is the same as a `ttl` of nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, ClassVar, TypeAlias

from server.config.section import OrFlag, Section
from server.config.values import DURATIONS, Duration, Flag, Reads, Size, read_duration, show_duration

NOTHING = timedelta(0)


def read_span(given: Any) -> timedelta:
    """A duration, or `0s`."""
    return NOTHING if isinstance(given, str) and given in {"0s", "0ms"} else read_duration(given)


Span: TypeAlias = Annotated[timedelta, Reads(read_span, DURATIONS, show_duration)]


class Cache(Section):
    """Where answers are kept, and for how long where a table says nothing."""

    memory: Size = 64 * 1024**2
    ttl: Duration | None = None
    stale: Duration | None = None


class TableCache(Section):
    """For how long answers that are made of the table may be kept, and shown while new ones are fetched."""

    later: ClassVar = frozenset({"etag"})

    ttl: Span | None = None
    stale: Span | None = None
    public: Flag = False


KeptOf: TypeAlias = Annotated[TableCache, OrFlag({"ttl": NOTHING})]
