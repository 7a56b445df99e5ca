"""How a database puts rows into an order, with the NULLs where they are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reflector.datatypes import DataType
from reflector.sql.shaped import Sql


@dataclass(frozen=True, slots=True)
class Sorting:
    """One ORDER BY element before a dialect says it. `nullable` says whether `by` can be NULL."""

    by: Sql
    descending: bool
    nulls_last: bool
    nullable: bool


class Ordering:
    def ranked(self, expression: Sql, type_: DataType) -> Sql:
        """The expression as it is ordered by."""
        return expression

    def order(self, expression: Sql, descending: bool, nulls_last: bool, nullable: bool) -> list[Sql]:
        """The ORDER BY elements of one expression."""
        ordered = expression.desc() if descending else expression.asc()
        if not nullable:
            return [ordered]
        return [ordered.nulls_last() if nulls_last else ordered.nulls_first()]

    def sorted(self, order: Sequence[Sorting]) -> list[Sql]:
        """The whole ORDER BY."""
        return [part for each in order for part in self.order(each.by, each.descending, each.nulls_last, each.nullable)]
