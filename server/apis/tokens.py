"""`POST /auth/token`: a name and a password for a token, as OAuth 2's password grant answers it.

    {"username": "ann", "password": "…"}        as JSON, or the same as a form
    200 {"access_token": "…", "token_type": "Bearer", "expires_in": 3600}

Rule: without `auth.basic` the path does not exist. What it answers proves what the name and the password proved, for a while.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from reflector.errors import InvalidRequest
from server.auth.basic import Basic
from server.auth.credentials import method_of
from server.auth.issuing import Issuing
from server.config import Config
from server.context import Authenticate
from server.problems import MalformedRequest

PATH: Final = "/auth/token"
FORM: Final = "application/x-www-form-urlencoded"
MOST_FIELDS: Final = 100
KNOWN: Final = frozenset({"username", "password", "grant_type", "scope"})


def token_routes(callers: Authenticate, config: Config) -> list[web.RouteDef]:
    """The route."""
    method, settings = method_of(callers, Basic), config.auth.basic if config.auth else None
    issuing = None if method is None else Issuing(config)

    async def give_token(request: web.Request) -> web.StreamResponse:
        if method is None or settings is None or issuing is None:
            raise web.HTTPNotFound
        said = await _said(request)
        principal = await method.passwords.principal(said["username"], said["password"], request)
        issued = issuing.issue(principal, settings.token, time.time())
        answer = {"access_token": issued.token, "token_type": "Bearer", "expires_in": issued.seconds}
        return web.json_response(answer, headers={"Cache-Control": "no-store"})

    return [web.post(PATH, give_token)]


async def _said(request: web.Request) -> Mapping[str, str]:
    """Name and password; raises MalformedRequest, InvalidRequest and HTTPUnsupportedMediaType."""
    if request.content_type == FORM:
        given: Any = _form(await request.read())
    elif request.content_type == "application/json":
        try:
            given = orjson.loads(await request.read())
        except orjson.JSONDecodeError as fault:
            raise MalformedRequest("the body is no JSON") from fault
    else:
        raise web.HTTPUnsupportedMediaType(text="send application/json, or a form")
    if not isinstance(given, dict) or given.keys() - KNOWN:
        raise InvalidRequest("the body holds username and password", pointer="/body")
    if given.get("grant_type", "password") != "password":
        raise InvalidRequest("the only grant is password", pointer="/body/grant_type")
    for name in ("username", "password"):
        if not isinstance(given.get(name), str):
            raise InvalidRequest(f"{name} must be there, and be text", pointer=f"/body/{name}")
    return {name: given[name] for name in ("username", "password")}


def _form(body: bytes) -> Mapping[str, str]:
    """The fields of a form, which is UTF-8 whatever its `charset` says; raises MalformedRequest."""
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as fault:
        raise MalformedRequest("the body is no form in UTF-8") from fault
    if len(dict(fields)) < len(fields):
        raise InvalidRequest("each field of the form is there once", pointer="/body")
    return dict(fields)
