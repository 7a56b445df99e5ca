"""What happened inside, as facts. Logs, metrics and traces observe them, and so does the list in a test.

Rule: a fact is a value and is told once; nobody who tells it knows who listens, and a listener that fails is not the
teller's concern.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class CatalogLoaded:
    """A snapshot is served from now on. `changes` are lines for people, empty at start."""

    snapshot: int
    tables: int
    relationships: int
    seconds: float
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CatalogNotice:
    """Something of the schema or of the configuration that its owner should know."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class PlanCompiled:
    """A question of a new shape was compiled."""

    table: str
    seconds: float


@dataclass(frozen=True, slots=True)
class WatchFailed:
    """The schema could not be looked at; the old snapshot goes on serving."""

    reason: str


@dataclass(frozen=True, slots=True)
class CaptureChanged:
    """Changes are captured by this source from now on, or no longer; `misses` says what will not be noticed or told."""

    source: str
    active: bool
    reason: str = ""
    misses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CaptureExpected:
    """By which source changes will be captured for the first who follows, and what it misses; None: by none, for `reason`."""

    source: str | None
    reason: str = ""
    misses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChangesLost:
    """Changes were missed: whoever follows them reads afresh."""

    reason: str


@dataclass(frozen=True, slots=True)
class ConnectionAwaited:
    """Somebody waited for a connection to the database, whether or not one came: for a new one (`made`), or for their turn."""

    seconds: float
    made: bool


@dataclass(frozen=True, slots=True)
class StatementsRun:
    """Statements were run for somebody, as one: whether or not they succeeded, and the waiting for a connection included.

    statements: their text, in which no value is. deeds: what was done (`SELECT`, `INSERT`, `CALL` …) to which tables, a pair for
    each plan. error: the code of what came of it, or the kind of what nobody foresaw; None where nothing went wrong.
    """

    statements: tuple[str, ...]
    seconds: float
    deeds: tuple[tuple[str, tuple[str, ...]], ...] = ()
    error: str | None = None


Observation: TypeAlias = (
    CatalogLoaded
    | CatalogNotice
    | PlanCompiled
    | WatchFailed
    | CaptureChanged
    | CaptureExpected
    | ChangesLost
    | ConnectionAwaited
    | StatementsRun
)
Observer: TypeAlias = Callable[[Observation], None]
Listening: TypeAlias = Callable[[], Observer | None]
"""Gives whoever listens at this moment to what happens often; None where nobody does, so that nothing is made to be told."""


def ignore(_: Observation) -> None:
    """The observer of those who listen to nothing."""
