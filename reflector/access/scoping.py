"""From grants to a scope: what a set of roles may name.

Rule: a relationship exists for those who may read both of its ends: the rows it leads to, the columns that join them,
and the junction between them. Joining on a column tells its value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from reflector.access.permissions import Grants, TableGrant
from reflector.catalog.model import Catalog, Column, Function, Relationship, Table
from reflector.query.scope import Scope, TableScope
from reflector.query.walk import source_columns, target_columns


def scope_for(catalog: Catalog, grants: Grants) -> Scope:
    """Everything the roles of `grants` may name in the catalog."""
    by_table = {
        table: _table_scope(catalog, grants, grant)
        for table in grants.tables
        if (grant := grants.on(table)) is not None
    }
    tables = {table.label: scope for table, scope in by_table.items()}
    broken = {table.label: table for table in grants.broken}
    functions = _functions(catalog, grants)
    beside = {each.name: each for found in functions.values() for each in found if each.extension is not None}
    return Scope(grants.roles, tables, by_table, broken, functions, _handlers(catalog, grants), beside)


def _functions(catalog: Catalog, grants: Grants) -> Mapping[tuple[str, str], tuple[Function, ...]]:
    """The functions by schema and name, those of one name in the catalog's order."""
    found: dict[tuple[str, str], tuple[Function, ...]] = {}
    for function in catalog.functions if grants.functions else ():
        if function in grants.functions and function.gathers is None:
            place = (function.schema, function.name)
            found[place] = (*found.get(place, ()), function)
    return found


def _handlers(catalog: Catalog, grants: Grants) -> Mapping[tuple[Table | None, str], Function]:
    """The aggregates that answer in media types of their own; of several for one the first."""
    found: dict[tuple[Table | None, str], Function] = {}
    for function in catalog.functions:
        if function.media is None or function.gathers is None or (function.row_type and not function.of_table):
            continue  # of a table that is not served there are no rows to gather
        if function.features or function in grants.functions:
            found.setdefault((function.rows, function.media), function)
    return found


def _table_scope(catalog: Catalog, grants: Grants, grant: TableGrant) -> TableScope:
    relationships = catalog.relationships.get(grant.table, {})
    return TableScope(
        grant.table,
        _by_name(grant.columns),
        _given(grant.table, (right.columns for right in grant.creates)),
        _given(grant.table, (right.columns for right in grant.updates)),
        {name: each for name, each in relationships.items() if _visible(grants, grant, each)},
        tells(grant),
        bool(grant.creates),
        bool(grant.updates),
        bool(grant.deletes),
        tells(grant) and grant.aggregate,
        dict(_computed_fields(catalog, grants, grant)),
        dict(_computed_relationships(catalog, grants, grant)),
        _given(grant.table, (right.columns for right in grant.creates), by_json=True),
        _given(grant.table, (right.columns for right in grant.updates), by_json=True),
        _by_name(grant.masked),
    )


def _computed_fields(catalog: Catalog, grants: Grants, grant: TableGrant) -> Iterator[tuple[str, Function]]:
    """The functions that may be called for a row that may be read. Of one name the first counts: it comes last here."""
    if tells(grant):
        for function in reversed(catalog.computed_fields.get(grant.table, ())):
            if function in grants.functions:
                yield function.name, function


def _computed_relationships(catalog: Catalog, grants: Grants, grant: TableGrant) -> Iterator[tuple[str, Relationship]]:
    """The ways that such functions make, to rows that may be read."""
    if tells(grant):
        for way in reversed(catalog.computed_relationships.get(grant.table, ())):
            if way.function in grants.functions and _readable(grants, way.target, ()):
                yield way.name, way


def _by_name(columns: Iterable[Column]) -> Mapping[str, Column]:
    return {column.name: column for column in columns}


def _given(table: Table, columns: Iterable[frozenset[Column]], *, by_json: bool = False) -> Mapping[str, Column]:
    """The columns that any of the rights takes, in the table's order: those whose values we read, or the others."""
    taken = frozenset().union(*columns)
    return {each.name: each for each in table.columns if each in taken and each.type.read_here is not by_json}


def _visible(grants: Grants, grant: TableGrant, relationship: Relationship) -> bool:
    if not all(column in grant.columns for column in source_columns(relationship)):
        return False
    if not _readable(grants, relationship.target, target_columns(relationship)):
        return False
    junction = relationship.junction
    if junction is None:
        return True
    ends = [column for _, column in junction.near] + [column for column, _ in junction.far]
    return _readable(grants, junction.table, ends)


def _readable(grants: Grants, table: Table, columns: Iterable[Column]) -> bool:
    grant = grants.on(table)
    return grant is not None and tells(grant) and all(column in grant.columns for column in columns)


def tells(grant: TableGrant) -> bool:
    """Whether rows may be read: of those without a column there is nothing to tell, and no API has a form for them."""
    return grant.may_read and bool(grant.answered)
