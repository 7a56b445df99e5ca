"""The key of a row in an address: `/api/book/7`, `/api/order_line/1001,2`, `/api/publisher/A%2FB`.

Rule: a key is split on `,` before it is decoded, so that a comma inside of a value is written `%2C`, and its parts are
in the order of the key's definition. What a key looks like is written here as well as read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote, unquote

from reflector.catalog.model import Column
from reflector.datatypes import Value, parse_text
from reflector.errors import Faults, InvalidValue, RowNotFound
from reflector.query.scope import TableScope
from server.apis.resource.selection import row_key

POINTER: Final = "/path/key"
DECODER: Final = json.JSONDecoder(parse_float=str, parse_int=str)
"""Numbers as they are written: a key is shown to the last digit."""


def key_of(table: TableScope) -> tuple[Column, ...]:
    """The columns that make an address; raises RowNotFound where rows have none."""
    key = row_key(table)
    if not key:
        raise RowNotFound(
            f"{table.table.label} has no key that you may read, so that its rows have no address", pointer=POINTER
        )
    return key


def read_key(key: Sequence[Column], raw: str) -> list[Value]:
    """The values of an address's last part; raises InvalidValue, or several of them as Faults."""
    parts = raw.split(",")
    if len(parts) != len(key):
        names = ",".join(column.name for column in key)
        hint = "a comma inside of a value is written %2C" if len(parts) > len(key) else None
        raise InvalidValue(f"the key is {names}: {len(key)} values, not {len(parts)}", hint=hint, pointer=POINTER)
    faults: list[InvalidValue] = []
    values: list[Value] = []
    for column, part in zip(key, parts, strict=True):
        try:
            values.append(parse_text(column.type, _decoded(part)))
        except InvalidValue as fault:
            fault.pointer = POINTER
            faults.append(fault)
    if faults:
        raise faults[0] if len(faults) == 1 else Faults(faults)
    return values


def _decoded(part: str) -> str:
    if "%" not in part:
        return part
    try:
        return unquote(part, errors="strict")
    except UnicodeDecodeError:
        raise InvalidValue("the key is not percent-encoded UTF-8") from None


def write_key(key: bytes) -> str:
    """The address's last part for a JSON array of key values."""
    if (number := key[1:-1]).isdigit():
        return number.decode()
    values: list[Any] = DECODER.decode(key.decode())
    return ",".join(quote(_text(value), safe="") for value in values)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)
