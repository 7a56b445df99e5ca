"""The paths of functions that are code of extensions, for those who may call them.

Rule: an operation's name is `call_` and the function's; an argument that need not be given is no required member.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reflector.catalog.model import Argument, Function
from reflector.datatypes import DataType, json_schema
from server.openapi.standing import responses

Json = dict[str, Any]

API: Final = "/api/:functions"
TAG: Final = "functions"
SAID: Final = "Functions of extensions, called with the members of an object as arguments."
PROBLEMS: Final = ("BadRequest", "Unauthenticated", "Forbidden", "NotFound", "Unprocessable", "Failure")


def paths(offered: Mapping[str, Function], tag: str) -> Json:
    """A path for each function, in the order of their names."""
    return {f"{API}/{name}": {"post": _operation(offered[name], tag)} for name in sorted(offered)}


def _operation(function: Function, tag: str) -> Json:
    needed = [each.name for each in function.takes if not each.has_default]
    properties = {each.name: _argument(each) for each in function.takes}
    members: Json = {"type": "object", "properties": properties, "additionalProperties": False}
    if needed:
        members["required"] = needed
    return {
        "operationId": f"call_{function.name}",
        "summary": f"Call {function.name}",
        **({"description": function.comment} if function.comment else {}),
        "tags": [tag],
        "requestBody": {"required": bool(needed), "content": {"application/json": {"schema": members}}},
        "responses": dict(sorted({**_answers(function.value), **responses(PROBLEMS)}.items())),
    }


def _argument(argument: Argument) -> Json:
    said = dict(json_schema(argument.type))
    return {"anyOf": [said, {"type": "null"}]} if argument.nullable and said else said


def _answers(gives: DataType | None) -> Json:
    if gives is None:
        return {"204": {"description": "It was done."}}
    content = {"application/json": {"schema": dict(json_schema(gives))}}
    return {"200": {"description": "What the function answers.", "content": content}}
