"""Whether a database hides rows of a table by rules of its own.

Rule: it is asked when somebody wants to know and kept nowhere; a database that has no such rules hides none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reflector.catalog.model import DatabaseKind, Table
from reflector.reflection import Fetch

ASKS: Final[Mapping[DatabaseKind, str]] = {
    DatabaseKind.POSTGRESQL: """
SELECT c.relrowsecurity FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1::pg_catalog.text AND c.relname = $2::pg_catalog.text""",
}


async def hides_rows(kind: DatabaseKind, fetch: Fetch, table: Table) -> bool:
    """Whether row security is on, whomever it is for; so it is for a table that is not there any more."""
    text = ASKS.get(kind)
    if text is None:
        return False
    rows = await fetch(text, table.schema, table.name)
    return not rows or bool(rows[0][0])
