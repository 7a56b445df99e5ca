"""What a rule says before it meets a catalog: names are still texts, nothing has a type.

`rules_parse` makes these nodes from a text, `rules_bind` turns them into a `Filter` of one table. What is wrong with a
rule wherever it is used is found while parsing; what depends on the tables and columns there are is found while binding.

Rule: every node that can be wrong carries its `offset`, the column of its first letter in the rule's text, from 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from reflector.query.comparisons import Comparison

# ── terms: what is compared ──────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Path:
    """A column, at the end of relationships: `title`, `author.name`. As a condition also a policy's name."""

    parts: tuple[str, ...]
    offset: int
    quoted: bool = False
    """Written with `col(…)`, so that it is never a policy."""


@dataclass(frozen=True, slots=True)
class RowPath:
    """`row.x`: a column of the row that the rule protects; `new.x` (`incoming`): of the row that is being written."""

    parts: tuple[str, ...]
    offset: int
    incoming: bool = False


@dataclass(frozen=True, slots=True)
class Lower:
    term: Path | RowPath
    offset: int


@dataclass(frozen=True, slots=True)
class ClaimPath:
    parts: tuple[str, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Constant:
    """`text` is the number as it was written, so that a decimal loses nothing on its way; else empty."""

    value: bool | int | float | str
    offset: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Clock:
    """`now()`, or `today()` when `day`."""

    day: bool
    offset: int


ColumnTerm: TypeAlias = Path | RowPath | Lower
ValueTerm: TypeAlias = ClaimPath | Constant | Clock
Term: TypeAlias = ColumnTerm | ValueTerm

# ── conditions ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Truth:
    value: bool


@dataclass(frozen=True, slots=True)
class Holds:
    """A boolean column, or a policy, by its name alone."""

    path: Path | RowPath


@dataclass(frozen=True, slots=True)
class Compared:
    """A column on the left; the parser has turned `5 < price` round."""

    left: ColumnTerm
    comparison: Comparison
    right: Term
    offset: int


@dataclass(frozen=True, slots=True)
class Among:
    term: ColumnTerm
    choices: tuple[Constant, ...] | ClaimPath
    offset: int


@dataclass(frozen=True, slots=True)
class Absent:
    """`x is None`."""

    term: ColumnTerm


@dataclass(frozen=True, slots=True)
class Matched:
    """`like(x, pattern)` and `ilike(x, pattern)`."""

    term: ColumnTerm
    comparison: Comparison
    pattern: Constant


@dataclass(frozen=True, slots=True)
class Keyed:
    """`has_key(x, 'key')`: the document is an object that has the key, whatever its value."""

    term: ColumnTerm
    key: str


@dataclass(frozen=True, slots=True)
class Contains:
    """`'x' in y`: the column is an array, or a document that is one, and has the value."""

    term: ColumnTerm
    item: Constant | ClaimPath


@dataclass(frozen=True, slots=True)
class There:
    """`exists(path, condition)`: the path is one of relationships, or a table's name."""

    path: Path
    condition: Condition


@dataclass(frozen=True, slots=True)
class Every:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Either:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Negated:
    part: Condition


Condition: TypeAlias = (
    Truth | Holds | Compared | Among | Absent | Matched | Keyed | Contains | There | Every | Either | Negated
)
