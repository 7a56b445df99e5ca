"""The value that a body gives a column, taken as PostgreSQL takes the members of a JSON object.

What is no text is the text of its JSON: a number fits a column of text, and "1" one of numbers. JSON alone stays as it is.

Rule: a value is of its column's type or the request ends, before the database is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from reflector import scalars
from reflector.catalog.model import Column, DatabaseKind
from reflector.datatypes import DataType, Kind, Value, parse_json
from reflector.errors import InvalidValue
from reflector.query import sets
from reflector.query.represented import body_type
from reflector.sql.json_text import json_text
from server.apis.postgrest.faults import PostgrestError, refusal
from server.apis.postgrest.grammar.limits import Limits
from server.apis.postgrest.lowering.operands import array_value
from server.apis.postgrest.lowering.set_values import set_value
from server.apis.postgrest.lowering.zoned import UTC, Clock

LISTED: Final = frozenset({Kind.ARRAY, Kind.SET})
AS_THEY_ARE: Final = frozenset({Kind.BOOLEAN, Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.JSON, Kind.ARRAY})
"""Kinds whose values are more in JSON than texts."""


def given_value(
    table: str, column: Column, given: Any, database: DatabaseKind, limits: Limits, clock: Clock = UTC
) -> Value:
    """The canonical value; raises PostgrestError, InvalidValue.

    PostgreSQL refuses a null itself, once its triggers had their say; the others would number some columns instead.
    """
    if given is None:
        if not column.nullable and database is not DatabaseKind.POSTGRESQL:
            raise must_not_be_null(table, column.name)
        return None
    type_ = body_type(column.type)
    if type_.kind is Kind.JSON:
        parsed = parse_json(type_, given)
        json_text(parsed)  # what cannot be written is told here
        return parsed
    if type_.kind in LISTED and isinstance(given, list):
        return parse_list(type_, given, clock)
    text = given if isinstance(given, str) else json_text(given)
    if type_.kind is Kind.ARRAY and type_.element is not None:
        return array_value(type_, text, limits, clock)
    if type_.kind is Kind.SET:
        return set_value(type_, text, limits)
    return _parsed(type_, text, clock)


def parse_list(type_: DataType, given: list[Any], clock: Clock) -> Value:
    """An array of JSON as a value; raises InvalidValue."""
    element = type_.element
    if element is None or not any(isinstance(each, str) and clock.endless_value(element, each) for each in given):
        return parse_json(type_, given_list(type_, given, clock))
    return tuple(
        None if each is None else clock.value(element, each if isinstance(each, str) else json_text(each))
        for each in given
    )


def given_list(type_: DataType, given: list[Any], clock: Clock) -> list[Any]:
    """An array of JSON whose items are as the core reads them, at any depth: of what is no text, the text."""
    element = type_.element
    if element is None or (element.kind in AS_THEY_ARE and not clock.reads(element)):
        return given
    return [given_list(type_, each, clock) if isinstance(each, list) else _item(element, each, clock) for each in given]


def _item(element: DataType, given: Any, clock: Clock) -> Any:
    if isinstance(given, str):
        return clock.text(element, given)
    return given if given is None or element.kind in AS_THEY_ARE else clock.text(element, json_text(given))


def given_rows(
    rows: Sequence[Mapping[Column, Value]], columns: Iterable[Column], *, defaults: bool
) -> tuple[sets.GivenRows, ...]:
    """The rows as the core takes them, each value of the type that a body has it in."""
    given = sets.given_rows(rows, columns, defaults=defaults)
    return tuple(replace(each, types=_types(each.columns)) for each in given)


def _types(columns: Sequence[Column]) -> tuple[DataType, ...] | None:
    types = tuple([body_type(column.type) for column in columns])
    return types if any(type_.by or type_.by_json for type_ in types) else None


def same_key(column: Column, value: Value, text: str, clock: Clock) -> bool:
    """Whether a value of a body is what an address names."""
    if body_type(column.type) is not column.type:
        return value is not None and (value if isinstance(value, str) else json_text(value)) == text
    return bool(value == clock.value(column.type, text))


def _parsed(type_: DataType, text: str, clock: Clock) -> Value:
    try:
        return clock.value(type_, text)
    except InvalidValue:
        if type_.kind is Kind.INTEGER and scalars.integer_of(text) is not None:
            shown = text if len(text) <= 60 else text[:60] + "…"
            raise refusal("22003", f'value "{shown}" is out of range for type {type_.native}') from None
        raise


def must_not_be_null(table: str, column: str) -> PostgrestError:
    """The error for a null where none may be."""
    message = f'null value in column "{column}" of relation "{table}" violates not-null constraint'
    return refusal("23502", message, f"{column} must not be null")
