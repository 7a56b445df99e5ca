"""The one gate: request id, Host, forwarded headers, access token, Origin, CORS; and every error as a problem.

It is one middleware because each costs every request a few per cent.

    who may be asked for      Host       listed hosts; without auth only this machine's names
    through whom              forwarded  refused where nobody is asked for a credential
    with what                 token      where other machines can reach a server without auth
    from which page           Origin     for writes and sockets that carry no credential

Rule: whatever is refused here is refused before any handler runs; what a handler raises leaves as a problem document, or
in the form of the API that was asked, and an exception nobody foresaw as a 500 that says nothing of it.
"""

from __future__ import annotations

import asyncio
import hmac
import itertools
import logging
import os
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from time import perf_counter
from typing import Final, NoReturn

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware
from multidict import CIMultiDict, istr

from reflector.errors import ReflectorError, Unauthenticated
from reflector.secret import Secret
from server.forms import Form
from server.journal import REQUEST, facts, note
from server.middleware.entrance import ENTRANCE, Entrance, GateRules
from server.middleware.tracing import begun, ended_with, proving
from server.pages import ASSETS
from server.peers import PEER, peer_of
from server.problems import (
    ForwardedRefused,
    InvalidToken,
    MisdirectedRequest,
    OriginRefused,
    http_problem,
    problem,
)
from server.rates import STANDING, rate_headers
from server.telemetry.requests import LEFT, Requests
from server.traced import Part

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LOG: Final = logging.getLogger("reflector.server")
LOG_OF_REQUESTS: Final = logging.getLogger("reflector.requests")
REQUEST_ID: Final = istr("X-Request-Id")
WELL_FORMED_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
FORWARDED: Final = {
    name.lower(): name
    for name in (
        "X-Forwarded-For",
        "Forwarded",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Port",
        "X-Forwarded-Server",
        "X-Real-IP",
    )
}
SENT_BY_BROWSERS: Final = ("basic", "digest", "negotiate", "ntlm")
"""Schemes for which a browser remembers a credential and sends it with requests of any page."""
READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
UNGUARDED: Final = frozenset({"/health/live", "/health/ready"})
"""Paths that answer without the access token: they say one word."""
APIS: Final = ("/api", "/auth", "/graphql", "/v1/graphql", "/rest/v1", "/x/")
"""Under this, a token in the address is no credential: addresses are logged, kept and passed on."""
VARY: Final = "Authorization, Accept, Prefer, Accept-Profile, Origin, Accept-Encoding, X-Role, X-Hasura-Role"
CORS_METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE"
CORS_HEADERS: Final = f"Authorization, Content-Type, Accept, If-None-Match, Prefer, X-Role, X-Hasura-Role, {REQUEST_ID}"
EXPOSED_AS_WELL: Final = f"ETag, Link, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, {REQUEST_ID}"
CORS_EXPOSED: Final = f"Location, {EXPOSED_AS_WELL}"
NOBODYS: Final = ("/api/", "/auth/", "/x/", "/graphql", "/v1/graphql", "/ws", "/metrics", "/openapi.json", "/docs")
"""What is not for pages of any origin where everything else is, because PostgREST's API begins at the root."""
SIMPLE_HEADERS: Final = ("Accept", "Accept-Language", "Content-Language")
EXPOSED_TO_CLIENTS: Final = "Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Server, Transfer-Encoding, Range-Unit"
CORS_SECONDS: Final = "600"
ALWAYS: Final = CIMultiDict(
    {
        hdrs.SERVER: "reflector",
        "X-Content-Type-Options": "nosniff",
        hdrs.VARY: VARY,
        hdrs.CACHE_CONTROL: "private, no-store",
    }
)
"""What every answer says, unless its handler said otherwise. Made once: each header costs every request."""


