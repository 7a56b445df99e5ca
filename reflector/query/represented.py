"""Types as the representation of a domain has them: what a document shows, a body gives and a filter gives.

Each is a type whose values the database makes by a function: of the column's value, of JSON, of a text.

Rule: an API that asks for none of these meets the values themselves.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from reflector.datatypes import DataType, Kind
from reflector.query.nodes import Cast, Expression, Field, Guarded, Output, Selected, Spread


def shown_type(type_: DataType) -> DataType | None:
    """What a document shows of a value of the type; None where that is the value itself."""
    own = type_.represented
    if own is None or own.shown is None:
        return None
    return DataType(Kind.JSON, "json", cast="pg_catalog.json", by=own.shown, busy=not own.steady)


def body_type(type_: DataType) -> DataType:
    """What a body gives for a value of the type."""
    own = type_.represented
    if own is None or own.from_json is None:
        return given_type(type_)
    return DataType(Kind.JSON, type_.native, cast="pg_catalog.json", by=own.from_json, busy=not own.steady)


def given_type(type_: DataType) -> DataType:
    """What is given for a value that PostgreSQL makes of JSON; any other type is itself."""
    if not type_.by_json:
        return type_
    return DataType(Kind.JSON, type_.native, cast="pg_catalog.json", by_json=type_.by_json)


def filter_type(type_: DataType) -> DataType:
    """What a filter compares a value of the type with."""
    own = type_.represented
    if own is None or own.from_text is None:
        return type_
    return DataType(Kind.TEXT, type_.native, cast="pg_catalog.text", by=own.from_text, busy=not own.steady)


def shown(member: Selected, masked: Container[str] = ()) -> Selected:
    """The member as representations have it; a column that is `masked` is shown as its mask has it."""
    if not isinstance(member, Output) or not isinstance(member.expression, Field):
        return member
    if member.expression.column.name in masked:
        return member
    type_ = shown_type(member.expression.column.type)
    return member if type_ is None else Output(member.label, Cast(member.expression, type_))


def plain(member: Selected) -> Selected:
    """The member with the values themselves, for groups are made of those; also of rows that are spread into them."""
    match member:
        case Output(label=label, expression=Cast(expression=Field() as field, type=type_)) if type_.by:
            return Output(label, field)
        case Spread():
            return replace(member, read=replace(member.read, select=tuple(map(plain, member.read.select))))
        case _:
            return member


def made(expression: Expression, type_: DataType) -> Expression:
    """The expression as that type. A function of somebody's own is not asked about a value that is out of sight."""
    if type_.by and isinstance(expression, Guarded):
        return Guarded(expression.rule, Cast(expression.expression, type_))
    return Cast(expression, type_)
