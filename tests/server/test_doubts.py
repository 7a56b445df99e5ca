"""Credentials that do not hold: who shows many of them is told to wait before anybody outside is asked, and nobody else is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from reflector.catalog.model import DatabaseKind
from reflector.errors import Forbidden
from server.auth.doubts import REMEMBERED, WAITING, Doubts
from server.auth.frame import Authenticator
from server.config.rates import Rate
from server.problems import IdentityUnavailable, InvalidToken, TooManyAttempts
from tests.bookshops import Databases
from tests.server.harness import Served, reloadable, served
from tests.server.issuers import Service, service

HOLDS = {"active": True, "role": "user", "sub": "7"}
FAILS = {"active": False}
REST = "roles: {guest: {}, user: {}}\ndefaults: {read: true}\nlimits: {refusals: 3/h}"
SECRET = "the-administrators-secret-of-many-letters"
SECONDS = 2.5


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Asked:
    """Somebody outside, who knows these credentials and counts what is asked. Whoever is asked waits for `go`."""

    def __init__(self, *known: str) -> None:
        self.known, self.questions, self.go = set(known), list[str](), asyncio.Event()
        self.go.set()
        self.fault: Exception | None = None

    async def __call__(self, text: str) -> str:
        self.questions.append(text)
        await self.go.wait()
        if self.fault is not None:
            raise self.fault
        if text not in self.known:
            raise InvalidToken("it does not hold")
        return text


async def shown(doubts: Doubts, asked: Asked, text: str, address: str = "192.0.2.1") -> str:
    """What becomes of a credential: itself, or the code of the error."""
    try:
        return await doubts.asked(text.encode(), address, lambda: asked(text))
    except (InvalidToken, TooManyAttempts, IdentityUnavailable, Forbidden) as error:
        return error.code


async def test_a_refusal_is_remembered_for_a_moment() -> None:
    clock = Clock()
    doubts, asked = Doubts(Rate(100, 60), clock), Asked()
    for now in (0.0, 1.0, SECONDS - 0.01):
        clock.now = now
        assert await shown(doubts, asked, "x") == "invalid_token"
    assert asked.questions == ["x"]
    clock.now = SECONDS
    asked.known.add("x")
    assert await shown(doubts, asked, "x") == "x"
    assert asked.questions == ["x", "x"]
    assert doubts._refused == {}


async def test_what_was_refused_a_moment_ago_is_told_so_by_whoever_has_no_refusals_left() -> None:
    doubts, asked = Doubts(Rate(1, 3600), Clock()), Asked()
    assert [await shown(doubts, asked, each) for each in "xyxy"] == [
        "invalid_token",
        "too_many_attempts",
        "invalid_token",
        "too_many_attempts",
    ]
    assert asked.questions == ["x"]


async def test_whoever_waited_for_the_same_question_has_its_answer() -> None:
    """Two may be asked about at once; a third waits, and what it would ask is refused meanwhile."""
    doubts, asked, other = Doubts(Rate(2, 3600), Clock()), Asked(), Asked("ann")
    asked.go.clear()
    other.go.clear()
    first, ann = (asyncio.create_task(shown(doubts, each, text)) for each, text in ((asked, "x"), (other, "ann")))
    await asyncio.sleep(0)
    again = asyncio.create_task(shown(doubts, asked, "x"))
    await asyncio.sleep(0)
    asked.go.set()
    assert await first == "invalid_token"
    other.go.set()
    assert (await ann, await again) == ("ann", "invalid_token")
    assert asked.questions == ["x"]


async def test_that_nobody_could_be_asked_is_not_remembered_and_not_counted() -> None:
    doubts, asked = Doubts(Rate(1, 3600), Clock()), Asked("x")
    asked.fault = IdentityUnavailable("nobody answers")
    for _ in range(5):
        assert await shown(doubts, asked, "x") == "identity_unavailable"
    asked.fault = None
    assert await shown(doubts, asked, "x") == "x"
    assert len(asked.questions) == 6


async def test_who_holds_and_has_no_role_is_remembered_and_not_counted() -> None:
    doubts, asked = Doubts(Rate(1, 3600), Clock()), Asked()
    asked.fault = Forbidden("no such role")
    for text in ("x", "y", "x", "y"):
        assert await shown(doubts, asked, text) == "forbidden"
    assert asked.questions == ["x", "y"]


async def test_an_address_has_so_many_refusals_and_no_other_address_pays() -> None:
    clock = Clock()
    doubts, asked = Doubts(Rate(3, 60), clock), Asked("ann")
    told = [await shown(doubts, asked, f"guess {number}") for number in range(6)]
    assert told == ["invalid_token"] * 3 + ["too_many_attempts"] * 3
    assert await shown(doubts, asked, "ann") == "too_many_attempts"
    assert len(asked.questions) == 3
    assert await shown(doubts, asked, "ann", "192.0.2.2") == "ann"
    clock.now = 20.0
    assert await shown(doubts, asked, "another") == "invalid_token"
    assert await shown(doubts, asked, "a third") == "too_many_attempts"


async def test_what_held_before_is_asked_about_whoever_else_guesses_there() -> None:
    doubts, asked = Doubts(Rate(2, 3600), Clock()), Asked("ann")
    assert await shown(doubts, asked, "ann") == "ann"
    assert [await shown(doubts, asked, each) for each in "abc"][-1] == "too_many_attempts"
    assert await shown(doubts, asked, "ann") == "ann"
    asked.known.clear()
    assert await shown(doubts, asked, "ann") == "invalid_token"
    assert doubts._held == {}


async def test_many_guesses_at_once_are_no_way_around_the_count() -> None:
    doubts, asked = Doubts(Rate(3, 3600), Clock()), Asked()
    asked.go.clear()
    tasks = [asyncio.create_task(shown(doubts, asked, f"guess {number}")) for number in range(50)]
    await asyncio.sleep(0)
    assert len(asked.questions) == 3
    asked.go.set()
    told = await asyncio.gather(*tasks)
    assert (told.count("invalid_token"), told.count("too_many_attempts")) == (3, 47)
    assert (len(asked.questions), doubts._questions) == (3, {})


async def test_who_waited_and_who_comes_then_are_counted_together() -> None:
    doubts, asked = Doubts(Rate(1, 3600), Clock()), Asked("ann", "bob", "cid", "dan")
    gates = {name: asyncio.Event() for name in asked.known}

    async def gated(name: str) -> str:
        async def ask() -> str:
            await gates[name].wait()
            return await asked(name)

        return await doubts.asked(name.encode(), "192.0.2.1", ask)

    first, *waiting = (asyncio.create_task(gated(name)) for name in ("ann", "bob", "cid"))
    await asyncio.sleep(0)
    gates["ann"].set()
    assert await first == "ann"
    late = asyncio.create_task(gated("dan"))
    for _ in range(5):
        await asyncio.sleep(0)
    [questions] = doubts._questions.values()
    assert (questions.running, len(questions.waiting)) == (1, 2)
    for gate in gates.values():
        gate.set()
    assert await asyncio.wait_for(asyncio.gather(*waiting, late), 10) == ["bob", "cid", "dan"]
    assert doubts._questions == {}


@pytest.mark.parametrize("waiting", [["bob"], ["bob", "cid"]])
async def test_who_comes_between_one_that_ends_and_those_who_waited_is_counted_with_them(waiting: list[str]) -> None:
    doubts, most, running, tasks = Doubts(Rate(1, 3600), Clock()), 0, 0, list[asyncio.Task[str]]()

    def begin(name: str, then: str = "") -> None:
        async def ask() -> str:
            nonlocal most, running
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            if then:
                begin(then)
            running -= 1
            return name

        tasks.append(asyncio.create_task(doubts.asked(name.encode(), "192.0.2.1", ask)))

    begin("ann", then="dan")
    for each in waiting:
        begin(each)
    for _ in range(30):
        await asyncio.sleep(0)
    assert await asyncio.wait_for(asyncio.gather(*tasks), 10) == ["ann", *waiting, "dan"]
    assert (most, doubts._questions) == (1, {})


async def test_who_leaves_when_their_turn_comes_leaves_nothing() -> None:
    doubts, asked = Doubts(Rate(1, 3600), Clock()), Asked("ann", "bob")
    loop = asyncio.get_running_loop()

    async def ask() -> str:
        await asyncio.sleep(0)
        loop.call_soon(waiting.cancel)
        return "ann"

    first = asyncio.create_task(doubts.asked(b"ann", "192.0.2.1", ask))
    waiting = asyncio.create_task(shown(doubts, asked, "bob"))
    assert await first == "ann"
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (asked.questions, doubts._questions) == ([], {})


async def test_what_ended_leaves_those_who_go_on_counted() -> None:
    doubts, asked = Doubts(Rate(2, 3600), Clock()), Asked("ann", "bob", "cid", "dan")
    assert await shown(doubts, asked, "ann", "198.51.100.1") == "ann"
    assert doubts._questions == {}
    go = asyncio.Event()

    async def slow() -> str:
        await go.wait()
        return "bob"

    first = asyncio.create_task(doubts.asked(b"bob", "192.0.2.1", slow))
    await asyncio.sleep(0)
    assert await shown(doubts, asked, "cid") == "cid"
    asked.go.clear()
    rest = [asyncio.create_task(shown(doubts, asked, name)) for name in ("dan", "eve")]
    for _ in range(5):
        await asyncio.sleep(0)
    assert asked.questions == ["ann", "cid", "dan"]  # with the first that makes two
    go.set()
    asked.go.set()
    assert await asyncio.wait_for(asyncio.gather(first, *rest), 10) == ["bob", "dan", "invalid_token"]


async def test_many_honest_callers_at_once_all_come_in() -> None:
    people = [f"person {number}" for number in range(200)]
    doubts, asked = Doubts(Rate(3, 3600), Clock()), Asked(*people)
    asked.go.clear()
    tasks = [asyncio.create_task(shown(doubts, asked, each)) for each in people]
    await asyncio.sleep(0)
    assert len(asked.questions) == 3
    leaving = tasks[3:150:2]
    for task in leaving:
        task.cancel()
    asked.go.set()
    told = await asyncio.gather(*tasks, return_exceptions=True)
    assert [each for each in told if isinstance(each, str)] == [
        p for p, t in zip(people, tasks, strict=True) if t not in leaving
    ]
    assert doubts._questions == {}


async def test_what_is_remembered_and_what_waits_is_bounded() -> None:
    doubts, asked = Doubts(Rate(10**6, 1), Clock()), Asked(*(f"held {number}" for number in range(REMEMBERED + 10)))
    for number in range(REMEMBERED + 10):
        await shown(doubts, asked, f"guess {number}")
        await shown(doubts, asked, f"held {number}")
    assert (len(doubts._refused), len(doubts._held)) == (REMEMBERED, REMEMBERED)
    assert f"guess {REMEMBERED + 9}".encode() in doubts._refused
    await shown(doubts, asked, "held 10")
    asked.known.add("one more")
    await shown(doubts, asked, "one more")
    assert b"held 10" in doubts._held
    assert b"held 11" not in doubts._held
    narrow, asked = Doubts(Rate(1, 3600), Clock()), Asked()
    asked.go.clear()
    tasks = [asyncio.create_task(shown(narrow, asked, str(number))) for number in range(WAITING + 3)]
    for _ in range(3):
        await asyncio.sleep(0)
    assert [task.result() for task in tasks if task.done()] == ["too_many_attempts"] * 2
    asked.go.set()
    await asyncio.gather(*tasks)


async def test_an_error_that_is_remembered_keeps_no_request() -> None:
    doubts, asked = Doubts(Rate(9, 60), Clock()), Asked()
    errors = []
    for _ in range(2):
        with pytest.raises(InvalidToken, match="it does not hold") as caught:
            await doubts.asked(b"x", "192.0.2.1", lambda: asked("x"))
        errors.append(caught.value)
    assert errors[0] is not errors[1]
    [kept] = doubts._refused.values()
    assert (kept.error.__traceback__, kept.error.__context__, kept.error.__cause__) == (None, None, None)


# ── the whole server ─────────────────────────────────────────────────────────────────────────


def knowing(*tokens: str) -> Any:
    """An issuer that knows these tokens."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        sent = (await request.text()) + request.headers.get("Authorization", "")
        return web.json_response(HOLDS if any(each in sent for each in tokens) else FAILS)

    return answer


