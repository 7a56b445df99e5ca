"""What becomes of a message that is not taken: sent again, in its place, until it is, or given up aloud."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from tests.changes.capturing import Write, writer
from tests.server.harness import Served, eventually, served
from tests.webhooks.conftest import RULES, Configure
from tests.webhooks.receiving import Receiver, brief, receiving

ADMIN = {"X-Reflector-Admin-Secret": "the-administrators-secret-is-forty-letters"}
SEEN = "tables: note, role: own, claims: {sub: 7}"


def insert(write: Write, *numbers: int, title: str = "n") -> None:
    rows = ", ".join(f"({number}, '{title}', 7, NULL, 1)" for number in numbers)
    write(f"INSERT INTO note VALUES {rows}")


async def standing(api: Served) -> dict[str, Any]:
    """What an administrator is told of the first webhook, and how the server is."""
    reply = await api.get("/health/ready", ADMIN)
    return {"status": reply.json["status"], **reply.json["webhooks"][0]}


async def figure(api: Served, name: str) -> float:
    reply = await api.get("/metrics", ADMIN)
    [line] = [line for line in reply.body.decode().splitlines() if line.startswith(f"reflector_webhook_{name}{{")]
    assert 'webhook="search"' in line
    return float(line.rpartition(" ")[2])


async def test_what_is_refused_is_sent_again_and_everything_else_waits_behind_it(
    small: str, receiver: Receiver, configure: Configure
) -> None:
    receiver.says(500, 302, 404, location="/elsewhere")
    async with served(small, configure(SEEN, RULES)) as api:
        insert(writer(small), 11)
        await receiver.until(lambda each: each.messages)
        insert(writer(small), 12)
        insert(writer(small), 13)
        await receiver.until(lambda each: len(each.taken) == 3)
        assert brief(receiver.taken) == [("insert", 11), ("insert", 12), ("insert", 13)]
        tried = receiver.messages[:4]
        assert [message.status for message in tried] == [500, 302, 404, 204]
        assert len({(message.headers["webhook-id"], message.body) for message in tried}) == 1
        await eventually(lambda: _is(api, "delivered_total", 3))
        assert await figure(api, "failed_total") == 3
        assert (await standing(api))["failing_since"] is None


async def _is(api: Served, name: str, value: float) -> bool:
    return await figure(api, name) == value


async def test_a_receiver_that_is_away_is_told_when_it_comes(
    small: str, receiver: Receiver, configure: Configure
) -> None:
    await receiver.close()
    async with served(small, configure(SEEN, RULES)) as api:
        insert(writer(small), 11, 12)

        async def fails() -> bool:
            found = await standing(api)
            return found["failing_since"] is not None and found["queued"] == 2

        await eventually(fails)
        told = await standing(api)
        assert (told["status"], told["reason"]) == ("ready", "it cannot be reached (ClientConnectorError)")
        assert told["oldest"] > 0
        await receiver.open()
        assert brief(await receiver.events(2)) == [("insert", 11), ("insert", 12)]


async def test_a_receiver_that_does_not_answer_in_time_has_not_taken_it(
    small: str, receiver: Receiver, configure: Configure
) -> None:
    receiver.gate = asyncio.Event()
    async with served(small, configure(f"{SEEN}, timeout: 200ms", RULES)) as api:
        insert(writer(small), 11)

        async def late() -> bool:
            return bool((await standing(api))["reason"] == "no answer within 0.2 s")

        await eventually(late)
        receiver.gate.set()
        receiver.gate = None
        await receiver.until(lambda each: each.taken)
        assert brief(receiver.taken) == [("insert", 11)]


async def test_a_receiver_may_ask_to_be_left_alone_for_a_while(
    small: str, receiver: Receiver, configure: Configure
) -> None:
    receiver.says(503, retry_after="1")
    async with served(small, configure(SEEN, RULES)):
        insert(writer(small), 11)
        await receiver.until(lambda each: each.messages)
        began = time.monotonic()
        await receiver.events(1)
        assert time.monotonic() - began >= 0.9  # without it half a second at most


async def test_a_receiver_that_is_gone_is_told_nothing_more(
    url: str, write: Write, receiver: Receiver, configure: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.says(410)
    async with served(url, configure(SEEN, RULES)) as api:
        insert(write, 11)
        await eventually(lambda: _says(api, "the receiver answered 410"))
        insert(write, 12)
        await eventually(lambda: _is(api, "queued", 2))  # a resync, and what came since
        gone = await standing(api)
    assert "1 events are given up undelivered" in caplog.text
    for number, config in ((13, configure(SEEN, RULES)), (14, configure(f"{SEEN}, batch: 7", RULES))):
        caplog.clear()
        async with served(url, config) as api:
            await eventually(lambda api=api: _says(api, "the receiver answered 410"))
            insert(write, number)
            await eventually(lambda api=api, number=number: _is(api, "queued", number - 10))
            still = await standing(api)
            assert all(still[name] == gone[name] for name in ("status", "reason", "failing_since"))
        assert "webhook search: nothing is sent: the receiver answered 410" in caplog.text
    assert (gone["status"], len(receiver.messages)) == ("degraded", 1)
    async with served(url, configure(SEEN, RULES).replace("/hook'", "/hook?again'")) as api:
        assert brief(await receiver.events(4)) == [("resync", None), *(("insert", number) for number in (12, 13, 14))]
        assert (await standing(api))["reason"] is None
    # The first address is another one by now.
    async with served(url, configure(SEEN, RULES)):
        insert(write, 15)
        assert brief(await receiver.events(1)) == [("insert", 15)]


async def _says(api: Served, reason: str) -> bool:
    return bool((await standing(api))["reason"] == reason)


async def test_what_nobody_takes_for_too_long_is_given_up_and_the_receiver_hears_of_it(
    small: str, receiver: Receiver, configure: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.says(*[500] * 3)
    async with served(small, configure(f"{SEEN}, retry: 300ms", RULES)) as api:
        insert(writer(small), 11)
        await eventually(lambda: _is(api, "given_up_total", 1))
        assert (await standing(api))["status"] == "degraded"
        assert brief(await receiver.events(1)) == [("resync", None)]

        async def ready() -> bool:
            return bool((await standing(api))["status"] == "ready")

        await eventually(ready)
        insert(writer(small), 12)
        assert brief(await receiver.events(1)) == [("insert", 12)]
    assert "webhook search: 1 events are given up undelivered: it was tried for too long" in caplog.text


@pytest.mark.parametrize(
    ("kind", "at_once"),
    [(DatabaseKind.SQLITE, True), (DatabaseKind.SQLITE, False), (DatabaseKind.POSTGRESQL, True)],
    ids=["sqlite at once", "sqlite one by one", "postgresql at once"],
)
async def test_what_waits_is_bounded_and_the_receiver_hears_that_some_was_dropped(
    url: str, write: Write, receiver: Receiver, configure: Configure, caplog: pytest.LogCaptureFixture, *, at_once: bool
) -> None:
    receiver.gate = gate = asyncio.Event()
    async with served(url, configure(SEEN, RULES, size="4KiB")) as api:
        insert(write, 11)
        await eventually(lambda: _is(api, "queued", 1))
        if at_once:
            insert(write, *range(100, 130), title="x" * 70)
        else:
            for number in range(100, 130):
                insert(write, number, title="x" * 70)
                await asyncio.sleep(0.02)
        await eventually(lambda: _at_least(api, "given_up_total", 10))
        assert await figure(api, "queued_bytes") <= 4096
        assert (await standing(api))["status"] == "degraded"
        gate.set()
        insert(write, 200)
        await receiver.until(lambda each: ("insert", 200) in brief(each.taken))
        told = brief(receiver.taken)
        assert told[:2] == [("insert", 11), ("resync", None)]
        after = told[len(told) - told[::-1].index(("resync", None)) :]
        numbers = [number for _, number in after]
        assert numbers == [*range(131 - len(numbers), 130), 200]  # whatever followed the last resync is whole
    assert "given up undelivered: more " in caplog.text


async def _at_least(api: Served, name: str, value: float) -> bool:
    return await figure(api, name) >= value


async def test_many_changes_are_sent_in_messages_of_a_bounded_number(
    small: str, receiver: Receiver, configure: Configure
) -> None:
    async with served(small, configure(f"{SEEN}, batch: 30", RULES)):
        insert(writer(small), *range(1000, 1100))
        await receiver.until(lambda each: len(each.taken) >= 100)
        assert [len(message.events) for message in receiver.messages] == [30, 30, 30, 10]
        assert brief(await receiver.events(100)) == [("insert", number) for number in range(1000, 1100)]


async def test_a_receiver_that_fails_holds_up_nobody_else(small: str, receiver: Receiver, configure: Configure) -> None:
    receiver.says(*[500] * 50)
    async with receiving() as other:
        hook = f"  other: {{url: '{other.url}', {SEEN}, columns: [id]}}\n"
        async with served(small, configure(SEEN, RULES) + hook):
            insert(writer(small), 11)
            await receiver.until(lambda each: each.messages)
            insert(writer(small), 12)
            assert brief(await other.events(2)) == [("insert", 11), ("insert", 12)]
            assert receiver.taken == []


async def test_a_disk_that_is_full_loses_nothing_and_is_told(
    url: str, write: Write, receiver: Receiver, configure: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.gate = gate = asyncio.Event()
    async with served(url, configure(SEEN, RULES)) as api:
        await bounded(api, 1)
        insert(write, *range(100, 400), title="x" * 70)

        async def told() -> bool:
            return bool((await standing(api))["status"] == "degraded")

        await eventually(told)
        insert(write, 500)
        gate.set()
        await bounded(api, 1_000_000)
        await receiver.until(lambda each: len(each.taken) >= 301)
        assert brief(receiver.taken) == [("insert", number) for number in (*range(100, 400), 500)]

        async def well() -> bool:
            return not await told()

        await eventually(well)
    assert "cannot be written down, and is tried again: database or disk is full" in caplog.text


async def test_a_file_that_is_removed_while_it_is_used_is_told_aloud(
    url: str, write: Write, receiver: Receiver, configure: Configure, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(url, configure(SEEN, RULES)) as api:
        insert(write, 11)
        assert brief(await receiver.events(1)) == [("insert", 11)]
        assert (await standing(api))["status"] == "ready"
        (tmp_path / "hooks.spool").unlink()
        insert(write, 12)
        # Nothing of it is held up.
        assert brief(await receiver.events(1)) == [("insert", 12)]

        async def told() -> bool:
            return bool((await standing(api))["status"] == "degraded")

        await eventually(told)
    assert "the file of what waits was removed or replaced" in caplog.text
    assert str(tmp_path) not in caplog.text


async def test_a_file_that_somebody_wrote_into_ends_one_webhook_and_says_so(
    small: str, receiver: Receiver, configure: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.says(*[500] * 50)
    async with receiving() as other:
        hook = f"  other: {{url: '{other.url}', {SEEN}, columns: [id]}}\n"
        async with served(small, configure(SEEN, RULES) + hook) as api:
            insert(writer(small), 11)
            await receiver.until(lambda each: each.messages)
            await in_file(api, "UPDATE event SET body = 5 WHERE webhook = 'search'")
            await eventually(lambda: _says(api, "delivering failed"))
            assert (await standing(api))["status"] == "degraded"
            insert(writer(small), 12)
            assert brief(await other.events(2)) == [("insert", 11), ("insert", 12)]
    assert "webhook search: nothing is delivered any more" in caplog.text


async def bounded(api: Served, pages: int) -> None:
    """The file of webhooks takes so many pages, or as many as it has."""
    await in_file(api, f"PRAGMA max_page_count = {pages}")


async def in_file(api: Served, statement: str) -> None:
    """Run a statement in the file of webhooks, as nobody else can while it is open."""
    desk = api.running.parts.grounds.courier._desk
    assert desk is not None
    await desk.do(desk.spool._connection.execute, statement)
