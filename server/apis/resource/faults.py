"""Where in a request a fault is, as the pointer of a problem says it; the list of faults is the library's."""

from __future__ import annotations

from reflector.query.faults import FaultList, Noting

__all__ = ["FaultList", "Noting", "in_body", "in_query"]


def in_query(name: str) -> str:
    """The pointer to a query parameter."""
    return f"/query/{name}"


def in_body(*names: str) -> str:
    """The JSON pointer (RFC 6901) to a member of the body."""
    return "".join("/" + each.replace("~", "~0").replace("/", "~1") for each in names)