def introspecting(issuer: Service, rest: str = REST) -> str:
    asked = {"url": issuer.url, "client_id": "us", "client_secret": "secret", "cache": "1m"}
    auth = {"anonymous_role": "guest", "introspection": asked, "admin_role": "user", "admin_secret": SECRET}
    return f"auth: {json.dumps(auth)}\n{rest}"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def statuses(api: Served, *tokens: str, path: str = "/api/book?limit=1") -> list[int]:
    return [(await api.get(path, bearer(each))).status for each in tokens]


async def test_who_guesses_tokens_is_told_to_wait_before_the_issuer_is_asked(bookshop: str) -> None:
    async with service() as issuer, served(bookshop, introspecting(issuer)) as api:
        issuer.answer = knowing("ann", "bob")
        assert await statuses(api, "ann", "one", "one", "one", "two", "three") == [200, 401, 401, 401, 401, 401]
        assert issuer.asked == 4
        for path in ("/api/book?limit=1", "/rest/v1/book?limit=1", "/graphql?query={book(limit:1){id}}"):
            reply = await api.get(path, {**bearer("four"), "X-Forwarded-For": "192.0.2.9"})
            assert (reply.status, int(reply.headers.get("Retry-After", "1200")) > 1000) == (429, True), path
            if path.startswith("/graphql"):
                assert reply.json["errors"][0]["extensions"]["code"] == "rate-limit-exceeded"
        assert await statuses(api, "bob", "ann", path="/openapi.json") == [429, 200]
        assert (await api.get("/api/book?limit=1")).status == 200
        assert (await api.get("/api/book?limit=1", {"X-Reflector-Admin-Secret": SECRET})).status == 200
        assert issuer.asked == 4


