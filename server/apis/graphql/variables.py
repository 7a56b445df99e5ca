"""Variables, before the library coerces them: it looks at every item of a list, however long.

Rule: a list that is too long to be compared with is refused before anybody reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graphql import ListTypeNode, NamedTypeNode, NonNullTypeNode, OperationDefinitionNode, TypeNode

from reflector.errors import LimitExceeded
from server.apis.graphql.errors import Fault


def check_lists(operation: OperationDefinitionNode, variables: Mapping[str, Any], most: int) -> None:
    """Raise Fault where a list of operands, or one within conditions, has more than `most` items."""
    for definition in operation.variable_definitions or ():
        name = definition.variable.name.value
        type_, listed = _named(definition.type)
        if (listed or type_.endswith("_bool_exp")) and _longest(variables.get(name)) > most:
            raise Fault(LimitExceeded(f"a list has at most {most} values"), f"$.variables.{name}")


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
