"""Starting servers, waiting until they answer, and what they cost according to the kernel.

Rule: what is started here is stopped here, by its own process id. A process and the workers it starts are measured
together; numbers come from /proc, so this runs on Linux only.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import NoReturn

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
READY = "/health/ready"


class BenchmarkError(Exception):
    """Something that makes the measurement impossible or worthless; the message is for whoever ran it."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers on a local port."""

    name: str
    pid: int
    port: int
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes


def ask(server: Server, method: str, path: str, body: str = "", timeout: float = 60.0) -> Reply:
    """One request on a connection of its own. Raises OSError or HTTPException when nobody answers."""
    headers = dict(server.headers) | ({"Content-Type": "application/json"} if body else {})
    connection = HTTPConnection("127.0.0.1", server.port, timeout=timeout)
    try:
        connection.request(method, path, body.encode() or None, headers)
        response = connection.getresponse()
        return Reply(response.status, response.read())
    finally:
        connection.close()


@contextmanager
def running(
    name: str, command: Sequence[str], port: int, headers: tuple[tuple[str, str], ...] = (), patience: float = 60.0
) -> Iterator[tuple[Server, float]]:
    """The server and how many seconds it took until ready. Raises BenchmarkError with its last words if it never is."""
    with tempfile.TemporaryFile() as words:
        begun = time.perf_counter()
        process = subprocess.Popen(command, stdout=words, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        try:
            server = Server(name, process.pid, port, headers)
            while not _is_ready(server):
                if process.poll() is not None or time.perf_counter() - begun > patience:
                    words.seek(0)
                    _give_up(server, process.poll(), words.read())
                time.sleep(0.005)
            yield server, time.perf_counter() - begun
        finally:
            _stop(process)


def _is_ready(server: Server) -> bool:
    try:
        return ask(server, "GET", READY, timeout=5.0).status == 200
    except OSError:
        return False


def _give_up(server: Server, code: int | None, words: bytes) -> NoReturn:
    fate = "was not ready in time" if code is None else f"ended with code {code}"
    last = "\n".join(words.decode(errors="replace").splitlines()[-20:])
    raise BenchmarkError(f"{server.name} {fate}; it said:\n{last}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def cpu_seconds(pid: int) -> float:
    """What a process and its descendants, those gone included, have used so far of the processor, in seconds."""
    # After the name, which may hold spaces: state is field 3; utime, stime, cutime, cstime are fields 14 to 17.
    return sum(sum(map(int, fields[11:15])) for fields in _stats(pid)) / TICKS


def resident_bytes(pid: int) -> int:
    """Memory that a process and its descendants hold now; pages they share are counted once for each."""
    return sum(int(fields[21]) * PAGE for fields in _stats(pid))


def _stats(pid: int) -> list[list[str]]:
    found: dict[int, list[str]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found[int(entry.name)] = entry.joinpath("stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue  # It ended while we were reading.
    family = [pid]
    for member in family:
        family.extend(child for child, fields in found.items() if int(fields[1]) == member)
    if pid not in found:
        raise BenchmarkError(f"process {pid} ended while it was measured")
    return [found[member] for member in family]


def reflector_command(url: str, port: int, *, config: str | None = None, writable: bool = True) -> list[str]:
    """How Reflector is started on a database."""
    options = ["--port", str(port)]
    options += ["--config", config] if config else []
    options += ["--writable"] if writable and not config else []
    return [sys.executable, "-m", "server", "serve", url, *options]


def stop_politely_when_told() -> None:
    """A SIGTERM ends the program like Ctrl-C, so that everything it started is stopped."""

    def leave(_signal: int, _frame: object) -> NoReturn:
        raise SystemExit(143)

    signal.signal(signal.SIGTERM, leave)
