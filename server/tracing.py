"""Who traces requests under a configuration, and what is the same in all that they tell.

Rule: the library that makes spans is looked for where traces are configured, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from reflector.catalog.model import DatabaseKind
from reflector.database_url import DatabaseUrl
from server.config import Complaint, Config, ConfigError, Position
from server.telemetry.figures import SpanTally
from server.traced import Tracing

if TYPE_CHECKING:
    from server.telemetry.traces import Traces

LIBRARY: Final = {"opentelemetry", "google"}


def tracing_of(
    config: Config, kind: DatabaseKind, tally: SpanTally, instance: str, present: Tracing | None
) -> Tracing | None:
    """Who traces requests, None where nobody does: `present`, where nothing of it is configured anew. `kind` is the database's.

    Raises ConfigError where that cannot be had.
    """
    settings, maker = config.observability.traces, maker_of(config)
    if settings is None or maker is None:
        return None
    own, database = served_at(config), asked_at(kind, config.database.url)
    if isinstance(present, maker) and present.made_of == (settings, own, database):
        return present
    return maker(settings, own, database, tally, instance, version("reflector"))


def maker_of(config: Config) -> type[Traces] | None:
    """What makes traces, None where none are configured; raises ConfigError where its packages are not installed."""
    if config.observability.traces is None:
        return None
    try:
        from server.telemetry.traces import Traces
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in LIBRARY:
            raise
        raise _missing(config) from missing
    return Traces


def _missing(config: Config) -> ConfigError:
    path = ("observability", "traces")
    position = config.position(*path) or Position(".".join(path))
    hint = "pip install 'reflector[traces]'"
    return ConfigError([Complaint(position, ".".join(path), "needs packages that are not installed", hint)])


def served_at(config: Config) -> Mapping[str, Any]:
    """Where this server is found: as people know it, else as it listens; never what a request says."""
    if config.server.url is not None:
        parts = urlsplit(config.server.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return {"server.address": parts.hostname or "", "server.port": port}
    if config.server.socket is not None:
        return {"server.address": str(config.server.socket.path)}
    return {"server.address": config.server.host, "server.port": config.server.port}


def asked_at(kind: DatabaseKind, url: DatabaseUrl | None) -> Mapping[str, Any]:
    """Which database is asked, and where. Of a file only that it is one; nowhere as whom."""
    said: dict[str, Any] = {"db.system.name": kind.value}
    if url is None or kind is DatabaseKind.SQLITE:
        return said
    if url.database is not None:
        said["db.namespace"] = url.database
    if url.host is not None:
        said["server.address"] = url.host
    if url.port is not None and url.socket is None:
        said["server.port"] = url.port
    return said
