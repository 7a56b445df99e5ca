"""Server-Timing: how long the parts of a request took, where a setting asks for it.

Rule: a part that did not happen is not told, and a clock is only read where it is told.
"""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import Final


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


CLOCK: Final[ContextVar[Clock | None]] = ContextVar("clock", default=None)
"""That of the request under way. To ask a variable that nobody set costs a tenth of asking the request."""


def begin() -> Clock:
    """A clock for this request, found by `ended`."""
    clock = Clock()
    CLOCK.set(clock)
    return clock


def ended(part: str) -> None:
    """A part of the request is done."""
    clock = CLOCK.get()
    if clock is not None:
        clock.ended(part)
