"""Where a person on this machine reaches a server that is configured so."""

from __future__ import annotations

from typing import Final

from server.config.models import Config

LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104
"""What is asked where every address is listened at."""


def address(config: Config, port: int) -> str:
    """The base of its URLs, or its socket. `port`: the one it got, which for 0 only the system knows beforehand."""
    server = config.server
    if server.socket is not None:
        return f"unix:{server.socket.path}"
    host = LOOPBACK.get(server.host, server.host)
    bracketed = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"{'https' if server.tls else 'http'}://{bracketed}:{port}"
