"""Filters: one of its own, `price=gte.50`, and trees of them, `or=(a.eq.1,not.and(b.gt.2,c.is.null))`.

Rule: no condition that was written is dropped: it is read whole, or the request ends.
"""

from __future__ import annotations

import re
from typing import Final

from server.apis.postgrest.grammar.fields import field
from server.apis.postgrest.grammar.limits import Limits
from server.apis.postgrest.grammar.nodes import Condition, Field, Junction, Logic
from server.apis.postgrest.grammar.operations import operation
from server.apis.postgrest.grammar.scanner import Scanner

BRANCH: Final = re.compile(r" *+(not\.)?(and|or)\(")
SIMPLE: Final = re.compile(r"([\w$]++)\.")
BLANKS: Final = re.compile(r" *")


class Terms:
    """How many conditions a request has in all; one counter for every tree."""

    __slots__ = ("limits", "number")

    def __init__(self, limits: Limits) -> None:
        self.limits, self.number = limits, 0

    def condition(self, found: Field, text: str) -> Condition:
        """The filter `field=text`; raises PostgrestError."""
        scanner = Scanner(text, f"filter ({text})", self.limits)
        self._one_more(scanner)
        negated, what = operation(scanner, inside=False)
        return Condition(found, what, negated)

    def tree(self, word: str, text: str, *, negated: bool) -> Junction:
        """The tree `or=text` or `and=text`; raises PostgrestError."""
        shift = len(word) + (4 if negated else 0)
        scanner = Scanner(text, f"logic tree ({text})", self.limits, shift)
        scanner.take(BLANKS)
        scanner.expect("(")
        found = self._parts(scanner, word == "or", negated, 1)
        scanner.end()
        return found

    def _parts(self, scanner: Scanner, any_of: bool, negated: bool, depth: int) -> Junction:
        scanner.check(depth, scanner.limits.logic, "levels of and/or")
        parts = [self._part(scanner, depth)]
        while scanner.skip(","):
            parts.append(self._part(scanner, depth))
        scanner.expect(")", '","')
        scanner.take(BLANKS)
        return Junction(any_of, tuple(parts), negated)

    def _part(self, scanner: Scanner, depth: int) -> Logic:
        branch = scanner.take(BRANCH)
        if branch is not None:
            return self._parts(scanner, branch[2] == "or", branch[1] is not None, depth + 1)
        self._one_more(scanner)
        if (simple := scanner.take(SIMPLE)) is not None:
            found = Field(simple[1])
        else:
            found = field(scanner, "logic operator (and, or)")
            scanner.expect(".", *(() if found.path else ('"->"',)))
        negated, what = operation(scanner, inside=True)
        return Condition(found, what, negated)

    def _one_more(self, scanner: Scanner) -> None:
        self.number += 1
        scanner.check(self.number, self.limits.terms, "conditions")
