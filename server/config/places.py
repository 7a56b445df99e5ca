"""Where each setting is written: its key and its value.

A large file has some ten thousand places, and they are kept for as long as its configuration is in force, for complaints about
what does not fit the database. So a place of the file is four numbers in one, and a `Place` only while somebody looks.

Rule: a path has a place if and only if it was written somewhere: in the file, or by a variable, a flag, the database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from server.config.complaints import Path, Position

BITS: Final = 21
"""More lines and columns than these can count, the largest file has not."""
LOW: Final = (1 << BITS) - 1


@dataclass(frozen=True, slots=True)
class Place:
    """Where a setting's key stands, and where its value."""

    key: Position
    value: Position


class Places(Mapping[Path, Place]):
    """The places of a file, which complaints call `source` (None: there is none), and of what stands elsewhere."""

    __slots__ = ("_elsewhere", "_packed", "source")

    def __init__(self, source: str | None = None) -> None:
        self.source = source
        self._packed: dict[Path, int] = {}
        self._elsewhere: dict[Path, Place] = {}

    def note(self, path: Path, key_line: int, key_column: int, line: int, column: int) -> None:
        """What the file says: lines and columns from 1."""
        self._packed[path] = ((key_line << BITS | key_column) << BITS | line) << BITS | column

    def put(self, path: Path, position: Position) -> None:
        """What is said elsewhere, in place of what the file says."""
        self._elsewhere[path] = Place(position, position)

    def besides(self, others: Mapping[Path, Position]) -> Places:
        """These places and others, in place of those of the same paths."""
        more = Places(self.source)
        more._packed = self._packed
        more._elsewhere = {**self._elsewhere, **{path: Place(each, each) for path, each in others.items()}}
        return more

    def __getitem__(self, path: Path) -> Place:
        found = self._elsewhere.get(path)
        if found is not None:
            return found
        packed = self._packed[path]
        key, value = packed >> 2 * BITS, packed & (1 << 2 * BITS) - 1
        return Place(self._position(key), self._position(value))

    def _position(self, packed: int) -> Position:
        return Position(self.source or "", packed >> BITS, packed & LOW)

    def __contains__(self, path: object) -> bool:
        return path in self._packed or path in self._elsewhere

    def __iter__(self) -> Iterator[Path]:
        yield from self._packed
        yield from (path for path in self._elsewhere if path not in self._packed)

    def __len__(self) -> int:
        return len(self._packed.keys() | self._elsewhere.keys())
