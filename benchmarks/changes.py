"""How fast changes reach those who follow: one socket's latency, and many sockets at a steady rate.

    python -m benchmarks.changes sqlite|postgresql [--sockets 1000] [--rate 200] [--seconds 10] [--readers-per-change N]

The rate is of all changes together. Where every socket follows the whole table, each change is told to every socket; with
`--readers-per-change N` each socket asks by an equality filter for one row, and a change concerns N of them. Without the
flag both are measured, the second with N = 10.

The server is a program of its own, and so are the writer, those who only count what they are told, and those who read
how late it is: every tenth, because more reading would cost more than the server's work. A change carries the moment it
was sent in its title, so that a latency is from before the writer's commit to the client's socket.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import re
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import cast

import pg8000.native

from examples import bookshop
from reflector.capture import source_of
from reflector.database_url import parse_database_url
from server.commands.loop import run as loop_of
from tests.server.harness import ServedProcess
from tests.servers import PostgreSQLServer

SENT = re.compile(rb'"title":"sent (\d+)"')
HANDSHAKE = (
    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SAMPLE = 10
ROWS = 300
"""Rows that are written in turn, and as many groups of sockets at most."""
FEW = 10
Write = Callable[[str], None]


class Client(asyncio.Protocol):
    """Counts what it is told, and how late."""

    def __init__(self, port: int, subscribe: bytes, latencies: list[float] | None) -> None:
        self._port = port
        self._subscribe = subscribe
        self._latencies = latencies
        self.ready = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport
        self.told = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(HANDSHAKE.format(port=self._port).encode())

    def data_received(self, data: bytes) -> None:
        if b" 101 " in data[:20]:
            text = self._subscribe
            head = (
                bytes((0x81, 0xFE)) + len(text).to_bytes(2, "big")
                if len(text) > 125
                else bytes((0x81, 0x80 | len(text)))
            )
            self.transport.write(head + b"\0\0\0\0" + text)
            return
        if not self.ready.done():
            if b'"ready"' in data:
                self.ready.set_result(None)
            elif b'"error"' in data:
                self.ready.set_exception(RuntimeError(data.decode("utf-8", "replace")))
            return
        self.told += data.count(b'"sent ')
        if self._latencies is None:
            return
        now = time.time_ns()
        for sent in SENT.findall(data):
            self._latencies.append((now - int(sent)) / 1e6)


@dataclass(frozen=True, slots=True)
class Load:
    """How many sockets, how many of them each change concerns, and how often something changes."""

    sockets: int
    readers: int
    rate: float
    seconds: float

    @property
    def rows(self) -> int:
        """How many rows change in turn: one for each group of readers."""
        return ROWS if self.readers == self.sockets else max(1, self.sockets // self.readers)

    def subscribe(self, number: int) -> bytes:
        """The frame of one socket."""
        wanted = "" if self.readers == self.sockets else f',"filter":{{"id":{{"_eq":{number % self.rows + 1}}}}}'
        return f'{{"type":"subscribe","id":"1","table":"book","columns":["id","title","price"]{wanted}}}'.encode()


async def clients(port: int, load: Load, numbers: range, latencies: list[float] | None) -> list[Client]:
    made: list[Client] = []
    count = len(numbers)
    for start in range(0, count, 100):
        for number in numbers[start : start + 100]:
            _, client = await asyncio.get_running_loop().create_connection(
                partial(Client, port, load.subscribe(number), latencies), "127.0.0.1", port
            )
            made.append(client)
        await asyncio.gather(*(client.ready for client in made))
    return made


def steadily(write: Write, load: Load) -> int:
    """Write at a steady rate; how many changes."""
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < load.seconds:
        write(f"UPDATE book SET title = 'sent {time.time_ns()}' WHERE id = {count % load.rows + 1}")
        count += 1
        time.sleep(max(0.0, began + count / load.rate - time.perf_counter()))
    return count


async def at_leisure(made: list[Client], ended: Event) -> None:
    """Those that only count read five times a second: reading costs them more than writing costs the server."""
    while not ended.is_set():
        for client in made:
            client.transport.pause_reading()
        await asyncio.sleep(0.18)
        for client in made:
            client.transport.resume_reading()
        await asyncio.sleep(0.02)


async def counting(port: int, load: Load, numbers: range, ready: Event, ended: Event, told: Queue[int]) -> None:
    made = await clients(port, load, numbers, None)
    ready.set()
    await at_leisure(made, ended)
    told.put(sum(client.told for client in made))


def count_apart(port: int, load: Load, numbers: range, ready: Event, ended: Event, told: Queue[int]) -> None:
    loop_of(counting(port, load, numbers, ready, ended, told))


def write_apart(url: str, load: Load, wrote: Queue[int]) -> None:
    wrote.put(steadily(writer(url), load))


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measured(port: int, pid: int, url: str, load: Load) -> None:
    context = multiprocessing.get_context("spawn")
    ready, ended = context.Event(), context.Event()
    told_apart: Queue[int] = context.Queue()
    wrote: Queue[int] = context.Queue()
    count = load.sockets
    reading = max(1, count // SAMPLE)
    others = context.Process(target=count_apart, args=(port, load, range(reading, count), ready, ended, told_apart))
    others.start()
    await asyncio.to_thread(ready.wait)
    latencies: list[float] = []
    made = await clients(port, load, range(reading), latencies)
    writing = context.Process(target=write_apart, args=(url, load, wrote))
    writing.start()
    before, began = cpu_seconds(pid), time.perf_counter()
    changes = await asyncio.to_thread(wrote.get)
    took, cpu = time.perf_counter() - began, cpu_seconds(pid) - before
    await asyncio.sleep(1)
    ended.set()
    told = sum(client.told for client in made) + await asyncio.to_thread(told_apart.get)
    print(
        f"{count:5} sockets  {load.readers:5} readers of a change  {changes / took:6.0f} changes/s  {told / took:9.0f} messages/s  "
        f"p50 {percentile(latencies, 0.5):6.1f}  p95 {percentile(latencies, 0.95):6.1f}  p99 {percentile(latencies, 0.99):6.1f} ms  "
        f"server CPU {cpu / took:4.0%}  told {told / max(1, changes * load.readers):.2%}"
    )
    for client in made:
        client.transport.abort()
    others.join()
    writing.join()


def writer(url: str) -> Write:
    if url.startswith("sqlite"):
        connection = sqlite3.connect(
            url.removeprefix("sqlite:///"), isolation_level=None, timeout=30, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")

        def execute(text: str) -> None:
            connection.execute(text)

        return execute
    parsed = parse_database_url(url)
    session = pg8000.native.Connection("postgres", host=parsed.host, port=parsed.port, database=parsed.database)

    def run(text: str) -> None:
        session.run(text)

    return run


def loads(sockets: int, rate: float, seconds: float, readers: int | None) -> list[Load]:
    """One socket; then the sockets, by what was asked for or both ways. Groups of readers are of one size."""
    many = [sockets, min(FEW, sockets)] if readers is None else [readers]
    for each in many:
        if not 1 <= each <= sockets or sockets % each or (each < sockets and sockets // each > ROWS):
            raise SystemExit(f"--readers-per-change divides --sockets into 1 to {ROWS} groups of one size")
    return [Load(1, 1, 100.0, seconds), *(Load(sockets, each, rate, seconds) for each in dict.fromkeys(many))]


async def install(url: str) -> None:
    source = source_of(parse_database_url(url))
    await source.perform((await source.setup()).install)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("database", choices=["sqlite", "postgresql"])
    options.add_argument("--sockets", type=int, default=1000)
    options.add_argument("--rate", type=float, default=200)
    options.add_argument("--seconds", type=float, default=10)
    options.add_argument("--readers-per-change", type=int, help="how many sockets each change concerns")
    chosen = options.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if chosen.database == "sqlite":
            bookshop.load_sqlite(folder / "bookshop.sqlite")
            url = f"sqlite:///{folder / 'bookshop.sqlite'}"
            with closing(sqlite3.connect(folder / "bookshop.sqlite")) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
        else:
            server = stack.enter_context(PostgreSQLServer({"max_slot_wal_keep_size": "1GB"}))
            url = server.create_database("bookshop")
            server.run("bookshop", bookshop.script("postgresql"))
        loop_of(install(url))
        served = stack.enter_context(ServedProcess("serve", url, "--port", "0"))
        port = int(served.wait_until_it_serves().rpartition(":")[2])
        for load in loads(chosen.sockets, chosen.rate, chosen.seconds, chosen.readers_per_change):
            loop_of(measured(port, served.pid, url, load))


if __name__ == "__main__":
    main()
