"""Whether a request is let in: what the gate asks of each before anything is done for it.

    who may be asked for      Host       listed hosts; without auth only this machine's names
    through whom              forwarded  refused where nobody is asked for a credential
    with what                 token      where other machines can reach a server without auth
    from which page           Origin     for writes and sockets that carry no credential (`origins`)

Rule: what is refused here is refused before it is asked who calls, and so tells nobody anything but what they sent.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NoReturn

from aiohttp import hdrs, web

from reflector.errors import Unauthenticated
from reflector.secret import Secret
from server.middleware.entrance import GateRules
from server.middleware.origins import asks_first, check_origin, preflight
from server.pages import ASSETS
from server.peers import PEER
from server.problems import ForwardedRefused, InvalidToken, MisdirectedRequest

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
READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
UNGUARDED: Final = frozenset({"/health/live", "/health/ready"})
"""Paths that answer without the access token: they say one word."""
APIS: Final = ("/api", "/auth", "/graphql", "/v1/graphql", "/rest/v1", "/x/")
"""Under this, a token in the address is no credential: addresses are logged, kept and passed on."""


def admit(rules: GateRules, request: web.Request) -> web.Response | None:
    """Let the request in: None, or the answer where a browser only asks. Raises what it is refused with."""
    headers = request.headers
    if rules.proxies is not None:
        request[PEER] = rules.proxies.peer(request)
    if rules.hosts is not None and not served(rules.hosts, hosts_asked(rules, request)):
        raise MisdirectedRequest("this server does not answer for that Host", hint="list it under server.hosts")
    if not rules.forwarded and not FORWARDED.keys().isdisjoint(map(str.lower, headers)):
        _refuse_forwarded(headers)
    if rules.token is not None and request.method != "OPTIONS" and not is_public(request.path):
        check_token(rules.token, request)
    if request.method not in READING:
        check_origin(rules, request)
        if headers.get(hdrs.CONTENT_ENCODING, "identity") != "identity":
            raise web.HTTPUnsupportedMediaType(text="a body must not be compressed")
    elif "Upgrade" in headers:
        # A page may open a socket to any server, and no CORS asks that server.
        check_origin(rules, request)
    return preflight(rules, request) if request.method == "OPTIONS" and asks_first(request) else None


def hosts_asked(rules: GateRules, request: web.Request) -> Sequence[str]:
    """The Host that was asked for: a trusted proxy's word, else each Host header."""
    if rules.proxies is not None and (peer := request[PEER]).trusted:
        return (peer.host,)
    return request.headers.getall(hdrs.HOST, ())


def _refuse_forwarded(headers: Mapping[str, str]) -> NoReturn:
    name = next(said for name, said in FORWARDED.items() if name in headers)
    raise ForwardedRefused(
        f"requests with {name} are refused: without auth this server is for its own machine alone",
        hint="configure auth, or start it with --insecure",
    )


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
