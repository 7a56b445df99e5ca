"""What stands behind a field: `eq.1`, `not.in.(a,b)`, `like(any).{a*,b*}`, `fts(english).cat`.

A filter of its own ends with its text, so its value is taken as it stands. Inside and/or a value ends at a comma or a
parenthesis, unless it is in double quotes or in braces.

Rule: a new operator is a row of OPERATORS; parsers and documents read it there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from server.apis.postgrest.grammar.nodes import Among, Comparison, Is, Operation, Quantifier, Search
from server.apis.postgrest.grammar.scanner import QUOTED, Scanner, quoted, unquoted


class Form(Enum):
    """How the operand of an operator is written."""

    VALUE = "a value"
    QUANTIFIED = "a value, or with (any) or (all) an array"
    LIST = "values in parentheses"
    STATE = "null, not_null, true, false or unknown"
    SEARCH = "text, after a language in parentheses"


@dataclass(frozen=True, slots=True)
class Operator:
    name: str
    form: Form
    meaning: str


OPERATORS: Final[Mapping[str, Operator]] = {
    row.name: row
    for row in (
        Operator("eq", Form.QUANTIFIED, "is equal to the value"),
        Operator("neq", Form.VALUE, "is not equal to the value"),
        Operator("gt", Form.QUANTIFIED, "is greater than the value"),
        Operator("gte", Form.QUANTIFIED, "is greater than the value or equal to it"),
        Operator("lt", Form.QUANTIFIED, "is less than the value"),
        Operator("lte", Form.QUANTIFIED, "is less than the value or equal to it"),
        Operator("like", Form.QUANTIFIED, "matches the pattern: * any run, _ any character"),
        Operator("ilike", Form.QUANTIFIED, "matches the pattern, whatever the case"),
        Operator("match", Form.QUANTIFIED, "matches the regular expression"),
        Operator("imatch", Form.QUANTIFIED, "matches the regular expression, whatever the case"),
        Operator("in", Form.LIST, "is equal to one of the values"),
        Operator("is", Form.STATE, "is null, not_null, true, false or unknown"),
        Operator("isdistinct", Form.VALUE, "is distinct from the value: null is a value like any other"),
        Operator("fts", Form.SEARCH, "matches a text query"),
        Operator("plfts", Form.SEARCH, "matches every word"),
        Operator("phfts", Form.SEARCH, "matches the phrase"),
        Operator("wfts", Form.SEARCH, "matches as web searches do"),
        Operator("cs", Form.VALUE, "contains"),
        Operator("cd", Form.VALUE, "is contained in"),
        Operator("ov", Form.VALUE, "overlaps"),
        Operator("sl", Form.VALUE, "is strictly left of"),
        Operator("sr", Form.VALUE, "is strictly right of"),
        Operator("nxr", Form.VALUE, "does not extend to the right of"),
        Operator("nxl", Form.VALUE, "does not extend to the left of"),
        Operator("adj", Form.VALUE, "is adjacent to"),
    )
}
STATES: Final = frozenset({"null", "not_null", "true", "false", "unknown"})
OPERATOR_EXPECTED: Final = "operator (eq, gt, ...)"
STATE_EXPECTED: Final = "isVal: (null, not_null, true, false, unknown)"

NOT: Final = re.compile(r"not\.")
WORD: Final = re.compile(r"[a-z]+")
QUANTIFIED: Final = re.compile(r"\((any|all)\)")
LANGUAGE: Final = re.compile(r"\(([\w$]+)\)")
PLAIN: Final = re.compile(
    r"(not\.)?("
    + "|".join(row.name for row in OPERATORS.values() if row.form in {Form.VALUE, Form.QUANTIFIED})
    + r")\."
)
"""What most filters begin with."""
STATE: Final = re.compile(r"[A-Za-z_]+")
SIMPLE: Final = re.compile(r"[^,)\"{]++(?=[,)]|\Z)")
INSIDE: Final = (
    re.compile(rf"({QUOTED})(?=[,)]|\Z)", re.DOTALL),
    re.compile(rf"\{{(?:[^{{}}\"]|{QUOTED})*+\}}(?=[,)]|\Z)", re.DOTALL),
    re.compile(r"[^,)]*+", re.DOTALL),
)
"""A value inside and/or: in double quotes, an array in braces, or what stands before a comma or parenthesis."""
ELEMENT: Final = re.compile(rf"({QUOTED})(?=[,)])|[^,)]*+", re.DOTALL)

BEGINS: Final = re.compile(
    r"not\.|(?:" + "|".join(f"{name}\\." for name in OPERATORS) + r")|"
    r"(?:" + "|".join(row.name for row in OPERATORS.values() if row.form is Form.SEARCH) + r")\([\w$]+\)\.|"
    r"(?:" + "|".join(row.name for row in OPERATORS.values() if row.form is Form.QUANTIFIED) + r")\((?:any|all)\)\."
)
"""What makes a parameter of a function's address a filter on its rows and not an argument."""


