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

from reflector.access.database import DatabasePermissions, denied_column, denied_function, denied_table
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
    header = "Accept-Profile" if request.method in READING else "Content-Profile"
    schema = request.headers.get(header, catalog.schemas[0] if catalog.schemas else "")
    name = unquote(request.rel_url.raw_path.rpartition("/")[2])
    of_whom, denied = (catalog, known.roles.taken[caller.principal.roles[0]]), None
    if error.fault.code == "PGRST205":
        denied = denied_table(*of_whom, schema, name)
    elif error.fault.code == "PGRST202":
        denied = denied_function(*of_whom, schema, name)
    elif error.fault.code == "42703" and (named := NO_COLUMN.fullmatch(error.fault.message)) is not None:
        denied = denied_column(*of_whom, schema, named["table"], named["column"])
    return error if denied is None else refusal(REFUSED, f"permission denied for {denied}")
