"""`POST /api/:functions/{name}`: a function of an extension called with the members of a JSON object as arguments.

Rule: a function that the caller may not call is told like one that is not there.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote

from aiohttp import web

from reflector.catalog.model import Function
from reflector.errors import InvalidRequest, UnknownFunction
from server.apis.resource.answers import answered, empty, refuse_method
from server.apis.resource.bodies import read_rows
from server.apis.resource.caller import Caller, Callers
from server.apis.resource.faults import in_body
from server.called import Called, values_of
from server.context import Context
from server.unkept import check_conditions

PATH: Final = "/api/:functions/{function:[^/]+}"


def function_routes(context: Context, called: Called) -> list[web.RouteDef]:
    """The route, all methods of it."""
    return [web.route("*", PATH, FunctionApi(context, called).handle)]


class FunctionApi:
    """Answers every method of a function."""

    def __init__(self, context: Context, called: Called) -> None:
        self.engine = context.engine
        self.callers = Callers(context)
        self.called = called

    async def handle(self, request: web.Request) -> web.Response:
        """Any request to a function; raises UnknownFunction and what `Called.call` raises."""
        caller = self.callers.of(request)
        function = self._function(caller, request)
        if request.method == "OPTIONS":
            return empty(Allow="POST, OPTIONS")
        if request.method != "POST":
            raise refuse_method(request.method, ["POST"])
        check_conditions(request)
        body = await read_rows(request) if request.can_read_body else {}
        if isinstance(body, list):
            raise InvalidRequest("arguments are an object, not an array")
        if caller.rights.snapshot is not self.engine.snapshot:
            caller = self.callers.of(request)  # what may be called has changed while the body came
            function = self._function(caller, request)
        answer = await self.called.call(caller, function, values_of(function, body, in_body))
        return empty() if answer is None else answered(answer)

    def _function(self, caller: Caller, request: web.Request) -> Function:
        name = unquote(request.rel_url.raw_path.rpartition("/")[2], errors="replace")
        beside = caller.rights.access.scope.beside
        found = beside.get(name)
        if found is None:
            raise UnknownFunction(name, beside, pointer="/path/function")
        return found
