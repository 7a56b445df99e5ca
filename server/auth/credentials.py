"""Which ways of proving who calls a configuration asks for: one line of `METHODS` each.

How a method looks is in `method`, what becomes of a request's credential in `frame`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from reflector.access.principal import Principal
from reflector.engine import Engine
from server.access import anonymous_role
from server.auth.administrator import AdministratorSecret
from server.auth.api_keys import ApiKeys
from server.auth.basic import Basic
from server.auth.claims import Terms
from server.auth.doubts import Doubts
from server.auth.frame import Authenticator, Open
from server.auth.introspection import Introspection
from server.auth.issuers import claim_rules, tokens
from server.auth.method import Method
from server.auth.outbound import Outbound
from server.auth.passwords import Passwords
from server.auth.provider import Provider
from server.auth.proxy_headers import ProxyHeaders
from server.auth.sessions import Sessions
from server.auth.webhook import WebhookMethod
from server.config import Config
from server.context import Authenticate
from server.rates import Buckets

M = TypeVar("M", bound=Method)


@dataclass(frozen=True, slots=True)
class Counted:
    """Where it is counted how often an address, or somebody, was wrong: of credentials, and of passwords."""

    refusals: Buckets = field(default_factory=Buckets)
    attempts: Buckets = field(default_factory=Buckets)


@dataclass(frozen=True, slots=True)
class Means:
    """What methods are made with. `outbound` asks other servers; `engine` reads tables of theirs, None where nothing is
    served; `clock` gives seconds of the wall clock; `counted` is where failures are."""

    config: Config
    outbound: Outbound
    engine: Engine | None = None
    clock: Callable[[], float] = time.time
    counted: Counted = field(default_factory=Counted)


def authenticator(
    config: Config,
    engine: Engine | None = None,
    clock: Callable[[], float] = time.time,
    counted: Counted | None = None,
) -> Authenticator | Open:
    """What tells, under this configuration, who sent a request. Raises ConfigError for a key that cannot be used."""
    counted = counted or Counted()
    role = anonymous_role(config)
    nobody = Principal(roles=() if role is None else (role,), anonymous=True)
    if config.auth is None:
        return Open(nobody)
    outbound = Outbound()
    means = Means(config, outbound, engine, clock, counted)
    made = (make(means) for make in METHODS)
    methods = [each for each in made if each is not None]
    return Authenticator(
        methods,
        None if role is None else nobody,
        clock,
        config.roles,
        outbound,
        Doubts(config.limits.refusals, refusals=counted.refusals),
    )


def _tokens(means: Means) -> Method | None:
    """Tokens that somebody signed."""
    return tokens(means.config, means.outbound, means.clock)


def _introspected(means: Means) -> Method | None:
    """Tokens that their issuer is asked about."""
    said = means.config.auth.introspection if means.config.auth else None
    if said is None:
        return None
    rules = claim_rules(means.config, said, Terms(said.audience, said.issuer, absent_exp=True))
    return Introspection(said, rules, means.outbound, means.clock)


def _known_elsewhere(means: Means) -> Method | None:
    """Credentials that another server is asked about."""
    said = means.config.auth.webhook if means.config.auth else None
    if said is None:
        return None
    rules = claim_rules(means.config, said, Terms(absent_exp=True))
    return WebhookMethod(said, rules, means.outbound, means.clock)


def _keys(means: Means) -> Method | None:
    """Keys that programs carry."""
    said = means.config.auth.api_keys if means.config.auth else None
    return None if said is None else ApiKeys(said, means.config, means.engine, means.clock)


def _people(means: Means) -> Method | None:
    """People with a password."""
    said = means.config.auth.basic if means.config.auth else None
    return None if said is None else Basic(Passwords(said, means.config, means.engine, attempts=means.counted.attempts))


def _sessions(means: Means) -> Method | None:
    """People who signed in at a page."""
    said, secret = means.config.auth.oidc if means.config.auth else None, means.config.server.secret
    if said is None or secret is None:
        return None
    return Sessions(Provider(said, means.config, means.outbound, means.clock), secret, said.session, means.clock)


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


METHODS: Final[tuple[Callable[[Means], Method | None], ...]] = (
    _sessions,
    _tokens,
    _introspected,
    _known_elsewhere,
    _keys,
    _people,
    _told_by_proxies,
    _administrator,
)
"""In the order in which they are asked whether a credential is theirs."""


def method_of(callers: Authenticate, kind: type[M]) -> M | None:
    """The method of that kind, None where it is not configured."""
    methods = callers.methods if isinstance(callers, Authenticator) else ()
    return next((each for each in methods if isinstance(each, kind)), None)
