"""Arguments of a field, as they were written: plain values, with variables left where they stand.

The library has validated the document and coerced the variables, so what is here fits the schema. A variable that is an
operand, and nothing else, becomes a `Slot`: another value of it asks the same question. Any other use settles it, and
is remembered, because another value of it may ask another question.

Rule: members keep the order of the text, and a variable that was not given is never taken for a condition less.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from graphql import (
    DirectiveNode,
    DocumentNode,
    EnumValueNode,
    ListValueNode,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableNode,
    Visitor,
    visit,
)
from graphql.execution.collect_fields import FieldDetails
from graphql.execution.values import VariableValues

from reflector.datatypes import DataType, Value
from reflector.errors import LimitExceeded
from reflector.query.operators import Operator, Takes, json_values
from server.apis.graphql.scalars import literal_value

Details = list[FieldDetails]
"""The fields that one key of a response stands for: they are merged."""
ABSENT: Final = object()


class Variable:
    """A variable where it stands in an argument. `value` is ABSENT where there is none; `given`: the request gave it."""

    __slots__ = ("given", "name", "value")

    def __init__(self, name: str, value: Any, given: bool) -> None:
        self.name, self.value, self.given = name, value, given


class Slot:
    """Stands for a variable's value while a question is prepared that serves every value of it."""

    __slots__ = ("longest", "name", "operator", "type")

    def __init__(self, name: str, operator: Operator, type_: DataType, longest: int) -> None:
        self.name, self.operator, self.type, self.longest = name, operator, type_, longest

    def value(self, given: Any) -> Value:
        """The value to be bound; raises InvalidValue and LimitExceeded."""
        if self.operator.takes is not Takes.MANY:
            return json_values(self.operator, self.type, given)[0]
        listed = given if isinstance(given, list) else [given]
        if len(listed) > self.longest:
            raise LimitExceeded(f"a list has at most {self.longest} values")
        return tuple(json_values(self.operator, self.type, listed))


class Arguments:
    """Reads the arguments of one operation. `settled` are the variables whose values are part of what is asked."""

    def __init__(self, variables: VariableValues) -> None:
        self.settled: set[str] = set()
        self.slots: dict[tuple[str, str, DataType], Slot] = {}
        self._variables = variables
        self._known: dict[str, Variable] = {}

    def of(self, details: Details) -> dict[str, Any]:
        """The arguments that are given, by name."""
        found = {each.name.value: self._read(each.value) for each in details[0].node.arguments or ()}
        return {name: value for name, value in found.items() if not self._absent(value)}

    def raw(self) -> dict[str, Any]:
        """The values of the variables, as the request gave them."""
        return {name: self._variable(name).value for name in self._variables.sources}

    def settle(self, value: Any) -> Any:
        """The value itself, and of a variable what it holds."""
        if type(value) is Variable:
            self.settled.add(value.name)
            return value.value
        return value

    def settle_all(self, value: Any) -> Any:
        """The value with everything in it settled; members without a value are left out."""
        value = self.settle(value)
        if isinstance(value, list):
            return [self.settle_all(each) for each in value]
        if isinstance(value, Mapping):
            return {name: self.settle_all(each) for name, each in value.items() if not self._absent(each)}
        return value

    def slot(self, variable: Variable, operator: Operator, type_: DataType, longest: int) -> Slot:
        """The slot of a variable as this operand; equal uses share one."""
        key = (variable.name, operator.name, type_)
        found = self.slots.get(key)
        if found is None:
            found = self.slots[key] = Slot(variable.name, operator, type_, longest)
        return found

    def _absent(self, value: Any) -> bool:
        if type(value) is not Variable or value.value is not ABSENT:
            return False
        self.settled.add(value.name)
        return True

    def _read(self, node: ValueNode) -> Any:
        match node:
            case VariableNode():
                return self._variable(node.name.value)
            case ObjectValueNode():
                return {each.name.value: self._read(each.value) for each in node.fields}
            case ListValueNode():
                return [self._read(each) for each in node.values]
            case EnumValueNode():
                return node.value
            case _:
                return literal_value(node)

    def _variable(self, name: str) -> Variable:
        found = self._known.get(name)
        if found is None:
            source = self._variables.sources.get(name)
            given = source is not None and source.value is not Undefined
            value = source.value if source is not None and given else self._variables.coerced.get(name, ABSENT)
            found = self._known[name] = Variable(name, value, given)
        return found


class _OfDirectives(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        self.names |= {each.value.name.value for each in node.arguments or () if isinstance(each.value, VariableNode)}


def variables_of_directives(document: DocumentNode) -> frozenset[str]:
    """The variables that decide what is selected at all."""
    visitor = _OfDirectives()
    visit(document, visitor)
    return frozenset(visitor.names)
