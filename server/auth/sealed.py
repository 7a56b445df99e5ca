"""Small texts that this server gives away and takes back: nobody else can read, make or change them.

Rule: what was sealed for one purpose is nothing for another; it carries its own end, and whoever opens it late opens nothing.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import zlib
from collections.abc import Mapping
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from reflector.secret import Secret

NONCE_BYTES: Final = 12
LONGEST: Final = 4096
MOST_BYTES: Final = 64 * 1024
END: Final = "ends"


class Seal:
    """Seals and opens with keys of one secret."""

    def __init__(self, secret: Secret, purpose: str) -> None:
        info = f"reflector sealed {purpose}".encode()
        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret.reveal().encode())
        self._cipher, self._purpose = AESGCM(key), purpose.encode()

    def sealed(self, said: Mapping[str, Any], ends: float) -> str:
        """The text of what is said, until `ends`, in seconds of the wall clock."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        plain = zlib.compress(orjson.dumps({**said, END: ends}), 6)
        return base64.urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, plain, self._purpose)).decode().rstrip("=")

    def opened(self, text: str, now: float) -> Mapping[str, Any] | None:
        """What was said, None where it was not sealed here and for this, or has ended."""
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) if len(text) <= LONGEST else b""
            plain = self._cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], self._purpose)
        except (binascii.Error, ValueError, InvalidTag):
            return None
        said: Mapping[str, Any] = orjson.loads(zlib.decompressobj().decompress(plain, MOST_BYTES))
        return said if now < said[END] else None
