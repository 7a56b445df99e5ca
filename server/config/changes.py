"""What `changes` and `tables.*.changes` say: whether changes are captured, how much is kept to go on from, what is told.

Rule: `changes: false` of a table is the same as no events at all; what is not limited is told.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator

from server.config.section import OrFlag, Section
from server.config.values import Duration, FilePath, Size, UnfitError

Happens: TypeAlias = Literal["insert", "update", "delete"]


class Spool(Section):
    """The file that keeps what webhooks are still to be told. `size`: bytes that wait for one of them at most."""

    path: FilePath | None = None
    size: Size = 64 * 1024**2


class Changes(Section):
    """How committed changes are captured, and how long a subscriber may be away."""

    source: Literal["auto", "off"] = "auto"
    memory: Size = 32 * 1024**2
    replay: Duration | None = None
    max_lag: Duration | None = None
    spool: Spool = Spool()


def each_once(events: tuple[Happens, ...]) -> tuple[Happens, ...]:
    """Events, none of them twice."""
    if len(set(events)) < len(events):
        raise UnfitError("names an event a second time")
    return events


EVENTS: Final[tuple[Happens, ...]] = ("insert", "update", "delete")


class TableChanges(Section):
    """What is told of a table's changes, and for how long a subscriber may be away."""

    events: Annotated[tuple[Happens, ...], AfterValidator(each_once)] = EVENTS
    replay: Duration | None = None


ToldOf: TypeAlias = Annotated[TableChanges, OrFlag({"events": []})]
