"""What the caller of this API may ask with; who calls is found as for every other API."""

from __future__ import annotations

from reflector.query.scope import TableScope
from server.callers import KEPT_BYTES, LONGEST_KEPT, Caller, Callers, Recent, Rights

__all__ = ["KEPT_BYTES", "LONGEST_KEPT", "Caller", "Callers", "Recent", "Rights", "method_names"]


def method_names(table: TableScope, *, row: bool) -> list[str]:
    """The methods that these roles may use on a table, or on a row of it."""
    allowed = ["GET", "HEAD"] if table.may_read else []
    if row:
        allowed += ["PATCH"] if table.may_update else []
        allowed += ["DELETE"] if table.may_delete else []
    elif table.may_create:
        allowed.append("POST")
    return allowed
