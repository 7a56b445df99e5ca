"""What a trial's result is told in: what was expected after `-`, what was seen after `+`.

Rule: a value stands on one line, as the file would write it, so that it can be taken from there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any


def differing(expected: str, seen: str) -> Iterator[str]:
    yield f"- {expected}"
    yield f"+ {seen}"


def sets_differ(word: str, wanted: Sequence[str], seen: Sequence[str]) -> Iterator[str]:
    """Names that are missing, and names that are too many."""
    missing, surplus = [each for each in wanted if each not in seen], [each for each in seen if each not in wanted]
    if missing:
        yield f"- {word}: {', '.join(missing)}"
    if surplus:
        yield f"+ {word}: {', '.join(surplus)}"


def counted(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows} rows"


def inline(value: Any) -> str:
    """A value on one line, as the file would write it."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name}: {inline(each)}' for name, each in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(inline, value))}]"
    if isinstance(value, Decimal):
        return str(value)
    return json.dumps(value, ensure_ascii=False, default=str)
