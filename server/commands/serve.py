"""`reflector serve`: a database, served until a signal ends it.

Rule: what is said on the way is said on stderr, once; a password or a configured token never is.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Protocol, TypeVar

from reflector.errors import ConnectionRefused
from reflector.secret import Secret
from server.app import Again, Running, start
from server.commands.check import check
from server.commands.endings import exit_status, say
from server.commands.inspect import way
from server.commands.loop import run
from server.commands.rereading import Common, Hangup
from server.commands.sample import with_sample
from server.config import Config, Flags, Seen, address, advice
from server.config.load import DEFAULT_FILE
from server.config.watching import Mark
from server.garbage import keep_what_is_here, look_seldom
from server.guard import guard_of
from server.journal import logging_at_once, logging_to_stderr, silence
from server.reloading import Source
from server.telemetry.exposition import Worker
from server.threads import take_short_turns
from server.unix_socket import listening
from server.workers import Supervisor, reserved

T = TypeVar("T")
LOG: Final = logging.getLogger("reflector.server")
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
INTERRUPTED: Final = 130
AGAIN_SECONDS: Final = 0.5
"""How soon to try a database again that is not up yet."""

SAMPLE: Final = """\
No database was named, so this serves a sample: a bookshop in {file}
    curl '{base}/api/book?limit=3'
    curl '{base}/api/book?include=publisher&sort=-price&limit=2'
    curl '{base}/openapi.json'
Your own: reflector serve postgresql://user@host/name   (or mysql://…, sqlite:///file.db)
"""


@dataclass(frozen=True, slots=True)
class Configured:
    """What to serve, and where it was read. `sample`: the sample's file where nothing names a database."""

    config: Config
    source: Source
    files: dict[Path, Mark]
    sample: Path | None


def configured(path: Path | None, environ: Mapping[str, str], flags: Flags) -> Configured:
    """The configuration to serve; raises ConfigError and OSError.

    A file that names no database is configuration all the same: its rules hold over the sample.
    """
    seen, source = Seen(), Source(path, environ, flags)
    config = source.read(seen)
    if config.database.url is not None:
        return Configured(config, source, seen.marks, None)
    variables, sample = with_sample(environ)
    source = replace(source, sample=variables["REFLECTOR_DATABASE_URL"])
    return Configured(source.read(seen), source, seen.marks, sample)


def serve(
    path: Path | None,
    environ: Mapping[str, str],
    flags: Flags,
    *,
    strict: bool,
    verbose: bool,
    wait: float | None = None,
    checked: bool = False,
) -> int:
    """Serve until told to end; the exit status. `wait`: seconds that the database has to come up. `checked`: only what
    `reflector check` finds nothing wrong with is served.

    Raises what loading and starting raise.
    """
    look_seldom()
    take_short_turns()
    found = configured(path, environ, flags)
    if checked and (status := apart(lambda: check_first(found.config, wait))):
        return status
    if found.config.server.workers > 1:
        return serve_together(found, strict=strict, verbose=verbose, wait=wait)
    again = Again(found.source.read, found.config, found.files)
    with logging_to_stderr(found.config.observability, verbose=verbose):
        return run(_serve(found.config, Alone(found.sample), again, strict=strict, wait=wait))


def check_first(config: Config, wait: float | None) -> int:
    """What `reflector check` finds, said on stderr; the exit status. Raises what checking raises."""
    with silence():
        status = run(once_reached(lambda: check(config, say), wait))
    if status:
        say("reflector: permission tests failed: nothing is served")
    return status


def apart(work: Callable[[], int]) -> int:
    """Do something in a process of its own, because those that serve begin without a loop, a thread or a connection; the
    exit status."""
    sys.stderr.flush()
    child = os.fork()
    if not child:
        status = 1
        try:
            status = exit_status(work)
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Part(Protocol):
    """What a process that serves says and hears beside its requests."""

    @property
    def worker(self) -> Worker | None:
        """Which of several it is, None for the only one."""

    @property
    def signals(self) -> tuple[signal.Signals, ...]:
        """Those that end it."""

    def serves(self, running: Running) -> None:
        """It serves from now on."""

    def hears(self, end: Callable[[signal.Signals], None]) -> None:
        """Call `end` where something else than a signal ends it."""


@dataclass(frozen=True, slots=True)
class Alone:
    """The only process."""

    sample: Path | None
    worker: Worker | None = None
    signals: tuple[signal.Signals, ...] = SIGNALS

    def serves(self, running: Running) -> None:
        tell_names(running)
        announce(running.config, running.port, running.guard.made, self.sample)

    def hears(self, end: Callable[[signal.Signals], None]) -> None:
        """Nothing: signals end it."""


@dataclass(frozen=True, slots=True)
class Together:
    """One of several. `ready` is called once it serves; `alive` ends with whoever looks after it."""

    worker: Worker
    ready: Callable[[], None]
    alive: int
    signals: tuple[signal.Signals, ...] = (signal.SIGTERM,)

    def serves(self, running: Running) -> None:
        if self.worker.number == 1:
            tell_names(running)
        LOG.info("worker %d of %d serves", self.worker.number, self.worker.count)
        self.ready()

    def hears(self, end: Callable[[signal.Signals], None]) -> None:
        loop = asyncio.get_running_loop()

        def orphaned() -> None:
            loop.remove_reader(self.alive)
            end(signal.SIGTERM)

        loop.add_reader(self.alive, orphaned)


