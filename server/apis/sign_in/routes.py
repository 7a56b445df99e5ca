"""Signing in with the provider that the configuration names, for pages.

    GET  /auth/login?next=docs     sends the browser to the provider, with a sealed cookie that remembers this sign-in
    GET  /auth/callback            takes the code that it comes back with, once, and begins a session
    POST /auth/session             a token for what the page asks, for ten minutes; for our own pages alone
    POST /auth/logout              ends the session, and says where the provider's own ends, where that is wanted

Rule: without `auth.oidc` none of these exists. A cookie opens pages and makes tokens; whatever answers with data wants a token.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler
from yarl import URL

from server.apis.sign_in.cookies import LOGIN, LOGIN_SECONDS, SESSION
from server.auth.code_flow import REFUSED, ended
from server.auth.credentials import method_of
from server.auth.provider import Provider
from server.auth.sealed import Seal
from server.auth.sessions import Session, Sessions
from server.config import Config
from server.config.values import is_loopback
from server.context import Authenticate
from server.pages import PAGE_HEADERS, VISIT, Visit, asset_routes
from server.peers import peer_of
from server.problems import InvalidToken, MalformedRequest, MisdirectedRequest, OriginRefused

PAGES: Final = ("docs", "graphiql")
"""Pages that somebody may come back to, and whose visitors are known to them."""
ASSETS: Final = Path(__file__).parent / "assets"
CAME_BACK: Final = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=../{page}">'
    '<link rel="icon" href="data:,"><title>Signed in</title></head><body><p>Signed in. <a href="../{page}">Go on</a></p></body></html>'
)
"""A page and no redirect: the browser would take that for the provider's request, and leave the cookie at home."""


@dataclass(frozen=True, slots=True)
class Base:
    """Where this server is for whoever asks, without a slash at the end."""

    address: str

    @property
    def secure(self) -> bool:
        return self.address.startswith("https:")

    @property
    def origin(self) -> str:
        return str(URL(self.address).origin())

    @property
    def callback(self) -> str:
        return f"{self.address}/auth/callback"


