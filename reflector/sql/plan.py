"""A plan: what to send to a database, where each bound value comes from, and what must come back.

Rule: a plan holds no value of any caller, so that one plan serves every request of its shape; it is all that a driver
needs to know, and a driver knows nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

from reflector.catalog.model import Deed, Table
from reflector.datatypes import DataType, Value
from reflector.sql.explaining import Explained

Encode = Callable[[Value], Any]
"""A canonical value as the driver binds it; None stays None and never reaches an encoder."""


@dataclass(frozen=True, slots=True)
class FromRequest:
    """Number `index` of the request's values; `item` picks one of a list."""

    index: int
    item: int | None = None


@dataclass(frozen=True, slots=True)
class FromClaim:
    """A claim of the caller's credential; `many` wants a list. A missing one is an error, never NULL."""

    path: tuple[str, ...]
    type: DataType
    many: bool = False


@dataclass(frozen=True, slots=True)
class FromStep:
    """Column `column` of the one row that step `step` returned; already in the driver's own form."""

    step: int
    column: int


@dataclass(frozen=True, slots=True)
class Constant:
    """A value of the plan's own: an awkward JSON key, a rule's literal."""

    value: Any


@dataclass(frozen=True, slots=True)
class Moment:
    """The moment the request began, as the type says (date, timestamp or instant, in UTC)."""

    type: DataType


Cells: TypeAlias = tuple[Any, ...]
Pack: TypeAlias = Callable[[Sequence[tuple[int, Cells]]], Any]
"""Makes one bound value of many rows, each with its place among all that were given."""


@dataclass(frozen=True, slots=True)
class FromRows:
    """The request's rows, which are its value number `index`, as one bound value.

    Where step `split` looked for rows that exist already, only those that it met, or only the others.
    """

    index: int
    encoders: tuple[Encode | None, ...]
    pack: Pack
    split: tuple[int, ...] = ()
    met: bool = False


@dataclass(frozen=True, slots=True)
class FromKept:
    """Columns `columns` of all the rows that the steps brought, as one bound value."""

    steps: tuple[int, ...]
    columns: tuple[int, ...]
    pack: Pack


Source = FromRequest | FromClaim | FromStep | Constant | Moment | FromRows | FromKept


@dataclass(frozen=True, slots=True)
class Bind:
    """One placeholder. `encode` None binds the canonical value as it is."""

    source: Source
    encode: Encode | None = None


class Expect(Enum):
    """What a step must bring back; anything else ends the plan with the error named."""

    ANSWER = "one row of the parts named by the step, from which the answer is made; no row: RowNotFound"
    ROW = "one row, kept for later steps; no row: RowNotFound"
    DONE = "nothing: rows and counts are not looked at"
    MADE = "any number of rows that were made"
    MET = "those of the given rows that exist already, each with its place; what no judge found is CheckRefused"
    MOVED = "the rows that another step met, as they are found since they were changed"
    CHANGED = "any number of rows that are changed or removed"
    HELD = "how many of the rows of earlier steps satisfy their checks; fewer than they are is CheckRefused"
    SHOWN = "any number of documents"


class Part(Enum):
    """What a column of an answer's row is."""

    BODY = "the JSON document, as bytes or text; NULL is no body"
    MEMBER = "one of several JSON documents, in order; NULL is none"
    SEEN = "how many rows the page had, one beyond the limit included"
    LAST = "JSON array of the order values of the last row given"
    TOTAL = "how many rows the filter finds in all"
    HOLDS = "whether the written row satisfies the check; anything but true is CheckRefused"
    KEY = "JSON array of the written row's key values"
    PLACE = "the place of the given row that this one is about"
    CARRIED = "a part of what finds the row again"
    FOUND = "whether a judge found the row as it was"
    HELD = "how many rows satisfy their checks"
    GIVEN = "how many rows of a function are answered"


@dataclass(frozen=True, slots=True)
class Step:
    """One statement. `parts` names the columns of an ANSWER or ROW step, in order; a later step overrules an earlier
    one's parts. A ROW step without parts keeps its row for FromStep alone. A step that is `about` rows of other steps,
    or of the request, is not run when there are none. `repeat`: it is run for each row of that value of the request.
    `calls`: it calls functions of the database for rows."""

    text: str
    binds: tuple[Bind, ...]
    expect: Expect
    parts: tuple[Part | None, ...] = ()
    about: tuple[int, ...] = ()
    repeat: int | None = None
    calls: bool = False


