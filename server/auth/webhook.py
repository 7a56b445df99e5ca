"""Callers of whom another server knows who they are: it is sent what the request carries, and answers with claims.

    GET url, with the header of the credential and those of `send`
    200 {"role": "user", "sub": "7", …}      the caller; believed for as long as Cache-Control or Expires say, at most `cache`
    401, 403                                 401
    anything else, or no answer              503: nobody is anonymous because a server is away

Names that begin with `X-Hasura-` are taken in small letters, and `x-hasura-user-id` is the subject where no `sub` is.

Rule: what the answer does not say to keep is asked for again with the next request; many at once with the same headers are
one question.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

from aiohttp import hdrs, web

from server.auth.claims import ClaimRules
from server.auth.method import InHeader, Method, Proof, in_authorization
from server.auth.opened import LONGEST
from server.auth.outbound import Answered, Away, Outbound
from server.cache.flights import Flights
from server.config.authentication import Webhook as Settings
from server.context import Credential
from server.problems import IdentityUnavailable, InvalidToken

REFUSED: Final = "the credential does not hold: whoever knows it says so"
HASURA: Final = "x-hasura-"
USER: Final = "x-hasura-user-id"
NEVER_KEPT: Final = re.compile(r"(?:^|[,\s])no-(?:store|cache)(?:$|[,\s=])")
MAX_AGE: Final = re.compile(r"(?:^|[,\s])max-age=\"?([0-9]{1,9})")


class WebhookMethod(Method):
    """Tells who carries a credential by asking another server."""

    name = "webhook"
    asks = True

    def __init__(
        self, settings: Settings, rules: ClaimRules, outbound: Outbound, clock: Callable[[], float] = time.time
    ) -> None:
        self._settings, self._rules, self._outbound, self._clock = settings, rules, outbound, clock
        self._flights: Flights[Proof] = Flights()
        self._away = False
        self.further = settings.send
        if settings.header.lower() == "authorization":
            self.kinds, self.carriers = ("bearer", "token"), (in_authorization,)
        else:
            self.kinds, self.carriers = (settings.header.lower(),), (InHeader(settings.header),)

    async def prove(self, credential: Credential, request: web.BaseRequest) -> Proof:
        sent = self._sent(credential, request)
        key = tuple(sent.items())
        if not credential.text or sum(map(len, sent.values())) > LONGEST:
            raise InvalidToken(REFUSED)
        flight = self._flights.find(key) or self._flights.begin(key, 0.0, lambda: self._asked(sent))
        return await self._flights.wait(key, flight)

    def _sent(self, credential: Credential, request: web.BaseRequest) -> dict[str, str]:
        """The headers of the question. A token of a socket's frame came in none, and is sent as if it had."""
        bare = self.carriers != (in_authorization,)
        sent = {self._settings.header: credential.text if bare else f"{credential.kind.title()} {credential.text}"}
        for name in self._settings.send:
            given = request.headers.getall(name, ())
            if given:
                sent[name] = ", ".join(given)
        return sent

    async def _asked(self, sent: Mapping[str, str]) -> Proof:
        try:
            answer = await self._outbound.ask("GET", self._settings.url, headers=sent)
            said = named(answer)
        except Away as away:
            self._away = True
            raise IdentityUnavailable("whoever knows the credential cannot be asked") from away
        self._away = False
        if said is None:
            raise InvalidToken(REFUSED)
        now = self._clock()
        principal = self._rules.principal(said, self.name, now)
        seconds = min(kept_seconds(answer, now), self._settings.cache.total_seconds())
        return Proof(principal, principal.until, seconds, 500 + 4 * (sum(map(len, sent.values())) + len(answer.body)))

    @property
    def degraded(self) -> bool:
        return self._away


def named(answer: Answered) -> dict[str, Any] | None:
    """The claims of an answer, by the names that rules know them by, None for a refusal; raises Away for what is neither."""
    if answer.status in (401, 403):
        return None
    said = answer.json() if answer.status == 200 else None
    if not isinstance(said, dict):
        raise Away(f"the answer ({answer.status}) is neither claims nor a refusal")
    claims = {name.lower() if name.lower().startswith(HASURA) else name: value for name, value in said.items()}
    if "sub" not in claims and USER in claims:
        claims["sub"] = claims[USER]
    return claims


def kept_seconds(answer: Answered, now: float) -> float:
    """For how long an answer may be believed without asking again; 0 where it does not say."""
    control = answer.headers.get(hdrs.CACHE_CONTROL, "").lower()
    if NEVER_KEPT.search(control):
        return 0.0
    said = MAX_AGE.search(control)
    if said:
        return float(said[1])
    try:
        return max(parsedate_to_datetime(answer.headers[hdrs.EXPIRES]).timestamp() - now, 0.0)
    except (KeyError, ValueError, OverflowError):
        return 0.0
