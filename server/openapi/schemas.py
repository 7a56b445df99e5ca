"""The schemas of one table: a row as it is answered, a row to create, changes to a row, a page of rows.

Rule: an answered row promises no property, because `fields` may leave any out; it is true of every answer. What a
caller may send is closed: a property that is not listed is refused, in the document as by the server.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from reflector.access.permissions import Grants, TableGrant
from reflector.catalog.model import Column, Relationship, Table
from reflector.datatypes import DataType, Kind, json_schema
from reflector.query.nodes import TRUE, Filter
from reflector.query.scope import TableScope
from reflector.query.walk import source_columns, target_columns
from server.openapi.names import Names

Json = dict[str, Any]

ANY: Final = "ANY"
"""SQLite's type of what has none: a value is answered as it was stored."""
BOUNDS: Final = frozenset({"minimum", "maximum", "maxLength"})


def reference(section: str, name: str) -> Json:
    return {"$ref": f"#/components/{section}/{name}"}


def value_schema(type_: DataType, nullable: bool) -> Json:
    """The JSON Schema of a value as it is answered and as it is sent."""
    schema = dict(json_schema(type_))
    if not nullable or not schema:
        return schema
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    if "enum" in schema:
        schema["enum"] = [*schema["enum"], None]
    return {**schema, "type": [schema["type"], "null"]}


def text_schema(type_: DataType) -> Json:
    """The JSON Schema of a value in an address: bounds and lengths are the server's to judge."""
    if type_.kind is Kind.ARRAY:
        return {"type": "string", "contentMediaType": "application/json"}
    return {name: each for name, each in json_schema(type_).items() if name not in BOUNDS}


def row_schema(scope: TableScope, grants: Grants, schemas: Mapping[str, Names]) -> Json:
    """A row as it is answered. `schemas` gives the names of each label's schemas."""
    own = columns_of(grants, scope.table)
    properties = {
        column.name: _masked(column) if column.name in scope.masked else _answered(column, own[column])
        for column in scope.answered.values()
    }
    for name, relationship in scope.relationships.items():
        target = reference("schemas", schemas[relationship.target.label].schema)
        properties[name] = _related(relationship, target, grants)
    return _described({"type": "object", "properties": properties}, scope.table.comment)


def columns_of(grants: Grants, table: Table) -> Mapping[Column, Filter]:
    """The columns these roles see, each with the rule under which they do."""
    grant = grants.on(table)
    return {} if grant is None else grant.columns


def _answered(column: Column, rule: Filter) -> Json:
    """A column that is visible in some rows only is null in the others."""
    schema = {} if column.type.native == ANY else value_schema(column.type, column.nullable or rule != TRUE)
    if not (column.writable and column.type.read_here):
        schema["readOnly"] = True
    return _described(schema, column.comment)


def _masked(column: Column) -> Json:
    """A text, or null: how long a value is, or which there are, is not told."""
    return _described({"type": ["string", "null"], "readOnly": True}, column.comment)


def _related(relationship: Relationship, target: Json, grants: Grants) -> Json:
    if relationship.many:
        return {"type": "array", "items": target}
    return target if _always_there(relationship, grants) else {"anyOf": [target, {"type": "null"}]}


def _always_there(relationship: Relationship, grants: Grants) -> bool:
    """Whether a relationship to one always finds its row: the keys say so, and no rule hides an end of it."""
    grant = grants.on(relationship.target)
    if relationship.nullable or grant is None or grant.read_rows != TRUE:
        return False
    near, far = columns_of(grants, relationship.source), grant.columns
    ends = [near.get(column) for column in source_columns(relationship)]
    return all(rule == TRUE for rule in (*ends, *(far.get(column) for column in target_columns(relationship))))


def create_schema(scope: TableScope, grant: TableGrant) -> Json:
    """A row to create. What only some rights take need not be given: under another right a preset may give it."""
    always = frozenset.intersection(*(right.columns for right in grant.creates))
    schema = _given(scope.creatable.values())
    required = [column.name for column in scope.creatable.values() if column.required and column in always]
    return {**schema, "required": required} if required else schema


def update_schema(scope: TableScope) -> Json:
    """Changes to a row: what is left out stays as it is."""
    return _given(scope.updatable.values())


def _given(columns: Iterable[Column]) -> Json:
    properties = {
        column.name: _described(value_schema(column.type, column.nullable), column.comment) for column in columns
    }
    return {"type": "object", "properties": properties, "additionalProperties": False}


def page_schema(row: str) -> Json:
    return {
        "type": "object",
        "required": ["items", "page"],
        "properties": {
            "items": {"type": "array", "items": reference("schemas", row)},
            "page": reference("schemas", "PageInfo"),
        },
    }


def _described(schema: Json, text: str | None) -> Json:
    return {**schema, "description": text} if text else schema
