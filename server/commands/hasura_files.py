"""Hasura's metadata as one value: a directory of YAML files, with what they include put in its place, or one file.

    tables: "!include default/tables/tables.yaml"        a text that begins so, or the tag itself

    databases/databases.yaml       a directory of version 3
    tables.yaml                    a directory of version 2, whose one database has no name
    metadata.yaml, metadata.json   all in one file, as projects of version 1 and the console write it

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


READ_OF_A_FILE: Final = frozenset(
    {"version", "sources", "tables", "functions", "inherited_roles", "graphql_schema_introspection"}
)
"""What is read of metadata that are one file; the rest is named where it says anything."""
ALONE: Final = ("metadata.yaml", "metadata.json", "hasura_metadata.json", "migrations/metadata.yaml")


def metadata_of(path: Path) -> Metadata:
    """The metadata in a directory, in the `metadata` directory of a project, or in one file. Raises ConfigError, OSError."""
    if path.is_file():
        return _of_file(path)
    for root in (path / "metadata", path):
        databases, older = root / "databases" / "databases.yaml", root / "tables.yaml"
        if databases.is_file():
            return _of_directory(root, _list(_read(root, databases, ()), databases))
        if older.is_file():
            # Version 2 of the directory knows one database, whose tables stand at the top.
            listed = {"tables": _optional(root, "tables.yaml"), "functions": _optional(root, "functions.yaml")}
            return _of_directory(root, ({"name": "default", **listed},))
    alone = next((path / name for name in ALONE if (path / name).is_file()), None)
    if alone is None:
        raise _refused(path, "has no metadata of Hasura's: neither databases/databases.yaml nor tables.yaml")
    return _of_file(alone)


def _of_directory(root: Path, databases: tuple[Mapping[str, Any], ...]) -> Metadata:
    roles, path = root / "inherited_roles.yaml", root / "graphql_schema_introspection.yaml"
    return Metadata(
        _checked(databases, root),
        _list(_optional(root, roles.name), roles),
        tuple(_others(root)),
        _untold(_optional(root, path.name), path),
    )


def _of_file(path: Path) -> Metadata:
    document = _read(path.parent, path, ())
    said = document.get("metadata", document) if isinstance(document, Mapping) else None
    if not isinstance(said, Mapping) or not {"sources", "tables"} & said.keys():
        raise _refused(path, "has no metadata of Hasura's: neither sources nor tables")
    alone = {"name": "default", "tables": said.get("tables"), "functions": said.get("functions")}
    return Metadata(
        _checked(_list(said["sources"], path) if "sources" in said else (alone,), path),
        _list(said.get("inherited_roles"), path),
        tuple(name for name, value in said.items() if name not in READ_OF_A_FILE and _says_something(value)),
        _untold(said.get("graphql_schema_introspection"), path),
    )


def _checked(databases: tuple[Mapping[str, Any], ...], path: Path) -> tuple[Mapping[str, Any], ...]:
    """The databases, whose tables and functions are lists of mappings."""
    for each in databases:
        for part in ("tables", "functions"):
            _list(each.get(part), path)
    return databases


def _optional(root: Path, name: str) -> Any:
    return _read(root, root / name, ()) if (root / name).is_file() else None


def _untold(said: Any, path: Path) -> tuple[str, ...]:
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


def listed(given: Mapping[str, Any], key: str) -> tuple[Mapping[str, Any], ...]:
    """The mappings of a list, none where it is not there; raises ConfigError for what is no such list."""
    value = given.get(key)
    if not isinstance(value, list | None) or not all(isinstance(each, Mapping) for each in value or ()):
        raise ConfigError([Complaint(Position("the metadata"), key, f"must be a list of mappings{_of(given)}")])
    return tuple(value or ())


def mapped(given: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A mapping, an empty one where it is not there; raises ConfigError for what is none."""
    value = given.get(key)
    if not isinstance(value, Mapping | None):
        raise ConfigError([Complaint(Position("the metadata"), key, f"must be a mapping{_of(given)}")])
    return value or {}


def parts_of(given: Any) -> tuple[str | None, str]:
    """Schema and name of a table or function; the schema None where it is not said."""
    if isinstance(given, Mapping):
        schema = given.get("schema", given.get("dataset"))
        return None if schema is None else str(schema), str(given.get("name"))
    return None, str(given)


def _of(given: Mapping[str, Any]) -> str:
    name = given.get("table", given.get("function", given.get("role", given.get("name"))))
    return "" if name is None else f", of {name.get('name') if isinstance(name, Mapping) else name}"


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
