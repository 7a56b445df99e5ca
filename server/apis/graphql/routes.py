"""The routes of the GraphQL API: `/graphql`, `/v1/graphql`, and `/graphiql` to try it out.

    POST   application/json: {query, variables?, operationName?}, or an array of some of them
    GET    ?query=…&variables=…&operationName=…, for queries alone

Whoever accepts `application/json` is answered 200 whatever the operation came to, as Hasura does; whoever accepts
`application/graphql-response+json` is told by the status too.

Rule: a handler reads the request, has it executed and passes the bytes on; it decides nothing about access.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import ariadne
import orjson
from aiohttp import web
from graphql import DocumentNode, GraphQLError, OperationDefinitionNode

from reflector.catalog.model import DatabaseKind
from reflector.engine import Prepared
from reflector.errors import ReflectorError
from reflector.events import CatalogNotice
from reflector.snapshot import Access, Snapshot
from server import traced
from server.apis.graphql.answering import Answered, Answering
from server.apis.graphql.documents import Document, DocumentCache, asks_schema_alone, is_query
from server.apis.graphql.errors import VALIDATION, Fault, formatted, status_of_errors
from server.apis.graphql.execution import Asking, SplicingExecutor
from server.apis.graphql.names import Names, names_of
from server.apis.graphql.recipes import Recipe, RecipeCache
from server.apis.graphql.requests import GRAPHQL, JSON, Requested, accepts_graphql, read_query, read_request
from server.apis.graphql.schema import Schema, make_schema
from server.apis.graphql.variables import check_lists, refused_numbers
from server.cache.conditions import respond
from server.called import Called
from server.callers import LONGEST_KEPT, Caller, Callers, Recent
from server.config.graphql import Graphql
from server.context import Context
from server.journal import note
from server.pages import page_routes
from server.problems import RateExceeded, status_of
from server.unkept import check_conditions
from server.whole import Whole

PATHS: Final = ("/graphql", "/v1/graphql")
PAGE: Final = Path(__file__).parent / "assets"
PAGE_FILES: Final = (
    "react.production.min.js",
    "react-dom.production.min.js",
    "graphiql.min.js",
    "graphiql.min.css",
    "page.js",
    "page.css",
)
LONGEST_NAME: Final = 100
"""Letters of an operation's name that a trace is told."""
SCHEMA_BYTES: Final = 128 * 1024 * 1024
ANSWER_BYTES: Final = 32 * 1024 * 1024
SILENT: Final = logging.getLogger("reflector.graphql.unused")
"""The library logs every fault of a caller with its traceback; what is worth a line is logged here."""
SILENT.disabled = True


def graphql_routes(
    context: Context, terms: Graphql, *, guarded: bool, called: Called | None = None
) -> list[web.RouteDef]:
    """The routes, all methods of each, and the page, where they are served. `guarded`: whether an access token is asked for.
    `called` calls functions of extensions."""
    if not terms.served:
        return []
    api = GraphQLApi(context, terms, called)
    page = page_routes("/graphiql", PAGE, PAGE_FILES, guarded=guarded)
    return [*(web.route("*", path, api.handle) for path in PATHS), *page]


