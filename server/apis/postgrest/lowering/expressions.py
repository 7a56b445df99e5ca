"""What a request selects, compares or orders by: a column, a place in its document, a cast of it, an aggregate.

Rule: a cast is one of those the core knows; any other name is a type that does not exist, whatever the database has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reflector.catalog.model import DatabaseKind
from reflector.datatypes import DataType, Kind
from reflector.errors import InvalidRequest
from reflector.query.aggregates import AGGREGATES, check_aggregate, is_native
from reflector.query.casts import CASTS
from reflector.query.expressions import type_of
from reflector.query.nodes import Aggregate, Cast, Computed, Expression, Field, JsonPath
from reflector.query.scope import TableScope
from reflector.query.told import told
from server.apis.postgrest.faults import PostgrestError, refusal
from server.apis.postgrest.grammar import nodes
from server.apis.postgrest.unknown import unknown_column

SHOWN_AS_JSON = frozenset({Kind.ARRAY, Kind.OPAQUE, Kind.SPECIAL})
"""What PostgreSQL alone can make a document of, to look into it."""


def named(table: TableScope, name: str) -> Expression:
    """A column that may be read, or a computed field; raises PostgrestError 42703. A column hides a function."""
    if (column := table.readable.get(name)) is not None:
        return Field(column)
    if (function := table.computed_fields.get(name)) is not None:
        return Computed(function)
    raise unknown_column(table.table.name, name, [*table.readable, *table.computed_fields])


def is_named(table: TableScope, name: str) -> bool:
    """Whether a column or a computed field has the name."""
    return name in table.readable or name in table.computed_fields


def field_of(table: TableScope, field: nodes.Field, database: DatabaseKind) -> Expression:
    """The column or the computed field, or what lies at its path; raises PostgrestError."""
    found = named(table, field.name)
    if not field.path:
        return found
    if any(arrow.as_text for arrow in field.path[:-1]):
        raise no_operator("text", "->")
    type_ = type_of(found)
    holds = type_.kind is Kind.JSON or (type_.kind in SHOWN_AS_JSON and database is DatabaseKind.POSTGRESQL)
    if not holds:
        raise no_operator(told(type_), "->>" if field.path[0].as_text else "->")
    return JsonPath(found, tuple(arrow.key for arrow in field.path), field.path[-1].as_text)


def selected_of(table: TableScope, written: nodes.Column, database: DatabaseKind, *, may_aggregate: bool) -> Expression:
    """What a selected column is; raises PostgrestError PGRST123 where it aggregates and may not."""
    bare_count = written.field == nodes.Field("count") and not is_named(table, "count") and not written.aggregate
    if bare_count:
        return cast_to(counted_rows(may_aggregate=may_aggregate), written.cast)
    if written.aggregate is not None and not may_aggregate:
        raise no_aggregates()
    if written == nodes.Column(written.field, alias=written.alias) and not written.field.path:
        # A column that is masked may be selected as it is, and put to no other use.
        column = table.answered.get(written.field.name)
        if column is not None:
            return Field(column)
    found = cast_to(field_of(table, written.field, database), written.cast)
    if written.aggregate is None:
        return found
    function, type_ = AGGREGATES[written.aggregate], type_of(found)
    if not (database is DatabaseKind.POSTGRESQL and is_native(function, type_)):
        try:
            check_aggregate(function, type_)
        except InvalidRequest:
            raise refusal("42883", f"function {function.name}({told(type_)}) does not exist") from None
    return cast_to(Aggregate(function, found), written.aggregate_cast)


def counted_rows(*, may_aggregate: bool) -> Expression:
    """`count()`; raises PostgrestError PGRST123 where nothing may be aggregated."""
    if not may_aggregate:
        raise no_aggregates()
    return Aggregate(AGGREGATES["count"])


def cast_to(expression: Expression, name: str | None) -> Expression:
    """The expression as the type of that name; raises PostgrestError 42704."""
    return expression if name is None else Cast(expression, type_named(name))


def type_named(name: str) -> DataType:
    """The type to cast to; raises PostgrestError 42704."""
    found = CASTS.get(" ".join(name.lower().split()))
    if found is None:
        raise refusal("42704", f'type "{name}" does not exist')
    return found


SYMBOLS: Final[Mapping[str, str]] = {
    "eq": "=",
    "neq": "<>",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "in": "=",
    "like": "~~",
    "ilike": "~~*",
    "match": "~",
    "imatch": "~*",
    "cs": "@>",
    "cd": "<@",
    "ov": "&&",
    "sl": "<<",
    "sr": ">>",
    "nxr": "&<",
    "nxl": "&>",
    "adj": "-|-",
    "fts": "@@",
    "plfts": "@@",
    "phfts": "@@",
    "wfts": "@@",
}
UNTYPED: Final = "No operator matches the given name and argument types. You might need to add explicit type casts."


def no_operator(left: str, operator: str, right: str = "unknown") -> PostgrestError:
    """The error for an operator that a type does not have, by the name that PostgreSQL has for it."""
    return refusal("42883", f"operator does not exist: {left} {SYMBOLS.get(operator, operator)} {right}", hint=UNTYPED)


def no_aggregates() -> PostgrestError:
    """The error where aggregates are not switched on."""
    return refusal("PGRST123", "Use of aggregate functions is not allowed")
