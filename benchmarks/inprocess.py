"""What an answer costs the server's process, from the bytes of a request to its own: REST beside PostgREST's grammar and GraphQL.

`python -m benchmarks.inprocess [--rounds 150]` prints a Markdown table of processor time in microseconds, the least of many
rounds in which all are asked in turns. The whole server runs, with its
gate and the HTTP parser, on a connection that is none; and each statement is asked of the database once: after that its
answer is given again, a turn of the loop later. So neither sockets nor a database are in the figures, and other work on
the machine disturbs them little.

Rule: what is measured is checked first: every answer holds the same row, and none is an error.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
WARM = 200
REST: Final = f"fields={COLUMNS.replace(' ', ',')}"
SELECT: Final = f"select={COLUMNS.replace(' ', ',')}"


def got(address: str) -> bytes:
    return f"GET {address} HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n".encode()


def posted(query: str, **variables: object) -> bytes:
    body = orjson.dumps({"query": query, "variables": variables})
    head = f"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked `times` a round. `number` is one that no request before had; `beside` is the row that it is compared with."""

    name: str
    request: Callable[[int], bytes]
    beside: int
    times: int = 40


# A number is a row by its key, or a limit above every limit that has a plan of its own.
QUESTIONS: Final = (
    Question("`/api`: one row, address seen before", lambda _: got(f"/api/book/7?{REST}"), 0),
    Question("`/api`: one row, another key each time", lambda number: got(f"/api/book/{number}?{REST}"), 1),
    Question("`/api`: 20 rows", lambda _: got(f"/api/book?{REST}&sort=id&limit=20"), 2),
    Question("`/rest/v1`: one row, address seen before", lambda _: got(f"/rest/v1/book?{SELECT}&id=eq.7"), 0),
    Question(
        "`/rest/v1`: one row, another key each time", lambda number: got(f"/rest/v1/book?{SELECT}&id=eq.{number}"), 1
    ),
    Question("`/rest/v1`: 20 rows", lambda _: got(f"/rest/v1/book?{SELECT}&order=id&limit=20"), 2),
    Question(
        "GraphQL: document and question known, another key each time", lambda number: posted(BY_KEY, id=number), 1
    ),
    Question("GraphQL: document known, executed anew", lambda number: posted(BY_LIST, limit=1000 + number), 1),
    Question(
        "GraphQL: document never seen", lambda number: posted(BY_KEY.replace("isbn", f"a{number}: isbn"), id=7), 1, 10
    ),
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

    async def microseconds(self, requests: Iterator[bytes], times: int) -> float:
        """Processor time of one request of so many."""
        wanted = list(itertools.islice(requests, times))
        began = time.process_time()
        for request in wanted:
            await self.ask(request)
        return (time.process_time() - began) / times * 1e6


async def least(client: Client, rounds: int) -> list[float]:
    """The least that each question cost in any round: what disturbs a round makes it dearer and never cheaper."""
    asked = [map(each.request, itertools.count(8)) for each in QUESTIONS]
    for requests in asked:
        await client.microseconds(requests, WARM)
    found = [float("inf")] * len(asked)
    for _ in range(rounds):
        for place, (each, requests) in enumerate(zip(QUESTIONS, asked, strict=True)):
            found[place] = min(found[place], await client.microseconds(requests, each.times))
    return found


async def check(client: Client, question: Callable[[int], bytes]) -> None:
    """Raises RuntimeError where the answer is not the row."""
    answer = await client.ask(question(7))
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 ") or b'"978' not in body or b"errors" in body:
        raise RuntimeError(f"no row but {answer[:200]!r}")


async def table(folder: Path, rounds: int) -> str:
    path = folder / "bookshop.sqlite"
    bookshop.load_sqlite(path)
    environ = {"REFLECTOR_PORT": "0", "REFLECTOR_DATABASE_WATCH": "off", "REFLECTOR_LIMITS_ROWS": "1000000"}
    running = await start(load(None, environ, Flags(url=f"sqlite:///{path}")))
    try:
        driver = running.engine.driver
        driver.run = AnsweredAtOnce(driver.run).run  # type: ignore[method-assign]
        client = Client(running)
        keep_what_is_here()
        for each in QUESTIONS:
            await check(client, each.request)
        costs = await least(client, rounds)
        rows = ["| answer | µs | beside `/api` |", "| --- | ---: | ---: |"]
        for each, cost in zip(QUESTIONS, costs, strict=True):
            rows.append(f"| {each.name} | {cost:.1f} | {cost / costs[each.beside]:.2f} |")
        return "\n".join(rows)
    finally:
        await running.stop()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inprocess", description=__doc__)
    parser.add_argument("--rounds", type=int, default=150)
    rounds = parser.parse_args().rounds
    look_seldom()
    with tempfile.TemporaryDirectory() as folder:
        print(run(table(Path(folder), rounds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
