"""What two configurations say differently, and what of it can hold without a restart.

    taken at once       who may do what, limits, who calls, kept answers, what is told of changes, CORS, pages of PostgREST's
    at the next start   RESTART: what sockets, processes, connections to other servers and the log are made of
    never by a reload   FIXED: whether anybody is asked for a credential, and whether rules hold at all

Rule: settings are named, never what they are set to; where a rule stands in the file is no difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final

from server.config.complaints import Complaint, ConfigError, Path, Position, dotted
from server.config.models import Config, File
from server.config.section import Section

RESTART: Final[tuple[Path, ...]] = (
    ("database", "url"),
    ("server", "host"),
    ("server", "port"),
    ("server", "reuse_port"),
    ("server", "socket"),
    ("server", "workers"),
    ("server", "body"),
    ("server", "secret"),
    ("server", "token"),
    ("server", "tls"),
    ("auth", "enforce"),
    ("extensions",),
    ("redis",),
    ("changes", "source"),
    ("changes", "memory"),
    ("changes", "spool", "path"),
    ("observability", "log"),
    ("observability", "level"),
    ("observability", "metrics"),
    ("postgrest", "path"),
)
PLACES: Final = {"position", "spread"}
"""Members of values that say where they were written."""
ABSENT: Final = object()


def differing(one: Config, other: Config) -> tuple[str, ...]:
    """The settings that say something else, of those that can hold at once: dotted, in the order of the file's sections."""
    pairs = ((name, getattr(one, name), getattr(other, name)) for name in File.model_fields)
    found = (path for name, old, new in pairs for path in _differing(old, new, (name,)))
    return tuple(
        dict.fromkeys(dotted(path) for path in found if not any(path[: len(each)] == each for each in RESTART))
    )


def _differing(old: Any, new: Any, path: Path) -> Iterator[Path]:
    if isinstance(old, Section) and type(old) is type(new):
        for name in type(old).model_fields:
            yield from _differing(getattr(old, name), getattr(new, name), (*path, name))
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in dict.fromkeys((*old, *new)):
            yield from _differing(old.get(name, ABSENT), new.get(name, ABSENT), (*path, str(name)))
    elif _meaning(old) != _meaning(new):
        yield path


def _meaning(value: Any) -> Any:
    """The value without the place where it stands."""
    if isinstance(value, tuple | list):
        return [_meaning(each) for each in value]
    if isinstance(value, Mapping):
        return {name: _meaning(each) for name, each in value.items()}
    if is_dataclass(value) and not isinstance(value, type) and any(each.name in PLACES for each in fields(value)):
        return [_meaning(getattr(value, each.name)) for each in fields(value) if each.name not in PLACES]
    return value


def waiting(started: Config, wanted: Config) -> tuple[str, ...]:
    """The settings that differ from those of the start, and hold only after another one."""
    return tuple(
        dict.fromkeys(
            dotted(found) for path in RESTART for found in _differing(_at(started, path), _at(wanted, path), path)
        )
    )


def _at(config: Any, path: Path) -> Any:
    for step in path:
        config = None if config is None else getattr(config, str(step))
    return config


def kept(present: Config, wanted: Config) -> Config:
    """What is wanted, but for the settings that need a restart: these are as at present.

    Raises ConfigError where that would turn rules off, or on: nobody takes that for a change of some setting.
    """
    _check_fixed(present, wanted)
    merged: Any = wanted
    for path in RESTART:
        merged = _with(merged, path, _at(present, path))
    found: Config = merged
    return found


def _check_fixed(present: Config, wanted: Config) -> None:
    if (present.auth is None) != (wanted.auth is None):
        _refuse(wanted, "auth", "cannot be added or removed while serving", "restart the server")
    if present.open != wanted.open:
        said = "opens everything" if wanted.open else "begins to close what was open"
        _refuse(wanted, "tables", f"a file without auth, tables, functions and defaults {said}", "restart the server")


def _refuse(config: Config, setting: str, message: str, hint: str) -> None:
    position = config.position(setting) or Position(config.source or "the configuration")
    raise ConfigError([Complaint(position, setting, message, hint)])


def _with(section: Any, path: Path, value: Any) -> Any:
    """The section with another value under a path; as it is where the path leads to nothing."""
    name = str(path[0])
    inside = getattr(section, name)
    if len(path) == 1:
        return section if inside is value else section.model_copy(update={name: value})
    return section if inside is None else section.model_copy(update={name: _with(inside, path[1:], value)})
