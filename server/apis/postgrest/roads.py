"""What every method's road is handed, and the parts of a request that all of them read alike.

Rule: a road answers or raises; how an error looks is decided where requests come in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import unquote

from aiohttp import web

from reflector.engine import Engine
from reflector.query.scope import TableScope
from server.apis.postgrest.lowering.tables import schema_of, table_of
from server.cache.answers import AnswerCache
from server.callers import Caller, Callers
from server.config.postgrest import PostgrestSettings

Road: TypeAlias = Callable[[web.Request, Caller], Awaitable[web.Response]]


@dataclass(frozen=True, eq=False, slots=True)
class Api:
    """What the roads share. `cache` is None where no answers are kept, `admin_role` where nobody administers."""

    engine: Engine
    callers: Callers
    settings: PostgrestSettings
    cache: AnswerCache | None = None
    admin_role: str | None = None


def table_asked(request: web.Request, caller: Caller, profile: str | None) -> tuple[TableScope, dict[str, str]]:
    """The table of a request's path in the schema of its profile header, and the header that tells the schema.

    Raises PostgrestError PGRST106 for an unknown schema, PGRST205 for an unknown table.
    """
    catalog = caller.rights.snapshot.catalog
    schemas = catalog.schemas
    schema = schema_of(schemas, profile, catalog.kind)
    return table_of(caller.rights.access.scope, schema, last_name(request)), profile_header(schemas, schema)


def last_name(request: web.Request) -> str:
    """The decoded last segment of the path."""
    raw = request.rel_url.raw_path.rpartition("/")[2]
    return unquote(raw, errors="replace")


def profile_header(schemas: Sequence[str], schema: str) -> dict[str, str]:
    """Content-Profile, told where several schemas are served."""
    return {"Content-Profile": schema} if len(schemas) > 1 else {}


def warning_header(legacy: Sequence[str]) -> dict[str, str]:
    """Warning, where embedded resources with an alias were named by their relation."""
    if not legacy:
        return {}
    names = ", ".join(f"'{name}'" for name in legacy if name.isascii() and name.isprintable()).replace('"', "")
    return {"Warning": f'299 - "An embedded resource with an alias was named by its relation: {names}"'}
