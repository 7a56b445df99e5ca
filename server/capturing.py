"""Captured changes where several workers serve: one of them captures, and tells the others which tables changed.

A lock on a file in the folder where they meet decides who it is; it ends with its holder, and another takes it within a
quarter of a second. Rows are not passed on, only the names of tables: enough to end kept answers.

    ["active"]                     the one who captures does; told four times a second, and not heard for a second is no
    ["idle"]                       it cannot
    ["lost"]                       any table may have changed
    ["touched", [schema, name]…]   these have

Rule: whoever begins to capture cannot know what was missed since the one before, and says so; whoever missed a message
assumes that everything changed.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson

from reflector.capture import Capture
from reflector.changes.setup import HINT, Setup
from reflector.errors import ChangesNotCaptured, ReflectorError
from reflector.versions import TableName
from server.telemetry.exposition import Worker

LOG: Final = logging.getLogger("reflector.server")
TOPIC: Final = b"captured"
BEAT_SECONDS: Final = 0.25
SILENCE_SECONDS: Final = 1.0
AGAIN_SECONDS: Final = 5.0
"""How often to look whether changes can be captured by now."""
START_SECONDS: Final = 2.0


class Touching(Protocol):
    """What was captured."""

    @property
    def tables(self) -> frozenset[TableName]: ...

    @property
    def lost(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Touched:
    """Captured changes, by another worker or by this one. `lost`: any table may have changed without notice."""

    tables: frozenset[TableName] = frozenset()
    lost: bool = False


Listener = Callable[[Touching], None]


class SharedCapture:
    """One worker's part in it. `capture` is this process's own, which runs in one of them alone."""

    def __init__(self, capture: Capture, worker: Worker) -> None:
        self._capture = capture
        self._lock = worker.folder / "capture.lock"
        self._topic = worker.siblings.topic(TOPIC)
        self._number = worker.number
        self._listeners: dict[object, tuple[Listener, frozenset[TableName] | None]] = {}
        self._told_active = False
        self._told_at = float("-inf")
        self._known = asyncio.Event()
        self._held: int | None = None
        self._end: Callable[[], None] | None = None
        self._fault: ReflectorError | None = None
        self._running: asyncio.Task[None] | None = None
        self._work: Callable[[], Awaitable[None]] | None = None

    @property
    def active(self) -> bool:
        """Whether every change is heard at the moment, by whichever worker."""
        if self._held is not None:
            return self._end is not None and self._capture.active
        return self._told_active and asyncio.get_running_loop().time() - self._told_at <= SILENCE_SECONDS

    async def subscribe(self, tables: Collection[TableName] | None, callback: Listener) -> Callable[[], None]:
        """As `Capture.subscribe`, without the changes themselves. Raises what capturing raises."""
        self._start()
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._known.wait()
        except TimeoutError as late:
            raise ChangesNotCaptured("the worker that captures changes does not answer") from late
        if not self.active:
            raise self._fault or ChangesNotCaptured("changes of this database are not captured", hint=HINT)
        listening = object()
        self._listeners[listening] = callback, None if tables is None else frozenset(tables)

        def end() -> None:
            self._listeners.pop(listening, None)

        return end

    async def lead(self, work: Callable[[], Awaitable[None]]) -> None:
        """Have this done by the one worker that captures, before it does: now, where that is this one, and later where it
        takes another's place. What it raises now is raised here, and it is tried again."""
        self._work = work
        self._start()
        if self._held is not None or self._take():
            await work()
            self._work = None

    def _start(self) -> None:
        if self._running is None:
            self._topic.hear(self._hear, self._missed)
            self._running = asyncio.create_task(self._run(), name="reflector-shared-capture")

    async def setup(self) -> Setup:
        """What is installed, and what would be; raises NotSupported."""
        return await self._capture.setup()

    async def close(self) -> None:
        """Capture no more; another worker may."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        if self._end is not None:
            self._end()
            self._end = None
        if self._held is not None:
            os.close(self._held)
            self._held = None

    # ── whose turn it is ─────────────────────────────────────────────────────────────────────

    async def _run(self) -> None:
        loop, again = asyncio.get_running_loop(), 0.0
        while True:
            if self._held is not None or self._take():
                if (self._end is None or self._work is not None) and loop.time() >= again:
                    again = loop.time() + AGAIN_SECONDS
                    await self._begin()
                self._topic.tell(orjson.dumps(["active" if self.active else "idle"]))
            await asyncio.sleep(BEAT_SECONDS)

    def _take(self) -> bool:
        held = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(held)
            return False
        self._held = held
        return True

    async def _begin(self) -> None:
        try:
            if self._work is not None:
                await self._work()
                self._work = None
            if self._end is not None:
                return
            self._end = await self._capture.subscribe(None, self._captured)
        except ReflectorError as fault:
            if self._fault is None or fault.message != self._fault.message:
                LOG.warning("worker %d cannot capture changes for all: %s", self._number, fault.message)
            self._fault = fault
        else:
            LOG.info("worker %d captures changes for all", self._number)
            self._captured(Touched(lost=True))
        self._known.set()

    def _captured(self, touched: Touching) -> None:
        """This worker has captured something: the others are told before anything else is done about it."""
        said: list[Any] = ["lost"] if touched.lost else ["touched", *sorted(touched.tables)]
        self._topic.tell(orjson.dumps(said))
        self._tell(touched)

    # ── what the others say ──────────────────────────────────────────────────────────────────

    def _hear(self, message: bytes) -> None:
        kind, *tables = orjson.loads(message)
        if kind in {"active", "idle"}:
            self._told_active, self._told_at = kind == "active", asyncio.get_running_loop().time()
            self._known.set()
        else:
            self._tell(Touched(_names(tables), lost=kind == "lost"))

    def _missed(self) -> None:
        """Something was not heard, perhaps because who captured is no more."""
        self._told_active = False
        self._tell(Touched(lost=True))

    def _tell(self, touched: Touching) -> None:
        for callback, tables in list(self._listeners.values()):
            if touched.lost or tables is None or not tables.isdisjoint(touched.tables):
                callback(touched)


def _names(tables: Sequence[Sequence[str]]) -> frozenset[TableName]:
    return frozenset((schema, name) for schema, name in tables)
