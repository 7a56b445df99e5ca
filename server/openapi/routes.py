"""`GET /openapi.json`: the document of whoever asks.

Rule: the bytes depend on the snapshot, the roles and their limits, and on nothing else of the request; they are made
once for each of these and never shared between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler
from marshmallow import INCLUDE, Schema, fields

from server.config import Config
from server.context import Context
from server.openapi.cache import Documents
from server.openapi.described import described
from server.openapi.document import setting, written
from server.openapi.fixed import Fixed, defined, fixed_endpoints

PATH: Final = "/openapi.json"


class OpenApiDocument(Schema):
    """What is answered, as far as it is always there."""

    class Meta:
        """More than this may stand in it."""

        unknown = INCLUDE

    openapi = fields.String(required=True)
    info = fields.Dict(required=True)
    paths = fields.Dict(required=True)
    components = fields.Dict(required=True)


def openapi_routes(
    context: Context, config: Config, routes: Callable[[], Iterable[web.AbstractRouteDef]], *, guarded: bool
) -> list[web.RouteDef]:
    """The route of the document. `routes`: all that are served beside it. `guarded`: whether an access token is asked for."""
    endpoint = Endpoint(context, config, routes, guarded)
    return [web.get(PATH, endpoint.handler())]


class Endpoint:
    """Answers with the document; `documents` are those that were made so far."""

    def __init__(
        self,
        context: Context,
        config: Config,
        routes: Callable[[], Iterable[web.AbstractRouteDef]],
        guarded: bool,
    ) -> None:
        self.context, self.config, self.routes, self.guarded = context, config, routes, guarded
        self.documents = Documents()
        self._fixed: Fixed | None = None

    def handler(self) -> Handler:
        @described(
            "read_openapi",
            "This document, as far as the caller may use what it describes",
            {200: (OpenApiDocument, "An OpenAPI 3.1 document.")},
            problems=("Unauthenticated", "Forbidden", "Failure"),
        )
        async def read_openapi(request: web.Request) -> web.StreamResponse:
            return web.Response(body=await self.document(request), content_type="application/json")

        return read_openapi

    async def document(self, request: web.Request) -> bytes:
        """The bytes for whoever sent the request; raises Unauthenticated and Forbidden."""
        principal = self.context.authenticate(request)
        snapshot = self.context.engine.snapshot
        access, limits = snapshot.access(principal), self.context.limits(principal.roles)
        if self._fixed is None:
            self._fixed = fixed_endpoints(defined(self.routes()))
        said = setting(self.config, snapshot.catalog, limits, self._fixed, guarded=self.guarded)
        return await self.documents.get((snapshot.number, access.roles, limits), lambda: written(access, said))
