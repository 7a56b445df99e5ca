"""What foreign keys say about how to travel: to one, to many, to the other side of a junction; and by which names.

The names, each used by every API:

* to one: the key column without `_id`, `_fk` or `Id` (`author_id` → `author`), else the singular of the target;
* to many: the referring table's name; its singular where the key is unique, so that there is at most one;
* through a junction (its primary key, or a unique key, is exactly two foreign keys): the far table's name.

Who clashes with another relationship or with a column is `<name>_by_<column stem>`, through a junction
`<name>_via_<junction>`; a composite key's columns are joined by `_`. If those clash as well, tables carry their schema
(`archive_orders_by_customer`); where that does not tell them apart, the constraint's name stands for the columns or the
junction; and at last a number follows.

A table that refers to itself has both ways: `categories.parent_id` makes `parent`, and `categories` for the children.
A junction keeps its own to-many relationships besides, for its payload and for writing to it.

Rule: only keys link. Views have none, so what leads from them is declared in the config.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

from reflector.catalog.model import Column, ForeignKey, Junction, Notice, Pairs, Relationship, Table
from reflector.catalog.naming import Wish, settle, singular, stem


@dataclass(frozen=True, slots=True)
class Spelling:
    """How tables are called inside the names of relationships: without their schema, and where that clashes, with it."""

    short: Mapping[Table, str]
    long: Mapping[Table, str]


@dataclass(frozen=True, eq=False, slots=True)
class _Link:
    """A relationship that has no name yet."""

    wish: Wish
    source: Table
    target: Table
    many: bool
    pairs: Pairs
    nullable: bool
    foreign_key: ForeignKey | None = None
    junction: Junction | None = None

    def named(self, name: str) -> Relationship:
        return Relationship(
            name, self.source, self.target, self.many, self.pairs, self.junction, self.nullable, self.foreign_key
        )


def link(
    tables: Iterable[Table], foreign_keys: Sequence[ForeignKey], spelling: Spelling
) -> tuple[dict[Table, dict[str, Relationship]], tuple[Notice, ...]]:
    """Every relationship of every table, by name and in the order of names; and a notice for each clash."""
    links: dict[Table, list[_Link]] = {table: [] for table in tables}
    distinct, notices = _distinct(foreign_keys)
    for each in _links(distinct, spelling):
        links[each.source].append(each)
    relationships: dict[Table, dict[str, Relationship]] = {}
    for table, candidates in links.items():
        relationships[table], clashes = _named(table, candidates)
        notices += clashes
    return relationships, tuple(notices)


def unique_in(table: Table, columns: Iterable[Column]) -> bool:
    """Whether at most one row of the table has given values in the columns."""
    given = set(columns)
    return any(given.issuperset(key) for key in _keys(table))


def _keys(table: Table) -> Iterable[tuple[Column, ...]]:
    keys = (table.primary_key, *table.uniques)
    return [key.columns for key in keys if key is not None]


def _named(table: Table, links: Sequence[_Link]) -> tuple[dict[str, Relationship], list[Notice]]:
    names, clashes = settle([each.wish for each in links], table.by_name)
    relationships = sorted((each.named(names[each.wish]) for each in links), key=lambda each: each.name)
    notices = [
        Notice("name_clash", f"{table.label}.{clash.name} would be ambiguous: it is {' and '.join(clash.instead)}")
        for clash in clashes
    ]
    return {each.name: each for each in relationships}, notices


def _distinct(foreign_keys: Sequence[ForeignKey]) -> tuple[list[ForeignKey], list[Notice]]:
    """One of each: the same key declared twice is still one way to travel."""
    kept: dict[object, ForeignKey] = {}
    notices = []
    for key in sorted(foreign_keys, key=identity):
        meaning = (key.table, key.target, frozenset(zip(key.columns, key.target_columns, strict=True)))
        if kept.setdefault(meaning, key) is not key:
            text = (
                f"{key.table.label}: foreign key {key.name or _columns(key)} says the same as another: it is not used"
            )
            notices.append(Notice("duplicate_foreign_key", text))
    return list(kept.values()), notices


def identity(key: ForeignKey) -> tuple[str, ...]:
    """What tells a foreign key from all others, and puts them in an order."""
    return (key.table.label, key.name or "", _columns(key), key.target.label, ",".join(_names(key.target_columns)))


def _columns(key: ForeignKey) -> str:
    return ",".join(_names(key.columns))


def _names(columns: Iterable[Column]) -> list[str]:
    return [column.name for column in columns]


# ── the three ways ───────────────────────────────────────────────────────────────────────────


def _links(foreign_keys: Sequence[ForeignKey], spelling: Spelling) -> Iterable[_Link]:
    by_table: defaultdict[Table, list[ForeignKey]] = defaultdict(list)
    for key in foreign_keys:
        by_table[key.table].append(key)
        yield _to_one(key, spelling)
        yield _back(key, spelling)
    for table, keys in by_table.items():
        for near, far in permutations(keys, 2):
            if _joins(table, near, far):
                yield _through(table, near, far, spelling)


def _to_one(key: ForeignKey, spelling: Spelling) -> _Link:
    of_column = stem(key.columns[0].name) if len(key.columns) == 1 else None
    short = of_column or singular(spelling.short[key.target])
    long = of_column or singular(spelling.long[key.target])
    return _Link(
        wish=Wish(_by(short, long, key), ("to_one", *identity(key))),
        source=key.table,
        target=key.target,
        many=False,
        pairs=tuple(zip(key.columns, key.target_columns, strict=True)),
        nullable=any(column.nullable for column in key.columns),
        foreign_key=key,
    )


def _back(key: ForeignKey, spelling: Spelling) -> _Link:
    """From the table referred to, to those who refer."""
    short, long = spelling.short[key.table], spelling.long[key.table]
    one = unique_in(key.table, key.columns)
    if one:
        short, long = singular(short), singular(long)
    return _Link(
        wish=Wish(_by(short, long, key), ("back", *identity(key))),
        source=key.target,
        target=key.table,
        many=not one,
        pairs=tuple(zip(key.target_columns, key.columns, strict=True)),
        nullable=True,
        foreign_key=key,
    )


def _by(short: str, long: str, key: ForeignKey) -> tuple[str, ...]:
    columns = _names(key.columns)
    whose = (stem(columns[0]) or columns[0]) if len(columns) == 1 else "_".join(columns)
    names = (short, f"{short}_by_{whose}", f"{long}_by_{whose}")
    return names if key.name is None else (*names, f"{short}_by_{key.name}")


def _joins(table: Table, near: ForeignKey, far: ForeignKey) -> bool:
    """Whether the two keys are exactly a primary or unique key, and neither of them is one alone."""
    ours, theirs = set(near.columns), set(far.columns)
    return any(ours < set(key) and theirs < set(key) and ours | theirs == set(key) for key in _keys(table))


def _through(table: Table, near: ForeignKey, far: ForeignKey, spelling: Spelling) -> _Link:
    short, long = spelling.short[far.target], spelling.long[far.target]
    names = (short, f"{short}_via_{spelling.short[table]}", f"{long}_via_{spelling.long[table]}")
    return _Link(
        wish=Wish(
            names if far.name is None else (*names, f"{short}_via_{far.name}"),
            ("through", *identity(far), *identity(near)),
        ),
        source=near.target,
        target=far.target,
        many=True,
        pairs=(),
        nullable=True,
        junction=Junction(
            table,
            near=tuple(zip(near.target_columns, near.columns, strict=True)),
            far=tuple(zip(far.columns, far.target_columns, strict=True)),
        ),
    )
