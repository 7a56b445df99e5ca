"""A directory of Hasura's metadata as one value: its YAML files, with what they include put in its place.

    tables: "!include default/tables/tables.yaml"        a text that begins so, or the tag itself

Rule: only files inside the directory are read, and none twice on one way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from yaml.error import YAMLError

from server.config import Complaint, ConfigError, Position
from server.config.composing import plain_value

INCLUDE: Final = "!include"
DEEPEST: Final = 16


PLAIN: Final = "!plain"
MAPPING: Final = "tag:yaml.org,2002:map"


@dataclass(frozen=True, slots=True)
class Metadata:
    """`databases` as they are listed; `inherited` roles; `others`: further files that say something, by their names; `untold`:
    roles that are not told the schema."""

    databases: tuple[Mapping[str, Any], ...]
    inherited: tuple[Mapping[str, Any], ...]
    others: tuple[str, ...]
    untold: tuple[str, ...] = ()


LEFT: Final = (
    "actions.yaml",
    "allow_list.yaml",
    "api_limits.yaml",
    "cron_triggers.yaml",
    "network.yaml",
    "opentelemetry.yaml",
    "query_collections.yaml",
    "remote_schemas.yaml",
    "rest_endpoints.yaml",
)


def metadata_of(folder: Path) -> Metadata:
    """The metadata in a directory, or in the `metadata` directory of a project. Raises ConfigError, OSError."""
    root = folder / "metadata" if (folder / "metadata" / "databases").is_dir() else folder
    databases, older = root / "databases" / "databases.yaml", root / "tables.yaml"
    if databases.is_file():
        found = _list(_read(root, databases, ()), databases)
    elif older.is_file():
        # Version 2 of the directory knows one database, whose tables stand at the top.
        functions = root / "functions.yaml"
        listed = _list(_read(root, functions, ()), functions) if functions.is_file() else ()
        found = ({"name": "default", "tables": _list(_read(root, older, ()), older), "functions": listed},)
    else:
        raise _refused(root, "has no metadata of Hasura's: neither databases/databases.yaml nor tables.yaml")
    for each in found:
        for part in ("tables", "functions"):
            _list(each.get(part), databases if databases.is_file() else older)
    roles = root / "inherited_roles.yaml"
    inherited = _list(_read(root, roles, ()), roles) if roles.is_file() else ()
    return Metadata(found, inherited, tuple(_others(root)), _untold(root, root / "graphql_schema_introspection.yaml"))


def _untold(root: Path, path: Path) -> tuple[str, ...]:
    said = _read(root, path, ()) if path.is_file() else None
    listed = said.get("disabled_for_roles") if isinstance(said, Mapping) else said
    if not isinstance(listed, list | None) or not all(isinstance(each, str) for each in listed or ()):
        raise _refused(path, "must list roles under disabled_for_roles")
    return tuple(listed or ())


def _others(root: Path) -> Iterator[str]:
    for name in LEFT:
        path = root / name
        if path.is_file() and _says_something(_read(root, path, ())):
            yield name


def _says_something(document: Any) -> bool:
    """Whether there is anything in it but empty lists."""
    return any(document.values()) if isinstance(document, Mapping) else bool(document)


def _list(document: Any, path: Path) -> tuple[Mapping[str, Any], ...]:
    if document is None:
        return ()
    if not isinstance(document, list) or not all(isinstance(each, Mapping) for each in document):
        raise _refused(path, "must be a list of mappings")
    return tuple(document)


def _read(root: Path, path: Path, way: tuple[Path, ...]) -> Any:
    """The document in a file; raises ConfigError."""
    real = path.resolve()
    if not real.is_relative_to(root.resolve()):
        raise _refused(path, "is included from outside of the metadata")
    if real in way or len(way) > DEEPEST:
        raise _refused(path, "includes itself")
    try:
        document = _said(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _refused(path, "is included, and is not there") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise _refused(path, "cannot be read as YAML") from error
    return _with_included(root, path, document, (*way, real))


def _said(text: str) -> Any:
    """The value of a document; what plain text means is said by the core schema of YAML 1.2. Raises YAMLError."""
    loader = yaml.SafeLoader(text)
    loader.yaml_implicit_resolvers = {None: [(PLAIN, re.compile(""))]}
    loader.yaml_constructors = {
        **loader.yaml_constructors,
        PLAIN: lambda _, node: plain_value(node.value),
        INCLUDE: lambda _, node: f"{INCLUDE} {node.value}",
        MAPPING: _mapping,
    }
    return loader.get_single_data()


def _mapping(loader: Any, node: Any) -> Any:
    keys = [key.value for key, _ in node.value]
    if len({*map(str, keys)}) < len(keys):
        raise YAMLError("a key is given twice")
    return loader.construct_mapping(node, deep=True)


def _with_included(root: Path, path: Path, given: Any, way: tuple[Path, ...]) -> Any:
    match given:
        case str() if given.startswith(f"{INCLUDE} "):
            return _read(root, path.parent / given.removeprefix(INCLUDE).strip(), way)
        case dict():
            return {str(key): _with_included(root, path, value, way) for key, value in given.items()}
        case list():
            return [_with_included(root, path, value, way) for value in given]
        case _:
            return given


def _refused(path: Path, why: str) -> ConfigError:
    return ConfigError([Complaint(Position(str(path)), "", why)])
