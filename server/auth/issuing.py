"""Tokens that this server signs itself, for people who have shown it something better than a token.

Rule: a token is signed with a secret that the file names, says what the file wants of tokens (`iss`, `aud`, the roles where they are
looked for), and ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from joserfc import jwt
from joserfc.jwk import OctKey

from reflector.access.principal import Principal
from server.auth.issuers import algorithms_of, held_keys
from server.auth.token_keys import SigningKey
from server.config import Complaint, Config, ConfigError, Position
from server.config.claim_settings import steps_of
from server.config.models import Jwt

OWN: Final = frozenset({"iss", "aud", "iat", "exp", "nbf", "jti"})
"""Claims that are the token's own: nobody brings theirs."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A token and for how many seconds it holds."""

    token: str
    seconds: int


class Issuing:
    """Signs tokens. Raises ValueError where there is nothing to sign with: the configuration's checks come first."""

    def __init__(self, config: Config) -> None:
        settings = signing(config)
        if settings is None:
            raise ValueError("there is nothing to sign with")
        self._settings, self._signer = settings, Signer(config, settings)

    def issue(self, principal: Principal, lasts: timedelta, now: float) -> Issued:
        """A token that proves the caller for so long."""
        settings, seconds = self._settings, int(lasts.total_seconds())
        claims = {name: value for name, value in principal.claims.items() if name not in OWN}
        put(claims, settings.role_claim, principal.roles[0] if len(principal.roles) == 1 else list(principal.roles))
        if principal.subject is not None:
            claims["sub"] = principal.subject
        if settings.issuer is not None:
            claims["iss"] = settings.issuer
        if settings.audience:
            claims["aud"] = settings.audience[0]
        claims |= {"iat": int(now), "exp": int(now) + seconds}
        return Issued(self._signer.sign(claims), seconds)


class Signer:
    """Signs what an issuer's tokens say. Raises ConfigError where its secret holds nothing to sign with."""

    def __init__(self, config: Config, settings: Jwt) -> None:
        self._key = _key(config, settings)
        self._algorithm = min(algorithms_of(settings).intersection(self._key.algorithms))

    def sign(self, claims: Mapping[str, Any]) -> str:
        """The token with these claims."""
        named = {} if self._key.name is None else {"kid": self._key.name}
        header = {"alg": self._algorithm, "typ": "JWT", **named}
        return jwt.encode(header, dict(claims), self._key.key, [self._algorithm])


def _key(config: Config, settings: Jwt) -> SigningKey:
    """The first of the secrets' keys that the issuer's tokens may be signed with: a list, or a set, has the newest first."""
    place = config.position("auth", "jwt") or Position("the configuration")
    found = (key for each in held_keys(config, _issuers(config).index(settings)) for key in each.keys)
    wanted = algorithms_of(settings)
    fits = (each for each in found if isinstance(each.key, OctKey) and wanted.intersection(each.algorithms))
    key = next(fits, None)
    if key is None:
        raise ConfigError([Complaint(place, "auth.jwt.secret", "holds no key that this server can sign with")])
    return key


def signing(config: Config) -> Jwt | None:
    """The first issuer whose tokens this server can sign; None where there is none."""
    return next((each for each in _issuers(config) if each.secret), None)


def _issuers(config: Config) -> tuple[Jwt, ...]:
    return config.auth.jwt if config.auth else ()


def put(claims: dict[str, Any], path: str, value: Any) -> None:
    """Put a value where `claims.claim_at` looks for it: `realm.roles` is a claim of that very name where there is one, else one
    within a claim."""
    *outer, last = (path,) if path in claims else steps_of(path)
    for step in outer:
        inner = claims.get(step)
        claims[step] = dict(inner) if isinstance(inner, Mapping) else {}
        claims = claims[step]
    claims[last] = value
