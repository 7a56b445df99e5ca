"""Several workers read the configuration again: all of them, however they are told, and those that come later too."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

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
        order = urllib.request.Request(f"{base}/admin/reload", method="POST", headers=ADMIN)
        with urllib.request.urlopen(order, timeout=20) as reply:
            assert json.loads(reply.read())["restart"] == []
        until(lambda: ids(base) == {(1, 2)})
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
