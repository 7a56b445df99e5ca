"""How a database is asked what it would do with a statement, and how what it says becomes one document.

    words + the statement  ─►  rows  ─►  a piece of the document, one for each statement

Rule: pure, and nothing of the statement itself is changed: what is explained is what would be asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Rows: TypeAlias = Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Explaining:
    """How a plan is wanted. `options` are words of the database's own; of them `analyze` carries the statement out."""

    as_json: bool = False
    options: tuple[str, ...] = ()

    @property
    def runs(self) -> bool:
        return "analyze" in self.options


@dataclass(frozen=True, slots=True)
class Explained:
    """How it is asked for. `words` stand before each statement, `told` makes a piece of the document of what it answers:
    a text, or in JSON one value for each statement. `runs`: the statement is carried out. `lasting` asks for what would not
    be taken back of a write, where a database has that: no row is nothing."""

    words: str
    told: Callable[[Rows], str]
    as_json: bool
    runs: bool = False
    lasting: str | None = None

    def document(self, pieces: Sequence[str]) -> bytes:
        """All that was told, of one statement after the other."""
        whole = f"[{','.join(pieces)}]" if self.as_json else "\n\n".join(pieces)
        return whole.encode()


def lines(rows: Rows) -> str:
    """Rows of one text each."""
    return "\n".join(str(row[0]) for row in rows)


def one_text(rows: Rows) -> str:
    """One row that is one text, or its bytes."""
    said = rows[0][0]
    return said.decode() if isinstance(said, bytes) else str(said)


def without_brackets(rows: Rows) -> str:
    """The values of a JSON array."""
    return one_text(rows).strip()[1:-1].strip()


def nested(rows: Rows) -> str:
    """SQLite's plan: each row is (number, number of the one it belongs to, nothing, words)."""
    depth = {0: 0}
    said = []
    for own, parent, _, words in rows:
        depth[own] = depth.get(parent, 0) + 1
        said.append("  " * (depth[own] - 1) + words)
    return "\n".join(said)


def steps_of_plan(rows: Rows) -> str:
    """The same in JSON."""
    return json.dumps({"Plan": [{"id": own, "parent": parent, "detail": words} for own, parent, _, words in rows]})
