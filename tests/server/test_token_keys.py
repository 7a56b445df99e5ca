"""What a secret or an issuer's document holds: keys, what each is for, and nothing that only looks like one."""

from __future__ import annotations

import base64
import json
import warnings
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from server.auth.token_keys import EDWARDS, HMAC, LEAST_BYTES, MOST_KEYS, RSA, SigningKey, keys_of, published_keys
from server.config import ConfigError, Position
from tests.server.issuers import CURVE, ONE, TWO, pem, public
from tests.server.test_issuers import bare, certificate

PLACE = Position("config.yaml", 3)
SECRET = "a-signing-key-of-forty-letters-at-least"
ED25519, ED448, P521 = OKPKey.generate_key("Ed25519"), OKPKey.generate_key("Ed448"), ECKey.generate_key("P-521")
OTHER_CURVE = ECKey.generate_key("secp256k1")
AGREEING = OKPKey.generate_key("X25519")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    SHORT = RSAKey.generate_key(1024)


UNKNOWN = base64.b64decode(bare(pem(ED25519))).replace(bytes.fromhex("06032b6570"), bytes.fromhex("06032b6573"))
"""A public key of a kind that comes later."""


def held(text: Any, *, base64_text: bool = False) -> tuple[SigningKey, ...]:
    written = text if isinstance(text, str) else json.dumps(text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return keys_of(written, base64_text=base64_text, place=PLACE)


def jwk(key: Any, **more: Any) -> dict[str, Any]:
    return {**key.as_dict(private=False), **more}


def raw(key: SigningKey) -> bytes:
    assert isinstance(key.key, OctKey)
    return key.key.raw_value


# ── of a secret ──────────────────────────────────────────────────────────────────────────────


def test_a_text_is_a_key_that_both_sides_have() -> None:
    [found] = held(SECRET)
    assert (raw(found), found.name, found.algorithms) == (SECRET.encode(), None, HMAC)
    assert raw(held("x" * LEAST_BYTES)[0]) == b"x" * LEAST_BYTES
    assert raw(held(f'"{SECRET}"')[0]) == f'"{SECRET}"'.encode()
    salted = f"{bare(pem(ONE))}!"
    assert raw(held(salted)[0]) == salted.encode()


BYTES = bytes(range(200, 240))
PLAIN = base64.b64encode(BYTES).decode()


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.rstrip("="),
        f" {PLAIN[:9]}\n{PLAIN[9:]}\n",
        base64.urlsafe_b64encode(BYTES).decode(),
        PLAIN.replace("=", "."),
    ],
)
def test_base64_is_read_in_either_alphabet_with_padding_or_without(text: str) -> None:
    assert raw(held(text, base64_text=True)[0]) == BYTES


@pytest.mark.parametrize("text", ["é" * 40, "ab*cd" * 20, "a" * 41, base64.b64encode(b"x" * 31).decode()])
def test_what_is_no_base64_of_enough_bytes_is_no_key(text: str) -> None:
    with pytest.raises(ConfigError, match="holds no key that can be used"):
        held(text, base64_text=True)


@pytest.mark.parametrize(
    ("key", "algorithms"),
    [
        (ONE, RSA),
        (CURVE, ("ES256",)),
        (P521, ("ES512",)),
        (ED25519, EDWARDS["Ed25519"]),
        (ED448, EDWARDS["Ed448"]),
    ],
    ids=["RSA", "P-256", "P-521", "Ed25519", "Ed448"],
)
def test_a_pair_says_what_it_is_for_in_every_form(key: Any, algorithms: tuple[str, ...]) -> None:
    for text in (pem(key), pem(key, private=True), f"\n {pem(key)}\n", jwk(key), key.as_dict(private=True)):
        [found] = held(text)
        assert (found.algorithms, found.key.as_dict(private=False)["kty"]) == (algorithms, jwk(key)["kty"])
    [named] = held(jwk(key, kid="first", alg=algorithms[-1]))
    assert (named.name, named.algorithms) == ("first", (algorithms[-1],))


def test_a_certificate_holds_the_key_of_whom_it_is_about() -> None:
    for text in (certificate(), f"\n {certificate()}"):
        [found] = held(text)
        assert found.key.as_dict(private=False)["n"] == jwk(ONE)["n"]


