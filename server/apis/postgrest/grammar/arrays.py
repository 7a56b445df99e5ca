"""The literal of an array, `{a,"b,c",NULL}` or `{{1,2},{3,4}}`, as PostgreSQL writes one.

Rule: what PostgreSQL would call malformed is refused here too, with its code.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from server.apis.postgrest.faults import PostgrestError, refusal
from server.apis.postgrest.grammar.limits import LIMITS, Limits, exceeded
from server.apis.postgrest.grammar.scanner import QUOTED, unquoted

Items: TypeAlias = "tuple[str | Items | None, ...]"
ITEM: Final = re.compile(rf"\s*(?:({QUOTED})|((?:[^\",{{}}\\]|\\.)+?))\s*(?=[,}}])", re.DOTALL)
INNER: Final = re.compile(r"\s*\{")
AFTER: Final = re.compile(r"\s*([,}])")
DEEPEST: Final = 6
"""How many dimensions an array of PostgreSQL's has at most."""
EMPTY: Final = re.compile(r"\s*\{\s*\}\s*\Z")
ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


def array_items(text: str, limits: Limits = LIMITS) -> tuple[str | None, ...]:
    """The items of an array in one dimension, None for NULL; raises PostgrestError 22P02, or PGRST100 for too many."""
    found = array_tree(text, limits)
    if any(isinstance(each, tuple) for each in found):
        raise malformed(text)
    return tuple(each for each in found if not isinstance(each, tuple))


def array_tree(text: str, limits: Limits = LIMITS) -> Items:
    """The items, to any depth; raises as `array_items`."""
    if EMPTY.match(text):
        return ()
    reading = _Reading(text, limits)
    found = reading.items(1)
    if text[reading.position :].strip() or _shape(found) is None:
        raise malformed(text)
    return found


class _Reading:
    """The literal, and how far it has been read."""

    def __init__(self, text: str, limits: Limits) -> None:
        self.text, self.limits, self.position, self.count = text, limits, 0, 0

    def items(self, depth: int) -> Items:
        self.position = self._after(INNER)
        if depth > DEEPEST:
            raise malformed(self.text)
        found: list[str | Items | None] = []
        while True:
            found.append(self.items(depth + 1) if INNER.match(self.text, self.position) else self._single())
            self.position = self._after(AFTER)
            if self.text[self.position - 1] == "}":
                return tuple(found)

    def _single(self) -> str | None:
        item = ITEM.match(self.text, self.position)
        if item is None:
            raise malformed(self.text)
        self.position, self.count = item.end(), self.count + 1
        if self.count > self.limits.listed:
            raise exceeded("values in a list", self.limits.listed)
        return _item(item)

    def _after(self, sign: re.Pattern[str]) -> int:
        found = sign.match(self.text, self.position)
        if found is None:
            raise malformed(self.text)
        return found.end()


def _shape(items: str | Items | None) -> tuple[int, ...] | None:
    """How long an array is, and each in it; None where they are not of one shape."""
    if not isinstance(items, tuple):
        return ()
    inner = {_shape(each) for each in items}
    if len(inner) != 1 or (shape := inner.pop()) is None:
        return None
    return (len(items), *shape)


def _item(item: re.Match[str]) -> str | None:
    if item[1] is not None:
        return unquoted(item[1])
    return None if item[2].upper() == "NULL" else ESCAPED.sub(r"\1", item[2])


def malformed(text: str) -> PostgrestError:
    """The error for what is no array."""
    return refusal("22P02", f'malformed array literal: "{text}"')
