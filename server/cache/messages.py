"""What servers and workers tell one another of writes: which tables, and nothing else.

    {"from": "…", "tables": [["public", "book"]] or null for any, "doubt": seconds}

Rule: whatever cannot be read is an error here; whoever hears it takes it to mean that anything may have changed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import orjson

from reflector.versions import TableName

LONGEST_MESSAGE: Final = 1024 * 1024
LONGEST_DOUBT: Final = 120.0


@dataclass(frozen=True, slots=True)
class Message:
    """`sender` knows its own. `tables` None: any. `doubt` in seconds, for which they may yet change without a word."""

    sender: str
    tables: frozenset[TableName] | None
    doubt: float = 0.0


def message(sender: str, tables: Collection[TableName] | None, doubt: float) -> bytes:
    return orjson.dumps({"from": sender, "tables": None if tables is None else sorted(tables), "doubt": doubt})


def read_message(data: bytes) -> Message:
    """What a message says; raises ValueError, TypeError and KeyError for what is none."""
    if len(data) > LONGEST_MESSAGE:
        raise ValueError("too long")
    said = orjson.loads(data)
    sender, doubt = str(said["from"]), min(LONGEST_DOUBT, max(0.0, float(said["doubt"])))
    if said["tables"] is None:
        return Message(sender, None, doubt)
    pairs = [(schema, name) for schema, name in said["tables"]]
    if not all(isinstance(part, str) for pair in pairs for part in pair):
        raise TypeError("names are text")
    return Message(sender, frozenset(pairs), doubt)
