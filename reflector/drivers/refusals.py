"""Why a connection cannot be made, in one line that names the part of the configuration at fault.

Rule: the line shows no password and repeats nothing the server said.
"""

from __future__ import annotations

import socket
import ssl

from reflector.database_url import DatabaseUrl
from reflector.errors import ConnectionRefused


def place_of(url: DatabaseUrl) -> str:
    """Where the URL says that the server is."""
    if url.socket is not None:
        return f"the socket {url.socket!r}"
    if url.host is None:
        return "the local server"
    return f"host {url.host!r}, port {url.port}"


def network_refusal(error: BaseException, url: DatabaseUrl) -> ConnectionRefused | None:
    """The refusal for an error of the network; None where it is none."""
    place = place_of(url)
    if isinstance(error, FileNotFoundError | PermissionError) and url.host is not None and url.socket is None:
        return ConnectionRefused("TLS: a certificate or key file that the database URL names cannot be used")
    for kind, words in (
        (socket.gaierror, f"host: the name {url.host!r} cannot be resolved"),
        (ssl.SSLError, f"TLS: no trusted connection to {place} can be made"),
        (ConnectionRefusedError, f"host: nothing accepts connections at {place}"),
        (FileNotFoundError, f"host: {place} does not exist"),
        (PermissionError, f"host: {place} may not be used by this user"),
        (TimeoutError, f"host: no answer from {place}"),
        (OSError, f"host: no connection to {place}"),
    ):
        if isinstance(error, kind):
            return ConnectionRefused(words)
    return None


def refused_credentials(url: DatabaseUrl) -> ConnectionRefused:
    user = f"user {url.user!r}" if url.user else "the user this process runs as"
    missing = "" if url.password is not None else "; the URL has no password"
    return ConnectionRefused(f"credentials: {place_of(url)} does not let {user} in{missing}")


def refused_database(url: DatabaseUrl) -> ConnectionRefused:
    name = f"{url.database!r}" if url.database else "of the user's own name"
    return ConnectionRefused(f"database name: there is no database {name} at {place_of(url)} for this user")
