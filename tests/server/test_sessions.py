"""Sessions of people who signed in at a page, without a server: what a cookie and a token open, for how long, and what ends them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from reflector.access.principal import Principal
from reflector.secret import Secret
from server.auth.administrator import AdministratorSecret
from server.auth.outbound import Outbound
from server.auth.provider import Provider
from server.auth.sealed import LONGEST, Seal
from server.auth.sessions import PREFIX, REMEMBERED, TOKEN_SECONDS, Session, Sessions
from server.context import Credential
from server.problems import InvalidToken
from tests.server.harness import configured

SECRET = Secret("a-server-secret-of-many-more-letters")
ISSUER = "https://id.example"
CLAIMS = {"sub": "7", "role": "user", "org": 3, "nonce": "n", "exp": 1, "iat": 1, "at_hash": "x"}
ANN = Principal(("user", "editor"), CLAIMS, subject="7", issuer=ISSUER, method="jwt")


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def sessions(clock: Clock | None = None, issuer: str = ISSUER, secret: Secret = SECRET) -> Sessions:
    config = configured(
        "sqlite:///x.db",
        f'server: {{secret: "{secret.reveal()}"}}\nroles: {{user: {{}}, editor: {{}}}}\n'
        f'auth: {{oidc: {{issuer: "{issuer}", client_id: us, client_secret: "a-secret-of-the-client"}}}}\n',
    )
    assert config.auth is not None
    assert config.auth.oidc is not None
    ticking = clock or Clock()
    provider = Provider(config.auth.oidc, config, Outbound(), ticking)
    return Sessions(provider, secret, timedelta(hours=1), ticking)


async def proved(method: Sessions, token: str) -> Any:
    return await method.prove(Credential("bearer", token), make_mocked_request("GET", "/"))


# ── what is sealed ───────────────────────────────────────────────────────────────────────────


def test_what_is_sealed_opens_with_the_same_secret_for_the_same_purpose_and_until_its_end() -> None:
    seal = Seal(SECRET, "letters")
    text = seal.sealed({"a": 1}, 100.0)
    assert seal.opened(text, 99.9) == Seal(SECRET, "letters").opened(text, 0.0) == {"a": 1, "ends": 100.0}
    assert seal.opened(text, 100.0) is None
    assert Seal(SECRET, "parcels").opened(text, 0.0) is None
    assert Seal(Secret("another-secret-of-many-more-letters"), "letters").opened(text, 0.0) is None
    assert text != seal.sealed({"a": 1}, 100.0)


@pytest.mark.parametrize("text", ["", "x", "é", "=", "x" * LONGEST, "x" * (LONGEST + 1), "a" * 40])
def test_what_was_not_sealed_here_opens_nothing(text: str) -> None:
    assert Seal(SECRET, "letters").opened(text, 0.0) is None


def test_no_letter_of_what_is_sealed_can_be_changed_and_what_is_too_long_is_not_looked_at() -> None:
    seal = Seal(SECRET, "letters")
    text = seal.sealed({"a": 1}, 100.0)
    for place in range(0, len(text) - 1, 7):
        other = "A" if text[place] != "A" else "B"
        assert seal.opened(text[:place] + other + text[place + 1 :], 0.0) is None
    long = seal.sealed({"a": [f"{number * 7919:x}" for number in range(3000)]}, 100.0)
    assert len(long) > LONGEST
    assert seal.opened(long, 0.0) is None


# ── a session ────────────────────────────────────────────────────────────────────────────────


async def test_a_cookie_is_a_session_and_its_token_is_whoever_signed_in() -> None:
    clock = Clock()
    method = sessions(clock)
    session, cookie = method.begun(ANN)
    found = method.of_cookie(cookie)
    assert found is not None
    assert (found.id, found.ends) == (session.id, clock.now + 3600)
    token, seconds = method.token(found)
    assert (token.startswith(PREFIX), seconds) == (True, int(TOKEN_SECONDS))
    proof = await proved(method, token)
    ann = proof.principal
    assert (ann.roles, ann.subject, ann.issuer, ann.method) == (("user", "editor"), "7", ISSUER, "oidc")
    assert ann.claims == {"sub": "7", "role": "user", "org": 3}
    assert ann.until == proof.until == clock.now + TOKEN_SECONDS
    assert proof.seconds == 4.0


async def test_neither_opens_as_the_other_and_nothing_else_opens() -> None:
    method = sessions()
    session, cookie = method.begun(ANN)
    token, _ = method.token(session)
    assert method.of_cookie(token) is method.of_cookie(token.removeprefix(PREFIX)) is method.of_cookie(None) is None
    for wrong in (cookie, PREFIX + cookie, PREFIX, token[:-2]):
        with pytest.raises(InvalidToken):
            await proved(method, wrong)
    request = make_mocked_request("GET", "/")
    assert method.takes(Credential("bearer", token), request)
    assert not method.takes(Credential("bearer", cookie), request)


async def test_a_token_ends_in_minutes_and_never_after_its_session() -> None:
    clock = Clock()
    method = sessions(clock)
    session, cookie = method.begun(ANN)
    token, _ = method.token(session)
    clock.now += TOKEN_SECONDS
    with pytest.raises(InvalidToken):
        await proved(method, token)
    clock.now = session.ends - 10
    token, seconds = method.token(session)
    assert seconds == 10
    assert (await proved(method, token)).until == session.ends
    clock.now = session.ends
    assert method.of_cookie(cookie) is None
    assert method.token(session)[1] == 0
    with pytest.raises(InvalidToken):
        await proved(method, token)


async def test_a_session_that_was_left_holds_nothing_and_what_was_proved_by_it_is_forgotten() -> None:
    method, other = sessions(), sessions()
    session, cookie = method.begun(ANN)
    others, _ = method.begun(ANN)
    token, _ = method.token(session)
    generation = method.generation
    other.follow(method)
    method.leave(session)
    assert method.generation == generation + 1
    for each in (method, other):
        assert each.of_cookie(cookie) is None
        with pytest.raises(InvalidToken):
            await proved(each, token)
        assert (await proved(each, method.token(others)[0])).principal.subject == "7"
    apart = sessions()
    apart.follow(AdministratorSecret(SECRET, "admin"))
    assert apart.of_cookie(cookie) is not None


async def test_a_session_of_another_issuer_is_none_of_ours() -> None:
    session, cookie = sessions().begun(ANN)
    elsewhere = sessions(issuer="https://other.example")
    assert elsewhere.of_cookie(cookie) is None
    with pytest.raises(InvalidToken):
        await proved(elsewhere, sessions().token(session)[0])


def test_a_cookie_that_no_browser_would_keep_is_not_given() -> None:
    many = {"groups": [f"{number * 7919:x}" for number in range(1500)]}
    with pytest.raises(InvalidToken, match="more of you than a cookie holds"):
        sessions().begun(Principal(("user",), many, subject="7", issuer=ISSUER))


def test_a_sign_in_is_come_back_from_once_and_what_is_remembered_of_it_is_bounded() -> None:
    method, heir = sessions(), sessions()
    heir.follow(method)
    assert (method.use("one"), method.use("one"), heir.use("one"), heir.use("two"), method.use("two")) == (
        True,
        False,
        False,
        True,
        False,
    )
    for number in range(REMEMBERED + 5):
        method.use(str(number))
        method.leave(Session(str(number), ANN, 0.0))
    for kept in (method.used, method.left):
        assert len(kept) == REMEMBERED
        assert list(kept)[-1] == str(REMEMBERED + 4)
        assert "0" not in kept
