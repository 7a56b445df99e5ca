"""JSON from a caller, read exactly.

Rule: numbers keep every digit they were written with, a name given twice is refused and not silently dropped, and no
document, however deep or long its numbers, costs more than its length.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from reflector.errors import InvalidRequest, InvalidValue, LimitExceeded, ReflectorError
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
        value = DECODER.decode(text)
        if _CONSTANT.search(text) and (place := _constant_in(value)) is not None:
            word, path = place
            raise _malformed(f"{word} is not JSON: numbers are finite there", pointer, path)
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


def _malformed(words: str, pointer: str | None, inside: str | None = None) -> ReflectorError:
    """Of a body, a malformed request, at a place inside of it; of a parameter, one that cannot be understood."""
    if pointer is None:
        return MalformedRequest(words, pointer=inside)
    return InvalidRequest(words, pointer=pointer)


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


class _Constant(str):
    """NaN, Infinity or -Infinity: words that the parser knows and JSON does not."""

    __slots__ = ()


_CONSTANT: Final = re.compile("NaN|Infinity")


def _constant_in(value: Any) -> tuple[str, str] | None:
    """The first such word, and the JSON pointer to it. Without recursion: a document may be deep."""
    waiting: list[tuple[Any, str]] = [(value, "")]
    while waiting:
        here, path = waiting.pop()
        if isinstance(here, _Constant):
            return str(here), path
        if isinstance(here, dict):
            waiting += [(each, f"{path}/{_token(name)}") for name, each in reversed(here.items())]
        elif isinstance(here, list):
            waiting += [(here[index], f"{path}/{index}") for index in reversed(range(len(here)))]
    return None


def _token(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise _Refused(InvalidRequest(f"{twice!r} is given twice in one object"))
    return members


# Made once: json.loads would make one for each text.
DECODER: Final = json.JSONDecoder(
    parse_float=_decimal, parse_int=_integer, parse_constant=_Constant, object_pairs_hook=_object
)


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
