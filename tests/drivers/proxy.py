"""A proxy between a driver and its server, which can be told to break the link at the worst moment."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

Judge = Callable[[bytes], bool]


def never(_: bytes) -> bool:
    return False


def as_it_is(sent: bytes) -> bytes:
    return sent


class Proxy:
    """Passes bytes on, until `cut_before` or `cut_after` says of some sent bytes that the link is to break there.

    `cut_before`: the server never sees them. `cut_after`: it does, and its answer is lost. `mute` swallows every
    answer and keeps the link. What is sent reaches the server as `reworded` has it, which keeps its length.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.cut_before: Judge = never
        self.cut_after: Judge = never
        self.mute = False
        self.reworded: Callable[[bytes], bytes] = as_it_is
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def url(self, direct: str) -> str:
        """The way to a database through here, readable: MariaDB offers TLS from 11.4 on, and a driver takes it."""
        through = direct.replace(f":{self._target[1]}/", f":{self.port}/")
        return f"{through}?ssl_mode=disabled" if through.startswith("mysql") else through

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        back, forth = await asyncio.open_connection(*self._target)
        answers = asyncio.create_task(self._answers(back, writer))
        try:
            while sent := await reader.read(65536):
                if self.cut_before(sent):
                    break
                cut = self.cut_after(sent)
                if cut:
                    answers.cancel()
                    await asyncio.wait([answers])
                forth.write(self.reworded(sent))
                await forth.drain()
                if cut:
                    await back.read(65536)  # the server has done it, and nobody hears
                    break
        except ConnectionError:
            pass  # one side has gone: the other follows
        finally:
            answers.cancel()
            writer.transport.abort()
            forth.transport.abort()

    async def _answers(self, back: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while said := await back.read(65536):
                if not self.mute:
                    writer.write(said)
        except ConnectionError:
            pass  # as above
        writer.transport.abort()
