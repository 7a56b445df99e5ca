"""A person's terminal, for tests: bash and curl as they are, and a server in a second window.

Rule: a command runs to the letter. The address that documents name is led to the server's own port by curl's
configuration, where curl is also told to report statuses, and for programs in Python by a module that Python imports
before them; nothing in the command is replaced.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.server.harness import REPOSITORY, ServedProcess, environment
from tests.servers import MissingProgram

SERVE = ".venv/bin/reflector serve"
NAMED = "127.0.0.1:8000"
SECONDS = 60
INTERRUPTED = 130
LEADING = ".leading"

# Variables and functions outlive the command that made them.
AROUND = """\
set -a
[ -e .state ] && . ./.state
. ./.command
ended=$?
{ export -p; declare -f; } > .state
exit $ended
"""
CURL = """\
silent
show-error
max-time = 30
connect-to = "{named}:{own}"
write-out = "%{{stderr}}%{{http_code}}\\n"
"""
PYTHON = """\
import socket

connect = socket.socket.connect
socket.socket.connect = lambda self, to: connect(self, {own!r} if to == {named!r} else to)
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command printed, how it ended, and the statuses that its curls were answered with."""

    printed: str
    ended: int
    said: str

    @property
    def statuses(self) -> list[int]:
        return [int(line) for line in self.said.split() if line.isdigit()]


@dataclass(slots=True)
class Terminal:
    """In a folder of its own, which looks like the checkout. `environ` are the variables it begins with."""

    folder: Path
    environ: Mapping[str, str]
    _server: ServedProcess | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        if shutil.which("curl") is None:
            raise MissingProgram("curl", "curl")
        (self.folder / ".venv").symlink_to(sys.prefix)
        (self.folder / "examples").symlink_to(REPOSITORY / "examples")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._server is not None:
            self._server.__exit__(kind, error, at)

    def run(self, command: str) -> Outcome:
        """Run to its end; a server is started and left running, in place of the one before."""
        if command.startswith(SERVE):
            self._serve(command)
            return Outcome("", 0, "")
        (self.folder / ".command").write_text(command + "\n")
        printed, said = self.folder / ".printed", self.folder / ".said"
        # Into files: a pipe would be waited for as long as what the command leaves running in the background.
        with printed.open("w") as out, said.open("w") as errors:
            done = subprocess.run(
                ["bash", "-c", AROUND],
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                timeout=SECONDS,
                check=False,
            )
        return Outcome(printed.read_text(), done.returncode, said.read_text())

    def interrupt(self) -> None:
        """Ctrl-C in the server's window."""
        server, self._server = self._server, None
        if server is not None:
            server.signal(signal.SIGINT)
            assert server.wait() == INTERRUPTED, server.said

    def _serve(self, command: str) -> None:
        self.interrupt()
        state = "[ -e .state ] && . ./.state; exec "
        variables = {**self._environment(), "REFLECTOR_PORT": "0"}
        self._server = ServedProcess(program=("bash", "-c", state + command), environ=variables, folder=self.folder)
        own = self._server.wait_until_it_serves().removeprefix("http://")
        (self.folder / ".curlrc").write_text(CURL.format(named=NAMED, own=own))
        (self.folder / LEADING).mkdir(exist_ok=True)
        (self.folder / LEADING / "sitecustomize.py").write_text(PYTHON.format(named=split(NAMED), own=split(own)))

    def _environment(self) -> dict[str, str]:
        own = {
            "LC_ALL": "C.UTF-8",
            "CURL_HOME": str(self.folder),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "TMPDIR": str(self.folder),
            "PYTHONPATH": f"{REPOSITORY}:{self.folder / LEADING}",
        }
        return environment({**own, **self.environ})


def split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)
