"""Server-Timing: how long the parts of a request took, where a setting asks for it.

Rule: a part that did not happen is not told, and a clock is only read where it is told.
"""

from __future__ import annotations

import time
from typing import Final

from aiohttp import web


class Clock:
    """The parts that have ended, in their order, in milliseconds."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self._parts: dict[str, float] = {}

    def ended(self, part: str) -> None:
        """What was done since the last part ended is this one."""
        now = time.perf_counter()
        self._parts[part] = self._parts.get(part, 0.0) + (now - self._last) * 1e3
        self._last = now

    @property
    def header(self) -> str:
        """The value of Server-Timing."""
        return ", ".join(f"{part};dur={took:.1f}" for part, took in self._parts.items())


CLOCK: Final = web.RequestKey("clock", Clock)
"""Under which a request holds its clock."""


def begin(request: web.Request) -> Clock:
    """A clock for the request, found by `ended`."""
    clock = Clock()
    request[CLOCK] = clock
    return clock


def ended(request: web.Request, part: str) -> None:
    """A part of the request is done."""
    clock = request.get(CLOCK)
    if clock is not None:
        clock.ended(part)
