"""`python -m server.probe`: whether the server on this machine is ready; status 0 where it is, 1 where it is not.

Rule: it asks where `reflector serve` listens, so it reads the same configuration, from the same file and variables. What a
command line said, it cannot know. Whose certificate it is does not matter here.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import sys
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from server.config import Config, ConfigError, Flags, address, load

PATIENCE_SECONDS: Final = 4.0
PATH: Final = "/health/ready"
NAME: Final = {"Host": "localhost"}
"""A name that every server answers to, whatever `server.hosts` says."""


def ready(config: Config) -> str:
    """The word of the server; raises OSError and HTTPException where there is none."""
    if config.server.socket is not None:
        return asked(SocketConnection(str(config.server.socket.path), secure=config.server.tls is not None))
    base = urlsplit(address(config, config.server.port))
    if base.hostname is None or base.port is None:
        raise OSError(f"nobody listens at {base.geturl()}")
    if base.scheme == "https":
        return asked(
            http.client.HTTPSConnection(base.hostname, base.port, timeout=PATIENCE_SECONDS, context=unverified())
        )
    return asked(http.client.HTTPConnection(base.hostname, base.port, timeout=PATIENCE_SECONDS))


def unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class SocketConnection(http.client.HTTPConnection):
    """A connection to a socket in the file system."""

    def __init__(self, path: str, *, secure: bool) -> None:
        super().__init__("localhost", timeout=PATIENCE_SECONDS)
        self.path = path
        self.secure = secure

    def connect(self) -> None:
        """Connect; raises OSError."""
        plain = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        plain.settimeout(PATIENCE_SECONDS)
        try:
            plain.connect(self.path)
        except OSError:
            plain.close()
            raise
        self.sock = unverified().wrap_socket(plain) if self.secure else plain


def asked(connection: http.client.HTTPConnection) -> str:
    try:
        connection.request("GET", PATH, headers=NAME)
        reply = connection.getresponse()
        said = reply.read(200).decode(errors="replace")
    finally:
        connection.close()
    if reply.status != http.HTTPStatus.OK:
        raise OSError(f"{reply.status} {said}")
    return said


def main(environ: Mapping[str, str]) -> int:
    """Ask, say what was answered, and return the exit status."""
    try:
        sys.stdout.write(f"{ready(load(None, environ, Flags()))}\n")
    except (ConfigError, OSError, http.client.HTTPException) as fault:
        sys.stdout.write(f"not ready: {fault}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
