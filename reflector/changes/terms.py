"""What whoever runs the server says of changes: whether they are captured, how much of them is kept, what is told of a table.

Rule: what is not to be told is not told to anybody, whatever their rights; everything is told of a table of which nothing
is said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from reflector.catalog.model import Catalog, Table
from reflector.changes.log import CAPACITY
from reflector.changes.question import EVENTS

FOLLOWS: Final[Mapping[str, tuple[str, ...]]] = {
    "insert": ("insert",),
    "update": ("update", "enter", "leave"),
    "delete": ("delete",),
}
"""What is told because of each thing that happens to a row: one that is changed may enter or leave what a reader sees."""


@dataclass(frozen=True, slots=True)
class TableTerms:
    """What is told of one table; of no events: nothing. `replay`: for how many seconds, None for as long as it is kept."""

    events: frozenset[str] = frozenset(EVENTS)
    replay: float | None = None


def nothing_said(_: Catalog) -> Mapping[Table, TableTerms]:
    """The terms of tables where nobody said any."""
    return {}


@dataclass(frozen=True, slots=True)
class Terms:
    """`captured`: whether at all. `memory`: bytes that are kept at most. `replay`: seconds that they are kept, None for as
    long as they fit, which holds for tables that are not in `tables`. `max_lag`: seconds that are no reason to worry."""

    captured: bool = True
    memory: int = CAPACITY
    replay: float | None = None
    max_lag: float | None = None
    tables: Callable[[Catalog], Mapping[Table, TableTerms]] = nothing_said

    def otherwise(self) -> TableTerms:
        """The terms of a table of which nothing is said."""
        return TableTerms(replay=self.replay)
