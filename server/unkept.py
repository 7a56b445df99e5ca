"""Conditions of a write that no API of this version keeps.

Rule: a header that would make a write safer is never ignored: a client that sends it relies on it.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from reflector.errors import InvalidRequest

NOT_HONOURED: Final = ("If-Match", "If-Unmodified-Since", "Idempotency-Key")


def check_conditions(request: web.BaseRequest) -> None:
    """Raise InvalidRequest for a condition on a write that would not be kept."""
    for name in NOT_HONOURED:
        if name in request.headers:
            raise InvalidRequest(
                f"{name} is not offered by this version, and nothing was written", pointer=f"/header/{name}"
            )
