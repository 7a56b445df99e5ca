"""Settings that take a list, of which one item may stand alone.

Rule: what names nothing is no list: whoever wants none leaves the setting out, or says so where that means something.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from server.config.values import Text, UnfitError


@dataclass(frozen=True, slots=True)
class OneOrMany:
    """One item of a list may stand alone; an empty list is none."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._listed, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        listed = handler(schema)
        return {"anyOf": [handler.resolve_ref_schema(listed)["items"], {**listed, "minItems": 1}]}

    def _listed(self, given: Any) -> Any:
        if isinstance(given, list | tuple):
            if not given:
                raise UnfitError("must name at least one")
            return given
        return [given]


class TextsOrFalse(OneOrMany):
    """One text or many, or `false`: there is none, and none may come."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        shown = core_schema.plain_serializer_function_ser_schema(self._shown, when_used="json")
        texts = handler.generate_schema(tuple[Text, ...])
        listed = core_schema.no_info_before_validator_function(self._listed, texts)
        return core_schema.no_info_wrap_validator_function(self._unless_none, listed, serialization=shown)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        said = super().__get_pydantic_json_schema__(schema, handler)
        return {"anyOf": [*said["anyOf"], {"const": False}]}

    def _unless_none(self, given: Any, listed: core_schema.ValidatorFunctionWrapHandler) -> Any:
        return False if given is False else listed(given)

    def _shown(self, value: Any) -> Any:
        return value if value is False else list(value)
