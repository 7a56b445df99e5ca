"""The rows of a page that was read from its end, put in their order.

Rule: a row's JSON is moved and never read, so that every digit of it stays as the database wrote it; it costs time in
proportion to its length, however deep it is.
"""

from __future__ import annotations

import re
from typing import Final

STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
FLAT: Final = rb'\{[^{}\[\]"]*+(?:' + STRING + rb'[^{}\[\]"]*+)*+\}'
"""An object with nothing else inside of it: found in one step, and most are such."""
TOKENS: Final = re.compile(FLAT + b"|" + STRING + rb"|[\[\]{}]", re.DOTALL)
OPENING: Final = frozenset(b"[{")
BRACE: Final = ord("{")


def turned(rows: bytes) -> bytes:
    """A JSON array of objects with its last one first."""
    found: list[bytes] = []
    depth = begin = 0
    for token in TOKENS.finditer(rows):
        start, end = token.span()
        whole = end - start > 1
        if whole and (depth > 1 or rows[start] != BRACE):
            continue
        if whole:
            found.append(rows[start:end])
        elif rows[start] in OPENING:
            begin = start if depth == 1 else begin
            depth += 1
        else:
            depth -= 1
            if depth == 1:
                found.append(rows[begin:end])
    return b"[" + b",".join(reversed(found)) + b"]"
