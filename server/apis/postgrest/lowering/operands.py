"""What PostgREST's operators are called in the core, the operands that it writes its own way, and what is not offered.

Rule: an operator that the core has is a row of CORE; one that a database alone has is a row of `reflector.query.native`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reflector.catalog.model import DatabaseKind
from reflector.datatypes import DataType, Value
from server.apis.postgrest.faults import PostgrestError, refusal
from server.apis.postgrest.grammar.arrays import Items, array_items, array_tree
from server.apis.postgrest.grammar.limits import Limits
from server.apis.postgrest.lowering.zoned import UTC, Clock

CORE: Final[Mapping[str, str]] = {
    "eq": "eq",
    "neq": "ne",
    "gt": "gt",
    "gte": "gte",
    "lt": "lt",
    "lte": "lte",
    "like": "like",
    "ilike": "ilike",
}
"""What PostgREST calls an operator → what the core calls it."""
PATTERNS: Final = frozenset({"like", "ilike"})
NAMES: Final[Mapping[DatabaseKind, str]] = {
    DatabaseKind.POSTGRESQL: "PostgreSQL",
    DatabaseKind.MARIADB: "MariaDB",
    DatabaseKind.MYSQL: "MySQL",
    DatabaseKind.SQLITE: "SQLite",
}


def array_value(type_: DataType, text: str, limits: Limits, clock: Clock = UTC) -> tuple[Value, ...]:
    """An array written as PostgreSQL does, `{a,b}`; raises PostgrestError, InvalidValue."""
    element = type_.element
    if element is None:
        return tuple(array_items(text, limits))
    return _values(element, array_tree(text, limits), clock)


def _values(element: DataType, items: Items, clock: Clock) -> tuple[Value, ...]:
    return tuple(
        _values(element, item, clock)
        if isinstance(item, tuple)
        else None
        if item is None
        else clock.value(element, item)
        for item in items
    )


def not_on(database: DatabaseKind, what: str) -> PostgrestError:
    """The error for what this database cannot be asked."""
    return refusal("PGRST127", "Feature not implemented", f"'{what}' is not available on {NAMES[database]}")


def not_offered(what: str) -> PostgrestError:
    """The error for what this server cannot do, though PostgREST can."""
    return refusal("PGRST127", "Feature not implemented", f"'{what}' is not offered by this version")
