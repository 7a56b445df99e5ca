"""What a query string says, as frozen trees: names are text still, and nothing has been looked up.

Rule: a tree holds what was written and no more: defaults, limits of the server and meanings of names come later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

# ── fields ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Arrow:
    """One step into JSON: a key or an index (negative from the end). `as_text` is `->>`."""

    key: str | int
    as_text: bool


@dataclass(frozen=True, slots=True)
class Field:
    """A column, or a place in its JSON."""

    name: str
    path: tuple[Arrow, ...] = ()

    @property
    def label(self) -> str:
        """The key it has in an answer: the last name of the path, where an index has none of its own."""
        return next((arrow.key for arrow in reversed(self.path) if isinstance(arrow.key, str)), self.name)


# ── select ───────────────────────────────────────────────────────────────────────────────────


class Join(Enum):
    INNER = "inner"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Star:
    """Every column."""


@dataclass(frozen=True, slots=True)
class Column:
    """`alias:name->path::cast.aggregate()::aggregate_cast`."""

    field: Field
    alias: str | None = None
    cast: str | None = None
    aggregate: str | None = None
    aggregate_cast: str | None = None

    @property
    def label(self) -> str:
        return self.alias or self.aggregate or self.field.label


@dataclass(frozen=True, slots=True)
class Count:
    """`count()`: the number of rows."""

    alias: str | None = None
    cast: str | None = None

    @property
    def label(self) -> str:
        return self.alias or "count"


@dataclass(frozen=True, slots=True)
class Embed:
    """`alias:name!hint!join(…)`; with `spread`, `...name(…)`, whose members stand in the parent. `level.selected` is empty for
    `name()`, which can be filtered and answers nothing."""

    name: str
    level: Level
    alias: str | None = None
    hint: str | None = None
    join: Join | None = None
    spread: bool = False

    @property
    def label(self) -> str:
        return self.alias or self.name


Selected: TypeAlias = Star | Column | Count | Embed

# ── conditions ───────────────────────────────────────────────────────────────────────────────


class Quantifier(Enum):
    ANY = "any"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Comparison:
    """`operator.value`. With a quantifier the value is an array's literal, `{a,b}`."""

    operator: str
    value: str
    quantifier: Quantifier | None = None


@dataclass(frozen=True, slots=True)
class Among:
    """`in.(a,b)`; no values for `in.()`."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Is:
    """`is.what`: null, not_null, true, false or unknown."""

    what: str


@dataclass(frozen=True, slots=True)
class Search:
    """A full-text search: fts, plfts, phfts or wfts, in a language of the database."""

    operator: str
    text: str
    language: str | None = None


Operation: TypeAlias = Comparison | Among | Is | Search


@dataclass(frozen=True, slots=True)
class Condition:
    """An operation on a field. The field may be the name of an embedded resource, of which null can be asked."""

    field: Field
    operation: Operation
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Junction:
    """`and(…)`, or with `any` `or(…)`; `negated` is `not.and(…)`."""

    any: bool
    parts: tuple[Logic, ...]
    negated: bool = False


Logic: TypeAlias = Condition | Junction


def fields_in(where: Iterable[Logic]) -> Iterator[Field]:
    """The field of every condition, at whatever depth it stands."""
    for each in where:
        if isinstance(each, Junction):
            yield from fields_in(each.parts)
        else:
            yield each.field


# ── order and pages ──────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Term:
    """One term of an order; `relation` is the embedded resource whose field it is. `nulls_first` None: the database's way."""

    field: Field
    relation: str | None = None
    descending: bool = False
    nulls_first: bool | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """One table's part of the question: the root's or that of an embedded resource. `where` are joined by AND."""

    selected: tuple[Selected, ...] = (Star(),)
    where: tuple[Logic, ...] = ()
    order: tuple[Term, ...] = ()
    limit: int | None = None
    offset: int = 0

    @property
    def embeds(self) -> tuple[Embed, ...]:
        return tuple(each for each in self.selected if isinstance(each, Embed))


@dataclass(frozen=True, slots=True)
class Question:
    """A whole query string. `columns` and `on_conflict` are None where they were not given. `arguments` are those of a
    function, in their order, and may repeat. `legacy` are the targets that were named by relation though they have an
    alias."""

    root: Level
    columns: tuple[str, ...] | None = None
    on_conflict: tuple[str, ...] | None = None
    arguments: tuple[tuple[str, str], ...] = ()
    legacy: tuple[str, ...] = ()
