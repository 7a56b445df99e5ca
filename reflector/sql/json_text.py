"""JSON text of canonical values, with decimals exact: what goes into JSON columns and awkward keys.

Rule: text that a database reads as JSON is made here and nowhere else.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from reflector.errors import InvalidValue


def json_text(value: Any) -> str:
    """The value as compact JSON; raises InvalidValue for what JSON or a database cannot hold."""
    try:
        return "".join(_parts(value))
    except RecursionError:
        raise InvalidValue("the JSON is nested too deeply") from None


def _parts(value: Any) -> list[str]:
    match value:
        case dict():
            inner = [_text(str(key)) + ":" + "".join(_parts(each)) for key, each in value.items()]
            return ["{", ",".join(inner), "}"]
        case list() | tuple():
            return ["[", ",".join("".join(_parts(each)) for each in value), "]"]
        case str():
            return [_text(value)]
        case Decimal() if value.is_finite():
            return [str(value)]
        case None | bool() | int():
            return [json.dumps(value)]
        case float():
            return [_float(value)]
        case _:
            raise InvalidValue("the value cannot be said in JSON")


def _text(text: str) -> str:
    if "\x00" in text:
        raise InvalidValue("the JSON holds a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidValue("the JSON holds half of a surrogate pair") from None
    return json.dumps(text, ensure_ascii=False)


def _float(value: float) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        raise InvalidValue("JSON has no infinite numbers") from None
