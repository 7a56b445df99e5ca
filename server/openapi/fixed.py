"""The endpoints that are there for every database, as aiohttp-apispec's decorators describe them at their handlers.

The package writes Swagger 2.0. What it wrote is turned into OpenAPI 3.1 here: responses and parameters get their
schema, references point to `components`. Its own page and its own route are never registered.

Rule: what this converter does not know it refuses aloud, when the document is first asked for; nothing is dropped.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import hdrs, web
from aiohttp_apispec import AiohttpApiSpec

Json = dict[str, Any]

DESCRIPTION_OF_A_VALUE = frozenset(
    {
        "type",
        "format",
        "enum",
        "default",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "pattern",
        "items",
        "maxItems",
    }
)
KEPT_OF_A_PARAMETER = frozenset({"name", "in", "description", "required"})
STYLES = {"multi": {"style": "form", "explode": True}, "csv": {"style": "form", "explode": False}}
KEPT_OF_AN_OPERATION = frozenset({"summary", "description", "operationId", "tags", "deprecated", "security"})


@dataclass(frozen=True, slots=True)
class Fixed:
    """Paths and component schemas in OpenAPI 3.1. `served`: every path that the server has, described or not."""

    paths: Mapping[str, Json] = field(default_factory=dict)
    schemas: Mapping[str, Json] = field(default_factory=dict)
    served: frozenset[str] = frozenset()


class NotConvertible(TypeError):
    """Something of Swagger 2.0 that none of our endpoints needed so far."""


def defined(routes: Iterable[web.AbstractRouteDef]) -> list[web.AbstractRoute]:
    """The routes that these definitions make, in an application that is never served."""
    scratch = web.Application()
    scratch.add_routes(routes)
    return list(scratch.router.routes())


def fixed_endpoints(routes: Iterable[web.AbstractRoute]) -> Fixed:
    """What is documented at the handlers of these routes; those without the decorators are left out."""
    known = list(routes)
    written = swagger(known)
    return Fixed(
        {path: _path_item(item) for path, item in sorted(written["paths"].items())},
        {name: _schema(each) for name, each in sorted(written.get("definitions", {}).items())},
        frozenset(route.resource.canonical for route in known if route.resource is not None),
    )


def swagger(routes: Iterable[web.AbstractRoute]) -> Json:
    """The package's own output for the decorated routes, taken from an application that is never served."""
    scratch = web.Application()
    for route in routes:
        if hasattr(route.handler, "__apispec__") and route.resource is not None and route.method != hdrs.METH_HEAD:
            scratch.router.add_route(route.method, route.resource.canonical, route.handler)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", web.NotAppKeyWarning)
        written: Json = AiohttpApiSpec(url=None, app=scratch, in_place=True, title="", version="").swagger_dict()
    return written


# ── from 2.0 to 3.1 ──────────────────────────────────────────────────────────────────────────


def _path_item(item: Json) -> Json:
    return {method: _operation(operation) for method, operation in item.items()}


def _operation(operation: Json) -> Json:
    types = operation.get("produces")
    _only(operation, KEPT_OF_AN_OPERATION | {"produces", "parameters", "responses"})
    converted = {name: operation[name] for name in operation if name in KEPT_OF_AN_OPERATION}
    if operation.get("parameters"):
        converted["parameters"] = [_parameter(each) for each in operation["parameters"]]
    responses = operation.get("responses", {})
    converted["responses"] = {str(status): _response(each, types) for status, each in sorted(responses.items())}
    return converted


def _parameter(parameter: Json) -> Json:
    if parameter["in"] in {"body", "formData"}:
        raise NotConvertible(f"a parameter in {parameter['in']!r} has no converter")
    _only(parameter, KEPT_OF_A_PARAMETER | DESCRIPTION_OF_A_VALUE | {"collectionFormat"})
    value = {name: each for name, each in parameter.items() if name in DESCRIPTION_OF_A_VALUE}
    kept = {name: each for name, each in parameter.items() if name in KEPT_OF_A_PARAMETER}
    return {**kept, **STYLES.get(parameter.get("collectionFormat", ""), {}), "schema": value}


def _response(response: Json, types: Iterable[str] | None) -> Json:
    """Without a schema it has no body, unless the operation says what its bodies are: then it is text."""
    if "$ref" in response:
        return response
    _only(response, frozenset({"description", "schema"}))
    converted: Json = {"description": response.get("description", "")}
    if "schema" in response:
        schema = _schema(response["schema"])
        converted["content"] = {media_type: {"schema": schema} for media_type in types or ["application/json"]}
    elif types:
        converted["content"] = {media_type: {"schema": {"type": "string"}} for media_type in types}
    return converted


def _schema(schema: Json) -> Json:
    """References are moved, and a nullable value says so in its type."""
    converted: Json = {name: CONVERTED.get(name, _same)(each) for name, each in schema.items()}
    if converted.pop("x-nullable", False):
        converted["type"] = [converted["type"], "null"]
    return converted


def _same(value: Any) -> Any:
    return value


def _moved(target: str) -> str:
    return target.replace("#/definitions/", "#/components/schemas/")


def _each(schemas: Mapping[str, Json]) -> Json:
    return {name: _schema(schema) for name, schema in schemas.items()}


def _all(schemas: Iterable[Json]) -> list[Json]:
    return [_schema(schema) for schema in schemas]


CONVERTED: Mapping[str, Callable[[Any], Any]] = {
    "$ref": _moved,
    "properties": _each,
    "items": _schema,
    "allOf": _all,
}


def _only(given: Json, known: frozenset[str]) -> None:
    if unknown := given.keys() - known:
        raise NotConvertible(f"no converter for {', '.join(sorted(unknown))}")
