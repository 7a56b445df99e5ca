"""The terms of a rule, from Python's syntax tree to ours: columns, claims, constants, the clock.

Rule: nothing of Python passes unless a case here names it; whatever is left over is refused with its place.
"""

from __future__ import annotations

import ast
import keyword
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeGuard

from reflector.access.rule_syntax import (
    ClaimPath,
    Clock,
    ColumnTerm,
    Constant,
    Lower,
    Path,
    RowPath,
    Term,
)
from reflector.errors import RuleError, suggestion

CLAIMS: Final = "claims"
ROW: Final = "row"
NEW: Final = "new"
CONDITIONS: Final = ("exists", "like", "ilike", "has_key")
TERMS: Final = ("lower", "now", "today", "col")
PYTHON_SPELLING: Final = {
    "true": "write True",
    "false": "write False",
    "null": "write 'is None'",
    "nil": "write 'is None'",
    "none": "write 'is None'",
}
"""Words of other languages for what is written in another way here."""
ELSEWHERE: Final = {
    **dict.fromkeys(("yes", "on", "all", "any", "everybody", "everyone"), "write true for every row"),
    **dict.fromkeys(("no", "off", "nobody"), "write false for no row"),
    **dict.fromkeys(
        ("auth", "claim", "current_user", "jwt", "session_user", "sub", "token", "uid", "user"),
        "who calls is claims.sub",
    ),
}
"""Words that whoever comes from elsewhere writes, where nothing of the database is called so."""
WORDS: Final = frozenset((CLAIMS, ROW, NEW, *CONDITIONS, *TERMS, *PYTHON_SPELLING, *map(str.lower, keyword.kwlist)))
"""No policy has one of these as its name, in small letters: nobody could tell which of the two a rule means."""
LONGEST_PATH: Final = 8
VARIABLE: Final = "x-hasura-"
"""How Hasura's session variables begin, which the rule language reads as a difference."""

_REFUSED: Final[dict[type[ast.AST], tuple[str, str | None]]] = {
    ast.BinOp: ("arithmetic", None),
    ast.BoolOp: ("'and' or 'or' inside a comparison", "put each comparison in parentheses"),
    ast.Compare: ("a comparison inside a comparison", None),
    ast.Dict: ("a mapping", "write the filter in its JSON form, without quotes, in the file"),
    ast.DictComp: ("a comprehension", "use exists(path, condition)"),
    ast.FormattedValue: ("an f-string", None),
    ast.GeneratorExp: ("a comprehension", "use exists(path, condition)"),
    ast.IfExp: ("'if … else'", "use and, or, not"),
    ast.JoinedStr: ("an f-string", None),
    ast.Lambda: ("lambda", None),
    ast.List: ("a list by itself", "a list stands after in or not in"),
    ast.ListComp: ("a comprehension", "use exists(path, condition)"),
    ast.NamedExpr: ("an assignment", "== compares"),
    ast.Set: ("a set", "write a list: ['a', 'b']"),
    ast.SetComp: ("a comprehension", "use exists(path, condition)"),
    ast.Slice: ("a slice", None),
    ast.Starred: ("a star", None),
    ast.Subscript: ("a subscript", 'only claims have one: claims["name"]'),
    ast.Tuple: ("a list by itself", "a list stands after in or not in"),
}


@dataclass(frozen=True, slots=True)
class Source:
    """The one line that was parsed, and how many letters of the rule stood before it."""

    line: str
    shift: int = 0

    def offset(self, node: ast.expr) -> int:
        """Python counts the bytes of UTF-8; we count letters, in the rule as it was written."""
        return self.shift + len(self.line.encode()[: node.col_offset].decode())

    def written(self, node: ast.expr) -> str:
        return self.line.encode()[node.col_offset : node.end_col_offset].decode()

    def refuse(self, node: ast.expr) -> RuleError:
        """The error for what the language does not have."""
        what, hint = _REFUSED.get(type(node), (f"Python's {type(node).__name__}", None))
        if (name := self.written(node).split()[0].lower()).startswith(VARIABLE):
            hint = f'what the caller\'s token says is claims["{name}"]'
        return self.error(node, f"{what} is not part of the rule language", hint)

    def error(self, node: ast.expr, message: str, hint: str | None = None) -> RuleError:
        return RuleError(message, hint=hint, offset=self.offset(node))


def spelling(name: str, known: Iterable[str]) -> str | None:
    """What to write instead of a name that nothing has: as it is said here, else the nearest of what there is."""
    return PYTHON_SPELLING.get(name.lower()) or suggestion(name, known) or ELSEWHERE.get(name.lower())


def is_column(term: Term) -> TypeGuard[ColumnTerm]:
    return isinstance(term, Path | RowPath | Lower)


def read_term(source: Source, node: ast.expr) -> Term:
    """A column, claim, constant or the clock; raises RuleError."""
    match node:
        case ast.Constant() | ast.UnaryOp(op=ast.USub() | ast.UAdd()):
            return read_constant(source, node)
        case ast.Name() | ast.Attribute() | ast.Subscript():
            return read_path(source, node)
        case ast.Call(func=ast.Name(id=name)):
            return _call(source, node, name)
        case ast.Call():
            raise _method(source, node)
        case _:
            raise source.refuse(node)


# ── paths ────────────────────────────────────────────────────────────────────────────────────


