"""Which rows are asked for, which were given, and the statuses that say so.

Rule: Range and limit/offset are both held: the rows answered lie within each of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from server.apis.postgrest.faults import Fault, PostgrestError, refusal

RANGE: Final = re.compile(r"([0-9]+)-([0-9]+)?\Z")
FARTHEST: Final = 10**18
"""Beyond any row, and still a whole number to every database."""
UNSATISFIABLE: Final = "Requested range not satisfiable"
NOT_ONE: Final = "Cannot coerce the result to a single JSON object"


@dataclass(frozen=True, slots=True)
class Window:
    """Rows from `offset`, counted from 0, at most `limit` of them."""

    offset: int = 0
    limit: int | None = None

    def capped(self, most: int | None) -> Window:
        """The same, with no more rows than that."""
        if most is None or (self.limit is not None and self.limit <= most):
            return self
        return Window(self.offset, most)


def window(header: str | None, limit: int | None, offset: int) -> Window:
    """The rows that a Range header and a query string ask for together.

    `header` is None where there is none, or where the method has no ranges; one that cannot be read counts as none.
    Raises PostgrestError PGRST103 where no row can be in both.
    """
    asked = Window(offset, limit)
    found = None if header is None else RANGE.match(header.strip())
    if found is None:
        return asked
    first, last = count_of(found[1]), None if found[2] is None else count_of(found[2])
    if last is not None and first > last:
        raise _inverted()
    return _both(asked, first, last)


def count_of(digits: str) -> int:
    """The number that the digits are; of more digits than any count of rows has, one beyond all rows."""
    digits = digits.lstrip("0")
    return FARTHEST if len(digits) >= len(str(FARTHEST)) else int(digits or "0")


def _both(asked: Window, first: int, last: int | None) -> Window:
    if asked.limit == 0:
        return asked
    ends = [end for end in (last, None if asked.limit is None else asked.offset + asked.limit - 1) if end is not None]
    begin = max(first, asked.offset)
    if not ends:
        return Window(begin)
    if begin > min(ends):
        raise _inverted()
    return Window(begin, min(ends) - begin + 1)


def _inverted() -> PostgrestError:
    return refusal(
        "PGRST103",
        UNSATISFIABLE,
        "The lower boundary must be lower than or equal to the upper boundary in the Range header.",
    )


# ── what was given ───────────────────────────────────────────────────────────────────────────


def content_range(offset: int, rows: int, total: int | None) -> str:
    """Content-Range of rows read, or changed by PATCH (from 0)."""
    given = f"{offset}-{offset + rows - 1}" if rows else "*"
    return f"{given}/{'*' if total is None else total}"


def written_range(total: int | None) -> str:
    """Content-Range of POST and DELETE."""
    return content_range(0, 0, total)


def read_status(offset: int, rows: int, total: int | None) -> int:
    """200 or 206; raises PostgrestError PGRST103 for an offset beyond the rows, where they were counted."""
    if total is None:
        return 200
    if offset > total:
        details = f"An offset of {offset} was requested, but there are only {total} rows."
        fault = Fault("PGRST103", UNSATISFIABLE, details)
        raise PostgrestError(fault, {"Content-Range": content_range(0, 0, total)})
    return 206 if rows < total else 200


def write_status(method: str, *, representation: bool, inserted: int | None = None, merges: bool = False) -> int:
    """The status of a write that was done.

    `inserted` is how many rows are new, None where nobody asked; `merges`: resolution=merge-duplicates was honoured.
    """
    if method == "POST":
        return 200 if merges and inserted == 0 else 201
    if not representation:
        return 204
    return 201 if method == "PUT" and inserted else 200


def one_row(rows: int) -> PostgrestError:
    """The error where a single object is wanted and there are none, or several."""
    details = f"The result contains {rows} rows"
    return refusal("PGRST116", NOT_ONE, details)
