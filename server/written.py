"""The value that a writer gives a column, looked at before the database is asked.

Rule: what no row can hold is told here with the column's name, because not every database says which column it was.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from reflector.catalog.model import Column
from reflector.datatypes import Kind, Value, parse_json
from reflector.errors import InvalidValue
from reflector.sql.json_text import json_text


def written_value(column: Column, given: Any, *, sized: bool) -> Value:
    """The canonical value of a caller's JSON; raises InvalidValue.

    `sized`: the database enforces the length of a text and the size of a decimal.
    """
    if given is None and not column.nullable:
        raise InvalidValue(f"{column.name!r} must not be null")
    parsed = parse_json(column.type, given)
    if column.type.kind is Kind.JSON and parsed is not None:
        json_text(parsed)  # what cannot be written is told here, with its place
    if sized:
        check_size(column, parsed)
    elif isinstance(parsed, Decimal) and math.isinf(float(parsed)):
        raise InvalidValue(f"{column.name!r} holds no number of that size")  # SQLite would keep an infinite one
    return parsed


def check_size(column: Column, value: Any) -> None:
    """Raise InvalidValue for what is longer or larger than its column.

    PostgreSQL does not say which column a value was too long for. Spaces that end a text do not count: it cuts them.
    """
    type_ = column.type
    if isinstance(value, str) and type_.kind is Kind.TEXT and type_.length is not None:
        if len(value) > type_.length and len(value.rstrip(" ")) > type_.length:
            raise InvalidValue(f"{column.name!r} holds at most {type_.length} characters, not {len(value)}")
    elif isinstance(value, Decimal) and type_.precision is not None and value.is_finite():
        places = type_.precision - (type_.scale or 0)
        if value and value.adjusted() >= places:
            raise InvalidValue(f"{column.name!r} holds at most {places} digits before the point")
