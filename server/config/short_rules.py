"""A right that is written short: the rule alone, where a mapping of settings could stand.

    read: own or published                                 read: {filter: own or published}
    read: {owner: {_eq: X-Hasura-User-Id}}                 read: {filter: {owner: {_eq: X-Hasura-User-Id}}}
    create: {owner: {_eq: X-Hasura-User-Id}}               create: {check: {owner: {_eq: X-Hasura-User-Id}}}

Rule: a mapping is a filter only where it can be nothing else. One that names a setting, or something like the name of one,
is a mapping of settings, and what is wrong with it is told: a slip of the pen opens nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from reflector.errors import nearest

SETTINGS: Final = ("filter", "check", "columns", "mask", "presets")
"""Of all rights: what one of them takes is no column where another stands."""
OPERATOR: Final = "_"
FILTER: Final = {
    "type": "object",
    "minProperties": 1,
    "propertyNames": {"not": {"enum": [*SETTINGS]}},
    "patternProperties": {f"^{OPERATOR}": {}},
    "additionalProperties": {"type": "object", "minProperties": 1},
}


def is_filter(given: Any) -> bool:
    """Whether what stands for a right is a filter in its JSON form and nothing else."""
    return (
        isinstance(given, Mapping)
        and bool(given)
        and all(is_condition(name, value) and nearest(str(name), SETTINGS) is None for name, value in given.items())
    )


def is_condition(name: object, value: Any) -> bool:
    """Whether this can be part of a filter: an operator, or a column or relationship over operators."""
    return str(name).startswith(OPERATOR) or (
        isinstance(value, Mapping) and bool(value) and all(is_condition(*each) for each in value.items())
    )


@dataclass(frozen=True, slots=True)
class ShortFor:
    """A rule alone stands for a mapping with the rule under this name."""

    name: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.lengthen, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "boolean"}, {"type": "string", "minLength": 1}, FILTER, handler(schema)]}

    def lengthen(self, given: Any) -> Any:
        """The long form of a short one; anything else as it is."""
        return {self.name: given} if isinstance(given, bool | str) or is_filter(given) else given
