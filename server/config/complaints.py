"""What is wrong with a configuration, and where it is written.

Rule: a complaint names settings, roles and places, never a value that was given: any value may be a misplaced secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final, TypeAlias

from reflector.errors import ReflectorError

Path: TypeAlias = tuple[str | int, ...]

PLAIN: Final = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a file, `line` and `column` from 1; both 0 where the source is no file (a flag, a variable)."""

    source: str
    line: int = 0
    column: int = 0

    def moved(self, columns: int) -> Position:
        """The place so many columns further on the same line."""
        return Position(self.source, self.line, self.column + columns) if self.line else self

    def below(self, lines: int) -> Position:
        """The beginning of the line that stands so many lines further down; this place itself for none."""
        return Position(self.source, self.line + lines, 1) if lines else self

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing to put right. `path` is the setting's, dotted; empty where the whole file is meant."""

    position: Position
    path: str
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        where = f"{self.position}: {self.path}: " if self.path else f"{self.position}: "
        return where + self.message + (f"; {self.hint}" if self.hint else "")


class ConfigError(ReflectorError):
    """The configuration cannot be used; `complaints` lists everything that is wrong with it, in order of place."""

    code: ClassVar[str] = "invalid_config"

    def __init__(self, complaints: Iterable[Complaint]) -> None:
        unique = dict.fromkeys(complaints)
        named = {(each.position, each.message) for each in unique if each.path}
        # Who binds a rule does not know its path; whoever has told the same with one has said more.
        distinct = [each for each in unique if each.path or (each.position, each.message) not in named]
        self.complaints = tuple(sorted(distinct, key=lambda each: (each.position, each.path, each.message)))
        super().__init__("\n".join(map(str, self.complaints)))


def dotted(path: Path) -> str:
    """A path as people write it: `tables.article.allow.user.columns[2]`; names with odd letters in quotes."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            name = step if PLAIN.fullmatch(step) else '"' + step.replace("\\", "\\\\").replace('"', '\\"') + '"'
            text += f".{name}" if text else name
    return text
