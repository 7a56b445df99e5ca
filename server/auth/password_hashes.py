"""Passwords against the hashes that others made of them: one row of `FORMS` for each way of writing one down.

    $argon2id$v=19$m=65536,t=3,p=4$…$…      argon2 (i, d, id)
    $2b$12$…                                bcrypt
    $scrypt$ln=16,r=8,p=1$…$…               scrypt, as passlib writes it; scrypt:32768:8:1$…$… as Werkzeug does
    $pbkdf2-sha256$29000$…$…                PBKDF2, as passlib writes it; pbkdf2:sha256:600000$…$… as Werkzeug does
    argon2$…, bcrypt$…, bcrypt_sha256$…,    the same as Django writes them
    scrypt$…, pbkdf2_sha256$…

Rule: what is compared is compared in constant time; a hash that would take more than a server can spare, or that is none of
these, is `UnknownHash`, and nobody's password.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

MOST_MEMORY: Final = 512 * 1024 * 1024
MOST_ROUNDS: Final = 10_000_000
MOST_PASSES: Final = 32
DEAREST_BCRYPT: Final = 16
BCRYPT_BYTES: Final = 72
"""Of a longer password bcrypt has always read so many bytes."""
USUAL: Final = "$argon2id$v=19$m=65536,t=3,p=4$c29tZSBzYWx0IG9mIG91cg$knXB+h3y+ZAy3BFZwse5DeZaA7gva+DRsyib4bWizrU"
"""Nobody's hash, which costs as much to look at as others do."""

Parts: TypeAlias = "re.Match[str]"


class UnknownHash(Exception):
    """A text that is no hash of a password that could be looked at here."""


@dataclass(frozen=True, slots=True)
class Form:
    """A way of writing a hash down, and whether a password has it."""

    name: str
    pattern: re.Pattern[str]
    holds: Callable[[Parts, bytes], bool]


def matches(password: str, written: str) -> bool:
    """Whether the password has this hash; raises UnknownHash. It takes as long as the hash wants, a thread's time."""
    for form in FORMS:
        parts = form.pattern.fullmatch(written)
        if parts is not None:
            try:
                return form.holds(parts, password.encode("utf-8", "surrogatepass"))
            except (ValueError, binascii.Error, OverflowError, MemoryError) as fault:
                raise UnknownHash(form.name) from fault
    raise UnknownHash("no known form")


# ── one function for each way ────────────────────────────────────────────────────────────────


def _argon2(parts: Parts, password: bytes) -> bool:
    from argon2.exceptions import Argon2Error, VerifyMismatchError
    from argon2.low_level import Type, verify_secret

    if int(parts["memory"]) * 1024 > MOST_MEMORY or not 0 < int(parts["passes"]) <= MOST_PASSES:
        raise ValueError("too dear")
    kind = {"i": Type.I, "d": Type.D, "id": Type.ID}[parts["kind"]]
    try:
        return verify_secret(parts["hash"].encode(), password, kind)
    except VerifyMismatchError:
        return False
    except Argon2Error as fault:
        raise ValueError("no hash") from fault


def _bcrypt(parts: Parts, password: bytes) -> bool:
    import bcrypt

    if int(parts["cost"]) > DEAREST_BCRYPT:
        raise ValueError("too dear")
    return bcrypt.checkpw(password[:BCRYPT_BYTES], parts["hash"].encode())


def _bcrypt_of_sha256(parts: Parts, password: bytes) -> bool:
    return _bcrypt(parts, hashlib.sha256(password).hexdigest().encode())


def _scrypt(parts: Parts, password: bytes, salt: bytes, wanted: bytes, rounds: int) -> bool:
    size, lanes = int(parts["size"]), int(parts["lanes"])
    memory = 128 * rounds * size + 128 * size * lanes
    if memory > MOST_MEMORY or lanes > 64 or not wanted:
        raise ValueError("too dear")
    found = hashlib.scrypt(
        password, salt=salt, n=rounds, r=size, p=lanes, maxmem=memory + 1024 * 1024, dklen=len(wanted)
    )
    return hmac.compare_digest(found, wanted)


def _scrypt_of_passlib(parts: Parts, password: bytes) -> bool:
    rounds = 1 << min(int(parts["logarithm"]), 32)
    return _scrypt(parts, password, _base64(parts["salt"]), _base64(parts["wanted"]), rounds)


def _scrypt_of_werkzeug(parts: Parts, password: bytes) -> bool:
    return _scrypt(parts, password, parts["salt"].encode(), bytes.fromhex(parts["wanted"]), int(parts["rounds"]))


