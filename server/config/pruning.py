"""A file's plain values without those that are wrong, so that the rest of them can still be understood.

Rule: what is left serves for finding further faults and for nothing else, so it may say less than the file, but nothing
that the file does not say; only a policy that is left out must stay a name that rules can use.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from server.config.complaints import Path
from server.config.document import SourceMapping

VERSION: Final = 1
POLICY: Final = ("policies", "<name>")


def without(data: SourceMapping, paths: Iterable[Path]) -> SourceMapping:
    """A copy without the values at the paths; a path that is not there leaves out the last of its parents that is."""
    rest: SourceMapping = _copied(data)
    for path in paths:
        _leave_out(rest, path)
    rest["version"] = VERSION
    return rest


def _copied(given: Any) -> Any:
    if not isinstance(given, SourceMapping):
        return given
    copy = SourceMapping(given.position)
    copy.update((name, _copied(value)) for name, value in given.items())
    return copy


def _leave_out(data: SourceMapping, path: Path) -> None:
    """The items of a list are left out with the list."""
    above: list[tuple[SourceMapping, str]] = []
    inside: Any = data
    for step in map(str, path):
        if not isinstance(inside, SourceMapping) or step not in inside:
            break
        above.append((inside, step))
        inside = inside[step]
    if not above:
        return
    section, name = above[-1]
    if len(above) == len(POLICY) and path[0] == POLICY[0]:
        section[name] = True
    else:
        del section[name]
