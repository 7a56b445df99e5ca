"""The parts of the Swagger 2.0 document that tables and functions are, as PostgREST writes them.

    /t                 GET, POST, PATCH, DELETE, those of them that the caller may use
    definitions.t      its columns, with type, format, default, enum, length, and notes of its keys
    rowFilter.t.c      a filter by a column;  body.t  rows of it
    /rpc/f             POST, and GET where the function changes nothing

Rule: everything comes through the scope of whoever asks; what they may not use leaves no gap.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import quote

from reflector.catalog.model import Argument, Column, Function, Table
from reflector.query.nodes import TRUE
from reflector.query.scope import TableScope
from reflector.snapshot import Access
from server.apis.postgrest.describing.notes import Ways, described, told
from server.apis.postgrest.describing.values import (
    default,
    format_member,
    parameter,
    swagger_type,
    value,
    without_hidden,
)

Json = dict[str, Any]
Seen = Container[str] | None
"""Names of the tables whose row types may be named; None where tables are no types."""

ROWS: Final = ("application/json", "application/vnd.pgrst.object+json", "text/csv")
VALUES: Final = ("application/json", "application/vnd.pgrst.object+json")
PAGE: Final = ("select", "order", "range", "rangeUnit", "offset", "limit", "preferCount")
OWN_NAMES: Final = frozenset({"select", "order", "offset", "limit", "columns", "on_conflict", "and", "or"})
"""A column of such a name cannot be filtered by: the name means something else."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What one table or function adds. `names` gives what stands in each `#/parameters/…` of it."""

    paths: Mapping[str, Json] = field(default_factory=dict)
    definitions: Mapping[str, Json] = field(default_factory=dict)
    parameters: Mapping[str, Json] = field(default_factory=dict)


def reference(section: str, name: str) -> Json:
    """A reference to a member of a section, whatever its name holds."""
    return {"$ref": f"#/{section}/{quote(name.replace('~', '~0').replace('/', '~1'), safe='')}"}


# ── tables ───────────────────────────────────────────────────────────────────────────────────


def table_piece(scope: TableScope, access: Access, ways: Ways, seen: Seen = None) -> Piece:
    """What a table adds; nothing where none of its methods may be used. `seen`: the tables whose types are named."""
    table = scope.table
    filters = {_filter_name(table, column): _row_filter(column) for column in _filtered(scope)}
    operations = dict(_operations(scope, list(filters)))
    if not operations:
        return Piece()
    parameters = dict(filters)
    if scope.may_create or scope.may_update:
        parameters[f"body.{table.name}"] = _body(table)
    return Piece({f"/{table.name}": operations}, {table.name: _definition(scope, access, ways, seen)}, parameters)


def _operations(scope: TableScope, filters: Sequence[str]) -> Iterator[tuple[str, Json]]:
    name = scope.table.name
    common = {"tags": [name], **told(scope.table.comment)}
    if scope.may_read:
        rows = {"type": "array", "items": reference("definitions", name)}
        answers = {"200": {"description": "OK", "schema": rows}, "206": {"description": "Partial Content"}}
        yield "get", {**common, "parameters": _named([*filters, *PAGE]), "responses": answers}
    if scope.may_create:
        taken = _named([f"body.{name}", "select", "preferPost"])
        yield "post", {**common, "parameters": taken, "responses": {"201": {"description": "Created"}}}
    gone = {"204": {"description": "No Content"}}
    if scope.may_delete:
        yield "delete", {**common, "parameters": _named([*filters, "preferReturn"]), "responses": gone}
    if scope.may_update:
        taken = _named([*filters, f"body.{name}", "preferReturn"])
        yield "patch", {**common, "parameters": taken, "responses": gone}


def _named(parameters: Iterable[str]) -> list[Json]:
    return [reference("parameters", each) for each in parameters]


def _filtered(scope: TableScope) -> list[Column]:
    return [column for column in scope.readable.values() if scope.may_read and column.name not in OWN_NAMES]


def _filter_name(table: Table, column: Column) -> str:
    return ".".join(("rowFilter", *(f'"{name}"' if "." in name else name for name in (table.name, column.name))))


def _row_filter(column: Column) -> Json:
    comment = {"description": column.comment} if column.comment else {}
    return {"name": column.name, **comment, "required": False, "in": "query", "type": "string"}


def _body(table: Table) -> Json:
    schema = reference("definitions", table.name)
    return {"name": table.name, "description": table.name, "required": False, "in": "body", "schema": schema}


