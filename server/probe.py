"""`python -m server.probe`: whether the server on this machine is ready; status 0 where it is, 1 where it is not.

Rule: it is run every few seconds, so it imports nothing but what asking takes; it reads no configuration, only the port
from REFLECTOR_PORT. TLS is tried where plain HTTP is not understood; whose certificate it is does not matter here.
"""

from __future__ import annotations

import http.client
import os
import ssl
import sys
from collections.abc import Mapping
from typing import Final

PATIENCE_SECONDS: Final = 4.0
PATH: Final = "/health/ready"


def ready(port: int) -> str:
    """The word of the server; raises OSError and HTTPException where there is none."""
    try:
        return asked(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS))
    except (http.client.BadStatusLine, ConnectionResetError):
        unverified = ssl._create_unverified_context()  # noqa: S323, SLF001
        return asked(http.client.HTTPSConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS, context=unverified))


def asked(connection: http.client.HTTPConnection) -> str:
    try:
        connection.request("GET", PATH)
        reply = connection.getresponse()
        said = reply.read(200).decode(errors="replace")
    finally:
        connection.close()
    if reply.status != http.HTTPStatus.OK:
        raise OSError(f"{reply.status} {said}")
    return said


def main(environ: Mapping[str, str]) -> int:
    """Ask, say what was answered, and return the exit status."""
    port = environ.get("REFLECTOR_PORT") or environ.get("REFLECTOR_SERVER_PORT") or "8000"
    try:
        sys.stdout.write(f"{ready(int(port))}\n")
    except (OSError, http.client.HTTPException, ValueError) as fault:
        sys.stdout.write(f"not ready: {fault}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
