"""Several processes that serve one port, and the one that looks after them.

    starting    the first worker alone, so that what stands in the way is told once; then the others
    crashed     another takes its place, at once at first, then after pauses of up to five seconds
    SIGHUP      every worker reads the configuration again, and so do later ones; files that change are such a signal too
    SIGUSR1     every worker that serves has been told to read it again; those that come later begin with it
    SIGTERM     every worker finishes what is under way; whoever has not ended after 15 s is ended
    again       all end at once

Workers are forks, so that all of them, later ones too, hold the configuration that was read at the start. Each listens
for itself (SO_REUSEPORT), and the kernel shares connections out. What they tell one another goes through `siblings`.

Rule: whoever looks after the others has no event loop, no thread and no connection, because none outlives a fork; and
no worker outlives it.
"""

from __future__ import annotations

import gc
import logging
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Final, Protocol

from server.siblings import Channel
from server.telemetry.exposition import Worker

LOG: Final = logging.getLogger("reflector.workers")
DRAIN_SECONDS: Final = 15.0
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0
STEADY_SECONDS: Final = 30.0
"""A worker that lived so long did not crash because of what it began with."""
FAILED: Final = 2
AT_ONCE: Final = 1
INTERRUPTED: Final = 130
READY: Final = b"r"

Work = Callable[[Worker, Callable[[], None], int], int]
"""What a worker does: its part, what to call once it serves, and a descriptor that ends when nobody looks after it any
more. Returns its exit status."""


@dataclass(slots=True)
class Place:
    """One worker's place: the process that has it, and when another may."""

    number: int
    pid: int | None = None
    ready: bool = False
    told: int | None = None
    started: float = 0.0
    pause: float = FIRST_PAUSE
    due: float = 0.0
    read: int = 0


class Rereading(Protocol):
    """What is to be read again while workers serve."""

    def wait(self, now: float) -> float | None:
        """Seconds until somebody should look whether it has changed, None for never; `now` as of `time.monotonic`."""

    def changed(self, now: float) -> bool:
        """Whether it has."""

    def read(self) -> None:
        """Read it, for workers that are started from now on. Raises nothing."""

    def hung_up(self) -> bool:
        """Whether SIGHUP means that the terminal has gone."""


