"""SQL's logic with three answers, and names with `*` and `?`: what the reference evaluator is written in.

Rule: nothing of the product, and nothing of a configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

Truth = bool | None


def every(answers: Iterable[Truth]) -> Truth:
    found = list(answers)
    return False if False in found else None if None in found else True


def negated(answer: Truth) -> Truth:
    return None if answer is None else not answer


def either(answers: Iterable[Truth]) -> Truth:
    return negated(every(negated(each) for each in answers))


def glob(name: str, known: Iterable[str]) -> list[str]:
    pattern = re.escape(name).replace(r"\*", ".*").replace(r"\?", ".")
    return [each for each in known if each == name or re.fullmatch(pattern, each)]


def compared(op: str, left: Any, right: Any) -> Truth:
    if left is None or right is None:
        return None
    if op in {"like", "ilike"}:
        spelled = "".join({"%": ".*", "_": "."}.get(each, re.escape(each)) for each in right)
        return re.fullmatch(spelled, left, re.DOTALL | (re.IGNORECASE if op == "ilike" else 0)) is not None
    right = fitted(right, left)
    less, same = (left < right, left == right) if op in {"lt", "lte", "gt", "gte"} else (False, left == right)
    more = op in {"ne", "gt", "gte"}  # the three that say no to the others
    return bool({"eq": same, "ne": same, "lt": less, "gte": less, "lte": less or same, "gt": less or same}[op]) != more


def fitted(given: Any, value: Any) -> Any:
    """A claim or a constant in the type of the value that it meets."""
    if isinstance(given, str) and isinstance(value, date):
        return type(value).fromisoformat(given)
    if isinstance(given, str | float) and isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(str(given))
    return str(given) if isinstance(value, str) else given


def unique(found: Iterable[Any]) -> list[Any]:
    listed = list(found)
    return [each for number, each in enumerate(listed) if each not in listed[:number]]
