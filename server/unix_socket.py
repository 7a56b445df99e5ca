"""A socket in the file system that a server listens at.

Rule: what stands at the path is removed only where it is a socket that nobody answers at any more; and nobody reaches a new
one before it has the permissions that it is to have, because it listens afterwards.
"""

from __future__ import annotations

import errno
import socket
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from server.config.models import Socket

WAITING: Final = 1024
"""Connections that may wait to be taken."""


@dataclass(frozen=True, slots=True)
class Listened:
    """A socket that listens, and which file its name led to when it was made."""

    socket: socket.socket
    path: Path
    file: tuple[int, int]

    def close(self) -> None:
        """Listen no more, and take the name away, unless it is another server's by now."""
        self.socket.close()
        with suppress(OSError):
            if _file(self.path) == self.file:
                self.path.unlink()


def listening(wanted: Socket) -> Listened:
    """A socket that listens at the path; raises OSError, in our words, where that cannot be."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(wanted.path)
        made.bind(str(wanted.path))
        wanted.path.chmod(wanted.mode)
        made.listen(WAITING)
        made.setblocking(False)
        return Listened(made, wanted.path, _file(wanted.path))
    except OSError as fault:
        made.close()
        raise OSError(fault.errno, f"cannot listen at {wanted.path}: {fault.strerror or fault}") from fault


def _file(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino


def _remove_stale(path: Path) -> None:
    """Remove what a server left behind that was killed; raises OSError where somebody answers, or where it is no socket."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise FileExistsError(errno.EEXIST, "there is something that is no socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trying:
        trying.settimeout(1.0)
        try:
            trying.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        else:
            raise OSError(errno.EADDRINUSE, "another server listens there")
