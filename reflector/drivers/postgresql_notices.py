"""What PostgreSQL says on a channel (`NOTIFY`), heard on a connection of its own.

Rule: a connection that broke without a word is found out by asking it something now and then; what was said meanwhile is
lost, so whoever listens again has to believe that something was said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import asyncpg

from reflector.database_url import DatabaseUrl
from reflector.drivers.postgresql import PostgreSQLDriver
from reflector.drivers.protocol import Settings
from reflector.errors import DatabaseUnavailable, ReflectorError

ASKED_SECONDS: Final = 30.0
ASKS: Final = "SELECT 1"
FAULTS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # so the library calls a connection that ends between the messages of one command
    OSError,
    TimeoutError,
)


async def hear(
    url: DatabaseUrl, settings: Settings, channel: str, heard: Callable[[str], None], begun: Callable[[], None]
) -> None:
    """Call `heard` with the payload of each notice, from `begun` on, until the connection ends.

    Raises ReflectorError where nobody can listen: no connection, or a server that only follows another one.
    """
    driver = PostgreSQLDriver(url, replace(settings, pool_size=1, writable=False))
    try:
        connection = await driver.connect()
    except Exception as error:
        raise driver.refusal(error) or DatabaseUnavailable("no connection to the database can be had") from error
    ended = asyncio.get_running_loop().create_future()

    def told(_: Any, __: int, ___: str, payload: object) -> None:
        heard(str(payload))

    def over(_: Any) -> None:
        if not ended.done():
            ended.set_result(None)

    connection.raw.add_termination_listener(over)
    try:
        await connection.raw.add_listener(channel, told)
        begun()
        while not ended.done():
            await asyncio.wait((ended,), timeout=ASKED_SECONDS)
            if not ended.done():
                await connection.own_rows(ASKS, ())
    except ReflectorError:
        raise
    except FAULTS as error:
        raise DatabaseUnavailable("the database says nothing on that channel") from error
    finally:
        connection.terminate()
