"""Which rows a reader has been told of and may still hold, where nobody can tell from an old image who saw it.

A rule that reads other tables cannot be asked of a row as it was. What a reader was told stands in for it: a row that was
told and goes is told to be gone, and one that was never told is not.

Rule: only what was told to this very reader counts, and it counts no longer once something happened that may have hidden
rows without touching them. Rows are remembered by a keyed hash of their key; how many, is bounded for each reader and
for all together, and beyond either bound the reader is told to read afresh.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

from reflector.changes.change import NULL
from reflector.changes.notices import Depends, Notice, Telling

ROWS: Final = 10_000
"""Of one reader."""
ROWS_ALTOGETHER: Final = 500_000
"""Of all readers of a hub: some 50 MB."""
GONE: Final = frozenset({"delete", "leave"})


@dataclass(slots=True)
class Memory:
    """What all readers of a hub remember together. `rows` counts."""

    rows: int = 0
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(16), repr=False)

    def mark(self, key: bytes) -> bytes:
        """What is remembered of a key; alike for two spellings of one key."""
        exact = json.loads(key, parse_float=str, parse_int=str)
        return blake2b(json.dumps(exact, sort_keys=True).encode(), key=self.secret, digest_size=8).digest()


class Told:
    """One reader's rows."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._rows: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def full(self) -> bool:
        """Whether more was told than can be remembered."""
        return len(self._rows) > ROWS or (bool(self._rows) and self._memory.rows > ROWS_ALTOGETHER)

    def remember(self, keys: Iterable[bytes]) -> None:
        """These rows were shown to the reader; where they are too many, none is remembered."""
        self._change(self._rows.union(map(self._memory.mark, keys)))
        if self.full:
            self.forget()

    def forget(self) -> None:
        """What the reader holds is not known any more."""
        self._change(set())

    def choose(self, telling: Telling) -> Notice | None:
        """What is to be told to this reader, if anything; it counts as told."""
        if isinstance(telling, Depends):
            known = telling.key != NULL and self._memory.mark(telling.key) in self._rows
            notice = telling.told if known else telling.untold
        else:
            notice = telling
        if notice is not None and notice.key != NULL:
            self._note(self._memory.mark(notice.key), gone=notice.op in GONE)
        return notice

    def _note(self, mark: bytes, *, gone: bool) -> None:
        before = len(self._rows)
        if gone:
            self._rows.discard(mark)
        else:
            self._rows.add(mark)
        self._memory.rows += len(self._rows) - before

    def _change(self, rows: set[bytes]) -> None:
        self._memory.rows += len(rows) - len(self._rows)
        self._rows = rows


def keys_of(body: bytes, names: Iterable[str]) -> list[bytes]:
    """The keys of the rows of a JSON array, of which `names` are the members; numbers stay as they are written."""
    wanted = list(names)
    items: list[dict[str, Any]] = json.loads(body, parse_float=str, parse_int=str)
    return [json.dumps({name: item[name] for name in wanted}).encode() for item in items]
