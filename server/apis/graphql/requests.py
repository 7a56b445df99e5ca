"""Requests as GraphQL over HTTP has them: one in a query string, one or several in a body.

Rule: a request is read before anything is known of the schema; what it may hold is limited in count and depth, and what
is wrong with its form is told as a fault of the request, never guessed at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from reflector.errors import ReflectorError
from server.apis.graphql.errors import Fault, fault
from server.documents import read_json

JSON: Final = "application/json"
GRAPHQL: Final = "application/graphql-response+json"


@dataclass(frozen=True, slots=True)
class Requested:
    """One operation that is asked for."""

    query: str
    variables: dict[str, Any] | None
    operation: str | None


async def read_request(request: web.Request, batch: int) -> Requested | list[Requested]:
    """What a body asks: a list where it is an array, of `batch` operations at most. Raises GraphQLError, and HTTPUnsupportedMediaType."""
    if request.content_type != JSON or (request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
        raise web.HTTPUnsupportedMediaType(text=f"a request is {JSON}, in UTF-8")
    try:
        document = read_json((await request.read()).decode())
    except UnicodeDecodeError:
        raise fault("the body is not UTF-8", "$", "invalid-json") from None
    except ReflectorError as error:
        raise Fault(error, "$") from error
    if not isinstance(document, list):
        return requested(document)
    if not 0 < len(document) <= batch:
        raise fault(f"a batch has 1 to {batch} operations", "$", "limit-exceeded")
    return [requested(each) for each in document]


def read_query(query: Mapping[str, str]) -> Requested:
    """What a query string asks; raises GraphQLError."""
    given: dict[str, Any] = {name: query[name] for name in ("query", "operationName") if query.get(name)}
    for name in ("variables", "extensions"):
        if query.get(name):
            try:
                given[name] = read_json(query[name], f"/query/{name}")
            except ReflectorError as error:
                raise Fault(error, f"$.{name}") from error
    return requested(given)


def requested(given: Any) -> Requested:
    """A request's members, each of its type; raises GraphQLError."""
    if not isinstance(given, dict):
        raise fault("a request is an object with a query", "$")
    query, variables, operation = given.get("query"), given.get("variables"), given.get("operationName")
    if not isinstance(query, str) or not query:
        raise fault("a request's query is text", "$.query")
    if variables is not None and not isinstance(variables, dict):
        raise fault("variables are an object", "$.variables")
    if operation is not None and not isinstance(operation, str):
        raise fault("operationName is text", "$.operationName")
    if not isinstance(given.get("extensions", {}), dict | None):
        raise fault("extensions are an object", "$.extensions")
    return Requested(query, variables, operation or None)


def accepts_graphql(accept: str) -> bool:
    """Whether an Accept header asks for GraphQL's own media type, which tells by its status how it went."""
    if GRAPHQL not in accept:
        return False
    weights = dict(map(_weighed, accept.split(",")))
    return weights.get(GRAPHQL, 0.0) > 0 and weights.get(GRAPHQL, 0.0) >= weights.get(JSON, 0.0)


def _weighed(entry: str) -> tuple[str, float]:
    name, *parameters = (each.strip() for each in entry.split(";"))
    weight = 1.0
    for each in parameters:
        key, _, value = each.partition("=")
        if key == "q":
            try:
                weight = float(value)
            except ValueError:
                weight = 0.0
    return name.lower(), weight
