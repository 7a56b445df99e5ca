"""Poolers that take from a connection what it begins with: they are refused, for no limit of ours would hold behind them."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, TypeAlias

import pytest

from reflector.database_url import parse_database_url
from reflector.drivers import open_driver
from reflector.drivers.protocol import Settings
from reflector.errors import ConnectionRefused
from tests.servers import PostgreSQLServer

Handle: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
TLS_WANTED: Final = 80877103
REFUSED: Final = b"SFATAL\0C08P01\0Munsupported startup parameter: IntervalStyle\0\0"


async def began_with(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> list[bytes]:
    """The names and values that a connection begins with, in turns."""
    while True:
        (length,) = struct.unpack("!i", await reader.readexactly(4))
        body = await reader.readexactly(length - 4)
        if struct.unpack("!i", body[:4]) != (TLS_WANTED,):
            return body[4:].rstrip(b"\0").split(b"\0")
        writer.write(b"N")


def dropping(server: PostgreSQLServer) -> Handle:
    """Passes on who connects to what, and no setting."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = await began_with(reader, writer)
        kept = [
            part
            for pair in zip(said[::2], said[1::2], strict=True)
            if pair[0] in {b"user", b"database"}
            for part in pair
        ]
        body = struct.pack("!i", 196608) + b"\0".join(kept) + b"\0\0"
        beyond, onto = await asyncio.open_connection(server.host, server.port)
        onto.write(struct.pack("!i", len(body) + 4) + body)
        await asyncio.gather(piped(reader, onto), piped(beyond, writer))

    return handle


async def refusing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await began_with(reader, writer)
    writer.write(b"E" + struct.pack("!i", len(REFUSED) + 4) + REFUSED)
    await closed(writer)


async def piped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
    await closed(writer)


async def closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


@asynccontextmanager
async def pooler(handle: Handle) -> AsyncIterator[str]:
    """The URL of what stands before PostgreSQL."""
    running: set[asyncio.Task[None]] = set()

    async def kept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(handle(reader, writer))
        running.add(task)
        await task

    async with await asyncio.start_server(kept, "127.0.0.1", 0) as listening:
        yield f"postgresql://postgres@127.0.0.1:{listening.sockets[0].getsockname()[1]}/postgres"
        await asyncio.gather(*running)


async def refused(url: str) -> str:
    driver = open_driver(parse_database_url(url), Settings(pool_size=1))
    try:
        with pytest.raises(ConnectionRefused) as found:
            await driver.open()
    finally:
        await driver.close()
    return found.value.message


async def test_a_pooler_that_drops_settings_is_refused(postgresql_server: PostgreSQLServer) -> None:
    async with pooler(dropping(postgresql_server)) as url:
        assert "does not take the settings of a connection" in await refused(url)


async def test_a_pooler_that_refuses_settings_is_told_as_one() -> None:
    async with pooler(refusing) as url:
        assert "does not take the settings of a connection" in await refused(url)
