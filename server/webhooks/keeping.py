"""From the hub into the file: what each webhook is told, in the order of commit, and how far that goes.

What is told may be known late, because the database had to be asked; so it is written down up to the first change of which
somebody does not know yet what it means, and only then is the database told that it may forget.

Rule: the place in the file is never ahead of what is told, so that a start after any end goes on where nothing is missed.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from reflector.capture import Capture
from reflector.changes.change import Cursor
from reflector.changes.notices import Notice
from reflector.changes.question import Question
from reflector.changes.subscription import Subscription
from reflector.errors import ReflectorError
from server.apis.realtime.frames import ChangeCursors, change_members
from server.webhooks.asked import mark_of
from server.webhooks.delivery import TOO_MUCH, Desk, Standing, resync
from server.webhooks.spool import Event

LOG: Final = logging.getLogger("reflector.webhooks")
GATHER_SECONDS: Final = 0.01
"""For how long what is told is gathered, because each writing waits for the disk."""
UNSETTLED_SECONDS: Final = 0.05
PLACE_SECONDS: Final = 1.0
"""How often a place alone is written."""
BROKEN_SECONDS: Final = 1.0
BEGIN_SECONDS: Final = 5.0
REMOVED: Final = "the file of what waits was removed or replaced: what waits is lost when this server ends"


@dataclass(frozen=True, slots=True)
class Told:
    """One event that is not in the file yet."""

    cursor: Cursor
    event: Event


@dataclass(eq=False, slots=True)
class Reader:
    """Reads the changes of one table for one webhook. `asks` gives its question, whose mark is `mark`, and `put` takes what it
    is told; with a resync the mark of what is told from then on."""

    webhook: str
    table: str
    asks: Callable[[], Question]
    put: Callable[[Reader, Cursor, bytes, str | None], None]
    cursors: ChangeCursors
    standing: Standing
    subscription: Subscription | None = None
    mark: str = ""

    def ask(self) -> Question:
        """Its question, now."""
        question = self.asks()
        self.mark = mark_of(question)
        return question

    def tell(self, notice: Notice) -> None:
        self.put(self, notice.cursor, b'{"type":"change",' + change_members(notice, self.cursors) + b"}", None)

    def resync(self, cursor: Cursor, reason: str) -> None:
        if self.subscription is not None:
            self.subscription.forget()
        told = resync(reason, {"table": self.table, "cursor": self.cursors.text(cursor)})
        self.put(self, cursor, told, self.mark)

    def end(self, error: ReflectorError) -> None:
        """The question cannot be asked any more: this table is told of no longer, and that is said aloud."""
        self.subscription = None
        self.standing.closed[self.table] = error.message
        LOG.error("webhook %s: nothing of %s is told any more: %s", self.webhook, self.table, error.message)

    def renew(self) -> Question:
        return self.ask()


@dataclass(eq=False, slots=True)
class Keeping:
    """Writes down what readers are told. `wrote` is called with what was written. `size`: bytes that one webhook may have here."""

    capture: Capture
    desk: Desk
    database: str
    size: int
    wrote: Callable[[Iterable[Event]], None]
    since: str | None = None
    fault: str = ""
    readers: dict[Reader, None] = field(default_factory=dict)
    _told: list[Told] = field(default_factory=list)
    _places: deque[tuple[Cursor, str]] = field(default_factory=deque)
    _place: str | None = None
    _written_at: float = 0.0
    _bytes: dict[str, int] = field(default_factory=dict)
    _more: asyncio.Event = field(default_factory=asyncio.Event)
    _began: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="reflector-webhooks")
        self._task.add_done_callback(self._ended)

    async def began(self) -> None:
        """Until a place is written: from then on nothing is missed, whatever happens. Waits no longer than for a while."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._began.wait(), BEGIN_SECONDS)

    async def close(self) -> None:
        """Write nothing any more; what is not written is read again after the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            LOG.error("webhooks are told nothing any more", exc_info=task.exception())
            self.fault = "nothing is written down any more"

    # ── what comes ───────────────────────────────────────────────────────────────────────────

    def came(self, place: str) -> None:
        """Everything up to this place was handed to the hub, and to the readers as far as it could be judged at once."""
        self._places.append((self.capture.prepared().head, place))
        self._more.set()

    def put(self, reader: Reader, cursor: Cursor, body: bytes, mark: str | None) -> None:
        """Take what a reader was told, and the mark of what it asks from then on."""
        name = reader.webhook
        size = self._bytes.get(name, 0) + len(body)
        if size > self.size:
            # Too much at once, or the file cannot be written: what is not in it yet is not kept without bound either.
            kept = [each for each in self._told if each.event.webhook != name]
            reader.standing.gave_up(name, len(self._told) - len(kept) + 1, "more changed at once than may wait")
            self._told, body = kept, resync(TOO_MUCH)
            size = len(body)
        self._bytes[name] = size
        asked = None if mark is None else (reader.table, mark)
        self._told.append(Told(cursor, Event(name, time.time(), body, asked)))
        self._more.set()

    # ── what is written ──────────────────────────────────────────────────────────────────────

    async def _run(self) -> None:
        while True:
            waiting = PLACE_SECONDS if self._place is not None else None
            with suppress(TimeoutError):
                await asyncio.wait_for(self._more.wait(), waiting)
            self._more.clear()
            await asyncio.sleep(GATHER_SECONDS)
            await self._write()

    async def _write(self) -> None:
        told = self._settled()
        due = time.monotonic() - self._written_at >= PLACE_SECONDS
        if not told and not (self._place is not None and due):
            return
        place, events = self._place, [each.event for each in told]
        try:
            await self.desk.do(self.desk.spool.write, events, self.database, place)
        except sqlite3.Error as fault:
            self._told[:0] = told
            self._report(f"what they are to be told cannot be written down, and is tried again: {fault}")
            await asyncio.sleep(BROKEN_SECONDS)
            self._more.set()
            return
        self._report("" if await self.desk.do(self.desk.spool.stands) else REMOVED)
        self._written_at = time.monotonic()
        for event in events:
            self._bytes[event.webhook] = max(0, self._bytes.get(event.webhook, 0) - len(event.body))
        if place is not None:
            self._place = None if self._place == place else self._place
            self.capture.written(place)
            self._began.set()
        self.wrote(events)

    def _report(self, fault: str) -> None:
        if fault and not self.fault:
            LOG.error("webhooks: %s", fault)
        elif self.fault and not fault:
            LOG.info("webhooks: what they are to be told is written down again")
        self.fault = fault

    def _settled(self) -> list[Told]:
        """What is told up to the first change that somebody is still asking about, in order; the place goes as far."""
        until = self._until()
        if until is not None:
            asyncio.get_running_loop().call_later(UNSETTLED_SECONDS, self._more.set)
        while self._places and _before(self._places[0][0], until):
            self._place = self._places.popleft()[1]
        taken = [each for each in self._told if _before(each.cursor, until)]
        self._told = [each for each in self._told if not _before(each.cursor, until)]
        runs = (list(run) for _, run in groupby(taken, key=lambda each: each.cursor.epoch))
        return [each for run in runs for each in sorted(run, key=lambda told: told.cursor.position)]

    def _until(self) -> Cursor | None:
        """The oldest change of which somebody does not know yet what it means."""
        hub = self.capture.prepared()
        found = (hub.unsettled(each.subscription) for each in self.readers if each.subscription is not None)
        # Of an epoch that has ended nothing more is told: what follows its resync must not be overtaken by it.
        return min((each for each in found if each is not None and each.epoch == hub.head.epoch), default=None)


def _before(cursor: Cursor, until: Cursor | None) -> bool:
    """Whether the place is before that change. Of another epoch it is: nobody is asked about those any more."""
    return until is None or cursor.epoch != until.epoch or cursor.position < until.position
