"""Which pages may call: the Origin of what a browser sends, and what CORS tells the browser.

Rule: a page of another origin may write or open a socket where it is listed, where it carries a credential that it must have
put there itself, or where PostgREST's API is everybody's; anything else that a browser would send by itself proves nothing.
"""

from __future__ import annotations

from typing import Final

from aiohttp import hdrs, web

from server.middleware.entrance import GateRules
from server.middleware.request_ids import REQUEST_ID
from server.peers import peer_of
from server.problems import OriginRefused

SENT_BY_BROWSERS: Final = ("basic", "digest", "negotiate", "ntlm")
"""Schemes for which a browser remembers a credential and sends it with requests of any page."""
CORS_METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE"
CORS_HEADERS: Final = f"Authorization, Content-Type, Accept, If-None-Match, Prefer, X-Role, X-Hasura-Role, {REQUEST_ID}"
EXPOSED_AS_WELL: Final = f"ETag, Link, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, {REQUEST_ID}"
CORS_EXPOSED: Final = f"Location, {EXPOSED_AS_WELL}"
NOBODYS: Final = ("/api/", "/auth/", "/x/", "/graphql", "/v1/graphql", "/ws", "/metrics", "/openapi.json", "/docs")
"""What is not for pages of any origin where everything else is, because PostgREST's API begins at the root."""
SIMPLE_HEADERS: Final = ("Accept", "Accept-Language", "Content-Language")
EXPOSED_TO_CLIENTS: Final = "Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Server, Transfer-Encoding, Range-Unit"
CORS_SECONDS: Final = "600"


def check_origin(rules: GateRules, request: web.Request) -> None:
    """A page may write without a credential only where it comes from here. Who sends no Origin is no browser."""
    headers = request.headers
    if hdrs.ORIGIN not in headers or (rules.credentials and is_deliberate(headers.get(hdrs.AUTHORIZATION, ""))):
        return
    if is_for_anybody(rules, request) and "Upgrade" not in headers:
        return
    origins = headers.getall(hdrs.ORIGIN)
    if len(origins) != 1 or not (origins[0] in rules.origins or is_own(rules, request, origins[0])):
        raise OriginRefused(
            "a page of another origin may neither write here nor open a socket",
            hint="list it under server.cors.origins",
        )


def is_deliberate(authorization: str) -> bool:
    """Whether a page must have put the credential there: what browsers send by themselves proves nothing about who asks."""
    return authorization != "" and not authorization.lower().startswith(SENT_BY_BROWSERS)


def is_own(rules: GateRules, request: web.Request, origin: str) -> bool:
    """Whether the page was served by this server: under the Host of the request, or under `server.url`."""
    peer = peer_of(request)
    return origin in rules.own_origins or origin == f"{peer.scheme}://{peer.host}".lower()


def is_for_anybody(rules: GateRules, request: web.Request) -> bool:
    """Whether pages of any origin may call what is asked for."""
    return rules.anybody is not None and is_for_clients(rules, request)


def is_for_clients(rules: GateRules, request: web.Request) -> bool:
    """Whether PostgREST's API is asked."""
    return f"{request.path}/".startswith(rules.clients) and not request.path.startswith(NOBODYS)


def asks_first(request: web.Request) -> bool:
    """Whether OPTIONS is a browser that asks, before the page's own request, whether it may be sent."""
    return hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers


def preflight(rules: GateRules, request: web.Request) -> web.Response:
    """The answer to a browser that asks whether a page may call."""
    if is_for_anybody(rules, request):
        return for_clients(request)
    if request.headers.get(hdrs.ORIGIN) not in rules.origins:
        raise OriginRefused("pages of this origin may not call", hint="list it under server.cors.origins")
    if is_for_clients(rules, request):
        return for_clients(request)
    headers = {
        "Access-Control-Allow-Methods": CORS_METHODS,
        "Access-Control-Allow-Headers": ", ".join((CORS_HEADERS, *rules.further)),
        "Access-Control-Max-Age": CORS_SECONDS,
    }
    return web.Response(status=204, headers=headers)


def for_clients(request: web.Request) -> web.Response:
    """The same as PostgREST answers: its clients send headers of their own."""
    asked = request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS, "")
    headers = {
        "Access-Control-Allow-Methods": "GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD",
        "Access-Control-Allow-Headers": ", ".join(filter(None, ("Authorization", asked, *SIMPLE_HEADERS))),
        "Access-Control-Max-Age": "86400",
    }
    return web.Response(status=200, headers=headers)
