"""The OpenAPI 3.1 document of what one set of roles may do.

It is made table by table, so that a large one can be made in slices between other requests.

Rule: everything in it comes through the scope of the roles: what they may not use is not counted, not named and leaves
no gap. Equal scopes give equal bytes in every process.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import PurePath
from typing import Any, Final

import orjson

from reflector.catalog.model import Catalog, DatabaseKind
from reflector.database_url import DatabaseKind as UrlKind
from reflector.query.scope import Scope, TableScope
from reflector.snapshot import Access
from server.config import Config, EffectiveLimits
from server.openapi import functions, standing
from server.openapi.fixed import Fixed
from server.openapi.names import Names, table_names
from server.openapi.operations import paths
from server.openapi.parameters import name_schemas, parameters
from server.openapi.schemas import create_schema, page_schema, row_schema, update_schema

Json = dict[str, Any]

OPENAPI: Final = "3.1.0"
SLICE: Final = 0.002
"""Seconds of work before other requests have a turn."""
UNTITLED: Final = "Reflector"


@dataclass(frozen=True, slots=True)
class Setting:
    """What a document says beside the tables. `fixed` are the endpoints that are there for every database."""

    title: str
    database: str
    server: str
    security: Json
    limits: EffectiveLimits
    fixed: Fixed = field(default_factory=Fixed)


@dataclass(frozen=True, slots=True)
class Piece:
    """What one table adds."""

    tag: Json
    paths: Json
    schemas: Mapping[str, Json]
    parameters: Mapping[str, Json]


def setting(config: Config, catalog: Catalog, limits: EffectiveLimits, fixed: Fixed, *, guarded: bool) -> Setting:
    """What the configuration says about the document of callers with these limits; `guarded` by an access token."""
    return Setting(
        title_of(config),
        DATABASES[catalog.kind],
        config.server.url or "/",
        standing.security(config, guarded=guarded),
        limits,
        fixed,
    )


DATABASES: Final[Mapping[DatabaseKind, str]] = {
    DatabaseKind.POSTGRESQL: "PostgreSQL",
    DatabaseKind.MARIADB: "MariaDB",
    DatabaseKind.MYSQL: "MySQL",
    DatabaseKind.SQLITE: "SQLite",
}


def title_of(config: Config) -> str:
    """The name of the database, without the folder and the ending of a file."""
    url = config.database.url
    if url is None or not url.database:
        return UNTITLED
    return PurePath(url.database).stem if url.kind is UrlKind.SQLITE else url.database


# ── whole, or in slices ──────────────────────────────────────────────────────────────────────


def document(access: Access, setting: Setting) -> Json:
    """The whole document."""
    written = list(pieces(access, setting))
    whole = frame(access.scope, setting)
    whole["tags"] += [piece.tag for piece in written]
    for piece in written:
        whole["paths"] |= piece.paths
        whole["components"]["schemas"] |= piece.schemas
        whole["components"]["parameters"] |= piece.parameters
    return whole


async def written(access: Access, setting: Setting) -> bytes:
    """The same document as JSON, made in slices: the loop is never held for longer than one table takes."""
    whole, parts = frame(access.scope, setting), Parts()
    began = time.perf_counter()
    for piece in pieces(access, setting):
        parts.add(piece)
        if time.perf_counter() - began > SLICE:
            await asyncio.sleep(0)
            began = time.perf_counter()
    return parts.close(whole)


class Parts:
    """The pieces of a document, each turned into JSON as it comes, so that little is held meanwhile."""

    def __init__(self) -> None:
        self.tags: list[bytes] = []
        self.paths: list[bytes] = []
        self.schemas: list[bytes] = []
        self.parameters: list[bytes] = []

    def add(self, piece: Piece) -> None:
        self.tags.append(orjson.dumps(piece.tag))
        for kept, members in (
            (self.paths, piece.paths),
            (self.schemas, piece.schemas),
            (self.parameters, piece.parameters),
        ):
            if members:
                kept.append(orjson.dumps(members)[1:-1])

    def close(self, whole: Json) -> bytes:
        """The document: the members of the frame first, then those of the tables."""
        components = whole["components"]
        tags = [*map(orjson.dumps, whole["tags"]), *self.tags]
        whole["tags"] = orjson.Fragment(b"[" + b",".join(tags) + b"]")
        whole["paths"] = _joined(whole["paths"], self.paths)
        components["schemas"] = _joined(components["schemas"], self.schemas)
        components["parameters"] = _joined(components["parameters"], self.parameters)
        return orjson.dumps(whole)


def _joined(first: Json, rest: list[bytes]) -> orjson.Fragment:
    members = [orjson.dumps(first)[1:-1], *rest] if first else rest
    return orjson.Fragment(b"{" + b",".join(members) + b"}")


# ── what stands in it ────────────────────────────────────────────────────────────────────────


def frame(scope: Scope, setting: Setting) -> Json:
    """Everything but the tables; new each time, so that it can be filled."""
    security = dict(setting.security)
    components: Json = {
        "schemas": {**standing.SCHEMAS, **setting.fixed.schemas},
        "parameters": standing.parameter_components(setting.limits),
        "responses": standing.response_components(),
        "headers": standing.HEADERS,
    }
    if "schemes" in security:
        components["securitySchemes"] = security.pop("schemes")
    return {
        "openapi": OPENAPI,
        "info": {
            "title": setting.title,
            "version": version("reflector"),
            "description": standing.description(setting.database, setting.fixed.served),
        },
        "servers": [{"url": setting.server}],
        **security,
        "tags": [] if standing.TAG in scope.tables else [standing.OWN_TAG],
        "paths": {**setting.fixed.paths, **standing.PATHS},
        "components": components,
    }


def pieces(access: Access, setting: Setting) -> Iterator[Piece]:
    """Table by table, in the order of the catalog; then the functions."""
    names = table_names(access.scope.tables, [*standing.SCHEMAS, *setting.fixed.schemas])
    for scope in access.scope.tables.values():
        yield piece(access, scope, names)
    if access.scope.beside:
        tag = functions.TAG if functions.TAG not in access.scope.tables else f"{functions.TAG} of extensions"
        yield Piece({"name": tag, "description": functions.SAID}, functions.paths(access.scope.beside, tag), {}, {})


def piece(access: Access, scope: TableScope, names: Mapping[str, Names]) -> Piece:
    own = names[scope.table.label]
    tag = {"name": scope.table.label}
    if scope.table.comment:
        tag["description"] = scope.table.comment
    taken = parameters(scope, own.schema) if scope.may_read else {}
    named = {f"{own.schema}{name}": each for name, each in taken.items()}
    return Piece(tag, dict(paths(scope, own)), dict(_schemas(access, scope, own, names)), named)


def _schemas(access: Access, scope: TableScope, own: Names, names: Mapping[str, Names]) -> Iterator[tuple[str, Json]]:
    """The component schemas of one table; only what an operation refers to."""
    if scope.may_read:
        yield own.schema, row_schema(scope, access.grants, names)
        yield f"{own.schema}Page", page_schema(own.schema)
        yield from name_schemas(scope, own.schema).items()
    grant = access.grants.on(scope.table)
    if scope.may_create and grant is not None:
        yield f"{own.schema}Create", create_schema(scope, grant)
    if scope.may_update:
        yield f"{own.schema}Update", update_schema(scope)
