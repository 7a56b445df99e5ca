"""A rule's text as conditions: Python's own parser reads it, and only a small part of Python is let through.

Rule: parsing needs no catalog. What is refused here is wrong on every database, what is refused while binding may be
right on another; the first keeps a server from starting, the second closes a table.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from reflector.access.rule_faults import all_made
from reflector.access.rule_syntax import (
    Absent,
    Among,
    ClaimPath,
    ColumnTerm,
    Compared,
    Condition,
    Constant,
    Contains,
    Either,
    Every,
    Holds,
    Keyed,
    Lower,
    Matched,
    Negated,
    Path,
    RowPath,
    There,
    Truth,
    ValueTerm,
)
from reflector.access.rules_scan import scan
from reflector.access.rules_terms import (
    PYTHON_SPELLING,
    TERMS,
    Source,
    arguments,
    is_column,
    read_constant,
    read_path,
    read_term,
    unknown_function,
)
from reflector.errors import RuleError
from reflector.query.comparisons import EQ, ESCAPE, GT, GTE, ILIKE, LIKE, LT, LTE, NE, Comparison

DEEPEST: Final = 32
KEPT: Final = 16_384
"""Rules that are kept as they were read: all of a large file, because several look at each in turn."""

_COMPARISONS: Final[dict[type[ast.cmpop], Comparison]] = {
    ast.Eq: EQ,
    ast.NotEq: NE,
    ast.Lt: LT,
    ast.LtE: LTE,
    ast.Gt: GT,
    ast.GtE: GTE,
}
TURNED: Final = {EQ: EQ, NE: NE, LT: GT, LTE: GTE, GT: LT, GTE: LTE}
_HINTS: Final = (
    ("&&", "write and"),
    ("||", "write or"),
    ("<>", "write !="),
    ("!", "write not, or !="),
    ("=", "== compares"),
    (" AND ", "write and, or, not in lower case"),
    (" OR ", "write and, or, not in lower case"),
    ("NOT ", "write and, or, not in lower case"),
    (" IS ", "write 'is None' or 'is not None'"),
    (" IN ", "write in, and the list in brackets"),
)
_SQL: Final = (
    (" between ", "write x >= 1 and x <= 5"),
    (" like ", "write like(column, 'A%')"),
    (" ilike ", "write ilike(column, 'a%')"),
    ("select ", "write exists(relationship or table, condition)"),
)
"""Of the size of letters of these it does not matter."""
_EVERY_ROW: Final = "*"


@lru_cache(maxsize=KEPT)
def parse_rule(text: str) -> Condition:
    """The rule's condition; raises RuleError with the offset of what is wrong."""
    tree, source = _python(text)
    return _Reader(source).condition(tree, 1)


@lru_cache(maxsize=1024)
def parse_value(text: str) -> ValueTerm:
    """What a column is preset to: a constant, a claim or the clock; raises RuleError."""
    tree, source = _python(text)
    term = read_term(source, tree)
    if isinstance(term, Path | RowPath | Lower):
        raise source.error(tree, "a preset is a constant, claims.x, now() or today()", "put texts in quotes: 'draft'")
    return term


def _python(text: str) -> tuple[ast.expr, Source]:
    line = scan(text)
    shift = len(line) - len(line.lstrip())
    line = line[shift:]
    try:
        return ast.parse(line, mode="eval").body, Source(line, shift)
    except SyntaxError as fault:
        at = min(max((fault.offset or 1) - 1, 0), len(line))
        raise RuleError("this is not a rule", hint=_syntax_hint(line), offset=shift + at) from None
    except (ValueError, RecursionError, MemoryError):
        raise RuleError("the rule is nested too deeply", hint="name parts of it as policies", offset=0) from None


def _syntax_hint(line: str) -> str | None:
    plain = line.replace("==", "").replace("!=", "").replace("<=", "").replace(">=", "")
    if line.strip() == _EVERY_ROW:
        return "write true for every row"
    hints = (*_told(_HINTS, plain), *_told(_SQL, plain.lower()))
    return next(iter(hints), None)


def _told(hints: Iterable[tuple[str, str]], line: str) -> Iterator[str]:
    return (hint for mark, hint in hints if mark in line)


