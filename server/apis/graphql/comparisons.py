"""How conditions on a column are spelled in GraphQL.

Rule: a new spelling is one row here; what an operator means and takes stands in `reflector.query.operators`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Spelled:
    """`negated` asks for the rows for which the operator is false."""

    name: str
    operator: str
    negated: bool = False


COMPARISONS: Final[Mapping[str, Spelled]] = {
    row.name: row
    for row in (
        Spelled("_eq", "eq"),
        Spelled("_gt", "gt"),
        Spelled("_gte", "gte"),
        Spelled("_ilike", "ilike"),
        Spelled("_in", "in"),
        Spelled("_is_null", "isnull"),
        Spelled("_like", "like"),
        Spelled("_lt", "lt"),
        Spelled("_lte", "lte"),
        Spelled("_neq", "ne"),
        Spelled("_nilike", "ilike", negated=True),
        Spelled("_nin", "nin"),
        Spelled("_nlike", "like", negated=True),
    )
}
