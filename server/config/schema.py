"""The JSON Schema of config.yaml, for editors.

Rule: it is read off the models; it accepts what `load` accepts, short forms and references included.
"""

from __future__ import annotations

from typing import Any

from server.config.models import File

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def config_schema() -> dict[str, Any]:
    """The schema, as JSON values."""
    schema: dict[str, Any] = _tidied(File.model_json_schema())
    return {"$schema": DIALECT, **schema, "title": "Reflector's config.yaml"}


def _tidied(node: Any) -> Any:
    """Without titles and defaults, which the documentation tells, and without the null that only means "left out"."""
    if isinstance(node, list):
        return [_tidied(each) for each in node]
    if not isinstance(node, dict):
        return node
    tidy = {name: _inside(name, value) for name, value in node.items() if name not in {"title", "default"}}
    choices = tidy.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        rest = [each for each in choices if each != {"type": "null"}]
        del tidy["anyOf"]
        return {**tidy, **rest[0]} if len(rest) == 1 else {**tidy, "anyOf": rest}
    return tidy


def _inside(name: str, value: Any) -> Any:
    # Under these the names are the user's or the settings', not the schema language's.
    if name in {"properties", "$defs"}:
        return {each: _tidied(inner) for each, inner in value.items()}
    return _tidied(value)