def gate(present: Callable[[], Entrance], requests: Requests) -> Middleware:
    """The middleware that holds the rules of the present entrance and counts `requests`."""

    @web.middleware
    async def pass_gate(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = perf_counter()
        request_id = request_id_of(request)
        REQUEST.set(request_id)
        requests.running += 1
        entrance = request[ENTRANCE] = present()
        entrance.inside += 1
        rules, callers = entrance.rules, entrance.callers
        response: web.StreamResponse
        trace: Part | None = None
        fault: Exception | None = None
        try:
            if entrance.traces is not None:
                trace = begun(entrance, entrance.traces, request, handler)
            admit(rules, request)
            if request.method == "OPTIONS" and asks_first(request):
                response = preflight(rules, request)
            else:
                if callers is not None and (waiting := callers.waiting(request)) is not None:
                    await (waiting if trace is None else proving(waiting))
                if entrance.rates is not None and not is_public(request.path):
                    await entrance.rates.charge(request, entrance.asked)
                handler = (entrance.added and entrance.further(request)) or handler
                response = await handler(request)
        except asyncio.CancelledError:
            ended(requests, entrance, request, LEFT, began)
            ended_with(trace, LEFT)
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is answered, and logged where nobody foresaw it
            response, fault = refusal(error, request, request_id, entrance.form), error
        if not response.prepared:
            dress(rules, request, response, request_id)
            # Asked only where it may be: to look for what a request does not hold costs an exception.
            if entrance.rates is not None and (standing := request.get(STANDING)) is not None:
                response.headers.update(rate_headers(standing))
            if response.status == 401 and callers is not None and callers.challenges:
                challenge(response, callers.challenges)
        ended(requests, entrance, request, response.status, began)
        if trace is not None:
            ended_with(trace, response.status, fault)
        return response

    return pass_gate


def ended(requests: Requests, entrance: Entrance, request: web.Request, status: int, began: float) -> None:
    """Count a request that has ended, and tell of it where that is wanted."""
    seconds = perf_counter() - began
    requests.running -= 1
    entrance.leave()
    requests.note(request.rel_url.raw_path, request.method, status, seconds)
    if entrance.told:
        tell(request, status, seconds)


_prefix = secrets.token_hex(5)
_numbers = itertools.count(1)


def _begin_anew() -> None:
    """Processes that were forked have beginnings of their own."""
    global _prefix  # noqa: PLW0603
    _prefix = secrets.token_hex(5)


os.register_at_fork(after_in_child=_begin_anew)


def request_id_of(request: web.BaseRequest) -> str:
    """The id that the caller gave, if it is well formed, else a new one."""
    given = request.headers.get(REQUEST_ID)
    return given if given is not None and WELL_FORMED_ID.fullmatch(given) else new_request_id()


def new_request_id() -> str:
    """An id that no other request has: the process's own beginning, and a number. It is no secret."""
    return f"{_prefix}-{next(_numbers):x}"


# ── in ───────────────────────────────────────────────────────────────────────────────────────


def admit(rules: GateRules, request: web.Request) -> None:
    """Let the request in, or raise what it is refused with."""
    headers = request.headers
    if rules.proxies is not None:
        request[PEER] = rules.proxies.peer(request)
    if rules.hosts is not None and not served(rules.hosts, hosts_asked(rules, request)):
        raise MisdirectedRequest("this server does not answer for that Host", hint="list it under server.hosts")
    if not rules.forwarded and not FORWARDED.keys().isdisjoint(map(str.lower, headers)):
        name = next(said for name, said in FORWARDED.items() if name in headers)
        raise ForwardedRefused(
            f"requests with {name} are refused: without auth this server is for its own machine alone",
            hint="configure auth, or start it with --insecure",
        )
    if rules.token is not None and request.method != "OPTIONS" and not is_public(request.path):
        check_token(rules.token, request)
    if request.method not in READING:
        check_origin(rules, request)
        if headers.get(hdrs.CONTENT_ENCODING, "identity") != "identity":
            raise web.HTTPUnsupportedMediaType(text="a body must not be compressed")
    elif "Upgrade" in headers:
        # A page may open a socket to any server, and no CORS asks that server.
        check_origin(rules, request)


def hosts_asked(rules: GateRules, request: web.Request) -> Sequence[str]:
    """The Host that was asked for: a trusted proxy's word, else each Host header."""
    if rules.proxies is not None and (peer := request[PEER]).trusted:
        return (peer.host,)
    return request.headers.getall(hdrs.HOST, ())


def is_public(path: str) -> bool:
    """Whether a path answers without the access token."""
    return path in UNGUARDED or path.startswith(ASSETS)


def served(hosts: frozenset[str], given: Sequence[str]) -> bool:
    """Whether the Host header, there exactly once, names one of the hosts, with or without a port."""
    return len(given) == 1 and _serves(hosts, given[0])


@lru_cache(maxsize=256)
def _serves(hosts: frozenset[str], given: str) -> bool:
    name, colon, port = given.rpartition(":")
    plain = name if colon and port.isdecimal() else given
    return plain.lower().removesuffix(".") in hosts


def check_token(token: Secret, request: web.Request) -> None:
    """The access token, as Bearer, or in the address of a page that is read."""
    given = request.headers.getall(hdrs.AUTHORIZATION, ())
    if len(given) == 1:
        scheme, _, credential = given[0].partition(" ")
        if scheme.lower() == "bearer" and same(credential.strip(), token):
            return
        _refuse_token()
    if not given and request.method in READING and not request.path.startswith(APIS):
        in_address = request.query.get("token")
        if in_address is not None and same(in_address, token):
            return
    if given or "token" in request.query:
        _refuse_token()
    raise Unauthenticated("an access token is required", hint="the server printed it when it started")


def same(given: str, token: Secret) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), token.reveal().encode())


