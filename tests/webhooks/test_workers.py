"""Of several processes one delivers, and another goes on where it was when it dies."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from tests.changes.capturing import Write, writer
from tests.changes.test_workers import those_that_capture
from tests.server.harness import ServedProcess, eventually
from tests.webhooks.conftest import Configure
from tests.webhooks.receiving import Receiver, brief


async def test_when_the_process_that_delivers_is_killed_another_goes_on(
    url: str, write: Write, receiver: Receiver, configure: Configure, tmp_path: Path
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"version: 1\n{configure()}")
    numbers = iter(range(10, 100))

    def insert() -> int:
        number = next(numbers)
        write(f"INSERT INTO note VALUES ({number}, 'n', 7, NULL, 1)")
        return number

    arguments = ("serve", url, "--config", str(file), "--port", "0", "--workers", "3")
    with ServedProcess(*arguments) as process:
        await asyncio.to_thread(process.wait_until_it_serves)
        written = [insert()]
        await receiver.until(lambda each: each.taken)
        for _ in range(2):
            receiver.says(500)
            written.append(insert())
            [capturing] = await eventually(lambda: those_that_capture(process))
            os.kill(capturing, signal.SIGKILL)
            written += [insert(), insert()]
            await told(receiver, len(written))
        assert brief(receiver.taken) == [("insert", number) for number in written]


async def test_webhooks_that_come_and_go_are_told_by_one_of_them(
    small: str, receiver: Receiver, configure: Configure, tmp_path: Path
) -> None:
    file, none = tmp_path / "config.yaml", "version: 1\nserver: {watch: off}\n"
    one = f"{none}{configure()}"
    file.write_text(none)
    with ServedProcess("serve", small, "--config", str(file), "--port", "0", "--workers", "2") as process:
        await asyncio.to_thread(process.wait_until_it_serves)
        for number, text in ((11, one), (12, none), (13, one)):
            file.write_text(text)
            process.signal(signal.SIGHUP)
            for _ in range(2):
                await asyncio.to_thread(process.wait_until_it_says, "the configuration was read again: ")
            writer(small)(f"INSERT INTO note VALUES ({number}, 'n', 7, NULL, 1)")
            if text == one:
                assert brief(await receiver.events(1)) == [("insert", number)]


async def told(receiver: Receiver, count: int) -> None:
    await receiver.until(lambda each: len(each.taken) >= count)


def test_a_spool_that_cannot_be_used_refuses_the_start_of_all(small: str, configure: Configure, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"version: 1\n{configure(path=tmp_path / 'nowhere' / 'x')}")
    with ServedProcess("serve", small, "--config", str(file), "--port", "0", "--workers", "2") as process:
        assert process.wait() == 2
        assert "the file of webhooks is to stand in a folder that is not there" in process.said
