"""What all sections of the configuration have in common.

Rule: a section is frozen, knows every setting it takes, and says which of the design's settings come later, so that
nobody believes a protection is on that this version does not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, field_validator
from pydantic_core import CoreSchema, core_schema

from server.config.values import UnfitError


class Section(BaseModel):
    """A mapping of settings.

    `later`: settings that are known and not offered yet. `moved`: where another name stands. `short`: names that
    become part of another setting. `listed`: of these there is always a list.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True, allow_inf_nan=False
    )

    later: ClassVar[frozenset[str]] = frozenset()
    short: ClassVar[frozenset[str]] = frozenset()
    listed: ClassVar[bool] = False
    moved: ClassVar[Mapping[str, str]] = MappingProxyType({})

    @field_validator("*", mode="before")
    @classmethod
    def _says_something(cls, given: Any) -> Any:
        # `secret:` with nothing behind it must not mean that there is no secret.
        if given is None:
            raise UnfitError("has no value: give one, or leave the setting out")
        return given


@dataclass(frozen=True, eq=False, slots=True)
class OrFlag:
    """Of a section: `true` stands for all that it says where nothing is said, `false` for these settings."""

    off: Mapping[str, Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._written_out, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "boolean"}, handler(schema)]}

    def _written_out(self, given: Any) -> Any:
        if isinstance(given, bool):
            return {} if given else dict(self.off)
        return given
