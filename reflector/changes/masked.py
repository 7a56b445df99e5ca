"""Values of a change as those see them who see them masked.

Rule: what is told here is what a read would answer, byte by byte; what cannot be told alike is left to the database.
"""

from __future__ import annotations

import json

from reflector.catalog.model import Column
from reflector.query.masks import Mask
from reflector.sql.json_text import json_text


def masked_value(column: Column, shown: bytes, mask: Mask | None) -> bytes | None:
    """A value that is JSON as JSON of its text, masked or (None) whole; None for what is no text and no whole number, of
    which a database alone knows the text."""
    value = json.loads(shown)
    if value is None:
        return shown
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    # PostgreSQL's character(n) loses what fills it up where it becomes a text.
    text = str(value).rstrip(" ") if column.type.native.startswith("character(") else str(value)
    return json_text(text if mask is None else mask.of(text)).encode()
