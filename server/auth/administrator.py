"""The administrator's secret: whoever carries it has `auth.admin_role`, and may act as any role there is.

    X-Reflector-Admin-Secret: …        X-Hasura-Admin-Secret: …

Rule: it is compared in constant time, whatever its length, and is remembered by nobody.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Final

from aiohttp import web

from reflector.access.principal import Principal
from reflector.secret import Secret
from server.auth.method import InHeader, Method, Proof
from server.context import Credential
from server.problems import InvalidToken

HEADERS: Final = ("X-Reflector-Admin-Secret", "X-Hasura-Admin-Secret")


class AdministratorSecret(Method):
    """Holds what callers carry against the one secret."""

    name = "admin_secret"
    kinds = tuple(each.lower() for each in HEADERS)
    carriers = tuple(InHeader(each) for each in HEADERS)
    challenges = ()

    def __init__(self, secret: Secret, role: str) -> None:
        self._digest = sha256(secret.reveal().encode()).digest()
        self._principal = Principal((role,), {"role": role}, method=self.name, any_role=True)

    async def prove(self, credential: Credential, request: web.BaseRequest) -> Proof:
        """The administrator; raises InvalidToken."""
        given = sha256(credential.text.encode("utf-8", "surrogateescape")).digest()
        if not hmac.compare_digest(given, self._digest):
            raise InvalidToken("the administrator's secret is not the right one")
        return Proof(self._principal, None, seconds=0)
