"""`select=`: columns, aggregates and embedded resources, to any depth the limits allow.

Rule: what most selects are made of is read by one pattern; whatever that does not find is read step by step, and only
there are faults found.
"""

from __future__ import annotations

import re
from typing import Final

from server.apis.postgrest.grammar.fields import PATH, arrows, field
from server.apis.postgrest.grammar.limits import Limits
from server.apis.postgrest.grammar.nodes import Arrow, Column, Count, Embed, Field, Join, Level, Selected, Star
from server.apis.postgrest.grammar.scanner import NAMED, Scanner, bare

AGGREGATES: Final = ("avg", "count", "max", "min", "sum")
BLANKS: Final = re.compile(r" *")
ALIAS: Final = re.compile(rf"({NAMED}):(?!:)", re.DOTALL)
CAST: Final = re.compile(r"::[ ]*+([\w$][\w$ ]*+)")
COUNT: Final = re.compile(r" *+count\(\) *+")
AGGREGATE: Final = re.compile(r"\.(avg|count|max|min|sum)\(\) *+")
HEAD: Final = re.compile(rf"(?:({NAMED}):(?!:))?({NAMED})((?:!{NAMED})*+)\(", re.DOTALL)
SPREAD: Final = re.compile(r" *+\.\.\.")
MARK: Final = re.compile(rf"!({NAMED})", re.DOTALL)
SIMPLE: Final = re.compile(r"([\w$]++)(?=[,)]|\Z)")
WHOLE: Final = re.compile(
    rf"(?:({NAMED}):(?!:))?({NAMED})({PATH})(?:::([\w$][\w$ ]*+))?(?=[,)]|\Z)",
    re.DOTALL,
)
JOINS: Final = {join.value: join for join in Join}
MARKS: Final = 2
"""Hints and joins that may stand behind a name."""


def select(text: str, limits: Limits) -> tuple[Selected, ...]:
    """What `select=` asks for; an empty one asks for every column. Raises PostgrestError."""
    if not text.strip(" "):
        return (Star(),)
    scanner = Scanner(text, f"select parameter ({text})", limits)
    found = _items(scanner, 0)
    scanner.end('","')
    return found


def _items(scanner: Scanner, depth: int) -> tuple[Selected, ...]:
    found = [_item(scanner, depth)]
    while scanner.skip(","):
        found.append(_item(scanner, depth))
        scanner.check(len(found), scanner.limits.items, "selected columns")
    return tuple(found)


def _item(scanner: Scanner, depth: int) -> Selected:
    if (simple := scanner.take(SIMPLE)) is not None:
        return Column(Field(simple[1]))
    if (head := scanner.take(HEAD)) is not None and not _counts(scanner, head):
        return _embed(scanner, head, depth, spread=False)
    if scanner.take(SPREAD) is not None:
        return _spread(scanner, depth)
    if (whole := scanner.take(WHOLE)) is not None:
        return _column(whole, scanner)
    return _by_steps(scanner)


def _counts(scanner: Scanner, head: re.Match[str]) -> bool:
    """Whether what looked like an embedded resource is `count()`; the place is before it then."""
    if head[2].strip(" ") == "count" and not head[3] and scanner.text.startswith(")", scanner.position):
        scanner.position = head.start()
        return True
    return False


# ── embedded resources ───────────────────────────────────────────────────────────────────────


def _spread(scanner: Scanner, depth: int) -> Embed:
    head = scanner.take(HEAD)
    if head is None:
        scanner.name()
        raise scanner.fault('"!"', '"("')
    return _embed(scanner, head, depth, spread=True)


def _embed(scanner: Scanner, head: re.Match[str], depth: int, *, spread: bool) -> Embed:
    scanner.check(depth + 1, scanner.limits.depth, "levels")
    hint, join = _marks(scanner, head) if head[3] else (None, None)
    scanner.take(BLANKS)
    inner: tuple[Selected, ...] = () if scanner.skip(")") else _inner(scanner, depth)
    scanner.take(BLANKS)
    alias = None if head[1] is None else bare(head[1])
    return Embed(bare(head[2]), Level(inner), alias, hint, join, spread)


def _inner(scanner: Scanner, depth: int) -> tuple[Selected, ...]:
    inner = _items(scanner, depth + 1)
    scanner.expect(")", '","')
    return inner


def _marks(scanner: Scanner, head: re.Match[str]) -> tuple[str | None, Join | None]:
    """The hint and the join behind a name, in either order; of two of a kind the first one holds."""
    hint: str | None = None
    join: Join | None = None
    for number, mark in enumerate(MARK.finditer(head[3])):
        if number == MARKS:
            scanner.position = head.start(3) + mark.start()
            raise scanner.fault('"("')
        word = bare(mark[1])
        kind = JOINS.get(word)
        if kind is None:
            hint = word if hint is None else hint
        else:
            join = join or kind
    return hint, join


# ── columns ──────────────────────────────────────────────────────────────────────────────────


def _column(whole: re.Match[str], scanner: Scanner) -> Column:
    alias, name, path, cast = whole.groups()
    found = Field(bare(name), _path(path, scanner) if path else ())
    return Column(found, None if alias is None else bare(alias), None if cast is None else cast.strip(" "))


def _path(path: str, scanner: Scanner) -> tuple[Arrow, ...]:
    return arrows(Scanner(path, scanner.subject, scanner.limits))


def _by_steps(scanner: Scanner) -> Selected:
    """What the patterns did not find: aggregates, `*`, and every fault."""
    scanner.take(BLANKS)
    if scanner.skip("*"):
        scanner.take(BLANKS)
        return Star()
    alias = scanner.take(ALIAS)
    label = None if alias is None else bare(alias[1])
    if scanner.take(COUNT) is not None:
        return Count(label, _cast(scanner))
    found = field(scanner, '"*"') if alias is None else field(scanner)
    cast = _cast(scanner)
    aggregate = _aggregate(scanner)
    aggregate_cast = _cast(scanner) if aggregate else None
    if not scanner.at_end and scanner.text[scanner.position] not in ",)":
        raise scanner.fault('"::"', '"."', '","', "end of input")
    return Column(found, label, cast, aggregate, aggregate_cast)


def _cast(scanner: Scanner) -> str | None:
    if not scanner.text.startswith("::", scanner.position):
        return None
    found = scanner.take(CAST)
    if found is None:
        scanner.position += 2
        raise scanner.fault("letter", "digit", '"_"')
    return found[1].strip(" ")


def _aggregate(scanner: Scanner) -> str | None:
    if not scanner.text.startswith(".", scanner.position):
        return None
    found = scanner.take(AGGREGATE)
    if found is None:
        scanner.position += 1
        raise scanner.fault(*(f'"{each}()"' for each in AGGREGATES))
    return found[1]
