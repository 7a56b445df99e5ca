"""The real server for tests: in this process on a free port, or as a program of its own.

    async with served("sqlite:///…", writable=True) as api:
        reply = await api.get("/api/book?limit=2")
        assert (reply.status, reply.json["items"]) == (200, [])

    async with served(url, config="auth: …") as api: …        a configuration, without `version` and `database`

    with ServedProcess("serve", url) as process: …            signals, exit statuses, what is said on stderr

Rule: nothing is mocked: requests go through a socket, the runner is the one that serves people.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from types import TracebackType
from typing import IO, Any, Self

import aiohttp
from aiohttp import web
from multidict import CIMultiDictProxy
from yarl import URL

from server.app import Again, Running, start
from server.config import Config, Flags, Seen, address, load
from server.reloading import Source
from tests.server.commanding import Forked, commanded

REPOSITORY = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-m", "server")
START_SECONDS = 30.0
END_SECONDS = 20.0


def configured(
    url: str,
    config: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    writable: bool = False,
    insecure: bool = False,
    host: str = "127.0.0.1",
) -> Config:
    """The configuration of a database and the text of a file, without its `version`, on a free port."""
    flags = Flags(url=url, host=host, port=0, writable=writable, insecure=insecure)
    if config is None:
        return load(None, environ or {}, flags)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config.yaml")
        path.write_text(f"version: 1\n{config}\n")
        return load(path, environ or {}, flags)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, read to its end."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of a problem."""
        return str(self.json["code"])


@dataclass(frozen=True, slots=True)
class Served:
    """A server that runs, and a client of it. `headers` go with every request."""

    running: Running
    session: aiohttp.ClientSession

    @property
    def base(self) -> str:
        return address(self.running.config, self.running.port)

    async def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        *,
        json: Any = None,
        data: bytes | None = None,
    ) -> Reply:
        """One request; the path goes out as it is written."""
        url = URL(self.base + path, encoded=True)
        async with self.session.request(
            method, url, headers=headers, json=json, data=data, allow_redirects=False
        ) as response:
            return Reply(response.status, response.headers, await response.read())

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        return await self.request("GET", path, headers)

    async def post(self, path: str, json: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
        return await self.request("POST", path, headers, json=json)

    async def patch(self, path: str, json: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
        return await self.request("PATCH", path, headers, json=json)

    async def delete(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        return await self.request("DELETE", path, headers)

    async def raw(self, content: bytes) -> bytes:
        """Send bytes as they are, and return all that comes back until the server closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.running.port)
        writer.write(content)
        await writer.drain()
        answer = await asyncio.wait_for(reader.read(), 60)
        writer.close()
        return answer


@asynccontextmanager
async def served(
    url: str,
    config: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    writable: bool = False,
    insecure: bool = False,
    strict: bool = False,
    host: str = "127.0.0.1",
    headers: Mapping[str, str] | None = None,
    routes: Sequence[web.RouteDef] = (),
) -> AsyncIterator[Served]:
    """A server in this process, and a client whose requests all carry `headers`."""
    wanted = configured(url, config, environ=environ, writable=writable, insecure=insecure, host=host)
    running = await start(wanted, strict=strict, routes=routes)
    try:
        async with aiohttp.ClientSession(headers=headers) as session:
            yield Served(running, session)
    finally:
        await running.stop()


@asynccontextmanager
async def reloadable(
    url: str,
    file: Path,
    *,
    environ: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    strict: bool = False,
) -> AsyncIterator[Served]:
    """The same with a configuration that is read again from its file."""
    seen = Seen()
    source = Source(file, environ or {}, Flags(url=url, host="127.0.0.1", port=0))
    config = source.read(seen)
    running = await start(config, strict=strict, again=Again(source.read, config, seen.marks))
    try:
        async with aiohttp.ClientSession(headers=headers) as session:
            yield Served(running, session)
    finally:
        await running.stop()


class ServedProcess:
    """`reflector` as a process of its own, ended when the context is left. What it says is gathered as it comes. `program`
    starts it anew; without it what is imported already is forked, `humble` as `reflector` is."""

    def __init__(
        self,
        *arguments: str,
        environ: Mapping[str, str] | None = None,
        folder: Path | None = None,
        program: Sequence[str] | None = None,
        humble: bool = False,
    ) -> None:
        self._lines: list[str] = []
        self._told: Queue[str | None] = Queue()
        variables, place = environment(environ), folder or REPOSITORY
        self._process: Forked | subprocess.Popen[str]
        if program is None:
            self._process = Forked(arguments, variables, place, humble=humble)
            self._said: IO[str] | None = self._process.said
        else:
            self._process = subprocess.Popen(
                [*program, *arguments],
                cwd=place,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            self._said = self._process.stderr
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def said(self) -> str:
        """What it said on stderr so far; all of it, once it has ended."""
        return "".join(self._lines)

    def wait_until_it_serves(self) -> str:
        """The base address, once the server says that it serves."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            line = self._told.get(timeout=max(0.0, deadline - time.monotonic()))
            assert line is not None, f"it ended with {self._process.wait()}: {self.said}"
            found = re.search(r'[ "]serving .* on ((?:https?://|unix:)[^\s"]+)["\s}]', line)
            if found:
                return found[1]

    def wait_until_it_says(self, words: str) -> str:
        """The next line with these words, of those that nobody has waited past."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            line = self._told.get(timeout=max(0.0, deadline - time.monotonic()))
            assert line is not None, f"it ended with {self._process.wait()}: {self.said}"
            if words in line:
                return line

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        """The exit status, once the program has ended."""
        status = self._process.wait(timeout=END_SECONDS)
        self._reading.join(END_SECONDS)
        return status

    def _read(self) -> None:
        assert self._said is not None
        with self._said as said:
            for line in said:
                self._lines.append(line)
                self._told.put(line)
        self._told.put(None)


def environment(environ: Mapping[str, str] | None) -> dict[str, str]:
    """The variables of a program of ours: those given, and what every program needs. The log is for people, as on a
    terminal, unless the variables say otherwise."""
    own = {
        "REFLECTOR_OBSERVABILITY_LOG": "console",
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "PYTHONPATH": str(REPOSITORY),
    }
    return own | dict(environ or {})


def reflector(
    *arguments: str,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
    humble: bool = False,
) -> tuple[int, str, str]:
    """Run a command to its end: exit status, stdout, stderr. `humble`: also root is refused what a file's mode refuses."""
    return commanded(arguments, environment(environ), folder or REPOSITORY, START_SECONDS, humble=humble)


async def eventually(condition: Any, seconds: float = 10.0) -> Any:
    """Ask again and again until the answer is true; the answer."""
    deadline = time.monotonic() + seconds
    while True:
        answer = await condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, "it never came true"
        await asyncio.sleep(0.05)
