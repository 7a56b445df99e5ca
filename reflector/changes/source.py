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
    """Who is told, in the event loop."""

    def publish(self, batch: Batch) -> None: ...

    def lose(self, reason: str) -> None:
        """Changes were missed; the reason is for people and names nothing of the database."""

    def report(self, active: bool, reason: str) -> None:
        """Whether changes are being captured from now on, and why."""


class Source(Protocol):
    """One database's changes."""

    name: str
    codec: Codec

    async def start(self, sink: Sink) -> None:
        """Tell from now on; when this returns, whatever is committed later is told.

        Raises ChangesNotCaptured when it is not installed, and DatabaseUnavailable.
        """

    async def close(self) -> None:
        """Tell nothing any more."""

    async def setup(self, choices: Choices = DEFAULT) -> Setup:
        """What is installed, and what would be. Raises what connecting raises."""

    async def perform(self, steps: Sequence[Step]) -> None:
        """Do the steps of a setup; raises SetupFailed for the one that cannot be done."""
