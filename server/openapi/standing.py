"""What every document holds, whatever the database: problems, page, common parameters, who may call.

Rule: the statuses stand in `problems`, the operators in `operators`; here they are only told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from reflector.query.operators import OPERATORS
from server.config import Config
from server.config.limits import EffectiveLimits
from server.config.models import Auth
from server.problems import CONTENT_TYPE

Json = dict[str, Any]

TEXT: Final[Json] = {"type": "string"}
WHOLE: Final[Json] = {"type": "integer", "minimum": 0}
SCHEME: Final = "bearer"
TAG: Final = "server"
"""What stands beside the tables. A table of that name shares the tag."""
OWN_TAG: Final = {"name": TAG, "description": "The server itself."}
FILTER: Final = (
    'Conditions as JSON: `{"_or": [{"column": {"_gte": 50}}, {"relationship": {"column": {"_isnull": true}}}]}`, with '
    "`_and`, `_or` and `_not`. What one object says of a relationship is true of one and the same related row."
)
COUNT: Final = "Whether all rows that the list finds are counted, for `page.total` and `page.pages`."

PROBLEM: Final[Json] = {
    "type": "object",
    "description": "What went wrong (RFC 9457). `code` outlives the wording of `detail`.",
    "required": ["type", "title", "status", "code", "detail", "errors", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": TEXT,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": TEXT,
        "detail": TEXT,
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/ProblemError"}},
        "request_id": TEXT,
    },
}
PROBLEM_ERROR: Final[Json] = {
    "type": "object",
    "description": "One fault; all faults of a request are told at once. `pointer` says where in the request it is.",
    "required": ["code", "message"],
    "properties": {"code": TEXT, "message": TEXT, "pointer": TEXT, "hint": TEXT},
}
PAGE_INFO: Final[Json] = {
    "type": "object",
    "description": "Where in the list this page stands. `next` and `previous` are relative URLs.",
    "required": ["limit", "number", "total", "pages", "next", "previous"],
    "properties": {
        "limit": {**WHOLE, "description": "The greatest number of rows this page may hold."},
        "number": {"type": ["integer", "null"], "minimum": 1, "description": "Null where a cursor was used."},
        "total": {"type": ["integer", "null"], "minimum": 0, "description": "Null unless `count=exact` asked."},
        "pages": {"type": ["integer", "null"], "minimum": 0, "description": "Null unless `count=exact` asked."},
        "next": {"type": ["string", "null"], "format": "uri-reference"},
        "previous": {"type": ["string", "null"], "format": "uri-reference"},
    },
}
METHODS: Final[Json] = {"type": "array", "items": TEXT}
TABLE_LIST: Final[Json] = {
    "type": "object",
    "description": "The tables that the caller may use; rows of those with a `key` have an address.",
    "required": ["items"],
    "properties": {
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "url", "methods"],
                "properties": {
                    "name": TEXT,
                    "url": {"type": "string", "format": "uri-reference"},
                    "methods": METHODS,
                    "key": {"type": "array", "items": TEXT},
                    "row_methods": METHODS,
                },
            },
        }
    },
}
SCHEMAS: Final[Mapping[str, Json]] = {
    "Problem": PROBLEM,
    "ProblemError": PROBLEM_ERROR,
    "PageInfo": PAGE_INFO,
    "TableList": TABLE_LIST,
}
HEADERS: Final[Json] = {
    "Location": {
        "description": "Where the new row is; not there when it has no address that the caller may use.",
        "schema": {"type": "string", "format": "uri-reference"},
    }
}

RESPONSES: Final[Mapping[str, tuple[int | None, str]]] = {
    "BadRequest": (400, "The request is not valid HTTP or JSON."),
    "Unauthenticated": (401, "A credential is missing or does not hold."),
    "Forbidden": (403, "The caller may not do this, or a rule refuses the row."),
    "NotFound": (404, "It is not there, or not to be seen."),
    "Conflict": (409, "Another row has this unique value, or a foreign key leads nowhere."),
    "Unprocessable": (422, "The request cannot be understood, or would break a type or check; each fault is listed."),
    "Failure": (None, "Any other failure, told in the same form."),
}
"""Responses that tell a problem: their name, status (None for all the others) and description."""


def responses(names: Iterable[str]) -> Json:
    """References to the named responses, by status."""
    return {
        "default" if RESPONSES[name][0] is None else str(RESPONSES[name][0]): {"$ref": f"#/components/responses/{name}"}
        for name in names
    }


PATHS: Final[Json] = {
    "/api": {
        "get": {
            "operationId": "index_tables",
            "summary": "The tables that the caller may use",
            "tags": [TAG],
            "responses": {
                "200": {
                    "description": "Each table, with its address and methods.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/TableList"}}},
                },
                **responses(("Unauthenticated", "Forbidden", "Failure")),
            },
        }
    }
}


def response_components() -> Json:
    content = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {name: {"description": told, "content": content} for name, (_, told) in RESPONSES.items()}


def parameter_components(limits: EffectiveLimits) -> Json:
    """The query parameters that are the same for every table."""
    capped = f"Rows on a page; {limits.rows} at most, and a greater number means that many."
    usual = min(limits.page, limits.rows)
    kept = {"contentMediaType": "application/json", "contentSchema": {"type": "object"}}
    return {
        "Filter": _query("filter", FILTER, {**TEXT, **kept}),
        "Limit": _query("limit", capped, {**WHOLE, "default": usual}),
        "Page": _query("page", "Number of the page, from 1. Not together with `cursor`.", {**WHOLE, "minimum": 1}),
        "Cursor": _query("cursor", "Where the page begins: copied from `page.next` or `page.previous`.", TEXT),
        "Prefer": {
            "name": "Prefer",
            "in": "header",
            "description": "Whether the written row is answered.",
            "schema": {**TEXT, "enum": ["return=representation", "return=minimal"]},
        },
        "Count": _query("count", COUNT, {**TEXT, "enum": ["exact", "none"], "default": "none"}),
    }


def _query(name: str, description: str, schema: Json) -> Json:
    return {"name": name, "in": "query", "description": description, "schema": schema}


# ── who may call ─────────────────────────────────────────────────────────────────────────────


def security(config: Config, *, guarded: bool) -> Json:
    """`security` and its `schemes`; nothing where no credential is asked for."""
    if config.auth is None:
        schemes = {SCHEME: {"type": "http", "scheme": "bearer"}} if guarded else {}
    else:
        schemes = dict(_schemes(config.auth))
    if not schemes:
        return {}
    anonymous: list[Json] = [{}] if config.auth is not None and config.auth.anonymous_role is not None else []
    return {"schemes": schemes, "security": [*({name: []} for name in schemes), *anonymous]}


def _schemes(auth: Auth) -> Iterator[tuple[str, Json]]:
    """The ways in which a client of this document may prove who it is."""
    opaque = auth.introspection or auth.oidc or (auth.webhook and auth.webhook.header.lower() == "authorization")
    if auth.jwt or opaque:
        yield SCHEME, {"type": "http", "scheme": "bearer", **({} if opaque else {"bearerFormat": "JWT"})}
    if auth.basic:
        yield "basic", {"type": "http", "scheme": "basic"}
    if auth.api_keys:
        yield "key", {"type": "apiKey", "in": "header", "name": auth.api_keys.header}


# ── what the reader is told ──────────────────────────────────────────────────────────────────


def description(database: str, served: Collection[str] = ()) -> str:
    """The document's own introduction, in Markdown: how lists are filtered, and what `served` paths offer beside them."""
    rows = "\n".join(f"| `{each.name}` | {each.takes.value} | {each.meaning} |" for each in OPERATORS.values())
    beside = "".join(said for path, said in BESIDE.items() if path in served)
    return INTRODUCTION.format(database=database, operators=rows, beside=beside)


