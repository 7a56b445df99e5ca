"""A JSON answer as CSV, worded as PostgreSQL writes rows: null is nothing, booleans are t and f.

Rule: the first row's members are the header; a value is quoted when PostgreSQL would quote it in a row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from server.apis.postgrest.exact_json import Number, read, written

QUOTED_VALUE: Final = re.compile(r'[\s",()\\]|\A\Z')
QUOTED_NAME: Final = re.compile(r'[",\r\n]')


def csv_of(body: bytes) -> bytes:
    """The CSV of a JSON array of objects, or of one object; lines end in a line feed, the last one excepted."""
    value = read(body)
    rows: list[Mapping[str, Any]] = [value] if isinstance(value, dict) else value
    names = list(rows[0]) if rows else []
    lines = [",".join(_cell(row.get(name)) for name in names) for row in rows]
    return f"{','.join(_name(each) for each in names)}\n{chr(10).join(lines)}".encode()


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if QUOTED_NAME.search(name) else name


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "t" if value else "f"
        case Number():
            return value.text
        case str():
            return _quoted(value)
        case _:
            return _quoted(written(value).decode())


def _quoted(text: str) -> str:
    if not QUOTED_VALUE.search(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '""') + '"'
