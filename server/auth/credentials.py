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
from server.auth.jwt import JwtBearer, claim_at
from server.auth.signed import SignedBearer, TokenRules
from server.auth.token_keys import keys_of
from server.config import Config, Position
from server.context import Authenticate
from server.problems import AmbiguousCredentials, InvalidToken


def authenticator(config: Config, clock: Callable[[], float] = time.time) -> Authenticate:
    """What tells, under this configuration, who sent a request."""
    role = anonymous_role(config)
    nobody = Principal(roles=() if role is None else (role,), anonymous=True)
    if config.auth is None:
        return lambda _: nobody
    bearer: Callable[[str], Principal] | None
    if config.decided_by_database:
        bearer = SignedBearer(token_rules(config), clock)
    else:
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


def token_rules(config: Config) -> TokenRules:
    """What tokens must be where the database decides; raises ConfigError for a key that cannot be used."""
    said, own = config.postgrest, config.auth.jwt if config.auth else None
    anonymous = anonymous_role(config)
    if own is not None:
        return TokenRules(
            keys_of(own.secret.reveal(), base64_text=False, place=_place(config, "auth", "jwt", "secret")),
            lambda claims: _text(claim_at(claims, own.role_claim)),
            anonymous,
            own.audience,
            own.issuer,
            own.leeway.total_seconds(),
        )
    place, secret = _place(config, "postgrest", "jwt_secret"), said.jwt_secret
    return TokenRules(
        () if secret is None else keys_of(secret.reveal(), base64_text=said.jwt_secret_is_base64, place=place),
        said.jwt_role_claim_key.role_of,
        anonymous,
        said.jwt_aud,
        absent_aud=said.allow_absent_aud,
        absent_exp=said.allow_absent_exp,
        entries=said.jwt_cache_max_entries,
    )


def _place(config: Config, *path: str) -> Position:
    return config.position(*path) or Position(".".join(path))


def _text(claim: object) -> str | None:
    return claim if isinstance(claim, str) else None
