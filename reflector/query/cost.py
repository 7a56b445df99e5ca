"""What a question could bring at most: rows of all levels, if every relationship to many were full.

Rule: it is worked out of the question alone, before anything is asked; a level without a limit is one row, so that who
gives every level to many a limit knows the most there can be.
"""

from __future__ import annotations

from typing import Final, assert_never

from reflector.query.nodes import Apart, Embed, Group, Output, Read, Selected, Spread

TREE_ROWS: Final = 1 << 20
"""Rows of one answer where nothing else is said."""


def rows_of(read: Read) -> int:
    """How many rows a read can bring, with all that it brings with each of them."""
    limit = read.limit if isinstance(read.limit, int) else 1
    return limit * (1 + rows_below(read.select))


def rows_below(select: tuple[Selected, ...]) -> int:
    """How many related rows one row can bring with it."""
    below = 0
    for member in select:
        match member:
            case Embed(read=read) | Spread(read=read) | Apart(read=read):
                below += rows_of(read)
            case Group(select=inner):
                below += rows_below(inner)
            case Output():
                continue
            case _:
                assert_never(member)
    return below
