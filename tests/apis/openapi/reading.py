"""An OpenAPI document read the way a client reads it: operations, schemas, and what they say of an answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from tests.server.harness import Served

METHODS = ("get", "post", "patch", "put", "delete")


@dataclass(frozen=True)
class Document:
    """One document. `whole` is its JSON."""

    whole: Mapping[str, Any]

    def operations(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Path, method and operation."""
        for path, item in self.whole["paths"].items():
            for method in METHODS:
                if method in item:
                    yield path, method, item[method]

    def operation(self, name: str) -> tuple[str, str, Mapping[str, Any]]:
        return next(each for each in self.operations() if each[2]["operationId"] == name)

    def schema(self, name: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.whole["components"]["schemas"][name]
        return found

    def complaints(self, schema: Mapping[str, Any], value: Any) -> list[str]:
        """What keeps the value from being what the schema says; nothing when it is."""
        rooted = {**schema, "components": self.whole["components"]}
        found = Draft202012Validator(rooted).iter_errors(value)
        return [f"{error.json_path}: {error.message[:200]}" for error in found]

    def accepts(self, name: str, value: Any) -> bool:
        return not self.complaints({"$ref": f"#/components/schemas/{name}"}, value)

    def parameters(self, path: str, operation: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Those of the operation and of its path, references followed."""
        given = [*self.whole["paths"][path].get("parameters", []), *operation.get("parameters", [])]
        return [self.follow(each) for each in given]

    def follow(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        if "$ref" not in given:
            return given
        found: Any = self.whole
        for step in given["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return self.follow(found)

    def answer(self, operation: Mapping[str, Any], status: int) -> Mapping[str, Any]:
        """The schema of what is answered with this status, as JSON or as a problem."""
        content = self.follow(operation["responses"].get(str(status), operation["responses"].get("default", {})))
        return next(iter(content["content"].values()))["schema"]  # type: ignore[no-any-return]


async def document_of(api: Served, headers: Mapping[str, str] | None = None) -> Document:
    """What the server answers to whoever sends these headers."""
    reply = await api.get("/openapi.json", headers)
    assert reply.status == 200, reply.body
    assert reply.headers["Content-Type"] == "application/json"
    return Document(reply.json)


def filled(template: str, row: Mapping[str, Any], parameters: list[Mapping[str, Any]]) -> str:
    """A path with the values of a row where its placeholders are."""
    for parameter in parameters:
        if parameter["in"] == "path":
            template = template.replace(f"{{{parameter['name']}}}", quote(str(row[parameter["name"]]), safe=""))
    return template
