"""Tables that the server itself reads to know who calls.

A view that reads one is opened by its own name alone, and told of: neither a pattern nor a default means it.

Rule: such a table is nobody's: no rule opens it, no default, no grant of the database. One that is `served` besides is opened by
rules as any other, but what proves its people is hidden from everybody, and what makes them who they are is written by nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from reflector.access.description import AccessDescription, Complaint, ReservedTable, Severity
from reflector.access.entries import Complain
from reflector.access.names import database_names, is_pattern, matching
from reflector.access.permissions import Permission
from reflector.catalog.model import Catalog, Column, Table, TableKind
from reflector.errors import suggestion


def reserved_tables(
    description: AccessDescription, catalog: Catalog, complain: Complain
) -> Mapping[Table, ReservedTable]:
    """Those that are there; complaints about those that are not, that cannot be read so, and that a rule would open."""
    known = database_names(catalog)
    found: dict[Table, ReservedTable] = {}
    for reserved in description.reserved:
        table = known.get(reserved.name)
        if table is None:
            message = f"there is no table {reserved.name!r}"
            complain(_error("unknown_table", message, suggestion(reserved.name, known), reserved.where))
            continue
        if table in found:
            message = f"{reserved.name} is read for two things: what may be known of it for one may not for the other"
            complain(_error("reserved_table", message, "name two tables", reserved.where))
            continue
        found[table] = reserved
        for complaint in _unfit(table, reserved):
            complain(complaint)
    for complaint in _opening(description, known, found):
        complain(complaint)
    return found


def views_of(reserved: Mapping[Table, ReservedTable], catalog: Catalog) -> frozenset[Table]:
    """Those that read a table of them, be it by way of other views, as far as the database tells what they read."""
    return frozenset(view for view, tables in catalog.stands_on.items() if not reserved.keys().isdisjoint(tables))


def shown_by(view: Table, where: object) -> Complaint:
    """What is told of such a view that a rule opens."""
    message = (
        f"{view.label} shows a table that is read to know who calls: whoever may read it reads what it shows of that"
    )
    return Complaint(Severity.WARNING, "reserved_view", message, "let it show no hash, or do not open it", where)


def _unfit(table: Table, reserved: ReservedTable) -> Iterator[Complaint]:
    for column, where in reserved.columns.items():
        if column not in table.by_name:
            message, near = f"{reserved.name} has no column {column!r}", suggestion(column, table.by_name)
            yield _error("unknown_column", message, near, where)
    by = table.by_name.get(reserved.by)
    keys = (table.primary_key, *table.uniques)
    unique = any(key is not None and key.columns == (by,) for key in keys)
    if by is not None and not unique and table.kind is TableKind.TABLE:
        message = f"rows of {reserved.name} are found by {reserved.by!r}, which is not unique"
        yield _error("no_key", message, "give the column a unique index of its own", reserved.where)


def _opening(
    description: AccessDescription, known: Mapping[str, Table], found: Mapping[Table, ReservedTable]
) -> Iterator[Complaint]:
    """Entries that would open nothing but tables that are nobody's. A pattern that matches others too means those."""
    closed = {table for table, reserved in found.items() if not reserved.served}
    for rules in description.tables:
        names = [rules.name] if rules.name in known or not is_pattern(rules.name) else matching(rules.name, known)
        tables = {known[name] for name in names if name in known}
        if rules.allow and tables and tables <= closed:
            message = f"{rules.name} is read to know who calls: no role is let at it"
            yield _error("reserved_table", message, None, rules.where)


def hidden_columns(table: Table, reserved: ReservedTable) -> set[Column]:
    """Those that nobody sees: all of them, or those that prove who somebody is."""
    return {each for each in table.columns if not reserved.served or each.name in reserved.secrets}


def narrowed(permission: Permission, table: Table, reserved: ReservedTable) -> Permission:
    """A permission on a table that is served besides: without writing what makes people who they are."""
    fixed = frozenset(each for each in table.columns if each.name in reserved.columns or each.name in reserved.perhaps)
    create, update = permission.create, permission.update
    return replace(
        permission,
        create=None if create is None else replace(create, columns=create.columns - fixed),
        update=None if update is None else replace(update, columns=update.columns - fixed),
    )


def _error(code: str, message: str, hint: str | None, where: object) -> Complaint:
    return Complaint(Severity.ERROR, code, message, hint, where)
