"""What readers are told: one notice of a row, or one of two where it depends on what a reader was told before.

Rule: a notice is made once for all readers of a question; what it holds is JSON already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

from reflector.catalog.model import Column
from reflector.changes.change import NULL, Change, Cursor, Row
from reflector.changes.question import Question
from reflector.sql.json_text import json_text


@dataclass(frozen=True, eq=False, slots=True)
class Notice:
    """One thing to tell. `key`, `new` and `changed` are JSON; `rendered` keeps what was made of it, by whoever made it."""

    op: str
    table: str
    key: bytes
    new: bytes | None
    changed: bytes | None
    cursor: Cursor
    at: float
    rendered: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, slots=True)
class Depends:
    """One of two things to tell of the row with this key, None for nothing: `told` where the reader was told that the row
    is there, else `untold`."""

    key: bytes
    told: Notice | None
    untold: Notice | None


Telling: TypeAlias = Notice | Depends


def notice_of(
    question: Question,
    change: Change,
    op: str,
    row: Row | None,
    body: bytes | None,
    changed: Sequence[Column] | None = None,
) -> Notice:
    """A notice of this row; `body` is the row as the readers see it, `changed` what looks different to them."""
    names = None if changed is None else json_text([column.name for column in changed]).encode()
    return Notice(op, question.table.label, _key(question, change, row), body, names, change.cursor, change.at)


def _key(question: Question, change: Change, row: Row | None) -> bytes:
    """The row's address as an object; opaque to those who may not name it, null where there is none."""
    if row is None or not change.key or not all(column in row for column in change.key):
        return NULL
    plain = object_of({column: row.shown(column) for column in change.key})
    return plain if question.key_seen else json_text(question.opaque(plain)).encode()


def object_of(shown: dict[Column, bytes]) -> bytes:
    """Columns, each with its value as JSON, as one object."""
    return b"{" + b",".join([_label(column.name) + value for column, value in shown.items()]) + b"}"


@lru_cache(maxsize=20_000)
def _label(name: str) -> bytes:
    return json_text(name).encode() + b":"
