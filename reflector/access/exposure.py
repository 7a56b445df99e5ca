"""Columns that appeared while their table was served, and that roles may read though no list names them.

Rule: what a rule without a list opens is what its writer saw there; a column that comes later is opened all the same, and
its owner is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from reflector.access.description import AccessDescription, Complaint, Severity
from reflector.access.entries import TableEntry, read_entries
from reflector.access.permissions import Permissions
from reflector.catalog.model import Catalog

CODE: Final = "column_exposed"
HINT: Final = "name the columns that may be read, hide this one, or set defaults.columns: listed"
Place: TypeAlias = tuple[str, str, str]
"""Schema, table, column."""


def appeared(before: Catalog, after: Catalog) -> frozenset[Place]:
    """The columns of tables that were there before, and had them not."""
    old = {(table.schema, table.name): table for table in before.tables.values()}
    return frozenset(
        (table.schema, table.name, column.name)
        for table in after.tables.values()
        if (known := old.get((table.schema, table.name))) is not None
        for column in table.columns
        if column.name not in known.by_name
    )


def exposed(
    description: AccessDescription, catalog: Catalog, permissions: Permissions, places: frozenset[Place]
) -> Iterator[Complaint]:
    """A complaint for each of the columns at these places that some role may read without a list that names it."""
    if not places:
        return
    for entry in read_entries(description, catalog, lambda _: None):
        table = entry.table
        for column in table.columns:
            if (table.schema, table.name, column.name) not in places:
                continue
            roles = sorted(
                role
                for role, rights in permissions.rights.items()
                if (found := rights.get(table))
                and found.read
                and column in found.read.columns
                and _unlisted(entry, role, column.name)
            )
            if roles:
                named = f"{table.label}.{column.name}"
                message = f"{CODE}: {named} appeared, and {', '.join(roles)} may read it: no list names it"
                yield Complaint(Severity.WARNING, CODE, message, HINT, _where(entry, roles[0]), table=table.label)


def _unlisted(entry: TableEntry, role: str, column: str) -> bool:
    """Whether what opens the table to the role does not name the column; a pattern that matches it does not."""
    allowed = entry.allowed.get(role)
    if allowed is None or allowed.rules.read is None:
        return allowed is None
    return allowed.rules.read.columns is None or column not in allowed.rules.read.columns.names


def _where(entry: TableEntry, role: str) -> object:
    allowed = entry.allowed.get(role)
    return None if allowed is None else allowed.rules.where
