"""Who is told of what: every committed change on its way to those who asked.

    source ─► publish ─► log ─► listeners (whole tables: cache, webhooks)
                             └► groups of readers with one question ─► judged once ─► each reader

Rule: order holds for every reader. A group that waits for the database keeps what follows waiting too; what waits is
bounded, and beyond the bound its readers are told to resync. Nothing is told under another snapshot than the current.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reflector.catalog.model import Catalog, Table
from reflector.changes.change import Batch, Change, Codec, Cursor, Op, TableName, bound
from reflector.changes.groups import Groups
from reflector.changes.index import Index
from reflector.changes.judging import judge, judge_asked, key_values
from reflector.changes.log import Entry, Log
from reflector.changes.notices import Depends, Telling
from reflector.changes.question import Question
from reflector.changes.subscription import SHAKEN, Group, Reader, Subscription
from reflector.changes.told import Memory, Told
from reflector.errors import ReflectorError
from reflector.query.match import Ask, Bind

CALM_SECONDS: Final = 0.5
"""How often at most readers are told to resync because of a table that their rule reads."""
STRETCH: Final = 200
"""Changes that are judged for one reader before others have a turn."""


@dataclass(frozen=True, slots=True)
class Touched:
    """What listeners hear. `changes` are in order; `lost`: any table may have changed, without notice."""

    tables: frozenset[TableName]
    changes: Batch
    cursor: Cursor
    lost: bool = False


Listener = Callable[[Touched], None]


class Hub:
    """`codec` reads the source's values; `bind` gives the moment for rules that ask for it; `epoch` draws a new number."""

    def __init__(self, codec: Codec, bind: Bind, epoch: Callable[[], int], log: Log | None = None) -> None:
        self._codec = codec
        self._bind = bind
        self._epoch = epoch
        self.log = Log(epoch()) if log is None else log
        self._tables: Mapping[TableName, Table] = {}
        self._groups = Groups()
        self._memory = Memory()
        self._listeners: dict[object, tuple[Listener, frozenset[TableName] | None]] = {}

    @property
    def subscriptions(self) -> int:
        return sum(len(group.subscriptions) for group in self._groups)

    @property
    def head(self) -> Cursor:
        return self.log.head

    # ── listening to whole tables ────────────────────────────────────────────────────────────

    def subscribe(self, tables: Collection[TableName] | None, callback: Listener) -> Callable[[], None]:
        """Call back for every batch of changes to these tables (None: to any); returns what ends that.

        Called in the event loop before readers are told, with all changes of the batch to those tables.
        """
        listening = object()
        self._listeners[listening] = callback, None if tables is None else frozenset(tables)

        def end() -> None:
            self._listeners.pop(listening, None)

        return end

    # ── asking ───────────────────────────────────────────────────────────────────────────────

    def join(self, question: Question, reader: Reader) -> Subscription:
        """From now on the reader's changes are held until `release`."""
        told = Told(self._memory) if question.remembered else None
        subscription = Subscription(reader, self._groups.of(question), held=[], told=told)
        subscription.group.subscriptions[subscription] = None
        return subscription

    def leave(self, subscription: Subscription) -> None:
        self._groups.leave(subscription)
        subscription.forget()

    def unsettled(self, subscription: Subscription) -> Cursor | None:
        """The oldest change of which it is not known yet what it means to the reader, None where there is none."""
        group = subscription.group
        return group.asked or (group.waiting[0].cursor if group.waiting else None)

    async def replay(self, subscription: Subscription, entries: Sequence[Entry]) -> None:
        """Tell one reader what was in the log already, ahead of what is held."""
        question = subscription.group.question
        for start in range(0, len(entries), STRETCH):
            for entry in entries[start : start + STRETCH]:
                if entry.committed.op is Op.RESET:
                    subscription.resync(self.head, "the table was emptied or filled at once")
                    return
                change = bound(entry.committed, entry.cursor, question.table, self._codec)
                found = judge(question, change, self._bind)
                for telling in await self._asked(question, change) if isinstance(found, Ask) else found:
                    subscription.deliver(telling)
            await asyncio.sleep(0)

    def release(self, subscription: Subscription) -> None:
        """Tell what was held, and from now on everything at once."""
        held, subscription.held = subscription.held or [], None
        if subscription.stale is not None:
            subscription.resync(self.head, subscription.stale)
            subscription.stale = None
            return
        for telling in held:
            subscription.deliver(telling)

    # ── telling ──────────────────────────────────────────────────────────────────────────────

    def publish(self, batch: Batch) -> None:
        """Keep committed changes and tell them to all whom they concern."""
        if not batch:
            return
        entries = self.log.append(batch)
        self._listen(batch)
        for entry in entries:
            table = self._tables.get(entry.committed.table)
            if table is None:
                continue
            for group in self._groups.depending(table):
                self._shake(group)
            index = self._groups.asking(table)
            if index:
                self._publish(entry, table, index)

    def _publish(self, entry: Entry, table: Table, index: Index[Group]) -> None:
        if entry.committed.op is Op.RESET:
            self._resync(list(index), "the table was emptied or filled at once")
            return
        change = bound(entry.committed, entry.cursor, table, self._codec)
        for group in index.candidates(change):
            if group.asking is None:
                self._judge(group, change)
            else:
                self._wait(group, change)

    def _listen(self, batch: Batch) -> None:
        for callback, tables in list(self._listeners.values()):
            wanted = batch if tables is None else [each for each in batch if each.table in tables]
            if wanted:
                callback(Touched(frozenset(each.table for each in wanted), wanted, self.head))

    def _judge(self, group: Group, change: Change) -> None:
        found = judge(group.question, change, self._bind)
        if isinstance(found, Ask):
            self._wait(group, change)
            group.asking = asyncio.create_task(self._ask(group), name="reflector-ask")
            return
        for telling in found:
            self._tell(group, telling)

    def _tell(self, group: Group, telling: Telling) -> None:
        if isinstance(telling, Depends):
            for subscription in group.subscriptions:
                subscription.tell(telling)
            return
        for subscription in group.subscriptions:
            # Straight to the reader where nothing stands between: this is done once for every reader of every change.
            if subscription.held is None and subscription.told is None:
                subscription.reader.tell(telling)
            else:
                subscription.tell(telling)

    def _wait(self, group: Group, change: Change) -> None:
        if not group.wait(change):
            self._resync([group], "more changed than could be kept")

    async def _ask(self, group: Group) -> None:
        """Ask the database about what waits, one by one and in order."""
        try:
            while group.waiting:
                change = group.waiting.popleft()
                group.asked = change.cursor
                found = judge(group.question, change, self._bind)
                tellings = await self._asked(group.question, change) if isinstance(found, Ask) else found
                if change.cursor.epoch == self.head.epoch:
                    for telling in tellings:
                        self._tell(group, telling)
        except Exception as error:
            group.waiting.clear()
            self._resync([group], "the database could not be asked what you may see")
            if not isinstance(error, ReflectorError):
                raise  # a fault of ours, for the log: the event loop tells it
        finally:
            group.asking = group.asked = None

    async def _asked(self, question: Question, change: Change) -> tuple[Telling, ...]:
        values = key_values(change)
        # A row without an address cannot be asked for: what is not known is not told.
        now = None if values is None else await question.ask(values)
        return judge_asked(question, change, now, self._bind)

    # ── when nothing can be relied upon any more ─────────────────────────────────────────────

    def lose(self, reason: str) -> None:
        """The log has a gap: a new epoch begins, and everybody reads afresh."""
        self.log.begin(self._epoch())
        for group in self._groups:
            group.waiting.clear()
        for callback, _ in list(self._listeners.values()):
            callback(Touched(frozenset(), (), self.head, lost=True))
        self._resync(self._groups, reason)

    def _resync(self, groups: Iterable[Group], reason: str) -> None:
        for group in groups:
            for subscription in list(group.subscriptions):
                subscription.resync(self.head, reason)

    def _shake(self, group: Group) -> None:
        """A table that decides what these readers see has changed."""
        for subscription in group.subscriptions:
            subscription.shake()
        if group.calm is not None:
            group.shaken = True
            return
        self._resync([group], SHAKEN)
        group.calm = asyncio.get_running_loop().call_later(CALM_SECONDS, self._calmed, group)

    def _calmed(self, group: Group) -> None:
        group.calm = None
        if group.shaken:
            group.shaken = False
            self._shake(group)

    # ── another snapshot ─────────────────────────────────────────────────────────────────────

    def rebind(self, catalog: Catalog) -> None:
        """Tell under this catalog from now on: every reader asks again under the present rules, or is ended."""
        self._tables = {(table.schema, table.name): table for table in catalog.tables.values()}
        subscriptions = [each for group in self._groups for each in group.subscriptions]
        self._groups.clear()
        for subscription in subscriptions:
            self.renew(subscription)

    def renew(self, subscription: Subscription) -> None:
        """Put the reader's question anew. One that now means something else is told to resync."""
        old = subscription.group.question
        self._groups.leave(subscription)
        try:
            question = subscription.reader.renew()
        except ReflectorError as error:
            subscription.reader.end(error)
            return
        unsettled = subscription.group.asking is not None
        subscription.group = self._groups.of(question)
        subscription.group.subscriptions[subscription] = None
        # Columns of two catalogs are never the same objects, but they read the same.
        if repr(question) != repr(old) or unsettled:
            subscription.forget()
            subscription.told = Told(self._memory) if question.remembered else None
            subscription.resync(self.head, SHAKEN)

    def close(self) -> None:
        """Tell nobody anything any more."""
        self._groups.clear()
        self._listeners.clear()
