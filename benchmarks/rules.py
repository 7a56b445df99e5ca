"""How long a large configuration takes to load and to bind, what it weighs, and for how long reading it again holds requests up.

    .venv/bin/python -m benchmarks.rules [--roles 50] [--tables 300] [--each 4]

Each table allows so many roles something (`--each`), of the others through what they extend; `--each 50` writes every pair of
role and table out. Times are of the processor, the pause too: the longest that the event loop was away.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

from benchmarks.processes import resident_bytes
from reflector.catalog.model import Catalog
from server.app import Again, start
from server.binding import Binding
from server.config import Config, Flags, load
from server.garbage import keep_what_is_here, look_seldom
from server.reloading import Source
from server.threads import take_short_turns

MEBIBYTE = 2**20
TICK = 0.001


def written(roles: int, tables: int, each: int) -> str:
    """The configuration."""
    extended = (f"  role_{n}: {{extends: role_{n - 1}}}" if n % 5 else f"  role_{n}: {{}}" for n in range(roles))
    lines = [
        "version: 1",
        "auth: {jwt: {secret: a-signing-key-of-forty-letters-at-least, audience: api}}",
        "roles:",
        *extended,
    ]
    lines += ["policies:", "  own: owner_id == claims.sub", "  published: status == 'published'", "tables:"]
    for table in range(tables):
        lines += [f"  table_{table}:", "    allow:"]
        for number in range(min(each, roles)):
            role = (number * roles // each + table) % roles
            more = (
                ", create: {check: own, columns: [title], presets: {owner_id: claims.sub}}, delete: own"
                if number % 2
                else ""
            )
            lines.append(f"      role_{role}: {{read: own or published, columns: [id, title, status]{more}}}")
    return "\n".join(lines) + "\n"


def made(file: Path, tables: int) -> None:
    columns = "id INTEGER PRIMARY KEY, title TEXT, status TEXT, owner_id INTEGER"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("".join(f"CREATE TABLE table_{number} ({columns});" for number in range(tables)))


def changed(file: Path) -> None:
    file.write_text(file.read_text() + "limits: {page: 7}\n")


async def longest_pause(over: asyncio.Event) -> float:
    """Seconds of the processor that this process spent at most while the event loop was away."""
    longest, before = 0.0, time.process_time()
    while not over.is_set():
        await asyncio.sleep(TICK)
        now = time.process_time()
        longest, before = max(longest, now - before), now
    return longest


def binding_seconds(config: Config, catalog: Catalog) -> float:
    binding, begun = Binding(config), time.process_time()
    binding.snapshot(1, catalog)
    return time.process_time() - begun


async def measured(source: Source, file: Path) -> None:
    gc.collect()
    weight, began = resident_bytes(os.getpid()), time.process_time()
    config = source.read()
    loaded = time.process_time()
    running = await start(config, again=Again(source.read, config))
    try:
        gc.collect()
        print(f"memory {(resident_bytes(os.getpid()) - weight) / MEBIBYTE:.0f} MiB, with the server itself")
        print(f"load {loaded - began:.2f} s, bind {binding_seconds(config, running.engine.snapshot.catalog):.2f} s")
        keep_what_is_here()
        await asyncio.to_thread(changed, file)
        over, began = asyncio.Event(), time.process_time()
        pausing = asyncio.create_task(longest_pause(over))
        await asyncio.sleep(0.1)
        assert running.reloading is not None
        await running.reloading.reload()
        over.set()
        print(f"reload {time.process_time() - began:.2f} s, longest pause {await pausing * 1e3:.0f} ms")
    finally:
        await running.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.rules", description=__doc__)
    for name, usual in (("roles", 50), ("tables", 300), ("each", 4)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    wanted = parser.parse_args()
    take_short_turns()
    look_seldom()
    with tempfile.TemporaryDirectory() as folder:
        database, file = Path(folder, "rules.sqlite"), Path(folder, "config.yaml")
        made(database, wanted.tables)
        file.write_text(written(wanted.roles, wanted.tables, wanted.each))
        print(f"{wanted.roles} roles, {wanted.tables} tables, {file.stat().st_size // 1024} KiB")
        flags = Flags(url=f"sqlite:///{database}", port=0)
        load(file, {}, flags)  # what is imported and compiled once is no part of it
        asyncio.run(measured(Source(file, {}, flags), file))


if __name__ == "__main__":
    main()
