"""Callers whose token says nothing by itself: its issuer is asked what it is worth (OAuth 2.0 Token Introspection, RFC 7662).

    active            the claims of the answer, believed until `exp`, and no longer than `cache` without asking again
    not active        401, and so is one that is no token for asking with: issuers answer for what renews tokens, too
    anything else     no answer

Rule: a token goes to the issuer of the configuration and nowhere else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from aiohttp import web

from server.auth.asked import AskedMethod, Word
from server.auth.claims import ClaimRules, text
from server.auth.method import Proof
from server.auth.opened import LONGEST
from server.auth.outbound import Answered, Away, Outbound, as_client
from server.config.authentication import Introspection as Settings
from server.context import Credential
from server.problems import InvalidToken

BEARER: Final = frozenset({"bearer", "access_token"})
"""What issuers say in `token_type`, in small letters, of a token that whoever has it asks with; they may say nothing."""
OTHERS: Final = frozenset({"refresh", "refresh_token", "offline", "id", "id_token"})
"""What some say in `typ` or `token_use` of tokens for another purpose."""


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
        self._headers = {"Authorization": as_client(settings.client_id, settings.client_secret)}

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
        return Word(said, seconds, len(token) + len(answer.body)) if said["active"] and is_for_asking(said) else None


def is_for_asking(said: Mapping[str, Any]) -> bool:
    """Whether, as far as its issuer says, it is a token that its bearer asks with."""
    kind, *others = ((text(said.get(name)) or "").lower() for name in ("token_type", "typ", "token_use"))
    return kind in {"", *BEARER} and OTHERS.isdisjoint(others)


def introspected(answer: Answered) -> Mapping[str, Any]:
    """What an issuer says of a token; raises Away for what is no such answer."""
    said = answer.json() if answer.status == 200 else None
    if not isinstance(said, dict) or not isinstance(said.get("active"), bool):
        raise Away(f"the answer ({answer.status}) is no introspection")
    return said
