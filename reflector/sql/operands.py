"""How values go into a statement: what the driver binds, and what a database takes a bound value for.

Rule: a value is compared as one of its column's type, and nothing is rounded or cut on its way.
"""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from reflector.datatypes import DataType
from reflector.query.comparisons import Comparison, closed_pattern
from reflector.sql.plan import Encode
from reflector.sql.shaped import Sql


class Operands(ABC):
    """`many`: a list of values of the type."""

    buckets: ClassVar[bool] = False
    """Whether lists are bound item by item."""

    def operand(self, bind: Sql, type_: DataType, many: bool = False) -> Any:
        """A bound value, typed so that the database compares like with like."""
        return bind

    @abstractmethod
    def encoder(self, type_: DataType, many: bool = False) -> Encode | None:
        """How a canonical value becomes what the driver binds; None when it is bound as it is."""

    def pattern_encoder(self, comparison: Comparison) -> Encode:
        """How a LIKE pattern is bound."""
        return closed_pattern

    def carried(self, expression: Sql, type_: DataType) -> Sql:
        """A key value as a write returns it, in the very form in which `operand` binds it again."""
        return expression


def iso(value: Any) -> str:
    """Dates and times as ISO 8601 with a space, fractions without trailing zeros, offsets in UTC."""
    if isinstance(value, dt.datetime):
        zone = "+00:00" if value.tzinfo is not None else ""
        return _trimmed(value.replace(tzinfo=None).isoformat(" ")) + zone
    return _trimmed(str(value.isoformat()))


def _trimmed(text: str) -> str:
    return text.rstrip("0") if "." in text else text


def each(encode: Encode | None) -> Encode:
    """The encoder of a list, from its items'."""
    if encode is None:
        return list
    item = encode
    return lambda values: [None if value is None else item(value) for value in values]
