"""What a comparison means: in SQL and in memory, side by side.

`sql` speaks to a dialect, and to SQL expressions by duck typing; `holds` to two canonical values that are not NULL.
Everything an API can spell (`operators`) is made of these few.

Rule: a new comparison is one new row here, plus at most one method of `Speaker` where databases say it differently.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from reflector.datatypes import Value
from reflector.query.speaker import Speaker

ESCAPE = "\\"
"""What makes `%`, `_` and itself literal in a pattern, on every database."""


@dataclass(frozen=True, eq=False, slots=True)
class Comparison:
    """`many` takes a tuple as its operand. `pattern` takes a LIKE pattern. `equality` compares for being the same."""

    name: str
    sql: Callable[[Speaker, Any, Any], Any]
    holds: Callable[[Value, Value], bool]
    many: bool = False
    pattern: bool = False
    equality: bool = False

    def __repr__(self) -> str:
        return f"<{self.name}>"


def matches_pattern(text: str, pattern: str) -> bool:
    r"""LIKE with `\` as escape, in time linear in the text for each `%` of the pattern; no backtracking beyond one."""
    marks = pattern_marks(pattern)
    at = mark = 0
    retry_at, retry_mark = 0, -1
    while at < len(text):
        if mark < len(marks) and marks[mark] == "%*":
            retry_at, retry_mark = at, mark
            mark += 1
        elif mark < len(marks) and marks[mark] in ("_?", text[at]):
            at, mark = at + 1, mark + 1
        elif retry_mark >= 0:
            retry_at += 1
            at, mark = retry_at, retry_mark + 1
        else:
            return False
    return all(each == "%*" for each in marks[mark:])


def pattern_marks(pattern: str) -> list[str]:
    """The pattern's parts: literal characters, `%*` for any run and `_?` for any one character."""
    marks: list[str] = []
    escaped = False
    for character in pattern:
        if not escaped and character == ESCAPE:
            escaped = True
            continue
        marks.append({"%": "%*", "_": "_?"}.get(character, character) if not escaped else character)
        escaped = False
    return [*marks, ESCAPE] if escaped else marks


def closed_pattern(pattern: str) -> str:
    """The same pattern with an escape at its end made literal: PostgreSQL refuses one that escapes nothing."""
    trailing = len(pattern) - len(pattern.rstrip(ESCAPE))
    return pattern + ESCAPE if trailing % 2 else pattern


def escape_pattern(text: str) -> str:
    """The pattern that matches just this text."""
    return text.replace(ESCAPE, ESCAPE * 2).replace("%", ESCAPE + "%").replace("_", ESCAPE + "_")


EQ = Comparison("eq", lambda d, left, right: left == right, operator.eq, equality=True)
NE = Comparison("ne", lambda d, left, right: left != right, operator.ne, equality=True)
LT = Comparison("lt", lambda d, left, right: left < right, operator.lt)
LTE = Comparison("lte", lambda d, left, right: left <= right, operator.le)
GT = Comparison("gt", lambda d, left, right: left > right, operator.gt)
GTE = Comparison("gte", lambda d, left, right: left >= right, operator.ge)
IN = Comparison(
    "in", lambda d, left, right: d.contained(left, right), lambda left, right: left in right, many=True, equality=True
)
LIKE = Comparison("like", lambda d, left, right: d.like(left, right), matches_pattern, pattern=True)
ILIKE = Comparison(
    "ilike",
    lambda d, left, right: d.ilike(left, right),
    lambda left, right: matches_pattern(left.lower(), right.lower()),
    pattern=True,
)

COMPARISONS: Mapping[str, Comparison] = {each.name: each for each in (EQ, NE, LT, LTE, GT, GTE, IN, LIKE, ILIKE)}
