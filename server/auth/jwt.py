"""Callers who carry a JSON Web Token signed with a secret that both sides know (HS256).

A token that held once is remembered by its hash until it ends, so that a caller's next request costs a look-up.

Rule: the algorithm is ours to choose and the key ours to hold: nothing in a token's header chooses either. A token that
does not hold is an error, whatever the request asks for; it never makes its bearer anonymous.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import ClaimError, ExpiredTokenError, JoseError
from joserfc.jwk import OctKey
from joserfc.jws import JWSRegistry
from joserfc.jwt import ClaimsOption, JWTClaimsRegistry

from reflector.access.principal import Principal
from reflector.errors import Forbidden, UnknownRole
from server.config.models import Jwt
from server.problems import InvalidToken, RefusedClaims

ALGORITHMS: Final = ("HS256",)
TIMED: Final = ("exp", "nbf", "iat", "aud", "iss")
REMEMBERED_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Held:
    """A token that holds until `ends`, in seconds of the wall clock; `weight` is about what it takes, in bytes."""

    principal: Principal
    ends: float
    weight: int


class JwtBearer:
    """Tells who carries a token. `roles` are those that are declared; `clock` gives seconds of the wall clock."""

    def __init__(self, config: Jwt, roles: Collection[str], clock: Callable[[], float] = time.time) -> None:
        self._config = config
        self._roles = frozenset(roles)
        self._clock = clock
        self._leeway = config.leeway.total_seconds()
        self._key = OctKey.import_key(config.secret.reveal())
        # Headers that nobody knows are common and harmless; those that would bring a key are never looked at.
        self._registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        self._claims = JWTClaimsRegistry(now=self._now, leeway=int(self._leeway), **_wanted(config))
        self._held: OrderedDict[bytes, Held] = OrderedDict()
        self._size = 0

    def __call__(self, token: str) -> Principal:
        """Who carries the token. Raises InvalidToken; RefusedClaims where it is only not for now or here; Forbidden
        where it holds and names no role, UnknownRole where it is none that is declared."""
        key = sha256(token.encode("utf-8", "surrogateescape")).digest()
        held = self._held.get(key)
        if held is not None and self._clock() < held.ends:
            return held.principal
        claims = self._verified(token)
        principal = Principal(roles=self._roles_of(claims), claims=claims, subject=_subject(claims))
        self._remember(key, Held(principal, claims["exp"] + self._leeway, 500 + 4 * len(token)))
        return principal

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

    def _remember(self, key: bytes, held: Held) -> None:
        self._forget(key)
        self._held[key] = held
        self._size += held.weight
        while self._size > REMEMBERED_BYTES:
            self._forget(next(iter(self._held)))

    def _forget(self, key: bytes) -> None:
        dropped = self._held.pop(key, None)
        self._size -= dropped.weight if dropped else 0

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


def _wanted(config: Jwt) -> Mapping[str, ClaimsOption]:
    """What a token must carry; every one has an end."""
    wanted: dict[str, ClaimsOption] = {"exp": {"essential": True}}
    if config.audience is not None:
        wanted["aud"] = {"essential": True, "value": config.audience}
    if config.issuer is not None:
        wanted["iss"] = {"essential": True, "value": config.issuer}
    return wanted
