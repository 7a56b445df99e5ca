"""How much a query string may ask to be read.

Rule: every loop and recursion of the parser has a number here, so that a text costs no more than its length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from server.apis.postgrest.faults import PostgrestError, refusal


@dataclass(frozen=True, slots=True)
class Limits:
    """`depth` of embedded resources, `logic` of and/or, `terms` of conditions in all, `listed` values of one list,
    `items` of one select, order or columns, `arrows` of one path into JSON, `length` in characters. `regex`: whether a
    regular expression may be asked for. `cost`: rows of all levels together, None where nobody said how many."""

    length: int = 16 * 1024
    parameters: int = 100
    depth: int = 8
    logic: int = 16
    terms: int = 200
    items: int = 500
    listed: int = 10_000
    arrows: int = 32
    regex: bool = False
    cost: int | None = None


LIMITS: Final = Limits()


def exceeded(what: str, most: int) -> PostgrestError:
    """More than a limit allows: told as a query string that cannot be read."""
    return refusal("PGRST100", f"the query string has too many {what}", f"at most {most} are read")
