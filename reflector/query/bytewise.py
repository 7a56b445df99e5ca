"""What it takes to compare text byte by byte: in which type values meet, and what a dialect must know of both sides.

A rule's text is what its letters are. Collations without case, types without case (`citext`) and values that a database
fills up with spaces (`char(n)`) find others equal, wherever text stands: in a column, or in the items of an array.

Rule: spaces that a database adds are no part of a value, and spaces that a claim or a constant ends in are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from reflector.datatypes import DataType, Kind, Value
from reflector.query.comparisons import GT, GTE, LT, LTE, Comparison
from reflector.query.expressions import type_of
from reflector.query.native import IMATCH, MATCH
from reflector.query.nodes import (
    TEXT,
    Claim,
    Compare,
    Expression,
    Field,
    Guarded,
    Literal,
    Lowered,
    Operand,
    Outer,
    Parameter,
    Related,
)

ORDERS: Final = (LT, LTE, GT, GTE)


@dataclass(frozen=True, slots=True)
class Sides:
    """Both sides of an exact comparison: the types of what is compared, and of a column it is compared with.

    `bare`: the left is a plain column, whose index may serve. `alike`: no other collation than the left's has a say.
    """

    type: DataType
    other: DataType | None
    bare: bool
    alike: bool

    def plain(self, comparison: Comparison) -> bool:
        """Whether the database's own comparison is the one of bytes."""
        return self.alike and comparison not in ORDERS and not any(map(loose, (self.type, self.other)))


def bytewise(type_: DataType) -> DataType | None:
    """The type in which its values meet others byte by byte; None where they are no text, and meet as they are."""
    if type_.kind is Kind.TEXT or (type_.kind is Kind.SPECIAL and type_.case_insensitive):
        return None if type_.by else TEXT
    if type_.kind is Kind.ARRAY and type_.element is not None and bytewise(type_.element) is TEXT:
        return DataType(Kind.ARRAY, "text[]", cast=f"{TEXT.cast}[]", element=TEXT)
    return None


def loose(type_: DataType | None) -> bool:
    """Whether the database finds values of the type equal whose bytes differ."""
    if type_ is None:
        return False
    return type_.case_insensitive or type_.padded or loose(type_.element)


def unpadded(value: Value, type_: DataType) -> Value:
    """The stored value, or array of values, without the spaces that the database filled it up with."""
    if type_.padded and isinstance(value, str):
        return value.rstrip(" ")
    if type_.element is not None and isinstance(value, tuple):
        inner = type_ if any(isinstance(each, tuple) for each in value) else type_.element
        return tuple(unpadded(each, inner) for each in value)
    return value


def sides_of(where: Compare, type_: DataType) -> Sides:
    """The two sides of an exact comparison whose left is of that type."""
    other = where.operand
    if not isinstance(other, Field | Outer | Lowered):
        return Sides(type_, None, isinstance(where.expression, Field), alike=True)
    alike = collation_of(where.expression) == collation_of(other)
    return Sides(type_, type_of(other), isinstance(where.expression, Field), alike)


def collation_of(expression: Expression) -> str | None:
    """The collation of the column that the expression is made of, None for its type's own."""
    match expression:
        case Field(column=column) | Outer(column=column):
            return column.collation
        case Lowered(expression=inner) | Guarded(expression=inner) | Related(expression=inner):
            return collation_of(inner)
        case _:
            return None


def as_bytes(operand: Operand) -> Operand:
    """The operand with its value in the type in which bytes are compared; a column is what it is."""
    match operand:
        case Literal(type=type_) | Claim(type=type_) | Parameter(type=type_):
            return replace(operand, type=bytewise(type_) or type_)
        case _:
            return operand


def looks_for_letters(comparison: Comparison) -> bool:
    """Whether it compares letter by letter, which no collation without case can."""
    return comparison.pattern or comparison in (MATCH, IMATCH)
