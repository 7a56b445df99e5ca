"""The keys of an issuer over time: when they are fetched, when again, and what is told while the issuer is away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from server.auth import key_sets
from server.auth.key_sets import RETRY_SECONDS, SOUGHT_SECONDS, FetchedKeys, FixedKeys
from server.auth.token_keys import published_keys
from server.problems import IdentityUnavailable
from tests.server.harness import eventually
from tests.server.issuers import ONE, TWO, Service, outbound, public, service
from tests.server.test_doubts import Clock

AT_ONCE: dict[str, Any] = {"Cache_Control": "max-age=0"}


@asynccontextmanager
async def fetched(issuer: Service, clock: Clock | None = None) -> AsyncIterator[FetchedKeys]:
    """Its keys, which nobody looked at yet."""
    async with outbound() as asks:
        keys = FetchedKeys(issuer.url, asks, clock or Clock())
        try:
            yield keys
        finally:
            await keys.close()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to wait for long until keys are looked at again."""
    monkeypatch.setattr(key_sets, "LEAST_SECONDS", 0.01)
    monkeypatch.setattr(key_sets, "RETRY_SECONDS", (0.01, 600.0))


async def asked(issuer: Service, times: int) -> None:
    """Wait until it was asked so often."""

    async def enough() -> bool:
        return issuer.asked >= times

    await eventually(enough)


async def test_keys_of_the_configuration_never_change() -> None:
    known = published_keys(public(ONE))
    keys = FixedKeys(known)
    await keys.start()
    assert (keys.keys, keys.degraded, await keys.sought()) == (known, False, False)
    await keys.close()


async def test_until_they_were_fetched_nothing_can_be_judged() -> None:
    clock = Clock()
    async with service(public(ONE)) as issuer, fetched(issuer, clock) as keys:
        assert keys.degraded
        with pytest.raises(IdentityUnavailable):
            _ = keys.keys
        assert issuer.asked == 0
        answers: list[Any] = [None, [], {"keys": []}, {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}]
        for no_keys in answers:
            clock.now += SOUGHT_SECONDS
            issuer.says(no_keys)
            for _ in range(2):
                with pytest.raises(IdentityUnavailable):
                    await keys.sought()
        assert issuer.asked == 4
        issuer.says(public(ONE))
        await keys.start()
        assert ([each.name for each in keys.keys], keys.degraded) == (["one"], False)
        assert issuer.asked == 5


@pytest.mark.usefixtures("hurried")
async def test_they_are_looked_at_again_as_the_issuer_says_and_told_of_where_they_changed() -> None:
    told = list[str]()
    async with service(public(ONE), **AT_ONCE) as issuer, fetched(issuer) as keys:
        keys.tell(lambda: told.append("changed"))
        await keys.start()
        await asked(issuer, 3)
        assert told == ["changed"]
        issuer.says(public(TWO), **AT_ONCE)
        await asked(issuer, issuer.asked + 2)
        assert (told, [each.name for each in keys.keys]) == (["changed"] * 2, ["two"])


@pytest.mark.usefixtures("hurried")
async def test_who_is_away_is_asked_again_soon_and_then_more_seldom(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "reflector.server")
    assert len(RETRY_SECONDS) > 2
    async with service(None, 500) as issuer, fetched(issuer) as keys:
        await keys.start()
        await asked(issuer, 2)
        await asyncio.sleep(0.1)
        assert (issuer.asked, keys.degraded) == (2, True)  # the third time is ten minutes away
    [line] = caplog.messages
    assert line == f"keys of {issuer.url}: the answer is 500; those known before serve on"


@pytest.mark.usefixtures("hurried")
async def test_who_was_there_again_is_asked_again_soon_when_away_the_next_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "reflector.server")
    async with service() as issuer, fetched(issuer) as keys:

        async def answer(_: web.BaseRequest) -> web.StreamResponse:
            said = web.json_response(public(ONE), headers={"Cache-Control": "max-age=0"})
            return said if issuer.asked % 2 == 0 else web.Response(status=503)

        issuer.answer = answer
        await keys.start()
        await asked(issuer, 6)
    away, back = (
        f"keys of {issuer.url}: the answer is 503; those known before serve on",
        f"keys of {issuer.url}: fetched again",
    )
    assert caplog.messages[:4] == [away, back, away, back]


async def test_an_unknown_key_is_asked_for_again_after_half_a_minute() -> None:
    clock = Clock()
    async with service(public(ONE)) as issuer, fetched(issuer, clock) as keys:
        assert await keys.sought()  # the first keys, which are no search for others
        for _ in range(5):
            assert not await keys.sought()
        assert issuer.asked == 2
        clock.now += SOUGHT_SECONDS - 1
        assert not await keys.sought()
        assert issuer.asked == 2
        clock.now += 1
        assert not await keys.sought()
        assert issuer.asked == 3


async def test_a_search_that_is_under_way_is_waited_for_by_all_who_search() -> None:
    go = asyncio.Event()
    async with service(public(ONE)) as issuer, fetched(issuer) as keys:
        await keys.start()

        async def answer(_: web.BaseRequest) -> web.StreamResponse:
            await go.wait()
            return web.json_response(public(ONE, TWO))

        issuer.answer = answer
        searches = [asyncio.create_task(keys.sought()) for _ in range(3)]
        await asked(issuer, 2)
        go.set()
        assert await asyncio.gather(*searches) == [True] * 3
        assert issuer.asked == 2
        assert not await keys.sought()


async def test_what_was_known_before_is_known_and_what_was_searched_is_not_searched_at_once() -> None:
    clock = Clock()
    async with service(public(ONE)) as issuer, fetched(issuer, clock) as old, fetched(issuer, clock) as new:
        await old.start()
        assert not await old.sought()
        new.follow(old)
        assert (new.keys, new.degraded, await new.sought(), issuer.asked) == (old.keys, False, False, 2)
        issuer.says(None, 500)
        clock.now += SOUGHT_SECONDS
        assert not await old.sought()
        new.follow(old)
        assert (new.keys, new.degraded) == (old.keys, True)
        async with service(public(TWO)) as another, fetched(another, clock) as elsewhere:
            elsewhere.follow(old)
            elsewhere.follow(FixedKeys(old.keys))
            with pytest.raises(IdentityUnavailable):
                _ = elsewhere.keys


async def test_at_the_end_nothing_goes_on_and_nobody_is_told_of_what_was_left() -> None:
    told = list[object]()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(context))
    async with service(None, 500) as issuer:
        async with fetched(issuer) as keys:
            await keys.start()
            watching = keys._watching
            await keys.close()
            assert watching is not None
            assert watching.done()
        go = asyncio.Event()

        async def answer(_: web.BaseRequest) -> web.StreamResponse:
            await go.wait()
            return web.Response()

        issuer.answer = answer
        async with fetched(issuer) as keys:
            search = asyncio.create_task(keys.sought())
            await asked(issuer, issuer.asked + 1)
            fetching = keys._fetching
        assert fetching is not None
        assert fetching.cancelled()
        with pytest.raises(asyncio.CancelledError):
            await search
        go.set()
    await asyncio.sleep(0)
    assert told == []
