"""What groups may be made of and sorted by, and what rows may be sorted by.

Rule: what the database has no operator for is refused here, in the words that it would use.
"""

from __future__ import annotations

from collections.abc import Sequence

from reflector.catalog.model import DatabaseKind
from reflector.datatypes import DataType
from reflector.query.expressions import type_of
from reflector.query.native import is_sortable
from reflector.query.nodes import Aggregate, Field, Order, Output, Related, Selected, Spread
from reflector.query.scope import TableScope
from reflector.query.told import told
from server.apis.postgrest.faults import PostgrestError, refusal


def check_groups(members: Sequence[Selected], database: DatabaseKind) -> None:
    """Raise PostgrestError 42883 for groups of values that cannot be told apart."""
    for each in members:
        if isinstance(each, Spread):
            check_groups(each.read.select, database)
        elif isinstance(each, Output) and not isinstance(each.expression, Aggregate):
            type_ = type_of(each.expression)
            if not is_sortable(type_, database):
                raise no_order(type_, "an equality")


def check_order_of_groups(table: TableScope, members: Sequence[Selected], order: Sequence[Order]) -> None:
    """Raise PostgrestError 42803 for an order of groups by what they are not made of."""
    selected = {each.expression for each in members if isinstance(each, Output)}
    for each in order:
        # What is lifted out of related rows is known when the rules are in: the core judges it.
        if each.expression not in selected and not isinstance(each.expression, Related):
            name = (
                f"{table.table.name}.{each.expression.column.name}" if isinstance(each.expression, Field) else "order"
            )
            raise refusal(
                "42803", f'column "{name}" must appear in the GROUP BY clause or be used in an aggregate function'
            )


def order_of_ties(members: Sequence[Selected], order: Sequence[Order], database: DatabaseKind) -> tuple[Order, ...]:
    """By what groups are told apart that the asked order does not: else rows out of sight could move those in sight, and
    pages could overlap."""
    asked = {each.expression for each in order}
    values = (each.expression for each in members if isinstance(each, Output))
    return tuple(
        Order(value)
        for value in values
        if not isinstance(value, Aggregate | Related) and value not in asked and is_sortable(type_of(value), database)
    )


def no_order(type_: DataType, what: str) -> PostgrestError:
    """The error for a type without an operator of that sort."""
    return refusal("42883", f"could not identify {what} operator for type {told(type_)}")
