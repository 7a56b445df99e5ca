"""What only the text of a CREATE statement tells: collations, checks, the names of constraints, what a trigger does.

SQLite keeps the statement as it was written, and its pragmas leave these out. The text is read token by token, so
that comments, strings and every way of quoting a name are what SQLite takes them for.

Rule: only what stands at the top level of one definition is read, and never the meaning of an expression.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

_TOKEN = re.compile(
    r"""
      (?:\s|--[^\n]*(?:\n|\Z)|/\*.*?(?:\*/|\Z))+              # nothing
    | (?P<word>[A-Za-z_\u0080-\U0010ffff][\w$\u0080-\U0010ffff]*)
    | (?P<name>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|'(?:[^']|'')*')
    | (?P<number>[0-9.][\w.]*)
    | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)

_STRUCTURE = re.compile(
    r"""
      --[^\n]*(?:\n|\Z) | /\*.*?(?:\*/|\Z) | "(?:[^"]|"")*" | `(?:[^`]|``)*` | \[[^\]]*\] | '(?:[^']|'')*'
    | (?P<mark>[(),])
    """,
    re.VERBOSE | re.DOTALL,
)
_TELLING = re.compile("collate|check|constraint", re.IGNORECASE)
# A PRIMARY KEY or UNIQUE without a name is told in full by the pragmas; every foreign key counts, for their order.
_KEYWORD = re.compile("collate|check|constraint|foreign|references", re.IGNORECASE)


class Token(NamedTuple):
    """`kind` is word, name (anything quoted), number or mark; only a word can be a keyword."""

    kind: str
    text: str
    start: int
    end: int

    def says(self, *keywords: str) -> bool:
        return self.kind == "word" and self.text.upper() in keywords

    @property
    def name(self) -> str:
        if self.kind != "name":
            return self.text
        mark = self.text[-1]
        return self.text[1:-1] if mark == "]" else self.text[1:-1].replace(mark * 2, mark)


@dataclass(frozen=True, slots=True)
class Constraint:
    """PRIMARY, UNIQUE, FOREIGN or CHECK; a check has its expression, the others their columns as they are spelled."""

    kind: str
    name: str | None
    columns: tuple[str, ...] = ()
    expression: str = ""


@dataclass(frozen=True, slots=True)
class TableText:
    """`collations` is by folded column name; `constraints` in the order in which they are written."""

    collations: dict[str, str] = field(default_factory=dict)
    constraints: list[Constraint] = field(default_factory=list)


def folded(name: str) -> str:
    """The form under which SQLite compares names: only ASCII letters lose their case."""
    return name.lower() if name.isascii() else name.encode().lower().decode()


def tokens(text: str) -> Iterator[Token]:
    for found in _TOKEN.finditer(text):
        if found.lastgroup is not None:
            yield Token(found.lastgroup, found.group(), found.start(), found.end())


def read_table(text: str) -> TableText:
    """What the CREATE TABLE statement says at the top level of each of its definitions."""
    read = TableText()
    # Most tables say nothing that the pragmas do not: a thousand of them are to be read in a tenth of a second.
    if _TELLING.search(text):
        for definition in _definitions(text):
            if _KEYWORD.search(definition):
                _read_definition(definition, read)
    return read


def instead_of(text: str) -> str | None:
    """INSERT, UPDATE or DELETE when the CREATE TRIGGER statement is for INSTEAD OF one."""
    read = list(tokens(text))
    for first, second, third in zip(read, read[1:], read[2:], strict=False):
        if first.says("INSTEAD") and second.says("OF"):
            return third.text.upper()
        if first.says("BEGIN"):
            return None
    return None


def _definitions(text: str) -> Iterator[str]:
    """What stands between the outer parentheses, cut at the commas of the top level."""
    depth, begin = 0, 0
    for found in _STRUCTURE.finditer(text):
        mark = found.group("mark")
        if mark == "(":
            depth += 1
            if depth == 1:
                begin = found.end()
        elif mark == "," and depth == 1:
            yield text[begin : found.start()]
            begin = found.end()
        elif mark == ")":
            depth -= 1
            if depth == 0:
                yield text[begin : found.start()]
                return


def _read_definition(text: str, read: TableText) -> None:
    definition = list(tokens(text))
    of_table = definition[0].says("CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN")
    column = () if of_table else (definition[0].name,)
    name: str | None = None
    for position, keyword in _keywords(definition, 0 if of_table else 1):
        following = definition[position + 1 :]
        if keyword == "CONSTRAINT":
            name = following[0].name
            continue
        if keyword == "COLLATE" and column:
            read.collations[folded(column[0])] = following[0].name
        elif keyword == "CHECK":
            read.constraints.append(Constraint("CHECK", name, expression=_expression(text, following)))
        elif keyword in ("PRIMARY", "UNIQUE", "FOREIGN"):
            read.constraints.append(Constraint(keyword, name, column or _names(following)))
        elif keyword == "REFERENCES" and column:
            read.constraints.append(Constraint("FOREIGN", name, column))
        name = None


_CONSTRAINTS = {
    "CONSTRAINT", "CHECK", "PRIMARY", "UNIQUE", "FOREIGN", "REFERENCES", "NOT", "NULL", "DEFAULT", "COLLATE", "GENERATED",
}  # fmt: skip


def _keywords(definition: Sequence[Token], start: int) -> Iterator[tuple[int, str]]:
    """The words outside of parentheses that begin a constraint, and where they stand.

    What follows CONSTRAINT or COLLATE is a name, whatever it looks like.
    """
    depth, is_name = 0, False
    for position in range(start, len(definition)):
        kind, text, _, _ = definition[position]
        if kind == "mark":
            depth += {"(": 1, ")": -1}.get(text, 0)
        elif is_name:
            is_name = False
        elif depth == 0 and kind == "word" and (keyword := text.upper()) in _CONSTRAINTS:
            is_name = keyword in ("CONSTRAINT", "COLLATE")
            yield position, keyword


def _group(following: Sequence[Token]) -> Sequence[Token]:
    """The tokens inside the first pair of parentheses."""
    depth, begin = 0, 0
    for position, token in enumerate(following):
        if token.kind == "mark" and token.text == "(":
            depth += 1
            begin = position + 1 if depth == 1 else begin
        elif token.kind == "mark" and token.text == ")":
            depth -= 1
            if depth == 0:
                return following[begin:position]
    return ()


def _expression(text: str, following: Sequence[Token]) -> str:
    inside = _group(following)
    return text[inside[0].start : inside[-1].end] if inside else ""


def _names(following: Sequence[Token]) -> tuple[str, ...]:
    """The first name of each part of a list of columns: COLLATE, ASC and DESC may follow it."""
    inside = _group(following)
    commas = [position for position, token in enumerate(inside) if token.kind == "mark" and token.text == ","]
    return tuple(inside[begin].name for begin in (0, *(position + 1 for position in commas)) if begin < len(inside))
