"""A type of the catalog as Swagger says it: type, format, enum, maxLength; and defaults that are values.

Rule: a default is told where it is a value of the column's own type; what the database works out is told only as text, and
only where nothing but the database's own functions is named in it: a sequence or a function may be hidden.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Mapping
from dataclasses import replace
from typing import Any, Final

from reflector.catalog.model import Column, Fill
from reflector.datatypes import DataType, Kind, parse_text
from reflector.errors import InvalidValue

Json = dict[str, Any]

TYPES: Final[Mapping[Kind, str | None]] = {
    Kind.BOOLEAN: "boolean",
    Kind.INTEGER: "integer",
    Kind.DECIMAL: "number",
    Kind.FLOAT: "number",
    Kind.ARRAY: "array",
    Kind.SET: "array",
    Kind.JSON: None,
}
"""What is not here is a string; None is anything at all."""
ANY: Final = "ANY"
"""SQLite's type of what has none."""
CHECKED: Final = frozenset({Kind.DATE, Kind.TIME, Kind.UUID})
"""Kinds whose formats are those of JSON Schema, so that a reader may hold a default against them."""
QUOTED: Final = re.compile(r"'((?:[^']|'')*)'")
NULL: Final = re.compile(r"NULL(?:::.*)?\Z", re.IGNORECASE | re.DOTALL)
WHOLE: Final = re.compile(r"-?[0-9]{1,18}\Z")
LITERAL: Final = re.compile(r"'(?:[^']|'')*'")
CALLED: Final = re.compile(r"""([^\s()',;:|+*/<>=-]+)\s*\(""")
"""What stands before a bracket."""
OWN: Final = frozenset(
    {
        *("now", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "timezone", "gen_random_uuid"),
        *("current_timestamp", "current_date", "current_time", "localtimestamp", "localtime", "curdate", "curtime"),
        *("utc_timestamp", "utc_date", "utc_time", "unix_timestamp", "uuid", "datetime", "date", "time", "strftime"),
        *("timestamp", "interval", "varchar", "varying", "numeric", "lower", "upper", "coalesce", "concat", "random"),
    }
)
"""Functions, and types with a length, that are every database's or its own, and tell nothing."""
FLAGS: Final = {"true": True, "false": False, "1": True, "0": False}


def swagger_type(type_: DataType) -> str | None:
    """`string`, `integer` …; None where a value may be anything."""
    return None if type_.native == ANY else TYPES.get(type_.kind, "string")


def format_of(type_: DataType) -> str:
    """The database's own name of the type, without length, scale or labels."""
    before, bracket, rest = type_.native.partition("(")
    return f"{before}{rest.rpartition(')')[2]}" if bracket else before


def format_member(type_: DataType) -> Json:
    """The member `format`, where the type has a name."""
    return {"format": format_of(type_)} if type_.native else {}


def without_hidden(type_: DataType, seen: Container[str] | None) -> DataType:
    """The type, without its name where that is, as far as can be told, a table's that the reader does not see. `seen`:
    the names of those that are seen, None where tables are no types."""
    if seen is None or type_.kind is not Kind.OPAQUE or type_.cast:
        return type_
    table = type_.native.replace("[]", "").replace('"', "")
    return type_ if table in seen else replace(type_, native="")


def value(type_: DataType) -> Json:
    """The Schema Object of a value."""
    found = format_member(type_)
    if (kind := swagger_type(type_)) is not None:
        found["type"] = kind
    if kind == "array":
        found["items"] = items(type_)
    if type_.kind is Kind.ENUM:
        found["enum"] = list(type_.labels)
    if type_.kind is Kind.TEXT and type_.length is not None:
        found["maxLength"] = type_.length
    return found


def items(type_: DataType) -> Json:
    """What an array is made of."""
    if type_.kind is Kind.SET:
        return {"type": "string", "enum": list(type_.labels)}
    inner = None if type_.element is None else swagger_type(type_.element)
    return {} if inner is None or type_.element is None else _element(inner, type_.element)


def _element(kind: str, type_: DataType) -> Json:
    return {"type": kind, "items": items(type_)} if kind == "array" else {"type": kind}


def parameter(type_: DataType) -> Json:
    """The same of a value in an address, where an array is written as text."""
    kind = swagger_type(type_)
    return {"type": "string" if kind in {None, "array"} else kind, **format_member(type_)}


def default(column: Column) -> Json:
    """The member `default`, where there is one."""
    text = column.default
    if text is None or column.fill is not Fill.DEFAULT or NULL.match(text):
        return {}
    quoted = QUOTED.match(text)
    plain = text if quoted is None else quoted[1].replace("''", "'")
    match swagger_type(column.type):
        case "string":
            told = quoted is not None or names_nothing(text)
            return {"default": plain} if told and _fits(column.type, plain) else {}
        case "boolean":
            flag = FLAGS.get(plain.lower())
            return {} if flag is None else {"default": flag}
        case "integer":
            return {"default": int(plain)} if WHOLE.match(plain) else {}
        case "number":
            return _number(plain)
        case _:
            return {}


def names_nothing(expression: str) -> bool:
    """Whether an expression names no function but those that every reader knows, and no relation."""
    bare = LITERAL.sub("''", expression)
    return "::reg" not in bare and all(each.lower() in OWN for each in CALLED.findall(bare))


def _fits(type_: DataType, text: str) -> bool:
    if type_.kind is Kind.ENUM:
        return text in type_.labels
    if type_.kind in CHECKED:
        return _is_value(type_, text)
    return type_.kind is not Kind.TEXT or type_.length is None or len(text) <= type_.length


def _is_value(type_: DataType, text: str) -> bool:
    try:
        parse_text(type_, text)
    except InvalidValue:
        return False
    return True


def _number(text: str) -> Json:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return {"default": found} if isinstance(found, int | float) and not isinstance(found, bool) else {}
