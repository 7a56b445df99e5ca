"""Answers in the memory of this process, bounded in bytes; the least recently used go first.

Rule: what is kept is bytes that were once sent, with all that says how long they hold; whether they still do is not
judged here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from multidict import CIMultiDict

from reflector.versions import Version
from server.cache.question import Key, Question

LARGEST_PART = 8
"""An answer that would fill more than this part of the memory (an eighth) is not kept."""
OVERHEAD = 1500
"""About the bytes that an entry takes beside its body and its key: objects, headers, the place in the table."""


Alias = tuple[Hashable, str]
"""Who may ask, and the text of the request: the same under both has the same answer for as long as it is kept."""


@dataclass(eq=False, slots=True)
class Entry:
    """One answer. `headers` are its own, entity tag included. `began` is when the database was asked, on the clock;
    `versions` are those of the question's tables then, None where it may not be kept. `moved` is when they were last seen
    to be the same, `again` when it may be fetched anew at the earliest. `alias` is another way to find it, `bare` what a
    304 of it repeats of the headers."""

    question: Question
    body: bytes
    headers: CIMultiDict[str]
    tag: str
    began: float
    versions: tuple[Version, ...] | None
    moved: int = -1
    again: float = 0.0
    status: int = 200
    alias: Alias | None = None
    bare: CIMultiDict[str] | None = None

    @property
    def size(self) -> int:
        return len(self.body) + OVERHEAD + (0 if self.alias is None else len(self.alias[1]))


class Memory:
    """Entries by key. `capacity` and `size` in bytes."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.size = 0
        self.evicted = 0
        self._entries: OrderedDict[Key, Entry] = OrderedDict()
        self._aliases: dict[Alias, Key] = {}

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
        self._make_room()

    def drop(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._left(key, entry)

    def clear(self) -> None:
        self._entries.clear()
        self._aliases.clear()
        self.size = 0

    # ── another way to find an entry ─────────────────────────────────────────────────────────

    def named(self, alias: Alias) -> Key | None:
        """The key of the entry that has this alias."""
        return self._aliases.get(alias)

    def name(self, key: Key, alias: Alias) -> None:
        """Have the entry found by this alias, and no more by the one that it had."""
        entry = self._entries.get(key)
        if entry is None:
            return
        if entry.alias is not None:
            self._aliases.pop(entry.alias, None)
        self.size -= _weight(key, entry)
        entry.alias = alias
        self.size += _weight(key, entry)
        self._aliases[alias] = key
        self._make_room()

    def _make_room(self) -> None:
        while self.size > self.capacity:
            self._left(*self._entries.popitem(last=False))
            self.evicted += 1

    def _left(self, key: Key, entry: Entry) -> None:
        self.size -= _weight(key, entry)
        if entry.alias is not None:
            self._aliases.pop(entry.alias, None)


def _weight(key: Key, entry: Entry) -> int:
    return entry.size + 2 * len(key[2])