INTRODUCTION: Final = """\
The tables of a {database} database, as far as this caller may use them.

A list is filtered by its columns: `column=value` for equality, `column__operator=value` for the rest, \
`relationship.column__operator=value` for rows that are related to at least one such row.

<details><summary>Operators</summary>

| operator | takes | true when the column … |
|---|---|---|
{operators}

</details>
{beside}
### Errors

Every failure is answered as `application/problem+json` ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)): `status`, and a `code` \
that outlives the wording; `errors` lists every fault of the request with a `pointer` to its place and, where there is one, a `hint`. \
`request_id` is also the header `X-Request-Id`; the server's log has it.
"""
BESIDE: Final[Mapping[str, str]] = {
    "/graphql": """
### GraphQL

The same tables under the same rules at [`/graphql`](graphql), in Hasura's naming and grammar: for a table `x` there are \
`x(where, order_by, limit, offset)`, `x_by_pk`, `x_aggregate`, `insert_x_one`, `update_x_by_pk` and `delete_x_by_pk`. What a caller may use, introspection \
tells. Failures stand in `errors`, with `extensions.code` and `extensions.path`.
""",
    "/graphiql": """
[`/graphiql`](graphiql) is a page to write queries in.
""",
    "/ws": """
### Changes

A WebSocket at `/ws` tells what is committed, whoever wrote it: send `{"type": "subscribe", "id": "1", "table": "x"}`, with \
`filter`, `columns`, `events`, `since` and `initial` as wanted, and read `ready`, `initial`, `change`, `resync` and `error`. \
A `change` carries a `cursor`: after a pause, `since` goes on from there. A credential goes with the upgrade, or into a first frame \
`{"type": "auth", "token": "…"}`. `/ws/{table}?filter=…&columns=…` is a socket that begins with one such subscription.
""",
}
"""What is offered beside the resource API: told where the path is served."""
