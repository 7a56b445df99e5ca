"""`reflector config show`: what is in force, every setting with where it comes from; and what roles may do by it.

    database:
      url: "postgresql://shop:***@db/shop"                 # environment variable DATABASE_URL
      pool:
        max: 20                                            # config.yaml:4:9
        wait: 5s                                           # default

Rule: a secret is `***`, wherever it stands; what is not set, and has no default, is said to be so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

import orjson

from reflector.access.permissions import Permissions
from server.access import limits_of
from server.app import engine_of
from server.binding import Binding
from server.commands.explain import principal_of
from server.commands.rights import Rights
from server.config import Config
from server.config.complaints import Path
from server.config.models import File
from server.config.section import Section
from server.config.values import show_duration, show_size

BESIDE: Final = 56
"""Where it begins to be said where a setting comes from."""
DEFAULT: Final = "default"
UNSET: Final = "not set"
STEP: Final = "  "
DASH: Final = "- "


# ── settings ─────────────────────────────────────────────────────────────────────────────────


def settings_shown(config: Config) -> Iterator[str]:
    """Every setting, in lines of YAML."""
    written = config.model_dump(mode="json", include=set(File.model_fields))
    for name in File.model_fields:
        yield from _setting(
            config, name, getattr(config, name), written[name], (name,), name in config.model_fields_set
        )


def _setting(config: Config, name: str, value: Any, written: Any, path: Path, given: bool) -> Iterator[str]:
    indent = STEP * (len(path) - 1)
    if isinstance(value, Section):
        yield f"{indent}{name}:"
        for inside in type(value).model_fields:
            given = inside in value.model_fields_set
            yield from _setting(config, inside, getattr(value, inside), written[inside], (*path, inside), given)
    elif isinstance(value, Mapping) and value and isinstance(written, Mapping):
        yield f"{indent}{name}:"
        for inside, each in value.items():
            yield from _setting(config, _plain(inside), each, written[inside], (*path, str(inside)), True)
    elif isinstance(value, tuple) and value and isinstance(value[0], Section):
        yield f"{indent}{name}:"
        for number, each in enumerate(value):
            yield from _item(config, each, written[number], (*path, number))
    elif value is None:
        yield _line(f"{indent}# {name}:", UNSET)
    else:
        yield _line(f"{indent}{name}: {_plain(written)}", _from(config, path) if given else DEFAULT)


def _item(config: Config, value: Section, written: Any, path: Path) -> Iterator[str]:
    """A section in a list: what it says, the first of it behind a dash."""
    first = True
    for name in type(value).model_fields:
        inside = getattr(value, name)
        if inside is None:
            continue
        for line in _setting(config, name, inside, written[name], (*path, name), name in value.model_fields_set):
            indent = len(line) - len(line.lstrip())
            yield line[: indent - len(DASH)] + DASH + line[indent:] if first else line
            first = False


def _line(said: str, source: str) -> str:
    return f"{said:<{BESIDE}} # {source}"


def _plain(value: Any) -> str:
    """A value as YAML writes it: JSON, which is YAML as well, without quotes around plain words."""
    if isinstance(value, str) and value.replace("_", "a").replace("-", "a").isalnum() and not value[0].isdigit():
        return value if value not in {"true", "false", "null", "yes", "no", "on", "off"} else f'"{value}"'
    return orjson.dumps(value).decode()


def _from(config: Config, path: Path) -> str:
    """Where a setting is written: a place of a file, a variable, a flag."""
    while path and path not in config.places:
        path = path[:-1]
    return str(config.places[path].value) if path else DEFAULT


# ── what roles may do ────────────────────────────────────────────────────────────────────────


async def rights_shown(config: Config, caller: str) -> list[str]:
    """What a caller with these roles may do with the database that is there. Raises Forbidden for a role that is not
    declared, and what starting raises."""
    principal, binding = principal_of(config, caller), Binding(config)
    engine = await engine_of(config, binding)
    try:
        snapshot, access = engine.snapshot, engine.snapshot.access(principal)
    finally:
        await engine.close()
    limits = limits_of(config)(principal.roles)
    said = (f"{name}: {_limit(name, getattr(limits, name))}" for name in type(limits).__dataclass_fields__)
    of_roles = snapshot.permissions.rights if isinstance(snapshot.permissions, Permissions) else {}
    rights = Rights(binding, snapshot.catalog, access, {} if config.decided_by_database else of_roles)
    return [f"roles: {', '.join(access.roles) or 'none'}", "limits:", *(STEP + each for each in said), *rights.told()]


def _limit(name: str, limit: Any) -> str:
    """A limit as the file writes it."""
    if limit is None:
        return UNSET
    if isinstance(limit, timedelta):
        return show_duration(limit)
    if name == "bytes":
        return show_size(limit)
    return str(limit).lower()
