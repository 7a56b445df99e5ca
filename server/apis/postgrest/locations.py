"""Location of a new row, Content-Location of what was read.

Rule: both are made of decoded names and values and encoded anew, so two spellings of one address are told alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import quote


def location(path: str, key: Sequence[tuple[str, str | None]]) -> str | None:
    """The address of the row with this key: names and texts of its columns, None for null. None without a key.

    `path` is the decoded path of the table, such as `/book`.
    """
    if not key:
        return None
    return f"{quote(path)}?{'&'.join(f'{_encoded(name)}={_operand(value)}' for name, value in key)}"


def content_location(path: str, parameters: Iterable[tuple[str, str]]) -> str:
    """The address that was read, its decoded parameters sorted by name."""
    pairs = sorted(parameters, key=lambda pair: pair[0])
    query = "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in pairs)
    return f"{quote(path)}?{query}" if query else quote(path)


def _operand(value: str | None) -> str:
    return "is.null" if value is None else f"eq.{_encoded(value)}"


def _encoded(text: str) -> str:
    return quote(text, safe="")
