"""What every answer says beside what its handler says: the headers of all, of pages, of limits and of credentials.

Rule: a header that is the same for all answers is made once, and what does not concern a request costs it one look.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aiohttp import hdrs, web
from multidict import CIMultiDict

from server.middleware.entrance import Entrance
from server.middleware.origins import CORS_EXPOSED, EXPOSED_AS_WELL, EXPOSED_TO_CLIENTS, is_for_anybody, is_for_clients
from server.middleware.request_ids import REQUEST_ID
from server.rates import STANDING, rate_headers

VARY: Final = "Authorization, Accept, Prefer, Accept-Profile, Origin, Accept-Encoding, X-Role, X-Hasura-Role"
ALWAYS: Final = CIMultiDict(
    {
        hdrs.SERVER: "reflector",
        "X-Content-Type-Options": "nosniff",
        hdrs.VARY: VARY,
        hdrs.CACHE_CONTROL: "private, no-store",
    }
)
"""What every answer says, unless its handler said otherwise. Made once: each header costs every request."""


def dress(entrance: Entrance, request: web.Request, response: web.StreamResponse, request_id: str) -> None:
    """Put on the headers that every answer has, and those that this one needs."""
    headers = response.headers
    headers[REQUEST_ID] = request_id
    headers.merge(ALWAYS)
    rules = entrance.rules
    if rules.anybody is not None and is_for_anybody(rules, request):
        headers["Access-Control-Allow-Origin"] = "*"
        headers["Access-Control-Expose-Headers"] = EXPOSED_TO_CLIENTS
    elif rules.origins:
        origin = request.headers.get(hdrs.ORIGIN)
        if origin in rules.origins:
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Expose-Headers"] = CORS_EXPOSED
            if is_for_clients(rules, request):
                headers["Access-Control-Expose-Headers"] = f"{EXPOSED_TO_CLIENTS}, {EXPOSED_AS_WELL}"
                headers["Access-Control-Allow-Credentials"] = "true"
    # Asked only where it may be: to look for what a request does not hold costs an exception.
    if entrance.rates is not None and (standing := request.get(STANDING)) is not None:
        headers.update(rate_headers(standing))
    if response.status == 401 and entrance.callers is not None and entrance.callers.challenges:
        challenge(response, entrance.callers.challenges)


def challenge(response: web.StreamResponse, challenges: Sequence[str]) -> None:
    """Say by which schemes a credential could have come; what is said of a token stays said of it."""
    said = response.headers.popall(hdrs.WWW_AUTHENTICATE, [])
    for each in challenges:
        response.headers.add(
            hdrs.WWW_AUTHENTICATE, next((own for own in said if own.partition(" ")[0] == each.partition(" ")[0]), each)
        )