def begins_operation(text: str) -> bool:
    """Whether a parameter's value begins like a filter."""
    return BEGINS.match(text) is not None


def operation(scanner: Scanner, *, inside: bool) -> tuple[bool, Operation]:
    """Whether it is negated, and the operation; `inside` and/or its value ends earlier. Raises PostgrestError."""
    if (plain := scanner.take(PLAIN)) is not None:
        return plain[1] is not None, Comparison(plain[2], _value(scanner, inside=inside))
    negated = scanner.take(NOT) is not None
    word = scanner.take(WORD)
    row = None if word is None else OPERATORS.get(word[0])
    if word is None or row is None:
        scanner.position -= 0 if word is None else len(word[0])
        raise _no_operator(scanner, negated=negated)
    return negated, _operand(scanner, row, inside=inside)


def _no_operator(scanner: Scanner, *, negated: bool) -> Exception:
    others = () if negated else ('"not"',)
    return scanner.fault(*others, OPERATOR_EXPECTED)


def _operand(scanner: Scanner, row: Operator, *, inside: bool) -> Operation:
    match row.form:
        case Form.LIST:
            scanner.expect(".")
            return Among(_listed(scanner, inside=inside))
        case Form.STATE:
            scanner.expect(".")
            return Is(_state(scanner, inside=inside))
        case Form.SEARCH:
            language = _language(scanner)
            return Search(row.name, _value(scanner, inside=inside), language)
        case _:
            quantifier = _quantifier(scanner) if row.form is Form.QUANTIFIED else None
            scanner.expect(".")
            return Comparison(row.name, _value(scanner, inside=inside), quantifier)


def _quantifier(scanner: Scanner) -> Quantifier | None:
    if not scanner.text.startswith("(", scanner.position):
        return None
    found = scanner.take(QUANTIFIED)
    if found is None:
        scanner.position += 1
        raise scanner.fault('"any"', '"all"')
    return Quantifier(found[1])


def _language(scanner: Scanner) -> str | None:
    language = scanner.take(LANGUAGE)
    scanner.expect(".", *(() if language else ('"("',)))
    return None if language is None else language[1]


def _value(scanner: Scanner, *, inside: bool) -> str:
    if not inside:
        begin, scanner.position = scanner.position, len(scanner.text)
        return scanner.text[begin:]
    if (simple := scanner.take(SIMPLE)) is not None:
        return simple[0]
    found = None
    for pattern in INSIDE:
        if (found := scanner.take(pattern)) is not None:
            break
    return _bare(found)


def _bare(found: re.Match[str] | None) -> str:
    """A value as it was meant: without the quotes that its pattern's group holds."""
    if found is None:
        return ""
    return unquoted(found[0]) if found.lastindex else found[0]


def _state(scanner: Scanner, *, inside: bool) -> str:
    begin = scanner.position
    found = scanner.take(STATE)
    what = "" if found is None else found[0].lower()
    ended = scanner.at_end or (inside and scanner.text[scanner.position] in ",)")
    if what not in STATES or not ended:
        scanner.position = begin
        raise scanner.fault(STATE_EXPECTED)
    return what


def _listed(scanner: Scanner, *, inside: bool) -> tuple[str, ...]:
    scanner.expect("(")
    if scanner.skip(")"):
        found: tuple[str, ...] = ()
    else:
        found = tuple(_elements(scanner))
    if not inside:
        scanner.end()
    return found


def _elements(scanner: Scanner) -> list[str]:
    found = [_element(scanner)]
    while scanner.skip(","):
        found.append(_element(scanner))
        scanner.check(len(found), scanner.limits.listed, "values in a list")
    scanner.expect(")", quoted(","))
    return found


def _element(scanner: Scanner) -> str:
    return _bare(scanner.take(ELEMENT))