def read_path(source: Source, node: ast.expr) -> Path | RowPath | ClaimPath:
    """`a`, `a.b`, `row.a`, `new.a`, `claims.a`, `claims["a"]`, `col("a").b`; raises RuleError."""
    root, parts = _unwind(source, node)
    offset = source.offset(root)
    if len(parts) >= LONGEST_PATH:
        raise source.error(root, f"a path has at most {LONGEST_PATH} names")
    match root:
        case ast.Name(id=name) if name == CLAIMS:
            if not parts:
                raise source.error(root, "claims needs a name", "claims.sub, for example")
            return ClaimPath(tuple(parts), offset)
        case ast.Name(id=name) if name in {ROW, NEW}:
            if not parts:
                raise source.error(root, f"{name} needs a column", f"{name}.id, for example")
            return RowPath(tuple(parts), offset, incoming=name == NEW)
        case ast.Name(id=name):
            return Path((name, *parts), offset)
        case ast.Call(func=ast.Name(id="col")):
            return Path((*_quoted_names(source, root), *parts), offset, quoted=True)
        case ast.Call(func=ast.Attribute()):
            raise _method(source, root)
        case _:
            raise source.refuse(root)


def _unwind(source: Source, node: ast.expr) -> tuple[ast.expr, list[str]]:
    """What a chain of attributes begins with, and the names after it; subscripts are for claims alone."""
    names: list[str] = []
    subscript: ast.expr | None = None
    while True:
        match node:
            case ast.Attribute(value=inner, attr=name):
                names.append(name)
                node = inner
            case ast.Subscript(value=inner, slice=ast.Constant(value=str(name))):
                subscript = node
                names.append(name)
                node = inner
            case _:
                break
    if subscript is not None and not (isinstance(node, ast.Name) and node.id == CLAIMS):
        raise source.refuse(subscript)
    return node, names[::-1]


def _quoted_names(source: Source, call: ast.Call) -> list[str]:
    names = [each.value for each in call.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    if call.keywords or not names or len(names) != len(call.args):
        raise source.error(call, "col() takes names in quotes", 'col("from"), for example')
    return names


# ── constants ────────────────────────────────────────────────────────────────────────────────


def read_constant(source: Source, node: ast.expr) -> Constant:
    """A text, number or boolean; raises RuleError."""
    match node:
        case ast.Constant(value=bool(value)):
            return Constant(value, source.offset(node))
        case ast.Constant(value=str(text)):
            return Constant(text, source.offset(node))
        case ast.Constant(value=int() | float() as number):
            return _number(source, node, number, source.written(node))
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=ast.Constant(value=int() | float() as number)) if (
            not isinstance(number, bool)
        ):
            minus = isinstance(sign, ast.USub)
            written = ("-" if minus else "") + source.written(node.operand)
            return _number(source, node, -number if minus else number, written)
        case ast.Constant(value=None):
            raise source.error(node, "nothing is equal to None", "use 'is None' or 'is not None'")
        case ast.Constant():
            raise source.error(node, f"{source.written(node)} is not a constant of the rule language")
        case _:
            raise source.refuse(node)


def _number(source: Source, node: ast.expr, number: float, written: str) -> Constant:
    text = str(number) if isinstance(number, int) else written.replace("_", "")
    return Constant(number, source.offset(node), text)


# ── calls ────────────────────────────────────────────────────────────────────────────────────


def arguments(source: Source, call: ast.Call, name: str, count: int, usage: str) -> list[ast.expr]:
    """The call's arguments; raises RuleError unless there are just so many, plain ones."""
    if call.keywords:
        raise source.error(call, f"{name}() takes no named arguments", usage)
    for each in call.args:
        if isinstance(each, ast.Starred):
            raise source.refuse(each)
    if len(call.args) != count:
        raise source.error(call, f"{name}() takes {count or 'no'} argument{'s' * (count != 1)}", usage)
    return call.args


def _call(source: Source, call: ast.Call, name: str) -> Term:
    match name:
        case "col":
            return read_path(source, call)
        case "now" | "today":
            arguments(source, call, name, 0, f"{name}()")
            return Clock(name == "today", source.offset(call))
        case "lower":
            [inner] = arguments(source, call, name, 1, "lower(column)")
            term = read_term(source, inner)
            if not isinstance(term, Path | RowPath):
                raise source.error(inner, "lower() takes a column", "lower(email) == 'a@example.org', for example")
            return Lower(term, source.offset(call))
        case _ if name in CONDITIONS:
            raise source.error(call, f"{name}() is a condition, not a value", "join conditions with and, or, not")
        case _:
            raise unknown_function(source, call, name)


def unknown_function(source: Source, call: ast.Call, name: str) -> RuleError:
    hint = suggestion(name, CONDITIONS + TERMS)
    if not call.args and not call.keywords:
        hint = f"{hint} " if hint else ""
        hint += f"A policy is written without ( ): {name}" if hint else f"a policy is written without ( ): {name}"
    return source.error(call, f"there is no function {name!r}", hint)


def _method(source: Source, call: ast.Call) -> RuleError:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    known = CONDITIONS + TERMS
    root = call.func.value if isinstance(call.func, ast.Attribute) else None
    if isinstance(root, ast.Name) and root.id in ELSEWHERE:
        hint: str | None = ELSEWHERE[root.id]
    else:
        hint = f"write {name}(…) around the column" if name in known else suggestion(name, known)
    return source.error(call, "calls of methods are not part of the rule language", hint)
