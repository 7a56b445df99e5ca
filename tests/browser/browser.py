"""A headless Chromium of our own, spoken to by its DevTools protocol.

    with Browser() as browser:
        async with browser.tab() as tab:
            await tab.open("http://127.0.0.1:…/docs")
            await tab.until("document.querySelectorAll('.opblock').length > 0")

Rule: it knows no host but this machine, keeps nothing, and is ended by its process id.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from tests.servers.programs import find_program

START_SECONDS = 30.0
WAIT_SECONDS = 60.0
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless=new",
    "--remote-debugging-port=0",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-sync",
    "--no-default-browser-check",
    "--no-first-run",
    "--window-size=1280,1000",
)


class Browser:
    """One process with its profile in a temporary folder."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="reflector-browser-"))
        self._process: subprocess.Popen[bytes]
        self._base = ""

    def __enter__(self) -> Self:
        # The sandbox refuses to work for root; what is shown comes from our own server.
        flags = (*FLAGS, "--no-sandbox") if os.geteuid() == 0 else FLAGS
        program = find_program(NAMES, "chromium")
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [str(program), *flags, f"--user-data-dir={self.folder / 'profile'}", "about:blank"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "HOME": str(self.folder)},
                start_new_session=True,
            )
        self._base = f"http://127.0.0.1:{self._port()}"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            # It leads the group of all that it started.
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _port(self) -> int:
        told = self.folder / "profile" / "DevToolsActivePort"
        for _ in range(int(START_SECONDS / 0.1)):
            if self._process.poll() is not None:
                break
            if told.exists() and (lines := told.read_text().splitlines()):
                return int(lines[0])
            time.sleep(0.1)
        raise AssertionError(f"Chromium did not start:\n{(self.folder / 'log').read_text()[-2000:]}")

    @asynccontextmanager
    async def tab(self) -> AsyncIterator[Tab]:
        """A new tab, closed when the context is left."""
        async with aiohttp.ClientSession() as session:
            async with session.put(f"{self._base}/json/new?about:blank") as reply:
                made = await reply.json()
            async with session.ws_connect(made["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                tab = Tab(socket)
                listening = asyncio.create_task(tab.listen())
                try:
                    for domain in ("Page", "Network", "Runtime", "Log"):
                        await tab.send(f"{domain}.enable")
                    yield tab
                finally:
                    listening.cancel()
                    await asyncio.gather(listening, return_exceptions=True)
            await session.get(f"{self._base}/json/close/{made['id']}")


class Tab:
    """`asked`: the address of every request that the page made; `complained`: what the browser had to say of it."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self.asked: list[str] = []
        self.complained: list[str] = []
        self.answered: dict[str, int] = {}

    async def listen(self) -> None:
        async for message in self._socket:
            said = json.loads(message.data)
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said)
            else:
                self._note(said["method"], said["params"])

    def _note(self, method: str, told: Any) -> None:
        if method == "Network.requestWillBeSent":
            self.asked.append(told["request"]["url"])
        elif method == "Network.responseReceived":
            self.answered[told["response"]["url"]] = told["response"]["status"]
        elif method == "Log.entryAdded":
            self.complained.append(told["entry"]["text"])
        elif method == "Runtime.exceptionThrown":
            self.complained.append(json.dumps(told["exceptionDetails"]))

    async def send(self, method: str, **given: Any) -> Any:
        """One command of the protocol, and its result."""
        number = next(self._numbers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": given})
        said = await asyncio.wait_for(self._answers[number], WAIT_SECONDS)
        assert "error" not in said, said
        return said["result"]

    async def open(self, address: str) -> None:
        await self.send("Page.navigate", url=address)

    async def value(self, expression: str) -> Any:
        """What an expression is in the page; a promise is waited for."""
        done = await self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    async def until(self, expression: str, seconds: float = WAIT_SECONDS) -> None:
        """Ask the page again and again until the answer is true."""
        for _ in range(int(seconds / 0.1)):
            if await self.value(f"Boolean({expression})"):
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"never came true: {expression}; the browser said {self.complained}")

    async def screenshot(self) -> bytes:
        """What the tab shows, as PNG."""
        taken = await self.send("Page.captureScreenshot", format="png")
        return base64.b64decode(taken["data"])