@dataclass(slots=True, eq=False)
class SignIn:
    """What signing in needs. `url` is where people find this server, None where only this machine does."""

    sessions: Sessions
    provider: Provider
    seal: Seal
    url: str | None

    async def login(self, request: web.Request) -> web.StreamResponse:
        """To the provider's page. Raises MalformedRequest, IdentityUnavailable."""
        base, page = self.base(request), request.query.get("next", PAGES[0])
        if page not in PAGES or set(request.query) - {"next"}:
            raise MalformedRequest("next is a page of this server: " + ", ".join(PAGES))
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        address = await self.provider.page(base.callback, state, nonce, verifier)
        said = {"state": state, "nonce": nonce, "verifier": verifier, "page": page, "callback": base.callback}
        response = web.Response(status=302, headers={"Location": address})
        LOGIN.put(response, self.seal.sealed(said, time.time() + LOGIN_SECONDS), LOGIN_SECONDS, secure=base.secure)
        return response

    async def callback(self, request: web.Request) -> web.StreamResponse:
        """Whoever comes back has a session from now on. Raises InvalidToken, and what the provider's answer makes of them."""
        base = self.base(request)
        said = self.seal.opened(LOGIN.of(request, secure=base.secure) or "", time.time())
        state, code = request.query.get("state", ""), request.query.get("code", "")
        if said is None or said["callback"] != base.callback or not _equal(state, said["state"]):
            raise InvalidToken(REFUSED)
        if not code:
            raise ended(request.query.get("error"))
        await self.provider.check_origin(request.query.get("iss"))
        self._use(said["state"])
        principal = await self.provider.visitor(base.callback, code, said["nonce"], said["verifier"])
        session, cookie = self.sessions.begun(principal)
        page = CAME_BACK.format(page=said["page"])
        response = web.Response(text=page, content_type="text/html", charset="utf-8", headers=PAGE_HEADERS)
        SESSION.put(response, cookie, session.ends - time.time(), secure=base.secure)
        LOGIN.drop(response, secure=base.secure)
        return response

    async def session(self, request: web.Request) -> web.StreamResponse:
        """A token for a page of ours. Raises OriginRefused, InvalidToken."""
        base = self.base(request)
        self._check_page(request, base)
        session = self.of(request, base)
        if session is None:
            raise InvalidToken("nobody is signed in")
        token, seconds = self.sessions.token(session)
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": seconds}
        return web.json_response(answer, headers={"Cache-Control": "no-store"})

    async def logout(self, request: web.Request) -> web.StreamResponse:
        """The session ends; where the provider's own is to end too, the answer says where. Raises OriginRefused."""
        base = self.base(request)
        self._check_page(request, base)
        session = self.of(request, base)
        if session is not None:
            self.sessions.leave(session)
        way_out = None if session is None else await self.provider.way_out(f"{base.address}/{PAGES[0]}")
        response = web.Response(status=204) if way_out is None else web.json_response({"provider": way_out})
        SESSION.drop(response, secure=base.secure)
        return response

    def of(self, request: web.Request, base: Base) -> Session | None:
        """Whose page it is."""
        return self.sessions.of_cookie(SESSION.of(request, secure=base.secure))

    def visit(self, request: web.Request) -> Visit:
        """What a page is told of whoever looks at it."""
        session = self.of(request, self.base(request))
        return Visit("", known=False) if session is None else Visit(self.sessions.token(session)[0], known=True)

    def base(self, request: web.Request) -> Base:
        """Where this server is: the configured address, or the one that this machine asks; raises MisdirectedRequest."""
        if self.url is not None:
            return Base(self.url)
        peer = peer_of(request)
        host = urlsplit(f"//{peer.host}").hostname or ""
        if not is_loopback(host):
            raise MisdirectedRequest("nobody signs in under that Host", hint="set server.url")
        return Base(f"{peer.scheme}://{peer.host}".lower())

    def _check_page(self, request: web.Request, base: Base) -> None:
        """A cookie is sent with what any page of this site asks: it must have been one of this server's own."""
        origins = request.headers.getall("Origin", ())
        if tuple(origins) != (base.origin,) or request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            raise OriginRefused("sessions are for this server's own pages")

    def _use(self, state: str) -> None:
        """Each sign-in is finished once; raises InvalidToken."""
        if not self.sessions.use(state):
            raise InvalidToken(REFUSED)


def sign_in_routes(callers: Authenticate, config: Config) -> list[web.RouteDef]:
    """The routes, and what pages show of sessions."""
    found = sign_in_of(callers, config)
    routes = [
        web.get("/auth/login", _there(found, "login"), allow_head=False),
        web.get("/auth/callback", _there(found, "callback"), allow_head=False),
        web.post("/auth/session", _there(found, "session")),
        web.post("/auth/logout", _there(found, "logout")),
    ]
    return [*routes, *asset_routes("session", ASSETS, ("session.js", "session.css"))]


def with_visits(routes: Sequence[web.RouteDef], callers: Authenticate, config: Config) -> list[web.RouteDef]:
    """The same routes, pages among them told of who looks at them."""
    found = sign_in_of(callers, config)
    if found is None:
        return list(routes)
    paths = {f"/{page}" for page in PAGES}
    return [
        web.RouteDef(each.method, each.path, _visited(found, each.handler), each.kwargs) if each.path in paths else each
        for each in routes
    ]


def sign_in_of(callers: Authenticate, config: Config) -> SignIn | None:
    """What signing in needs, None where nobody can."""
    sessions, secret = method_of(callers, Sessions), config.server.secret
    if sessions is None or secret is None:
        return None
    return SignIn(sessions, sessions.provider, Seal(secret, "sign-in"), config.server.url)


def _there(found: SignIn | None, name: str) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        if found is None:
            raise web.HTTPNotFound
        answered: web.StreamResponse = await getattr(found, name)(request)
        return answered

    return answer


def _visited(found: SignIn, handler: Any) -> Handler:
    async def show(request: web.Request) -> web.StreamResponse:
        request[VISIT] = found.visit(request)
        shown: web.StreamResponse = await handler(request)
        return shown

    return show


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogateescape"), other.encode())
