"""JSON from a caller: read exactly, and turned into assignments.

Rule: numbers keep every digit they were written with, a name given twice is refused and not silently dropped, and
whatever is wrong with a body is told at once, each with the JSON pointer of its place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn

from aiohttp import web

from reflector.access.permissions import CreateRight
from reflector.catalog.model import Column
from reflector.datatypes import Kind, parse_json
from reflector.errors import InvalidRequest, InvalidValue, LimitExceeded, ReflectorError, UnknownColumn
from reflector.query.nodes import Assignment, Literal
from reflector.query.scope import TableScope
from reflector.sql.json_text import json_text
from server.apis.resource.faults import FaultList, in_body
from server.problems import MalformedRequest

DEEPEST: Final = 64
DIGITS: Final = 1000
"""Digits of a number, and the size of its exponent."""


class _Refused(ValueError):
    """Not for a caller: carries what is to be raised through the JSON parser."""

    def __init__(self, fault: ReflectorError) -> None:
        super().__init__(fault.message)
        self.fault = fault


def read_json(text: str, pointer: str | None = None) -> Any:
    """A JSON document, decimals as Decimal; raises MalformedRequest for no JSON, LimitExceeded, InvalidRequest."""
    try:
        value = json.loads(
            text,
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
        if text.count("[") + text.count("{") > DEEPEST and _depth(value) > DEEPEST:
            raise _too_deep(pointer)
    except _Refused as refused:
        refused.fault.pointer = pointer
        raise refused.fault from None
    except RecursionError:
        raise _too_deep(pointer) from None
    except ValueError as error:
        where = f" at line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise _malformed(f"this is not JSON{where}", pointer) from None
    return value


def _malformed(words: str, pointer: str | None) -> ReflectorError:
    """Of a body, a malformed request; of a parameter, one that cannot be understood."""
    return MalformedRequest(words) if pointer is None else InvalidRequest(words, pointer=pointer)


def _too_deep(pointer: str | None) -> LimitExceeded:
    return LimitExceeded(f"JSON is at most {DEEPEST} levels deep", pointer=pointer)


def _integer(text: str) -> int:
    if len(text) > DIGITS:
        raise _Refused(LimitExceeded(f"a number has at most {DIGITS} digits"))
    return int(text)


def _decimal(text: str) -> Decimal:
    if len(text) > DIGITS:
        raise _Refused(LimitExceeded(f"a number has at most {DIGITS} digits"))
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise _Refused(InvalidValue("a number is too large")) from None
    if abs(value.adjusted()) > DIGITS:
        raise _Refused(InvalidValue("a number is too large or too small"))
    return value


def _constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise _Refused(InvalidRequest(f"{twice!r} is given twice in one object"))
    return members


def _depth(value: Any) -> int:
    """How many levels, found level by level: no recursion."""
    depth, level = 0, [value]
    while level:
        inner: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                inner.extend(each.values())
            elif isinstance(each, list):
                inner.extend(each)
        depth += any(isinstance(each, dict | list) for each in level)
        level = inner
    return depth


# ── the body of a write ──────────────────────────────────────────────────────────────────────


async def read_body(request: web.Request) -> Mapping[str, Any]:
    """The object that was sent; raises HTTPUnsupportedMediaType, HTTPRequestEntityTooLarge, and as `read_json`."""
    if not is_json(request.content_type) or (request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
        raise web.HTTPUnsupportedMediaType(text="a body is application/json, in UTF-8")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise web.HTTPUnsupportedMediaType(text="a body must not be compressed")
    try:
        text = (await request.read()).decode()
    except UnicodeDecodeError:
        raise MalformedRequest("the body is not UTF-8") from None
    value = read_json(text)
    if isinstance(value, list):
        raise InvalidRequest("several rows at once are not offered by this version", hint="send one object")
    if not isinstance(value, dict):
        raise InvalidRequest("a row is an object")
    return value


def is_json(content_type: str) -> bool:
    return content_type == "application/json" or (
        content_type.startswith("application/") and content_type.endswith("+json")
    )


def created(
    table: TableScope, rights: tuple[CreateRight, ...], body: Mapping[str, Any], faults: FaultList
) -> tuple[Assignment, ...]:
    """The values of a new row. A column that must be given under every right is missed here already."""
    values = _assigned(table, table.creatable, body, faults)
    always = frozenset.intersection(*(right.columns for right in rights)) if rights else frozenset()
    for name, column in table.creatable.items():
        if column.required and name not in body and column in always:
            faults.add(InvalidValue(f"{name!r} is required"), in_body(name))
    return values


def updated(table: TableScope, body: Mapping[str, Any], faults: FaultList) -> tuple[Assignment, ...]:
    """The new values of a row."""
    return _assigned(table, table.updatable, body, faults)


def _assigned(
    table: TableScope, given: Mapping[str, Column], body: Mapping[str, Any], faults: FaultList
) -> tuple[Assignment, ...]:
    values: list[Assignment] = []
    for name, value in body.items():
        with faults.at(in_body(name)):
            column = given.get(name)
            if column is None:
                raise _not_given(table, name, given)
            values.append(Assignment(column, Literal(_value(column, value), column.type)))
    return tuple(values)


def _value(column: Column, value: Any) -> Any:
    if value is None and not column.nullable:
        raise InvalidValue(f"{column.name!r} must not be null")
    parsed = parse_json(column.type, value)
    if column.type.kind is Kind.JSON and parsed is not None:
        json_text(parsed)  # what cannot be written is told here, with its place
    return parsed


def _not_given(table: TableScope, name: str, given: Mapping[str, Column]) -> ReflectorError:
    """Why a member cannot be written. A column that exists and one that does not are told alike, but for what any
    reader of the table is shown: what the database makes by itself, and relationships."""
    column = table.readable.get(name)
    if column is not None and not column.writable:
        return InvalidValue(f"{name!r} is made by the database and takes no value")
    if name in table.relationships:
        return InvalidRequest(f"{name!r} leads to other rows, which cannot be written along in this version")
    return UnknownColumn(table.table.label, name, given)
