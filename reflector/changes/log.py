"""The last changes, kept in memory, so that a reader who was away for a moment goes on where they stopped.

Rule: bounded in bytes. What was dropped is known to be dropped: a reader who asks for it is told to resync, and never
gets a part for the whole. A log that was lost, for whatever reason, is a new epoch.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from reflector.changes.change import Committed, Cursor, TableName

CAPACITY: Final = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """`came`: when, in seconds of the log's clock."""

    cursor: Cursor
    committed: Committed
    came: float = 0.0


class Log:
    """A ring. Positions count from 1; `head` is the place of the newest change, at first before any."""

    def __init__(self, epoch: int, capacity: int = CAPACITY, clock: Callable[[], float] = time.monotonic) -> None:
        self.capacity = capacity
        self._clock = clock
        self.size = 0
        self.head = Cursor(epoch, 0)
        self._entries: deque[Entry] = deque()
        self._by_table: defaultdict[TableName, deque[Entry]] = defaultdict(deque)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def floor(self) -> Cursor:
        """The oldest place from which everything that followed is still here."""
        if not self._entries:
            return self.head
        first = self._entries[0].cursor
        return Cursor(first.epoch, first.position - 1)

    def append(self, batch: Iterable[Committed]) -> list[Entry]:
        """Keep the changes, in order; what no longer fits is dropped from the other end."""
        added, now = [], self._clock()
        for committed in batch:
            self.head = Cursor(self.head.epoch, self.head.position + 1)
            entry = Entry(self.head, committed, now)
            self._entries.append(entry)
            self._by_table[committed.table].append(entry)
            self.size += committed.size
            added.append(entry)
        while self.size > self.capacity and self._entries:
            self._drop()
        return added

    def _drop(self) -> None:
        dropped = self._entries.popleft()
        self.size -= dropped.committed.size
        of_table = self._by_table[dropped.committed.table]
        of_table.popleft()
        if not of_table:
            del self._by_table[dropped.committed.table]

    def begin(self, epoch: int) -> None:
        """Forget everything: from here on another epoch counts."""
        self.head = Cursor(epoch, 0)
        self.size = 0
        self._entries.clear()
        self._by_table.clear()

    def since(self, cursor: Cursor, table: TableName, replay: float | None = None) -> list[Entry] | None:
        """The table's changes after the cursor, oldest first; None where they are not all here any more, or the oldest of
        them came more than `replay` seconds ago."""
        if cursor.epoch != self.head.epoch or not self.floor <= cursor <= self.head:
            return None
        found = []
        for entry in reversed(self._by_table.get(table, ())):
            if entry.cursor <= cursor:
                break
            found.append(entry)
        found.reverse()
        late = replay is not None and bool(found) and self._clock() - found[0].came > replay
        return None if late else found
