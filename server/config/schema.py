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
    """Without defaults that are shown elsewhere, generated titles, and the null that only means "left out"."""
    if isinstance(node, list):
        return [_tidied(each) for each in node]
    if not isinstance(node, dict):
        return node
    tidy = {name: _tidied(value) for name, value in node.items() if not (name == "title" and isinstance(value, str))}
    choices = tidy.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        rest = [each for each in choices if each != {"type": "null"}]
        tidy = {name: value for name, value in tidy.items() if name not in {"anyOf", "default"}}
        return {**tidy, **rest[0]} if len(rest) == 1 else {**tidy, "anyOf": rest}
    return tidy
