"""`Authorization: Basic …`: a name and a password with each request.

Rule: what cannot be read is nobody, as a wrong password is.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

from aiohttp import web

from server.auth.method import Method, Proof
from server.auth.passwords import REFUSAL, Passwords
from server.context import Credential
from server.problems import InvalidToken

BELIEVED_SECONDS: Final = 4.0


class Basic(Method):
    """Asks `passwords`."""

    name = "basic"
    kinds = ("basic",)
    challenges = ('Basic realm="reflector", charset="UTF-8"',)

    def __init__(self, passwords: Passwords) -> None:
        self.passwords = passwords

    async def prove(self, credential: Credential, request: web.BaseRequest) -> Proof:
        """Whose name and password it is; raises as `Passwords.principal`."""
        name, password = _read(credential.text)
        principal = await self.passwords.principal(name, password, request)
        return Proof(principal, None, BELIEVED_SECONDS)

    async def close(self) -> None:
        self.passwords.close()


def _read(text: str) -> tuple[str, str]:
    try:
        name, colon, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as fault:
        raise InvalidToken(REFUSAL) from fault
    if not colon:
        raise InvalidToken(REFUSAL)
    return name, password
