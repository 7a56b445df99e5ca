"""How a fixed endpoint is described: aiohttp-apispec's decorators, behind one with types.

Rule: an endpoint that is there for every database is described at its handler, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from aiohttp_apispec import docs, response_schema
from marshmallow import Schema

from server.openapi.standing import TAG, responses

Handler = TypeVar("Handler", bound=Callable[..., Any])
Answers = Mapping[int, tuple[type[Schema], str]]
"""By status: what is answered, and what it means."""


def described(
    operation: str, summary: str, answers: Answers, *, problems: Iterable[str] = (), public: bool = False
) -> Callable[[Handler], Handler]:
    """Describe a handler. `problems` are names of the document's responses; `public`: no credential is asked for.

    The package empties what it is handed while it reads it, so that a handler is described when it is made.
    """

    def describe(handler: Handler) -> Handler:
        about = {"operationId": operation, "summary": summary, "tags": [TAG]} | ({"security": []} if public else {})
        documented = docs(**about, responses=responses(problems))(handler)
        for status, (schema, meaning) in sorted(answers.items()):
            documented = response_schema(schema, status, description=meaning)(documented)
        found: Handler = documented
        return found

    return describe
