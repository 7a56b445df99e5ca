"""When the configuration is read again: what SIGHUP means, and what several workers have in common.

Rule: each worker reads by itself; whoever looks after them reads as well, so that a worker that takes another's place
begins with what the others serve by.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

from server.apis.admin import Outcome, Reload
from server.app import Again, Running
from server.commands.abreast import Abreast
from server.config import Config, ConfigError, Seen, kept, marks
from server.config.watching import Looking, Mark
from server.reloading import SETTLE_SECONDS, Source
from server.telemetry.exposition import Worker

REMEMBERED: Final = 3
"""Configurations that are tried, from the newest to the oldest, by a worker that takes another's place."""


class Hangup:
    """What SIGHUP means to a process that serves: read again; or the end, where it says that the terminal has gone.

    `end` ends the process; `late`: it was due before it began to serve.
    """

    def __init__(self, end: Callable[[signal.Signals], None], *, late: bool) -> None:
        self._end = end
        self._running: Running | None = None
        self._late = late
        self._before_a_terminal = has_terminal()
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self) -> None:
        if self._before_a_terminal and not has_terminal():
            self._end(signal.SIGTERM)
        elif self._running is None:
            self._late = True
        else:
            task = asyncio.create_task(reload(self._running), name="reflector-reload")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def serve(self, running: Running) -> None:
        """It serves from now on; what was due before is done now."""
        self._running = running
        if self._late:
            self()


def has_terminal() -> bool:
    """Whether this process has a terminal that is still there."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


async def reload(running: Running) -> None:
    """Read the configuration again; the log says what came of it."""
    if running.reloading is not None:
        with suppress(ConfigError):
            await running.reloading.reload()


@dataclass(slots=True)
class Common:
    """What workers have in common. `started` is what was read at the start, `served` what they serve by, the newest first:
    not all of it fits the database, which only they know."""

    source: Source
    started: Config
    served: list[Config]
    looking: Looking = field(init=False)
    parent: int = field(default_factory=os.getpid)
    before_a_terminal: bool = field(default_factory=has_terminal)

    @classmethod
    def of(cls, source: Source, started: Config, files: dict[Path, Mark], shared: Config) -> Common:
        """Of a configuration that was just read; `shared` is it with what is common to all."""
        common = cls(source, started, [shared])
        common.looking = Looking(files, _interval(shared), SETTLE_SECONDS)
        return common

    # ── in whoever looks after the workers ───────────────────────────────────────────────────

    def wait(self, now: float) -> float | None:
        return self.looking.wait(now)

    def changed(self, now: float) -> bool:
        return self.looking.changed(now)

    def read(self) -> None:
        """Read it again. What is wrong with it the workers tell."""
        seen = Seen()
        try:
            config = kept(self.served[0], self.source.read(seen))
        except ConfigError:
            self.looking.files = {**marks(self.looking.files), **seen.marks}
            return
        self.served = [config, *self.served][:REMEMBERED]
        self.looking.files, self.looking.interval = seen.marks, _interval(config)

    def hung_up(self) -> bool:
        return self.before_a_terminal and not has_terminal()

    # ── in a worker ──────────────────────────────────────────────────────────────────────────

    def serve(self, worker: Worker, work: Callable[[Config, Again], int]) -> int:
        """Serve by the newest that fits; raises what serving by the oldest raises."""
        again = Again(self.source.read, self.started, ordered=partial(self.ordered, worker))
        for config in self.served[:-1]:
            with suppress(ConfigError):
                return work(config, again)
            again = replace(again, late=True)
        return work(self.served[-1], again)

    def ordered(self, worker: Worker, reload: Reload) -> Reload:
        """What is ordered of one worker all of them do before it is answered."""
        abreast = Abreast(worker, reload)

        async def reload_all() -> Outcome:
            try:
                outcome = await reload()
            except ConfigError:
                self._tell(signal.SIGHUP)
                raise
            # Whoever takes another's place from now on begins with it.
            self._tell(signal.SIGUSR1)
            behind = await abreast.follow()
            if behind:
                self._tell(signal.SIGHUP)
            return replace(outcome, behind=behind)

        return reload_all

    def _tell(self, number: signal.Signals) -> None:
        """Whoever looks after the workers."""
        with suppress(ProcessLookupError):
            os.kill(self.parent, number)


def _interval(config: Config) -> float | None:
    return None if config.server.watch is None else config.server.watch.total_seconds()
