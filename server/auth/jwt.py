"""Callers who carry a JSON Web Token of an issuer that the configuration names.

Rule: the key decides the algorithm, and the configuration the key: of a token `iss` chooses among the issuers, `kid` among the
keys of one. A token that does not hold is an error, whatever the request asks for; it never makes its bearer anonymous.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from server.auth.claims import ClaimRules, text
from server.auth.key_sets import KeySet
from server.auth.method import Method, Proof
from server.auth.opened import UNREADABLE, Opened, opened
from server.auth.token_keys import fitting
from server.context import Credential
from server.problems import IdentityUnavailable, InvalidToken, UnknownKey


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs tokens, and what these must be. `algorithms`: no others, whatever the keys are for; none for all of theirs."""

    keys: KeySet
    claims: ClaimRules
    algorithms: frozenset[str] = frozenset()


class JwtBearer(Method):
    """Tells who carries a token of one of the issuers; of several each has a name. `clock` gives seconds of the wall clock."""

    name = "jwt"

    def __init__(self, issuers: Sequence[Issuer], clock: Callable[[], float] = time.time) -> None:
        self._only = issuers[0] if len(issuers) == 1 else None
        self.issuers = {issuer.claims.terms.issuer: issuer for issuer in issuers}
        self._clock = clock
        for issuer in issuers:
            issuer.keys.tell(self._forget)

    def takes(self, credential: Credential, request: web.BaseRequest) -> bool:
        """Whether it has the parts of a token; what has not may be another method's."""
        return credential.text.count(".") == 2

    async def prove(self, credential: Credential, request: web.BaseRequest) -> Proof:
        token = opened(credential.text)
        issuer = self._issuer(token)
        await self._vouch(token, issuer)
        return self._proof(token, issuer)

    async def vouched(self, token: str) -> Opened:
        """The token, of which one of its issuer's keys signed what it says; nobody has judged that yet."""
        parts = opened(token)
        await self._vouch(parts, self._issuer(parts))
        return parts

    def judged(self, token: str) -> Proof:
        """Who carries the token, as far as the keys are known. Raises InvalidToken; RefusedClaims where it is only not for now
        or here; Forbidden where it holds and names no role, UnknownRole where it is none that is declared."""
        parts = opened(token)
        issuer = self._issuer(parts)
        self._check(parts, issuer)
        return self._proof(parts, issuer)

    def _issuer(self, token: Opened) -> Issuer:
        if self._only is not None:
            return self._only  # whose terms may ask for no name at all
        issuer = self.issuers.get(text(token.claims.get("iss")))
        if issuer is None:
            raise InvalidToken(UNREADABLE)
        return issuer

    async def _vouch(self, token: Opened, issuer: Issuer) -> None:
        try:
            self._check(token, issuer)
        except (UnknownKey, IdentityUnavailable):
            if not await issuer.keys.sought():
                raise
            self._check(token, issuer)

    def _check(self, token: Opened, issuer: Issuer) -> None:
        """Raise InvalidToken where none of the keys signed it, UnknownKey where it is for none of them."""
        algorithm = token.header["alg"]
        if issuer.algorithms and algorithm not in issuer.algorithms:
            raise InvalidToken(UNREADABLE)
        keys = fitting(issuer.keys.keys, algorithm, token.header.get("kid"))
        if not keys:
            raise UnknownKey(UNREADABLE)
        if not token.signed_by(keys):
            raise InvalidToken(UNREADABLE)

    def _proof(self, token: Opened, issuer: Issuer) -> Proof:
        principal = issuer.claims.principal(token.claims, self.name, self._clock())
        believed = None if principal.until is None else principal.until + issuer.claims.terms.leeway
        return Proof(principal, believed, weight=500 + 4 * len(token.signed.segments["payload"]))

    # ── the keys ─────────────────────────────────────────────────────────────────────────────

    def _forget(self) -> None:
        self.generation += 1

    def follow(self, before: Method) -> None:
        for old in before.issuers.values() if isinstance(before, JwtBearer) else ():
            for issuer in self.issuers.values():
                issuer.keys.follow(old.keys)

    @property
    def degraded(self) -> bool:
        return any(issuer.keys.degraded for issuer in self.issuers.values())

    async def start(self) -> None:
        for issuer in self.issuers.values():
            await issuer.keys.start()

    async def close(self) -> None:
        for issuer in self.issuers.values():
            await issuer.keys.close()
