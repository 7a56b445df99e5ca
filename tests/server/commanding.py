"""Commands of `reflector`, each in a process of its own that was forked from one that has imported everything.

A command is most of all imports: more than a second for some milliseconds of work. Here they are made once for a run. What
is forked has no thread and no connection; it has arguments, variables, folder, output and exit status as any other.

Rule: what is only to be seen of the program itself (how it is installed, what it imports when) is tested of the program.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TextIO

PRELOADED = [
    "server.cli",
    *(
        f"server.commands.{name}"
        for name in (
            "changes",
            "check",
            "convert",
            "explain",
            "hasura",
            "init",
            "inspect",
            "sample",
            "serve",
            "show",
            "token",
        )
    ),
    *(f"reflector.drivers.{name}" for name in ("mysql", "postgresql", "sqlite")),
    __name__,
]
CAPABILITIES_VERSION = 0x20080522
"""The third, of Linux."""
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(PRELOADED)


def commanded(
    arguments: Sequence[str], environ: Mapping[str, str], folder: Path, seconds: float, *, humble: bool = False
) -> tuple[int, str, str]:
    """Run a command to its end: exit status, stdout, stderr. Raises TimeoutError when it takes longer than that. `humble`: as
    somebody whom the system refuses what a file's mode refuses, also where tests are run as root."""
    with tempfile.TemporaryDirectory() as told:
        out, err = Path(told, "out"), Path(told, "err")
        given = (tuple(arguments), dict(environ), str(folder), str(out), str(err), humble)
        process = _context.Process(target=_be, args=given)
        process.start()
        process.join(seconds)
        if process.is_alive():
            process.kill()
            process.join()
            raise TimeoutError(f"reflector {' '.join(arguments)} did not end: {err.read_text()}")
        status = process.exitcode
        process.close()
        assert status is not None
        return status, out.read_text(), err.read_text()


class Forked:
    """A command that runs. `said` is what it says on stderr, to be read to its end; `humble` as in `commanded`."""

    def __init__(
        self, arguments: Sequence[str], environ: Mapping[str, str], folder: Path, *, humble: bool = False
    ) -> None:
        hears, says = _context.Pipe(duplex=False)
        told = (tuple(arguments), dict(environ), str(folder), os.devnull, says, humble)
        self._process = _context.Process(target=_be, args=told)
        self._process.start()
        says.close()
        self.said: TextIO = os.fdopen(os.dup(hears.fileno()), encoding="utf-8", errors="replace")
        hears.close()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """Its exit status, None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, once it has ended; raises TimeoutError."""
        self._process.join(timeout)
        status = self._process.exitcode
        if status is None:
            raise TimeoutError("it did not end")
        return status


def _be(
    arguments: tuple[str, ...],
    environ: dict[str, str],
    folder: str,
    out: str,
    err: str | Connection,
    humble: bool,
) -> None:
    """In the process that was forked."""
    for told, number in ((out, 1), (err, 2)):
        if isinstance(told, str):
            opened = os.open(told, os.O_WRONLY | os.O_CREAT, 0o600)
            os.dup2(opened, number)
            os.close(opened)
        else:
            os.dup2(told.fileno(), number)
            told.close()
    if humble and os.geteuid() == 0:
        _give_up_capabilities()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = ["reflector", *arguments]
    from server.cli import main

    sys.exit(main(arguments))


def _give_up_capabilities() -> None:
    """Be root no more than by name: a file is read by its mode alone. Another user might not even reach the interpreter."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, none = (ctypes.c_uint32 * 2)(CAPABILITIES_VERSION, 0), (ctypes.c_uint32 * 6)()
    if libc.capset(header, none):
        raise OSError(ctypes.get_errno(), "capabilities cannot be given up")
