"""What becomes of a request's credential, whatever its kind: remembered, waited for, refused, forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from reflector.access.principal import Principal
from reflector.errors import Unauthenticated
from server.auth.frame import Authenticator, Open
from server.auth.method import Carrier, InHeader, Method, Proof
from server.auth.verified import Verified
from server.context import Credential
from server.problems import AmbiguousCredentials, IdentityUnavailable, InvalidToken

GUEST = Principal(roles=("guest",), anonymous=True)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Names(Method):
    """Whoever says a name is that; `away` is nobody we could ask about, and who is gone is nobody."""

    name = "names"

    def __init__(self, **proof: Any) -> None:
        self.asked: list[str] = []
        self.gone: set[str] = set()
        self._proof = {"until": None, **proof}

    async def prove(self, credential: Credential, request: web.BaseRequest) -> Proof:
        self.asked.append(credential.text)
        await asyncio.sleep(0)
        if credential.text == "away":
            raise IdentityUnavailable("nobody answers")
        if credential.text in self.gone:
            raise InvalidToken("nobody has this name")
        return Proof(Principal(roles=("user",), subject=credential.text, method=self.name), **self._proof)


class Keys(Names):
    """The same, from a header of its own."""

    name = "keys"
    kinds: tuple[str, ...] = ("x-key",)
    carriers: tuple[Carrier, ...] = (InHeader("X-Key"),)
    challenges = ()


class Letters(Names):
    """Takes texts of one letter."""

    name = "letters"

    def takes(self, credential: Credential, request: web.BaseRequest) -> bool:
        return len(credential.text) == 1


class Programs(Keys):
    """The same, which may stand beside a person's token."""

    beside: tuple[str, ...] = ("x-key",)


def asking(headers: Mapping[str, str] | list[tuple[str, str]]) -> web.Request:
    return make_mocked_request("GET", "/", headers=CIMultiDict(headers))


async def told(authenticator: Authenticator, headers: Mapping[str, str] | list[tuple[str, str]]) -> Principal:
    """Who sent a request of these headers, as a handler is told behind the gate."""
    request = asking(headers)
    waiting = authenticator.waiting(request)
    if waiting is not None:
        await waiting
    return authenticator(request)


async def test_what_is_remembered_is_told_at_once() -> None:
    names = Names()
    authenticator = Authenticator([names], GUEST)
    assert (await told(authenticator, {"Authorization": "Bearer ann"})).subject == "ann"
    request = asking({"Authorization": "bEARER  ann "})
    assert authenticator.waiting(request) is None
    assert authenticator(request) is authenticator(request)
    assert names.asked == ["ann"]


async def test_without_a_credential_it_is_the_guest_or_nobody() -> None:
    assert await told(Authenticator([Names()], GUEST), {}) is GUEST
    with pytest.raises(Unauthenticated):
        await told(Authenticator([Names()], None), {})


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", "Bearer ann"), ("Authorization", "Bearer ann")],
        [("Authorization", "Bearer ann"), ("Authorization", "Basic YTpi")],
        [("Authorization", "Bearer ann"), ("X-Key", "ann")],
        [("Authorization", "Nobody knows"), ("X-Key", "ann")],
        [("X-Key", "ann"), ("x-key", "bob")],
        [("Authorization", ""), ("X-Key", "ann")],
    ],
)
async def test_two_credentials_are_too_many_whatever_their_kinds(headers: list[tuple[str, str]]) -> None:
    names, keys = Names(), Keys()
    with pytest.raises(AmbiguousCredentials):
        await told(Authenticator([names, keys], GUEST), headers)
    assert names.asked == keys.asked == []


# ── a person's token with a program's key ────────────────────────────────────────────────────

PAIR = {"Authorization": "Bearer ann", "X-Key": "shop"}


async def test_beside_a_key_that_may_stand_there_a_token_proves_who_calls() -> None:
    names, programs = Names(), Programs()
    authenticator = Authenticator([names, programs], GUEST)
    for _ in range(2):
        found = await told(authenticator, PAIR)
        assert (found.subject, found.method) == ("ann", "names")
    assert (names.asked, programs.asked) == (["ann"], ["shop"])
    programs.gone.add("barred")
    names.gone.add("gone")
    for pair in ({**PAIR, "X-Key": "barred"}, {**PAIR, "Authorization": "Bearer gone"}):
        with pytest.raises(InvalidToken):
            await told(authenticator, pair)


