"""Whether a file of settings has become another one: replaced, rewritten, or reached by a link that leads elsewhere.

Rule: files are looked at, never read; and they are looked at before they are read, so that what changes while it is
read is seen by the next look.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

Mark: TypeAlias = tuple[int, int, int, int, int] | None
"""What tells one state of a file from another; None for a file that is not there."""


def mark(path: Path) -> Mark:
    """The present state; links are followed, as an editor replaces a file and Kubernetes a folder."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


def marks(paths: Iterable[Path]) -> Mapping[Path, Mark]:
    """The present state of each."""
    return {path: mark(path) for path in paths}


class Looking:
    """Looks at files every `interval` seconds (None: not at all), for a process that waits for other things besides.

    `settle`: for how many seconds files must stay as they are before they are said to have changed.
    """

    def __init__(self, files: Mapping[Path, Mark], interval: float | None, settle: float) -> None:
        self.files = files
        self.interval = interval
        self._settle = settle
        self._moving: Mapping[Path, Mark] | None = None
        self._next = 0.0

    def wait(self, now: float) -> float | None:
        """Seconds until the next look, None for none; `now` in seconds of a clock that is never set."""
        if self.interval is None:
            return None
        self._next = self._next or now + self.interval
        return max(0.0, self._next - now)

    def changed(self, now: float) -> bool:
        """Whether a file has changed, where it is time to look; told once it does not change any more."""
        if self.wait(now) != 0.0 or self.interval is None:
            return False
        found = marks(self.files)
        settled = found == self._moving
        self._moving = None if settled or found == self.files else found
        self._next = now + (self.interval if self._moving is None else self._settle)
        return settled


class Seen:
    """The files that one reading looked at, each as it was right before."""

    def __init__(self) -> None:
        self.marks: dict[Path, Mark] = {}

    def __call__(self, path: Path) -> None:
        """This file is about to be read."""
        self.marks.setdefault(path, mark(path))
