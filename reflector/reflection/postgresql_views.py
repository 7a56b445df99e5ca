"""Which columns of PostgreSQL's views are whose: a view answers to the foreign keys of what it shows.

The rule of a view keeps the query tree, in which each column of the answer names the table and column it comes from,
whatever subqueries lie between; where that is another view, the way goes on.

Rule: only a column that is shown as it is counts, and a view over UNION shows none.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from reflector.catalog.facts import ForeignKeyFact, InheritedKeyFact
from reflector.reflection import Fetch
from reflector.reflection.postgresql_queries import OF_PERIODS

_NOT_SYSTEM = "NOT pg_catalog.starts_with(n.nspname, 'pg_') AND n.nspname <> 'information_schema'"
RULES = f"""
SELECT r.ev_class, n.nspname::pg_catalog.text, c.relname::pg_catalog.text, r.ev_action::pg_catalog.text,
       ARRAY(SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 ORDER BY a.attnum)
FROM pg_catalog.pg_rewrite r
JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm') AND r.rulename = '_RETURN' AND {_NOT_SYSTEM}
ORDER BY n.nspname, c.relname
"""
READS = f"""
SELECT DISTINCT n.nspname::pg_catalog.text, c.relname::pg_catalog.text, m.nspname::pg_catalog.text, d.relname::pg_catalog.text
FROM pg_catalog.pg_depend x
JOIN pg_catalog.pg_rewrite r ON r.oid = x.objid
JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class d ON d.oid = x.refobjid
JOIN pg_catalog.pg_namespace m ON m.oid = d.relnamespace
WHERE x.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND x.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
  AND c.relkind IN ('v', 'm') AND r.rulename = '_RETURN' AND d.oid <> c.oid AND {_NOT_SYSTEM}
"""
"""What views read by themselves."""
LINKS = f"""
SELECT k.conrelid, n.nspname::pg_catalog.text, c.relname::pg_catalog.text,
       k.confrelid, m.nspname::pg_catalog.text, d.relname::pg_catalog.text, k.conname::pg_catalog.text,
       k.conkey::pg_catalog.text[], k.confkey::pg_catalog.text[],
       ARRAY(SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 ORDER BY a.attnum),
       ARRAY(SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = d.oid AND a.attnum > 0 ORDER BY a.attnum),
       EXISTS (SELECT FROM pg_catalog.pg_index i
               WHERE i.indrelid = k.conrelid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
                 AND i.indexprs IS NULL AND (i.indkey::pg_catalog.int2[])[0:i.indnkeyatts - 1] <@ k.conkey),
       EXISTS (SELECT FROM pg_catalog.pg_index i
               WHERE i.indrelid = k.conrelid AND i.indisprimary AND k.conkey <@ i.indkey::pg_catalog.int2[])
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class d ON d.oid = k.confrelid
JOIN pg_catalog.pg_namespace m ON m.oid = d.relnamespace
WHERE k.contype = 'f' AND NOT {OF_PERIODS} AND k.conparentid = 0 AND NOT c.relispartition AND NOT d.relispartition AND {_NOT_SYSTEM}
ORDER BY k.conname, n.nspname, c.relname
"""
Origin = tuple[int, int]
"""A relation's oid, and the number of a column of it."""


async def views_read(fetch: Fetch) -> tuple[tuple[tuple[str, str], tuple[str, str]], ...]:
    """What each view reads by itself, by schema and name."""
    return tuple(sorted(((row[0], row[1]), (row[2], row[3])) for row in await fetch(READS)))


async def inherited_keys(fetch: Fetch) -> tuple[InheritedKeyFact, ...]:
    """The foreign keys of base tables as their views have them, at either end."""
    views = [_View(row[0], row[1], row[2], origins(row[3]), row[4]) for row in await fetch(RULES)]
    if not any(view.origins for view in views):
        return ()
    shown = _shown({view.oid: view for view in views})
    return tuple(key for row in await fetch(LINKS) for key in _inherited(_Link(*row), shown))


@dataclass(frozen=True, slots=True)
class _View:
    oid: int
    schema: str
    name: str
    origins: Mapping[int, Origin]
    columns: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Link:
    """A foreign key, and the names of its tables' columns by number. `single`: it is a key of its table as well; `keyed`:
    it is part of the primary key."""

    table: int
    schema: str
    name: str
    target: int
    target_schema: str
    target_name: str
    constraint: str
    columns: Sequence[str]
    target_columns: Sequence[str]
    names: Sequence[str]
    target_names: Sequence[str]
    single: bool
    keyed: bool


