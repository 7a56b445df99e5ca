"""Scalars: what a column's type is called, and how a literal of a document becomes a value.

On PostgreSQL a scalar has the name of the database's own type, as Hasura has it; on the other databases the name that
PostgreSQL has for the same kind of value. Beyond Int, String, Boolean and Float any JSON may be given for one, and the
column says whether it can be its value.

Rule: a literal keeps every digit it was written with; a value is judged by its column and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from graphql import (
    BooleanValueNode,
    FloatValueNode,
    GraphQLBoolean,
    GraphQLError,
    GraphQLInt,
    GraphQLNamedType,
    GraphQLScalarType,
    GraphQLString,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    StringValueNode,
    ValueNode,
)

from reflector.datatypes import DataType, Kind

DIGITS: Final = 1000
ARRAY_SUFFIX: Final = "_array"
_NAME: Final = re.compile(r"[A-Za-z][_A-Za-z0-9]*")

POSTGRESQL: Final[Mapping[str, str]] = {
    "int2": "smallint",
    "int4": "Int",
    "int8": "bigint",
    "text": "String",
    "varchar": "String",
    "name": "String",
    "bool": "Boolean",
    "float4": "Float",
}
"""Types whose scalar has another name than they."""

ELSEWHERE: Final[Mapping[Kind, str]] = {
    Kind.BOOLEAN: "Boolean",
    Kind.DECIMAL: "numeric",
    Kind.TEXT: "String",
    Kind.UUID: "uuid",
    Kind.BYTES: "bytea",
    Kind.DATE: "date",
    Kind.TIME: "time",
    Kind.TIMESTAMP: "timestamp",
    Kind.INSTANT: "timestamptz",
    Kind.INTERVAL: "interval",
    Kind.JSON: "jsonb",
    Kind.ENUM: "String",
    Kind.SET: "String",
    Kind.SPECIAL: "String",
    Kind.OPAQUE: "String",
}
BUILT_IN: Final = ("Int", "String", "Boolean", "Float", "ID")


def is_list(type_: DataType) -> bool:
    """Whether values of the type are lists."""
    return type_.kind is Kind.SET or (type_.kind is Kind.ARRAY and type_.element is not None)


def element_type(type_: DataType) -> DataType:
    """The type of a list's items, to any depth; the type itself where it is no list."""
    return element_type(type_.element) if type_.kind is Kind.ARRAY and type_.element is not None else type_


@lru_cache(maxsize=4096)
def scalar_name(type_: DataType) -> str:
    """What the type is called, or the type of its items where it is a list."""
    native = type_.cast.rpartition(".")[2].strip('"')
    if native:
        return POSTGRESQL.get(native) or (native if _NAME.fullmatch(native) else "String")
    if type_.kind is Kind.INTEGER:
        return _integer(type_)
    if type_.kind is Kind.FLOAT:
        return "Float" if type_.bits == 32 or type_.native.lower().startswith("float") else "float8"
    if type_.kind is Kind.SPECIAL and _NAME.fullmatch(type_.native):
        return type_.native.lower()
    return ELSEWHERE.get(type_.kind, "String")


def _integer(type_: DataType) -> str:
    bits = type_.bits + type_.unsigned
    return "smallint" if bits <= 16 else "Int" if bits <= 32 else "bigint" if bits <= 64 else "numeric"


def comparison_name(scalar: str) -> str:
    """The input type of the comparisons of a scalar, or of lists of it when `scalar` ends so."""
    return f"{scalar}_comparison_exp"


def literal_value(node: ValueNode) -> Any:
    """A literal as JSON, numbers exact; raises GraphQLError for what is no JSON."""
    match node:
        case NullValueNode():
            return None
        case BooleanValueNode() | StringValueNode():
            return node.value
        case IntValueNode() | FloatValueNode():
            return _number(node)
        case ListValueNode():
            return [literal_value(each) for each in node.values]
        case ObjectValueNode():
            return {each.name.value: literal_value(each.value) for each in node.fields}
        case _:
            raise GraphQLError("this is neither text, number, list nor object: text stands in quotes", node)


def _number(node: IntValueNode | FloatValueNode) -> int | Decimal:
    if len(node.value) > DIGITS:
        raise GraphQLError(f"a number has at most {DIGITS} digits", node)
    if isinstance(node, IntValueNode):
        return int(node.value)
    try:
        value = Decimal(node.value)
    except InvalidOperation:
        raise GraphQLError("a number is too large", node) from None
    if abs(value.adjusted()) > DIGITS:
        raise GraphQLError("a number is too large or too small", node)
    return value


def _given(value: Any) -> Any:
    return value


def _scalar(name: str, description: str | None = None) -> GraphQLScalarType:
    return GraphQLScalarType(
        name, coerce_input_value=_given, coerce_input_literal=literal_value, description=description
    )


class ExactFloat(GraphQLScalarType):
    """`Float` that takes numbers as they were read from JSON, with all of their digits: the library's refuses those."""

    reserved_types: Mapping[str, GraphQLNamedType] = MappingProxyType({})


FLOAT: Final = ExactFloat("Float", coerce_input_value=_given, coerce_input_literal=literal_value)


class Scalars:
    """Scalars by name."""

    def __init__(self) -> None:
        self._known: dict[str, GraphQLScalarType] = {
            "Int": GraphQLInt,
            "String": GraphQLString,
            "Boolean": GraphQLBoolean,
            "Float": FLOAT,
        }

    def get(self, name: str) -> GraphQLScalarType:
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = _scalar(name)
        return found
