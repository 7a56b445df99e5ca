"""JSON answers taken apart and put together again with every number as it was written.

Rule: a number is never read: it is carried as its text.
"""

from __future__ import annotations

import json
from typing import Any, Final

import orjson

from server.apis.postgrest.faults import PostgrestError, refusal


class Number:
    """A number's text."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


DECODER: Final = json.JSONDecoder(parse_int=Number, parse_float=Number)


def read(body: bytes) -> Any:
    """The value of an answer; its numbers are `Number`. Raises PostgrestError for what is nested too deeply."""
    try:
        return DECODER.decode(body.decode())
    except RecursionError:
        raise _too_deep() from None


def written(value: Any) -> bytes:
    """The value as JSON, without blanks; raises PostgrestError for what is nested too deeply."""
    try:
        return orjson.dumps(value, default=_number)
    except orjson.JSONEncodeError:
        raise _too_deep() from None


def _too_deep() -> PostgrestError:
    return refusal("54001", "a value is nested too deeply for this media type")


def _number(value: Any) -> orjson.Fragment:
    if isinstance(value, Number):
        return orjson.Fragment(value.text)
    raise TypeError(f"{type(value).__name__} is not JSON")


def without_nulls(body: bytes) -> bytes:
    """The same answer without the members that are null, at every depth; nulls in arrays stay."""
    value = read(body)
    try:
        return written(_stripped(value))
    except RecursionError:
        raise _too_deep() from None


def _stripped(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _stripped(each) for name, each in value.items() if each is not None}
    return [_stripped(each) for each in value] if isinstance(value, list) else value