@dataclass(frozen=True, slots=True)
class _End:
    """One end of a key: a table, or a view that shows its columns."""

    schema: str
    name: str
    columns: tuple[str, ...]
    view: bool = False


def _shown(views: Mapping[int, _View]) -> Mapping[int, list[tuple[_View, Mapping[int, str]]]]:
    """By table: the views that show some of its columns, and under which names."""
    found: defaultdict[int, list[tuple[_View, Mapping[int, str]]]] = defaultdict(list)
    for view in views.values():
        columns: defaultdict[int, dict[int, str]] = defaultdict(dict)
        for number, origin in sorted(view.origins.items()):
            base = _base(origin, views)
            if base is not None and number <= len(view.columns):
                columns[base[0]].setdefault(base[1], view.columns[number - 1])
        for table, names in columns.items():
            found[table].append((view, names))
    return found


def _base(origin: Origin, views: Mapping[int, _View]) -> Origin | None:
    """Where a column comes from in the end."""
    seen = set()
    while origin[0] in views:
        following = views[origin[0]].origins.get(origin[1])
        if following is None or origin in seen:
            return None
        seen.add(origin)
        origin = following
    return origin


def _inherited(link: _Link, shown: Mapping[int, list[tuple[_View, Mapping[int, str]]]]) -> Iterator[InheritedKeyFact]:
    near = _ends(link.table, _End(link.schema, link.name, _named(link.columns, link.names)), link.columns, shown)
    there = _End(link.target_schema, link.target_name, _named(link.target_columns, link.target_names))
    far = _ends(link.target, there, link.target_columns, shown)
    for one, other in product(near, far):
        if one.view or other.view:
            key = ForeignKeyFact(
                link.constraint, one.schema, one.name, one.columns, other.schema, other.name, other.columns
            )
            yield InheritedKeyFact(key, (link.schema, link.name), link.single, link.keyed)
    if link.keyed and not (len(near) == len(far) == 1):
        # What leads through the table itself to a view needs the plain key beside the inherited one.
        plain = near[0], far[0]
        key = ForeignKeyFact(
            link.constraint,
            plain[0].schema,
            plain[0].name,
            plain[0].columns,
            plain[1].schema,
            plain[1].name,
            plain[1].columns,
        )
        yield InheritedKeyFact(key, (link.schema, link.name), link.single, link.keyed, plain=True)


def _ends(
    table: int,
    itself: _End,
    numbers: Sequence[str],
    shown: Mapping[int, list[tuple[_View, Mapping[int, str]]]],
) -> list[_End]:
    """The table, and every view that shows all of the key's columns."""
    found = [itself]
    for view, names in shown.get(table, ()):
        if all(int(number) in names for number in numbers):
            found.append(_End(view.schema, view.name, tuple(names[int(number)] for number in numbers), view=True))
    return found


def _named(numbers: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    return tuple(names[int(number) - 1] for number in numbers)


# ── the query tree, as text ──────────────────────────────────────────────────────────────────

BRACKETS = re.compile(r"\\.|[(){}]", re.DOTALL)
"""What nests; behind a backslash anything is a letter."""
ENTRY_DEPTH = 4
"""Inside the list of queries, the query, its list of targets: deeper ones belong to subqueries."""


def origins(tree: str) -> Mapping[int, Origin]:
    """The columns of a view's answer that are columns of a table or view, by their number."""
    if ":setOperations <>" not in tree:
        return {}
    found: dict[int, Origin] = {}
    for entry in _entries(tree):
        number, table, column = (_number(entry, word) for word in (":resno ", ":resorigtbl ", ":resorigcol "))
        if number and table and column and ":resjunk true" not in entry:
            found[number] = (table, column)
    return found


def _entries(tree: str) -> Iterator[str]:
    """The entries of the outermost list of targets."""
    depth = begin = 0
    for found in BRACKETS.finditer(tree):
        position, character = found.start(), found[0]
        if character in "({":
            depth += 1
            if depth == ENTRY_DEPTH and tree.startswith("{TARGETENTRY", position):
                begin = position
        elif character in ")}":
            if depth == ENTRY_DEPTH and begin:
                yield tree[begin:position]
                begin = 0
            depth -= 1


def _number(entry: str, word: str) -> int:
    """The number behind the last such word: an expression inside the entry may have its own."""
    _, found, rest = entry.rpartition(word)
    text = rest.split(" ", 1)[0] if found else ""
    return int(text) if text.isdecimal() else 0
