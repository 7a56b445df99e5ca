"""`GET /metrics` for administrators: the figures of the server, as Prometheus reads them.

    no credential            401
    no administrator         404, as if nothing were there
    an administrator         200

Rule: without `auth.admin_role` the path does not exist; whoever scrapes without a credential has a port of its own.
"""

from __future__ import annotations

from aiohttp import web
from marshmallow import Schema, fields, validate

from reflector.errors import ReflectorError, Unauthenticated
from server.context import Context
from server.openapi.described import QUERY, described
from server.telemetry.exposition import Exposition, answer


class WantedFigures(Schema):
    """The parameters of a scrape."""

    name = fields.List(
        fields.String(validate=validate.Regexp(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,199}\Z")),
        data_key="name[]",
        validate=validate.Length(max=100),
        load_default=list,
        metadata={"description": "Figures to tell; all of them where none is named."},
    )


def metrics_routes(context: Context, exposition: Exposition, admin_role: str | None) -> list[web.RouteDef]:
    """The route; without anybody who may use it, as if nothing were there."""
    if admin_role is None:
        return [web.get("/metrics", _nothing_there)]

    @described(
        "read_metrics",
        "Figures of the server, for administrators",
        {200: (None, "Prometheus' text format.")},
        query=WantedFigures,
        problems=("Unauthenticated", "NotFound", "Unprocessable", "Failure"),
    )
    async def read_metrics(request: web.Request) -> web.StreamResponse:
        check_administrator(context, request, admin_role)
        return answer(await exposition.text(request[QUERY]["name"]))

    return [web.get("/metrics", read_metrics)]


async def _nothing_there(_: web.Request) -> web.StreamResponse:
    raise web.HTTPNotFound


def administers(context: Context, request: web.Request, admin_role: str | None) -> bool:
    """Whether who asks has the role; no credential and a bad one are no reason to refuse them."""
    try:
        principal = context.authenticate(request)
        return admin_role is not None and admin_role in context.engine.snapshot.access(principal).roles
    except (ReflectorError, web.HTTPException):
        return False


def check_administrator(context: Context, request: web.Request, admin_role: str) -> None:
    """Raises Unauthenticated, Forbidden, and HTTPNotFound for whoever has not the role."""
    principal = context.authenticate(request)
    if admin_role in context.engine.snapshot.access(principal).roles:
        return
    if principal.anonymous:
        raise Unauthenticated("a credential is required")
    raise web.HTTPNotFound