@dataclass(slots=True)
class Supervisor:
    """Looks after `count` workers, which meet in `folder`. `serving` is called once all of them serve; `again` is what all
    of them read again."""

    count: int
    folder: Path
    work: Work
    serving: Callable[[], None]
    again: Rereading
    places: list[Place] = field(init=False)
    ended_by: signal.Signals | None = None
    _signals: list[int] = field(default_factory=list)
    _readings: int = 0
    _alive: int = field(init=False)
    _held: int = field(init=False)
    _wake: int = field(init=False)
    _channel: Channel = field(init=False)

    def __post_init__(self) -> None:
        self.places = [Place(number) for number in range(1, self.count + 1)]

    def run(self) -> int:
        """Until a signal ends it; the exit status: that of a worker that could not start, else 0, 130 or 1."""
        gc.freeze()
        self._alive, self._held = os.pipe()
        self._channel = Channel(self.count)
        with self._hearing() as wake:
            self._wake = wake
            try:
                status = self._begin()
                return self._watch() if status is None else status
            finally:
                self._finish()

    # ── starting ─────────────────────────────────────────────────────────────────────────────

    def _begin(self) -> int | None:
        """Start all; None when all serve."""
        for waited in (self.places[:1], self.places[1:]):
            for place in waited:
                self._start(place)
            while not all(place.ready for place in waited):
                self._wait(None)
                if self.ended_by is not None:
                    return self._end()
                for place, status in self._reap():
                    LOG.error("worker %d could not start", place.number)
                    return status if status > 0 else FAILED
        self.serving()
        return None

    def _start(self, place: Place) -> None:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            self._be(place.number, writing)
        os.close(writing)
        place.pid, place.told, place.ready, place.read = pid, reading, False, self._readings
        place.started = time.monotonic()

    def _be(self, number: int, ready: int) -> None:
        """In the worker: work, and end the process without a trace of what was forked."""
        status = FAILED
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            # Ctrl-C reaches every process of the terminal; only one of them is to act on it.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            os.close(self._held)
            worker = Worker(number, self.count, self.folder, self._channel.end_of(number))
            status = self.work(worker, lambda: os.close(ready) if os.write(ready, READY) else None, self._alive)
        finally:
            os._exit(status)

    # ── looking after them ───────────────────────────────────────────────────────────────────

    def _watch(self) -> int:
        while True:
            now = time.monotonic()
            waits = [place.due - now for place in self.places if place.pid is None]
            looking = self.again.wait(now)
            waits += [] if looking is None else [looking]
            self._wait(max(0.0, min(waits)) if waits else None)
            if self.ended_by is not None:
                return self._end()
            if self.again.changed(time.monotonic()):
                self._read_again()
            for place, status in self._reap():
                self._put_off(place, status)
            for place in self.places:
                if place.pid is None and place.due <= time.monotonic():
                    self._start(place)

    def _read_again(self) -> None:
        """Whoever serves reads again, and whoever starts later has read it."""
        self.again.read()
        self._readings += 1
        for place in self.places:
            self._tell_to_read(place)

    def _begin_with_it(self) -> None:
        """Whoever starts later has read it; who serves already hears of it from a sibling."""
        self.again.read()
        self._readings += 1
        for place in self.places:
            if place.ready:
                place.read = self._readings

    def _tell_to_read(self, place: Place) -> None:
        """Once it serves; a worker that starts does not hear yet."""
        if place.pid is not None and place.ready and place.read != self._readings:
            place.read = self._readings
            with suppress(ProcessLookupError):
                os.kill(place.pid, signal.SIGHUP)

    def _put_off(self, place: Place, status: int) -> None:
        self._channel.died(place.number)
        lived = time.monotonic() - place.started
        place.pause = FIRST_PAUSE if lived > STEADY_SECONDS else min(place.pause * 2, LONGEST_PAUSE)
        place.due = time.monotonic() + place.pause
        how = f"by {signal.Signals(-status).name}" if status < 0 else f"with {status}"
        LOG.error("worker %d ended %s; another takes its place in %.1f s", place.number, how, place.pause)

    def _wait(self, seconds: float | None) -> None:
        """Until a signal, a word of a worker, or the time is over."""
        telling = {place.told: place for place in self.places if place.told is not None}
        heard, _, _ = select.select([self._wake, *telling], [], [], seconds)
        for descriptor in heard:
            if descriptor == self._wake:
                self._hear(os.read(descriptor, 512))
            else:
                place = telling[descriptor]
                place.ready = os.read(descriptor, 1) == READY or place.ready
                os.close(descriptor)
                place.told = None
                self._tell_to_read(place)

    def _hear(self, numbers: bytes) -> None:
        for number in numbers:
            if number in {signal.SIGTERM, signal.SIGINT}:
                self._signals.append(number)
                self.ended_by = self.ended_by or signal.Signals(number)
            elif number == signal.SIGHUP and self.again.hung_up():
                self.ended_by = self.ended_by or signal.SIGTERM
            elif number == signal.SIGHUP:
                self._read_again()
            elif number == signal.SIGUSR1:
                self._begin_with_it()

    def _reap(self) -> Iterator[tuple[Place, int]]:
        """The places whose worker has ended, each with its status; below zero the signal that ended it."""
        for place in self.places:
            if place.pid is None:
                continue
            pid, status = os.waitpid(place.pid, os.WNOHANG)
            if pid:
                place.pid, place.ready = None, False
                if place.told is not None:
                    os.close(place.told)
                    place.told = None
                yield place, os.waitstatus_to_exitcode(status)

    # ── ending ───────────────────────────────────────────────────────────────────────────────

    def _end(self) -> int:
        """All in order: 0, or 130 after Ctrl-C; 1 where somebody was in a hurry or a worker would not end."""
        LOG.info("ending: requests under way are finished first")
        self._tell(signal.SIGTERM)
        deadline = time.monotonic() + DRAIN_SECONDS
        while any(place.pid for place in self.places):
            self._wait(max(0.0, deadline - time.monotonic()))
            list(self._reap())
            if len(self._signals) > 1 or time.monotonic() >= deadline:
                return AT_ONCE if self.ended_by == signal.SIGTERM else INTERRUPTED
        return INTERRUPTED if self.ended_by == signal.SIGINT else 0

    def _finish(self) -> None:
        """Nobody is left behind."""
        self._tell(signal.SIGKILL)
        for place in self.places:
            if place.pid is not None:
                os.waitpid(place.pid, 0)
                place.pid = None
        os.close(self._held)
        os.close(self._alive)
        self._channel.close()

    def _tell(self, number: signal.Signals) -> None:
        for place in self.places:
            if place.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(place.pid, number)

    @contextmanager
    def _hearing(self) -> Iterator[int]:
        """A descriptor from which the numbers of signals are read."""
        reading, writing = socket.socketpair()
        for each in (reading, writing):
            each.setblocking(False)
        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGHUP, signal.SIGUSR1)
        before = [signal.signal(number, _nothing) for number in numbers]
        woken = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        try:
            yield reading.fileno()
        finally:
            signal.set_wakeup_fd(woken)
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)
            reading.close()
            writing.close()


def _nothing(_: int, __: FrameType | None) -> None:
    """The descriptor tells."""


@contextmanager
def reserved(host: str, port: int, *, reuse: bool = False) -> Iterator[int]:
    """The port that all workers are to listen on, free now and kept until left; raises OSError where it is taken. `reuse`:
    it may be that of another server of the same user.

    The socket that keeps it does not listen, so that no connection comes its way.
    """
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, socket.SOCK_STREAM) as trying:
        if reuse:
            trying.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # Without SO_REUSEPORT: another server of ours on the same port would otherwise share its connections.
        trying.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind(trying, address)
    with socket.socket(family, socket.SOCK_STREAM) as keeping:
        keeping.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        keeping.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind(keeping, address)
        yield int(keeping.getsockname()[1])


def _bind(taking: socket.socket, address: tuple[Any, ...]) -> None:
    try:
        taking.bind(address)
    except OSError as fault:
        raise OSError(fault.errno, f"cannot listen on {address[0]} port {address[1]}: {fault.strerror}") from fault
