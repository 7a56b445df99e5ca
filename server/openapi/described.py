"""How a fixed endpoint is described and its input read: aiohttp-apispec's decorators, behind one with types.

Rule: an endpoint that is there for every database is described at its handler, and nowhere else; what is described of its
input is what is read, and anything else in it is refused before the handler runs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from functools import wraps
from typing import Any, Final, NoReturn, TypeVar

from aiohttp import web
from aiohttp_apispec import docs, querystring_schema, response_schema
from marshmallow import Schema, ValidationError
from webargs.aiohttpparser import AIOHTTPParser

from reflector.errors import Faults, InvalidValue, ReflectorError, UnknownParameter
from server.openapi.standing import TAG, responses

Handler = TypeVar("Handler", bound=Callable[..., Any])
Endpoint = Callable[[web.Request], Awaitable[web.StreamResponse]]
Answers = Mapping[int, tuple[type[Schema] | None, str]]
"""By status: what is answered (None for plain text), and what it means."""
LOCATION: Final = "querystring"
QUERY: Final = web.RequestKey("query", dict[str, Any])
"""Under this a request holds what its query string was read as."""
UNKNOWN: Final = "Unknown field."


def described(
    operation: str,
    summary: str,
    answers: Answers,
    *,
    query: type[Schema] | None = None,
    problems: Iterable[str] = (),
    public: bool = False,
) -> Callable[[Handler], Handler]:
    """Describe a handler. `problems` are names of the document's responses; `public`: no credential is asked for.

    query: what the query string may hold; the handler finds it under `request[QUERY]`. The package empties what it is
    handed while it reads it, so that a handler is described when it is made.
    """

    def describe(handler: Handler) -> Handler:
        about: dict[str, Any] = {"operationId": operation, "summary": summary, "tags": [TAG]}
        if public:
            about["security"] = []
        plain = {status: {"description": meaning} for status, (schema, meaning) in answers.items() if schema is None}
        if plain:
            about["produces"] = ["text/plain"]
        answered: dict[Any, Any] = {**responses(problems), **plain}
        documented = docs(**about, responses=answered)(reading(handler, query))
        if query is not None:
            documented = querystring_schema(query)(documented)
        for status, (schema, meaning) in sorted(answers.items()):
            if schema is not None:
                documented = response_schema(schema, status, description=meaning)(documented)
        found: Handler = documented
        return found

    return describe


def reading(handler: Any, query: type[Schema] | None) -> Any:
    """The handler, after its query string was read."""
    if query is None:
        return handler

    @wraps(handler)
    async def read_first(request: web.Request) -> web.StreamResponse:
        request[QUERY] = await READER.parse(query(), request, location=LOCATION, unknown=None)
        answered: web.StreamResponse = await handler(request)
        return answered

    return read_first


class Reader(AIOHTTPParser):
    """Reads input by the schema that describes it; tells every fault as the rest of the server does."""

    def handle_error(self, error: ValidationError, req: Any, schema: Schema, **_: Any) -> NoReturn:
        """Raise what the input is refused with."""
        found: Any = error.messages
        known = [field.data_key or name for name, field in schema.fields.items()]
        raise Faults(tuple(_faults(found[LOCATION], known)))


READER: Final = Reader()


def _faults(messages: Mapping[str, Any], known: Iterable[str]) -> Iterator[ReflectorError]:
    for name, said in messages.items():
        if said == [UNKNOWN]:
            yield UnknownParameter(name, known, pointer=f"/query/{name}")
        else:
            yield InvalidValue(f"the value of {name!r} cannot be used", pointer=f"/query/{name}")
