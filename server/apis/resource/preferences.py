"""What a writer prefers to be answered (RFC 7240).

Rule: a preference never decides whether something is written, only what is told of it.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

MINIMAL: Final = "return=minimal"


def minimal(request: web.BaseRequest) -> bool:
    """Whether the written row is not to be answered. The first `return` of several holds."""
    for header in request.headers.getall("Prefer", ()):
        for preference in header.split(","):
            plain = "".join(preference.partition(";")[0].split()).lower().replace('"', "")
            if plain.startswith("return="):
                return plain == MINIMAL
    return False
