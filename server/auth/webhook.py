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

from server.auth.asked import AskedMethod, Word
from server.auth.claims import ClaimRules
from server.auth.method import InHeader, Proof, in_authorization
from server.auth.opened import LONGEST
from server.auth.outbound import Answered, Away, Outbound
from server.config.authentication import Webhook as Settings
from server.context import Credential
from server.problems import InvalidToken

HASURA: Final = "x-hasura-"
USER: Final = "x-hasura-user-id"
NEVER_KEPT: Final = re.compile(r"(?:^|[,\s])no-(?:store|cache)(?:$|[,\s=])")
MAX_AGE: Final = re.compile(r"(?:^|[,\s])max-age=\"?([0-9]{1,9})")


class WebhookMethod(AskedMethod):
    """Tells who carries a credential by asking another server."""

    name = "webhook"
    refused = "the credential does not hold: whoever knows it says so"
    away = "whoever knows the credential cannot be asked"

    def __init__(
        self, settings: Settings, rules: ClaimRules, outbound: Outbound, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(rules, clock)
        self._settings, self._outbound = settings, outbound
        self.further = settings.send
        if settings.header.lower() == "authorization":
            self.kinds, self.carriers = ("bearer", "token"), (in_authorization,)
        else:
            self.kinds, self.carriers = (settings.header.lower(),), (InHeader(settings.header),)

    async def prove(self, credential: Credential, request: web.BaseRequest) -> Proof:
        sent = self._sent(credential, request)
        if not credential.text or sum(map(len, sent.values())) > LONGEST:
            raise InvalidToken(self.refused)
        return await self.word_of(tuple(sent.items()), lambda: self._question(sent))

    def _sent(self, credential: Credential, request: web.BaseRequest) -> dict[str, str]:
        """The headers of the question. A token of a socket's frame came in none, and is sent as if it had."""
        bare = self.carriers != (in_authorization,)
        sent = {self._settings.header: credential.text if bare else f"{credential.kind.title()} {credential.text}"}
        for name in self._settings.send:
            given = request.headers.getall(name, ())
            if given:
                sent[name] = ", ".join(given)
        return sent

    async def _question(self, sent: Mapping[str, str]) -> Word | None:
        answer = await self._outbound.ask("GET", self._settings.url, headers=sent)
        said = named(answer)
        seconds = min(kept_seconds(answer, self._clock()), self._settings.cache.total_seconds())
        size = sum(map(len, sent.values())) + len(answer.body)
        return None if said is None else Word(said, seconds, size)


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
