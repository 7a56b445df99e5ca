"""What a source of changes is to the rest: something that is started once and then tells, until it is closed.

Rule: a source hands on what is committed, in the order of commit, whole transactions at a time where the database has
them; when it cannot know what it missed it says so, and never guesses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from reflector.changes.change import Batch, Codec
from reflector.changes.setup import DEFAULT, Choices, Setup, Step


class Sink(Protocol):
    """Who is told, in the event loop. `place`: where the source is then; another one may go on from there."""

    def publish(self, batch: Batch, place: str) -> None:
        """The next changes; none where what came was nothing to tell, and once at the start."""

    def lose(self, reason: str, place: str) -> None:
        """Changes were missed; the reason is for people and names nothing of the database."""

    def report(self, active: bool, reason: str) -> None:
        """Whether changes are being captured from now on, and why."""


class Source(Protocol):
    """One database's changes."""

    name: str
    codec: Codec

    async def start(self, sink: Sink, since: str | None = None) -> None:
        """Tell from now on; when this returns, whatever is committed later is told. `since`: a place to go on from, perhaps
        of another process; where that cannot be done, it is told that changes were missed.

        Raises ChangesNotCaptured when it is not installed, and DatabaseUnavailable.
        """

    def hold(self, place: str | None) -> None:
        """Let the database keep what follows this place, "" for all that is told, until another is named; None: what was
        told may be forgotten."""

    async def close(self) -> None:
        """Tell nothing any more."""

    async def setup(self, choices: Choices = DEFAULT) -> Setup:
        """What is installed, and what would be. Raises what connecting raises."""

    async def perform(self, steps: Sequence[Step]) -> None:
        """Do the steps of a setup; raises SetupFailed for the one that cannot be done."""
