"""What a credential says of its bearer: its end, whom it is for, its roles and its subject.

    path of a claim      role                       the claim of exactly this name, else
                         realm_access.roles         the one that the dots lead to
                         /https:~1~1x.example/role  a JSON pointer, for names with dots and slashes in claims of claims

Rule: what has an odd form is refused, never guessed at; only a claim that is not there at all may be answered by a default.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from reflector.access.principal import Principal
from reflector.errors import Forbidden, UnknownRole
from server.config.claim_settings import steps_of
from server.problems import RefusedClaims

ABSENT: Final = object()
MOST: Final = 1e15
"""Seconds: no moment of anybody's is further from 1970."""


def claim_at(claims: Mapping[str, Any], path: str) -> Any:
    """The claim at the end of the path, ABSENT where there is none."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for step in steps_of(path):
        found = found.get(step, ABSENT) if isinstance(found, Mapping) else ABSENT
    return found


def flattened(claims: Mapping[str, Any], namespace: str | None) -> Mapping[str, Any]:
    """The claims with those of a namespace beside them, their names in small letters; a claim that stands outside wins.

    A namespace may also hold its claims as the text of a JSON object. Raises RefusedClaims for any other form.
    """
    inside = ABSENT if namespace is None else claim_at(claims, namespace)
    if inside is ABSENT:
        return claims
    if isinstance(inside, str):
        try:
            inside = json.loads(inside)
        except (ValueError, RecursionError) as fault:
            raise RefusedClaims("the claims of the namespace are no JSON") from fault
    if not isinstance(inside, Mapping):
        raise RefusedClaims("the claims of the namespace are no object")
    return {**{name.lower(): value for name, value in inside.items()}, **claims}


@dataclass(frozen=True, slots=True)
class RoleRules:
    """Where the roles of a caller stand, and which they have who name none. `declared` are all that there are, None where the
    database knows them. `usual`: where the one of them stands that counts for requests that ask for none. `ignoring`: whoever
    names roles that are not declared has the others, and names none where there are no others."""

    path: str
    default: str | None
    declared: frozenset[str] | None
    usual: str | None = None
    ignoring: bool = False

    def of(self, claims: Mapping[str, Any]) -> tuple[str, ...]:
        """The roles; raises Forbidden where there are none, UnknownRole for one that is not declared."""
        given = claim_at(claims, self.path)
        return self._unnamed() if given is ABSENT else self._named(given)

    def _unnamed(self) -> tuple[str, ...]:
        if self.default is None:
            raise Forbidden("the token names no role")
        return (self.default,)

    def _named(self, given: Any) -> tuple[str, ...]:
        named = [given] if isinstance(given, str) else given
        if not isinstance(named, list) or not named or not all(isinstance(each, str) for each in named):
            raise Forbidden("the token's role is neither a name nor a list of names")
        if self.declared is not None and not self.declared.issuperset(named):
            if not self.ignoring:
                unknown = next(each for each in named if each not in self.declared)
                raise UnknownRole(f'role "{unknown}" does not exist')
            named = [each for each in named if each in self.declared]
            if not named:
                return self._unnamed()
        return tuple(dict.fromkeys(named))

    def usually(self, claims: Mapping[str, Any], roles: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the roles that count for a request that asks for none; raises Forbidden for one that is none of them."""
        given = ABSENT if self.usual is None else claim_at(claims, self.usual)
        if given is ABSENT:
            return roles
        if not isinstance(given, str) or given not in roles:
            raise Forbidden("the token's usual role is none of its roles")
        return (given,)


@dataclass(frozen=True, slots=True)
class Terms:
    """What claims must be to hold here and now. `audience`: one of them is wanted, where there are any; False, that the claims have
    none. `leeway` in seconds."""

    audience: tuple[str, ...] | Literal[False] = ()
    issuer: str | None = None
    leeway: float = 30.0
    absent_aud: bool = False
    absent_exp: bool = False

    def judge(self, claims: Mapping[str, Any], now: float) -> float | None:
        """When the claims end, None for never; raises RefusedClaims for what does not hold."""
        ends, begins, issued = (moment(claims, name) for name in ("exp", "nbf", "iat"))
        if ends is None and not self.absent_exp:
            raise RefusedClaims("The JWT must have an 'exp' claim")
        if ends is not None and now > ends + self.leeway:
            raise RefusedClaims("JWT expired")
        if begins is not None and now < begins - self.leeway:
            raise RefusedClaims("JWT not yet valid")
        if issued is not None and now < issued - self.leeway:
            raise RefusedClaims("JWT issued at future")
        if not self._is_for_here(claims):
            raise RefusedClaims("JWT not in audience")
        if self.issuer is not None and claims.get("iss") != self.issuer:
            raise RefusedClaims("JWT not of the issuer")
        return ends

    def _is_for_here(self, claims: Mapping[str, Any]) -> bool:
        given = claims.get("aud")
        listed = given if isinstance(given, list) else [] if given is None else [given]
        if not all(isinstance(each, str) for each in listed):
            raise RefusedClaims("The JWT 'aud' claim must be a string or an array of strings")
        if self.audience is False:
            return not listed
        if not self.audience or (not listed and self.absent_aud):
            return True
        return not set(self.audience).isdisjoint(listed)


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """How claims make a caller. `namespace`: where claims stand that are wanted beside the others."""

    terms: Terms
    roles: RoleRules
    namespace: str | None = None

    def principal(self, said: Mapping[str, Any], method: str, now: float) -> Principal:
        """Whom the claims are about. Raises RefusedClaims where they do not hold now and here, Forbidden and UnknownRole."""
        until = self.terms.judge(said, now)
        claims = flattened(said, self.namespace)
        roles = self.roles.of(claims)
        return Principal(
            roles=self.roles.usually(claims, roles),
            claims=claims,
            subject=subject_of(claims),
            issuer=text(claims.get("iss")),
            method=method,
            until=until,
            allowed=roles,
        )


def moment(claims: Mapping[str, Any], name: str) -> float | None:
    """A moment in seconds since 1970, None where it is not said; raises RefusedClaims."""
    found = claims.get(name)
    if found is None:
        return None
    try:
        number = isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found)
    except OverflowError:
        number = False
    if not number or abs(found) > MOST:
        raise RefusedClaims(f"The JWT '{name}' claim must be a number")
    return float(found)


def subject_of(claims: Mapping[str, Any]) -> str | None:
    """Whom the claims are about."""
    subject = claims.get("sub")
    return str(subject) if isinstance(subject, str | int) and not isinstance(subject, bool) else None


def text(claim: object) -> str | None:
    """A claim that is text."""
    return claim if isinstance(claim, str) else None
