"""Callers who carry a JSON Web Token signed with a secret that both sides know (HS256).

Rule: the algorithm is ours to choose and the key ours to hold: nothing in a token's header chooses either. A token that
does not hold is an error, whatever the request asks for; it never makes its bearer anonymous.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from aiohttp import web
from joserfc import jwt
from joserfc.errors import ClaimError, ExpiredTokenError, JoseError
from joserfc.jwk import OctKey
from joserfc.jws import JWSRegistry
from joserfc.jwt import ClaimsOption, JWTClaimsRegistry

from reflector.access.principal import Principal
from reflector.errors import Forbidden, UnknownRole
from server.auth.method import Method, Proof
from server.config.models import Jwt
from server.context import Credential
from server.problems import InvalidToken, RefusedClaims

ALGORITHMS: Final = ("HS256",)
TIMED: Final = ("exp", "nbf", "iat", "aud", "iss")


class JwtBearer(Method):
    """Tells who carries a token. `roles` are those that are declared; `clock` gives seconds of the wall clock."""

    name = "jwt"

    def __init__(self, config: Jwt, roles: Collection[str], clock: Callable[[], float] = time.time) -> None:
        self._config = config
        self._roles = frozenset(roles)
        self._clock = clock
        self._leeway = config.leeway.total_seconds()
        self._key = OctKey.import_key(config.secret.reveal())
        # Headers that nobody knows are common and harmless; those that would bring a key are never looked at.
        self._registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        self._claims = JWTClaimsRegistry(now=self._now, leeway=int(self._leeway), **_wanted(config))

    async def prove(self, credential: Credential, request: web.BaseRequest) -> Proof:
        return self.judged(credential.text)

    def judged(self, token: str) -> Proof:
        """Who carries the token. Raises InvalidToken; RefusedClaims where it is only not for now or here; Forbidden
        where it holds and names no role, UnknownRole where it is none that is declared."""
        claims = self._verified(token)
        principal = Principal(
            roles=self._roles_of(claims),
            claims=claims,
            subject=_subject(claims),
            issuer=_text(claims.get("iss")),
            method=self.name,
            until=float(claims["exp"]),
        )
        return Proof(principal, claims["exp"] + self._leeway, weight=500 + 4 * len(token))

    def _verified(self, token: str) -> Mapping[str, Any]:
        """The claims of a token that holds."""
        try:
            decoded = jwt.decode(token, self._key, algorithms=ALGORITHMS, registry=self._registry)
        except (JoseError, ValueError, RecursionError, OverflowError) as fault:
            raise InvalidToken("the token does not hold: it is malformed, or its signature is not right") from fault
        # What a token declares critical must be understood, and nothing of the kind is.
        if "crit" in decoded.header or "b64" in decoded.header:
            raise InvalidToken("the token does not hold: it asks for an extension")
        self._judge(decoded.claims)
        return decoded.claims

    def _judge(self, claims: Mapping[str, Any]) -> None:
        """Raise RefusedClaims for what does not hold now and here."""
        try:
            self._claims.validate({name: claims[name] for name in TIMED if name in claims})
            float(claims["exp"])  # or else its end could not be told when it is remembered
        except ExpiredTokenError as fault:
            raise RefusedClaims("JWT expired") from fault
        except (ClaimError, ValueError, OverflowError) as fault:
            about = f": {fault.claim}" if isinstance(fault, ClaimError) and fault.claim in TIMED else ""
            raise RefusedClaims(f"the token is not for now, or not for here{about}") from fault

    def _roles_of(self, claims: Mapping[str, Any]) -> tuple[str, ...]:
        given = claim_at(claims, self._config.role_claim)
        if given is ABSENT:
            given = self._config.default_role
            if given is None:
                raise Forbidden("the token names no role")
        named = [given] if isinstance(given, str) else given
        if not isinstance(named, list) or not named or not all(isinstance(each, str) for each in named):
            raise Forbidden("the token's role is neither a name nor a list of names")
        if not self._roles.issuperset(named):
            unknown = next(each for each in named if each not in self._roles)
            raise UnknownRole(f'role "{unknown}" does not exist')
        return tuple(dict.fromkeys(named))

    def _now(self) -> int:
        return int(self._clock())


ABSENT: Final = object()


def claim_at(claims: Mapping[str, Any], path: str) -> Any:
    """The claim of exactly this name, else the one at the end of the dotted path; ABSENT where there is none."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for step in path.split("."):
        found = found.get(step, ABSENT) if isinstance(found, Mapping) else ABSENT
    return found


def _subject(claims: Mapping[str, Any]) -> str | None:
    subject = claims.get("sub")
    return str(subject) if isinstance(subject, str | int) and not isinstance(subject, bool) else None


def _text(claim: object) -> str | None:
    return claim if isinstance(claim, str) else None


def _wanted(config: Jwt) -> Mapping[str, ClaimsOption]:
    """What a token must carry; every one has an end."""
    wanted: dict[str, ClaimsOption] = {"exp": {"essential": True}}
    if config.audience is not None:
        wanted["aud"] = {"essential": True, "value": config.audience}
    if config.issuer is not None:
        wanted["iss"] = {"essential": True, "value": config.issuer}
    return wanted
