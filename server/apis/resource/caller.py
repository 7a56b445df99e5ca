"""What the caller of this API may ask with; who calls is found as for every other API."""

from __future__ import annotations

from reflector.query.scope import TableScope
from server.apis.resource.selection import row_key
from server.callers import KEPT_BYTES, LONGEST_KEPT, Caller, Callers, Recent, Rights

__all__ = ["KEPT_BYTES", "LONGEST_KEPT", "Caller", "Callers", "Recent", "Rights", "method_names"]


def method_names(table: TableScope, *, row: bool) -> list[str]:
    """The methods that these roles may use on a table, or on a row of it, and that the database lets anybody use. Rows
    without a key have no address, and so no method."""
    if row and not row_key(table):
        return []
    allowed = ["GET", "HEAD"] if table.may_read else []
    if row:
        allowed += ["PATCH"] if table.may_update and table.table.updatable else []
        allowed += ["DELETE"] if table.may_delete and table.table.deletable else []
    elif table.may_create and table.table.insertable:
        allowed.append("POST")
    return allowed
