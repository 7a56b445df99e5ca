"""Which ways of proving who calls a configuration asks for: one line of `METHODS` each.

How a method looks is in `method`, what becomes of a request's credential in `frame`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from reflector.access.principal import Principal
from reflector.engine import Engine
from server.access import anonymous_role
from server.auth.administrator import AdministratorSecret
from server.auth.api_keys import ApiKeys
from server.auth.frame import Authenticator, Open
from server.auth.jwt import JwtBearer, claim_at
from server.auth.method import Method
from server.auth.proxy_headers import ProxyHeaders
from server.auth.signed import SignedBearer, TokenRules
from server.auth.token_keys import keys_of
from server.config import Config, Position


@dataclass(frozen=True, slots=True)
class Means:
    """What methods are made with. `engine` reads tables of theirs, None where nothing is served; `clock` gives seconds of the
    wall clock."""

    config: Config
    engine: Engine | None = None
    clock: Callable[[], float] = time.time


def authenticator(
    config: Config, engine: Engine | None = None, clock: Callable[[], float] = time.time
) -> Authenticator | Open:
    """What tells, under this configuration, who sent a request. Raises ConfigError for a key that cannot be used."""
    role = anonymous_role(config)
    nobody = Principal(roles=() if role is None else (role,), anonymous=True)
    if config.auth is None:
        return Open(nobody)
    means = Means(config, engine, clock)
    made = (make(means) for make in METHODS)
    methods = [each for each in made if each is not None]
    return Authenticator(methods, None if role is None else nobody, clock, config.roles)


def _tokens(means: Means) -> Method | None:
    """Tokens that are held against keys: as the database's roles want them, or as ours do."""
    config = means.config
    if config.decided_by_database:
        return SignedBearer(token_rules(config), means.clock)
    own = config.auth.jwt if config.auth else None
    return None if own is None else JwtBearer(own, config.roles, means.clock)


def _keys(means: Means) -> Method | None:
    """Keys that programs carry."""
    said = means.config.auth.api_keys if means.config.auth else None
    return None if said is None else ApiKeys(said, means.config, means.engine, means.clock)


def _told_by_proxies(means: Means) -> Method | None:
    """People whom a proxy has let through."""
    said = means.config.auth.proxy if means.config.auth else None
    return None if said is None else ProxyHeaders(said, means.config)


def _administrator(means: Means) -> Method | None:
    """Whoever knows the administrator's secret."""
    auth = means.config.auth
    if auth is None or auth.admin_secret is None or auth.admin_role is None:
        return None
    return AdministratorSecret(auth.admin_secret, auth.admin_role)


METHODS: Final[tuple[Callable[[Means], Method | None], ...]] = (_tokens, _keys, _told_by_proxies, _administrator)
"""In the order in which they are asked whether a credential is theirs."""


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
