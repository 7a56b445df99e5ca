"""Nothing is lost: not by an end of the server, however it comes, nor by what other programs commit meanwhile."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import pytest

from reflector.catalog.model import DatabaseKind
from reflector.changes.sources.sqlite_setup import KEPT
from tests.bookshops import Databases
from tests.changes.capturing import Write, install, uninstall, with_changes, writer
from tests.server.harness import ServedProcess, eventually, served
from tests.webhooks.conftest import RULES, Configure
from tests.webhooks.receiving import SCHEMA, Receiver, brief


def note(number: int) -> str:
    return f"INSERT INTO note VALUES ({number}, 'n', 7, NULL, 1)"


@contextmanager
def process(url: str, file: Path) -> Iterator[ServedProcess]:
    """A server of its own, which is killed at the end."""
    with ServedProcess("serve", url, "--config", str(file), "--port", "0") as running:
        yield running


@pytest.fixture
def file(tmp_path: Path, configure: Configure) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(f"version: 1\n{configure()}")
    return path


async def test_what_waits_when_the_server_is_killed_and_what_is_committed_then_is_told_by_the_next_one(
    url: str, write: Write, receiver: Receiver, file: Path
) -> None:
    receiver.says(*[500] * 9)
    with process(url, file) as first:
        await asyncio.to_thread(first.wait_until_it_serves)
        write(note(11))
        await receiver.until(lambda each: each.messages)
        write(note(12))
        os.kill(first.pid, signal.SIGKILL)
    receiver.answers.clear()
    write(f"{note(13)}; UPDATE note SET title = 'm' WHERE id = 13; DELETE FROM note WHERE id = 1")
    with process(url, file) as second:
        await asyncio.to_thread(second.wait_until_it_serves)
        write(note(14))
        await receiver.until(lambda each: len(each.taken) >= 6)
        expected = [("insert", 11), ("insert", 12), ("insert", 13), ("update", 13), ("delete", 1), ("insert", 14)]
        assert brief(receiver.taken) == expected
        of_first = [each for each in receiver.messages if each.events[0]["key"] == {"id": 11}]
        assert len({(each.headers["webhook-id"], each.body) for each in of_first}) == 1


async def test_nothing_is_lost_or_out_of_order_however_often_the_server_is_killed(
    url: str, write: Write, receiver: Receiver, file: Path
) -> None:
    count, done = 60, asyncio.Event()

    async def write_on() -> None:
        for number in range(1000, 1000 + count):
            await asyncio.to_thread(write, note(number))
            await asyncio.sleep(0.02)
        done.set()

    with process(url, file) as first:
        await asyncio.to_thread(first.wait_until_it_serves)
        writing = asyncio.create_task(write_on())
        await receiver.until(lambda each: len(each.taken) >= 5)
    for _ in range(2):  # leaving the block kills it
        with process(url, file) as each:
            await asyncio.to_thread(each.wait_until_it_serves)
            seen = len(receiver.taken)
            if not done.is_set():
                await receiver.until(lambda one, seen=seen: len(one.taken) > seen + 3 or done.is_set())
    await writing
    with process(url, file):
        await receiver.until(lambda each: len(each.taken) >= count)
        assert brief(receiver.taken) == [("insert", number) for number in range(1000, 1000 + count)]


async def test_an_orderly_end_loses_nothing_either(
    url: str, write: Write, receiver: Receiver, configure: Configure
) -> None:
    for number in range(11, 15):
        async with served(url, configure()):
            write(note(number))
        write(note(100 + number))
    async with served(url, configure()):
        await receiver.until(lambda each: len(each.taken) >= 8)
        expected = [("insert", number) for each in range(11, 15) for number in (each, 100 + each)]
        assert brief(receiver.taken) == expected


async def test_an_orderly_end_while_nothing_can_be_written_loses_nothing_either(
    url: str, write: Write, receiver: Receiver, configure: Configure, file: Path
) -> None:
    with process(url, file) as first:
        await asyncio.to_thread(first.wait_until_it_serves)
        write(note(11))
        await receiver.until(lambda each: each.taken)
        resource.prlimit(first.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        write(note(12))
        await asyncio.to_thread(first.wait_until_it_says, "what they are to be told cannot be written down")
        first.signal(signal.SIGTERM)
        assert await asyncio.to_thread(first.wait) == 0
        assert "Traceback" not in first.said
    write(note(13))
    async with served(url, configure()):
        await receiver.until(lambda each: len(each.taken) >= 3)
        assert brief(receiver.taken) == [("insert", number) for number in (11, 12, 13)]


async def test_a_webhook_begins_with_what_is_committed_after_it_was_configured(
    url: str, write: Write, receiver: Receiver, configure: Configure, tmp_path: Path
) -> None:
    write(note(11))
    async with served(url, configure()):
        write(note(12))
        assert brief(await receiver.events(1)) == [("insert", 12)]
    write(note(13))
    (tmp_path / "hooks.spool").unlink()
    async with served(url, configure()):
        write(note(14))
        assert brief(await receiver.events(1)) == [("insert", 14)]


async def test_what_the_database_does_not_have_any_more_is_told_as_resync(
    url: str, write: Write, receiver: Receiver, configure: Configure, kind: DatabaseKind
) -> None:
    async with served(url, configure()):
        write(note(11))
        await receiver.events(1)
    if kind is DatabaseKind.SQLITE:
        rows = ", ".join(f"({number}, 'n', 7, NULL, 1)" for number in range(1000, 1000 + KEPT + 1))
        write(f"INSERT INTO note VALUES {rows}")
    else:  # another program reads the slot
        write(note(12))
        write(
            "SELECT count(*) FROM pg_logical_slot_get_binary_changes((SELECT slot_name FROM pg_replication_slots"
            " WHERE database = current_database()), NULL, NULL, 'proto_version', '1', 'publication_names', 'reflector')"
        )
    async with served(url, configure()):
        [event] = await receiver.events(1)
        assert (event["type"], event["table"]) == ("resync", "note")
        write(note(13))
        assert brief(await receiver.events(1)) == [("insert", 13)]


async def test_what_was_installed_anew_meanwhile_is_told_as_resync(
    url: str, write: Write, receiver: Receiver, configure: Configure
) -> None:
    """Between the two nothing was captured, whatever the numbers say."""
    async with served(url, configure()):
        write(note(11))
        await receiver.events(1)
    await uninstall(url)
    write(note(12))
    await install(url)
    write(note(13))
    async with served(url, configure()):
        assert brief(await receiver.events(1)) == [("resync", None)]


async def test_an_installation_that_has_seen_no_change_is_known_again(
    url: str, write: Write, receiver: Receiver, configure: Configure
) -> None:
    async with served(url, configure()):
        pass
    write(note(11))
    async with served(url, configure()):
        assert brief(await receiver.events(1)) == [("insert", 11)]
    await uninstall(url)
    write(note(12))
    await install(url)
    async with served(url, configure()):
        assert brief(await receiver.events(1)) == [("resync", None)]


async def test_what_is_asked_otherwise_than_before_the_start_is_told_as_resync(
    url: str, write: Write, receiver: Receiver, configure: Configure
) -> None:
    ways = (
        configure("tables: note, filter: owner_id == 7"),
        configure("tables: note, filter: owner_id == 8"),
        configure("tables: note, role: own, claims: {sub: 7}", RULES),
        configure("tables: note, role: own, claims: {sub: 8}", RULES),
        configure("tables: note, role: own, claims: {sub: 8}", RULES.replace("mask: {phone: last4}", "mask: {}")),
        configure("tables: note, role: own, claims: {sub: 8}, columns: [id]", RULES),
    )
    number = 20
    for first, way in enumerate(ways):
        for again in (False, True):
            async with served(url, way):
                if first and not again:
                    assert brief(await receiver.events(1)) == [("resync", None)]
                number += 1
                write(f"INSERT INTO note VALUES ({number}, 'n', 7, NULL, 1), ({number + 100}, 'n', 8, NULL, 1)")
                [told] = await receiver.events(1)
                assert (told["op"], told["key"]["id"] - number) == ("insert", 0 if first in (0, 2) else 100)


async def test_another_database_is_told_as_resync(
    receiver: Receiver, configure: Configure, databases: Databases
) -> None:
    for title in ("one", "two"):
        async with with_changes(databases.database(DatabaseKind.SQLITE, SCHEMA)) as url, served(url, configure()):
            if title == "two":
                assert brief(await receiver.events(1)) == [("resync", None)]
            writer(url)(note(11))
            assert brief(await receiver.events(1)) == [("insert", 11)]


async def test_a_webhook_whose_rule_reads_other_tables_reads_afresh_after_a_start(
    url: str, write: Write, receiver: Receiver, configure: Configure
) -> None:
    write("INSERT INTO member VALUES (1, 7)")
    for first in (True, False):
        async with served(url, configure("tables: note, role: joined", RULES)):
            if not first:
                assert brief(await receiver.events(1)) == [("resync", None)]
            write(note(11))
            assert brief(await receiver.events(1)) == [("insert", 11)]
            write("DELETE FROM note WHERE id = 11")
            assert brief(await receiver.events(1)) == [("delete", 11)]


async def test_a_server_that_takes_over_has_its_receivers_read_afresh(
    receiver: Receiver, configure: Configure, databases: Databases, tmp_path: Path
) -> None:
    """Two servers of one database: PostgreSQL lets one read at a time, and the other does not know how far that one told."""
    async with with_changes(databases.database(DatabaseKind.POSTGRESQL, SCHEMA)) as url, AsyncExitStack() as first:
        write = writer(url, databases.postgresql)
        await first.enter_async_context(served(url, configure()))
        async with served(url, configure(path=tmp_path / "other.spool")) as api:
            assert (await api.get("/health/ready")).json["status"] == "degraded"
            write(note(11))
            assert brief(await receiver.events(1)) == [("insert", 11)]
            await first.aclose()
            write(note(12))
            await receiver.until(lambda each: ("resync", None) in brief(each.taken))

            async def ready() -> bool:
                return bool((await api.get("/health/ready")).json["status"] == "ready")

            await eventually(ready)
            write(note(13))
            await receiver.until(lambda each: ("insert", 13) in brief(each.taken))
