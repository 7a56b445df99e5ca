"""`order=`: fields, their direction, where nulls go; also fields of related rows, `author(name).desc`."""

from __future__ import annotations

import re
from typing import Final

from server.apis.postgrest.grammar.fields import field
from server.apis.postgrest.grammar.limits import Limits
from server.apis.postgrest.grammar.nodes import Field, Term
from server.apis.postgrest.grammar.scanner import NAMED, Scanner, bare

SIMPLE: Final = re.compile(r"([\w$]++)(?:\.(asc|desc))?(?:\.nulls(first|last))?(?=,|\Z)")
RELATED: Final = re.compile(rf"({NAMED})\(", re.DOTALL)
DIRECTION: Final = re.compile(r"\.(asc|desc)(?=[., ]|\Z)")
NULLS: Final = re.compile(r"\.nulls(first|last)(?=[, ]|\Z)")
BLANKS: Final = re.compile(r" *")
EXPECTED: Final = ('"asc"', '"desc"', '"nullsfirst"', '"nullslast"')


def order(text: str, limits: Limits) -> tuple[Term, ...]:
    """The terms of an order; raises PostgrestError."""
    scanner = Scanner(text, f"order ({text})", limits)
    found = [_term(scanner)]
    while scanner.skip(","):
        found.append(_term(scanner))
        scanner.check(len(found), limits.items, "terms of an order")
    scanner.end('","')
    return tuple(found)


def _term(scanner: Scanner) -> Term:
    if (simple := scanner.take(SIMPLE)) is not None:
        return _made(Field(simple[1]), None, simple[2], simple[3])
    relation, found = _subject(scanner)
    direction = scanner.take(DIRECTION)
    nulls = scanner.take(NULLS)
    if scanner.skip("."):
        raise scanner.fault(*(EXPECTED[2:] if direction else EXPECTED))
    scanner.take(BLANKS)
    return _made(found, relation, None if direction is None else direction[1], None if nulls is None else nulls[1])


def _subject(scanner: Scanner) -> tuple[str | None, Field]:
    related = scanner.take(RELATED)
    found = field(scanner)
    if related is None:
        return None, found
    scanner.expect(")", '"->"')
    return bare(related[1]), found


def _made(found: Field, relation: str | None, direction: str | None, nulls: str | None) -> Term:
    return Term(found, relation, direction == "desc", None if nulls is None else nulls == "first")
