"""Whoever signed in at a page: a sealed cookie that pages alone take, and short-lived tokens for what pages ask.

    cookie     __Host-reflector-session    Secure, HttpOnly, SameSite=Strict; no API looks at it
    token      Bearer rs_…                 made of a cookie by this server's own pages, for ten minutes

Rule: neither opens as the other. A session that was left is refused by the process it was left at, and ends everywhere at its end.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from aiohttp import web

from reflector.access.principal import Principal
from reflector.secret import Secret
from server.auth.method import Method, Proof
from server.auth.provider import Provider
from server.auth.sealed import Seal
from server.context import Credential
from server.problems import InvalidToken

PREFIX: Final = "rs_"
TOKEN_SECONDS: Final = 600.0
BELIEVED_SECONDS: Final = 4.0
REMEMBERED: Final = 10_000
LARGEST: Final = 3500
"""Bytes of a cookie that browsers surely keep."""
PROTOCOLS: Final = frozenset(
    {"nonce", "at_hash", "c_hash", "azp", "auth_time", "amr", "acr", "sid", "iat", "nbf", "exp", "jti"}
)
"""Claims that are about the sign-in and not about whoever signed in."""


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who signed in. `ends` in seconds of the wall clock."""

    id: str
    principal: Principal
    ends: float


class Sessions(Method):
    """Opens and closes sessions, and takes the tokens that are made of them. `clock` gives seconds of the wall clock."""

    name = "oidc"

    def __init__(
        self, provider: Provider, secret: Secret, lasts: timedelta, clock: Callable[[], float] = time.time
    ) -> None:
        self.provider = provider
        self._cookies, self._tokens = Seal(secret, "session cookie"), Seal(secret, "session token")
        self._lasts, self._clock = lasts.total_seconds(), clock
        self.left: OrderedDict[str, None] = OrderedDict()
        self.used: OrderedDict[str, None] = OrderedDict()

    def follow(self, before: Method) -> None:
        if isinstance(before, Sessions):
            # One for both: whoever is still inside under the configuration before may leave there.
            self.left, self.used = before.left, before.used

    def use(self, state: str) -> bool:
        """Whether this is the first time that somebody comes back with the state of a sign-in."""
        if state in self.used:
            return False
        self.used[state] = None
        while len(self.used) > REMEMBERED:
            self.used.popitem(last=False)
        return True

    def takes(self, credential: Credential, request: web.BaseRequest) -> bool:
        return credential.text.startswith(PREFIX)

    async def prove(self, credential: Credential, request: web.BaseRequest) -> Proof:
        """Whose session a token was made of; raises InvalidToken."""
        said = self._tokens.opened(credential.text.removeprefix(PREFIX), self._clock())
        if said is None or not self._holds(said):
            raise InvalidToken("the token of the session does not hold")
        principal = self._principal(said, said["ends"])
        return Proof(principal, said["ends"], BELIEVED_SECONDS)

    def begun(self, principal: Principal) -> tuple[Session, str]:
        """A session of somebody who signed in, and its cookie; raises InvalidToken where no browser would keep it."""
        session = Session(secrets.token_urlsafe(16), principal, self._clock() + self._lasts)
        cookie = self._cookies.sealed(_said(session), session.ends)
        if len(cookie) > LARGEST:
            raise InvalidToken("the provider says more of you than a cookie holds")
        return session, cookie

    def of_cookie(self, cookie: str | None) -> Session | None:
        """The session of a cookie, None where there is none that holds."""
        said = None if cookie is None else self._cookies.opened(cookie, self._clock())
        if said is None or not self._holds(said):
            return None
        return Session(said["id"], self._principal(said, said["ends"]), said["ends"])

    def token(self, session: Session) -> tuple[str, int]:
        """A token of the session, and for how many seconds it holds."""
        seconds = max(min(TOKEN_SECONDS, session.ends - self._clock()), 0.0)
        return PREFIX + self._tokens.sealed(_said(session), self._clock() + seconds), int(seconds)

    def leave(self, session: Session) -> None:
        """Take it no more."""
        self.left[session.id] = None
        while len(self.left) > REMEMBERED:
            self.left.popitem(last=False)
        self.generation += 1

    def _holds(self, said: Mapping[str, Any]) -> bool:
        """Whether it was not left, and is of the issuer that is asked now."""
        return said["id"] not in self.left and said["issuer"] == self.provider.issuer

    def _principal(self, said: Mapping[str, Any], ends: float) -> Principal:
        return Principal(
            tuple(said["roles"]),
            said["claims"],
            subject=said["subject"],
            issuer=said["issuer"],
            method=self.name,
            until=ends,
        )


def _said(session: Session) -> dict[str, Any]:
    principal = session.principal
    claims = {name: value for name, value in principal.claims.items() if name not in PROTOCOLS}
    return {
        "id": session.id,
        "roles": principal.roles,
        "claims": claims,
        "subject": principal.subject,
        "issuer": principal.issuer,
    }
