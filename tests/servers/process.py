"""One server of our own: its folder, its port, its process, from start to removal.

Rule: only what was started here is ended here, by process id. The server runs as an ordinary user even when we are
root, in a folder that this user can enter, and in a session of its own, so that Ctrl-C reaches us and not the server.
"""

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from tests.servers.watcher import Watcher

HOST = "127.0.0.1"
START_SECONDS = 60.0
STOP_SECONDS = 20.0
PORT_ATTEMPTS = 3
MEMORY = Path("/dev/shm")
LEAST_FREE = 4 * 1024**3
"""Bytes; a server has some hundred megabytes, logs of changes included."""
# Below the range from which the system draws ports for outgoing connections: a restarted server finds its port free.
PORTS = range(15_000, 32_000)


class ServerFailed(Exception):
    """A server did not start or did not stop; the message ends with the last lines of its log."""


class ServerProcess(ABC):
    """A server with its data in a temporary folder. It starts on `start` or on entering the context.

    `settings` are added to the server's own, by the names its documentation gives them.
    """

    name: ClassVar[str]
    user: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    # When the data go too, nothing has to be written down first.
    discard_signal: ClassVar[signal.Signals] = signal.SIGKILL

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self.settings = dict(settings or {})
        self.host = HOST
        self.port = free_port()
        self.folder = Path()
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: Watcher | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @abstractmethod
    def prepare(self) -> None:
        """Make the data folder, once, before the first start."""

    @abstractmethod
    def command(self) -> list[str]:
        """Return the command that runs the server in the foreground."""

    @abstractmethod
    def ping(self) -> None:
        """Raise unless the server answers."""

    @abstractmethod
    def disconnect(self) -> None:
        """Close the connection that this object keeps for its own use."""

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def pid(self) -> int:
        """The process id of the running server; ServerFailed when it does not run."""
        if self._process is None:
            raise ServerFailed(f"{self.name} is not running")
        return self._process.pid

    def start(self) -> None:
        """Start the server, and return when it answers. The first start also makes its folder and its data."""
        if self._process is not None:
            return
        if self.folder != Path():
            self._launch()
            return
        self.folder = private_folder(self.name, self._account())
        try:
            self.prepare()
            self._launch_on_a_free_port()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server and remove its folder with all data."""
        try:
            self._end(self.discard_signal)
        finally:
            if self.folder != Path():
                shutil.rmtree(self.folder, ignore_errors=True)
                self.folder = Path()

    def kill(self) -> None:
        """End the server as a crash would. Its data stay; `start` brings it back on the same port."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """End the server in an orderly way and start it again with its data, on the same port."""
        self._end(self.stop_signal)
        self.start()

    def run_as_server(self, command: list[str]) -> None:
        """Run a short command as the server's user, with its output going to the log."""
        process = self._spawn(command)
        if process.wait(timeout=START_SECONDS) != 0:
            raise ServerFailed(f"{command[0]} failed:\n{self._log_tail()}")

    def _account(self) -> pwd.struct_passwd | None:
        return pwd.getpwnam(self.user) if os.geteuid() == 0 else None

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        account = self._account()
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.folder), "LC_ALL": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
            )

    def _launch_on_a_free_port(self) -> None:
        # Another process may take a port between our look and the server's start.
        for remaining in reversed(range(PORT_ATTEMPTS)):
            try:
                self._launch()
            except ServerFailed:
                if remaining == 0 or port_is_free(self.port):
                    raise
                self.port = free_port()
            else:
                return

    def _launch(self) -> None:
        self._process = self._spawn(self.command())
        self._watcher = Watcher(self._process.pid, self.folder)
        try:
            self._wait_until_it_answers(self._process)
        except BaseException:
            self._end(signal.SIGKILL)
            raise

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            if process.poll() is not None:
                raise ServerFailed(f"{self.name} ended with {process.returncode}:\n{self._log_tail()}")
            try:
                self.ping()
            except Exception as error:  # each driver has its own way of saying "not yet"
                if time.monotonic() > deadline:
                    raise ServerFailed(f"{self.name} did not answer:\n{self._log_tail()}") from error
                time.sleep(0.02)
            else:
                return

    def _end(self, how: signal.Signals) -> None:
        self.disconnect()
        process, self._process = self._process, None
        if process is None:
            return
        offspring = children(process.pid) if how == signal.SIGKILL else []
        if process.poll() is None:
            process.send_signal(how)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            offspring = children(process.pid)
            process.kill()
            process.wait(STOP_SECONDS)
        finally:
            end_processes(offspring)
            if self._watcher is not None:
                self._watcher.dismiss()
                self._watcher = None

    def _log_tail(self) -> str:
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])


def free_port() -> int:
    for _ in range(200):
        port = random.choice(own_ports())
        if port_is_free(port):
            return port
    raise ServerFailed("no free port found")


def own_ports() -> range:
    """Those that this process draws from: the workers of one run draw from different ones."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return PORTS[number :: int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))]


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def private_folder(name: str, account: pwd.struct_passwd | None) -> Path:
    """Make a folder for one server, owned by the user it runs as, on a short path: sockets have names too."""
    parents = (*in_memory(), Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp"))
    for parent in parents:
        if account is None or anyone_may_enter(parent):
            folder = Path(tempfile.mkdtemp(prefix=f"reflector-{name.lower()}-", dir=parent))
            if account is not None:
                os.chown(folder, account.pw_uid, account.pw_gid)
            return folder
    raise ServerFailed(f"user {account.pw_name if account else ''} can enter none of {', '.join(map(str, parents))}")


def in_memory() -> tuple[Path, ...]:
    """Where files are kept in memory, if there is enough room for all servers of a run: making a database there costs a third."""
    if not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK | os.X_OK):
        return ()
    return (MEMORY,) if shutil.disk_usage(MEMORY).free >= LEAST_FREE else ()


def anyone_may_enter(folder: Path) -> bool:
    return all(part.stat().st_mode & 0o001 for part in (folder.resolve(), *folder.resolve().parents))


def children(pid: int) -> list[int]:
    """Return the process ids of a server's own processes, where the system tells."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def end_processes(pids: list[int]) -> None:
    """Kill what a killed server left behind and wait until it is gone: a restart refuses to share memory with it."""
    deadline = time.monotonic() + STOP_SECONDS
    while pids and time.monotonic() < deadline:
        pids = [pid for pid in pids if still_there(pid)]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def still_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
