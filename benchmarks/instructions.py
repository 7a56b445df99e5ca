"""What one request costs the process that answers it: instructions of the interpreter, and processor time beside the baseline's.

`python -m benchmarks.instructions [--only W1,P3] [--rounds 40] [--functions 20]` prints a Markdown table, a line for each
workload of the end-to-end benchmark. Both servers run in this process, on connections that lead nowhere, and ask the real
database. Instructions do not depend on the machine, nor on what else it does, and so two states of the program can be
compared by them; but they do not see what happens in C. Processor time is the least of many rounds in which both servers
take turns. `--functions` tells in which functions the instructions were.

Rule: a count is of one request in which nothing is done for the first time, with values that were not asked before.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median
from types import FrameType
from typing import Any, Final, cast

from aiohttp import web

from benchmarks import inprocess
from benchmarks.baseline import application
from benchmarks.data import Sizes, default_folder, shop
from benchmarks.run import chosen
from benchmarks.workloads import Ask, Request, Workload
from server.app import start
from server.commands.loop import run
from server.config import Flags, load
from server.garbage import keep_what_is_here, look_seldom

SCALE: Final = 0.01
"""What is not counted here is the database's work, so few rows are enough."""
WARM: Final = 60
COUNTED: Final = 9
TIMED: Final = 20
"""Requests of one round."""
OURS_NOT: Final = frozenset({__file__, inprocess.__file__})
"""Whoever asks is no part of who answers."""


class Connection(inprocess.Nowhere):
    """A connection to nobody, which says that something was written."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self.protocol = protocol
        self._answered: asyncio.Future[None] | None = None
        protocol.connection_made(self)

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        super().write(data)
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(None)

    async def ask(self, request: bytes) -> bytes:
        self._answered = asyncio.get_running_loop().create_future()
        self.protocol.data_received(request)
        await self._answered
        # What is done behind an answer, until the next request can come.
        for _ in range(3):
            await Turn()
        return self.last


class Turn:
    """One turn of the loop."""

    def __await__(self) -> Generator[None]:
        yield


def wire(request: Request) -> bytes:
    body = request.body.encode()
    told = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    return f"{request.method} {request.path} HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n{told}\r\n".encode() + body


@contextmanager
def counting() -> Iterator[Counter[str]]:
    """Instructions by function, while the block lasts."""
    found: Counter[str] = Counter()
    names: dict[object, str] = {}

    def trace(frame: FrameType, event: str, _: object) -> Any:
        code = frame.f_code
        if code.co_filename in OURS_NOT:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            name = names.get(code) or names.setdefault(code, f"{Path(code.co_filename).name}:{code.co_qualname}")
            found[name] += 1
        return trace

    sys.settrace(trace)
    try:
        yield found
    finally:
        sys.settrace(None)


async def counted(connection: Connection, requests: Iterator[bytes]) -> Counter[str]:
    """Instructions of the request that is in the middle of several."""
    seen = []
    for _ in range(COUNTED):
        request = next(requests)
        with counting() as found:
            await connection.ask(request)
        seen.append(found)
    return sorted(seen, key=Counter.total)[COUNTED // 2]


async def microseconds(connection: Connection, requests: Iterator[bytes]) -> float:
    """Processor time of one request."""
    wanted = [next(requests) for _ in range(TIMED)]
    began = time.process_time()
    for request in wanted:
        await connection.ask(request)
    return (time.process_time() - began) / TIMED * 1e6


class Contender:
    """One server, and what it is asked: requests that it has not had before."""

    def __init__(self, connection: Connection, workload: Workload, ask: Ask, sizes: Sizes) -> None:
        values = workload.values(sizes, 1_000_000)
        self.connection = connection
        self.requests = (wire(ask.request(workload.method, each)) for each in values)
        self.status = str(workload.status).encode()
        self.instructions: Counter[str] = Counter()
        self.times: list[float] = []

    async def begin(self) -> None:
        """Raises RuntimeError where the answer is none."""
        for _ in range(WARM):
            answer = await self.connection.ask(next(self.requests))
            if answer.split(b" ", 2)[1] != self.status:
                raise RuntimeError(f"not an answer but {answer[:200]!r}")


async def compared(workload: Workload, contenders: Sequence[Contender], rounds: int, functions: int) -> str:
    for each in contenders:
        await each.begin()
        each.instructions = await counted(each.connection, each.requests)
    for _ in range(rounds):
        for each in contenders:
            each.times.append(await microseconds(each.connection, each.requests))
    by_hand, ours = contenders
    for name, number in ours.instructions.most_common(functions):
        print(f"{workload.name} {number:6,} {name}", file=sys.stderr)
    shares = [mine / theirs for mine, theirs in zip(ours.times, by_hand.times, strict=True)]
    return (
        f"| {workload.name} {workload.title} | {by_hand.instructions.total():,} | {ours.instructions.total():,} "
        f"| {min(by_hand.times):.0f} | {min(ours.times):.0f} | {median(shares):.2f} |"
    )


@asynccontextmanager
async def servers(url: str) -> AsyncIterator[tuple[Connection, Connection]]:
    """A connection to the baseline, and one to ours."""
    runner = web.AppRunner(application(url), access_log=None)
    await runner.setup()
    environ = {"REFLECTOR_PORT": "0", "REFLECTOR_DATABASE_WATCH": "off"}
    running = await start(load(None, environ, Flags(url=url, writable=True)))
    try:
        baseline = cast("web.Server", runner.server)()
        yield Connection(baseline), Connection(running.listener())
    finally:
        await running.stop()
        await runner.cleanup()


async def table(url: str, sizes: Sizes, workloads: Sequence[Workload], rounds: int, functions: int) -> str:
    rows = [
        "| workload | baseline, instructions | ours, instructions | baseline µs | ours µs | × µs |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    async with servers(url) as (by_hand, ours):
        keep_what_is_here()
        for each in workloads:
            if each.ours is not None:
                pair = [Contender(by_hand, each, each.baseline, sizes), Contender(ours, each, each.ours, sizes)]
                rows.append(await compared(each, pair, rounds, functions))
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--only", default="", help="workloads, as in W1,P3; all without it")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--functions", type=int, default=0, help="of the most instructions, to be told")
    parser.add_argument("--folder", type=Path, default=default_folder(), help="where data are kept between runs")
    given = parser.parse_args()
    workloads = chosen([*filter(None, given.only.upper().split(","))])
    sizes = Sizes.scaled(SCALE)
    look_seldom()
    with shop(sizes, given.folder) as database:
        print(run(table(database.url, sizes, workloads, given.rounds, given.functions)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
