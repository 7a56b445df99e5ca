"""Values as JSON, in the forms of the resource API, where two databases agree about them.

Rule: what is made here is valid JSON and nothing else than what the same value is in an answer of the resource API.
"""

from __future__ import annotations

import base64
import json
import math
import re
from typing import Final

NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\Z")
"""A number as JSON has it."""


def string(text: str) -> bytes:
    """Text; what is no text (half of a surrogate pair) is replaced."""
    return json.dumps(text, ensure_ascii=False).encode("utf-8", "replace")


def number(text: str) -> bytes:
    """A number as it is written, or a string where JSON has no such number."""
    return text.encode() if NUMBER.match(text) else string(text)


def real(value: float) -> bytes:
    """A double with as many digits as it takes to be read back as the same."""
    if math.isfinite(value):
        return repr(value).encode()
    return b'"NaN"' if math.isnan(value) else b'"Infinity"' if value > 0 else b'"-Infinity"'


def base64_of(value: bytes) -> bytes:
    return b'"' + base64.b64encode(value) + b'"'
