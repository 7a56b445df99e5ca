"""Workers of one machine without a Redis: what one of them writes ends the kept answers of all, before its writer knows."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from reflector.catalog.model import DatabaseKind
from reflector.versions import Versions
from reflector.written import Written
from server.cache.answers import AnswerCache
from server.cache.workers import OtherWorkers
from server.siblings import Channel
from tests.bookshops import Databases
from tests.cache.conftest import write_outside
from tests.server.harness import ServedProcess, eventually
from tests.server.test_workers import children

CONFIG = """
version: 1
defaults: {read: true, write: true}
tables: {book: {cache: {ttl: 1h}}, review: {cache: {ttl: 1h}}}
"""


class Worker:
    """One worker, by a connection that stays with it."""

    def __init__(self, base: str) -> None:
        self._connection = HTTPConnection(urlsplit(base).netloc, timeout=20)
        self.name = ""
        self.ask("GET", "/health/live")

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        sent = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if body is not None else {}
        self._connection.request(method, path, sent, headers)
        reply = self._connection.getresponse()
        told = reply.read()
        assert reply.status < 300, told
        self.name = (reply.getheader("X-Request-Id") or "").partition("-")[0]
        return json.loads(told) if told else None

    def title(self) -> str:
        found: str = self.ask("GET", "/api/book/1?fields=title")["title"]
        return found

    def title_by_graphql(self) -> str:
        found = self.ask("POST", "/graphql", {"query": "{book_by_pk(id: 1) {title}}"})
        return str(found["data"]["book_by_pk"]["title"])

    def close(self) -> None:
        self._connection.close()


@contextmanager
def two_workers(base: str) -> Iterator[tuple[Worker, Worker]]:
    """A connection to each: the kernel deals them out."""
    found: dict[str, Worker] = {}
    try:
        for _ in range(100):
            worker = Worker(base)
            if found.setdefault(worker.name, worker) is not worker:
                worker.close()
            if len(found) == 2:
                break
        first, second = found.values()
        yield first, second
    finally:
        for worker in found.values():
            worker.close()


@pytest.fixture
def process(
    kind: DatabaseKind, own_shop: Callable[[DatabaseKind], str], tmp_path: Path
) -> Iterator[tuple[ServedProcess, str]]:
    url, file = own_shop(kind), tmp_path / "config.yaml"
    file.write_text(CONFIG)
    with ServedProcess("serve", url, "--config", str(file), "--port", "0", "--workers", "2") as running:
        yield running, url
        running.signal(signal.SIGTERM)
        assert running.wait() == 0, running.said


def test_one_workers_write_ends_the_answers_of_the_other(
    process: tuple[ServedProcess, str], databases: Databases
) -> None:
    running, url = process
    with two_workers(running.wait_until_it_serves()) as (first, second):
        for worker in (first, second):
            worker.title()
        write_outside(databases, url, "UPDATE book SET title = 'told by nobody' WHERE id = 1;")
        assert "told by nobody" not in {first.title(), second.title()}, "both keep their answers"
        for number in range(20):
            writer, reader = (first, second) if number % 2 else (second, first)
            writer.ask("PATCH", "/api/book/1", {"title": f"by /api {number}"})
            assert reader.title() == reader.title_by_graphql() == f"by /api {number}"
            change = f'mutation {{update_book_by_pk(pk_columns: {{id: 1}}, _set: {{title: "number {number}"}}) {{id}}}}'
            writer.ask("POST", "/graphql", {"query": change})
            assert reader.title() == reader.title_by_graphql() == f"number {number}"


async def test_the_death_of_a_worker_ends_every_answer(
    databases: Databases, own_shop: Callable[[DatabaseKind], str], tmp_path: Path
) -> None:
    """It may have written and told nobody."""
    url, file = own_shop(DatabaseKind.SQLITE), tmp_path / "config.yaml"
    file.write_text(CONFIG)
    with ServedProcess("serve", url, "--config", str(file), "--port", "0", "--workers", "2") as running:
        with two_workers(running.wait_until_it_serves()) as both:
            for worker in both:
                worker.title()
            write_outside(databases, url, "UPDATE book SET title = 'by who died' WHERE id = 1;")
            assert "by who died" not in {worker.title() for worker in both}
            os.kill(children(running.pid)[0], signal.SIGKILL)

            async def fresh() -> bool:
                return {_told(worker) for worker in both} == {"by who died"}

            await eventually(fresh)
        running.signal(signal.SIGTERM)
        running.wait()


def _told(worker: Worker) -> str | None:
    """What it answers; None where it is no more, and the next time another is asked."""
    try:
        return worker.title()
    except (OSError, HTTPException):
        return None


# ── by themselves ────────────────────────────────────────────────────────────────────────────

BOOK, REVIEW = ("main", "book"), ("main", "review")


@pytest.fixture
def caches() -> Iterator[tuple[AnswerCache, AnswerCache]]:
    """Those of two workers."""
    channel = Channel(2)
    made = [AnswerCache(1024, b"x", lambda _: {}, Versions(lambda: 0.0), lambda: 0.0, 1.0) for _ in range(2)]
    for number, cache in enumerate(made, 1):
        cache.workers = OtherWorkers(channel.end_of(number), cache, 5.0)
    yield made[0], made[1]
    channel.close()


def test_what_one_wrote_the_other_knows_when_it_looks(caches: tuple[AnswerCache, AnswerCache]) -> None:
    one, other = caches
    before = other.versions.read([BOOK, REVIEW])
    one.written(Written(frozenset({BOOK})))
    assert other.versions.read([BOOK, REVIEW]) == before
    other.find((0, b"", ""))
    now = other.versions.read([BOOK, REVIEW])
    assert (now[0] != before[0], now[1] == before[1]) == (True, True)
    assert not other.versions.in_doubt([BOOK])
    one.written(Written(frozenset({REVIEW}), certain=False))
    other.find((0, b"", ""))
    assert (other.versions.in_doubt([BOOK]), other.versions.in_doubt([REVIEW])) == (False, True)
    one.written(Written(None))
    before = other.versions.read([BOOK])
    other.find((0, b"", ""))
    assert other.versions.read([BOOK]) != before


def test_what_was_not_delivered_may_have_been_anything(caches: tuple[AnswerCache, AnswerCache]) -> None:
    one, other = caches
    names = frozenset(("main", f"a_table_of_a_long_name_{number}") for number in range(1000))
    before = other.versions.read([BOOK])
    one.written(Written(names))
    other.find((0, b"", ""))
    assert other.versions.read([BOOK]) != before
    assert other.versions.in_doubt([BOOK]), "what was lost may have been a doubt"
