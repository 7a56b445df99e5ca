"""What a Hasura's metadata became, held against the database, until all of it fits.

The file that would be written is read and bound as `reflector check` does it. What it complains of is taken away and named:
first relationships and tables, of which rules speak, then rights and functions.

Rule: taking away only closes. What cannot be taken away stays, and `reflector check` tells of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from server.binding import Binding
from server.commands.convert import Converted
from server.commands.hasura import Conversion, conversion_of, converted, custom_names
from server.commands.hasura_files import metadata_of
from server.commands.inspect import catalog_of
from server.config import Complaint, Config, ConfigError, Flags, understood
from server.config.complaints import dotted
from server.config.environment import CONFIG_TEXT

ROUNDS: Final = 8
SECRET: Final = "x" * 32
"""Stands for the one that the file asks the environment for; nobody signs anything with it."""
WAYS: Final = {"aggregate": "read"}
"""Rights that are nothing without another."""


async def converted_for(config: Config, path: Path) -> Converted:
    """The metadata as a configuration of ours that fits the configured database, where there is one. Raises ConfigError for what
    is no metadata, ConnectionRefused, OSError."""
    if config.database.url is None:
        return converted(path, None)
    metadata = metadata_of(path)
    names = custom_names(metadata, await catalog_of(config))
    conversion = conversion_of(metadata, await catalog_of(config, names))
    for _ in range(ROUNDS):
        found = await _complaints(config, conversion.text())
        if not _taken_away(conversion, found):
            break
    return conversion.done()


async def _complaints(config: Config, text: str) -> tuple[Complaint, ...]:
    """What is wrong with the file over that database."""
    environ = {CONFIG_TEXT: text, "DATABASE_URL": "sqlite:///", "JWT_SECRET": SECRET}
    made, found = understood(None, environ, Flags(url=str(config.database.url)))
    if made is None or found:
        return found
    made = made.model_copy(update={"database": config.database})
    try:
        Binding(made, strict=True).snapshot(1, await catalog_of(made))
    except ConfigError as error:
        return error.complaints
    return ()


def _taken_away(conversion: Conversion, found: tuple[Complaint, ...]) -> bool:
    """Whether anything was: of relationships and names first, because rules that speak of them may be right without."""
    for part in (_ways, _rights):
        places = dict(part(conversion))
        hit = {path: each for each in reversed(found) if (path := _within(each.path, places)) is not None}
        for path, complaint in sorted(hit.items()):
            where, take = places[path]
            take()
            hint = f"; {complaint.hint}" if complaint.hint else ""
            conversion.left.append(f"{where}: {complaint.message}{hint}; it is left out")
        if hit:
            return True
    return False


Place = tuple[str, tuple[str, Callable[[], object]]]


def _ways(conversion: Conversion) -> Iterator[Place]:
    for path in conversion.relationships:
        table, _, name = path.rpartition(".")
        place = f"{table}: relationship {conversion.relationships[path].get('rename', name)}"
        yield dotted(("relationships", path)), (place, partial(_drop, conversion.relationships, path))
    for table, said in conversion.tables.items():
        if "name" in said:
            yield dotted(("tables", table, "name")), (f"{table}: custom_name", partial(_drop, said, "name"))


def _rights(conversion: Conversion) -> Iterator[Place]:
    for table, said in conversion.tables.items():
        allow = said.get("allow", {})
        for role, rights in allow.items():
            for right in rights:
                take = partial(_without, allow, role, right)
                yield dotted(("tables", table, "allow", role, right)), (f"{table}: {right} of {role}", take)
    for function in conversion.functions:
        take = partial(_drop, conversion.functions, function)
        yield dotted(("functions", function)), (f"function {function}", take)


def _drop(entries: dict[str, Any], name: str) -> None:
    del entries[name]


def _without(allow: dict[str, dict[str, object]], role: str, right: str) -> None:
    """Take a right away, and what is nothing without it; a role that has none left is not named."""
    for each in (right, *(other for other, needs in WAYS.items() if needs == right)):
        allow[role].pop(each, None)
    if not allow[role]:
        del allow[role]


def _within(path: str, places: Mapping[str, object]) -> str | None:
    """The place that a path is, or is in."""
    return next((each for each in places if path == each or path.startswith((f"{each}.", f"{each}["))), None)
