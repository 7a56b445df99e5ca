"""Which relationship an embedded resource means: by table, column or constraint, and by hint.

A to-one relationship answers to its foreign key's column and constraint too. A table that refers to itself is, by its
own name, the rows that refer. A relationship declared in the configuration answers to the name it has there, before all
others; one that a function makes to that of the function, before those of foreign keys.

Rule: where several fit, none is chosen: the caller is told all of them, and how each is spelled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reflector.catalog.inherited import is_view
from reflector.catalog.model import Catalog, Column, Relationship, Table
from reflector.catalog.relationships import unique_in
from reflector.query.scope import Scope, TableScope
from reflector.query.walk import source_columns, target_columns
from server.apis.postgrest.grammar.nodes import Embed
from server.apis.postgrest.unknown import ambiguous_relationship, unknown_relationship


@dataclass(frozen=True, eq=False, slots=True)
class Way:
    """A relationship as requests may spell it. `key` are the columns of its foreign key, `constraint` the name of it;
    `forward`: the key is the source's own."""

    relationship: Relationship
    key: tuple[str, ...] = ()
    constraint: str | None = None
    forward: bool = False

    @property
    def declared(self) -> bool:
        return self.relationship.foreign_key is None and self.relationship.junction is None

    def answers_to(self, name: str) -> bool:
        """Whether a request may call it so."""
        if self.declared:
            return self.relationship.name == name
        table = not is_view(self.relationship.target)
        if self.forward and table and (self.constraint == name or self.key == (name,)):
            return True
        itself = self.relationship.source is self.relationship.target
        return self.relationship.target.name == name and not (itself and self.forward)

    def fits(self, hint: str) -> bool:
        """Whether a hint means it."""
        junction = self.relationship.junction
        return self.constraint == hint or self.key == (hint,) or (junction is not None and junction.table.name == hint)

    @property
    def hint(self) -> str:
        """What chooses it among its like."""
        junction = self.relationship.junction
        return junction.table.name if junction is not None else self.constraint or ",".join(self.key)


def relationship_of(catalog: Catalog, scope: Scope, table: TableScope, embed: Embed) -> Relationship:
    """The relationship; raises PostgrestError PGRST200 for none, PGRST201 for several."""
    ways = [*ways_from(table), *inherited_from(catalog, scope, table)]
    named = [way for way in ways if way.answers_to(embed.name)]
    found = [way for way in named if embed.hint is None or way.fits(embed.hint)]
    declared = [way for way in found if way.declared]
    computed = table.computed_relationships.get(embed.name)
    if computed is not None and embed.hint is None and not declared:
        return computed
    if len(declared) == 1 or len(found) == 1:
        return (declared or found)[0].relationship
    if found:
        raise _ambiguous(catalog, table.table, embed.name, found)
    near = {*(way.relationship.target.name for way in ways), *table.computed_relationships}
    raise unknown_relationship(table.table.schema, table.table.name, embed.name, near, embed.hint)


def ways_from(table: TableScope) -> Iterable[Way]:
    """What a row of the table can embed, within its schema."""
    for each in table.relationships.values():
        if each.target.schema == table.table.schema and _keyed(each):
            yield _way(each)


def inherited_from(catalog: Catalog, scope: Scope, table: TableScope) -> Iterable[Way]:
    """What it can embed because one end is a view, where every column of the way may be read."""
    for each in catalog.inherited.get(table.table, ()):
        target = scope.by_table.get(each.target)
        if target is None or each.target.schema != table.table.schema:
            continue
        if not readable(table, source_columns(each)) or not readable(target, target_columns(each)):
            continue
        if each.junction is None:
            yield _way(each)
            continue
        middle = scope.by_table.get(each.junction.table)
        ends = [column for _, column in each.junction.near] + [column for column, _ in each.junction.far]
        if middle is not None and readable(middle, ends):
            yield Way(each)


def readable(table: TableScope, columns: Iterable[Column]) -> bool:
    """Whether the columns may be read, of a table whose rows may."""
    return table.may_read and all(table.readable.get(column.name) is column for column in columns)


def _way(relationship: Relationship) -> Way:
    key = relationship.foreign_key
    if key is None:
        return Way(relationship)
    forward = relationship.pairs == tuple(zip(key.columns, key.target_columns, strict=True))
    return Way(relationship, _names(key.columns), key.name, forward and key.table is relationship.source)


def _keyed(relationship: Relationship) -> bool:
    """Whether, through a junction, both foreign keys are part of the junction's primary key."""
    junction = relationship.junction
    if junction is None:
        return True
    key = junction.table.primary_key
    ends = {column for _, column in junction.near} | {column for column, _ in junction.far}
    return key is not None and ends.issubset(key.columns)


# ── several of them ──────────────────────────────────────────────────────────────────────────


def _ambiguous(catalog: Catalog, source: Table, name: str, found: Sequence[Way]) -> Exception:
    listed: list[Mapping[str, str]] = [
        {
            "cardinality": cardinality(way),
            "embedding": f"{source.name} with {way.relationship.target.name}",
            "relationship": _spelled(catalog, way),
        }
        for way in found
    ]
    return ambiguous_relationship(
        source.name, name, listed, [f"{way.relationship.target.name}!{way.hint}" for way in found]
    )


def cardinality(way: Way) -> str:
    """How many rows meet how many."""
    relationship = way.relationship
    if relationship.junction is not None:
        return "many-to-many"
    if relationship.many:
        return "one-to-many"
    ours = [column for column, _ in relationship.pairs]
    return "one-to-one" if relationship.one or unique_in(relationship.source, ours) else "many-to-one"


def _spelled(catalog: Catalog, way: Way) -> str:
    relationship = way.relationship
    junction = relationship.junction
    if junction is None:
        ours = f"{relationship.source.name}({_listed(column for column, _ in relationship.pairs)})"
        theirs = f"{relationship.target.name}({_listed(column for _, column in relationship.pairs)})"
        return f"{way.hint} using {ours} and {theirs}"
    near = _constraint(catalog, junction.table, tuple(column for _, column in junction.near))
    far = _constraint(catalog, junction.table, tuple(column for column, _ in junction.far))
    return f"{junction.table.name} using {near} and {far}"


def _constraint(catalog: Catalog, table: Table, columns: tuple[Column, ...]) -> str:
    names = [key.name for key in catalog.foreign_keys if key.table is table and set(key.columns) == set(columns)]
    name = next((each for each in names if each), table.name)
    return f"{name}({_listed(columns)})"


def _listed(columns: Iterable[Column]) -> str:
    return ", ".join(column.name for column in columns)


def _names(columns: Iterable[Column]) -> tuple[str, ...]:
    return tuple(column.name for column in columns)
