"""Addresses that differ in plain values alone: `id=eq.77` and `id=eq.78` are read once.

Rule: only comparisons of different columns with plain values are taken for alike, and only where the values of the
first request were seen to be those of its plan, one by one. Everything else is read anew.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from reflector.datatypes import DataType, Kind, Value, parse_text
from reflector.query.scope import TableScope

Made = TypeVar("Made")
PLAIN: Final = re.compile(r"([A-Za-z_]\w*)=(eq|neq|gt|gte|lt|lte)\.([\w:.-]+)\Z", re.ASCII)
RESERVED: Final = frozenset({"select", "columns", "on_conflict", "order", "limit", "offset", "and", "or"})
OTHER_WORDS: Final = frozenset({Kind.JSON, Kind.ARRAY})
"""Kinds whose values are written in a way of this API's own."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A query string without its plain values. `names` are the columns that were compared with `values`."""

    text: str
    names: tuple[str, ...]
    values: tuple[str, ...]


def shape_of(query: str) -> Shape | None:
    """The shape, None where there is nothing plain in it."""
    if not query or "(" in query:
        return None
    parts, names, values = [], [], []
    for part in query.split("&"):
        found = PLAIN.match(part)
        if found is None or found[1] in RESERVED:
            parts.append(part)
        else:
            parts.append(f"{found[1]}={found[2]}.\n")
            names.append(found[1])
            values.append(found[3])
    if not names or len(set(names)) != len(names):
        return None
    return Shape("&".join(parts), tuple(names), tuple(values))


@dataclass(frozen=True, eq=False, slots=True)
class Template(Generic[Made]):
    """What a request was read as, and the types of the values that others of its shape bring. `rest` are the values of
    the plan that are the same for all."""

    made: Made
    types: tuple[DataType, ...]
    rest: tuple[Value, ...]

    @classmethod
    def of(cls, shape: Shape, made: Made, table: TableScope, values: Sequence[Value]) -> Template[Made] | None:
        """The template of a request whose plan has these values; None where they are not those of its shape."""
        columns = [table.readable.get(name) for name in shape.names]
        if any(column is None or _worded_otherwise(column.type) for column in columns):
            return None
        types = tuple(column.type for column in columns if column is not None)
        given = [parse_text(type_, text) for type_, text in zip(types, shape.values, strict=True)]
        if list(values[: len(given)]) != given:
            return None
        return cls(made, types, tuple(values[len(given) :]))

    def filled(self, shape: Shape) -> list[Value]:
        """The values of the plan for another request; raises InvalidValue."""
        given = [parse_text(type_, text) for type_, text in zip(self.types, shape.values, strict=True)]
        return [*given, *self.rest]


def _worded_otherwise(type_: DataType) -> bool:
    return type_.kind in OTHER_WORDS or (type_.represented is not None and type_.represented.from_text is not None)
