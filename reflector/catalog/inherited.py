"""Ways that lead from views and to views, by the foreign keys of the tables they show.

They stand beside the relationships that have names of their own: who asks for related rows by tables, columns and
constraints finds them, and no name of another way changes because there is a view.

Rule: a way is there only where every column of it is shown at both ends.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import permutations

from reflector.catalog.facts import InheritedKeyFact
from reflector.catalog.model import ForeignKey, Junction, Relationship, Table, TableKind

MOST = 20_000
"""Ways in all: views over views over views may have more than anybody reads."""


def inherited(facts: Iterable[InheritedKeyFact], tables: Iterable[Table]) -> dict[Table, tuple[Relationship, ...]]:
    """The ways by the table or view they begin at."""
    served = {(table.schema, table.name): table for table in tables}
    keys = [found for fact in facts if (found := _key(fact, served)) is not None]
    ways: defaultdict[Table, list[Relationship]] = defaultdict(list)
    for number, way in enumerate(_ways(keys)):
        if number == MOST:
            break
        ways[way.source].append(way)
    return {table: tuple(found) for table, found in ways.items()}


def _key(fact: InheritedKeyFact, served: Mapping[tuple[str, str], Table]) -> tuple[InheritedKeyFact, ForeignKey] | None:
    key = fact.key
    table, target = served.get((key.schema, key.table)), served.get((key.target_schema, key.target_table))
    if table is None or target is None:
        return None
    if not (table.by_name.keys() >= set(key.columns) and target.by_name.keys() >= set(key.target_columns)):
        return None
    columns = tuple(table.by_name[name] for name in key.columns)
    return fact, ForeignKey(
        key.name, table, columns, target, tuple(target.by_name[name] for name in key.target_columns)
    )


def _ways(keys: list[tuple[InheritedKeyFact, ForeignKey]]) -> Iterator[Relationship]:
    by_junction: defaultdict[tuple[Table, tuple[str, str]], list[tuple[InheritedKeyFact, ForeignKey]]]
    by_junction = defaultdict(list)
    for fact, key in keys:
        if not fact.plain:
            yield from _direct(fact, key)
        if fact.keyed:
            by_junction[key.table, fact.base].append((fact, key))
    for found in by_junction.values():
        for (one, near), (other, far) in permutations(found, 2):
            plain = one.plain and other.plain
            if near.name != far.name and not plain:
                yield _through(near, far)


def _direct(fact: InheritedKeyFact, key: ForeignKey) -> Iterator[Relationship]:
    there = tuple(zip(key.columns, key.target_columns, strict=True))
    back = tuple((far, near) for near, far in there)
    name = key.name or key.target.name
    yield Relationship(f"to {name}", key.table, key.target, False, there, foreign_key=key, one=fact.single)
    yield Relationship(f"back {name}", key.target, key.table, not fact.single, back, foreign_key=key, one=fact.single)


def _through(near: ForeignKey, far: ForeignKey) -> Relationship:
    junction = Junction(
        near.table,
        near=tuple(zip(near.target_columns, near.columns, strict=True)),
        far=tuple(zip(far.columns, far.target_columns, strict=True)),
    )
    return Relationship(f"through {near.table.label}", near.target, far.target, True, (), junction)


def is_view(table: Table) -> bool:
    """Whether the rows are those of other tables."""
    return table.kind in {TableKind.VIEW, TableKind.MATERIALIZED_VIEW}
