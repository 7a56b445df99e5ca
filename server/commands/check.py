"""`reflector check`: whether a configuration can be used with its database, and everything that stands in the way.

Rule: stricter than starting: a rule that would only close its table is refused here, because whoever checks wants to
hear of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from server.app import engine_of, tls_context
from server.binding import Binding, told
from server.config import Config


async def check(config: Config) -> Iterator[str]:
    """What is good to know, line by line, of a configuration that can be used.

    Raises ConfigError with every complaint, and ConnectionRefused.
    """
    tls_context(config)
    binding = Binding(config, strict=True)
    engine = await engine_of(config, binding)
    try:
        return _lines(binding, len(engine.snapshot.catalog.tables))
    finally:
        await engine.close()


def _lines(binding: Binding, tables: int) -> Iterator[str]:
    yield from (f"warning: {told(each)}" for each in binding.warnings)
    config = binding.config
    who = "everybody on this machine reads" if config.open else f"{len(config.roles)} roles"
    yield f"OK: {config.source or 'no file'}, {config.database.url}, {tables} tables, {who}"
