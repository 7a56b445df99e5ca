"""The routes of PostgREST's API: which road a request takes.

Rule: whatever goes wrong here leaves in PostgREST's form. A method of a table is one row of `table_roads`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from reflector.errors import SchemaChanged
from server.apis.postgrest.calling import CallRoad, outdated
from server.apis.postgrest.faults import refusal
from server.apis.postgrest.reading import ReadRoad
from server.apis.postgrest.roads import Api, Road
from server.apis.postgrest.root import RootRoad
from server.apis.postgrest.telling import Telling
from server.apis.postgrest.writing import WriteRoad
from server.called import Called
from server.callers import Caller, Callers
from server.config.postgrest import PostgrestSettings
from server.context import Context

ROOT: Final = "/rest/v1"


def postgrest_routes(
    context: Context,
    root: str = ROOT,
    settings: PostgrestSettings | None = None,
    admin_role: str | None = None,
    *,
    address: str | None = None,
    called: Called | None = None,
) -> list[web.RouteDef]:
    """The routes under `root`, all methods of each. `admin_role` is told more than others. `address` is the server's own,
    from outside, None where nobody said.
    `called` calls functions of extensions."""
    api = PostgrestApi(context, root, settings or PostgrestSettings(), admin_role, address, called)
    return [
        *(web.route("*", path, api.root) for path in {root or "/", f"{root}/"}),
        web.route("*", root + "/{table:[^/]+}", api.table),
        web.route("*", root + "/rpc/{function:[^/]+}", api.function),
        web.route("*", root + "/{path:[^/]*/.*}", api.nowhere),
    ]


def table_roads(api: Api) -> Mapping[str, Road]:
    """The road of each method of a table."""
    reads, writes = ReadRoad(api), WriteRoad(api)
    return {
        "GET": reads.table,
        "HEAD": reads.table,
        "POST": writes.post,
        "PATCH": writes.patch,
        "PUT": writes.put,
        "DELETE": writes.delete,
        "OPTIONS": writes.options,
    }


class PostgrestApi:
    """The handlers, and what they share."""

    def __init__(
        self,
        context: Context,
        root: str,
        settings: PostgrestSettings,
        admin_role: str | None,
        address: str | None,
        called: Called | None,
    ) -> None:
        self.api = Api(context.engine, Callers(context, root), settings, context.cache, admin_role)
        decides = context.transactions is not None and context.transactions.decides
        self.telling = Telling(settings, decides)
        self.table_roads = table_roads(self.api)
        self.calls = CallRoad(self.api, called)
        self.roots = RootRoad(self.api, self.calls, root, address)

    async def table(self, request: web.Request) -> web.Response:
        """Any request to a table."""
        return await self.telling.told(request, self.api.callers.of, self._table)

    async def function(self, request: web.Request) -> web.Response:
        """Any request to a function."""
        return await self.telling.told(request, self.api.callers.of, self._function)

    async def root(self, request: web.Request) -> web.Response:
        """Any request to the beginning of the API."""
        return await self.telling.told(request, self.api.callers.of, self._root)

    async def nowhere(self, request: web.Request) -> web.Response:
        """Any request to a path that is deeper than a table's."""
        return await self.telling.told(request, self.api.callers.of, _no_path)

    async def _table(self, request: web.Request, caller: Caller) -> web.Response:
        road = self.table_roads.get(request.method)
        if road is None:
            raise refusal("PGRST117", f"Unsupported HTTP method: {request.method}")
        try:
            return await road(request, caller)
        except SchemaChanged:
            if not await self.api.engine.renewed(caller.rights.snapshot):
                raise
        return await road(request, self.api.callers.of(request))

    async def _root(self, request: web.Request, caller: Caller) -> web.Response:
        try:
            return await self.roots.answer(request, caller)
        except SchemaChanged as error:
            if not await self.api.engine.renewed(caller.rights.snapshot):
                raise outdated(error) from error
        return await self.roots.answer(request, self.api.callers.of(request))

    async def _function(self, request: web.Request, caller: Caller) -> web.Response:
        try:
            return await self.calls.answer(request, caller)
        except SchemaChanged as error:
            if not await self.api.engine.renewed(caller.rights.snapshot):
                raise outdated(error) from error
        return await self.calls.answer(request, self.api.callers.of(request))


async def _no_path(_request: web.Request, _caller: Caller) -> web.Response:
    raise refusal("PGRST125", "Invalid path specified in request URL")
