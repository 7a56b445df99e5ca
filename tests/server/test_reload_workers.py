"""Several workers read the configuration again: all of them, however they are told, and those that come later too."""

from __future__ import annotations

import http.client
import json
import os
import signal
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.server.harness import ServedProcess
from tests.server.test_reload import ADMIN, FIRST, SECOND, replaced
from tests.server.test_workers import ask, children

ENOUGH = 8
"""Requests by new connections, among which each of two workers has one, in all likelihood."""
SECONDS = 30.0


def until(holds: Callable[[], bool]) -> None:
    """Wait for what other processes do."""
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def ids(base: str) -> set[tuple[int, ...]]:
    """What all workers answer."""
    replies = [ask(f"{base}/api/book?sort=id") for _ in range(ENOUGH)]
    assert {status for status, _, _ in replies} == {200}
    return {tuple(row["id"] for row in json.loads(body)["items"]) for _, _, body in replies}


def words(base: str) -> set[str]:
    return {json.loads(ask(f"{base}/health/ready")[2])["status"] for _ in range(ENOUGH)}


def ordered(base: str) -> tuple[int, Any]:
    """Status and answer of an administrator's order."""
    order = urllib.request.Request(f"{base}/admin/reload", method="POST", headers=ADMIN)
    with urllib.request.urlopen(order, timeout=30) as reply:
        return reply.status, json.loads(reply.read())


def test_what_an_order_was_answered_holds_at_every_worker(bookshop: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    quiet = "server: {watch: off, port: 0, workers: 3}\n"
    file.write_text(FIRST + quiet)
    with ServedProcess("serve", bookshop, "--config", str(file)) as process:
        base = process.wait_until_it_serves()
        for text, seen in ((SECOND, (3,)), (FIRST, (1, 2))) * 3:
            file.write_text(text + quiet)
            status, answer = ordered(base)
            assert (status, answer["behind"], answer["closed"]) == (200, [], [])
            assert ids(base) == {seen}
        # Who dies later is replaced by one that begins with what was ordered, though nobody was told by signal.
        file.write_text(SECOND + quiet)
        assert ordered(base)[0] == 200
        for dead in children(process.pid):
            os.kill(dead, signal.SIGKILL)
        until(lambda: len(children(process.pid)) == 3)
        until(lambda: answers(base))
        assert ids(base) == {(3,)}


def answers(base: str) -> bool:
    """Whether somebody does."""
    try:
        return ask(f"{base}/api/book")[0] == 200
    except OSError:
        return False


def test_an_order_names_who_did_not_follow(bookshop: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    quiet = "server: {watch: off, port: 0, workers: 2}\n"
    file.write_text(FIRST + quiet)
    with ServedProcess("serve", bookshop, "--config", str(file)) as process:
        base = process.wait_until_it_serves()
        held = children(process.pid)[1]
        os.kill(held, signal.SIGSTOP)
        try:
            file.write_text(SECOND + quiet)
            status, answer = by_one_that_answers(base)
            assert (status, answer["changed"] != []) == (202, True)
            assert len(answer["behind"]) == 1
        finally:
            os.kill(held, signal.SIGCONT)
        until(lambda: ids(base) == {(3,)})
        assert ordered(base) == (200, {"changed": [], "restart": [], "closed": [], "behind": []})


def by_one_that_answers(base: str) -> tuple[int, Any]:
    """The order, over a connection whose other end is not held: which process gets one the kernel says."""
    deadline = time.monotonic() + SECONDS
    while True:
        connection = http.client.HTTPConnection(base.removeprefix("http://"), timeout=2)
        with closing(connection), suppress(OSError):
            connection.request("GET", "/health/live")
            assert connection.getresponse().read()
            assert connection.sock is not None
            connection.sock.settimeout(SECONDS)
            connection.request("POST", "/admin/reload", headers=ADMIN)
            reply = connection.getresponse()
            return reply.status, json.loads(reply.read())
        assert time.monotonic() < deadline


def test_all_workers_read_again_and_so_do_later_ones(bookshop: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    quiet = "server: {watch: off, port: 0, workers: 2}\n"
    file.write_text(FIRST + quiet)
    with ServedProcess("serve", bookshop, "--config", str(file)) as process:
        base = process.wait_until_it_serves()
        assert ids(base) == {(1, 2)}
        file.write_text(SECOND + quiet)
        process.signal(signal.SIGHUP)
        until(lambda: ids(base) == {(3,)})
        file.write_text(FIRST + quiet)
        assert ordered(base)[1]["restart"] == []
        assert ids(base) == {(1, 2)}
        # What is wrong is known to those alone who bind rules to the database; and later workers begin with what
        # the others serve by.
        file.write_text(SECOND.replace("id == 3", "id == claims.sub") + quiet)
        process.signal(signal.SIGHUP)
        until(lambda: words(base) == {"degraded"})
        before = children(process.pid)
        os.kill(before[0], signal.SIGKILL)
        until(lambda: len(set(children(process.pid)) - {before[0]}) == 2)
        until(lambda: words(base) == {"degraded"})
        assert ids(base) == {(1, 2)}
        process.signal(signal.SIGTERM)
        assert process.wait() == 0


def test_a_file_that_changes_is_seen_for_all_workers(bookshop: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    quick = "server: {watch: 100ms, port: 0, workers: 2}\n"
    file.write_text(FIRST + quick)
    with ServedProcess("serve", bookshop, "--config", str(file)) as process:
        base = process.wait_until_it_serves()
        replaced(file, SECOND + quick)
        until(lambda: ids(base) == {(3,)})
        before = children(process.pid)
        os.kill(before[0], signal.SIGKILL)
        until(lambda: len(set(children(process.pid)) - {before[0]}) == 2)
        assert ids(base) == {(3,)}
        process.signal(signal.SIGTERM)
        assert process.wait() == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_a_secret_is_never_said(bookshop: str, tmp_path: Path, workers: int) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(FIRST + f"server: {{watch: off, port: 0, workers: {workers}}}\n")
    with ServedProcess("serve", bookshop, "--config", str(file), "--verbose") as process:
        base = process.wait_until_it_serves()
        file.write_text("secret-canary-in-a-file-that-is-none: [\n" + FIRST)
        process.signal(signal.SIGHUP)
        until(lambda: words(base) == {"degraded"})
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
    assert "canary" not in process.said
    assert ADMIN["X-Reflector-Admin-Secret"] not in process.said
