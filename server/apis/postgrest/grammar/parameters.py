"""A raw query string taken apart, and each parameter named for what it does.

Rule: `select`, `columns`, `on_conflict` and what ends in `.order`, `.limit`, `.offset`, `.and`, `.or` mean what they mean;
everything else is a filter, or for functions that are read an argument.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote_plus

from server.apis.postgrest.faults import refusal
from server.apis.postgrest.grammar.limits import Limits, exceeded

WHOLE: Final = frozenset({"select", "columns", "on_conflict"})
PAGING: Final = frozenset({"order", "limit", "offset"})
LOGIC: Final = frozenset({"and", "or"})


def split_query(raw: str, limits: Limits) -> list[tuple[str, str]]:
    """Names and values, decoded, in the order of the address; raises PostgrestError."""
    if not raw:
        return []
    if len(raw) > limits.length:
        raise exceeded("characters", limits.length)
    parts = [part for part in raw.split("&") if part]
    if len(parts) > limits.parameters:
        raise exceeded("parameters", limits.parameters)
    pairs = (part.partition("=") for part in parts)
    return [(decoded(name), decoded(value)) for name, _, value in pairs]


def decoded(text: str) -> str:
    """A part of a query string as text; raises PostgrestError for bytes that are no UTF-8."""
    if "%" not in text and "+" not in text:
        return text
    try:
        return unquote_plus(text, errors="strict")
    except UnicodeDecodeError:
        raise refusal("PGRST100", "the query string is not percent-encoded UTF-8") from None


def last_word(name: str) -> tuple[str, str]:
    """What stands before the last dot, and the word behind it."""
    before, _, word = name.rpartition(".")
    return before, word


def negated(before: str) -> tuple[bool, str]:
    """Whether the way to `and` or `or` ends in `not`, and the way without it."""
    if before == "not":
        return True, ""
    return (True, before[:-4]) if before.endswith(".not") else (False, before)
