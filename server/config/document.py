"""What a configuration file says as plain values that know where they were written, and what is wrong with it.

The values are made of `SourceMapping`, `SourceList`, `SourceText`, numbers, booleans and None.

Rule: a place is told for each setting that was written, and a complaint for each value that is missing because of a fault.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

from server.config.complaints import Complaint, Path, Position, dotted
from server.config.places import Place, Places


class SourceText(str):
    """Text, and the place of its first letter. `spread`: it is written on several lines."""

    __slots__ = ("position", "spread")
    position: Position
    spread: bool

    def __new__(cls, text: str, position: Position, *, spread: bool = False) -> Self:
        made = super().__new__(cls, text)
        made.position = position
        made.spread = spread
        return made


class SourceMapping(dict[str, Any]):
    """A mapping, and the place where it begins."""

    def __init__(self, position: Position) -> None:
        super().__init__()
        self.position = position


class SourceList(list[Any]):
    """A list, and the place where it begins."""

    def __init__(self, position: Position) -> None:
        super().__init__()
        self.position = position


@dataclass(slots=True)
class Document:
    """What was read: the plain values, where each stands, and what was wrong.

    broken: paths whose value could not be read, each with its complaint. readable: False where nothing of the content can be judged.
    """

    data: SourceMapping
    places: Places = field(default_factory=Places)
    complaints: list[Complaint] = field(default_factory=list)
    broken: dict[Path, Complaint] = field(default_factory=dict)
    readable: bool = False

    def place(self, path: Path) -> Place:
        """Where a path stands, or the nearest of its parents that was written."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path) or Place(self.data.position, self.data.position)

    def complain(self, position: Position, path: Path, message: str, hint: str | None = None) -> None:
        """Note one thing to put right."""
        self.complaints.append(Complaint(position, dotted(path), message, hint))

    def give_up(self, position: Position, path: Path, message: str) -> None:
        """Complain of a value that cannot be read at all, so that nobody judges it further."""
        self.complain(position, path, message)
        self.broken[path] = self.complaints[-1]