@dataclass(frozen=True, slots=True)
class Many:
    """What a plan that writes a set of rows comes to.

    `shown` answers with documents, in the order in which the rows were given when `placed`, the first of them alone when
    `single`. `most` is the number of the request's value that bounds the rows; `exactly_one` wants one row, no more and
    no less. `raced`: a row that was not there may be there a moment later, and the whole is tried again. `inserts`: it
    tells how many of the rows are new. `sorted`: which of the request's values are rows that are written in the order of
    which of their columns, so that no two writers wait for one another.
    """

    shown: bool = False
    placed: bool = False
    single: bool = False
    most: int | None = None
    exactly_one: bool = False
    raced: bool = False
    inserts: bool = False
    sorted: tuple[tuple[int, tuple[int, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Called:
    """A plan that calls a function of the database, which may do anything. How many rows it may give: `exactly_one`, or
    no more than the request's value number `most`; otherwise nothing is kept of what it did. A `procedure` may end its
    transaction by itself, so that what it did before may be kept whatever becomes of the call."""

    exactly_one: bool = False
    most: int | None = None
    procedure: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """How a page that came as separate documents is cut: at `limit` rows, or at the request's value of that number when
    it is `bound`. `keys` are the members that hold the order values of a row, None when no cursor is wanted. `row`
    matches the text of a row that holds no other than plain values, a group for each of the keys."""

    limit: int | None
    bound: bool = False
    keys: tuple[str, ...] | None = None
    row: re.Pattern[bytes] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """`transaction`: the steps stand or fall together (always so when there are several and one writes). `writes`:
    never sent twice. `volatile`: holds the clock, so an answer is never kept beyond its time to live. `reads`: every
    table that the answer is made of. `cut`: the body is separate documents, to be cut and joined. `touches`: what a write does, and to which table; None where nothing is written. `many`: it writes
    a set of rows. `called`: it calls a function, after which its connection is not given to others as it is."""

    steps: tuple[Step, ...]
    transaction: bool = False
    writes: bool = False
    volatile: bool = False
    reads: frozenset[Table] = frozenset()
    cut: Cut | None = None
    touches: tuple[Table, Deed] | None = None
    many: Many | None = None
    called: Called | None = None

    @property
    def claims(self) -> tuple[FromClaim, ...]:
        """The claims that the answer depends on, each once."""
        used = [bind.source for step in self.steps for bind in step.binds if isinstance(bind.source, FromClaim)]
        return tuple(dict.fromkeys(used))


Later = FromStep
"""In a bound plan's values, a `FromStep` stands for a value that the driver fills in."""


@dataclass(slots=True)  # not frozen: one is made for every request, and a frozen one takes three times as long to make
class BoundPlan:
    """A plan with this request's values, encoded: `values[i]` are those of `plan.steps[i]`. Where it is `optional`, a
    row that is not there is an answer without anything, and not RowNotFound. `most` and `repeats` are the bound on the
    rows of a set, and how often a step of it is repeated; `original` has the place in the request of each row that was
    sorted. `explained`: the answer is what the database would do, or what it did and took back."""

    plan: Plan
    values: Sequence[Sequence[Any]]
    optional: bool = False
    most: int | None = None
    repeats: Mapping[int, Sequence[int]] | None = None
    original: Sequence[int] | None = None
    explained: Explained | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """In a bound plan's values: the request's rows, encoded, of which an earlier step has yet to say which count."""

    source: FromRows
    rows: Sequence[tuple[int, Cells]]


class RowList(list[Cells]):
    """Rows as they stand in a statement's text, for a database whose driver writes values there: `(1, 'a'), (2, 'b')`;
    rows of one value without parentheses when `bare`."""

    __slots__ = ("bare",)

    def __init__(self, rows: Iterable[Cells], *, bare: bool = False) -> None:
        super().__init__(rows)
        self.bare = bare


@dataclass(slots=True)  # not frozen: one is made for every request, and a frozen one takes three times as long to make
class Answer:
    """What came back. `body` is JSON, None when there is nothing to show. Counts are None unless they were asked.
    `members` are the documents of an overview.

    A write of a set says how many rows it made or changed (`affected`), how many of these are new (`inserted`, for
    inserts alone), and their `keys`: a JSON array of arrays of key values, None where the table has no key.
    """

    body: bytes | None = None
    seen: int | None = None
    last: bytes | None = None
    total: int | None = None
    key: bytes | None = None
    members: Sequence[bytes | None] = ()
    affected: int | None = None
    inserted: int | None = None
    keys: bytes | None = None
