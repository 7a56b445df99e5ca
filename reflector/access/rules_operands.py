"""The terms of a rule, bound to the columns of one place: expressions, and operands that take a column's type.

A path through to-one relationships becomes `Related`, not `Exists`: `author.name` is then a value, NULL where there is
no author, and the three-valued logic of SQL holds for it as for a column. `not (author.name == 'x')` finds no article
without an author, and `author.name is None` finds those, as an outer join would; `exists(author, …)` says the other thing.

Rule: a constant or claim takes the type of the column it meets, and is never coerced: a number in quotes is no number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import assert_never

from reflector.access.rule_syntax import (
    ClaimPath,
    Clock,
    ColumnTerm,
    Constant,
    Lower,
    Path,
    RowPath,
    ValueTerm,
)
from reflector.access.rules_terms import spelling
from reflector.catalog.model import Catalog, Column, Relationship, Table
from reflector.datatypes import DataType, Kind, Value, parse_json, parse_text
from reflector.errors import InvalidValue, RuleError, nearest
from reflector.query.nodes import (
    FALSE,
    TRUE,
    Claim,
    Expression,
    Field,
    Filter,
    Literal,
    Lowered,
    Not,
    Now,
    Operand,
    Outer,
    Related,
)


class UnfitRule(RuleError):
    """A rule that is well formed and does not fit the tables and columns there are: its table closes, it alone."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a condition is being read.

    `table` is the table of the row in hand, `levels` counts the `exists` around it. `home` is the table of the row
    that the rule (or the policy being read) speaks of, `home_levels` the `exists` around that.
    """

    catalog: Catalog
    table: Table
    home: Table
    levels: int = 0
    home_levels: int = 0
    checks: bool = False
    """Whether the rule judges a row that is being written, so that it may say `new`."""

    def inside(self, table: Table) -> Place:
        """The place within an `exists` over rows of `table`."""
        return Place(self.catalog, table, self.home, self.levels + 1, self.home_levels, self.checks)

    def at_home(self) -> Place:
        """The place of a policy that is used here: it speaks of the row in hand, which inside exists is not new."""
        checks = self.checks and not self.levels
        return Place(self.catalog, self.table, self.table, self.levels, self.levels, checks)

    @property
    def relationships(self) -> Mapping[str, Relationship]:
        return self.catalog.relationships.get(self.table, {})


@dataclass(frozen=True, slots=True)
class Typed:
    """An expression and the type of its value."""

    expression: Expression
    type: DataType


# ── columns ──────────────────────────────────────────────────────────────────────────────────


def bind_column(place: Place, term: ColumnTerm) -> Typed:
    """The term's expression; raises UnfitRule."""
    match term:
        case Path(parts=parts, offset=offset):
            return _along(place, place.table, parts, offset)
        case RowPath():
            return _of_row(place, term)
        case Lower(term=inner, offset=offset):
            typed = bind_column(place, inner)
            if not typed.type.facts.textual:
                raise UnfitRule(f"lower() takes text, and {spelled(inner)} is {typed.type.native}", offset=offset)
            return Typed(Lowered(typed.expression), typed.type)
        case _:
            assert_never(term)


def spelled(term: ColumnTerm) -> str:
    return spelled(term.term) if isinstance(term, Lower) else repr(".".join(term.parts))


def _of_row(place: Place, term: RowPath) -> Typed:
    if term.incoming and not place.checks:
        raise RuleError("new is the row being written: it stands in checks alone", offset=term.offset)
    levels = place.levels - place.home_levels
    if not levels:
        return _along(place, place.home, term.parts, term.offset)
    if len(term.parts) > 1:
        raise UnfitRule("inside exists, row and new name columns alone", offset=term.offset)
    column = _column(place.home, term.parts[0], (), term.offset)
    return Typed(Outer(column, levels), column.type)


