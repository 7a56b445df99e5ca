"""`reflector serve`: a database, served until a signal ends it.

Rule: what is said on the way is said on stderr, once; a password or a configured token never is.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from examples.bookshop import ensure_sample
from reflector.changes.sources.sqlite_setup import install_sqlite
from server.app import Running, start
from server.commands.inspect import way
from server.commands.loop import run
from server.config import Config, Flags, load
from server.journal import logging_to_stderr

LOG: Final = logging.getLogger("reflector.server")
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
INTERRUPTED: Final = 130

SAMPLE: Final = """\
No database was named, so this serves a sample: a bookshop in {file}
    curl '{base}/api/book?limit=3'
    curl '{base}/api/book?include=publisher&sort=-price&limit=2'
    curl '{base}/openapi.json'
Your own: reflector serve postgresql://user@host/name   (or mysql://…, sqlite:///file.db)
"""


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where this user keeps what can be made again."""
    given = Path(environ.get("XDG_CACHE_HOME") or "")
    return (given if given.is_absolute() else Path.home() / ".cache") / "reflector"


def configured(path: Path | None, environ: Mapping[str, str], flags: Flags) -> tuple[Config, Path | None]:
    """The configuration to serve, and the sample's file where nothing names a database; raises ConfigError and OSError.

    A file that names none is configuration all the same: its rules hold over the sample.
    """
    config = load(path, environ, flags)
    if config.database.url is not None:
        return config, None
    sample = ensure_sample(cache_folder(environ))
    install_sqlite(sample)
    with_sample = {**environ, "REFLECTOR_DATABASE_URL": f"sqlite:///{sample.absolute()}"}
    return load(path, with_sample, flags), sample


def serve(path: Path | None, environ: Mapping[str, str], flags: Flags, *, strict: bool, verbose: bool) -> int:
    """Serve until told to end; the exit status. Raises what loading and starting raise."""
    config, sample = configured(path, environ, flags)
    with logging_to_stderr(config.observability, verbose=verbose):
        return run(_serve(config, sample, strict=strict))


async def _serve(config: Config, sample: Path | None, *, strict: bool) -> int:
    ending: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    for each in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(each, _end, ending, each)
    starting = asyncio.ensure_future(start(config, strict=strict))
    await asyncio.wait((starting, ending), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        return ending.result()
    running = starting.result()
    announce(running, sample)
    status = await ending
    LOG.info("ending: requests under way are finished first")
    await running.stop()
    return status


def _end(ending: asyncio.Future[int], by: signal.Signals) -> None:
    """The first signal ends in order, the second at once."""
    if ending.done():
        os._exit(INTERRUPTED if by == signal.SIGINT else 1)
    ending.set_result(INTERRUPTED if by == signal.SIGINT else 0)


def announce(running: Running, sample: Path | None) -> None:
    """Say what is served where, and how to get in."""
    config = running.config
    base = address(running)
    for named in running.engine.snapshot.catalog.relationships.values():
        for each in named.values():
            LOG.debug("relationship %s.%s: %s", each.source.label, each.name, way(each))
    LOG.info("serving %s on %s", config.database.url, base)
    if config.insecure:
        LOG.warning("--insecure: whoever reaches %s may ask without a credential", base)
    if running.guard.made is not None:
        sys.stderr.write(f"access token, for this start alone: {running.guard.made.reveal()}\n")
        sys.stderr.write(f"    curl -H 'Authorization: Bearer …' {base}/openapi.json\n")
    if sample is not None:
        sys.stderr.write(SAMPLE.format(file=sample, base=base))
    sys.stderr.flush()


def address(running: Running) -> str:
    """Where a person on this machine reaches the server."""
    server = running.config.server
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(server.host, server.host)  # noqa: S104
    bracketed = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"{'https' if server.tls else 'http'}://{bracketed}:{running.port}"
