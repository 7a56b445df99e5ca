"""Connections kept for the next request: the one freed last is used first, and goes straight to whoever waits longest.

There are `size` places. A place is free, or holds a connection that is being made, idle or in use. What is handed to a
waiter is a connection, or a place where one may be made: a connection that broke never leaves a waiter behind.

Connections end by age and by idleness too. A sweep looks after both, so that a request pays for neither with more than a
number that it writes down: an old connection in use is marked, and let go when it comes back.

Rule: only a connection whose last command ended comes back. Everything here runs in the event loop and, but for
`acquire` and `close`, without waiting.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

from reflector.drivers.protocol import Usage
from reflector.errors import DatabaseUnavailable, PoolExhausted
from reflector.events import ConnectionAwaited, Listening


class Pooled(Protocol):
    """A connection that a pool may hold. `generation`, `made` and `used` belong to the pool."""

    generation: int
    made: float
    used: int

    def alive(self) -> bool:
        """Whether the connection stood when we last heard of it. Costs nothing."""
        ...

    def terminate(self) -> None:
        """Cut the connection without waiting; a command that is under way is ended."""
        ...

    async def close(self) -> None:
        """Say goodbye and cut the connection, within a second or two; a command that is under way is ended."""
        ...


C = TypeVar("C", bound=Pooled)
SWEEPS: Final = 4
"""How often within the shortest of the times it is looked whether one is over."""
SPENT: Final = -1
"""The generation of a connection that is too old to be given to anybody else."""
Turn: TypeAlias = "asyncio.Future[C | None]"


class Pool(Generic[C]):
    """At most `size` connections, made by `connect` when first needed. `patience`: seconds a caller waits for one.

    `lifetime` and `idleness`: seconds after which a connection is given up, since it was made, and since it was last used;
    None for never. Each may last a quarter of the shorter one longer. Who is `listening` is told where somebody had to wait.

    `idle` is public for the one caller in a hurry: `pool.idle.pop() if pool.idle else await pool.acquire()`, which
    may meet a connection that died while idle.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[C]],
        size: int,
        patience: float,
        lifetime: float | None = None,
        idleness: float | None = None,
        listening: Listening | None = None,
    ) -> None:
        self.idle: list[C] = []
        self.size = size
        self._connect = connect
        self._patience = patience
        self._listening = listening
        self._places = size
        self._members: set[C] = set()
        self._waiting: deque[Turn[C]] = deque()
        self._until: deque[tuple[float, Turn[C]]] = deque()
        self._alarm: asyncio.TimerHandle | None = None
        self._generation = 0
        self._closed = False
        self._lifetime = lifetime
        self._idleness = idleness
        self._pause = min((each for each in (lifetime, idleness) if each is not None), default=0.0) / SWEEPS
        self._sweeps = 0
        self._sweeping: asyncio.TimerHandle | None = None
        self._partings: set[asyncio.Task[None]] = set()

    @property
    def open(self) -> int:
        """How many places are taken."""
        return self.size - self._places

    def usage(self, name: str) -> Usage:
        """How the places are used at this moment."""
        idle, waiting = len(self.idle), sum(not turn.done() for turn in self._waiting)
        return Usage(name, self.size, idle, self.open - idle, waiting)

    async def acquire(self) -> C:
        """A connection of one's own, to be given to `release` or `discard`.

        Raises PoolExhausted after `patience`, and whatever `connect` raises.
        """
        while self.idle:
            connection = self.idle.pop()
            if connection.alive():
                return connection
            self.discard(connection)
        if self._closed:
            raise DatabaseUnavailable("the connections to the database have been closed")
        began, made = time.perf_counter(), self._places > 0
        try:
            if made:
                self._places -= 1
                return await self._fill_place()
            return await self._wait() or await self._fill_place()
        finally:
            self._tell_of(time.perf_counter() - began, made=made)

    def _tell_of(self, seconds: float, *, made: bool) -> None:
        tell = None if self._listening is None else self._listening()
        if tell is not None:
            tell(ConnectionAwaited(seconds, made))

    def release(self, connection: C) -> None:
        """Give a connection back whose last command ended."""
        if connection.generation != self._generation or not connection.alive():
            self.discard(connection)
            return
        connection.used = self._sweeps
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        self.idle.append(connection)

    def discard(self, connection: C) -> None:
        """Give a connection back that must not be used again."""
        if connection in self._members:
            self._members.remove(connection)
            connection.terminate()
            self._offer_place()

    def empty(self) -> None:
        """Let every connection go that was made before now: idle ones at once, the others when they come back."""
        self._generation += 1
        idle, self.idle = self.idle, []
        for connection in idle:
            self.discard(connection)

    async def close(self) -> None:
        """Close the idle, cut those in use, refuse those who wait."""
        self._closed = True
        self._generation += 1
        members, self._members = self._members, set()
        for timer in (self._alarm, self._sweeping):
            if timer is not None:
                timer.cancel()
        self.idle.clear()
        self._places += len(members)
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(DatabaseUnavailable("the connections to the database have been closed"))
        await asyncio.gather(*self._partings, *(connection.close() for connection in members))

    async def _fill_place(self) -> C:
        generation = self._generation
        try:
            connection = await self._connect()
        except BaseException:
            self._offer_place()
            raise
        connection.generation, connection.used = generation, self._sweeps
        connection.made = asyncio.get_running_loop().time()
        self._members.add(connection)
        if self._closed:
            self.discard(connection)
            raise DatabaseUnavailable("the connections to the database have been closed")
        if self._sweeping is None:
            self._sweep_later()
        return connection

    # ── old and idle ones ────────────────────────────────────────────────────────────────────

    def _sweep_later(self) -> None:
        """Nobody looks while there is nothing to look at."""
        wanted = self._pause and self._members and not self._closed
        self._sweeping = asyncio.get_running_loop().call_later(self._pause, self._sweep) if wanted else None

    def _sweep(self) -> None:
        """Give up what is too old or was too long idle; what is in use is given up once it comes back."""
        self._sweeps += 1
        now = asyncio.get_running_loop().time()
        if self._lifetime is not None:
            for connection in self._members:
                if now - connection.made >= self._lifetime:
                    connection.generation = SPENT
        ended = [each for each in self.idle if each.generation == SPENT or self._rested(each)]
        if ended:
            self.idle = [each for each in self.idle if each not in ended]
        for connection in ended:
            self._members.discard(connection)
            parting = asyncio.ensure_future(connection.close())
            self._partings.add(parting)
            parting.add_done_callback(self._partings.discard)
            self._offer_place()
        self._sweep_later()

    def _rested(self, connection: C) -> bool:
        return self._idleness is not None and (self._sweeps - connection.used) * self._pause >= self._idleness

    # ── places ───────────────────────────────────────────────────────────────────────────────

    def _offer_place(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._places += 1

    async def _wait(self) -> C | None:
        loop = asyncio.get_running_loop()
        turn: Turn[C] = loop.create_future()
        self._waiting.append(turn)
        while self._until and self._until[0][1].done():
            self._until.popleft()
        self._until.append((loop.time() + self._patience, turn))
        if self._alarm is None:
            self._alarm = loop.call_later(self._patience, self._give_up)
        try:
            return await turn
        except BaseException:
            with suppress(ValueError):
                self._waiting.remove(turn)
            # Cancelled between being served and waking up: what was handed over goes to the next.
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._return(turn.result())
            raise

    def _give_up(self) -> None:
        """Let those go whose patience is over. One alarm serves all: whoever came first loses patience first."""
        loop = asyncio.get_running_loop()
        self._alarm = None
        while self._until:
            moment, turn = self._until[0]
            if not turn.done():
                if moment > loop.time():
                    self._alarm = loop.call_at(moment, self._give_up)
                    return
                turn.set_exception(PoolExhausted("every connection to the database is in use"))
            self._until.popleft()

    def _return(self, handed: C | None) -> None:
        if handed is None:
            self._offer_place()
        else:
            self.release(handed)
