"""Callers whose token says nothing by itself: its issuer is asked what it is worth (OAuth 2.0 Token Introspection, RFC 7662).

    active            the claims of the answer, believed until `exp`, and no longer than `cache` without asking again
    not active        401
    anything else     no answer

Rule: a token goes to the issuer of the configuration and nowhere else.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote_plus

from aiohttp import web

from server.auth.asked import AskedMethod, Word
from server.auth.claims import ClaimRules
from server.auth.method import Proof
from server.auth.opened import LONGEST
from server.auth.outbound import Answered, Away, Outbound
from server.config.authentication import Introspection as Settings
from server.context import Credential
from server.problems import InvalidToken


class Introspection(AskedMethod):
    """Tells who carries a token by asking its issuer."""

    name = "introspection"
    refused = "the token does not hold: its issuer does not know it, or it has ended"
    away = "the issuer of the token cannot be asked"

    def __init__(
        self, settings: Settings, rules: ClaimRules, outbound: Outbound, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(rules, clock)
        self._settings, self._outbound = settings, outbound
        # RFC 6749 §2.3.1: both are written as in a form before they are put together.
        pair = f"{quote_plus(settings.client_id)}:{quote_plus(settings.client_secret.reveal())}"
        self._headers = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    async def prove(self, credential: Credential, request: web.BaseRequest) -> Proof:
        token = credential.text
        if not token or len(token) > LONGEST or not token.isascii():
            raise InvalidToken(self.refused)
        return await self.word_of(token, lambda: self._question(token))

    async def _question(self, token: str) -> Word | None:
        form = {"token": token, "token_type_hint": "access_token"}
        answer = await self._outbound.ask("POST", self._settings.url, headers=self._headers, form=form)
        said = introspected(answer)
        seconds = self._settings.cache.total_seconds()
        return Word(said, seconds, len(token) + len(answer.body)) if said["active"] else None


def introspected(answer: Answered) -> Mapping[str, Any]:
    """What an issuer says of a token; raises Away for what is no such answer."""
    said = answer.json() if answer.status == 200 else None
    if not isinstance(said, dict) or not isinstance(said.get("active"), bool):
        raise Away(f"the answer ({answer.status}) is no introspection")
    return said
