"""Which rights to write cover what a caller gives.

Rule: a column that none of the caller's rights takes is told like one that is not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from reflector.access.permissions import CreateRight, UpdateRight
from reflector.catalog.model import Column, Table
from reflector.errors import Forbidden, UnknownColumn

Right = TypeVar("Right", CreateRight, UpdateRight)


def fitting_rights(table: Table, given: frozenset[Column], rights: Sequence[Right], verb: str) -> Sequence[Right]:
    """The rights that cover every given column, each once; raises Forbidden, UnknownColumn when there is none."""
    if not rights:
        raise Forbidden(f"you may not {verb} {table.label}")
    fitting = [right for right in dict.fromkeys(rights) if given <= right.columns]
    if fitting:
        return fitting
    known = {column.name for right in rights for column in right.columns}
    for name in sorted(column.name for column in given):
        if name not in known:
            raise UnknownColumn(table.label, name, known)
    raise Forbidden(f"you may not {verb} {table.label} with these columns together")
