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


class Seen:
    """The files that one reading looked at, each as it was right before."""

    def __init__(self) -> None:
        self.marks: dict[Path, Mark] = {}

    def __call__(self, path: Path) -> None:
        """This file is about to be read."""
        self.marks.setdefault(path, mark(path))
