"""`Accept: application/vnd.pgrst.plan`: how the database would answer a request, or did where it was asked to `analyze`.

A plan tells of rows and tables that its reader may not see. It is for administrators, once `db_plan_enabled`; for
everybody where `allow_plans` says so.

Rule: for whom no plans are offered the media type does not exist; and nothing that a plan carried out is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from reflector.engine import Prepared
from reflector.sql.explaining import Explaining
from server.apis.postgrest.media import DATA, Kind, Media
from server.apis.postgrest.roads import Api
from server.callers import Caller

WITH_PLANS: Final = DATA | {Kind.PLAN}


def offered(api: Api, caller: Caller) -> frozenset[Kind]:
    """What this caller is answered in."""
    settings = api.settings
    if not settings.db_plan_enabled:
        return DATA
    administers = api.admin_role is not None and api.admin_role in caller.rights.access.roles
    return WITH_PLANS if settings.allow_plans or administers else DATA


async def plan_of(api: Api, caller: Caller, prepared: Prepared, media: Media) -> bytes:
    """The plan as its media type wants it; raises ReflectorError."""
    wanted = Explaining(media.as_json, media.options)
    answer = await api.engine.explain(prepared, caller.principal, wanted, caller.rights.session)
    return answer.body or b""


def plan_response(request: web.Request, media: Media, body: bytes, headers: Mapping[str, str]) -> web.Response:
    """The answer that a plan is; `headers` are those of every answer to this request."""
    every = {**headers, "Content-Type": media.content_type}
    return web.Response(headers=every, body=None if request.method == "HEAD" else body)
