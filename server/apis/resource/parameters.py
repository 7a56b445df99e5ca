"""The reserved words of the query string, and the query string taken apart.

Rule: a reserved word wins over a column of its name, also one that is not offered yet, so that what an address means
never changes; such a column is reached through `filter=`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_plus

from reflector.errors import InvalidRequest, LimitExceeded

PARAMETERS: Final = 100
"""Parameters of one request."""
LONGEST_QUERY: Final = 16 * 1024
"""Characters of a query string. The HTTP parser has a limit of its own; this one holds whatever that is set to."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """One word. `lists` and `rows`: whether it means something for a list and for one row. `several`: it takes a list,
    and given more than once it means all that was given."""

    name: str
    meaning: str
    lists: bool = True
    rows: bool = False
    offered: bool = True
    several: bool = False


RESERVED: Final[Mapping[str, Reserved]] = {
    word.name: word
    for word in (
        Reserved("fields", "the columns that are answered, of related rows too", rows=True, several=True),
        Reserved("include", "the related rows that are answered with each row", rows=True, several=True),
        Reserved("filter", "conditions as JSON, or in brackets: filter[price][gte]=50"),
        Reserved("sort", "the columns that decide the order, - for descending", several=True),
        Reserved("limit", "how many rows a page has"),
        Reserved("page", "the number of the page, from 1"),
        Reserved("cursor", "where the page begins, as an earlier answer said"),
        Reserved("count", "exact or none: whether all rows found are counted"),
        Reserved("q", "a search in all text columns", offered=False),
        Reserved("deep", "conditions, order and limits of related rows", offered=False),
        Reserved("aggregate", "counts, sums and the like", offered=False),
        Reserved("group", "what is aggregated by", offered=False),
        Reserved("having", "conditions on what was aggregated", offered=False),
        Reserved("all", "whether a write without a condition is meant", offered=False),
        Reserved("on_conflict", "what makes an insert an update", offered=False),
    )
}


@dataclass(frozen=True, slots=True)
class Given:
    """One parameter as it was given, decoded; `raw` as it stood in the address."""

    name: str
    value: str
    raw: str


def split_query(raw: str) -> list[Given]:
    """The parameters in their order; raises InvalidRequest for bad UTF-8 and LimitExceeded for too many."""
    if not raw:
        return []
    if len(raw) > LONGEST_QUERY:
        raise LimitExceeded(f"the query string is longer than {LONGEST_QUERY} characters")
    parts = [part for part in raw.split("&") if part]
    if len(parts) > PARAMETERS:
        raise LimitExceeded(f"a request has at most {PARAMETERS} parameters, not {len(parts)}")
    return [_given(part) for part in parts]


def _given(part: str) -> Given:
    name, _, value = part.partition("=")
    return Given(decoded(name), decoded(value), part)


def decoded(text: str) -> str:
    """A part of a query string as text; raises InvalidRequest for bytes that are not UTF-8."""
    if "%" not in text and "+" not in text:
        return text
    try:
        return unquote_plus(text, errors="strict")
    except UnicodeDecodeError:
        raise InvalidRequest("the query string is not percent-encoded UTF-8") from None


def word_of(name: str) -> str | None:
    """The reserved word that a parameter's name is or begins with, brackets left out; None when there is none."""
    word = name.partition("[")[0] if name.endswith("]") else name
    return word if word in RESERVED else None


def put(words: dict[str, str], word: str, value: str) -> None:
    """Note what a word was given; raises InvalidRequest for a second value of one that takes no list."""
    if word not in words:
        words[word] = value
    elif RESERVED[word].several:
        words[word] = f"{words[word]},{value}"
    else:
        raise InvalidRequest(f"{word!r} is given more than once")


def refuse_word(word: Reserved, *, one_row: bool) -> InvalidRequest | None:
    """Why a reserved word cannot be used here; None when it can."""
    if not word.offered:
        return InvalidRequest(f"{word.name!r} is reserved, and not offered by this version")
    if one_row and not word.rows:
        return InvalidRequest(f"{word.name!r} has no meaning for one row")
    return None