@pytest.mark.parametrize(
    "more", [("X-Key", "shop"), ("Authorization", "Bearer bob"), ("apikey", "shop"), ("X-Pass", "x")]
)
async def test_a_third_credential_is_one_too_many(more: tuple[str, str]) -> None:
    class Passes(Programs):
        kinds = ("apikey", "x-pass")
        carriers = (InHeader("apikey"), InHeader("X-Pass"))
        beside = ("apikey", "x-pass")

    methods = [Names(), Programs(), Passes()]
    with pytest.raises(AmbiguousCredentials):
        await told(Authenticator(methods, GUEST), [*PAIR.items(), more])
    assert [method.asked for method in methods] == [[], [], []]


@pytest.mark.parametrize(("program", "person"), [(None, None), (60.0, None), (None, 50.0), (60.0, 50.0), (40.0, 50.0)])
async def test_a_pair_lasts_no_longer_than_both_of_it(program: float | None, person: float | None) -> None:
    class Ending(Names):
        until: float | None = None

        async def prove(self, credential: Credential, request: web.BaseRequest) -> Proof:
            proof = await super().prove(credential, request)
            return replace(proof, principal=replace(proof.principal, until=self.until))

    class EndingPrograms(Ending):
        kinds, carriers, beside = Programs.kinds, Programs.carriers, Programs.beside

    names, programs = Ending(), EndingPrograms()
    names.until, programs.until = person, program
    found = await told(Authenticator([names, programs], GUEST), PAIR)
    assert found.until == min((each for each in (program, person) if each is not None), default=None)


async def test_a_token_in_a_frame_keeps_the_key_that_may_stand_beside_it() -> None:
    key, token = Credential("x-key", "shop"), Credential("bearer", "ann")
    authenticator, alone = Authenticator([Names(), Programs()], GUEST), Authenticator([Names(), Keys()], GUEST)
    for held, beside in ((key, key), (token, None), (None, None), (Credential("bearer", "bob", key), key)):
        assert authenticator.joined("ann", held) == Credential("bearer", "ann", beside)
    assert alone.joined("ann", key) == token
    assert Open(GUEST).joined("ann", key) == token
    request = asking({})
    assert (await authenticator.proved(authenticator.joined("ann", key), request)).subject == "ann"
    with pytest.raises(AmbiguousCredentials, match="a token and a key are several credentials"):
        await alone.proved(Credential("bearer", "ann", key), request)


# ── what does not hold ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("given", ["Basic YTpi", "ann", "", "Negotiate x", "Bearer gone"])
async def test_what_does_not_hold_is_never_the_guest(given: str) -> None:
    names = Names()
    names.gone.add("gone")
    for methods in ([names], []):
        with pytest.raises(InvalidToken):
            await told(Authenticator(methods, GUEST), {"Authorization": given})


@pytest.mark.parametrize("name", ["X-API-Key", "apikey", "X-Hasura-Admin-Secret", "X-Hasura-Access-Key"])
async def test_who_carries_a_credential_where_nobody_looks_for_one_is_no_guest(name: str) -> None:
    class Sent(Names):
        further = (name.upper(),)

    names = Names()
    for authenticator in (Authenticator([names], GUEST), Authenticator([], GUEST)):
        assert authenticator.carried(asking({name: "ann"})) == Credential(name.lower(), "ann")
        with pytest.raises(InvalidToken, match=f"this server takes no credential in the header {name}") as caught:
            await told(authenticator, {name: "ann"})
        assert (caught.value.hint is not None) is (name == "apikey")
    assert names.asked == []
    with pytest.raises(InvalidToken, match="this server takes no credential of that kind") as caught:
        await told(Authenticator([names], GUEST), {"Authorization": "Negotiate x"})
    assert caught.value.hint is None

    class Formed(Names):
        def takes(self, credential: Credential, request: web.BaseRequest) -> bool:
            return "." in credential.text

    with pytest.raises(InvalidToken, match="this server takes no credential of that form") as caught:
        await told(Authenticator([Formed()], GUEST), {"Authorization": "Bearer undefined"})
    assert caught.value.hint == "a token has three parts, with dots between them"
    both = {name: "ann", "Authorization": "Bearer bob"}
    assert (await told(Authenticator([names], GUEST), both)).subject == "bob"
    assert await told(Authenticator([names], GUEST), {"X-Other": "ann"}) is GUEST
    assert await told(Authenticator([Sent()], GUEST), {name: "ann"}) is GUEST


async def test_what_cannot_be_judged_is_never_the_guest_and_is_asked_again() -> None:
    names = Names()
    authenticator = Authenticator([names], GUEST)
    for _ in range(2):
        with pytest.raises(IdentityUnavailable):
            await told(authenticator, {"Authorization": "Bearer away"})
    assert names.asked == ["away", "away"]


