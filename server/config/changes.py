"""What `changes` and `tables.*.changes` say: whether changes are captured, how much is kept to go on from, what is told.

Rule: `changes: false` of a table is the same as no events at all; what is not limited is told.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import AfterValidator, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from server.config.section import Section
from server.config.values import Duration, Size, UnfitError

Happens: TypeAlias = Literal["insert", "update", "delete"]


class Changes(Section):
    """How committed changes are captured, and how long a subscriber may be away."""

    source: Literal["auto", "off"] = "auto"
    memory: Size = 32 * 1024**2
    replay: Duration | None = None
    max_lag: Duration | None = None


def _each_once(events: tuple[Happens, ...]) -> tuple[Happens, ...]:
    if len(set(events)) < len(events):
        raise UnfitError("names an event a second time")
    return events


EVENTS: Final[tuple[Happens, ...]] = ("insert", "update", "delete")


class TableChanges(Section):
    """What is told of a table's changes, and for how long a subscriber may be away."""

    events: Annotated[tuple[Happens, ...], AfterValidator(_each_once)] = EVENTS
    replay: Duration | None = None


class OrFlag:
    """`true` stands for everything, `false` for nothing."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_written_out, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "boolean"}, handler(schema)]}


def _written_out(given: Any) -> Any:
    if isinstance(given, bool):
        return {} if given else {"events": []}
    return given


ToldOf: TypeAlias = Annotated[TableChanges, OrFlag()]
