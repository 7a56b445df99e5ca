"""What waits for a reader: bounded, so that one who reads slowly costs no more than that.

Rule: what does not fit is never dropped in part. The mailbox is emptied and says so; whoever reads it starts afresh.
"""

from __future__ import annotations

from typing import Final, Generic, TypeVar

CAPACITY: Final = 1024 * 1024

Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """Items with their weight in bytes. Once `overflown` it takes nothing until it is opened again."""

    __slots__ = ("_items", "capacity", "overflown", "size")

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self.size = 0
        self.overflown = False
        self._items: list[Item] = []

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item, weight: int) -> bool:
        """Keep the item; False when it does not fit, or did not before."""
        if self.overflown:
            return False
        self.size += weight
        if self.size > self.capacity:
            self.overflown = True
            self._items, self.size = [], 0
            return False
        self._items.append(item)
        return True

    def take(self) -> list[Item]:
        """Everything that waits, in order."""
        taken, self._items, self.size = self._items, [], 0
        return taken

    def reopen(self) -> None:
        """Take items again, after an overflow."""
        self.overflown = False
