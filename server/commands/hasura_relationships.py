"""Relationships of a Hasura's metadata, found in the database and called as they are called there.

    {name: author, using: {foreign_key_constraint_on: author_id}}     the one that a foreign key makes, renamed
    a second name for the same                                         added, with the columns that it joins
    {name: stats, using: {manual_configuration: …}}                    one that joins alike, or added

What the database has under such a name, and is not meant by it, gives the name up: rules of theirs speak of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reflector.catalog.model import Catalog, Column, Relationship, Table
from reflector.catalog.relationships import unique_in
from reflector.query.walk import source_columns

Entry = Mapping[str, Any]


@dataclass(slots=True)
class Relationships:
    """`found` and `label` tell of a table in the metadata what it is in the database, and how our file calls it. `made` are the
    entries of our file, `left` what is not carried over."""

    catalog: Catalog
    found: Callable[[Any], Table | None]
    label: Callable[[Any], str]
    left: list[str]
    renames: dict[tuple[str, str], str] = field(default_factory=dict)
    added: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    sources: dict[str, Table] = field(default_factory=dict)

    def take(self, given: Any, table: str, entry: Entry, *, many: bool) -> None:
        """One relationship of a table."""
        name, source = str(entry.get("name")), self.found(given)
        using = entry.get("using")
        found = None if source is None or not isinstance(using, Mapping) else self._meant(source, using, many=many)
        if source is None or found is None:
            self.left.append(f"{table}: relationship {name}: the database has nothing that it could be")
            return
        self.sources[table] = source
        if isinstance(found, Relationship) and (table, found.name) not in self.renames:
            self.renames[table, found.name] = name
            self._count(table, name, many, here=found.many)
            return
        join = {near.name: far.name for near, far in found.pairs} if isinstance(found, Relationship) else found["join"]
        target = found.target if isinstance(found, Relationship) else found["target"]
        said = {"to": found["to"] if isinstance(found, dict) else self._called(target), "join": join}
        self.added[table, name] = said
        here = not unique_in(target, [target.by_name[column] for column in join.values()])
        self._count(table, name, many, here=here)

    def _count(self, table: str, name: str, many: bool, *, here: bool) -> None:
        if here is not many:
            why = (
                "a list, since no key says that it is one row" if here else "one row, since its columns are a key there"
            )
            self.left.append(f"{table}: relationship {name}: is {why}")

    def _called(self, target: Table) -> str:
        return self.label({"schema": target.schema, "name": target.name})

    def made(self) -> dict[str, dict[str, Any]]:
        """The entries of our file: renames, those that give a name up among them, then what is added."""
        said: dict[str, dict[str, Any]] = {}
        for table, source in self.sources.items():
            known = self.catalog.relationships.get(source, {})
            renames = {old: new for (label, old), new in self.renames.items() if label == table}
            taken = {*renames.values(), *(name for label, name in self.added if label == table)}
            for name in sorted(taken & (known.keys() - renames.keys())):
                renames[name] = _free(f"{name}_other", {*taken, *known, *source.by_name})
            said |= {f"{table}.{old}": {"rename": new} for old, new in renames.items() if old != new}
        return {**said, **{f"{table}.{name}": added for (table, name), added in self.added.items()}}

    def _meant(self, source: Table, using: Entry, *, many: bool) -> Relationship | dict[str, Any] | None:
        manual = using.get("manual_configuration")
        if isinstance(manual, Mapping):
            return self._manual(source, manual, many=many)
        return self._by_key(source, using.get("foreign_key_constraint_on"))

    def _by_key(self, source: Table, given: Any) -> Relationship | None:
        """The relationship that a foreign key makes: of the table's own columns, or of another table's."""
        if isinstance(given, Mapping):
            other, names = self.found(given.get("table")), _columns(given)
            return self._one(
                source,
                lambda each: (
                    each.junction is None
                    and each.target is other
                    and each.foreign_key is not None
                    and each.foreign_key.table is other
                    and _named(each.foreign_key.columns) == names
                    and (each.many or other is not source or _named(source_columns(each)) != names)
                ),
            )
        names = given if isinstance(given, list) else [given]
        return self._one(
            source,
            lambda each: (
                not each.many
                and each.foreign_key is not None
                and each.foreign_key.table is source
                and _named(source_columns(each)) == names
            ),
        )

    def _manual(self, source: Table, given: Entry, *, many: bool) -> Relationship | dict[str, Any] | None:
        """One that exists and joins alike, or what makes it."""
        mapping = given.get("column_mapping")
        target, join = self.found(given.get("remote_table")), dict(mapping) if isinstance(mapping, Mapping) else {}
        if not all(isinstance(each, str) for each in join.values()):
            return None
        if target is None or not join or not join.keys() <= source.by_name.keys():
            return None
        if not set(join.values()) <= target.by_name.keys():
            return None
        pairs = set(join.items())
        found = self._one(
            source,
            lambda each: (
                each.target is target
                and each.many == many
                and each.junction is None
                and {(near.name, far.name) for near, far in each.pairs} == pairs
            ),
        )
        return found or {"to": self.label(given.get("remote_table")), "join": join, "target": target}

    def _one(self, source: Table, fits: Callable[[Relationship], bool]) -> Relationship | None:
        known = self.catalog.relationships.get(source, {})
        return next((each for each in known.values() if fits(each)), None)


def _free(name: str, taken: set[str]) -> str:
    return name if name not in taken else _free(f"{name}_other", taken)


def _columns(given: Entry) -> list[str]:
    columns = given.get("columns", given.get("column"))
    return [str(each) for each in columns] if isinstance(columns, list) else [str(columns)]


def _named(columns: tuple[Column, ...]) -> list[str]:
    return [column.name for column in columns]
