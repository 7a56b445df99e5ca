"""`/rpc/{function}` where the function is code of an extension: called as a function of the database is, by its arguments.

    POST          arguments from a body: JSON or a form
    GET, HEAD     from the query string, where the function changes nothing

Rule: what it answers is a value and no rows: nothing of it can be selected, filtered or ordered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from reflector.catalog.model import Function
from reflector.errors import NotSupported
from reflector.query.nodes import Literal
from server.apis.postgrest.bodies import form_pairs, read_json
from server.apis.postgrest.faults import refusal
from server.apis.postgrest.grammar.parameters import split_query
from server.apis.postgrest.lowering.calls import Sent, arguments_of, function_of, given_texts
from server.apis.postgrest.media import Body, Kind, body_of, negotiate
from server.apis.postgrest.terms import limits_of
from server.called import Called, check_null, check_whole
from server.callers import Caller
from server.unkept import check_conditions

READING: Final = frozenset({"GET", "HEAD"})
OFFERED: Final = frozenset({Kind.JSON, Kind.OBJECT})


def allowed(function: Function) -> str:
    """The methods of the function."""
    return "OPTIONS,POST" if function.changes else "OPTIONS,GET,HEAD,POST"


async def answer_beside(
    request: web.Request, caller: Caller, called: Called, function: Function, headers: Mapping[str, str]
) -> web.Response:
    """What the function answers; raises PostgrestError, ReflectorError."""
    if request.method == "OPTIONS":
        return web.Response(headers={"Allow": allowed(function), **headers})
    reads = request.method in READING
    if reads and function.changes:
        raise refusal("PGRST101", f"Cannot use the {request.method} method on a function that may change something")
    if not reads:
        check_conditions(request)
    media = negotiate(request.headers.get("Accept"), OFFERED)
    sent = await _sent(request, caller)
    function_of(caller.rights.access.scope, function.schema, function.name, sent)
    values = {}
    for given in arguments_of(function, sent):
        value = given.operand.value if isinstance(given.operand, Literal) else None
        check_null(given.argument, value)
        check_whole(given.argument, value)
        values[given.argument.name] = value
    body = await called.call(caller, function, values)
    if body is None:
        return web.Response(status=204, headers=headers)
    shown = None if request.method == "HEAD" else body
    return web.Response(headers={"Content-Type": media.content_type, **headers}, body=shown)


async def _sent(request: web.Request, caller: Caller) -> Sent:
    """The arguments by name; raises PostgrestError, NotSupported."""
    pairs = split_query(request.rel_url.raw_query_string, limits_of(caller.rights))
    if request.method in READING:
        return Sent(given_texts(pairs), texts=True)
    if pairs:
        raise NotSupported("what code of an extension answers cannot be selected, filtered or ordered")
    written_in = body_of(request.headers.get("Content-Type"), function=True)
    body = await request.read()
    match written_in:
        case Body.JSON:
            value = read_json(body) if body.strip() else {}
            if not isinstance(value, dict):
                raise refusal("PGRST102", "The arguments of the function must be an object")
            return Sent(value, texts=False, written_in=written_in)
        case Body.FORM:
            return Sent(given_texts(form_pairs(body)), texts=True, written_in=written_in)
        case _:
            raise refusal("PGRST102", f"Content-Type not acceptable: {written_in.value}")
