"""What a delivery carries beside its body, by the specification of Standard Webhooks.

    webhook-id           of the message: the same each time that it is sent
    webhook-timestamp    when it was sent, in seconds since 1970
    webhook-signature    v1,<base64 of HMAC-SHA256 over id.timestamp.body>

Rule: who holds the secret can tell that a body is ours, whole, and of now; nobody else can make one.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping

from reflector.secret import Secret
from server.config.webhooks import WHSEC


def key_of(secret: Secret) -> bytes:
    """The bytes of a secret: what stands behind `whsec_` in base64, or the text itself."""
    text = secret.reveal()
    return base64.b64decode(text.removeprefix(WHSEC)) if text.startswith(WHSEC) else text.encode()


def headers_of(message: str, body: bytes, at: float, secret: Secret | None) -> Mapping[str, str]:
    """The headers of one attempt. `at`: now, in seconds since 1970."""
    headers = {"webhook-id": message, "webhook-timestamp": str(int(at))}
    if secret is not None:
        signed = f"{message}.{int(at)}.".encode() + body
        digest = hmac.digest(key_of(secret), signed, "sha256")
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return headers
