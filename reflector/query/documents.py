"""One JSON document in another, as PostgreSQL's `jsonb @>` has it, on every database.

    {"a": [1, {"b": 2}], "c": 3} holds {"a": [{"b": 2}]}
    [1, [2]] holds [[2]], and 1; not 2

An object holds one whose members it has, each holding the other's; an array one whose every item one of its own holds; at
the top, and only there, an array holds a plain value that is among its items. Numbers are the same by what they are
worth, whatever their spelling.

Rule: nothing is unwrapped but at the top; `holds` says what is meant, and a dialect that says it otherwise is wrong.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Any

from reflector.query.comparisons import Comparison
from reflector.query.outlines import Outline


def holds(whole: Any, part: Any) -> bool:
    """Whether the document holds the other one. Both are parsed JSON, numbers int, Decimal or float."""
    if isinstance(whole, list) and not isinstance(part, (list, dict)):
        return any(_same(each, part) for each in whole)
    return _holds(whole, part)


def _holds(whole: Any, part: Any) -> bool:
    if isinstance(part, dict):
        if not isinstance(whole, dict) or len(whole) < len(part):
            return False
        return all(name in whole and _holds(whole[name], each) for name, each in part.items())
    if isinstance(part, list):
        if not isinstance(whole, list):
            return False
        plain = {_plain(each) for each in whole if not isinstance(each, (dict, list))}
        return all(_among(whole, each) if isinstance(each, (dict, list)) else _plain(each) in plain for each in part)
    return _same(whole, part)


def _among(items: list[Any], part: Any) -> bool:
    return any(type(each) is type(part) and _holds(each, part) for each in items)


def _same(left: Any, right: Any) -> bool:
    return not isinstance(left, (dict, list)) and _plain(left) == _plain(right)


def _plain(value: Any) -> tuple[bool, Any]:
    """A plain value as it is compared: true is not 1, and 1.0 is."""
    return isinstance(value, bool), Decimal(repr(value)) if isinstance(value, float) else value


@lru_cache(maxsize=1024)
def containing(outline: Outline | None) -> Comparison:
    """A document contains the operand. `outline` is the operand's, for databases that have to know it. Equal outlines give
    the same comparison, so that a plan is found again."""
    return Comparison("cs", lambda d, left, right: d.documents.contains(left, right, outline), holds)


@lru_cache(maxsize=1024)
def contained_in(outline: Outline | None) -> Comparison:
    """A document is contained in the operand; as `containing`."""
    return Comparison(
        "cd", lambda d, left, right: d.documents.contained(left, right, outline), lambda left, right: holds(right, left)
    )
