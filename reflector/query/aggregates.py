"""What can be worked out of the values of several rows: one row each.

Rule: an aggregate is one row here; a dialect says it in its `aggregate`, which knows it by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reflector.datatypes import DataType, Kind
from reflector.errors import InvalidRequest
from reflector.query.told import told

NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT})
ORDERED = NUMBERS | {Kind.TEXT, Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.INSTANT}
COUNT = DataType(Kind.INTEGER, "bigint", cast="pg_catalog.int8")
EXACT = DataType(Kind.DECIMAL, "decimal", cast="pg_catalog.numeric")
DOUBLE = DataType(Kind.FLOAT, "double precision", cast="pg_catalog.float8")


@dataclass(frozen=True, eq=False, slots=True)
class AggregateFunction:
    """`takes` are the kinds it takes, None for every kind, and `result` gives its type by theirs. `rows` says that it can
    be asked of the rows themselves, without an expression. Of no rows it is NULL, or 0 where it `counts`."""

    name: str
    result: Callable[[DataType], DataType]
    takes: frozenset[Kind] | None = None
    rows: bool = False
    counts: bool = False

    def __repr__(self) -> str:
        return f"<{self.name}>"


def _summed(type_: DataType) -> DataType:
    if type_.kind is Kind.FLOAT:
        return DOUBLE
    return EXACT if type_.kind is Kind.INTEGER else type_


def _averaged(type_: DataType) -> DataType:
    if type_.kind is Kind.INTERVAL:
        return type_
    return DOUBLE if type_.kind is Kind.FLOAT else EXACT


AGGREGATES: Mapping[str, AggregateFunction] = {
    each.name: each
    for each in (
        AggregateFunction("count", lambda _: COUNT, rows=True, counts=True),
        AggregateFunction("sum", _summed, NUMBERS),
        AggregateFunction("avg", _averaged, NUMBERS),
        AggregateFunction("min", lambda type_: type_, ORDERED),
        AggregateFunction("max", lambda type_: type_, ORDERED),
    )
}


INTERVALS = frozenset({"sum", "avg", "min", "max"})
"""What PostgreSQL works out of intervals."""
OWN: Mapping[str, frozenset[str]] = {
    "money": frozenset({"sum", "min", "max"}),
    "inet": frozenset({"min", "max"}),
    "pg_lsn": frozenset({"min", "max"}),
}
"""The same of types of its own, by their names; of enums and arrays it is the least and the greatest."""


def is_native(function: AggregateFunction, type_: DataType) -> bool:
    """Whether PostgreSQL, and it alone, has the aggregate for the type."""
    if type_.kind in {Kind.ENUM, Kind.ARRAY}:
        return function.name in {"min", "max"}
    if type_.kind is Kind.INTERVAL:
        return function.name in INTERVALS
    return type_.kind is Kind.SPECIAL and function.name in OWN.get(type_.native, ())


def check_aggregate(function: AggregateFunction, type_: DataType | None) -> None:
    """Raises InvalidRequest where the function does not take values of the type, or None: the rows themselves."""
    if type_ is None:
        if not function.rows:
            raise InvalidRequest(f"{function.name} is asked of a column")
    elif function.takes is not None and type_.kind not in function.takes:
        raise InvalidRequest(f"{function.name} does not take values of type {told(type_)}")
