"""People whom a proxy has let through: it knows who they are, and says so in headers.

    X-Forwarded-User: ann        X-Forwarded-Groups: editor, reader        as oauth2-proxy, for one, writes them

Rule: the headers are believed where the connection itself is a trusted proxy's, and refused from anybody else: that somebody
wrote them is reason enough to tell them that it makes them nobody. Nothing of it is remembered: the next request has
headers of its own.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web
from multidict import istr

from server.auth.method import InHeader, Method, Proof
from server.auth.people import People
from server.config import Config
from server.config.authentication import ProxyHeaders as Settings
from server.context import Credential
from server.peers import peer_of
from server.problems import ForwardedRefused, MalformedRequest

LONGEST: Final = 1024


class ProxyHeaders(Method):
    """Callers by the word of a trusted proxy."""

    name = "proxy"
    challenges = ()

    def __init__(self, settings: Settings, config: Config) -> None:
        known = None if config.decided_by_database else frozenset(config.roles)
        self._people = People(self.name, known, settings.default_role, "the proxy names nobody")
        self._settings = settings
        self.kinds = (settings.user_header.lower(),)
        self.carriers = (InHeader(settings.user_header),)

    async def prove(self, credential: Credential, request: web.BaseRequest) -> Proof:
        """Whom the proxy names. Raises ForwardedRefused where no trusted proxy does, MalformedRequest, InvalidToken, Forbidden
        and UnknownRole."""
        settings = self._settings
        if not peer_of(request).trusted:
            raise ForwardedRefused(
                f"{settings.user_header} is believed from trusted proxies alone",
                hint="list the proxy under server.trusted_proxies",
            )
        if not credential.text:
            raise self._people.nobody()
        role = None if settings.role_header is None else _header(request, settings.role_header)
        claims = {name: _header(request, header) for name, header in settings.claims.items()}
        row = {
            "subject": _readable(credential.text, settings.user_header),
            "role": role,
            "claims": {name: value for name, value in claims.items() if value is not None},
        }
        return Proof(self._people.principal(row), None, seconds=0)


def _header(request: web.BaseRequest, name: str) -> str | None:
    """The header's one value, None where there is none."""
    given = request.headers.getall(istr(name), ())
    if len(given) > 1:
        raise MalformedRequest(f"the proxy says {name} several times")
    return _readable(given[0].strip(), name) or None if given else None


def _readable(text: str, name: str) -> str:
    """Text that can be written anywhere."""
    if len(text) > LONGEST or any("\udc80" <= letter <= "\udcff" for letter in text):
        raise MalformedRequest(f"the proxy's {name} is no text, or too long")
    return text
