"""What the rows of SQLite's ring mean: images by name, and which rows INSERT OR REPLACE removed without a word.

Before a row is written the triggers write down the rows that stand in its way. Whether these were evicted shows in what
follows: a unique value that another row has now, they cannot have any more.

Rule: a row is told to be gone only when it must be.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from reflector.changes.change import Committed, Op, Stored
from reflector.changes.sources.sqlite_setup import ARGUMENTS, Shape, Unique

EPOCH_OF_JULIAN_DAYS: Final = 2440587.5
SCHEMA: Final = "main"

Entry = Sequence[Any]
CANDIDATE: Final = "E"


def resolved(rows: Iterable[Entry], by_name: Mapping[str, Shape]) -> Iterator[Committed]:
    """Changes in order, evicted rows before what evicted them."""
    candidates: dict[str, Candidates] = {}
    for row in rows:
        _, _, table, op, old, new = row
        shape = by_name.get(table)
        if shape is None:
            continue
        found = candidates.get(table)
        if found is None:
            found = candidates[table] = Candidates(shape)
        if op == CANDIDATE:
            found.add(row)
            continue
        if old is not None:
            found.drop(stored(shape, old))
        if op == "D":
            yield _committed(shape, row, Op.DELETE)
            continue
        replaced = None
        for evicted in found.evicted_by(stored(shape, new)):
            if op == "I" and _same_key(shape, evicted[4], new):
                replaced = evicted
            else:
                yield _committed(shape, evicted, Op.DELETE)
        if replaced is not None:
            yield _committed(shape, (*row[:4], replaced[4], new), Op.UPDATE)
        else:
            yield _committed(shape, row, Op.INSERT if op == "I" else Op.UPDATE)


class Candidates:
    """Rows of one table that stood in the way of others.

    One that is updated or deleted since is none any more. One whose unique values another row has now must be gone,
    because two rows cannot have them: it was evicted.
    """

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._rows: dict[Hashable, Entry] = {}
        self._by_value: dict[Hashable, Hashable] = {}

    def add(self, row: Entry) -> None:
        image = stored(self._shape, row[4])
        identity = self._identity(image)
        self._rows[identity] = row
        for place in self._places(image):
            self._by_value[place] = identity

    def drop(self, image: Stored) -> None:
        if self._rows:
            self._rows.pop(self._identity(image), None)

    def evicted_by(self, image: Stored) -> list[Entry]:
        if not self._rows:
            return []
        identities = dict.fromkeys(self._by_value.pop(place, None) for place in self._places(image))
        return [row for identity in identities if (row := self._rows.pop(identity, None)) is not None]

    def _identity(self, image: Stored) -> Hashable:
        return tuple(image[name] for name in self._shape.key or self._shape.columns)

    def _places(self, image: Stored) -> Iterator[Hashable]:
        """What the row alone may have; NULL is no value."""
        for number, unique in enumerate((Unique(_plain(self._shape.key)), *self._shape.uniques)):
            values = tuple(_folded(image[name], collation) for name, collation in unique.columns)
            if values and None not in values:
                yield number, values


def _plain(columns: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return tuple((column, "BINARY") for column in columns)


def _folded(value: Any, collation: str) -> Any:
    """The value as the collation compares it."""
    if not isinstance(value, str):
        return value
    if collation.upper() == "NOCASE":
        return "".join(chr(ord(letter) + 32) if "A" <= letter <= "Z" else letter for letter in value)
    return value.rstrip(" ") if collation.upper() == "RTRIM" else value


def _same_key(shape: Shape, left: str, right: str) -> bool:
    if not shape.key:
        return False
    one, other = stored(shape, left), stored(shape, right)
    return all(one[name] == other[name] for name in shape.key)


def _committed(shape: Shape, row: Entry, op: Op) -> Committed:
    _, day, _, _, old, new = row
    return Committed(
        (SCHEMA, shape.name),
        op,
        None if new is None or op is Op.DELETE else stored(shape, new),
        None if old is None else stored(shape, old),
        (day - EPOCH_OF_JULIAN_DAYS) * 86400,
        size=200 + 2 * (len(old or "") + len(new or "")),
    )


def stored(shape: Shape, text: str) -> Stored:
    """The image's values by name."""
    values = orjson.loads(text)
    if len(shape.columns) > ARGUMENTS:
        values = [value for part in values for value in part]
    return {
        name: _value(value) if type(value) is dict else value for name, value in zip(shape.columns, values, strict=True)
    }


def _value(marked: Mapping[str, str]) -> bytes | float:
    """A blob or a real, which JSON has no exact form for."""
    if "b" in marked:
        return bytes.fromhex(marked["b"])
    return float(marked["r"].replace("Inf", "inf"))
