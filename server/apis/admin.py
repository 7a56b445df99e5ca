"""`POST /admin/reload` for administrators: the configuration is read again, and the answer says what that has changed.

    200 {"changed": ["tables.book.allow.guest.read"], "restart": ["server.port"]}
    422 a problem: what cannot be used, each with file, line and column; the configuration before it serves on

Rule: settings and places are told, never values; and to nobody but administrators is there anything here at all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from aiohttp import web
from marshmallow import Schema, fields

from reflector.errors import Faults
from server.apis.metrics import check_administrator
from server.config import ConfigError
from server.context import Context
from server.openapi.described import described
from server.problems import ConfigRefused

PATH = "/admin/reload"


class ConfigReloaded(Schema):
    """What was read."""

    changed = fields.List(fields.String(), required=True, metadata={"description": "Settings that hold now."})
    restart = fields.List(fields.String(), required=True, metadata={"description": "Settings that need a restart."})


class Outcome(Protocol):
    """What has changed, and what waits for a restart."""

    @property
    def changed(self) -> Sequence[str]: ...

    @property
    def waiting(self) -> Sequence[str]: ...


Reload = Callable[[], Awaitable[Outcome]]


def admin_routes(context: Context, reload: Reload | None, admin_role: str | None) -> list[web.RouteDef]:
    """The route; without anybody who may use it, as if nothing were there."""
    if admin_role is None or reload is None:
        return [web.post(PATH, _nothing_there)]

    @described(
        "reload_configuration",
        "Read the configuration again, for administrators",
        {200: (ConfigReloaded, "It was read, and holds for every request from now on.")},
        problems=("Unauthenticated", "NotFound", "Unprocessable", "Failure"),
    )
    async def reload_configuration(request: web.Request) -> web.StreamResponse:
        check_administrator(context, request, admin_role)
        try:
            outcome = await reload()
        except ConfigError as refused:
            raise Faults(
                [_fault(each.path, each.message, each.hint, str(each.position)) for each in refused.complaints]
            ) from None
        return web.json_response({"changed": outcome.changed, "restart": outcome.waiting})

    return [web.post(PATH, reload_configuration)]


def _fault(setting: str, message: str, hint: str | None, place: str) -> ConfigRefused:
    return ConfigRefused(f"{setting}: {message}" if setting else message, hint=hint, pointer=place)


async def _nothing_there(_: web.Request) -> web.StreamResponse:
    raise web.HTTPNotFound
