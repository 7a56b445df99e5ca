"""The literal of an array in one dimension, `{a,"b,c",NULL}`, as values with (any) and (all) are written.

Rule: what PostgreSQL would call malformed is refused here too, with its code.
"""

from __future__ import annotations

import re
from typing import Final

from server.apis.postgrest.faults import PostgrestError, refusal
from server.apis.postgrest.grammar.limits import LIMITS, Limits, exceeded
from server.apis.postgrest.grammar.scanner import QUOTED, unquoted

ITEM: Final = re.compile(rf"\s*(?:({QUOTED})|((?:[^\",{{}}\\]|\\.)+?))\s*([,}}])", re.DOTALL)
EMPTY: Final = re.compile(r"\s*\{\s*\}\s*\Z")
ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


def array_items(text: str, limits: Limits = LIMITS) -> tuple[str | None, ...]:
    """The items, None for NULL; raises PostgrestError 22P02, or PGRST100 for too many."""
    if EMPTY.match(text):
        return ()
    found: list[str | None] = []
    position, ended = len(text) - len(text.lstrip()), False
    if not text.startswith("{", position):
        raise malformed(text)
    position += 1
    while not ended:
        item = ITEM.match(text, position)
        if item is None:
            raise malformed(text)
        found.append(_item(item))
        if len(found) > limits.listed:
            raise exceeded("values in a list", limits.listed)
        position, ended = item.end(), item[3] == "}"
    if text[position:].strip():
        raise malformed(text)
    return tuple(found)


def _item(item: re.Match[str]) -> str | None:
    if item[1] is not None:
        return unquoted(item[1])
    return None if item[2].upper() == "NULL" else ESCAPED.sub(r"\1", item[2])


def malformed(text: str) -> PostgrestError:
    """The error for what is no array."""
    return refusal("22P02", f'malformed array literal: "{text}"')
