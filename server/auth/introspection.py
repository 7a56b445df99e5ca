"""Callers whose token says nothing by itself: its issuer is asked what it is worth (OAuth 2.0 Token Introspection, RFC 7662).

    active                     the claims of the answer, believed until `exp`, and no longer than `cache` without asking again
    not active                 401
    no usable answer           503: nobody is anonymous because an issuer is away

Rule: a token goes to the issuer of the configuration and nowhere else; many requests with one token are one question.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote_plus

from aiohttp import web

from server.auth.claims import ClaimRules
from server.auth.method import Method, Proof
from server.auth.opened import LONGEST
from server.auth.outbound import Answered, Away, Outbound
from server.cache.flights import Flights
from server.config.authentication import Introspection as Settings
from server.context import Credential
from server.problems import IdentityUnavailable, InvalidToken

REFUSED: Final = "the token does not hold: its issuer does not know it, or it has ended"


class Introspection(Method):
    """Tells who carries a token by asking its issuer."""

    name = "introspection"
    asks = True

    def __init__(
        self, settings: Settings, rules: ClaimRules, outbound: Outbound, clock: Callable[[], float] = time.time
    ) -> None:
        self._settings, self._rules, self._outbound, self._clock = settings, rules, outbound, clock
        self._flights: Flights[Proof] = Flights()
        self._away = False
        # RFC 6749 §2.3.1: both are written as in a form before they are put together.
        pair = f"{quote_plus(settings.client_id)}:{quote_plus(settings.client_secret.reveal())}"
        self._headers = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    async def prove(self, credential: Credential, request: web.BaseRequest) -> Proof:
        token = credential.text
        if not token or len(token) > LONGEST or not token.isascii():
            raise InvalidToken(REFUSED)
        flight = self._flights.find(token) or self._flights.begin(token, 0.0, lambda: self._asked(token))
        return await self._flights.wait(token, flight)

    async def _asked(self, token: str) -> Proof:
        form = {"token": token, "token_type_hint": "access_token"}
        try:
            answer = await self._outbound.ask("POST", self._settings.url, headers=self._headers, form=form)
            said = introspected(answer)
        except Away as away:
            self._away = True
            raise IdentityUnavailable("the issuer of the token cannot be asked") from away
        self._away = False
        if not said["active"]:
            raise InvalidToken(REFUSED)
        principal = self._rules.principal(said, self.name, self._clock())
        seconds = self._settings.cache.total_seconds()
        return Proof(principal, principal.until, seconds, 500 + 4 * (len(token) + len(answer.body)))

    @property
    def degraded(self) -> bool:
        return self._away


def introspected(answer: Answered) -> Mapping[str, Any]:
    """What an issuer says of a token; raises Away for what is no such answer."""
    said = answer.json() if answer.status == 200 else None
    if not isinstance(said, dict) or not isinstance(said.get("active"), bool):
        raise Away(f"the answer ({answer.status}) is no introspection")
    return said
