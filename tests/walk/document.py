"""The commands of a document, read out of its fenced blocks, with what each is said to answer.

    ```console                          shell commands, on every database
    $ curl 'http://127.0.0.1:8000/api/tag/signed'
    200                                 the status, below a command with curl
    {"name": "signed", …                parts of the answer, in their order; `…` stands for what is left out
    ```
    ```console postgresql mariadb       on these databases alone
    ```sql                              statements for the database, from outside
    <!-- database: kill -->             what happens to the database server

A line that ends with `\\` goes on below. White space does not count, because databases lay JSON out in ways of their own.

Rule: a curl that is said nothing of is an error of the document, but in a loop that waits (`until …`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

EVERYWHERE = frozenset({"postgresql", "mariadb", "sqlite"})
PROMPT = "$ "
GAP = "…"
EVENT = re.compile(r"<!-- database: (kill|start) -->")
FENCE = re.compile(r"```(\w+)([\w ]*)")


@dataclass(frozen=True, slots=True)
class Command:
    """A line for the shell. `status` is what each curl in it answers, None without; `parts` stand in what it prints."""

    line: int
    text: str
    status: int | None
    parts: tuple[str, ...]
    databases: frozenset[str]

    def misses(self, printed: str) -> str | None:
        """The first part that is not in the output, after the parts before it; None when all are."""
        rest = _packed(printed)
        for part in self.parts:
            _, found, rest = rest.partition(_packed(part))
            if not found:
                return part
        return None


@dataclass(frozen=True, slots=True)
class Statements:
    """SQL that somebody else runs in the database."""

    line: int
    text: str
    databases: frozenset[str]


@dataclass(frozen=True, slots=True)
class Event:
    """What becomes of the database server: `kill` or `start`."""

    line: int
    text: str
    databases: frozenset[str] = frozenset({"postgresql", "mariadb"})


Step: TypeAlias = Command | Statements | Event


def read_document(path: Path) -> list[Step]:
    """Every step of the document, in its order; AssertionError where it cannot be read."""
    lines = path.read_text().splitlines()
    steps: list[Step] = []
    at = 0
    while at < len(lines):
        fence, event = FENCE.fullmatch(lines[at]), EVENT.fullmatch(lines[at])
        if event:
            steps.append(Event(at + 1, event[1]))
        if fence:
            end = lines.index("```", at + 1)
            databases = frozenset(fence[2].split()) or EVERYWHERE
            assert databases <= EVERYWHERE, f"line {at + 1}: {fence[2]} is no database"
            steps += _block(fence[1], lines[at + 1 : end], at + 2, databases)
            at = end
        at += 1
    return steps


def _block(kind: str, lines: Sequence[str], first: int, databases: frozenset[str]) -> Iterator[Step]:
    if kind == "sql":
        yield Statements(first, "\n".join(lines), databases)
    if kind == "console":
        starts = [number for number, line in enumerate(lines) if line.startswith(PROMPT)]
        assert starts[:1] == [0], f"line {first}: a block begins with a command"
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            yield _command(lines[start:end], first + start, databases)


def _command(lines: Sequence[str], number: int, databases: frozenset[str]) -> Command:
    length = 1 + next(place for place, line in enumerate(lines) if not line.endswith("\\"))
    text, said = "\n".join(lines[:length]).removeprefix(PROMPT), list(lines[length:])
    status = int(said.pop(0)) if said and "curl" in text else None
    parts = tuple(part for line in said for part in line.split(GAP) if part.strip())
    assert status or "curl" not in text or text.startswith("until "), f"line {number}: no status is said"
    return Command(number, text, status, parts, databases)


def _packed(text: str) -> str:
    return "".join(text.split())
