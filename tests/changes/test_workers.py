"""Several workers: one captures, all of them hear of it, and another takes over when it dies."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from reflector.catalog.model import DatabaseKind
from tests.bookshops import Databases
from tests.changes.capturing import install, uninstall, writer
from tests.server.harness import ServedProcess, eventually
from tests.server.test_workers import ask, children

CONFIG = """
version: 1
defaults: {read: true}
tables: {publisher: {cache: {ttl: 1h}}}
"""
WORKERS = 3


@pytest.mark.parametrize("kind", [DatabaseKind.SQLITE, DatabaseKind.POSTGRESQL], ids=str)
async def test_what_one_worker_captures_ends_kept_answers_in_all(
    kind: DatabaseKind, databases: Databases, tmp_path: Path
) -> None:
    url = databases.bookshop(kind)
    await install(url)
    write = writer(url, databases.postgresql)
    (tmp_path / "config.yaml").write_text(CONFIG)
    arguments = ("serve", url, "--config", str(tmp_path / "config.yaml"), "--port", "0", "--workers", str(WORKERS))
    with ServedProcess(*arguments) as process:
        path = f"{process.wait_until_it_serves()}/api/publisher?fields=name&code=QUIPU"
        write("UPDATE publisher SET name = 'n' WHERE code = 'QUIPU'")
        await everybody_says(path, "n")
        for number in range(4):
            write(f"UPDATE publisher SET name = 'n{number}' WHERE code = 'QUIPU'")
            await everybody_says(path, f"n{number}")
        for number in range(4, 6):
            [capturing] = await eventually(lambda: those_that_capture(process))
            os.kill(capturing, signal.SIGKILL)
            write(f"UPDATE publisher SET name = 'n{number}' WHERE code = 'QUIPU'")
            await everybody_says(path, f"n{number}")
    await uninstall(url)


async def those_that_capture(process: ServedProcess) -> list[int]:
    """The processes that hold the lock: never more than one."""
    return [pid for pid in children(process.pid) if holds_the_lock(pid)]


def holds_the_lock(pid: int) -> bool:
    descriptors = Path(f"/proc/{pid}/fd").iterdir()
    return any(each.is_symlink() and each.readlink().name == "capture.lock" for each in descriptors)


async def everybody_says(path: str, name: str) -> None:
    """Until every worker answers with the name, and goes on to."""

    async def all_of_them() -> bool:
        try:
            answers = [await asyncio.to_thread(ask, path) for _ in range(8 * WORKERS)]
        except OSError:  # a worker has just died
            return False
        names = {json.loads(body)["items"][0]["name"] for _, _, body in answers}
        return names == {name} and len({who for _, who, _ in answers}) == WORKERS

    await eventually(all_of_them)
