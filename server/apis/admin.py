"""`POST /admin/reload` for administrators: the configuration is read again, and the answer says what that has changed.

    200 {"changed": ["tables.book.allow.guest.read"], "restart": ["server.port"], "closed": [], "behind": []}
    202 the same, where not all processes hold it: `behind` are the numbers of those that do not
    422 a problem: what cannot be used, each with file, line and column; the configuration before it serves on

Rule: settings and places are told, never values; and to nobody but administrators is there anything here at all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

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
    closed = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "What is closed because it does not fit the database, each with its place and why."},
    )
    behind = fields.List(
        fields.Integer(),
        required=True,
        metadata={"description": "Processes that serve by what was before; empty with status 200."},
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a reading: settings that have changed, and those that wait for a restart; what is closed now; the numbers
    of workers that do not serve by it."""

    changed: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    behind: tuple[int, ...] = ()


Reload = Callable[[], Awaitable[Outcome]]


def admin_routes(context: Context, reload: Reload | None, admin_role: str | None) -> list[web.RouteDef]:
    """The route; without anybody who may use it, as if nothing were there."""
    if admin_role is None or reload is None:
        return [web.post(PATH, _nothing_there)]

    @described(
        "reload_configuration",
        "Read the configuration again, for administrators",
        {
            200: (ConfigReloaded, "It was read, and holds for every request from now on, whichever process answers."),
            202: (ConfigReloaded, "It was read and holds here; not all processes that serve have followed yet."),
        },
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
        said = {
            "changed": outcome.changed,
            "restart": outcome.waiting,
            "closed": outcome.closed,
            "behind": outcome.behind,
        }
        return web.json_response(said, status=202 if outcome.behind else 200)

    return [web.post(PATH, reload_configuration)]


def _fault(setting: str, message: str, hint: str | None, place: str) -> ConfigRefused:
    return ConfigRefused(f"{setting}: {message}" if setting else message, hint=hint, pointer=place)


async def _nothing_there(_: web.Request) -> web.StreamResponse:
    raise web.HTTPNotFound
