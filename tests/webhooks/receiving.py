"""Receivers of webhooks for tests: real servers on this machine that keep what they are sent, and answer as they are told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

SECONDS = 8.0
SECRET = "a-secret-of-a-webhook-with-forty-letters"
SCHEMA = """
CREATE TABLE note (id INTEGER PRIMARY KEY, title VARCHAR(80) NOT NULL, owner_id INTEGER NOT NULL, phone VARCHAR(20), pin INTEGER);
CREATE TABLE tag (id INTEGER PRIMARY KEY, name VARCHAR(20));
CREATE TABLE member (id INTEGER PRIMARY KEY, owner_id INTEGER NOT NULL);
INSERT INTO note VALUES (1, 'one', 7, '5550001', 1), (2, 'two', 8, '5550002', 2);
"""


@dataclass(frozen=True)
class Message:
    """One request as it came, and how it was answered."""

    headers: Mapping[str, str]
    body: bytes
    status: int

    @property
    def events(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.body)["events"]
        return found


@dataclass
class Receiver:
    """`answers`: status and headers of the next answers, the first first; 204 when there is none."""

    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    port: int = 0
    gate: asyncio.Event | None = None
    came: asyncio.Event = field(default_factory=asyncio.Event)
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def says(self, *statuses: int, **headers: str) -> None:
        self.answers += [
            (status, {name.replace("_", "-"): value for name, value in headers.items()}) for status in statuses
        ]

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.gate is not None:
            await self.gate.wait()
        status, headers = self.answers.pop(0) if self.answers else (204, {})
        self.messages.append(Message({name.lower(): value for name, value in request.headers.items()}, body, status))
        self.came.set()
        return web.Response(status=status, headers=headers)

    async def open(self) -> None:
        app = web.Application()
        app.router.add_post("/hook", self.answer)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Connections are refused from now on."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def taken(self) -> list[dict[str, Any]]:
        """The events of all messages that were taken, each message once."""
        once = {message.headers["webhook-id"]: message for message in self.messages if message.status < 300}
        return [event for message in once.values() for event in message.events]

    async def until(self, holds: Any) -> None:
        """Wait for messages until this is true of the receiver."""
        async with asyncio.timeout(SECONDS):
            while not holds(self):
                self.came.clear()
                await self.came.wait()

    async def events(self, count: int) -> list[dict[str, Any]]:
        """So many taken events, and no more."""
        await self.until(lambda self: len(self.taken) >= count)
        assert len(self.taken) == count, self.taken
        taken = self.taken
        self.messages.clear()
        return taken


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.open()
    try:
        yield receiver
    finally:
        await receiver.close()


def brief(events: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    """What happened to which row."""
    return [(event["op"], event["key"]["id"]) if event["type"] == "change" else ("resync", None) for event in events]
