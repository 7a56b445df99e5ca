"""SQL's logic with three answers, names with `*` and `?`, texts that are shown in part, Python's syntax: what the reference
evaluator is written in.

Rule: nothing of the product, and nothing of a configuration.
"""

from __future__ import annotations

import ast
import hashlib
import hmac
import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from functools import cache
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


TURNED = {"eq": "eq", "noteq": "noteq", "lt": "gt", "lte": "gte", "gt": "lt", "gte": "lte"}
"""What says the same with the sides exchanged."""


def compared(op: str, left: Any, right: Any) -> Truth:
    """The right one takes the type of the left one."""
    if op in {"is", "isnot", "isnull"}:
        return (left is None) == (right if op == "isnull" else op == "is")
    if op in {"in", "nin", "notin"}:
        found = None if right is None else either([compared("eq", left, each) for each in right])
        return found if op == "in" else negated(found)
    if left is None or right is None:
        return None
    if op in {"like", "ilike"}:
        spelled = "".join({"%": ".*", "_": "."}.get(each, re.escape(each)) for each in right)
        return re.fullmatch(spelled, left, re.DOTALL | (re.IGNORECASE if op == "ilike" else 0)) is not None
    right = fitted(right, left)
    less, same = (left < right, left == right) if op in {"lt", "lte", "gt", "gte"} else (False, left == right)
    more = op in {"ne", "noteq", "gt", "gte"}  # those that say no to the others
    return (
        bool(
            {"eq": same, "ne": same, "noteq": same, "lt": less, "gte": less, "lte": less or same, "gt": less or same}[
                op
            ]
        )
        != more
    )


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


def masked(ways: Iterable[str], value: Any, secret: str) -> str | None:
    """A text as the way shows it that shows most."""
    if value is None:
        return None
    way = min(ways, key=("last4", "partial", "hash").index)
    if way == "hash":
        extracted = hmac.digest(bytes(32), secret.encode(), hashlib.sha256)
        key = hmac.digest(extracted, b"reflector masks\x01", hashlib.sha256)
        return hmac.digest(key, value.encode(), hashlib.sha256).hex()[:32]
    if way == "last4":
        return "****" + (value[-4:] if len(value) > 7 else "")
    return f"{value[0]}***{value[-1]}" if len(value) > 4 else "***"


@cache
def parsed(rule: str) -> ast.expr:
    return ast.parse(rule.strip(), mode="eval").body


def dotted(node: Any) -> list[str]:
    if isinstance(node, ast.Call):
        return [str(ast.literal_eval(each)) for each in node.args]
    return [node.id] if isinstance(node, ast.Name) else [*dotted(node.value), node.attr]
