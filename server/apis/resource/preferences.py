"""What a writer prefers to be answered (RFC 7240), and conditions that are not honoured yet.

Rule: a header that would make a write safer is never ignored: a client that sends it relies on it.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from reflector.errors import InvalidRequest

MINIMAL: Final = "return=minimal"
NOT_HONOURED: Final = ("If-Match", "If-Unmodified-Since", "Idempotency-Key")


def minimal(request: web.BaseRequest) -> bool:
    """Whether the written row is not to be answered. The first `return` of several holds."""
    for header in request.headers.getall("Prefer", ()):
        for preference in header.split(","):
            plain = "".join(preference.partition(";")[0].split()).lower().replace('"', "")
            if plain.startswith("return="):
                return plain == MINIMAL
    return False


def check_conditions(request: web.BaseRequest) -> None:
    """Raise InvalidRequest for a condition on a write that would not be kept."""
    for name in NOT_HONOURED:
        if name in request.headers:
            raise InvalidRequest(
                f"{name} is not offered by this version, and nothing was written", pointer=f"/header/{name}"
            )
