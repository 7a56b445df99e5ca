"""What one row costs the server's process, from the bytes of a request to the bytes of its answer: REST beside GraphQL.

`python -m benchmarks.inprocess` prints a Markdown table of processor time in microseconds. The whole server runs, with its
gate and the HTTP parser, on a connection that is none; and each statement is asked of the database once: after that its
answer is given again, a turn of the loop later. So neither sockets nor a database are in the figures, and other work on
the machine disturbs them little.

Rule: what is measured is checked first: every answer holds the same row, and none is an error.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from examples import bookshop
from reflector.drivers.protocol import PLAIN, Session
from reflector.sql.plan import Answer, BoundPlan
from server.app import Running, start
from server.commands.loop import run
from server.config import Flags, load
from server.garbage import keep_what_is_here, look_seldom

COLUMNS: Final = "id isbn title price pages"
BY_KEY: Final = f"query ($id: bigint!) {{book_by_pk(id: $id) {{{COLUMNS}}}}}"
BY_LIST: Final = f"query ($limit: Int!) {{book(where: {{id: {{_eq: 7}}}}, limit: $limit) {{{COLUMNS}}}}}"
WARM, TIMES, RUNS = 200, 1000, 7
REST: Final = f"fields={COLUMNS.replace(' ', ',')}"


def got(address: str) -> bytes:
    return f"GET {address} HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n".encode()


def posted(query: str, **variables: object) -> bytes:
    body = orjson.dumps({"query": query, "variables": variables})
    head = f"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


# Numbers that no request before had: a row by its key, and a limit above every limit that has a plan of its own.
QUESTIONS: Final[tuple[tuple[str, Callable[[int], bytes]], ...]] = (
    ("REST, address seen before", lambda _: got(f"/api/book/7?{REST}")),
    ("REST, another key each time", lambda number: got(f"/api/book/{number}?{REST}")),
    ("GraphQL, document and question known, another key each time", lambda number: posted(BY_KEY, id=number)),
    ("GraphQL, document known, executed anew", lambda number: posted(BY_LIST, limit=1000 + number)),
    ("GraphQL, document never seen", lambda number: posted(BY_KEY.replace("isbn", f"a{number}: isbn"), id=7)),
)


class Nowhere(asyncio.Transport):
    """A connection to nobody, which keeps the last thing that was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written, self.last = 0, b""

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self.written, self.last = self.written + 1, bytes(data)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name in ("peername", "sockname") else default

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def close(self) -> None: ...


class AnsweredAtOnce:
    """A database that has been asked everything before."""

    def __init__(self, ask: Callable[[BoundPlan, Session], Any]) -> None:
        self._ask = ask
        self._known: dict[str, Answer] = {}

    async def run(self, plan: BoundPlan, session: Session = PLAIN) -> Answer:
        text = plan.plan.steps[0].text
        if text not in self._known:
            self._known[text] = await self._ask(plan, session)
        await asyncio.sleep(0)
        return self._known[text]


class Client:
    """One connection, and the numbers of its requests."""

    def __init__(self, running: Running) -> None:
        self.transport = Nowhere()
        self.protocol = running.listener()
        self.protocol.connection_made(self.transport)

    async def ask(self, request: bytes) -> bytes:
        before = self.transport.written
        self.protocol.data_received(request)
        while self.transport.written == before:  # noqa: ASYNC110 - an event would cost a turn of the loop more
            await asyncio.sleep(0)
        return self.transport.last

    async def microseconds(self, requests: Iterator[bytes]) -> float:
        """The median of several runs, of one request of each run."""
        for request in itertools.islice(requests, WARM):
            await self.ask(request)
        runs = []
        for _ in range(RUNS):
            wanted = list(itertools.islice(requests, TIMES))
            began = time.process_time()
            for request in wanted:
                await self.ask(request)
            runs.append((time.process_time() - began) / TIMES * 1e6)
        return statistics.median(runs)


async def check(client: Client, question: Callable[[int], bytes]) -> None:
    """Raises RuntimeError where the answer is not the row."""
    answer = await client.ask(question(7))
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 ") or b'"978' not in body or b"errors" in body:
        raise RuntimeError(f"no row but {answer[:200]!r}")


async def table(folder: Path) -> str:
    path = folder / "bookshop.sqlite"
    bookshop.load_sqlite(path)
    environ = {"REFLECTOR_PORT": "0", "REFLECTOR_DATABASE_WATCH": "off", "REFLECTOR_LIMITS_ROWS": "1000000"}
    running = await start(load(None, environ, Flags(url=f"sqlite:///{path}")))
    try:
        driver = running.engine.driver
        driver.run = AnsweredAtOnce(driver.run).run  # type: ignore[method-assign]
        client = Client(running)
        keep_what_is_here()
        rows = ["| one row | µs | above REST |", "| --- | ---: | ---: |"]
        least = 0.0
        for name, question in QUESTIONS:
            await check(client, question)
            cost = await client.microseconds(map(question, itertools.count(8)))
            least = least or cost
            rows.append(f"| {name} | {cost:.0f} | {cost - least:+.0f} |")
        return "\n".join(rows)
    finally:
        await running.stop()


def main() -> int:
    argparse.ArgumentParser(prog="python -m benchmarks.inprocess", description=__doc__).parse_args()
    look_seldom()
    with tempfile.TemporaryDirectory() as folder:
        print(run(table(Path(folder))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