def _scrypt_of_django(parts: Parts, password: bytes) -> bool:
    return _scrypt(parts, password, parts["salt"].encode(), _base64(parts["wanted"]), int(parts["rounds"]))


def _pbkdf2(parts: Parts, password: bytes, salt: bytes, wanted: bytes) -> bool:
    rounds = int(parts["rounds"])
    if not 0 < rounds <= MOST_ROUNDS or not wanted:
        raise ValueError("too dear")
    digest = parts["digest"] or "sha1"
    found = hashlib.pbkdf2_hmac(digest, password, salt, rounds, len(wanted))
    return hmac.compare_digest(found, wanted)


def _pbkdf2_of_passlib(parts: Parts, password: bytes) -> bool:
    return _pbkdf2(parts, password, _base64(parts["salt"]), _base64(parts["wanted"]))


def _pbkdf2_of_werkzeug(parts: Parts, password: bytes) -> bool:
    return _pbkdf2(parts, password, parts["salt"].encode(), bytes.fromhex(parts["wanted"]))


def _pbkdf2_of_django(parts: Parts, password: bytes) -> bool:
    return _pbkdf2(parts, password, parts["salt"].encode(), _base64(parts["wanted"]))


def _base64(text: str) -> bytes:
    """Base64 with its padding or without, also in passlib's alphabet, where a dot stands for the plus."""
    bare = text.replace(".", "+").rstrip("=")
    return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)


FORMS: Final = (
    Form(
        "argon2",
        re.compile(
            r"(?:argon2)?(?P<hash>\$argon2(?P<kind>id|i|d)\$(?:v=\d+\$)?m=(?P<memory>\d{1,9}),t=(?P<passes>\d{1,9}),.*)"
        ),
        _argon2,
    ),
    Form("bcrypt", re.compile(r"(?:bcrypt\$)?(?P<hash>\$2[aby]\$(?P<cost>\d\d)\$[./A-Za-z0-9]{53})"), _bcrypt),
    Form(
        "bcrypt", re.compile(r"bcrypt_sha256\$(?P<hash>\$2[aby]\$(?P<cost>\d\d)\$[./A-Za-z0-9]{53})"), _bcrypt_of_sha256
    ),
    Form(
        "scrypt",
        re.compile(
            r"\$scrypt\$ln=(?P<logarithm>\d{1,2}),r=(?P<size>\d{1,3}),p=(?P<lanes>\d{1,3})"
            r"\$(?P<salt>[A-Za-z0-9+/.=]*)\$(?P<wanted>[A-Za-z0-9+/.=]+)"
        ),
        _scrypt_of_passlib,
    ),
    Form(
        "scrypt",
        re.compile(
            r"scrypt:(?P<rounds>\d{1,9}):(?P<size>\d{1,3}):(?P<lanes>\d{1,3})\$(?P<salt>[^$]*)\$(?P<wanted>[0-9a-f]+)"
        ),
        _scrypt_of_werkzeug,
    ),
    Form(
        "scrypt",
        re.compile(
            r"scrypt\$(?P<rounds>\d{1,9})\$(?P<salt>[^$]*)\$(?P<size>\d{1,3})\$(?P<lanes>\d{1,3})\$(?P<wanted>[A-Za-z0-9+/=]+)"
        ),
        _scrypt_of_django,
    ),
    Form(
        "pbkdf2",
        re.compile(
            r"\$pbkdf2(?:-(?P<digest>sha1|sha256|sha512))?\$(?P<rounds>\d{1,9})"
            r"\$(?P<salt>[A-Za-z0-9+/.=]*)\$(?P<wanted>[A-Za-z0-9+/.=]+)"
        ),
        _pbkdf2_of_passlib,
    ),
    Form(
        "pbkdf2",
        re.compile(
            r"pbkdf2:(?P<digest>sha1|sha256|sha512):(?P<rounds>\d{1,9})\$(?P<salt>[^$]*)\$(?P<wanted>[0-9a-f]+)"
        ),
        _pbkdf2_of_werkzeug,
    ),
    Form(
        "pbkdf2",
        re.compile(
            r"pbkdf2_(?P<digest>sha1|sha256|sha512)\$(?P<rounds>\d{1,9})\$(?P<salt>[^$]*)\$(?P<wanted>[A-Za-z0-9+/=]+)"
        ),
        _pbkdf2_of_django,
    ),
)
