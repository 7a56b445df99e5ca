"""Answers in the memory of this process, bounded in bytes; the least recently used go first.

Rule: what is kept is bytes that were once sent, with all that says how long they hold; whether they still do is not
judged here.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from multidict import CIMultiDict

from reflector.versions import Version
from server.cache.question import Key, Question

LARGEST_PART = 8
"""An answer that would fill more than this part of the memory (an eighth) is not kept."""
OVERHEAD = 1500
"""About the bytes that an entry takes beside its body and its key: objects, headers, the place in the table."""


@dataclass(eq=False, slots=True)
class Entry:
    """One answer. `headers` are its own, entity tag included. `began` is when the database was asked, on the clock;
    `versions` are those of the question's tables then, None where it may not be kept. `moved` is when they were last seen
    to be the same."""

    question: Question
    body: bytes
    headers: CIMultiDict[str]
    tag: str
    began: float
    versions: tuple[Version, ...] | None
    moved: int = -1

    @property
    def size(self) -> int:
        return len(self.body) + OVERHEAD


class Memory:
    """Entries by key. `capacity` and `size` in bytes."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.size = 0
        self.evicted = 0
        self._entries: OrderedDict[Key, Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Key) -> Entry | None:
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    def put(self, key: Key, entry: Entry) -> None:
        size = _weight(key, entry)
        self.drop(key)
        if size * LARGEST_PART > self.capacity:
            return
        self._entries[key] = entry
        self.size += size
        while self.size > self.capacity:
            old, dropped = self._entries.popitem(last=False)
            self.size -= _weight(old, dropped)
            self.evicted += 1

    def drop(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.size -= _weight(key, entry)

    def clear(self) -> None:
        self._entries.clear()
        self.size = 0


def _weight(key: Key, entry: Entry) -> int:
    return entry.size + 2 * len(key[2])
