"""A column and the path into its JSON, and names in rows: `data->a->>-1`, `columns=a,"b c"`.

Rule: a number is an index only when the step ends behind it; else it begins a key.
"""

from __future__ import annotations

import re
from typing import Final

from server.apis.postgrest.grammar.limits import Limits
from server.apis.postgrest.grammar.nodes import Arrow, Field
from server.apis.postgrest.grammar.scanner import NAMED, Scanner, bare

ARROW: Final = re.compile(r"->>?")
INDEX: Final = re.compile(r" *+(-?[0-9]{1,18}) *+(?=->|::|[.,):]|\Z)")
PATH: Final = rf"(?:->>?(?: *+-?[0-9]++ *+(?=->|::|[.,):]|\Z)|{NAMED}))*+"
"""Any path, for patterns that read it in one go; `arrows` takes it apart."""
DIGIT: Final = "digit"


def field(scanner: Scanner, *others: str) -> Field:
    """A column with its path; raises PostgrestError."""
    name = scanner.name(*others)
    return Field(name, arrows(scanner)) if scanner.text.startswith("->", scanner.position) else Field(name)


def arrows(scanner: Scanner) -> tuple[Arrow, ...]:
    """The steps that stand here; raises PostgrestError."""
    steps: list[Arrow] = []
    while (arrow := scanner.take(ARROW)) is not None:
        as_text = len(arrow[0]) == 3
        index = scanner.take(INDEX)
        key = scanner.name(DIGIT) if index is None else int(index[1])
        steps.append(Arrow(key, as_text))
        scanner.check(len(steps), scanner.limits.arrows, "steps into JSON")
    return tuple(steps)


def names(text: str, parameter: str, limits: Limits) -> tuple[str, ...]:
    """The names of `columns` or `on_conflict`, each once; raises PostgrestError."""
    scanner = Scanner(text, f"{parameter} parameter ({text})", limits)
    found = [scanner.name()]
    while scanner.skip(","):
        found.append(scanner.name())
        scanner.check(len(found), limits.items, f"{parameter}")
    scanner.end('","')
    return tuple(dict.fromkeys(found))


SIMPLE: Final = re.compile(r"[\w$]++\Z")
TARGET: Final = re.compile(rf"{NAMED}\.", re.DOTALL)


def target(key: str, limits: Limits) -> tuple[tuple[str, ...], Field]:
    """The name of a filter's parameter: the embedded resources on its way, and the field. Raises PostgrestError."""
    if SIMPLE.match(key):
        return (), Field(key)
    scanner = Scanner(key, f"tree path ({key})", limits)
    way = _way(scanner)
    found = field(scanner)
    scanner.end()
    return way, found


def way(key: str, limits: Limits) -> tuple[str, ...]:
    """The embedded resources before the last word of `a.b.order`; raises PostgrestError."""
    if SIMPLE.match(key):
        return (key,)
    scanner = Scanner(key, f"tree path ({key})", limits)
    found = [scanner.name()]
    while scanner.skip("."):
        found.append(scanner.name())
        scanner.check(len(found), limits.depth, "levels")
    scanner.end('"."')
    return tuple(found)


def _way(scanner: Scanner) -> tuple[str, ...]:
    found: list[str] = []
    while (name := scanner.take(TARGET)) is not None:
        found.append(bare(name[0][:-1]))
        scanner.check(len(found), scanner.limits.depth, "levels")
    return tuple(found)
