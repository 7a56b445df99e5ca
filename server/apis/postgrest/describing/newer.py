"""The same document as OpenAPI 3.1: what Swagger 2.0 says, said the newer way.

Rule: a piece is turned as a whole; nothing is looked up in the catalog a second time, so that both documents are of one
scope.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from server.apis.postgrest.describing.swagger import PARAMETERS, ROWS, Piece, reference

Json = dict[str, Any]

KEPT_OF_A_PARAMETER: Final = frozenset({"name", "in", "description", "required"})
STRANGE: Final = re.compile(r"[^A-Za-z0-9._-]+")
COMMON: Final = {str(reference("parameters", name)["$ref"]): name for name in PARAMETERS}


def component_names(names: Iterable[str]) -> Mapping[str, str]:
    """What tables are called among the components, whose names are made of fewer letters: each has one of its own."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted(names, key=lambda name: (STRANGE.search(name) is not None, name)):
        plain = STRANGE.sub("_", name)
        key, number = plain, 2
        while key in taken:
            key, number = f"{plain}_{number}", number + 1
        taken.add(key)
        found[name] = key
    return found


class Newer:
    """Turns the pieces of these tables."""

    def __init__(self, tables: Iterable[str]) -> None:
        self.names = component_names(tables)
        self.references = {
            str(reference("definitions", name)["$ref"]): f"#/components/schemas/{key}"
            for name, key in self.names.items()
        }

    def piece(self, piece: Piece) -> tuple[Json, Json]:
        """The paths and the component schemas."""
        given = {str(reference("parameters", name)["$ref"]): each for name, each in piece.parameters.items()}
        paths = {
            path: {method: self._operation(each, given) for method, each in item.items()}
            for path, item in piece.paths.items()
        }
        return paths, {self.names[name]: self._schema(each) for name, each in piece.definitions.items()}

    def _operation(self, operation: Json, given: Mapping[str, Json]) -> Json:
        types = operation.get("produces", ROWS)
        found: Json = {
            name: each for name, each in operation.items() if name not in {"produces", "parameters", "responses"}
        }
        parameters: list[Json] = []
        for each in operation.get("parameters", ()):
            target = each.get("$ref")
            if target in COMMON:
                parameters.append({"$ref": f"#/components/parameters/{COMMON[target]}"})
                continue
            whole = each if target is None else given[target]
            if whole["in"] == "body":
                found["requestBody"] = self._body(whole, single=target is None)
            else:
                parameters.append(newer_parameter(whole))
        if parameters:
            found["parameters"] = parameters
        found["responses"] = {status: self._response(each, types) for status, each in operation["responses"].items()}
        return found

    def _body(self, parameter: Json, *, single: bool) -> Json:
        schema = self._schema(parameter["schema"])
        json = schema if single else {"anyOf": [schema, {"type": "array", "items": schema}]}
        content: Json = {"application/json": {"schema": json}}
        if not single:
            content["text/csv"] = {"schema": {"type": "string"}}
        return {"required": parameter["required"], "content": content}

    def _response(self, response: Json, types: Iterable[str]) -> Json:
        if "schema" not in response:
            return dict(response)
        rows = self._schema(response["schema"])
        forms = {"application/json": rows, "application/vnd.pgrst.object+json": rows.get("items", rows)}
        content = {each: {"schema": forms.get(each, {"type": "string"})} for each in types}
        return {"description": response["description"], "content": content}

    def _schema(self, schema: Json) -> Json:
        found = dict(schema)
        if "$ref" in found:
            return {"$ref": self.references[found["$ref"]]}
        if "items" in found:
            found["items"] = self._schema(found["items"])
        if "properties" in found:
            found["properties"] = {name: self._schema(each) for name, each in found["properties"].items()}
        return found


def newer_parameter(parameter: Json) -> Json:
    """A parameter with its schema; one that may be given several times says so."""
    kept = {name: each for name, each in parameter.items() if name in KEPT_OF_A_PARAMETER}
    several = {"style": "form", "explode": True} if "collectionFormat" in parameter else {}
    unkept = KEPT_OF_A_PARAMETER | {"collectionFormat"}
    return {**kept, **several, "schema": {name: each for name, each in parameter.items() if name not in unkept}}
