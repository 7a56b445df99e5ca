"""The trace of a request, where the gate begins and ends it.

Rule: the gate pays for one look where nothing is traced; nothing here is run then.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Sequence
from functools import lru_cache
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from server.auth.frame import OUTCOME
from server.middleware.entrance import PATHS, Entrance
from server.traced import TRACE, Part, Tracing, code_of, part

PATTERN: Final = re.compile(r"\{(\w+):(?:[^{}]|\{[^{}]*\})*\}")
"""A part of a path that is whatever the caller writes, and what it has to look like."""


def begun(entrance: Entrance, traces: Tracing, request: web.Request, handler: Handler) -> Part | None:
    """Begin the trace of a request that has come in; None where it has none."""

    def roles() -> Sequence[str]:
        return entrance.asked(request).roles if entrance.callers is None or OUTCOME in request else ()

    added = bool(entrance.added) and entrance.further(request) is not None
    path = request.path if added else PATHS.get(handler)
    proxies = entrance.rules.proxies
    trusted = proxies is not None and proxies.believes(request)
    trace = traces.begin(request, None if path is None else plain(path), roles, trusted=trusted)
    # Also where there is none: a connection is used again, and what is traced is remembered for all of it.
    TRACE.set(trace)
    return trace


async def proving(waiting: Awaitable[None]) -> None:
    """Wait until it is known who calls."""
    with part("authenticate"):
        await waiting


def ended_with(trace: Part | None, status: int, fault: Exception | None = None) -> None:
    """The request has been answered, or its client has left."""
    if trace is not None:
        trace.answered(status)
        trace.end(None if fault is None else code_of(fault))
        TRACE.set(None)


@lru_cache(maxsize=1024)
def plain(path: str) -> str:
    """The path of a route as people write it: `/api/{table}`."""
    return PATTERN.sub(r"{\1}", path)
