"""What a JSON document is made of, without its values: what some databases have to know of one beforehand.

Rule: equal documents have equal outlines, whatever the order of their members.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, TypeAlias


@dataclass(frozen=True, slots=True)
class Members:
    """The outline of an object: its members by name."""

    of: tuple[tuple[str, Outline], ...]


@dataclass(frozen=True, slots=True)
class Items:
    """The outline of an array: its items in their order."""

    of: tuple[Outline, ...]


Outline: TypeAlias = Members | Items | str
"""What a document is made of, without its values; of a plain one its type, a value of TYPES."""
NULL: Final = "NULL"
TYPES: Final[Mapping[type, str]] = {
    str: "STRING",
    bool: "BOOLEAN",
    int: "NUMBER",
    float: "NUMBER",
    Decimal: "NUMBER",
    type(None): NULL,
}


def outline_of(document: Any) -> Outline:
    """The outline of a document."""
    if isinstance(document, dict):
        return Members(tuple([(name, outline_of(document[name])) for name in sorted(document)]))
    if isinstance(document, list):
        return Items(tuple([outline_of(each) for each in document]))
    return TYPES[type(document)]


def parts_of(document: Any) -> int:
    """How many objects, arrays and plain values a document is made of."""
    number, waiting = 0, [document]
    while waiting:
        each = waiting.pop()
        number += 1
        if isinstance(each, dict):
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
    return number
