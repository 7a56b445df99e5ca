"""What the database would say of what is there and was not granted, where it decides.

For a scope there is no such table, column or function. The database itself says "permission denied", in its own catalog
all of them can be read by anybody, and clients rely on the difference between 404 and 401 or 403.

Rule: only what the database did not grant is told so; what our own file hides or does not open is not there.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from aiohttp import web

from reflector.access.database import DatabasePermissions
from reflector.catalog.model import Catalog
from reflector.catalog.roles import DatabaseRole, Privileges
from server.apis.postgrest.faults import PostgrestError, refusal
from server.callers import Caller
from server.transactions import READING

REFUSED: Final = "42501"
NO_COLUMN: Final = re.compile(r"column (?P<table>.+)\.(?P<column>[^.]+) does not exist")


def as_denied(error: PostgrestError, request: web.Request, caller: Caller) -> PostgrestError:
    """The error, or "permission denied" where what it calls unknown is there and was not granted."""
    snapshot = caller.rights.snapshot
    known, catalog = snapshot.permissions, snapshot.catalog
    if not isinstance(known, DatabasePermissions) or known.roles is None:
        return error
    role = known.roles.by_name[caller.principal.roles[0]]
    header = "Accept-Profile" if request.method in READING else "Content-Profile"
    schema = request.headers.get(header, catalog.schemas[0] if catalog.schemas else "")
    name = unquote(request.rel_url.raw_path.rpartition("/")[2])
    denied = None
    if error.fault.code == "PGRST205":
        denied = _table(catalog, role, schema, name)
    elif error.fault.code == "PGRST202":
        denied = _function(catalog, role, schema, name)
    elif error.fault.code == "42703":
        denied = _column(catalog, role, schema, error.fault.message)
    return error if denied is None else refusal(REFUSED, f"permission denied for {denied}")


def _table(catalog: Catalog, role: DatabaseRole, schema: str, name: str) -> str | None:
    there = any(table.schema == schema and table.name == name for table in catalog.tables.values())
    return f"table {name}" if there and (schema, name) not in role.tables else None


def _function(catalog: Catalog, role: DatabaseRole, schema: str, name: str) -> str | None:
    found = [each for each in catalog.functions if each.schema == schema and each.name == name]
    granted = any(each.key in role.functions for each in found)
    return f"function {name}" if found and not granted else None


def _column(catalog: Catalog, role: DatabaseRole, schema: str, message: str) -> str | None:
    named = NO_COLUMN.fullmatch(message)
    if named is None:
        return None
    for table in catalog.tables.values():
        if table.schema == schema and table.name == named["table"]:
            there = any(column.name == named["column"] for column in table.columns)
            select = role.tables.get((schema, table.name), Privileges()).select
            if there and select is not None and named["column"] not in select:
                return f"table {table.name}"
    return None
