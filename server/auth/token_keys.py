"""The keys that tokens are signed with: a text, base64, a JWK or a set of them.

Rule: a key says which algorithms it is for; of a token's header only `kid` and `alg` are looked at, and both only choose
among what stands here.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

from server.config import Complaint, ConfigError, Position

Key = OctKey | RSAKey | ECKey | OKPKey
HMAC: Final = ("HS256", "HS384", "HS512")
RSA: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
CURVES: Final[Mapping[str, tuple[str, ...]]] = {"P-256": ("ES256",), "P-384": ("ES384",), "P-521": ("ES512",)}
LEAST_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key, what it is called, and the algorithms that it is for."""

    key: Key
    name: str | None
    algorithms: tuple[str, ...]


def keys_of(text: str, *, base64_text: bool, place: Position) -> tuple[SigningKey, ...]:
    """The keys that a secret holds; raises ConfigError where it holds none that can be used."""
    try:
        members = _members(text)
        keys = (_plain(_decoded(text) if base64_text else text.encode()),) if members is None else _imported(members)
    except (JoseError, ValueError, TypeError, KeyError) as fault:
        raise _refused(place, "holds no key that can be used") from fault
    if not keys:
        raise _refused(place, "holds no key that tokens are signed with")
    return keys


def _members(text: str) -> list[Mapping[str, Any]] | None:
    """The JWKs of a JSON text; None where it is none."""
    try:
        read = json.loads(text)
    except ValueError:
        return None
    if not isinstance(read, dict):
        return None
    listed = read.get("keys", [read])
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise ValueError("a set of keys holds a list of them")
    return listed


def _decoded(text: str) -> bytes:
    """Base64 of either alphabet, with its padding or without."""
    plain = "".join(text.split()).translate(str.maketrans("-_.", "+/="))
    try:
        return base64.b64decode(plain.rstrip("=") + "=" * (-len(plain.rstrip("=")) % 4), validate=True)
    except binascii.Error as fault:
        raise ValueError("no base64") from fault


def _plain(secret: bytes) -> SigningKey:
    if len(secret) < LEAST_BYTES:
        raise ValueError("too short")
    return SigningKey(OctKey.import_key(secret), None, HMAC)


def _imported(members: list[Mapping[str, Any]]) -> tuple[SigningKey, ...]:
    found = []
    for key in KeySet.import_key_set(
        {"keys": [dict(each) for each in members if each.get("use", "sig") == "sig"]}
    ).keys:
        written = key.as_dict(private=False) if not isinstance(key, OctKey) else {"alg": key.get("alg")}
        algorithms = _algorithms(key)
        wanted = written.get("alg")
        if wanted is not None:
            algorithms = tuple(each for each in algorithms if each == wanted)
        if isinstance(key, OctKey) and len(key.raw_value) < LEAST_BYTES:
            raise ValueError("too short")
        if algorithms:
            name = next((each.get("kid") for each in members if each.get("kid") == key.kid), None)
            found.append(SigningKey(key, name if isinstance(name, str) else None, algorithms))
    return tuple(found)


def _algorithms(key: Any) -> tuple[str, ...]:
    if isinstance(key, OctKey):
        return HMAC
    if isinstance(key, RSAKey):
        return RSA
    return CURVES.get(key.curve_name, ()) if isinstance(key, ECKey) else ()


def _refused(place: Position, why: str) -> ConfigError:
    return ConfigError([Complaint(place, "postgrest.jwt_secret", why, "a text, base64, a JWK, or a set of JWKs")])