def _definition(scope: TableScope, access: Access, ways: Ways, seen: Seen) -> Json:
    table, grant = scope.table, access.grants.on(scope.table)
    known = scope.answered.keys() | scope.creatable.keys() | scope.updatable.keys()
    known |= scope.creatable_by_json.keys() | scope.updatable_by_json.keys()
    columns = [column for column in table.columns if column.name in known]
    rules = {} if grant is None else grant.columns
    required = [
        each.name
        for each in columns
        if not each.nullable and rules.get(each, TRUE) == TRUE and each.name not in scope.masked
    ]
    properties = {
        each.name: {
            **described(table, each, access.scope, ways),
            **value(without_hidden(scope.answered_type(each), seen)),
            **({} if each.name in scope.masked else default(each)),
        }
        for each in columns
    }
    return {
        **({"description": table.comment} if table.comment else {}),
        **({"required": required} if required else {}),
        "properties": properties,
        "type": "object",
    }


# ── functions ────────────────────────────────────────────────────────────────────────────────


def function_piece(name: str, overloads: Sequence[Function], seen: Seen = None) -> Piece:
    """What the functions of one name add: arguments of any of them, needed where all of them need them."""
    overloads = [replace(each, arguments=tuple(_told(each.arguments, seen))) for each in overloads]
    comment = next((each.comment for each in overloads if each.comment), None)
    types = tuple(dict.fromkeys(each.media for each in overloads if each.media and each.media != "*/*"))
    common = {
        "tags": [f"(rpc) {name}"],
        **told(comment),
        "produces": [*(types or VALUES)],
        "responses": {"200": {"description": "OK"}},
    }
    operations: Json = {}
    if reading := [each for each in overloads if not each.changes]:
        operations["get"] = {**common, "parameters": [_in_query(each, reading) for each in _arguments(reading)]}
    operations["post"] = {**common, "parameters": [_in_body(overloads, comment)]}
    return Piece({f"/rpc/{name}": operations})


def _told(arguments: Iterable[Argument], seen: Seen) -> Iterator[Argument]:
    for each in arguments:
        yield replace(each, type=without_hidden(each.type, seen))


def _arguments(overloads: Sequence[Function]) -> list[Argument]:
    return list({each.name: each for function in overloads for each in function.takes if each.name}.values())


def _needed(argument: Argument, overloads: Sequence[Function]) -> bool:
    def needs(function: Function) -> bool:
        found = [each for each in function.takes if each.name == argument.name]
        return any(not each.has_default for each in found)

    return all(needs(function) for function in overloads)


def _in_query(argument: Argument, overloads: Sequence[Function]) -> Json:
    several = argument.mode == "variadic"
    said = parameter(argument.type)
    if several:
        element = argument.type.element
        inner = "string" if element is None else swagger_type(element) or "string"
        said = {"type": "array", "items": {"type": inner}, "collectionFormat": "multi"}
    return {"name": argument.name, "required": _needed(argument, overloads), "in": "query", **said}


def _in_body(overloads: Sequence[Function], comment: str | None) -> Json:
    arguments = _arguments(overloads)
    whole = next((each.takes[0] for each in overloads if len(each.takes) == 1 and not each.takes[0].name), None)
    if whole is not None and not arguments:
        kind = swagger_type(whole.type)
        return {
            "name": "args",
            "required": True,
            "in": "body",
            "schema": {**format_member(whole.type), **({} if kind is None else {"type": kind})},
        }
    required = [each.name for each in arguments if _needed(each, overloads)]
    schema = {
        **({"description": comment} if comment else {}),
        **({"required": required} if required else {}),
        "properties": {each.name: value(each.type) for each in arguments},
        "type": "object",
    }
    return {"name": "args", "required": True, "in": "body", "schema": schema}


# ── what every document has ──────────────────────────────────────────────────────────────────


def _prefer(*values: str) -> Json:
    return {
        "name": "Prefer",
        "description": "Preference",
        "required": False,
        "in": "header",
        "type": "string",
        "enum": list(values),
    }


def _plain(name: str, description: str, where: str = "query", **more: str) -> Json:
    return {"name": name, "description": description, "required": False, "in": where, "type": "string", **more}


RETURNS: Final = ("return=representation", "return=minimal", "return=headers-only")
MERGES: Final = ("resolution=ignore-duplicates", "resolution=merge-duplicates")
PAGING: Final = "Limiting and Pagination"
PARAMETERS: Final[Mapping[str, Json]] = {
    "preferReturn": _prefer(*RETURNS),
    "preferCount": _prefer("count=exact", "count=planned", "count=estimated"),
    "preferPost": _prefer(*RETURNS, *MERGES),
    "select": _plain("select", "Filtering Columns"),
    "on_conflict": _plain("on_conflict", "On Conflict"),
    "order": _plain("order", "Ordering"),
    "range": _plain("Range", PAGING, "header"),
    "rangeUnit": _plain("Range-Unit", PAGING, "header", default="items"),
    "offset": _plain("offset", PAGING),
    "limit": _plain("limit", PAGING),
}
ROOT: Final[Json] = {
    "get": {
        "tags": ["Introspection"],
        "summary": "OpenAPI description (this document)",
        "produces": ["application/openapi+json", "application/json"],
        "responses": {"200": {"description": "OK"}},
    }
}
