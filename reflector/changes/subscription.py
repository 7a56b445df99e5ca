"""Readers and what stands between them and what is told: while one catches up, and where it is remembered what it was told.

Rule: a reader is told in order, and never too much at once: what is held for it is bounded, and beyond that it is told to
resync.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from reflector.changes.change import Change, Cursor
from reflector.changes.notices import Depends, Notice, Telling
from reflector.changes.question import Question
from reflector.changes.told import Told
from reflector.errors import ReflectorError

WAITING: Final = 10_000
"""Changes that a group keeps while the database is asked, and notices that a reader keeps while it catches up."""
SHAKEN: Final = "what you may see may have changed"


class Reader(Protocol):
    """Whoever is told."""

    def tell(self, notice: Notice) -> None: ...

    def resync(self, cursor: Cursor, reason: str) -> None:
        """What was told may be incomplete or stale: read afresh; what follows the cursor will be told."""

    def end(self, error: ReflectorError) -> None:
        """The question cannot be asked any more."""

    def renew(self) -> Question:
        """The same question under the present snapshot; raises ReflectorError."""


@dataclass(eq=False, slots=True)
class Subscription:
    """One reader of one group. While it catches up, what is new is `held`. `told`: the rows that it was told of, where
    they decide what else it may be told."""

    reader: Reader
    group: Group
    held: list[Telling] | None = None
    stale: str | None = None
    told: Told | None = None

    def tell(self, telling: Telling) -> None:
        if self.held is None:
            self.deliver(telling)
        elif len(self.held) < WAITING:
            self.held.append(telling)
        else:
            self.stale = "more changed than could be kept"

    def deliver(self, telling: Telling) -> None:
        """Tell the reader now, if it may know."""
        if self.told is None:
            if not isinstance(telling, Depends):
                self.reader.tell(telling)
            return
        notice = self.told.choose(telling)
        if notice is not None and notice.op in self.group.question.events:
            self.reader.tell(notice)
        if notice is not None and self.told.full:
            self.resync(notice.cursor, "more rows were told than are remembered")

    def resync(self, cursor: Cursor, reason: str) -> None:
        self.forget()
        if self.held is None:
            self.reader.resync(cursor, reason)
        else:
            self.held.clear()
            self.stale = reason

    def shake(self) -> None:
        """Rows may be hidden by now that were not touched; those being read for the reader at the moment, too."""
        self.forget()
        if self.held is not None:
            self.stale = SHAKEN

    def remember(self, keys: Iterable[bytes]) -> None:
        """The rows with these keys, as JSON objects, were shown to the reader by other means."""
        if self.told is not None:
            self.told.remember(keys)

    def forget(self) -> None:
        """What the reader holds is not known any more."""
        if self.told is not None:
            self.told.forget()


@dataclass(eq=False, slots=True)
class Group:
    """Readers with one question."""

    question: Question
    subscriptions: dict[Subscription, None] = field(default_factory=dict)
    waiting: deque[Change] = field(default_factory=deque)
    asking: asyncio.Task[None] | None = None
    asked: Cursor | None = None
    """The change of which the database is being asked."""
    calm: asyncio.TimerHandle | None = None
    shaken: bool = False

    def wait(self, change: Change) -> bool:
        """Keep a change until the database has answered; False where these are too many, and none is kept any more."""
        self.waiting.append(change)
        if len(self.waiting) <= WAITING:
            return True
        self.waiting.clear()
        return False
