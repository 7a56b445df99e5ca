"""Tables by the names that the database gives them, in the schema that a request is about.

Rule: a table is looked up among those of the caller's scope, so a hidden one and an absent one are told alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reflector.catalog.model import DatabaseKind
from reflector.query.scope import Scope, TableScope
from server.apis.postgrest.unknown import unknown_schema, unknown_table


def table_of(scope: Scope, schema: str, name: str) -> TableScope:
    """The table of that name; raises PostgrestError PGRST205, RuleUnbound for one that is closed."""
    labels = (name, f"{schema}.{name}")
    for label in labels:
        found = scope.tables.get(label)
        if found is not None and (found.table.schema, found.table.name) == (schema, name):
            return found
    # A table may have another label: the one that the configuration gives it.
    here = {each.table.name: each for each in scope.by_table.values() if each.table.schema == schema}
    if name in here:
        return here[name]
    for label, closed in scope.broken.items():
        if (closed.schema, closed.name) == (schema, name):
            return scope.table(label)
    raise unknown_table(schema, name, here)


PUBLIC: Final = "public"


def schema_of(schemas: Sequence[str], profile: str | None, database: DatabaseKind = DatabaseKind.POSTGRESQL) -> str:
    """The schema that a profile header asks for, the first where there is none; raises PostgrestError PGRST106.

    Some clients always ask for PostgreSQL's usual schema: elsewhere that is the first one, unless there is one of that name.
    """
    elsewhere = database is not DatabaseKind.POSTGRESQL and PUBLIC not in schemas
    if profile is None or (profile == PUBLIC and elsewhere):
        return schemas[0]
    if profile not in schemas:
        raise unknown_schema(profile, schemas)
    return profile
