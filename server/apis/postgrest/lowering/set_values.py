"""MariaDB's SET as an array that has no order: its values as texts, and as the bits that they are kept as.

    {b,a}    PostgreSQL's way of writing an array; also MariaDB's own, `b,a`

Rule: a label is one of the type's or the request ends.
"""

from __future__ import annotations

from typing import Final

from reflector.datatypes import DataType, Kind, Value, parse_json, parse_text
from reflector.errors import InvalidValue
from reflector.query.nodes import Literal
from server.apis.postgrest.grammar.arrays import array_items
from server.apis.postgrest.grammar.limits import LIMITS, Limits

EQUALITIES: Final = frozenset({"eq", "neq"})
BITS: Final = DataType(Kind.INTEGER, "bigint unsigned", bits=64, unsigned=True)


def set_value(type_: DataType, text: str, limits: Limits = LIMITS) -> Value:
    """The labels that a text names, in the order of the type; raises PostgrestError, InvalidValue."""
    if not text.startswith("{"):
        return parse_text(type_, text)
    items = array_items(text, limits)
    if None in items:
        raise InvalidValue("NULL cannot be in a set")
    return parse_json(type_, list(items))


def bits_of(type_: DataType, labels: Value) -> Literal:
    """The labels as the number that MariaDB keeps them as: a bit for each."""
    return Literal(sum(1 << place for place, label in enumerate(type_.labels) if label in labels), BITS)
