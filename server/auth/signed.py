"""Callers who carry a token, where the database decides: whose role the token names is who the transaction runs as.

    PGRST300   a token came and there is no key          PGRST302   no token, and nobody is anonymous
    PGRST301   the token cannot be read                  PGRST303   it can, and what it claims does not hold

Rule: a token that does not hold is an error and never makes its bearer anonymous; one that holds and names no role does.
"""

from __future__ import annotations

import json
import math
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from reflector.access.principal import Principal
from reflector.errors import Unauthenticated
from server.auth.method import Method, Proof
from server.auth.token_keys import HMAC, RSA, SigningKey
from server.context import Credential
from server.problems import InvalidToken, MissingKey, RefusedClaims

ALGORITHMS: Final = (*HMAC, *RSA, "ES256", "ES384", "ES512")
REGISTRY: Final = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
NO_KEY: Final = "None of the keys was able to decode the JWT"
LONGEST: Final = 16 * 1024
UNENDING_SECONDS: Final = 300.0
"""For how long a token without an end is remembered."""


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What a token must be. `role_of` finds the role among its claims. `leeway` in seconds; `entries` are remembered."""

    keys: tuple[SigningKey, ...]
    role_of: Callable[[Mapping[str, Any]], str | None]
    anonymous: str | None
    audience: str | None = None
    issuer: str | None = None
    leeway: float = 30.0
    absent_aud: bool = False
    absent_exp: bool = False
    entries: int = 1000


class SignedBearer(Method):
    """Tells who carries a token; `clock` gives seconds of the wall clock."""

    name = "jwt"

    def __init__(self, rules: TokenRules, clock: Callable[[], float] = time.time) -> None:
        self._rules = rules
        self._clock = clock

    async def prove(self, credential: Credential, request: web.BaseRequest) -> Proof:
        return self.judged(credential.text)

    def judged(self, token: str) -> Proof:
        """Who carries the token. Raises InvalidToken in the forms above; Unauthenticated where it names no role and
        nobody is anonymous."""
        if not self._rules.keys:
            raise MissingKey("Server lacks JWT secret")
        claims = self._verified(token)
        self._judge(claims)
        ends = _moment(claims, "exp")
        remembered, weight = self._rules.entries > 0, 500 + 4 * len(token)
        if ends is None:
            return Proof(self._principal(claims, None), None, UNENDING_SECONDS if remembered else 0.0, weight)
        return Proof(self._principal(claims, ends), ends + self._rules.leeway, None if remembered else 0.0, weight)

    def _principal(self, claims: Mapping[str, Any], until: float | None) -> Principal:
        anonymous = self._rules.anonymous
        role = self._rules.role_of(claims) or anonymous
        if role is None:
            raise Unauthenticated("the token names no role")
        subject, issuer = (each if isinstance(each, str) else None for each in (claims.get("sub"), claims.get("iss")))
        return Principal((role,), claims, role == anonymous, subject, issuer, self.name, until)

    # ── the signature ────────────────────────────────────────────────────────────────────────

    def _verified(self, token: str) -> Mapping[str, Any]:
        """The claims of a token that one of the keys signed."""
        header = _header(token)
        algorithm, name = header.get("alg"), header.get("kid")
        if algorithm not in ALGORITHMS:
            raise InvalidToken("Wrong or unsupported encoding algorithm")
        for each in self._rules.keys:
            if algorithm in each.algorithms and (name is None or each.name is None or each.name == name):
                claims = _decoded(token, each, algorithm)
                if claims is not None:
                    return claims
        raise InvalidToken("No suitable key or wrong key type", details=NO_KEY)

    # ── the claims ───────────────────────────────────────────────────────────────────────────

    def _judge(self, claims: Mapping[str, Any]) -> None:
        """Raise RefusedClaims for what does not hold now and here."""
        rules, now = self._rules, self._clock()
        ends, begins, issued = (_moment(claims, name) for name in ("exp", "nbf", "iat"))
        if ends is None and not rules.absent_exp:
            raise RefusedClaims("The JWT must have an 'exp' claim")
        if ends is not None and now > ends + rules.leeway:
            raise RefusedClaims("JWT expired")
        if begins is not None and now < begins - rules.leeway:
            raise RefusedClaims("JWT not yet valid")
        if issued is not None and now < issued - rules.leeway:
            raise RefusedClaims("JWT issued at future")
        if not self._is_for_here(claims):
            raise RefusedClaims("JWT not in audience")
        if rules.issuer is not None and claims.get("iss") != rules.issuer:
            raise RefusedClaims("JWT not of the issuer")

    def _is_for_here(self, claims: Mapping[str, Any]) -> bool:
        given = claims.get("aud")
        listed = given if isinstance(given, list) else [] if given is None else [given]
        if not all(isinstance(each, str) for each in listed):
            raise RefusedClaims("The JWT 'aud' claim must be a string or an array of strings")
        if self._rules.audience is None or (not listed and self._rules.absent_aud):
            return True
        return self._rules.audience in listed


def _header(token: str) -> Mapping[str, Any]:
    """The header of a token; raises InvalidToken."""
    if not token:
        raise InvalidToken("Empty JWT is sent in Authorization header")
    parts = token.split(".")
    if len(parts) != 3:
        raise InvalidToken(f"Expected 3 parts in JWT; got {len(parts)}")
    if len(token) > LONGEST:
        raise InvalidToken("JWT cryptographic operation failed", details="The token is too long")
    try:
        read = json.loads(urlsafe_b64decode(parts[0] + "=" * (-len(parts[0]) % 4)))
    except (ValueError, RecursionError):
        read = None
    # What a token declares critical must be understood, and nothing of the kind is.
    if not isinstance(read, dict) or "crit" in read or "b64" in read:
        raise InvalidToken("JWT cryptographic operation failed", details="The header cannot be used")
    return read


def _decoded(token: str, key: SigningKey, algorithm: str) -> Mapping[str, Any] | None:
    """The claims, None where the key did not sign them; raises RefusedClaims for what is no claims."""
    try:
        return jwt.decode(token, key.key, algorithms=[algorithm], registry=REGISTRY).claims
    except (JoseError, ValueError, TypeError, RecursionError, OverflowError):
        return None


def _moment(claims: Mapping[str, Any], name: str) -> float | None:
    found = claims.get(name)
    if found is None:
        return None
    try:
        number = isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found)
    except OverflowError:
        number = False
    if not number or abs(found) > 1e15:
        raise RefusedClaims(f"The JWT '{name}' claim must be a number")
    return float(found)
