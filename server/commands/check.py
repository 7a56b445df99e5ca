"""`reflector check`: whether a configuration can be used with its database, and everything that stands in the way.

Rule: stricter than starting: a rule that would only close its table is refused here, because whoever checks wants to
hear of it; and all that can be known is told at once: what is wrong with the file by itself does not keep the database
from being asked about the rest of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from reflector.errors import ConnectionRefused
from server.app import engine_of, tls_context
from server.auth.credentials import authenticator
from server.binding import Binding
from server.config import Complaint, Config, ConfigError, Position


async def check(config: Config, known: Sequence[Complaint] = ()) -> Iterator[str]:
    """What is good to know, line by line, of a configuration that can be used.

    `known` are the complaints there are already, where `config` is what could be understood of a file that has faults.
    Raises ConfigError with every complaint, these included, and ConnectionRefused where there are no others.
    """
    binding, complaints, tables = Binding(config, strict=True), [*known], 0
    try:
        complaints += [*_of_certificate(config), *_of_credentials(config)]
        tables = await _bound(config, binding)
    except ConfigError as error:
        complaints += error.complaints
    except ConnectionRefused as refused:
        if not complaints:
            raise
        complaints.append(_unreached(config, refused))
    if complaints:
        warnings = map(binding.located, binding.warnings)
        raise ConfigError([*complaints, *(replace(each, message=f"warning: {each.message}") for each in warnings)])
    return _lines(binding, tables)


async def _bound(config: Config, binding: Binding) -> int:
    """How many tables there are; raises what starting raises."""
    engine = await engine_of(config, binding)
    await engine.close()
    return len(engine.snapshot.catalog.tables)


def _of_certificate(config: Config) -> Sequence[Complaint]:
    try:
        tls_context(config)
    except ConfigError as error:
        return error.complaints
    return ()


def _of_credentials(config: Config) -> Sequence[Complaint]:
    try:
        authenticator(config)
    except ConfigError as error:
        return error.complaints
    return ()


def _unreached(config: Config, refused: ConnectionRefused) -> Complaint:
    position = config.position("database", "url") or Position("the database")
    return Complaint(position, "database.url", f"the rest cannot be checked: {refused.message}", refused.hint)


def _lines(binding: Binding, tables: int) -> Iterator[str]:
    yield from (f"warning: {binding.told(each)}" for each in binding.warnings)
    config = binding.config
    who = "everybody on this machine reads" if config.open else f"{len(config.roles)} roles"
    yield f"OK: {config.source or 'no file'}, {config.database.url}, {tables} tables, {who}"
