"""The paths of one table, with just those methods that the roles may use.

Rule: an operation's name is the verb and the table's name, so that a generated client reads like a sentence; nothing
is listed that would be refused whatever the caller sends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import quote

from reflector.catalog.model import Column
from reflector.query.scope import TableScope
from server.apis.resource.selection import row_key
from server.openapi.names import Names, words
from server.openapi.parameters import equalities, parameters
from server.openapi.schemas import Json, reference, text_schema
from server.openapi.standing import responses

API: Final = "/api"
READING: Final = ("Unauthenticated", "Forbidden", "NotFound", "Unprocessable", "Failure")
"""The problems that any request of a table may be told of."""
REMOVING: Final = (*READING, "Conflict")
WRITING: Final = ("BadRequest", *REMOVING)
LOCATION: Final = {"Location": {"$ref": "#/components/headers/Location"}}
UNSHOWN: Final[Json] = {"description": "The row was changed; it is not wanted, or may no longer be seen."}
GONE: Final[Json] = {"description": "The row is gone."}

_PLACEHOLDER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def paths(scope: TableScope, names: Names) -> Iterator[tuple[str, Json]]:
    """The path of the list and that of a row, each with its operations; those without any are left out."""
    label = quote(scope.table.label, safe="")
    writer = Operations(scope, names)
    if operations := dict(writer.of_list()):
        yield f"{API}/{label}", operations
    key = row_key(scope)
    if key and (operations := dict(writer.of_row())):
        inside = placeholders(key)
        template = ",".join(f"{{{name}}}" for name in inside)
        given = [_key_parameter(name, column) for name, column in inside.items()]
        yield f"{API}/{label}/{template}", {"parameters": given, **operations}


def placeholders(key: Iterable[Column]) -> Mapping[str, Column]:
    """A name for each column of a key that can stand in a path's template."""
    named: dict[str, Column] = {}
    for column in key:
        name = column.name if _PLACEHOLDER.match(column.name) else "_".join(("key", *words(column.name)))
        while name in named:
            name += "_"
        named[name] = column
    return named


def _key_parameter(name: str, column: Column) -> Json:
    given: Json = {"name": name, "in": "path", "required": True, "schema": text_schema(column.type)}
    if column.comment:
        given["description"] = column.comment
    return given


class Operations:
    """Writes the operations of one table."""

    def __init__(self, scope: TableScope, names: Names) -> None:
        self.scope, self.names = scope, names
        self.label = scope.table.label
        self.own = {name: reference("parameters", f"{names.schema}{name}") for name in parameters(scope, names.schema)}
        self.row = reference("schemas", names.schema)

    def of_list(self) -> Iterator[tuple[str, Json]]:
        if self.scope.may_read:
            page = reference("schemas", f"{self.names.schema}Page")
            answers = {"200": _answer("A page of rows.", page)}
            yield "get", self._operation("list", "Rows of", self._of_list(), answers, READING)
        if self.scope.may_create and self.scope.table.insertable:
            answers = {"201": {**self._made(), "headers": LOCATION}}
            given = self._of_write()
            yield "post", self._writing("create", "New rows of", given, answers, "Create", many=True)

    def of_row(self) -> Iterator[tuple[str, Json]]:
        if self.scope.may_read:
            answers = {"200": _answer("The row.", self.row)}
            yield "get", self._operation("get", "One row of", self._of_row(), answers, READING)
        if self.scope.may_update and self.scope.table.updatable:
            answers = {"200": _answer("The row as it is now.", self.row), "204": UNSHOWN}
            yield "patch", self._writing("update", "Changes to a row of", self._of_write(), answers, "Update")
        if self.scope.may_delete and self.scope.table.deletable:
            yield "delete", self._operation("delete", "Remove a row of", [], {"204": GONE}, REMOVING)

    # ── what is given ────────────────────────────────────────────────────────────────────────

    def _of_row(self) -> list[Json]:
        return [self.own[name] for name in ("Fields", "Include") if name in self.own]

    def _of_list(self) -> list[Json]:
        shared = ["Filter", "Limit", "Page", *(["Cursor"] if row_key(self.scope) else []), "Count"]
        return [
            *self.own.values(),
            *(reference("parameters", name) for name in shared),
            *equalities(self.scope),
        ]

    def _of_write(self) -> list[Json]:
        return [*(self._of_row() if self.scope.may_read else []), reference("parameters", "Prefer")]

    # ── what is answered ─────────────────────────────────────────────────────────────────────

    def _made(self) -> Json:
        """A new row is answered to those who may read any; others learn that it was made.

        Several rows stand first: generated clients take the first form that fits, and a row, of which no member is
        required, fits everything.
        """
        said = (
            "The new row, or the new rows of an array, of which those are left out that may not be seen; without a body"
            " where none may be seen, or none is wanted."
        )
        return (
            _answer(said, {"anyOf": [_items(self.row), self.row]})
            if self.scope.may_read
            else {"description": "The row was made."}
        )

    def _operation(self, verb: str, summary: str, given: list[Json], answers: Json, problems: Iterable[str]) -> Json:
        return {
            "operationId": f"{verb}_{self.names.operation}",
            "summary": f"{summary} {self.label}",
            "tags": [self.label],
            **({"parameters": given} if given else {}),
            "responses": dict(sorted({**answers, **responses(problems)}.items())),
        }

    def _writing(
        self, verb: str, summary: str, given: list[Json], answers: Json, schema: str, *, many: bool = False
    ) -> Json:
        row = reference("schemas", f"{self.names.schema}{schema}")
        content = {"application/json": {"schema": {"oneOf": [row, {"type": "array", "items": row}]} if many else row}}
        operation = self._operation(verb, summary, given, answers, WRITING)
        return {**operation, "requestBody": {"required": True, "content": content}}


def _items(row: Json) -> Json:
    return {"type": "object", "required": ["items"], "properties": {"items": {"type": "array", "items": row}}}


def _answer(description: str, schema: Json) -> Json:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
