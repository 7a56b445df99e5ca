"""The commands of a document, read out of its fenced blocks, with what each is said to answer.

    ```console                          shell commands, on every database
    $ curl 'http://127.0.0.1:8000/api/tag/signed'
    200                                 the status, below a command with curl
    {"name": "signed", …                parts of the answer, in their order; `…` stands for what is left out
    ```
    ```console postgresql mariadb       on these databases alone
    ```sql                              statements for the database, from outside
    <!-- database: kill -->             what happens to the database server
    <!-- server: interrupt -->          Ctrl-C in the window of our own

A command goes on below for as long as the shell would wait for more: after `\\`, in quotes, up to the end of a `<<`. White
space does not count in answers, because databases lay JSON out in ways of their own.

Rule: a curl that is said nothing of is an error of the document, but in a loop that waits (`until …`).
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

EVERYWHERE = frozenset({"postgresql", "mariadb", "sqlite"})
PROMPT = "$ "
GAP = "…"
EVENT = re.compile(r"<!-- (database: kill|database: start|server: interrupt) -->")
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
    """What becomes of a server: `database: kill`, `database: start` or `server: interrupt`."""

    line: int
    text: str

    @property
    def databases(self) -> frozenset[str]:
        """SQLite has no server."""
        return EVERYWHERE if self.text.startswith("server") else EVERYWHERE - {"sqlite"}


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
    length = next((count for count in range(1, len(lines) + 1) if _complete(lines[:count])), 0)
    assert length, f"line {number}: the shell would wait for more"
    text, said = "\n".join(lines[:length]).removeprefix(PROMPT), list(lines[length:])
    status = int(said.pop(0)) if said and "curl" in text else None
    parts = tuple(part for line in said for part in line.split(GAP) if part.strip())
    assert status or "curl" not in text or text.startswith("until "), f"line {number}: no status is said"
    return Command(number, text, status, parts, databases)


def _complete(lines: Sequence[str]) -> bool:
    """Whether the shell waits for nothing more. It only reads here, and warns of a text that `<<` does not see ended."""
    if lines[-1].endswith("\\"):
        return False
    text = "\n".join(lines).removeprefix(PROMPT)
    if not re.search(r"""['"]|<<""", text):
        return True
    read = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    return read.returncode == 0 and not read.stderr


def _packed(text: str) -> str:
    return "".join(text.split())
