"""Callers who carry a token, where the database decides: whose role the token names is who the transaction runs as.

    PGRST300   a token came and there is no key          PGRST302   no token, and nobody is anonymous
    PGRST301   the token cannot be read                  PGRST303   it can, and what it claims does not hold

Rule: a token that does not hold is an error and never makes its bearer anonymous; one that holds and names no role does.
"""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web
from joserfc import jwt
from joserfc.errors import JoseError

from reflector.access.principal import Principal
from reflector.errors import Unauthenticated
from server.auth.claims import Terms
from server.auth.key_sets import KeySet
from server.auth.method import Method, Proof
from server.auth.opened import LONGEST, REGISTRY
from server.auth.token_keys import ALGORITHMS, SigningKey, fitting
from server.context import Credential
from server.problems import IdentityUnavailable, InvalidToken, MissingKey, UnsuitableKey

NO_KEY: Final = "None of the keys was able to decode the JWT"
UNENDING_SECONDS: Final = 300.0
"""For how long a token without an end is remembered."""


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What a token must be. `role_of` finds the role among its claims. `algorithms`: no others, none for all that the keys are
    for. `entries`: how many are remembered, 0 for none."""

    keys: KeySet | None
    role_of: Callable[[Mapping[str, Any]], str | None]
    anonymous: str | None
    terms: Terms
    algorithms: frozenset[str] = frozenset()
    entries: int = 1000


class SignedBearer(Method):
    """Tells who carries a token; `clock` gives seconds of the wall clock."""

    name = "jwt"

    def __init__(self, rules: TokenRules, clock: Callable[[], float] = time.time) -> None:
        self.rules = rules
        self._clock = clock
        if rules.keys is not None:
            rules.keys.tell(self._forget)

    async def prove(self, credential: Credential, request: web.BaseRequest) -> Proof:
        keys = self.rules.keys
        try:
            return self.judged(credential.text)
        except (UnsuitableKey, IdentityUnavailable):
            if keys is None or not await keys.sought():
                raise
        return self.judged(credential.text)

    def judged(self, token: str) -> Proof:
        """Who carries the token. Raises InvalidToken in the forms above; Unauthenticated where it names no role and
        nobody is anonymous."""
        if self.rules.keys is None:
            raise MissingKey("Server lacks JWT secret")
        claims = self._verified(token, self.rules.keys)
        remembered, weight = self.rules.entries > 0, 500 + 4 * len(token)
        ends = self.rules.terms.judge(claims, self._clock())
        if ends is None:
            return Proof(self._principal(claims, None), None, UNENDING_SECONDS if remembered else 0.0, weight)
        until = ends + self.rules.terms.leeway
        return Proof(self._principal(claims, ends), until, None if remembered else 0.0, weight)

    def _principal(self, claims: Mapping[str, Any], until: float | None) -> Principal:
        anonymous = self.rules.anonymous
        named = self.rules.role_of(claims)
        role = anonymous if named is None else named
        if role is None:
            raise Unauthenticated("the token names no role")
        subject, issuer = (each if isinstance(each, str) else None for each in (claims.get("sub"), claims.get("iss")))
        return Principal((role,), claims, role == anonymous, subject, issuer, self.name, until)

    # ── the signature ────────────────────────────────────────────────────────────────────────

    def _verified(self, token: str, known: KeySet) -> Mapping[str, Any]:
        """The claims of a token that one of the keys signed."""
        header = _header(token)
        algorithm, name = header.get("alg"), header.get("kid")
        if algorithm not in (self.rules.algorithms or ALGORITHMS):
            raise InvalidToken("Wrong or unsupported encoding algorithm")
        for each in fitting(known.keys, algorithm, name):
            claims = _decoded(token, each)
            if claims is not None:
                return claims
        raise UnsuitableKey("No suitable key or wrong key type", details=NO_KEY)

    # ── the keys ─────────────────────────────────────────────────────────────────────────────

    def _forget(self) -> None:
        self.generation += 1

    def follow(self, before: Method) -> None:
        old = before.rules.keys if isinstance(before, SignedBearer) else None
        if self.rules.keys is not None and old is not None:
            self.rules.keys.follow(old)

    @property
    def degraded(self) -> bool:
        return self.rules.keys is not None and self.rules.keys.degraded

    async def start(self) -> None:
        if self.rules.keys is not None:
            await self.rules.keys.start()

    async def close(self) -> None:
        if self.rules.keys is not None:
            await self.rules.keys.close()


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


def _decoded(token: str, key: SigningKey) -> Mapping[str, Any] | None:
    """The claims, None where the key did not sign them."""
    try:
        return jwt.decode(token, key.key, registry=REGISTRY).claims
    except (JoseError, ValueError, TypeError, RecursionError, OverflowError):
        return None
