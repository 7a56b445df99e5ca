"""The only way from a caller's string to a catalog object.

A scope is made for one set of roles: what they may not use does not exist in it, so a hidden name and an absent one
are told alike, and a suggestion can only ever name what the caller may see anyway.

Rule: no parser looks a name up in the catalog itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reflector.catalog.model import Column, Function, Relationship, Table
from reflector.datatypes import DataType
from reflector.errors import RuleUnbound, UnknownColumn, UnknownRelationship, UnknownTable
from reflector.query.nodes import TEXT

KNOWN_BY = ("name", "title", "label", "email", "code", "id")


@dataclass(frozen=True, eq=False, slots=True)
class TableScope:
    """One table as the roles may use it. A right they do not have is an empty mapping or False."""

    table: Table
    readable: Mapping[str, Column]
    creatable: Mapping[str, Column]
    updatable: Mapping[str, Column]
    relationships: Mapping[str, Relationship]
    may_read: bool
    may_create: bool
    may_update: bool
    may_delete: bool
    may_aggregate: bool = False
    computed_fields: Mapping[str, Function] = field(default_factory=dict)
    """Functions that give a value for a row."""
    computed_relationships: Mapping[str, Relationship] = field(default_factory=dict)
    """Ways that functions make."""
    creatable_by_json: Mapping[str, Column] = field(default_factory=dict)
    """Columns that a new row may be given too, by who hands the database JSON as it came: it makes the values of it."""
    updatable_by_json: Mapping[str, Column] = field(default_factory=dict)
    masked: Mapping[str, Column] = field(default_factory=dict)
    """Columns that are shown as texts, masked on some rows at least. They are `readable` too where some rows show them as
    they are; otherwise they can be selected, and used in no other way."""
    answered: Mapping[str, Column] = field(init=False)
    """The columns that can be selected, in the table's order."""

    def __post_init__(self) -> None:
        every = {**self.readable, **self.masked}
        kept = {each.name: each for each in self.table.columns if each.name in every} if self.masked else self.readable
        object.__setattr__(self, "answered", kept)

    def answered_type(self, column: Column) -> DataType:
        """The type of what is answered of a column."""
        return TEXT if column.name in self.masked else column.type

    def column(self, name: str, *, pointer: str | None = None) -> Column:
        """A column that may be read; raises UnknownColumn with the nearest of those."""
        found = self.readable.get(name)
        if found is None:
            raise UnknownColumn(self.table.label, name, self.readable, pointer=pointer)
        return found

    def answered_column(self, name: str, *, pointer: str | None = None) -> Column:
        """A column that may be selected; raises UnknownColumn with the nearest of those."""
        found = self.answered.get(name)
        if found is None:
            raise UnknownColumn(self.table.label, name, self.answered, pointer=pointer)
        return found

    def relationship(self, name: str, *, pointer: str | None = None) -> Relationship:
        """A relationship whose rows may be read; raises UnknownRelationship with the nearest of those."""
        found = self.relationships.get(name)
        if found is None:
            raise UnknownRelationship(self.table.label, name, self.relationships, pointer=pointer)
        return found

    def member(self, name: str, *, pointer: str | None = None) -> Column | Relationship:
        """A column or a relationship of that name; the nearest of both is suggested."""
        found = self.readable.get(name) or self.relationships.get(name)
        if found is None:
            raise UnknownColumn(self.table.label, name, [*self.readable, *self.relationships], pointer=pointer)
        return found

    def example(self) -> str | None:
        """A column to name in a hint: one that rows are known by, else the first that may be read."""
        return next((name for name in KNOWN_BY if name in self.readable), next(iter(self.readable), None))

    def creatable_column(self, name: str, *, pointer: str | None = None) -> Column:
        found = self.creatable.get(name)
        if found is None:
            raise UnknownColumn(self.table.label, name, self.creatable, pointer=pointer)
        return found

    def updatable_column(self, name: str, *, pointer: str | None = None) -> Column:
        found = self.updatable.get(name)
        if found is None:
            raise UnknownColumn(self.table.label, name, self.updatable, pointer=pointer)
        return found


@dataclass(frozen=True, eq=False, slots=True)
class Scope:
    """All that one set of roles may use. `roles` is part of every plan key; `broken` are, by their labels, tables that are
    closed because one of their rules no longer fits the database. `functions` are those of each schema and name.
    `handlers` make documents of rows, by the table whose rows they take (None: of any) and the media type. `beside` are those
    of the functions, by name, that are code of extensions."""

    roles: tuple[str, ...]
    tables: Mapping[str, TableScope]
    by_table: Mapping[Table, TableScope]
    broken: Mapping[str, Table] = field(default_factory=dict)
    functions: Mapping[tuple[str, str], tuple[Function, ...]] = field(default_factory=dict)
    handlers: Mapping[tuple[Table | None, str], Function] = field(default_factory=dict)
    beside: Mapping[str, Function] = field(default_factory=dict)

    def table(self, label: str, *, pointer: str | None = None) -> TableScope:
        """The table of that label; raises UnknownTable, or RuleUnbound when one of its rules no longer binds."""
        found = self.tables.get(label)
        if found is None:
            if label in self.broken:
                raise RuleUnbound(f"{label} is closed: one of its rules does not fit the database", pointer=pointer)
            raise UnknownTable(label, self.tables, pointer=pointer)
        return found

    def rows_of(self, function: Function) -> TableScope | None:
        """What may be named of a function's rows: of those of a table, what may be read of it. None where nothing may."""
        if function.of_table and function.rows is not None:
            found = self.by_table.get(function.rows)
            return found if found is not None and found.may_read else None
        if function.rows is None:
            return None
        return TableScope(function.rows, function.rows.by_name, {}, {}, {}, True, False, False, False)

    def on(self, table: Table) -> TableScope:
        """The scope of a table that a relationship of this scope led to."""
        return self.by_table[table]
