"""A client of `/ws` for tests: frames in, frames out, and a picture of a table that is kept up to date by them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from tests.server.harness import Served

SECONDS = 10.0
Frame = dict[str, Any]


class Client:
    """One socket."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws

    async def send(self, **frame: Any) -> None:
        await self.ws.send_json(frame)

    async def next(self, seconds: float = SECONDS) -> Frame:
        """The next frame."""
        frame: Frame = await self.ws.receive_json(timeout=seconds)
        return frame

    async def ask(self, **frame: Any) -> Frame:
        await self.send(**frame)
        return await self.next()

    async def follow(self, table: str, id_: str = "1", **more: Any) -> Frame:
        """Subscribe, and the `ready` that answers."""
        frame = await self.ask(type="subscribe", id=id_, table=table, **more)
        assert frame["type"] == "ready", frame
        return frame

    async def changes(self, count: int) -> list[Frame]:
        frames = [await self.next() for _ in range(count)]
        assert all(frame["type"] == "change" for frame in frames), frames
        return frames

    async def silence(self) -> None:
        """Nothing was told up to now: a ping is answered first."""
        assert (await self.ask(type="ping"))["type"] == "pong"

    async def closed(self) -> tuple[int | None, str]:
        """The code and the reason with which the server closes, whatever it says before."""
        while True:
            message = await self.ws.receive(SECONDS)
            if message.type is aiohttp.WSMsgType.CLOSE:
                return message.data, str(message.extra or "")  # the client's own code would tell how its answer went
            if message.type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING}:
                return self.ws.close_code, str(message.extra or "")


@asynccontextmanager
async def connected(api: Served, headers: Mapping[str, str] | None = None) -> AsyncIterator[Client]:
    async with api.session.ws_connect(api.base + "/ws", headers=headers) as ws:
        yield Client(ws)


class Picture:
    """The rows that a subscriber knows, by key."""

    def __init__(self) -> None:
        self.rows: dict[str, Any] = {}
        self.cursor: str | None = None
        self.stale = False

    def take(self, frame: Frame) -> None:
        match frame["type"]:
            case "initial":
                self.rows = {str({"id": row["id"]}): row for row in frame["items"]}
                self.stale = False
            case "change" if frame["op"] in ("delete", "leave"):
                self.rows.pop(str(frame["key"]), None)
            case "change":
                key = str(frame["key"])
                self.rows[key] = {**self.rows.get(key, {}), **frame["new"]}
            case "resync":
                self.stale = True
        self.cursor = frame.get("cursor", self.cursor)


async def settled() -> None:
    """Long enough for a change to be captured and told, were it to be told."""
    await asyncio.sleep(0.25)
