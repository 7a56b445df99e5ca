"""What an expression gives: its type, and whether making it can go wrong.

Rule: what is said here of an expression holds on every database.
"""

from __future__ import annotations

from typing import assert_never

from reflector.datatypes import DataType
from reflector.errors import InternalError
from reflector.query.masks import Masked
from reflector.query.nodes import (
    COUNT,
    DOCUMENT,
    TEXT,
    Aggregate,
    Cast,
    Computed,
    Counted,
    Expression,
    Field,
    FixedText,
    Group,
    Guarded,
    JsonPath,
    Lowered,
    Outer,
    Output,
    Related,
    Selected,
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
        case Aggregate(function=function, expression=inner):
            return function.result(COUNT if inner is None else type_of(inner))
        case Computed(function=function):
            if function.value is None:
                raise InternalError(f"{function.name} gives no value")
            return function.value
        case FixedText() | Masked():
            return TEXT
        case Counted():
            return COUNT
        case _:
            assert_never(expression)


def may_fail(expression: Expression) -> bool:
    """Whether the values of a row can make the expression an error: then it must not be asked of a row out of sight."""
    match expression:
        case Cast() | JsonPath() | Computed():
            return True
        case Lowered(expression=inner) | Guarded(expression=inner):
            return may_fail(inner)
        case Field() | Outer() | FixedText() | Counted() | Aggregate() | Related() | Masked():
            return False  # what is related is made of the rows in sight alone
        case _:
            assert_never(expression)


def aggregates(expression: Expression) -> bool:
    """Whether it takes several rows to say what the expression gives."""
    match expression:
        case Aggregate():
            return True
        case (
            Lowered(expression=inner) | Guarded(expression=inner) | Cast(expression=inner) | JsonPath(expression=inner)
        ):
            return aggregates(inner)
        case Field() | Outer() | Computed() | FixedText() | Counted() | Related() | Masked():
            return False
        case _:
            assert_never(expression)


def grouped(members: tuple[Selected, ...]) -> bool:
    """Whether the document is about groups of rows, and no longer about one row."""
    return any(
        (isinstance(each, Output) and aggregates(each.expression)) or (isinstance(each, Group) and grouped(each.select))
        for each in members
    )
