"""What an expression gives: its type, and whether making it can go wrong.

Rule: what is said here of an expression holds on every database.
"""

from __future__ import annotations

from typing import assert_never

from reflector.datatypes import DataType
from reflector.query.nodes import (
    COUNT,
    DOCUMENT,
    TEXT,
    Cast,
    Counted,
    Expression,
    Field,
    FixedText,
    Guarded,
    JsonPath,
    Lowered,
    Outer,
    Related,
)


def type_of(expression: Expression) -> DataType:
    """The type of what an expression gives."""
    match expression:
        case Field(column=column) | Outer(column=column):
            return column.type
        case Lowered(expression=inner) | Guarded(expression=inner) | Related(expression=inner):
            return type_of(inner)
        case JsonPath(text=text):
            return TEXT if text else DOCUMENT
        case Cast(type=type_):
            return type_
        case FixedText():
            return TEXT
        case Counted():
            return COUNT
        case _:
            assert_never(expression)


def may_fail(expression: Expression) -> bool:
    """Whether the values of a row can make the expression an error: then it must not be asked of a row out of sight."""
    match expression:
        case Cast() | JsonPath():
            return True
        case Lowered(expression=inner) | Guarded(expression=inner):
            return may_fail(inner)
        case Field() | Outer() | FixedText() | Counted() | Related():
            return False  # what is related is made of the rows in sight alone
        case _:
            assert_never(expression)
