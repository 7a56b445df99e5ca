"""Requests, counted as they end: by API, method and status class, and how long each API takes.

Rule: a request pays a microsecond at most. Plain numbers are counted in the one event loop; what Prometheus wants of them
is worked out when it asks. Nothing that a caller chooses becomes a label.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

APIS: Final = {
    "api": "resource",
    "graphql": "graphql",
    "v1": "graphql",
    "rest": "postgrest",
    "x": "extensions",
    "ws": "realtime",
    "openapi.json": "openapi",
    "health": "health",
    "metrics": "metrics",
    "docs": "pages",
    "graphiql": "pages",
    "assets": "pages",
}
"""Which API the first part of a path belongs to."""
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER: Final = "other"
LEFT: Final = 499
"""The status that is counted where the client did not wait for one."""
BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets, in seconds."""


class Series:
    """Requests of one kind: how many, how long together, and how many in each bucket; the last is beyond all bounds."""

    __slots__ = ("buckets", "count", "seconds")

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0
        self.buckets = [0] * (len(BOUNDS) + 1)


class Requests:
    """`series` by API, method and status class (`2xx`); `running` are under way."""

    def __init__(self) -> None:
        self.series: dict[tuple[str, str, str], Series] = {}
        self.running = 0
        self._kinds: dict[tuple[str, str, int], Series] = {}

    def note(self, path: str, method: str, status: int, seconds: float) -> None:
        """A request has ended. `path` begins with a slash."""
        end = path.find("/", 1)
        first = path[1:end] if end > 0 else path[1:]
        series = self._kinds.get((first, method, status)) or self._of(first, method, status)
        series.count += 1
        # A socket lasts as long as its client likes, which says nothing of the server.
        if status != 101:
            series.seconds += seconds
            series.buckets[bisect_left(BOUNDS, seconds)] += 1

    def _of(self, first: str, method: str, status: int) -> Series:
        """The series of a kind; kinds that callers made up share one and are not remembered."""
        kind = (APIS.get(first, OTHER), method if method in METHODS else OTHER, f"{status // 100}xx")
        series = self.series.setdefault(kind, Series())
        if first in APIS and method in METHODS:
            self._kinds[first, method, status] = series
        return series