def _refuse_token() -> NoReturn:
    raise InvalidToken("the access token is not the right one")


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


# ── out ──────────────────────────────────────────────────────────────────────────────────────


def dress(rules: GateRules, request: web.Request, response: web.StreamResponse, request_id: str) -> None:
    """Put on the headers that every answer has."""
    headers = response.headers
    headers[REQUEST_ID] = request_id
    headers.merge(ALWAYS)
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


def challenge(response: web.StreamResponse, challenges: Sequence[str]) -> None:
    """Say by which schemes a credential could have come; what is said of a token stays said of it."""
    said = response.headers.popall(hdrs.WWW_AUTHENTICATE, [])
    for each in challenges:
        response.headers.add(
            hdrs.WWW_AUTHENTICATE, next((own for own in said if own.partition(" ")[0] == each.partition(" ")[0]), each)
        )


def refusal(error: Exception, request: web.Request, request_id: str, form: Form | None) -> web.StreamResponse:
    """What is answered where a handler or the gate raised, and what the log is told of it."""
    own = form if form is not None and form.concerns(request.path) else None
    if isinstance(error, ReflectorError):
        note(error, request)
        return problem(error, request_id) if own is None else own.error(error, request)
    if isinstance(error, web.HTTPException):
        options = request.method == "OPTIONS" and error.status == 405
        return offered(error) if options else refused_by_http(error, request, request_id, own)
    LOG.error("%s %s", request.method, request.path, exc_info=error)
    return http_problem(500, None, request_id, {}) if own is None else own.http(500, None, request, {})


def refused_by_http(
    error: web.HTTPException, request: web.Request, request_id: str, form: Form | None
) -> web.StreamResponse:
    """The HTTP library's own refusals as errors; what is none (a redirect) as it is."""
    if error.status < 400:
        return web.Response(status=error.status, headers=error.headers)
    kept = {name: error.headers[name] for name in ("Allow", "Retry-After", "Upgrade") if name in error.headers}
    detail = None if error.text in (None, f"{error.status}: {error.reason}") else error.text
    if form is not None:
        return form.http(error.status, detail, request, kept)
    return http_problem(error.status, detail, request_id, kept)


def offered(error: web.HTTPException) -> web.Response:
    """The answer to OPTIONS on a path that has no answer of its own."""
    methods = {*error.headers[hdrs.ALLOW].replace(" ", "").split(","), "OPTIONS"}
    return web.Response(status=204, headers={hdrs.ALLOW: ", ".join(sorted(methods))})


def tell(request: web.Request, status: int, seconds: float) -> None:
    """A line in the log about a request that has ended."""
    said = facts(status=status, milliseconds=round(seconds * 1e3, 1))
    LOG_OF_REQUESTS.info("%s %s", request.method, request.path, extra=said)
