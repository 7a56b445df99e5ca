"""The queries: what is read of rows, as documents, and what is written.

Rule: what differs in meaning between APIs is a field here, and no API is named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from reflector.catalog.model import Column, Relationship, Table
from reflector.query.forms import Form
from reflector.query.nodes.conditions import (
    TRUE,
    Expression,
    Filter,
    Operand,
    Parameter,
)


@dataclass(frozen=True, slots=True)
class Output:
    """One member of the answered object: `label` is its key, `form` how it is written where not as its type always is."""

    label: str
    expression: Expression
    form: Form | None = None


@dataclass(frozen=True, slots=True)
class Embed:
    """Related rows as a member: an object or null for a to-one relationship, an array for a to-many. Where `guard` does
    not hold, nothing is related: the row's side of the relationship may not be seen. `through` says which rows of the
    relationship's junction count.
    """

    label: str
    relationship: Relationship
    read: Read
    guard: Filter = TRUE
    through: Filter = TRUE


@dataclass(frozen=True, slots=True)
class Group:
    """An object of further members about the same row."""

    label: str
    select: tuple[Selected, ...]


@dataclass(frozen=True, slots=True)
class Apart:
    """Rows of a table by themselves, related to no row: an array, or one object or null where the read is `single`."""

    label: str
    read: Read


@dataclass(frozen=True, slots=True)
class Spread:
    """Members of related rows as members of the document itself, each under its own label.

    To one: the row's members, null where there is none. To many: each member is an array of the rows' values, all in the
    order of the read. Aggregates of a spread row are those of the row in hand. `guard` and `through` are those of `Embed`.
    """

    relationship: Relationship
    read: Read
    guard: Filter = TRUE
    through: Filter = TRUE

    @property
    def label(self) -> str:
        """None of its own: the members bring theirs."""
        return ""


Selected: TypeAlias = Output | Embed | Group | Apart | Spread


@dataclass(frozen=True, slots=True)
class Order:
    """NULLs last ascending and first descending unless said otherwise, on every database."""

    expression: Expression
    descending: bool = False
    nulls_last: bool | None = None

    @property
    def nulls_come_last(self) -> bool:
        return (not self.descending) if self.nulls_last is None else self.nulls_last


@dataclass(frozen=True, slots=True)
class Read:
    """Rows of one table.

    `limit` counts rows; an int is part of the shape, a Parameter is bound. `single` asks for at most one row, as an object.
    `count` asks for the number of rows `where` finds, without limit, offset and `after`; of more than `most_counted` it is
    told only that there are so many. `after` is what a cursor adds to `where`; `keyset` asks for the order values of the
    last row given, from which the next cursor is made.
    """

    table: Table
    select: tuple[Selected, ...]
    where: Filter = TRUE
    order: tuple[Order, ...] = ()
    limit: int | Parameter | None = None
    offset: int | Parameter | None = None
    single: bool = False
    count: bool = False
    keyset: bool = False
    after: Filter = TRUE
    most_counted: int | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """Several documents in one statement, one for each member; no row is in hand. `table` is the first one's."""

    table: Table
    select: tuple[Selected, ...]


@dataclass(frozen=True, slots=True)
class Assignment:
    column: Column
    operand: Operand


@dataclass(frozen=True, slots=True)
class Insert:
    """One new row. `check` must be true of it as it was written. `returning` is the answer or None; `keyed`: its key is."""

    table: Table
    values: tuple[Assignment, ...]
    check: Filter = TRUE
    returning: Read | None = None
    keyed: bool = True


@dataclass(frozen=True, slots=True)
class Update:
    """New values for the one row `where` finds. `check` must be true of the row as it was written."""

    table: Table
    where: Filter
    values: tuple[Assignment, ...]
    check: Filter = TRUE
    returning: Read | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """The one row `where` finds goes. `returning` is the answer, as the row was before."""

    table: Table
    where: Filter
    returning: Read | None = None


Query: TypeAlias = Read | Overview | Insert | Update | Delete
