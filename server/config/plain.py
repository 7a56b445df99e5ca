"""What checks of the file are made of: they read plain values, and say what is wrong where.

Rule: what has the wrong shape is nothing here, because it is a complaint already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from server.config.complaints import Path

Fault: TypeAlias = tuple[Path, str, str | None]
"""Where, what, and what to do about it."""
Check: TypeAlias = Callable[[Mapping[str, Any]], Iterator[Fault]]


def mapping(given: Any, *path: str) -> Mapping[str, Any]:
    """The mapping under a path, empty where there is none."""
    for step in path:
        given = given.get(step) if isinstance(given, Mapping) else None
    return given if isinstance(given, Mapping) else {}
