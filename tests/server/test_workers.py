"""Several processes on one port: they share what they must, one that dies is replaced, and all end in order."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import time
import urllib.error
import urllib.request
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.server.harness import ServedProcess, eventually, reflector

TAG = json.dumps({"name": "NAME"}).encode()


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be noticed does not."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def ask(url: str, headers: dict[str, str] | None = None) -> tuple[int, str, bytes]:
    """Status, beginning of the request's id (which tells one process from another) and body, by a new connection."""
    request = urllib.request.Request(url, headers={"Connection": "close", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return reply.status, reply.headers["X-Request-Id"].partition("-")[0], reply.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, "", refused.read()


def test_connections_are_shared_and_cursors_hold_everywhere(bookshop: str) -> None:
    with ServedProcess("serve", bookshop, "--port", "0", "--workers", "2") as process:
        base = process.wait_until_it_serves()
        assert len(children(process.pid)) == 2
        url, seen, answered = f"{base}/api/book?limit=7&fields=id", list[int](), Counter[str]()
        while url:
            status, who, body = ask(url)
            page = json.loads(body)
            seen += [each["id"] for each in page["items"]]
            answered[who] += 1
            assert status == 200
            url = base + page["page"]["next"] if page["page"]["next"] else ""
        assert seen == sorted(set(seen))
        assert len(seen) > 100
        assert len(answered) == 2
        assert ask(f"{base}/ws")[0] == 422
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
    assert process.said.count("serving sqlite") == 1


def test_an_access_token_that_is_made_is_shown_once_and_holds_everywhere(bookshop: str) -> None:
    with ServedProcess("serve", bookshop, "--host", "0.0.0.0", "--port", "0", "--workers", "2") as process:
        base = process.wait_until_it_serves()
        found = asyncio.run(eventually(lambda: shown(process)))
        answers = [ask(f"{base}/api/book?limit=1", {"Authorization": f"Bearer {found}"}) for _ in range(24)]
        assert {status for status, _, _ in answers} == {200}
        assert len({who for _, who, _ in answers}) == 2
        assert ask(f"{base}/api/book?limit=1")[0] == 401
        process.signal(signal.SIGTERM)
        process.wait()
    assert process.said.count(found) == 1


async def shown(process: ServedProcess) -> str | None:
    found = re.search(r"access token, for this start alone: (\S+)\n", process.said)
    return found and found[1]


async def test_a_worker_that_dies_is_replaced(bookshop: str) -> None:
    with ServedProcess("serve", bookshop, "--port", "0", "--workers", "2") as process:
        base = process.wait_until_it_serves()
        first, second = children(process.pid)
        for victim in (first, second):
            os.kill(victim, signal.SIGKILL)

            async def replaced(victim: int = victim) -> bool:
                now = children(process.pid)
                return len(now) == 2 and victim not in now

            await eventually(replaced)

        async def both_answer() -> bool:
            asked = [await asyncio.to_thread(ask_or_not, f"{base}/api/book?limit=1") for _ in range(16)]
            return len({who for status, who in asked if status == 200}) == 2

        await eventually(both_answer)
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
    assert len(re.findall(r"worker \d ended by SIGKILL", process.said)) == 2


def ask_or_not(url: str) -> tuple[int, str]:
    try:
        return ask(url)[:2]
    except OSError:
        return 0, ""


async def test_requests_under_way_are_finished_by_all_of_them(own_bookshop: str) -> None:
    """Two hundred writes have begun when the server is told to end: each of them is done and answered."""
    with ServedProcess("serve", own_bookshop, "--port", "0", "--workers", "2", "--writable") as process:
        base = urlsplit(process.wait_until_it_serves())
        begun = [await asyncio.open_connection(base.hostname, base.port) for _ in range(200)]
        for number, (_, writer) in enumerate(begun):
            body = TAG.replace(b"NAME", b"tag%03d" % number)
            head = f"POST /api/tag HTTP/1.1\r\nHost: {base.netloc}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body[:5])
            await writer.drain()
        await asyncio.sleep(0.5)
        process.signal(signal.SIGTERM)
        began = time.monotonic()
        await asyncio.sleep(0.5)
        for number, (_, writer) in enumerate(begun):
            writer.write(TAG.replace(b"NAME", b"tag%03d" % number)[5:])
        answers = [await asyncio.wait_for(reader.readline(), 20) for reader, _ in begun]
        for _, writer in begun:
            writer.close()
        assert Counter(answer[:12] for answer in answers) == {b"HTTP/1.1 201": 200}
        assert await asyncio.to_thread(process.wait) == 0
        assert time.monotonic() - began < 15


def test_a_second_signal_ends_all_at_once(bookshop: str) -> None:
    with ServedProcess("serve", bookshop, "--port", "0", "--workers", "2") as process:
        base = urlsplit(process.wait_until_it_serves())
        workers = children(process.pid)
        with closing(socket.create_connection((str(base.hostname), int(base.port or 0)))) as slow:
            slow.sendall(
                b"POST /api/tag HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
            )
            time.sleep(0.3)
            process.signal(signal.SIGTERM)
            time.sleep(0.5)
            began = time.monotonic()
            process.signal(signal.SIGTERM)
            assert process.wait() == 1
            assert time.monotonic() - began < 3
        assert [pid for pid in workers if alive(pid)] == []


def test_ctrl_c_ends_in_order_though_every_process_hears_it(bookshop: str) -> None:
    with ServedProcess("serve", bookshop, "--port", "0", "--workers", "2") as process:
        process.wait_until_it_serves()
        for pid in (*children(process.pid), process.pid):
            os.kill(pid, signal.SIGINT)
        assert process.wait() == 130
    assert "Traceback" not in process.said


async def test_no_worker_outlives_whoever_looks_after_it(bookshop: str) -> None:
    with ServedProcess("serve", bookshop, "--port", "0", "--workers", "2") as process:
        process.wait_until_it_serves()
        workers = children(process.pid)
        process.signal(signal.SIGKILL)
        process_ended = await asyncio.to_thread(process._process.wait, 20)

        async def all_gone() -> bool:
            return not any(map(alive, workers))

        await eventually(all_gone)
        assert process_ended == -signal.SIGKILL


@pytest.mark.parametrize("number", ["0", "65", "many"])
def test_a_number_of_workers_is_a_number(bookshop: str, number: str) -> None:
    status, _, err = reflector("serve", bookshop, "--workers", number)
    assert (status, "workers" in err) == (2, True)


def test_what_stands_in_the_way_is_told_once(bookshop: str, tmp_path: Path) -> None:
    status, _, err = reflector("serve", f"sqlite:///{tmp_path}/nothing.sqlite", "--port", "0", "--workers", "3")
    assert status == 2
    assert len([line for line in err.splitlines() if line.startswith("reflector:")]) == 1
    with ServedProcess("serve", bookshop, "--port", "0", "--workers", "2") as process:
        port = str(urlsplit(process.wait_until_it_serves()).port)
        for workers in ("1", "2"):
            status, _, err = reflector("serve", bookshop, "--port", port, "--workers", workers)
            assert (status, [port in line for line in err.splitlines() if line.startswith("reflector:")]) == (2, [True])


def test_figures_are_those_of_all_workers(bookshop: str, tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    environ = {"REFLECTOR_OBSERVABILITY_METRICS_PORT": str(port)}
    with ServedProcess("serve", bookshop, "--port", "0", "--workers", "3", environ=environ) as process:
        base = process.wait_until_it_serves()
        for _ in range(30):
            ask(f"{base}/api/book?limit=1")
        for _ in range(4):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as reply:
                families = {each.name: each for each in text_string_to_metric_families(reply.read().decode())}
            asked = [each for each in families["reflector_requests"].samples if each.labels["api"] == "resource"]
            assert sum(each.value for each in asked) == 30
            assert [each.value for each in families["reflector_workers"].samples] == [3]
            assert {each.labels["worker"] for each in families["reflector_info"].samples} == {"1", "2", "3"}
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