async def test_a_token_in_a_frame_is_counted_with_the_others(bookshop: str) -> None:
    async with service() as issuer, served(bookshop, introspecting(issuer)) as api:
        issuer.answer = knowing("ann")
        for number in range(5):
            async with api.session.ws_connect(f"{api.base}/ws") as socket:
                await socket.send_json({"type": "auth", "token": f"guess {number}"})
                said = await socket.receive_json(timeout=10)
                assert said["code"] == ("invalid_token" if number < 3 else "too_many_attempts")
        assert issuer.asked == 3


async def test_a_webhook_is_not_asked_either(bookshop: str) -> None:
    async with service() as hook:

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            known = request.headers["Authorization"] == "Bearer ann"
            return web.json_response({"role": "user"}) if known else web.Response(status=401)

        hook.answer = answer
        config = f"auth: {{anonymous_role: guest, webhook: {{url: '{hook.url}'}}}}\n{REST}"
        async with served(bookshop, config) as api:
            assert await statuses(api, "ann", "a", "a", "b", "c", "d", "ann") == [200, 401, 401, 401, 401, 429, 200]
            assert hook.asked == 5


async def test_refusals_are_counted_on_when_the_configuration_is_read_again(bookshop: str, tmp_path: Path) -> None:
    async with service() as issuer:
        issuer.answer = knowing("ann")
        file = tmp_path / "config.yaml"
        text = f"version: 1\n{introspecting(issuer)}\n"
        file.write_text(text)
        async with reloadable(bookshop, file) as api:
            assert await statuses(api, "ann", "a", "b", "c", "d") == [200, 401, 401, 401, 429]
            file.write_text(text.replace("3/h", "3/h, depth: 5"))
            reply = await api.post("/admin/reload", None, {"X-Reflector-Admin-Secret": SECRET})
            assert reply.json["changed"] == ["limits.depth"]
            assert await statuses(api, "d", "ann") == [429, 200]


