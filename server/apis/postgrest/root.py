"""The road of the API's root: the document of what whoever asks may do, or what a function answers in its place.

    openapi_mode     follow-privileges: as far as the caller may; ignore-privileges: all that is served; disabled: 404
    db_root_spec     the function that answers instead
    Accept           application/openapi+json is Swagger 2.0, with ;version=3.1 OpenAPI 3.1

Rule: a document depends on the snapshot, the roles and the schema, and on nothing else of a request; what the
configuration hides is in none.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from reflector.access.scoping import scope_for
from reflector.reflection.schema_comments import schema_comment
from reflector.snapshot import Access
from server.apis.postgrest.calling import CallRoad
from server.apis.postgrest.denials import as_denied
from server.apis.postgrest.describing.document import About, Version, written
from server.apis.postgrest.faults import PostgrestError, refusal
from server.apis.postgrest.grammar.parameters import split_query
from server.apis.postgrest.locations import content_location
from server.apis.postgrest.lowering.tables import schema_of
from server.apis.postgrest.media import ANY, Kind, Wanted, accepted
from server.apis.postgrest.roads import Api, profile_header
from server.apis.postgrest.terms import limits_of
from server.apis.postgrest.timing import ended
from server.callers import Caller
from server.openapi.cache import Documents

ALLOW: Final = "OPTIONS,GET,HEAD"
READING: Final = frozenset({"GET", "HEAD"})
JSON: Final = frozenset({ANY, "application/*", Kind.JSON.value})
VERSIONS: Final = {
    None: Version.SWAGGER,
    "2": Version.SWAGGER,
    "2.0": Version.SWAGGER,
    "3": Version.NEWER,
    "3.1": Version.NEWER,
    "3.1.0": Version.NEWER,
}
"""What may stand in Accept as `version`."""
TYPES: Final = {
    Version.SWAGGER: f"{Kind.OPENAPI.value}; charset=utf-8",
    Version.NEWER: f"{Kind.OPENAPI.value};version=3.1; charset=utf-8",
}


class RootRoad:
    """Answers every method of the root. `root` is where the API begins, `address` that of the server from outside."""

    def __init__(self, api: Api, calls: CallRoad, root: str, address: str | None) -> None:
        self.api = api
        self.calls = calls
        self.root = root
        self.address = address
        self.documents = Documents()

    async def answer(self, request: web.Request, caller: Caller) -> web.Response:
        """The document; raises PostgrestError, ReflectorError."""
        if request.method == "OPTIONS":
            return web.Response(headers={"Allow": ALLOW})
        if request.method not in READING:
            raise refusal("PGRST117", f"Unsupported HTTP method: {request.method}")
        if self.api.settings.db_root_spec is not None:
            return await self._called(request, caller, self.api.settings.db_root_spec)
        if self.api.settings.openapi_mode == "disabled":
            raise refusal("PGRST126", "Root endpoint metadata is disabled")
        return await self._described(request, caller)

    # ── the document ─────────────────────────────────────────────────────────────────────────

    async def _described(self, request: web.Request, caller: Caller) -> web.Response:
        catalog = caller.rights.snapshot.catalog
        schema = schema_of(catalog.schemas, request.headers.get("Accept-Profile"), catalog.kind)
        wanted = version_of(request.headers.get("Accept"))
        ended("parse")
        headers = {"Content-Type": TYPES[wanted], **profile_header(catalog.schemas, schema)}
        if request.method == "HEAD":
            return web.Response(headers=headers)
        body = await self._document(caller, schema, wanted)
        ended("transaction")
        return web.Response(headers=headers, body=body)

    async def _document(self, caller: Caller, schema: str, wanted: Version) -> bytes:
        snapshot, ignoring = caller.rights.snapshot, self.api.settings.openapi_mode == "ignore-privileges"
        roles = None if ignoring else caller.rights.access.roles

        async def make() -> bytes:
            access = _everything(caller) if ignoring else caller.rights.access
            driver = self.api.engine.driver
            comment = await schema_comment(snapshot.catalog.kind, driver.fetch, schema)
            return await written(access, snapshot.catalog, schema, self._about(comment), wanted)

        return await self.documents.get((snapshot.number, roles, schema, wanted), make)

    def _about(self, comment: str | None) -> About:
        settings = self.api.settings
        outside = None if self.address is None else self.address + self.root
        return About(self.root, settings.openapi_server_proxy_uri or outside, comment, settings.openapi_security_active)

    # ── a function in its place ──────────────────────────────────────────────────────────────

    async def _called(self, request: web.Request, caller: Caller, name: str) -> web.Response:
        """What the function answers, asked as if at its own address: the document, where one was asked for."""
        schema, _, function = name.rpartition(".")
        headers = CIMultiDict(request.headers)
        documents = _wants_a_document(request.headers.get("Accept"))
        if documents:
            headers["Accept"] = Kind.JSON.value
        if schema:
            headers["Accept-Profile"] = schema
        query = request.rel_url.raw_query_string
        address = f"{self.root}/rpc/{quote(function, safe='')}" + (f"?{query}" if query else "")
        asked = request.clone(rel_url=URL(address, encoded=True), headers=headers)
        try:
            answer = await self.calls.answer(asked, caller)
        except PostgrestError as error:
            told = as_denied(error, asked, caller)
            if told is error:
                raise  # an error that is its own cause would have no end
            raise told from error
        answer.headers["Content-Location"] = content_location("/", split_query(query, limits_of(caller.rights)))
        if documents:
            answer.headers["Content-Type"] = TYPES[Version.SWAGGER]
        return answer


def _wants_a_document(accept: str | None) -> bool:
    """Whether the first type that a function's JSON would do for is a document's."""
    first = next((each.type for each in accepted(accept) if each.type in {*JSON, Kind.OPENAPI.value}), None)
    return first == Kind.OPENAPI.value


def version_of(accept: str | None) -> Version:
    """Which document is answered; raises PostgrestError PGRST107."""
    for each in accepted(accept):
        if each.type in JSON:
            return Version.SWAGGER
        if each.type == Kind.OPENAPI.value and (found := _version(each)) is not None:
            return found
    raise refusal("PGRST107", f"None of these media types are available: {accept}")


def _version(wanted: Wanted) -> Version | None:
    return VERSIONS.get(wanted.parameters.get("version"))


def _everything(caller: Caller) -> Access:
    """All that is served, whoever may use it; where the file decides, all that it opens to anybody."""
    snapshot = caller.rights.snapshot
    if snapshot.permissions is None:
        return caller.rights.access
    grants = snapshot.permissions.all_grants()
    return Access(scope_for(snapshot.catalog, grants), grants)
