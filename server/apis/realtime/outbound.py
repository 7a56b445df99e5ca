"""What goes out on one socket: frames put together and written in one piece, and only as fast as the reader reads.

A first frame goes out at once; those that follow shortly after go out together, because a write costs more than a
frame. How shortly depends on how many sockets there are: all of them must get their turn.

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


class Outbound:
    """One socket's frames. `behind` is called when the reader has caught up after an overflow, `hopeless` when never."""

    def __init__(
        self,
        transport: asyncio.Transport,
        sockets: Callable[[], int],
        behind: Callable[[], None],
        hopeless: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._sockets = sockets
        self._behind = behind
        self._hopeless = hopeless
        self._loop = asyncio.get_running_loop()
        self._mailbox: Mailbox[bytes] = Mailbox()
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None
        self._written = 0.0
        self._stuck_since: float | None = None
        self._closed = False

    def put(self, frame: bytes) -> None:
        """Send the frame, now or together with the next ones."""
        if self._closed:
            return
        if not self._mailbox.put(frame, len(frame)) and self._stuck_since is None:
            self._stuck_since = self._loop.time()
        if self._timer is None:
            now = self._loop.time()
            wait = self._written + min(LONGEST_GATHER, GATHER_SECONDS * self._sockets()) - now
            self._timer = self._loop.call_later(wait, self.flush) if wait > 0 else self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write what waits, as far as the reader keeps up."""
        self._stop_timer()
        if self._closed or self._transport.is_closing():
            return
        now = self._loop.time()
        if self._transport.get_write_buffer_size() > BUFFERED:
            if self._stuck_since is not None and now - self._stuck_since > PATIENCE_SECONDS:
                self._hopeless()
                return
            self._timer = self._loop.call_later(RETRY_SECONDS, self.flush)
            return
        self._written = now
        if self._mailbox.overflown:
            self._mailbox.reopen()
            self._stuck_since = None
            self._behind()
        frames = self._mailbox.take()
        if frames:
            self._transport.write(frames[0] if len(frames) == 1 else b"".join(frames))

    def close(self) -> None:
        self._closed = True
        self._stop_timer()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