# ── a table of keys ──────────────────────────────────────────────────────────────────────────

KEYS = [f"rk_a-key-of-sufficient-length-{number}" for number in range(9)]
SCRIPT = f"""
    CREATE TABLE api_key (key_hash varchar(64) PRIMARY KEY, role varchar(40));
    CREATE TABLE note (id integer PRIMARY KEY, text varchar(40));
    INSERT INTO note VALUES (1, 'one');
    INSERT INTO api_key VALUES ('{sha256(KEYS[0].encode()).hexdigest()}', 'user'), ('{sha256(KEYS[1].encode()).hexdigest()}', 'user');
"""


@asynccontextmanager
async def keyed(databases: Databases, kind: DatabaseKind) -> AsyncIterator[tuple[Served, Authenticator, Clock]]:
    """A server whose keys stand in a table, what tells there who calls, and the clock of what it remembers."""
    config = "auth: {api_keys: {table: api_key}}\nroles: {user: {}}\ntables: {note: {allow: {user: {read: true}}}}\n"
    async with served(databases.database(kind, SCRIPT), config + "limits: {refusals: 3/h}") as api:
        callers, clock = api.running.parts.house.callers, Clock()
        assert isinstance(callers, Authenticator)
        callers.verified._steady = callers.doubts._steady = clock
        yield api, callers, clock


async def told(api: Served, *keys: str) -> list[int]:
    headers: list[Mapping[str, str]] = [{"X-API-Key": each} for each in keys]
    return [(await api.get("/api/note", each)).status for each in headers]


async def test_a_table_of_keys_is_not_asked_for_every_guess(databases: Databases, kind: DatabaseKind) -> None:
    async with keyed(databases, kind) as (api, callers, clock):
        questions = 0
        [method] = callers.methods
        table = method._table  # type: ignore[attr-defined]
        find = table.find

        async def counted(value: str | bytes) -> Any:
            nonlocal questions
            questions += 1
            return await find(value)

        table.find = counted
        assert await told(api, KEYS[0], KEYS[2], KEYS[2], KEYS[3], KEYS[4]) == [200, 401, 401, 401, 401]
        assert questions == 4
        assert await told(api, KEYS[5], KEYS[1], KEYS[0]) == [429, 429, 200]
        assert questions == 4
        clock.now = 60.0
        assert await told(api, KEYS[0], KEYS[5], KEYS[0]) == [200, 429, 200]
        assert questions == 5
