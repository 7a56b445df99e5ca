"""SCRAM-SHA-256 as a client speaks it (RFC 5802, RFC 7677), without channel binding; pure.

Rule: the server must prove that it knows the password too; one that does not is not believed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import unicodedata
from collections.abc import Mapping
from typing import Final

MECHANISM: Final = "SCRAM-SHA-256"
MOST_ITERATIONS: Final = 1_000_000
"""More than any server asks for; a false one could keep us busy for ever."""


class Untrusted(Exception):
    """What the server says does not fit."""


class Scram:
    """One exchange: `first`, then `final` to the server's answer, then `verify` its proof."""

    def __init__(self, password: str, nonce: str) -> None:
        self._password = unicodedata.normalize("NFKC", password).encode()
        self._nonce = nonce
        self._bare = f"n=,r={nonce}"
        self._proof = b""

    def first(self) -> bytes:
        return f"n,,{self._bare}".encode()

    def final(self, challenge: bytes) -> bytes:
        """The answer to the server's first message; raises Untrusted."""
        given = _fields(challenge)
        try:
            nonce, salt, iterations = given["r"], base64.b64decode(given["s"]), int(given["i"])
        except (KeyError, ValueError) as fault:
            raise Untrusted("the server's challenge cannot be read") from fault
        if not nonce.startswith(self._nonce) or len(nonce) == len(self._nonce):
            raise Untrusted("the server answers somebody else")
        if not 0 < iterations <= MOST_ITERATIONS:
            raise Untrusted("the server asks for too much work")
        salted = hashlib.pbkdf2_hmac("sha256", self._password, salt, iterations)
        client = hmac.digest(salted, b"Client Key", "sha256")
        without_proof = f"c=biws,r={nonce}"
        message = f"{self._bare},{challenge.decode()},{without_proof}".encode()
        signature = hmac.digest(hashlib.sha256(client).digest(), message, "sha256")
        self._proof = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256")
        proof = bytes(one ^ other for one, other in zip(client, signature, strict=True))
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()

    def verify(self, answer: bytes) -> None:
        """Believe the server; raises Untrusted."""
        given = _fields(answer).get("v", "")
        if not self._proof or not hmac.compare_digest(given.encode(), base64.b64encode(self._proof)):
            raise Untrusted("the server does not know the password")


def _fields(message: bytes) -> Mapping[str, str]:
    return dict(part.split("=", 1) for part in message.decode("utf-8", "replace").split(",") if "=" in part)
