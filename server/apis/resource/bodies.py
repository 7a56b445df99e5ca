"""The body of a write: one object, or several in an array where rows are made, turned into values by column.

Rule: whatever is wrong with a body is told at once, each with the JSON pointer of its place, and before the database is
asked; a column that may not be written is told like one that is not there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from reflector.access.permissions import CreateRight
from reflector.catalog.model import Column
from reflector.datatypes import Value
from reflector.errors import InvalidRequest, InvalidValue, ReflectorError, RequestError, UnknownColumn
from reflector.query.scope import TableScope
from reflector.query.told import told
from server.apis.resource.faults import FaultList, in_body
from server.documents import read_json
from server.problems import MalformedRequest
from server.written import written_value

MOST_FAULTS: Final = 1000
"""Faults that are told of an array of rows."""


async def read_body(request: web.Request) -> Mapping[str, Any]:
    """The object that was sent; raises as `read_rows`."""
    value = await read_rows(request)
    if isinstance(value, list):
        raise InvalidRequest("changes to a row are an object, not an array")
    return value


async def read_rows(request: web.Request) -> Mapping[str, Any] | list[Any]:
    """The object that was sent, or the array of what should be objects.

    Raises HTTPUnsupportedMediaType, HTTPRequestEntityTooLarge, and as `read_json`.
    """
    if not is_json(request.content_type) or (request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
        raise web.HTTPUnsupportedMediaType(text="a body is application/json, in UTF-8")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise web.HTTPUnsupportedMediaType(text="a body must not be compressed")
    try:
        text = (await request.read()).decode()
    except UnicodeDecodeError:
        raise MalformedRequest("the body is not UTF-8") from None
    value = read_json(text)
    if not isinstance(value, dict | list):
        raise InvalidRequest("a row is an object")
    return value


def is_json(content_type: str) -> bool:
    """Whether the media type is JSON, or one that is written in it."""
    return content_type == "application/json" or (
        content_type.startswith("application/") and content_type.endswith("+json")
    )


class RowReader:
    """Reads the values of rows. `sized`: the database enforces the length of a text and the size of a decimal."""

    def __init__(self, table: TableScope, faults: FaultList, *, sized: bool) -> None:
        self.table, self.faults, self.sized = table, faults, sized
        self.place: tuple[str, ...] = ()

    def created_many(self, body: Sequence[Any], rights: tuple[CreateRight, ...]) -> list[dict[Column, Value]]:
        """The values of new rows, one after the other; the place of a fault begins with the row's number."""
        found, rows = self.faults, list[dict[Column, Value]]()
        for number, row in enumerate(body):
            self.faults, self.place = FaultList(), (str(number),)
            if isinstance(row, dict):
                rows.append(self.created(row, rights))
            else:
                self.faults.add(InvalidRequest("a row is an object"), self.at())
            found.found.extend(self.faults.found)
            if len(found.found) > MOST_FAULTS:
                break
        self.faults, self.place = found, ()
        return rows

    def at(self, *names: str) -> str:
        """The JSON pointer to a member of the row, or to the row."""
        return in_body(*self.place, *names)

    def created(self, body: Mapping[str, Any], rights: tuple[CreateRight, ...]) -> dict[Column, Value]:
        """The values of a new row. A column that must be given under every right is missed here already."""
        values = self._read(body, self.table.creatable)
        for name, column in self.table.creatable.items():
            if name in body or column.nullable or not column.required:
                continue
            if rights and all(column in right.columns for right in rights):
                self.faults.add(InvalidValue(f"{name!r} is required"), self.at(name))
        return values

    def updated(self, body: Mapping[str, Any]) -> dict[Column, Value]:
        """The new values of a row."""
        return self._read(body, self.table.updatable)

    def _read(self, body: Mapping[str, Any], given: Mapping[str, Column]) -> dict[Column, Value]:
        values: dict[Column, Value] = {}
        for name, value in body.items():
            try:
                column = given.get(name)
                if column is None:
                    raise self._not_given(name, given)
                values[column] = written_value(column, value, sized=self.sized)
            except RequestError as fault:
                self.faults.add(fault, self.at(name))
        return values

    def _not_given(self, name: str, given: Mapping[str, Column]) -> ReflectorError:
        """Why a member cannot be written. A column that exists and one that does not are told alike, but for what any
        reader of the table is shown: what the database makes by itself, and relationships."""
        column = self.table.readable.get(name)
        if column is not None and not column.type.read_here:
            return InvalidValue(f"{name!r} is of type {told(column.type)}, which takes no value here")
        if column is not None and not column.writable:
            return InvalidValue(f"{name!r} is made by the database and takes no value")
        if name in self.table.relationships:
            return InvalidRequest(f"{name!r} leads to other rows, which cannot be written along in this version")
        return UnknownColumn(self.table.table.label, name, given)