async def test_several_methods_may_take_one_kind() -> None:
    letters, names = Letters(), Names()
    authenticator = Authenticator([letters, names], GUEST)
    assert (await told(authenticator, {"Authorization": "Bearer a"})).method == "letters"
    assert (await told(authenticator, {"Authorization": "Bearer ann"})).method == "names"


async def test_kinds_do_not_stand_in_for_each_other() -> None:
    names, keys = Names(), Keys()
    authenticator = Authenticator([names, keys], GUEST)
    assert (await told(authenticator, {"Authorization": "Bearer ann"})).method == "names"
    assert (await told(authenticator, {"X-Key": "ann"})).method == "keys"
    with pytest.raises(InvalidToken):
        await told(authenticator, {"Authorization": "X-Key2 ann"})


async def test_a_token_in_a_frame_is_judged_like_one_in_a_header() -> None:
    names = Names()
    authenticator = Authenticator([names], None)
    request = asking({})
    assert (await authenticator.proved(Credential("bearer", "ann"), request)).subject == "ann"
    names.gone.add("bob")
    with pytest.raises(InvalidToken):
        await authenticator.proved(Credential("bearer", "bob"), request)
    with pytest.raises(InvalidToken):
        await authenticator.proved(Credential("smoke", "ann"), request)


async def test_a_credential_ends_at_its_time_and_is_asked_for_at_the_method_s() -> None:
    wall, steady, names = Clock(), Clock(), Names()
    verified = Verified(wall, steady)
    key = verified.key(Credential("bearer", "ann"))
    proof = Proof(Principal(), wall.now + 60, 10)
    verified.put(key, proof, names, names.generation)
    steady.now += 9
    assert verified.find(key) is proof.principal
    steady.now += 1
    assert verified.find(key) is None
    verified.put(key, proof, names, names.generation)
    wall.now += 60
    assert verified.find(key) is None
    assert (len(verified), verified.size) == (0, 0)


async def test_a_clock_that_is_set_back_keeps_nothing_for_longer() -> None:
    wall, steady, names = Clock(), Clock(), Names()
    verified = Verified(wall, steady)
    key = verified.key(Credential("bearer", "ann"))
    verified.put(key, Proof(Principal(), None, 10), names, names.generation)
    wall.now, steady.now = wall.now - 3600, steady.now + 10
    assert verified.find(key) is None


async def test_what_a_method_proved_before_it_knew_better_is_forgotten() -> None:
    names = Names()
    authenticator = Authenticator([names], GUEST)
    await told(authenticator, {"Authorization": "Bearer ann"})
    names.gone.add("ann")
    names.generation += 1
    with pytest.raises(InvalidToken):
        await told(authenticator, {"Authorization": "Bearer ann"})


async def test_what_was_proved_while_the_method_learned_better_is_not_kept() -> None:
    names = Names()
    authenticator = Authenticator([names], GUEST)
    asked = asyncio.create_task(told(authenticator, {"Authorization": "Bearer ann"}))
    await asyncio.sleep(0)
    names.generation += 1
    await asked
    await told(authenticator, {"Authorization": "Bearer ann"})
    assert names.asked == ["ann", "ann"]


async def test_a_method_may_want_to_be_asked_each_time() -> None:
    names = Names(seconds=0)
    authenticator = Authenticator([names], GUEST)
    for _ in range(3):
        await told(authenticator, {"Authorization": "Bearer ann"})
    assert names.asked == ["ann"] * 3


def test_what_is_remembered_is_bounded_in_bytes_and_by_hashes_that_nobody_else_can_make() -> None:
    names, verified, credential = Names(), Verified(capacity=20_000), Credential("bearer", "")
    for number in range(200):
        credential = Credential("bearer", str(number))
        verified.put(verified.key(credential), Proof(Principal(), None, weight=900), names, 0)
    assert 20 <= len(verified) <= 22
    assert verified.size == len(verified) * 900 <= 20_000
    assert verified.find(verified.key(Credential("bearer", "199"))) is not None
    assert verified.find(verified.key(Credential("bearer", "0"))) is None
    assert verified.key(credential) != Verified().key(credential)


def test_who_proves_the_same_again_takes_no_more_room() -> None:
    names, verified = Names(), Verified()
    key = verified.key(Credential("bearer", "ann"))
    for weight in (900, 500):
        verified.put(key, Proof(Principal(), None, weight=weight), names, 0)
        assert (len(verified), verified.size) == (1, weight)


def test_no_credential_is_printed() -> None:
    assert "hunter2" not in f"{Credential('bearer', 'hunter2')!r} {Credential('bearer', 'hunter2')}"
