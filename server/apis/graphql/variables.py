"""Variables, before the library coerces them: it looks at every item of a list, however long.

Rule: a list that is too long to be compared with is refused before anybody reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from graphql import (
    GraphQLError,
    GraphQLSchema,
    ListTypeNode,
    NamedTypeNode,
    NonNullTypeNode,
    OperationDefinitionNode,
    TypeNode,
)
from graphql.execution.values import get_variable_values

from reflector.errors import LimitExceeded
from server.apis.graphql.errors import Fault

MOST_ERRORS: Final = 50


def check_lists(operation: OperationDefinitionNode, variables: Mapping[str, Any], most: int) -> None:
    """Raise Fault where a list of operands, or one within conditions, has more than `most` items."""
    for definition in operation.variable_definitions or ():
        name = definition.variable.name.value
        type_, listed = _named(definition.type)
        if (listed or type_.endswith("_bool_exp")) and _longest(variables.get(name)) > most:
            raise Fault(LimitExceeded(f"a list has at most {most} values"), f"$.variables.{name}")


class Shown:
    """A number with digits behind the point, which the library would not show."""

    def __init__(self, value: Decimal) -> None:
        self._value = value

    def __inspect__(self) -> str:
        return str(self._value)


def refused_numbers(
    schema: GraphQLSchema, operation: OperationDefinitionNode, variables: Mapping[str, Any], *, told: bool
) -> list[GraphQLError]:
    """What the library says of variables where they hold such a number, which it is to show as it was given: whatever
    takes one takes anything. `told`: with suggestions."""
    shown = _shown(variables)
    if shown == variables:
        return []
    found = get_variable_values(
        schema, operation.variable_definitions or (), shown, max_errors=MOST_ERRORS, hide_suggestions=not told
    )
    return found if isinstance(found, list) else []


def _shown(value: Any) -> Any:
    if isinstance(value, list):
        return [_shown(each) for each in value]
    if isinstance(value, dict):
        return {name: _shown(each) for name, each in value.items()}
    return Shown(value) if isinstance(value, Decimal) else value


def _named(node: TypeNode) -> tuple[str, bool]:
    """The type's name, and whether it stands in a list."""
    listed = False
    while isinstance(node, ListTypeNode | NonNullTypeNode):
        listed = listed or isinstance(node, ListTypeNode)
        node = node.type
    return (node.name.value if isinstance(node, NamedTypeNode) else ""), listed


def _longest(value: Any) -> int:
    """The length of the longest list, found level by level: no recursion."""
    longest, level = 0, [value]
    while level:
        inner: list[Any] = []
        for each in level:
            if isinstance(each, list):
                longest = max(longest, len(each))
            items: Iterable[Any] = each if isinstance(each, list) else each.values() if isinstance(each, dict) else ()
            inner += [item for item in items if isinstance(item, list | dict)]
        level = inner
    return longest