class _Reader:
    """Reads conditions. `depth` counts how deep a node stands, policies of other texts not included."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def condition(self, node: ast.expr, depth: int) -> Condition:
        source = self.source
        if depth > DEEPEST:
            raise source.error(node, "the rule is nested too deeply", "name parts of it as policies")
        match node:
            case ast.Constant(value=bool(value)):
                return Truth(value)
            case ast.BoolOp(op=ast.And(), values=parts):
                return Every(all_made(lambda part: self.condition(part, depth + 1), parts))
            case ast.BoolOp(values=parts):
                return Either(all_made(lambda part: self.condition(part, depth + 1), parts))
            case ast.UnaryOp(op=ast.Not(), operand=part):
                return Negated(self.condition(part, depth + 1))
            case ast.Compare():
                return self.comparison(node)
            case ast.Call(func=ast.Name(id=name)) if name != "col":
                return self.call(node, name, depth)
            case ast.Name() | ast.Attribute() | ast.Subscript() | ast.Call():
                return self.alone(node)
            case ast.Constant():
                raise source.error(node, f"{source.written(node)} is not a condition", "compare it with a column")
            case _:
                raise source.refuse(node)

    def alone(self, node: ast.expr) -> Holds:
        path = read_path(self.source, node)
        if isinstance(path, ClaimPath):
            raise self.source.error(
                node, "a claim is not a condition", "compare it with a column; for what somebody is there are roles"
            )
        return Holds(path)

    # ── comparisons ──────────────────────────────────────────────────────────────────────────

    def comparison(self, node: ast.Compare) -> Condition:
        if len(node.ops) != 1:
            raise self.source.error(node.comparators[1], "comparisons cannot be chained", "join two of them with and")
        operator, right = node.ops[0], node.comparators[0]
        match operator:
            case ast.In():
                return self.among(node.left, right)
            case ast.NotIn():
                return Negated(self.among(node.left, right))
            case ast.Is():
                return self.absent(node.left, right)
            case ast.IsNot():
                return Negated(self.absent(node.left, right))
            case _:
                return self.compared(node, _COMPARISONS[type(operator)], right)

    def compared(self, node: ast.Compare, comparison: Comparison, right: ast.expr) -> Compared:
        first, second = all_made(lambda side: read_term(self.source, side), (node.left, right))
        offset = self.source.offset(node)
        if is_column(first):
            return Compared(first, comparison, second, offset)
        if is_column(second):
            return Compared(second, TURNED[comparison], first, offset)
        raise self.source.error(node, "a comparison needs a column on one side", "for what somebody is there are roles")

    def column(self, node: ast.expr, what: str) -> ColumnTerm:
        term = read_term(self.source, node)
        if not is_column(term):
            raise self.source.error(node, f"{what} needs a column on its left")
        return term

    def absent(self, left: ast.expr, right: ast.expr) -> Absent:
        if not (isinstance(right, ast.Constant) and right.value is None):
            null = isinstance(right, ast.Name) and "None" in PYTHON_SPELLING.get(right.id.lower(), "")
            hint = "write 'is None' or 'is not None'" if null else "== compares"
            raise self.source.error(right, "'is' is for None alone", hint)
        return Absent(self.column(left, "'is None'"))

    def among(self, left: ast.expr, right: ast.expr) -> Among | Contains:
        source = self.source
        if isinstance(right, ast.Name | ast.Attribute | ast.Subscript | ast.Call):
            item, column = all_made(lambda side: read_term(source, side), (left, right))
            if isinstance(item, Constant | ClaimPath) and is_column(column):
                return Contains(column, item)
        term = self.column(left, "'in'")
        if not isinstance(right, ast.List | ast.Tuple):
            choices = read_term(source, right) if not isinstance(right, ast.Set) else None
            if isinstance(choices, ClaimPath):
                return Among(term, choices, source.offset(right))
            raise source.error(
                right, "'in' needs a list, or a claim that is one", "x in ['a', 'b']; x in claims.groups"
            )
        if not right.elts:
            raise source.error(right, "nothing is in an empty list")
        return Among(term, all_made(self.choice, right.elts), source.offset(right))

    def choice(self, node: ast.expr) -> Constant:
        if isinstance(node, ast.Name | ast.Attribute | ast.Subscript | ast.Call):
            raise self.source.error(node, "a list holds constants alone", "write x == … or x in […]")
        return read_constant(self.source, node)

    # ── calls ────────────────────────────────────────────────────────────────────────────────

    def call(self, node: ast.Call, name: str, depth: int) -> Condition:
        match name:
            case "exists":
                return self.exists(node, depth)
            case "like":
                return self.matched(node, LIKE)
            case "ilike":
                return self.matched(node, ILIKE)
            case "has_key":
                return self.keyed(node)
            case _ if name in TERMS:
                raise self.source.error(node, f"{name}() is a value, not a condition", "compare it with something")
            case _:
                raise unknown_function(self.source, node, name)

    def exists(self, node: ast.Call, depth: int) -> There:
        place, condition = arguments(self.source, node, "exists", 2, "exists(path, condition)")
        if not isinstance(place, ast.Name | ast.Attribute | ast.Call):
            raise self.source.error(place, "exists() begins with a relationship or a table", "exists(path, condition)")
        path = read_path(self.source, place)
        if not isinstance(path, Path):
            word = "claims" if isinstance(path, ClaimPath) else "new" if path.incoming else "row"
            raise self.source.error(place, f"exists() cannot begin with {word}", "begin with a relationship or a table")
        return There(path, self.condition(condition, depth + 1))

    def matched(self, node: ast.Call, comparison: Comparison) -> Matched:
        name = comparison.name
        given, pattern = arguments(self.source, node, name, 2, f"{name}(column, 'pattern')")
        term = self.column(given, f"{name}()")
        if not (isinstance(pattern, ast.Constant) and isinstance(pattern.value, str)):
            raise self.source.error(pattern, f"{name}() needs a text as its pattern", "% is any run, _ any character")
        if _ends_in_escape(pattern.value):
            raise self.source.error(pattern, "the pattern ends in an escape that escapes nothing")
        return Matched(term, comparison, read_constant(self.source, pattern))

    def keyed(self, node: ast.Call) -> Keyed:
        given, key = arguments(self.source, node, "has_key", 2, "has_key(column, 'key')")
        if not (isinstance(key, ast.Constant) and isinstance(key.value, str)):
            raise self.source.error(key, "has_key() needs a text as its key", "has_key(column, 'key')")
        return Keyed(self.column(given, "has_key()"), key.value)


def _ends_in_escape(pattern: str) -> bool:
    return (len(pattern) - len(pattern.rstrip(ESCAPE))) % 2 == 1


def policies_named(condition: Condition) -> frozenset[str]:
    """The bare names that may be policies, in every depth."""
    match condition:
        case Holds(path=Path(parts=(name,), quoted=False)):
            return frozenset({name})
        case Every(parts=parts) | Either(parts=parts):
            return frozenset[str]().union(*(policies_named(part) for part in parts))
        case Negated(part=part):
            return policies_named(part)
        case There(condition=inner):
            return policies_named(inner)
        case (
            Holds(path=Path() | RowPath())
            | Truth()
            | Compared()
            | Among()
            | Absent()
            | Matched()
            | Keyed()
            | Contains()
        ):
            return frozenset()
