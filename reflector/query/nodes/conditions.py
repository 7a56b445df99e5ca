"""What of rows is asked: expressions of them, what these are compared with, and filters.

NULL logic is SQL's, three-valued: `Compare` with a NULL on either side is neither true nor false, `Not` of it as well.

Rule: a node holds a `Column`, not its name, and is only ever rewritten into another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from reflector.catalog.model import Column, Function, Relationship, Table
from reflector.datatypes import DataType, Kind, Value
from reflector.query.aggregates import AggregateFunction
from reflector.query.comparisons import Comparison
from reflector.query.masks import Masked

# ── what a thing is compared with ────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Literal:
    """A canonical value of a caller or a rule. `many` holds a tuple of values of the type, for `IN`."""

    value: Value
    type: DataType
    many: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim of the caller's credential, read when the statement is bound. `many` takes a list for `IN`."""

    path: tuple[str, ...]
    type: DataType
    many: bool = False


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that was lifted out of the tree: number `index` of the request's values.

    `many` says it is a list; `size` is its length where each item needs a placeholder of its own, else None.
    """

    index: int
    type: DataType
    many: bool = False
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Now:
    """The moment the statement runs, as the type of what it is compared with (date, timestamp, instant)."""

    type: DataType


TEXT = DataType(Kind.TEXT, "text", cast="pg_catalog.text")
COUNT = DataType(Kind.INTEGER, "bigint", cast="pg_catalog.int8")
DOCUMENT = DataType(Kind.JSON, "jsonb", cast="pg_catalog.jsonb")

# ── what is selected, compared, ordered ──────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Field:
    """A column of the row in hand."""

    column: Column


@dataclass(frozen=True, slots=True)
class Outer:
    """A column of a row further out: `levels` enclosing `Exists` away (1 = the row that the innermost belongs to)."""

    column: Column
    levels: int = 1


@dataclass(frozen=True, slots=True)
class Related:
    """An expression of the one row a to-one relationship leads to, NULL when `where` hides it or there is none."""

    relationship: Relationship
    expression: Expression
    where: Filter


@dataclass(frozen=True, slots=True)
class Guarded:
    """An expression that is NULL on rows where `rule` does not hold: a column visible in some rows."""

    rule: Filter
    expression: Expression


@dataclass(frozen=True, slots=True)
class Lowered:
    """Text in lower case, as Unicode's simple mapping says."""

    expression: Expression


@dataclass(frozen=True, slots=True)
class JsonPath:
    """What lies in a JSON document: `path` holds keys of objects and indexes of arrays, negative ones from the end.

    NULL where there is nothing. `text` gives a text (a JSON null is NULL, what is no string is its JSON text); without
    it the result is JSON.
    """

    expression: Expression
    path: tuple[str | int, ...]
    text: bool = False


@dataclass(frozen=True, slots=True)
class Cast:
    """The expression as another type, one of `casts.CASTS`. What does not fit is an error or NULL."""

    expression: Expression
    type: DataType


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What the rows of a group give together; without an expression, of the rows themselves.

    Only what is selected may hold one. A read that selects one is grouped by everything else it selects: other
    expressions, and the columns that lead to its embeds.
    """

    function: AggregateFunction
    expression: Expression | None = None


@dataclass(frozen=True, slots=True)
class Computed:
    """What a function of the database gives for the whole row in hand, `function.of_row`'s; one value."""

    function: Function


@dataclass(frozen=True, slots=True)
class FixedText:
    """The same text on every row."""

    text: str


@dataclass(frozen=True, slots=True)
class Counted:
    """How many rows there are: of a table, or of those that a relationship leads to from the row in hand.

    `limit` and `offset` count as if the rows were a page of a list. `through` says which rows of the relationship's
    junction count; where `guard` does not hold, none does.
    """

    via: Relationship | Table
    where: Filter
    limit: int | None = None
    offset: int | None = None
    through: Filter | None = None
    guard: Filter | None = None


Expression: TypeAlias = (
    Field | Outer | Related | Guarded | Lowered | JsonPath | Cast | Aggregate | Computed | FixedText | Counted | Masked
)
Operand: TypeAlias = Literal | Claim | Parameter | Now | Field | Outer | Lowered

# ── which rows ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Compare:
    """`exact` compares text bytewise (rules); otherwise the column's collation decides (callers)."""

    expression: Expression
    comparison: Comparison
    operand: Operand
    exact: bool = False


@dataclass(frozen=True, slots=True)
class IsNull:
    expression: Expression


@dataclass(frozen=True, slots=True)
class And:
    """Every part; without parts, true."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any part; without parts, false."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Filter


@dataclass(frozen=True, slots=True)
class Exists:
    """More than `beyond` rows that `via` leads to (a relationship), or of `via` (a table), for which `where` holds.
    `through` says which rows of the relationship's junction count."""

    via: Relationship | Table
    where: Filter
    through: Filter = And(())
    beyond: int = 0


Filter: TypeAlias = Compare | IsNull | And | Or | Not | Exists

TRUE = And(())
FALSE = Or(())


def all_of(*parts: Filter) -> Filter:
    """The conjunction, flattened: true parts vanish, one part stands alone."""
    flat = _each_once(parts, And)
    if FALSE in flat:
        return FALSE
    return flat[0] if len(flat) == 1 else And(flat)


def any_of(*parts: Filter) -> Filter:
    """The disjunction, flattened: false parts vanish, a true part swallows the rest."""
    flat = _each_once(parts, Or)
    if TRUE in flat:
        return TRUE
    return flat[0] if len(flat) == 1 else Or(flat)


def _each_once(parts: tuple[Filter, ...], kind: type[And | Or]) -> tuple[Filter, ...]:
    """The parts without what is said twice; those that hold a document, which has no hash, are left as they are."""
    flat = [each for part in parts for each in (part.parts if isinstance(part, kind) else (part,))]
    try:
        return tuple(dict.fromkeys(flat))
    except TypeError:
        return tuple(flat)
