"""What a database says of a schema itself, for documents about it.

Rule: it is asked when a document is made and kept nowhere; a database that has no such comments has none to tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reflector.catalog.model import DatabaseKind
from reflector.reflection import Fetch

ASKS: Final[Mapping[DatabaseKind, str]] = {
    DatabaseKind.POSTGRESQL: """
SELECT pg_catalog.obj_description(n.oid, 'pg_namespace') FROM pg_catalog.pg_namespace n
WHERE n.nspname = $1::pg_catalog.text""",
}


async def schema_comment(kind: DatabaseKind, fetch: Fetch, schema: str) -> str | None:
    """The comment on the schema, None where there is none."""
    text = ASKS.get(kind)
    rows = [] if text is None else await fetch(text, schema)
    return next((str(row[0]) for row in rows if row[0]), None)
