"""A query's tree as text for people: short parts on one line, long ones below one another.

Rule: it shows what is there and nothing else; a field that says what it says by itself anyway is left out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from enum import Enum
from typing import Any

from reflector.catalog.model import Column, Relationship, Table
from reflector.datatypes import DataType
from reflector.query.comparisons import Comparison
from reflector.query.nodes import Field, Output

WIDE = 96
STEP = "  "


def shown(node: Any, indent: str = "") -> Iterator[str]:
    """The lines of a node."""
    short = inline(node)
    if len(indent) + len(short) <= WIDE or not _parts(node):
        yield indent + short
        return
    yield indent + (type(node).__name__ if dataclasses.is_dataclass(node) else "each of")
    for name, part in _parts(node):
        label = f"{name}: " if name else ""
        first, *rest = shown(part, indent + STEP * 2)
        yield indent + STEP + label + first.lstrip()
        yield from rest


def inline(node: Any) -> str:
    """A node on one line."""
    match node:
        case Table():
            return node.label
        case Column() | Comparison():
            return node.name
        case Relationship():
            return f"{node.source.label}.{node.name}"
        case Field():
            return node.column.name
        case Output() if node.label == inline(node.expression):
            return node.label
        case DataType():
            return node.native
        case Enum():
            return str(node.value)
        case tuple() | list():
            return f"[{', '.join(map(inline, node))}]"
        case _ if dataclasses.is_dataclass(node):
            parts = (f"{name}={inline(part)}" for name, part in _parts(node))
            return f"{type(node).__name__}({', '.join(parts)})"
        case _:
            return repr(node)


def _parts(node: Any) -> list[tuple[str, Any]]:
    """What a node is made of, without what is as it always is."""
    if isinstance(node, tuple | list):
        return [("", part) for part in node]
    if isinstance(node, Table | Column | Relationship | DataType | Comparison) or not dataclasses.is_dataclass(node):
        return []
    fields = ((each.name, getattr(node, each.name), each.default) for each in dataclasses.fields(node))
    return [(name, value) for name, value, usual in fields if value != usual]