def test_a_set_holds_the_keys_that_tokens_are_signed_with_and_not_the_others() -> None:
    found = held(
        {
            "keys": [
                jwk(ONE, kid="a", use="sig", key_ops=["verify"]),
                jwk(TWO, kid="b", use="enc"),
                jwk(TWO, kid="c", key_ops=["encrypt", "wrapKey"]),
                jwk(TWO, kid="d", alg="RSA-OAEP"),
                jwk(CURVE, key_ops=["sign", "other"]),
                {"kty": "oct", "k": base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("=")},
                jwk(OTHER_CURVE),
                jwk(SHORT),
            ]
        }
    )
    assert [(each.name, each.algorithms) for each in found] == [("a", RSA), ("curve", ("ES256",)), (None, HMAC)]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("short", "holds no key that can be used"),
        ("x" * (LEAST_BYTES - 1), "holds no key that can be used"),
        (
            {"kty": "oct", "k": base64.urlsafe_b64encode(b"x" * (LEAST_BYTES - 1)).decode().rstrip("=")},
            "holds no key that can be used",
        ),
        ({"kty": "RSA"}, "holds no key that can be used"),
        ({"kty": "new"}, "holds no key that can be used"),
        ({"keys": 5}, "holds no key that can be used"),
        ({"keys": {}}, "holds no key that can be used"),
        ({"keys": jwk(ONE)}, "holds no key that can be used"),
        ({"keys": [jwk(ONE), 5]}, "holds no key that can be used"),
        ({"keys": []}, "holds no key that tokens are signed with"),
        (jwk(ONE, use="enc"), "holds no key that tokens are signed with"),
        (jwk(OTHER_CURVE), "holds no key that tokens are signed with"),
        ("-----BEGIN NONSENSE-----", "holds no key that can be used"),
        (pem(SHORT), "holds no key that can be used"),
        (pem(OTHER_CURVE), "holds no key that can be used"),
        (pem(AGREEING), "holds no key that can be used"),
    ],
)
def test_what_holds_no_key_is_told_with_its_place_and_not_repeated(text: Any, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        held(text)
    [told] = caught.value.complaints
    assert (told.position, told.path) == (PLACE, "postgrest.jwt_secret")
    assert "eHh4" not in str(told)


# ── of an issuer's document ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        bare(pem(ONE)),
        f"\n {bare(pem(ED25519))}\n",
        bare(certificate()),
        bare(pem(ONE)).translate(str.maketrans("+/", "-_")).rstrip("="),
        base64.b64encode(UNKNOWN).decode(),
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI ann@example",
        " ecdsa-sha2-nistp256 AAAAC3NzaC1lZDI1NTE5 ann@example",
    ],
    ids=["RSA", "Ed25519", "certificate", "of URLs", "unknown", "ssh", "ecdsa"],
)
def test_a_public_key_without_its_frame_is_neither_a_secret_nor_read_as_a_key(text: str) -> None:
    for shared in (True, False):
        with pytest.raises(
            ConfigError, match="is a public key without its frame: everybody could sign with it"
        ) as caught:
            keys_of(text, base64_text=False, place=PLACE, shared=shared)
        [told] = caught.value.complaints
        assert "-----BEGIN PUBLIC KEY-----" in str(told.hint)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"keys": 5}', "holds no key that can be used"),
        ('{"keys": []}', "holds no key that tokens are signed with"),
        (SECRET, "holds no public key"),
    ],
)
def test_what_a_setting_may_hold_is_told_where_it_holds_no_key(text: str, why: str) -> None:
    """A text that both sides know is offered only where it would be one."""
    with pytest.raises(ConfigError, match=why) as caught:
        keys_of(text, base64_text=False, place=PLACE, setting="auth.jwt.keys", shared=False)
    [told] = caught.value.complaints
    assert (told.path, "a certificate" in str(told.hint)) == ("auth.jwt.keys", True)
    if text == SECRET:
        assert raw(held(text)[0]) == SECRET.encode()
        return
    with pytest.raises(ConfigError, match=why) as caught:
        held(text)
    [told] = caught.value.complaints
    assert told.hint == "a text, base64, PEM, a JWK, or a set of JWKs"


def test_of_a_published_set_those_count_that_can_be_used_and_a_secret_among_them_is_nobodys() -> None:
    document = {
        "keys": [
            {"kty": "oct", "kid": "s", "k": base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("=")},
            5,
            {"kty": "new"},
            {"kty": "RSA", "kid": "broken"},
            jwk(TWO, kid="enc", use="enc"),
            jwk(OTHER_CURVE),
            jwk(ONE, kid="one"),
        ]
    }
    [found] = published_keys(document)
    assert (found.name, found.algorithms) == ("one", RSA)


def test_a_set_of_more_keys_than_anybody_has_is_read_so_far() -> None:
    first, last = jwk(ONE, kid="first"), jwk(CURVE, kid="last")
    filled = [{"kty": "new"}] * (MOST_KEYS - 1)
    assert [each.name for each in published_keys({"keys": [first, *filled, last]})] == ["first"]
    assert [each.name for each in published_keys({"keys": [first, *filled[1:], last]})] == ["first", "last"]


@pytest.mark.parametrize(
    "document",
    [
        None,
        5,
        "x",
        [],
        [jwk(ONE)],
        {},
        {"keys": None},
        {"keys": jwk(ONE)},
        {"keys": []},
        {"keys": [5]},
        {"key": public(ONE)["keys"]},
    ],
)
def test_what_is_no_set_of_keys_is_none(document: Any) -> None:
    with pytest.raises(ValueError, match="there is no set of keys"):
        published_keys(document)
