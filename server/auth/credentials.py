"""Who sent a request: the credential it carries, or none.

    no credential              the anonymous role, or 401 where there is none
    Authorization: Bearer …    whom the token names; 401 where it does not hold
    several credentials        400

Rule: without `auth` nobody has a credential, and the header means nothing here: the gate has judged it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from aiohttp import hdrs, web

from reflector.access.principal import Principal
from reflector.errors import Unauthenticated
from server.access import anonymous_role
from server.auth.jwt import JwtBearer
from server.config import Config
from server.context import Authenticate
from server.problems import AmbiguousCredentials, InvalidToken


def authenticator(config: Config, clock: Callable[[], float] = time.time) -> Authenticate:
    """What tells, under this configuration, who sent a request."""
    role = anonymous_role(config)
    nobody = Principal(roles=() if role is None else (role,), anonymous=True)
    if config.auth is None:
        return lambda _: nobody
    bearer = None if config.auth.jwt is None else JwtBearer(config.auth.jwt, config.roles, clock)
    guest = None if role is None else nobody

    def authenticate(request: web.BaseRequest) -> Principal:
        given = request.headers.getall(hdrs.AUTHORIZATION, None)
        if given is None:
            if guest is None:
                raise Unauthenticated("a credential is required")
            return guest
        if len(given) > 1:
            raise AmbiguousCredentials("the request carries several credentials: send one")
        scheme, _, token = given[0].partition(" ")
        if bearer is None or scheme.lower() != "bearer":
            raise InvalidToken("this server takes no credential of that kind")
        return bearer(token.strip())

    return authenticate
