"""`reflector token`: a token for trying things out, signed as the configuration says.

Rule: it says only what is asked for, to roles that are declared, and it ends: whoever holds the secret could sign anything, and
this is a help, no authority.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from reflector.errors import InvalidRequest, suggestion
from server.auth.issuing import Signer, signing
from server.config import Complaint, Config, ConfigError, Position
from server.config.claim_settings import steps_of
from server.config.models import Jwt
from server.config.values import UnfitError, read_duration

TIMED: Final = {"exp": "--expires says when it ends", "iat": "it is issued now", "nbf": "it holds from now on"}


def made(
    config: Config, roles: Iterable[str], subject: str | None, claims: Iterable[str], lasts: timedelta, now: int
) -> str:
    """The token. Raises ConfigError where there is no `auth.jwt`, InvalidRequest for what cannot be said in it."""
    settings = _signing(config)
    said = claims_of(claims)
    said |= {"sub": subject} if subject is not None else {}
    named = _declared(config, roles)
    if named:
        _put(said, settings.role_claim, named[0] if len(named) == 1 else named)
    if settings.audience:
        said.setdefault("aud", settings.audience[0])
    if settings.issuer is not None:
        said.setdefault("iss", settings.issuer)
    said |= {"iat": now, "exp": now + int(lasts.total_seconds())}
    return Signer(config, settings).sign(said)


def _signing(config: Config) -> Jwt:
    """The first issuer whose tokens can be signed here; raises ConfigError where there is none."""
    found = signing(config)
    if found is not None:
        return found
    missing = (
        "there is no auth.jwt.secret: only the issuers themselves can sign tokens"
        if config.auth and config.auth.jwt
        else "there is no auth.jwt: nobody would take a token"
    )
    raise ConfigError([Complaint(config.position("auth") or Position("the configuration"), "", missing)])


def lasting(text: str) -> timedelta:
    """How long a token is to hold; raises InvalidRequest."""
    try:
        return read_duration(text)
    except UnfitError as fault:
        raise InvalidRequest(f"--expires {fault}") from fault


def claims_of(given: Iterable[str]) -> dict[str, Any]:
    """`name=value` each; a value that is JSON means that, anything else is text."""
    claims: dict[str, Any] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise InvalidRequest(f"a claim is written name=value, not {each!r}")
        if name in TIMED:
            raise InvalidRequest(f"the claim {name} cannot be given", hint=TIMED[name])
        claims[name] = _value(value)
    return claims


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _declared(config: Config, roles: Iterable[str]) -> list[str]:
    named = list(dict.fromkeys(roles))
    for role in named:
        if role not in config.roles:
            raise InvalidRequest(f"there is no role {role!r}", hint=suggestion(role, config.roles))
    return named


def _put(claims: dict[str, Any], path: str, value: Any) -> None:
    """Put a value where the server looks for it: `realm.roles` is a claim of that very name where there is one, else one
    within a claim."""
    *outer, last = (path,) if path in claims else steps_of(path)
    for step in outer:
        inner = claims.setdefault(step, {})
        if not isinstance(inner, Mapping):
            raise InvalidRequest(f"the claim {step} holds the roles, and cannot be given a value of its own")
        claims = claims[step]
    claims[last] = value
