"""What goes out on sockets: frames put together and written in one piece, and only as fast as each reader reads.

A first frame goes out at once; those that follow shortly after go out together, because a write costs more than a
frame. All sockets have their turn at one tick, the later the more of them there are.

Rule: what waits is bounded. A reader who is too slow loses everything that waits, is told to resync when they have
caught up, and is let go when they never do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from reflector.changes.mailbox import Mailbox

GATHER_SECONDS: Final = 20e-6
"""For each open socket: about what two writes cost."""
LONGEST_GATHER: Final = 0.02
RETRY_SECONDS: Final = 0.05
BUFFERED: Final = 256 * 1024
"""Bytes in the transport beyond which nothing more is handed to it."""
PATIENCE_SECONDS: Final = 10.0


class Ticker:
    """When the sockets of one server are written to."""

    def __init__(self) -> None:
        self.sockets = 0
        self._waiting: list[Outbound] = []
        self._timer: asyncio.Handle | None = None
        self._last = 0.0

    def add(self, outbound: Outbound) -> None:
        """Flush it at the next tick."""
        self._waiting.append(outbound)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            wait = self._last + min(LONGEST_GATHER, GATHER_SECONDS * self.sockets) - loop.time()
            self._timer = loop.call_later(wait, self._tick) if wait > 0 else loop.call_soon(self._tick)

    def _tick(self) -> None:
        waiting, self._waiting, self._timer = self._waiting, [], None
        self._last = asyncio.get_running_loop().time()
        for outbound in waiting:
            outbound.flush()


class Outbound:
    """One socket's frames. `behind` is called when the reader has caught up after an overflow, `hopeless` when never."""

    def __init__(
        self,
        transport: asyncio.Transport,
        ticker: Ticker,
        behind: Callable[[], None],
        hopeless: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._ticker = ticker
        self._behind = behind
        self._hopeless = hopeless
        self._mailbox: Mailbox[bytes] = Mailbox()
        self._due = False
        self._retry: asyncio.TimerHandle | None = None
        self._stuck_since: float | None = None
        self._closed = False

    def put(self, frame: bytes) -> None:
        """Send the frame, now or together with the next ones."""
        if not self._mailbox.put(frame, len(frame)) and self._stuck_since is None:
            self._stuck_since = asyncio.get_running_loop().time()
        if not self._due:
            self._due = True
            self._ticker.add(self)

    def flush(self) -> None:
        """Write what waits, as far as the reader keeps up."""
        if self._closed or self._transport.is_closing():
            return  # what is put from now on waits for nobody
        if self._transport.get_write_buffer_size() > BUFFERED:
            self._wait()
            return
        self._due = False
        if self._mailbox.overflown:
            self._mailbox.reopen()
            self._stuck_since = None
            self._behind()
        frames = self._mailbox.take()
        if frames:
            self._transport.write(frames[0] if len(frames) == 1 else b"".join(frames))

    def close(self) -> None:
        """Nothing goes out any more."""
        self._closed = self._due = True
        self._mailbox.take()
        if self._retry is not None:
            self._retry.cancel()

    def _wait(self) -> None:
        """The reader is behind: try again later, or give them up."""
        loop = asyncio.get_running_loop()
        if self._stuck_since is not None and loop.time() - self._stuck_since > PATIENCE_SECONDS:
            self._hopeless()
        else:
            self._retry = loop.call_later(RETRY_SECONDS, self.flush)
