"""Keys, the administrator's secret and a proxy's word, each without a server: what is believed of them, of whom, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from reflector.errors import Forbidden, UnknownRole
from reflector.secret import Secret
from server.auth.administrator import AdministratorSecret
from server.auth.api_keys import LEAST, LONGEST, ApiKeys, new_key
from server.auth.method import InHeader, Method, Proof, in_authorization
from server.auth.proxy_headers import ProxyHeaders
from server.context import Credential
from server.peers import PEER, Peer
from server.problems import ForwardedRefused, InvalidToken, MalformedRequest
from tests.server.harness import configured

END = datetime(2030, 1, 1, tzinfo=UTC).timestamp()
ROLES = "roles: {user: {}, editor: {}, admin: {}}"


def asking(*headers: tuple[str, str], trusted: bool = True) -> web.Request:
    request = make_mocked_request("GET", "/", headers=CIMultiDict(headers))
    request[PEER] = Peer("192.0.2.1", "http", "localhost", trusted)
    return request


async def proved(method: Method, text: str, request: web.Request | None = None) -> Proof:
    return await method.prove(Credential(method.kinds[-1], text), request or asking())


# ── where credentials stand ──────────────────────────────────────────────────────────────────


def carried(carrier: Any, *headers: tuple[str, str]) -> Sequence[Credential]:
    return list(carrier(asking(*headers)))


def test_a_scheme_stands_before_its_credential_whatever_its_letters_and_spaces() -> None:
    assert carried(in_authorization) == []
    assert carried(in_authorization, ("Authorization", "BEARER   a b ")) == [Credential("bearer", "a b")]
    assert carried(in_authorization, ("authorization", "alone")) == [Credential("alone", "")]
    both = ("Authorization", "Basic x"), ("Authorization", "Bearer y")
    assert carried(in_authorization, *both) == [Credential("basic", "x"), Credential("bearer", "y")]


def test_a_header_of_its_own_holds_nothing_else_and_equal_carriers_are_one() -> None:
    carrier = InHeader("X-Key")
    assert carried(carrier) == []
    assert carried(carrier, ("x-key", " a b "), ("X-KEY", "c")) == [
        Credential("x-key", "a b"),
        Credential("x-key", "c"),
    ]
    assert carrier == InHeader("X-Key")
    assert len({carrier, InHeader("X-Key"), InHeader("X-Other")}) == 2


def test_a_method_takes_what_is_of_its_kind_and_can_do_its_work_unless_it_says_otherwise() -> None:
    method = AdministratorSecret(Secret("x" * 32), "admin")
    assert method.takes(Credential("x-reflector-admin-secret", ""), asking())
    assert method.degraded is False


# ── keys of the file ─────────────────────────────────────────────────────────────────────────

KEY, PLAIN = "rk_" + "k" * 40, "rk_" + "p" * 40

SECRET = "a-signing-key-of-forty-letters-at-least-"


def keys(now: float = 0.0, said: str = "") -> ApiKeys:
    def hashed(key: str) -> str:
        return f"sha256:{sha256(key.encode()).hexdigest()}"

    text = f"""
    first: {{hash: "{hashed(KEY)}", role: [user, editor], sub: ann, claims: {{org: 3}}, expires: "2030-01-01T00:00:00Z"}}
    second: {{hash: "{hashed(PLAIN)}", role: user}}
    short: {{hash: "{hashed("k" * (LEAST - 1))}", role: user}}
    least: {{hash: "{hashed("k" * LEAST)}", role: user}}
    most: {{hash: "{hashed("k" * LONGEST)}", role: user}}
    long: {{hash: "{hashed("k" * (LONGEST + 1))}", role: user}}
    """
    config = configured(
        "sqlite:///x.db",
        f"auth:\n  jwt: {{secret: {SECRET}}}\n  api_keys:\n   header: X-Own\n{said}   keys:{text}\n{ROLES}",
    )
    assert config.auth is not None
    assert config.auth.api_keys is not None
    return ApiKeys(config.auth.api_keys, config, None, lambda: now)


async def test_a_key_of_the_file_is_whom_the_file_says() -> None:
    proof = await proved(keys(), KEY)
    ann = proof.principal
    assert (ann.roles, ann.subject, ann.method, ann.until) == (("user", "editor"), "ann", "api_key", END)
    assert ann.claims == {"org": 3, "sub": "ann", "role": ["user", "editor"]}
    assert (proof.until, proof.seconds) == (END, 4.0)
    named = await proved(keys(), PLAIN)
    assert (named.principal.subject, named.principal.until, named.until) == ("second", None, None)


async def test_a_key_ends_with_its_moment() -> None:
    assert (await proved(keys(END - 0.1), KEY)).until == END
    with pytest.raises(InvalidToken):
        await proved(keys(END), KEY)
    assert (await proved(keys(END), PLAIN)).principal.subject == "second"


async def test_any_other_text_is_nobody_s_key_and_what_could_be_guessed_or_is_endless_is_none() -> None:
    for length in (LEAST, LONGEST):
        assert (await proved(keys(), "k" * length)).principal.roles == ("user",)
    for text in (
        "",
        KEY + "x",
        KEY.upper(),
        f" {KEY}",
        "é" * 30,
        "\udc80" * 30,
        "k" * (LEAST - 1),
        "k" * (LONGEST + 1),
    ):
        with pytest.raises(InvalidToken, match="the API key does not hold"):
            await proved(keys(), text)


def test_keys_of_the_file_are_carried_in_their_header_and_nobody_outside_is_asked_about_them() -> None:
    found = keys()
    assert (found.kinds, found.asks) == (("apikey", "x-own"), False)
    assert found.carriers == (in_authorization, InHeader("X-Own"))


def test_keys_stand_beside_a_token_where_the_file_says_so_and_nowhere_else() -> None:
    for said, beside in (("", ()), ("   with_token: refused\n", ()), ("   with_token: person\n", ("apikey", "x-own"))):
        assert keys(said=said).beside == beside


async def test_a_new_key_is_long_and_its_own_and_what_is_kept_of_it_is_its_hash() -> None:
    key, kept = new_key()
    assert (key.startswith("rk_"), len(key) > 40, kept) == (True, True, f"sha256:{sha256(key.encode()).hexdigest()}")
    assert new_key()[0] != key


# ── the administrator ────────────────────────────────────────────────────────────────────────


async def test_whoever_knows_the_secret_is_the_administrator_and_is_remembered_by_nobody() -> None:
    method = AdministratorSecret(Secret("a-secret-of-the-administrator-é"), "admin")
    proof = await proved(method, "a-secret-of-the-administrator-é")
    admin = proof.principal
    assert (admin.roles, admin.any_role, admin.claims, admin.method) == (
        ("admin",),
        True,
        {"role": "admin"},
        "admin_secret",
    )
    assert (proof.seconds, proof.until) == (0, None)
    for wrong in ("", "a-secret-of-the-administrator", "A-SECRET-OF-THE-ADMINISTRATOR-É", "x" * 10_000, "\udc80"):
        with pytest.raises(InvalidToken):
            await proved(method, wrong)


# ── a proxy's word ───────────────────────────────────────────────────────────────────────────


def behind(*, default: str | None = None, role: bool = True) -> ProxyHeaders:
    said = "user_header: X-User, claims: {email: X-Email, org: X-Org}"
    said += ", role_header: X-Role-Of" if role else ""
    said += f", default_role: {default}" if default else ""
    config = configured(
        "sqlite:///x.db", f"server: {{trusted_proxies: [192.0.2.1]}}\nauth: {{proxy: {{{said}}}}}\n{ROLES}"
    )
    assert config.auth is not None
    assert config.auth.proxy is not None
    return ProxyHeaders(config.auth.proxy, config)


ROLE = ("X-Role-Of", "user, editor")


async def test_a_trusted_proxy_says_who_it_is_and_is_asked_each_time() -> None:
    assert (behind().kinds, behind().carriers) == (("x-user",), (InHeader("X-User"),))
    proof = await proved(behind(), "ann", asking(ROLE, ("X-Email", " ann@x "), ("X-Org", "")))
    ann = proof.principal
    assert (ann.roles, ann.subject, ann.method, ann.until) == (("user", "editor"), "ann", "proxy", None)
    assert ann.claims == {"sub": "ann", "email": "ann@x", "role": ["user", "editor"]}
    assert (proof.seconds, proof.until) == (0, None)


async def test_nobody_else_is_believed_whatever_they_say() -> None:
    for text in ("ann", ""):
        with pytest.raises(ForwardedRefused):
            await proved(behind(), text, asking(ROLE, trusted=False))


async def test_without_a_name_it_is_nobody_and_without_a_role_the_default_one() -> None:
    with pytest.raises(InvalidToken, match="the proxy names nobody"):
        await proved(behind(default="user"), "", asking(ROLE))
    for headers in ((), (("X-Role-Of", " "),)):
        assert (await proved(behind(default="user"), "ann", asking(*headers))).principal.roles == ("user",)
        with pytest.raises(Forbidden):
            await proved(behind(), "ann", asking(*headers))
    with pytest.raises(UnknownRole):
        await proved(behind(), "ann", asking(("X-Role-Of", "boss")))
    assert (await proved(behind(default="user", role=False), "ann", asking(ROLE))).principal.roles == ("user",)


@pytest.mark.parametrize(
    "headers",
    [
        [("X-Role-Of", "user"), ("X-Role-Of", "user")],
        [ROLE, ("X-Email", "a"), ("X-Email", "b")],
        [ROLE, ("X-Email", "x" * 1025)],
    ],
)
async def test_what_a_proxy_says_twice_or_in_no_text_is_refused(headers: list[tuple[str, str]]) -> None:
    with pytest.raises(MalformedRequest):
        await proved(behind(), "ann", asking(*headers))


@pytest.mark.parametrize("name", ["x" * 1025, "\udc80", "a\udcff"])
async def test_a_name_is_text_of_some_length(name: str) -> None:
    with pytest.raises(MalformedRequest):
        await proved(behind(), name, asking(ROLE))
    assert (await proved(behind(), "x" * 1024, asking(ROLE))).principal.subject == "x" * 1024
