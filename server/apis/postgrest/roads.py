"""What every method's road is handed, and the parts of a request that all of them read alike.

Rule: a road answers or raises; how an error looks is decided where requests come in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import unquote

from aiohttp import web

from reflector.access.database import DatabasePermissions
from reflector.catalog.model import DatabaseKind
from reflector.engine import Engine
from reflector.query.forms import Form
from reflector.query.scope import TableScope
from server.apis.postgrest.grammar.limits import Limits
from server.apis.postgrest.lowering.reads import Lowering
from server.apis.postgrest.lowering.tables import schema_of, table_of
from server.apis.postgrest.lowering.zoned import Clock, clock_of
from server.apis.postgrest.preferences import Preferences, applied, honourable
from server.cache.answers import AnswerCache
from server.callers import Caller, Callers, Rights
from server.config.postgrest import PostgrestSettings

Road: TypeAlias = Callable[[web.Request, Caller], Awaitable[web.Response]]
OVERRIDE: Final = "-allow-override"


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


def most_rows(api: Api, rights: Rights) -> int:
    """The most rows of any list."""
    most = rights.limits.rows
    return min(most, api.settings.db_max_rows or most)


def lowering_of(
    api: Api, rights: Rights, rows: int, limits: Limits, clock: Clock, form: Form, *, represents: bool = True
) -> Lowering:
    """How what is asked of rows is asked of the database, of so many of them at most."""
    settings = api.settings
    return Lowering(
        rights.access.scope,
        rights.snapshot.catalog,
        rows,
        limits,
        settings.db_aggregates_enabled,
        represents,
        clock,
        form,
        settings.url_use_legacy_target_names,
    )


def limits_of(rights: Rights) -> Limits:
    """How much of a query string is read for these roles."""
    own = rights.limits
    return Limits(
        depth=own.depth, logic=own.filter_depth, terms=own.terms, listed=own.list, regex=own.regex, cost=own.cost
    )


def profile_header(schemas: Sequence[str], schema: str) -> dict[str, str]:
    """Content-Profile, told where several schemas are served."""
    return {"Content-Profile": schema} if len(schemas) > 1 else {}


def applied_header(
    api: Api,
    caller: Caller,
    preferred: Preferences,
    method: str,
    *,
    function: bool = False,
    upserts: bool = False,
    inserts: bool = False,
    zoned: bool = True,
) -> dict[str, str]:
    """Preference-Applied: what was preferred and done. `zoned`: the answer is made of values that a clock can be in."""
    honoured = honourable(
        preferred,
        method,
        function=function,
        upserts=upserts,
        inserts=inserts,
        may_choose_end=api.settings.db_tx_end.endswith(OVERRIDE),
        zoned=zoned or database_decides(caller),
    )
    told = applied(preferred, honoured)
    return {} if told is None else {"Preference-Applied": told}


def database_decides(caller: Caller) -> bool:
    """Whether the database itself is told for whom it works, in which zone, and with what settings."""
    return isinstance(caller.rights.snapshot.permissions, DatabasePermissions)


def clock_asked(caller: Caller, preferred: Preferences) -> Clock:
    """The clock of a request; raises PostgrestError 22023."""
    endless = caller.rights.snapshot.catalog.kind is DatabaseKind.POSTGRESQL
    return clock_of(preferred, database_decides=database_decides(caller), endless=endless)


def warning_header(legacy: Sequence[str]) -> dict[str, str]:
    """Warning, where embedded resources with an alias were named by their relation."""
    if not legacy:
        return {}
    names = ", ".join(f"'{name}'" for name in legacy if name.isascii() and name.isprintable()).replace('"', "")
    return {"Warning": f'299 - "An embedded resource with an alias was named by its relation: {names}"'}