def serve_together(found: Configured, *, strict: bool, verbose: bool, wait: float | None) -> int:
    """Serve with several processes; the exit status."""
    config, sample = found.config, found.sample
    made = guard_of(config).made
    with (
        listened(config) as (port, listens),
        logging_at_once(config.observability, verbose=verbose),
        TemporaryDirectory(prefix="reflector-") as folder,
    ):
        common = Common.of(found.source, config, found.files, with_shared(config, port, made))

        def work(worker: Worker, ready: Callable[[], None], alive: int) -> int:
            part = Together(replace(worker, listens=listens), ready, alive)

            def served() -> int:
                with logging_to_stderr(config.observability, verbose=verbose, worker=worker.number):
                    return common.serve(
                        worker, lambda one, again: run(_serve(one, part, again, strict=strict, wait=wait))
                    )

            return exit_status(served)

        count = config.server.workers
        return Supervisor(count, Path(folder), work, lambda: announce(config, port, made, sample), common).run()


@contextmanager
def listened(config: Config) -> Iterator[tuple[int, socket.socket | None]]:
    """Where all workers are to listen, theirs until left: a port, or the socket in the file system, from which all of them
    take connections; raises OSError."""
    if config.server.socket is None:
        with reserved(config.server.host, config.server.port, reuse=config.server.reuse_port) as port:
            yield port, None
        return
    made = listening(config.server.socket)
    try:
        yield config.server.port, made.socket
    finally:
        made.close()


def with_shared(config: Config, port: int, made: Secret | None) -> Config:
    """The configuration with all that the workers must have in common."""
    server = config.server
    common: dict[str, Any] = {"port": port}
    if made is not None:
        common["token"] = made
    if server.secret is None:
        LOG.info("server.secret is not set: cursors end with these processes")
        common["secret"] = Secret(secrets.token_urlsafe(48))
    return config.model_copy(update={"server": server.model_copy(update=common)})


async def once_reached(work: Callable[[], Awaitable[T]], wait: float | None) -> T:
    """What the work gives, once the database answers; raises ConnectionRefused when `wait` seconds are over."""
    deadline, told = time.monotonic() + (wait or 0.0), ""
    while True:
        try:
            return await work()
        except ConnectionRefused as refused:
            if time.monotonic() + AGAIN_SECONDS > deadline:
                raise
            if refused.message != told:
                LOG.warning("waiting for the database: %s", refused.message)
            told = refused.message
            await asyncio.sleep(AGAIN_SECONDS)


async def _serve(config: Config, part: Part, again: Again, *, strict: bool, wait: float | None) -> int:
    loop = asyncio.get_running_loop()
    ending: asyncio.Future[int] = loop.create_future()
    hangup = Hangup(lambda by: _end(ending, by), late=again.late)
    loop.add_signal_handler(signal.SIGHUP, hangup)
    for each in part.signals:
        loop.add_signal_handler(each, _end, ending, each)
    part.hears(lambda by: _end(ending, by))
    begin = partial(start, config, strict=strict, worker=part.worker, again=again)
    starting = asyncio.ensure_future(once_reached(begin, wait))
    await asyncio.wait((starting, ending), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        return ending.result()
    running = starting.result()
    keep_what_is_here()
    part.serves(running)
    hangup.serve(running)
    status = await ending
    LOG.info("ending: requests under way are finished first")
    await running.stop()
    return status


def _end(ending: asyncio.Future[int], by: signal.Signals) -> None:
    """The first signal ends in order, the second at once."""
    if ending.done():
        os._exit(INTERRUPTED if by == signal.SIGINT else 1)
    ending.set_result(INTERRUPTED if by == signal.SIGINT else 0)


def tell_names(running: Running) -> None:
    """Every relationship has a name; here is each."""
    for named in running.engine.snapshot.catalog.relationships.values():
        for each in named.values():
            LOG.debug("relationship %s.%s: %s", each.source.label, each.name, way(each))


def announce(config: Config, port: int, made: Secret | None, sample: Path | None) -> None:
    """Say what is served where, and how to get in. `made` is the access token of this start alone, if there is one."""
    base = address(config, port)
    LOG.info("serving %s on %s", config.database.url, base)
    if config.source is None and DEFAULT_FILE.exists():
        LOG.warning(
            "%s of this folder is not read, because the database is named beside it: add --config %s if its rules are to hold",
            *[DEFAULT_FILE] * 2,
        )
    for each in advice(config):
        LOG.warning("%s", each)
    if config.insecure:
        LOG.warning("--insecure: whoever reaches %s may ask without a credential", base)
    if made is not None:
        sys.stderr.write(f"access token, for this start alone: {made.reveal()}\n")
        sys.stderr.write(f"    curl -H 'Authorization: Bearer …' {base}/openapi.json\n")
    if sample is not None and config.server.socket is None:
        sys.stderr.write(SAMPLE.format(file=sample, base=base))
    sys.stderr.flush()
