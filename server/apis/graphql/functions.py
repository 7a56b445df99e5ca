"""Root fields that code of extensions answers: those of a query at once, those of a mutation one after another.

Rule: as with fields of tables, whatever goes wrong with one leaves the whole operation without data. What a mutation did
before stays done: code is no transaction.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

import orjson
from graphql.execution.collect_fields import GroupedFieldSet

from reflector.errors import Faults, InternalError, ReflectorError
from server.apis.graphql.arguments import Arguments, Details
from server.apis.graphql.errors import Fault
from server.apis.graphql.schema import Schema
from server.called import Called, values_of
from server.callers import Caller


class Asks(Protocol):
    """Who asks, and who calls for them."""

    @property
    def caller(self) -> Caller: ...
    @property
    def schema(self) -> Schema: ...
    @property
    def called(self) -> Called | None: ...


class FunctionFields:
    """Answers fields of one operation."""

    def __init__(self, asking: Asks, arguments: Arguments) -> None:
        self.asking, self.arguments = asking, arguments

    async def answered(self, fields: GroupedFieldSet, *, serially: bool) -> dict[str, Any]:
        """The answers by key; raises Fault."""
        if serially:
            return {key: await self._answer(details) for key, details in fields.items()}
        waiting = [asyncio.ensure_future(self._answer(details)) for details in fields.values()]
        try:
            return dict(zip(fields, await asyncio.gather(*waiting), strict=True))
        finally:
            for each in waiting:
                each.cancel()

    async def _answer(self, details: Details) -> Any:
        name = details[0].node.name.value
        path = f"$.selectionSet.{name}"
        function, called = self.asking.schema.functions[name], self.asking.called
        if called is None:
            raise InternalError("nobody calls functions here")
        given = self.arguments.settle_all(self.arguments.of(details))
        try:
            values = values_of(function, given, lambda argument: argument)
        except ReflectorError as error:
            first = error.faults[0] if isinstance(error, Faults) else error
            raise Fault(first, f"{path}.args.{first.pointer}") from error
        try:
            body = await called.call(self.asking.caller, function, values)
        except ReflectorError as error:
            raise Fault(error, path) from error
        return None if body is None else orjson.Fragment(body)
