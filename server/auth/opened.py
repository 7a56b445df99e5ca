"""A token's parts, and whether one of some keys signed it.

Rule: a token is read once, and what was read is what was signed. Nothing of its header is looked at but `alg` and `kid`;
what it calls critical, it asks to be understood, and nothing of the kind is. Headers that bring keys are never followed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jws import CompactSignature, JWSRegistry

from server.auth.token_keys import ALGORITHMS, Key, SigningKey
from server.problems import InvalidToken

LONGEST: Final = 16 * 1024
UNREADABLE: Final = "the token does not hold: it is malformed, or its signature is not right"


class _Registry(JWSRegistry):
    """Every algorithm that a key of ours may be for. Which one is used, the key has decided before."""

    # Issuers put chains of certificates into headers; the token as a whole is bounded here.
    max_header_length = LONGEST
    max_payload_length = LONGEST
    max_signature_length = LONGEST

    def get_alg(self, name: str) -> Any:
        return self.algorithms[name]


REGISTRY: Final = _Registry(algorithms=ALGORITHMS, strict_check_header=False)


@dataclass(frozen=True, slots=True)
class Opened:
    """A token that was read and that nobody has vouched for yet."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signed: CompactSignature

    def signed_by(self, keys: Iterable[SigningKey]) -> bool:
        """Whether one of the keys signed it; each must be for the algorithm of the header."""
        return any(self._signed_by(each.key) for each in keys if self.header["alg"] in each.algorithms)

    def _signed_by(self, key: Key) -> bool:
        try:
            return jws.validate_compact(self.signed, key, registry=REGISTRY)
        except (JoseError, ValueError, TypeError, OverflowError):
            return False


def opened(token: str) -> Opened:
    """The parts of a token; raises InvalidToken for what is none."""
    if len(token) > LONGEST:
        raise InvalidToken("the token does not hold: it is too long")
    try:
        signed = jws.extract_compact(token.encode(), registry=REGISTRY)
        header: Any = signed.headers()
        claims = json.loads(signed.payload or b"")
    except (JoseError, AttributeError, ValueError, TypeError, RecursionError, OverflowError) as fault:
        raise InvalidToken(UNREADABLE) from fault
    if not isinstance(header, dict) or not isinstance(claims, dict) or header.get("alg") not in ALGORITHMS:
        raise InvalidToken(UNREADABLE)
    if "crit" in header or "b64" in header:
        raise InvalidToken("the token does not hold: it asks for an extension")
    if not isinstance(header.get("kid", ""), str):
        raise InvalidToken(UNREADABLE)
    return Opened(header, claims, signed)
