"""The keys that tokens are signed with: a text, base64, PEM, a JWK or a set of them.

Rule: a key says which algorithms it is for; of a token's header only `kid` and `alg` are looked at, and both only choose
among what stands here. A key that was fetched is public: a secret among them would be one that everybody knows.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.x509 import load_der_x509_certificate
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OctKey, OKPKey, RSAKey

from server.config import Complaint, ConfigError, Position

Key = OctKey | RSAKey | ECKey | OKPKey
HMAC: Final = ("HS256", "HS384", "HS512")
RSA: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
CURVES: Final[Mapping[str, tuple[str, ...]]] = {"P-256": ("ES256",), "P-384": ("ES384",), "P-521": ("ES512",)}
EDWARDS: Final[Mapping[str, tuple[str, ...]]] = {"Ed25519": ("EdDSA", "Ed25519"), "Ed448": ("EdDSA", "Ed448")}
"""RFC 9864 gave the curves names of their own; most issuers still say EdDSA."""
ALGORITHMS: Final = (*HMAC, *RSA, "ES256", "ES384", "ES512", "EdDSA", "Ed25519", "Ed448")
LEAST_BYTES: Final = 32
LEAST_BITS: Final = 2048
MOST_BITS: Final = 16 * 1024
MOST_KEYS: Final = 100
PEM: Final = "-----BEGIN "
OPENSSH: Final = ("ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-")
FORMS: Final = "a text, base64, PEM, a JWK, or a set of JWKs"
PUBLIC: Final = "PEM, a certificate, a JWK, or a set of JWKs; a text that both sides know is auth.jwt.secret"
FRAMED: Final = "write it as PEM, between -----BEGIN PUBLIC KEY----- and -----END PUBLIC KEY-----, under auth.jwt.keys"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key, what it is called, and the algorithms that it is for."""

    key: Key
    name: str | None
    algorithms: tuple[str, ...]


def fitting(keys: Sequence[SigningKey], algorithm: Any, name: Any) -> list[SigningKey]:
    """The keys that a token of this `alg` and `kid` could have been signed with; a key without a name fits any `kid`."""
    return [
        each
        for each in keys
        if algorithm in each.algorithms and (name is None or each.name is None or each.name == name)
    ]


def keys_of(
    text: str, *, base64_text: bool, place: Position, setting: str = "postgrest.jwt_secret", shared: bool = True
) -> tuple[SigningKey, ...]:
    """The keys that a secret holds; raises ConfigError where it holds none that can be used.

    `shared` says whether a plain text is a secret that both sides know; elsewhere it is none of the forms of a public key.
    """
    try:
        members = _members(text)
        if members is not None:
            keys = tuple(filter(None, map(_imported, members)))
        elif text.lstrip().startswith(PEM):
            keys = (_from_pem(text),)
        elif _is_public(text):
            raise _refused(place, setting, "is a public key without its frame: everybody could sign with it", FRAMED)
        elif not shared:
            raise _refused(place, setting, "holds no public key", PUBLIC)
        else:
            keys = (_plain(_decoded(text) if base64_text else text.encode()),)
    except (JoseError, ValueError, TypeError, KeyError) as fault:
        raise _refused(place, setting, "holds no key that can be used", FORMS if shared else PUBLIC) from fault
    if not keys:
        raise _refused(place, setting, "holds no key that tokens are signed with", FORMS if shared else PUBLIC)
    return keys


def published_keys(document: Any) -> tuple[SigningKey, ...]:
    """The keys of a set that an issuer publishes, as far as tokens can be held against them; raises ValueError for what is
    no set, or one without such keys."""
    given = document.get("keys") if isinstance(document, dict) else None
    listed = given if isinstance(given, list) else []
    found = tuple(_usable(each for each in listed[:MOST_KEYS] if isinstance(each, dict)))
    if not found:
        raise ValueError("there is no set of keys, or none in it that tokens are signed with")
    return found


def _usable(members: Iterable[Mapping[str, Any]]) -> Iterable[SigningKey]:
    """Those of an issuer's keys that we can use: sets hold keys for other purposes, and of kinds that come later."""
    for member in members:
        try:
            key = None if member.get("kty") == "oct" else _imported(member)
        except (JoseError, ValueError, TypeError, KeyError, OverflowError):
            continue
        if key is not None:
            yield key


def _members(text: str) -> list[Mapping[str, Any]] | None:
    """The JWKs of a JSON text; None where it is none."""
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
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


def _from_pem(text: str) -> SigningKey:
    """A public key, the public half of a private one, or that of a certificate."""
    data = text.strip().encode()
    for kind in (RSAKey, ECKey, OKPKey):
        try:
            key = kind.import_key(data)
        except (JoseError, ValueError, TypeError):
            continue
        algorithms = _algorithms(key)
        if algorithms:
            return SigningKey(key, None, algorithms)
    raise ValueError("no key of a kind that tokens are signed with")


def _imported(member: Mapping[str, Any]) -> SigningKey | None:
    """A JWK; None for one that tokens are not signed with. Raises what importing raises, and ValueError."""
    operations = member.get("key_ops", ["verify"])
    if member.get("use", "sig") != "sig" or not {"verify", "sign"} & set(operations):
        return None
    # What a key says of its use was judged here; an unknown word there would keep the library from using it.
    key = JWKRegistry.import_key({name: each for name, each in member.items() if name not in {"use", "key_ops"}})
    if isinstance(key, OctKey) and len(key.raw_value) < LEAST_BYTES:
        raise ValueError("too short")
    wanted, name = member.get("alg"), member.get("kid")
    algorithms = tuple(each for each in _algorithms(key) if wanted is None or each == wanted)
    return SigningKey(key, name if isinstance(name, str) else None, algorithms) if algorithms else None


def _algorithms(key: Any) -> tuple[str, ...]:
    if isinstance(key, OctKey):
        return HMAC
    if isinstance(key, RSAKey):
        return RSA if LEAST_BITS <= key.raw_value.key_size <= MOST_BITS else ()
    if isinstance(key, ECKey):
        return CURVES.get(key.curve_name, ())
    return EDWARDS.get(key.curve_name, ())


def _is_public(text: str) -> bool:
    """Whether the text is a public key as providers show it: DER in base64 of either alphabet, or a line of OpenSSH's. As a secret it would be one
    that everybody knows."""
    if text.strip().startswith(OPENSSH):
        return True
    try:
        der = _decoded(text)
    except ValueError:
        return False
    return any(_loads(load, der) for load in (load_der_public_key, load_der_x509_certificate))


def _loads(load: Callable[[bytes], object], der: bytes) -> bool:
    try:
        load(der)
    except UnsupportedAlgorithm:
        return True
    except ValueError:
        return False
    return True


def _refused(place: Position, setting: str, why: str, hint: str) -> ConfigError:
    return ConfigError([Complaint(place, setting, why, hint)])