class GraphQLApi:
    """The handlers, and what they share: schemas, documents, and answers about schemas, while one snapshot lasts."""

    def __init__(self, context: Context, terms: Graphql, called: Called | None = None) -> None:
        self.terms = terms
        self.called = called
        self.engine = context.engine
        self.callers = Callers(context)
        self.schemas: Recent[Schema] = Recent(SCHEMA_BYTES)
        self.documents = DocumentCache(terms)
        self.introspected: Recent[bytes] = Recent(ANSWER_BYTES)
        self.recipes = RecipeCache()
        self.cache = context.cache
        self.rates = context.rates
        self.answering = Answering(context.cache)
        self.names: Names | None = None
        self._snapshot: Snapshot | None = None
        self.sized = True
        self._making = asyncio.Lock()
        self._introspecting = asyncio.Lock()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Any method; raises HTTPMethodNotAllowed, HTTPUnsupportedMediaType."""
        if request.method == "OPTIONS":
            return web.Response(status=204, headers={"Allow": ALLOWED})
        if request.method not in ("GET", "HEAD", "POST"):
            raise web.HTTPMethodNotAllowed(request.method, ALLOWED.split(", "))
        strict = accepts_graphql(request.headers.get("Accept", ""))
        try:
            caller = self.callers.of(request)
        except ReflectorError as error:
            return self._refused(request, Fault(error, "$"), strict, status_of(error))
        try:
            asked = await self._read(request)
        except GraphQLError as error:
            # What is no request at all is told by the status to everybody.
            return self._refused(request, error, strict, 400)
        if caller.rights.snapshot is not self.engine.snapshot:
            caller = self.callers.of(request)  # the schema and the rules have changed while the body came
        if isinstance(asked, list):
            return await self._batch(request, caller, asked, strict)
        if traced.present() is not None:
            await self._tell(caller, asked)
        answered = await self._answered(request, caller, asked, MEDIA_TYPES[strict])
        if answered.entry is not None and self.cache is not None and request.method != "POST":
            return respond(self.cache, answered.entry, request, caller.principal)
        return _response(answered.body, strict, answered.status if strict else 200)

    async def _tell(self, caller: Caller, asked: Requested) -> None:
        """Tell the trace which operation it is: its type and its name, nothing of its text."""
        operation = (await self.documents.get(await self.schema(caller), asked.query)).operation(asked.operation)
        if operation is not None:
            traced.note(operation_type=operation.operation.value)
            if operation.name is not None:
                traced.note(operation=operation.name.value[:LONGEST_NAME])

    async def _read(self, request: web.Request) -> Requested | list[Requested]:
        """What is asked; raises GraphQLError for what is no request, HTTPSeeOther where a person wants the page."""
        if request.method == "POST":
            return await read_request(request, self.terms.batch)
        if "query" not in request.query and "text/html" in request.headers.get("Accept", ""):
            raise web.HTTPSeeOther("../graphiql" if request.path.startswith("/v1/") else "graphiql")
        return read_query(request.query)

    async def _batch(
        self, request: web.Request, caller: Caller, asked: list[Requested], strict: bool
    ) -> web.StreamResponse:
        """The responses to several operations, one after another."""
        try:
            await self._pay(request, caller, len(asked) - 1)
        except RateExceeded as error:
            return self._refused(request, Fault(error, "$"), strict, status_of(error))
        bodies = [(await self._answered(request, caller, each, MEDIA_TYPES[strict])).body for each in asked]
        return _response(b"[" + b",".join(bodies) + b"]", strict, 200)

    async def _pay(self, request: web.Request, caller: Caller, more: int) -> None:
        """Count the operations of a batch beyond the first; raises RateExceeded."""
        if self.rates is not None and more:
            await self.rates.charge_caller(request, caller.principal, more)

    # ── one operation ────────────────────────────────────────────────────────────────────────

    async def _answered(self, request: web.Request, caller: Caller, asked: Requested, media: str) -> Answered:
        """The response to one operation."""
        schema = await self.schema(caller)
        known_as = (schema.key, caller.principal.roles, asked.query, asked.operation)
        variables = asked.variables or {}
        recipe = self.recipes.get(known_as, variables)
        if recipe is not None and (prepared := recipe.filled(variables)) is not None:
            return await self._served(request, self._asking(caller, schema), recipe, prepared, media)
        document = await self.documents.get(schema, asked.query)
        operation = document.operation(asked.operation)
        if operation is not None:
            try:
                _check(request, caller, operation, variables)
            except Fault as error:
                return _refusal({"errors": [formatted(error, None)]}, error)
        fixed = operation is not None and not asked.variables and asks_schema_alone(operation.selection_set)
        key = (schema.key, asked.query, asked.operation)
        known = self.introspected.get(key) if fixed else None
        if known is not None:
            return Answered(known)
        asking = self._asking(caller, schema)
        body, errors = await self._executed(request, asking, document, asked)
        if errors:
            return Answered(body, 200 if body.startswith(HAS_DATA) else status_of_errors(errors))
        if asking.recipe is not None and asking.prepared is not None:
            answered = await self._served(request, asking, asking.recipe, asking.prepared, media)
            if answered.status == 200 and len(asked.query) <= LONGEST_KEPT:
                self.recipes.put(known_as, asking.deciding | document.deciding, variables, asking.recipe)
            return answered
        if fixed:
            self.introspected.put(key, body, len(body) + 2 * len(asked.query))
        return Answered(body)

    def _asking(self, caller: Caller, schema: Schema) -> Asking:
        return Asking(self.engine, caller, schema, self.sized, self._introspecting, self.terms, self.called)

    async def _served(
        self, request: web.Request, asking: Asking, recipe: Recipe, prepared: Prepared, media: str
    ) -> Answered:
        """The response to a query that was read."""
        try:
            return await self.answering.answer(asking, recipe, prepared, media)
        except Fault as error:
            self._note(request, error)
            return _refusal({"data": None, "errors": [formatted(error, None)]}, error)

    async def _executed(
        self, request: web.Request, asking: Asking, document: Document, asked: Requested
    ) -> tuple[bytes, list[GraphQLError]]:
        errors: list[GraphQLError] = []

        def told(error: GraphQLError, _debug: bool = False) -> dict[str, Any]:
            errors.append(error)
            self._note(request, error)
            return formatted(error, document.node)

        faults, operation = list(document.faults), document.operation(asked.operation)
        if not faults and operation is not None and asked.variables:
            faults = refused_numbers(asking.schema.graphql, operation, asked.variables, told=asking.schema.told)
        _, result = await ariadne.graphql(
            asking.schema.graphql,
            {"query": asked.query, "variables": asked.variables, "operationName": asked.operation},
            context_value=asking,
            query_parser=lambda _context, _data: _parsed(document),
            query_validator=lambda *_, **__: faults,
            execution_context_class=SplicingExecutor,
            error_formatter=told,
            logger=SILENT,
            hide_suggestions=not asking.schema.told,
        )
        if result.get("data", "") is None and not any(isinstance(each, Fault) for each in errors):
            del result["data"]  # nothing was executed
        return orjson.dumps(result), errors

    def _note(self, request: web.Request, error: GraphQLError) -> None:
        """Tell the log of what the caller is not told, and the trace what it is called."""
        if not isinstance(error, Fault):
            traced.note(fault=VALIDATION)
            return
        traced.note(fault=error.error.code, failed=status_of(error.error) >= 500)
        note(error.error, request)

    # ── schemas ──────────────────────────────────────────────────────────────────────────────

    async def schema(self, caller: Caller) -> Schema:
        """The schema of the caller's roles, made when they first ask under a snapshot."""
        snapshot, access = caller.rights.snapshot, caller.rights.access
        if snapshot is not self._snapshot:
            if (
                snapshot is not self.engine.snapshot
            ):  # who began under an old one ends under it, and leaves nothing behind
                return await self._made(access, names_of(snapshot.catalog))
            self._forget(snapshot)
        found = self.schemas.get(access.roles)
        if found is not None:
            return found
        async with self._making:
            found = self.schemas.get(access.roles) if snapshot is self._snapshot else None
            if found is None:
                found = await self._made(access, self._names(snapshot))
                if snapshot is self._snapshot:
                    self.schemas.put(access.roles, found, found.weight)
        return found

    async def _made(self, access: Access, names: Names) -> Schema:
        return await asyncio.to_thread(make_schema, access, names, told=self.terms.tells(access.roles))

    def _forget(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self.schemas.clear()
        self.documents.clear()
        self.introspected.clear()
        self.recipes.clear()
        self.names = None
        self.sized = snapshot.catalog.kind is not DatabaseKind.SQLITE

    def _names(self, snapshot: Snapshot) -> Names:
        if self.names is None or snapshot is not self._snapshot:
            self.names = names_of(snapshot.catalog)
            for notice in self.names.notices:
                self.engine.observe(CatalogNotice(notice.code, notice.message))
        return self.names

    def _refused(self, request: web.Request, error: GraphQLError, strict: bool, status: int) -> web.Response:
        self._note(request, error)
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
        return _response(orjson.dumps({"errors": [formatted(error, None)]}), strict, status, headers)


ALLOWED: Final = "GET, HEAD, OPTIONS, POST"
HAS_DATA: Final = b'{"data":{'
MEDIA_TYPES: Final = {False: f"{JSON}; charset=utf-8", True: f"{GRAPHQL}; charset=utf-8"}
"""By whether the caller prefers GraphQL's own."""


def _parsed(document: Document) -> DocumentNode:
    if document.node is None:
        raise document.faults[0]
    return document.node


def _response(body: bytes, strict: bool, status: int, headers: dict[str, str] | None = None) -> web.Response:
    return Whole(body=body, status=status, headers={"Content-Type": MEDIA_TYPES[strict], **(headers or {})})


def _check(
    request: web.Request, caller: Caller, operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> None:
    """Raise Fault, or HTTPMethodNotAllowed, for an operation that is not to be carried out."""
    if not is_query(operation):
        if request.method != "POST":
            raise web.HTTPMethodNotAllowed(request.method, ["POST"], text="only queries are asked by GET")
        try:
            check_conditions(request)
        except ReflectorError as error:
            raise Fault(error, "$") from error
    if variables:
        check_lists(operation, variables, caller.rights.limits.list)


def _refusal(shown: dict[str, Any], error: Fault) -> Answered:
    return Answered(orjson.dumps(shown), status_of_errors([error]))