def _along(place: Place, table: Table, parts: tuple[str, ...], offset: int) -> Typed:
    relationships = place.catalog.relationships.get(table, {})
    name, rest = parts[0], parts[1:]
    if not rest:
        column = _column(table, name, relationships, offset)
        return Typed(Field(column), column.type)
    relationship = relationships.get(name)
    if relationship is None:
        if name in table.by_name:
            raise UnfitRule(f"{name!r} is a column of {table.label}, nothing lies behind it", offset=offset)
        raise UnfitRule(
            f"{table.label} has no relationship {name!r}", hint=spelling(name, relationships), offset=offset
        )
    if relationship.many:
        raise UnfitRule(
            f"{name!r} leads to many rows",
            hint=f"say of which: exists({name}, {'.'.join(rest)} == …)",
            offset=offset,
        )
    inner = _along(place, relationship.target, rest, offset)
    return Typed(Related(relationship, inner.expression, TRUE), inner.type)


def _column(table: Table, name: str, relationships: Iterable[str], offset: int) -> Column:
    column = table.by_name.get(name)
    if column is not None:
        return column
    if name in relationships:
        raise UnfitRule(
            f"{name!r} is a relationship of {table.label}, not a column",
            hint=f"name a column of it, or use exists({name}, …)",
            offset=offset,
        )
    raise UnfitRule(f"{table.label} has no column {name!r}", hint=spelling(name, table.by_name), offset=offset)


# ── values ───────────────────────────────────────────────────────────────────────────────────


def bind_value(term: ValueTerm, type_: DataType) -> Operand:
    """The term as an operand of that type; raises UnfitRule."""
    match term:
        case ClaimPath(parts=parts):
            return Claim(parts, type_)
        case Constant():
            return Literal(bind_constant(term, type_), type_)
        case Clock():
            return bind_clock(term, type_)
        case _:
            assert_never(term)


def bind_constant(constant: Constant, type_: DataType) -> Value:
    """The constant's canonical value; raises UnfitRule when it is not of the type."""
    quoted = isinstance(constant.value, str)
    try:
        if quoted and type_.kind in {Kind.INTEGER, Kind.DECIMAL}:
            raise UnfitRule(
                f"{type_.native} is compared with a text", hint="leave the quotes out", offset=constant.offset
            )
        if constant.text and type_.kind in {Kind.DECIMAL, Kind.FLOAT}:
            return parse_text(type_, constant.text)
        return parse_json(type_, constant.value)
    except InvalidValue as fault:
        hint = nearest(constant.value, type_.labels) if isinstance(constant.value, str) else None
        raise UnfitRule(
            fault.message, hint=f"did you mean {hint!r}?" if hint else None, offset=constant.offset
        ) from None


_CLOCKS = {
    False: ("now()", {Kind.TIMESTAMP, Kind.INSTANT}, "today()"),
    True: ("today()", {Kind.DATE}, "now()"),
}


def bind_clock(clock: Clock, type_: DataType) -> Now:
    """The moment as the type says. A date is never compared with a moment: databases disagree about what that means."""
    name, kinds, other = _CLOCKS[clock.day]
    if type_.kind in kinds:
        return Now(type_)
    hint = f"use {other}" if type_.kind in {Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT} else None
    raise UnfitRule(f"{name} cannot be compared with {type_.native}", hint=hint, offset=clock.offset)


# ── types that may meet ──────────────────────────────────────────────────────────────────────

_NUMBERS = {Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT}
_BY_NAME = {Kind.ENUM, Kind.ARRAY, Kind.SPECIAL, Kind.SET}
"""Kinds of which every native type is a type of its own."""


def comparable_types(left: DataType, right: DataType) -> bool:
    """Whether two columns of these types can be compared with one meaning on every database."""
    if left.kind in _NUMBERS and right.kind in _NUMBERS:
        return True
    return left.kind is right.kind and (left.kind not in _BY_NAME or left.native == right.native)


# ── small things that both forms of a rule need ──────────────────────────────────────────────


def negated(part: Filter) -> Filter:
    """Not the part; what is simply true becomes false, and the other way round."""
    if part == TRUE:
        return FALSE
    if part == FALSE:
        return TRUE
    return part.part if isinstance(part, Not) else Not(part)


def table_named(catalog: Catalog, name: str) -> Table | None:
    """The table of that public label, else of that name in the database (with its schema, or in the first one)."""
    found = catalog.tables.get(name)
    if found is not None:
        return found
    for table in catalog.tables.values():
        if name == f"{table.schema}.{table.name}" or (name == table.name and table.schema == catalog.schemas[0]):
            return table
    return None
