"""How what is told of a request becomes spans, in the words of OpenTelemetry's conventions.

    the request                  SERVER, `GET /api/{table}`; ends with the answer, or where a socket begins
    who calls                    `authenticate`, where that has to be found out; CLIENT within it for whoever is asked
    code of an extension         `call notes`
    a question of a new shape    `compile`
    waiting for the database     `wait for a connection`, `connect`
    what the database did        CLIENT, `SELECT book`; a transaction is one

Rule: spans name routes, tables, roles, codes and times. A path, a query, a header, a value, a claim and the words of an error
are in none of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web
from opentelemetry.context import Context
from opentelemetry.semconv.attributes import (
    db_attributes,
    error_attributes,
    http_attributes,
    server_attributes,
    url_attributes,
)
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, set_span_in_context

from reflector.errors import CheckRefused, NotSingular, ReflectorError, RowNotFound, TooManyAffected
from reflector.events import ConnectionAwaited, Observation, PlanCompiled, StatementsRun
from server.journal import REQUEST
from server.peers import peer_of
from server.telemetry.requests import LEFT, METHODS
from server.traced import Said

Attributes = dict[str, Any]
LONGEST_TEXT: Final = 10_000
LONGEST_SUMMARY: Final = 255
OTHER: Final = "_OTHER"
"""The conventions' word for a method that nobody knows; such a span is called HTTP."""
GONE: Final = "client_gone"
NOTES: Final = {
    "cache": "reflector.cache",
    "operation": "graphql.operation.name",
    "operation_type": "graphql.operation.type",
    "fault": error_attributes.ERROR_TYPE,
}
"""What may be said of a request, and the attribute that says it."""
FAILED: Final = "failed"
AS_ASKED: Final = frozenset({each.code for each in (RowNotFound, CheckRefused, NotSingular, TooManyAffected)})
"""What comes of statements that did nothing wrong."""


class Words:
    """What is the same in all spans: attributes of `own` server and of `database`. `texts`: whether statements are shown."""

    def __init__(self, own: Mapping[str, str | int], database: Mapping[str, str | int], *, texts: bool) -> None:
        self.own, self.database, self.texts = own, database, texts

    def of_statements(self, run: StatementsRun) -> tuple[str, Attributes]:
        """The name and the attributes of what was run."""
        said: Attributes = dict(self.database)
        names = {deed for deed, _ in run.deeds}
        tables = {table for _, each in run.deeds for table in each}
        summary = "; ".join(dict.fromkeys(" ".join((deed, *each)) for deed, each in run.deeds))[:LONGEST_SUMMARY]
        said[db_attributes.DB_QUERY_SUMMARY] = summary
        several = len(run.deeds) > 1
        if len(names) == 1:
            said[db_attributes.DB_OPERATION_NAME] = f"BATCH {next(iter(names))}" if several else next(iter(names))
        if several:
            said[db_attributes.DB_OPERATION_BATCH_SIZE] = len(run.deeds)
        if len(tables) == 1:
            said[db_attributes.DB_COLLECTION_NAME] = next(iter(tables))
        if self.texts:
            texts = (" ".join(each.split()) for each in run.statements)
            said[db_attributes.DB_QUERY_TEXT] = "; ".join(texts)[:LONGEST_TEXT]
        if run.error is not None:
            said[error_attributes.ERROR_TYPE] = run.error
        return summary, said


class SpanPart:
    """Something of a request that takes time. `context` is that of the span."""

    __slots__ = ("_context", "_root", "_span", "_tracer", "_waits", "_words", "id")

    def __init__(self, tracer: Tracer, span: Span, words: Words, root: RequestPart | None = None) -> None:
        self._tracer, self._span, self._words = tracer, span, words
        self._root = root
        self._context: Context = set_span_in_context(span, Context())
        self._waits: list[tuple[float, float]] = []
        self.id = f"{span.get_span_context().trace_id:032x}"

    @property
    def carried(self) -> Mapping[str, str]:
        own = self._span.get_span_context()
        return {"traceparent": f"00-{self.id}-{own.span_id:016x}-{own.trace_flags:02x}"}

    @property
    def over(self) -> bool:
        return self._root is None or self._root.over

    def note(self, facts: Mapping[str, Said]) -> None:
        if self._root is not None:
            self._root.note(facts)

    def observe(self, event: Observation) -> None:
        if self.over:
            return
        match event:
            case StatementsRun():
                self._tell_run(event)
            case ConnectionAwaited(seconds, made):
                self._waits.append((time.perf_counter(), seconds))
                self._add("connect" if made else "wait for a connection", seconds)
            case PlanCompiled(table, seconds):
                self._add("compile", seconds, {"reflector.table": table})
            case _:
                pass

    def begin(self, name: str, asked: tuple[str, str] | None) -> SpanPart:
        kind = SpanKind.INTERNAL if asked is None else SpanKind.CLIENT
        attributes = None if asked is None else asked_of(*asked)
        span = self._tracer.start_span(name, self._context, kind, attributes)
        return SpanPart(self._tracer, span, self._words, self._root)

    def answered(self, status: int) -> None:
        self._span.set_attribute(http_attributes.HTTP_RESPONSE_STATUS_CODE, status)
        if status >= 400:
            self._fail(str(status))

    def end(self, error: str | None = None) -> None:
        if self.over:
            return
        if error is not None:
            self._fail(error)
        self._span.end()

    def _fail(self, error: str) -> None:
        self._span.set_attribute(error_attributes.ERROR_TYPE, error)
        self._span.set_status(StatusCode.ERROR)

    def _tell_run(self, run: StatementsRun) -> None:
        """What the database did begins where the waiting for a connection ended."""
        name, attributes = self._words.of_statements(run)
        failed = run.error is not None and run.error not in AS_ASKED
        began = time.perf_counter() - run.seconds
        waited = sum(seconds for at, seconds in self._waits if at >= began)
        self._waits.clear()
        self._add(name, max(run.seconds - waited, 0.0), attributes, SpanKind.CLIENT, failed=failed)

    def _add(
        self,
        name: str,
        seconds: float,
        attributes: Attributes | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        *,
        failed: bool = False,
    ) -> None:
        """Something within this that took so many seconds and is over now."""
        now = time.time_ns()
        span = self._tracer.start_span(name, self._context, kind, attributes, start_time=now - int(seconds * 1e9))
        if failed:
            span.set_status(StatusCode.ERROR)
        span.end(now)


class RequestPart(SpanPart):
    """A request, from its headers to its answer."""

    __slots__ = ("_asked", "_ended", "_failed", "_notes", "_roles", "_status")

    def __init__(
        self,
        tracer: Tracer,
        span: Span,
        words: Words,
        asked: tuple[web.BaseRequest, str | None],
        roles: Callable[[], Sequence[str]],
    ) -> None:
        super().__init__(tracer, span, words)
        self._root = self
        self._asked, self._roles = asked, roles
        self._notes: Attributes = {}
        self._status = 0
        self._failed = self._ended = False

    @property
    def over(self) -> bool:
        return self._ended

    def note(self, facts: Mapping[str, Said]) -> None:
        for name, value in facts.items():
            if name == FAILED:
                self._failed = bool(value)
            else:
                self._notes[NOTES[name]] = value

    def answered(self, status: int) -> None:
        self._status = status

    def end(self, error: str | None = None) -> None:
        if self._ended:
            return
        if error is not None:
            self._notes[error_attributes.ERROR_TYPE] = error
        request, route = self._asked
        attributes = {**self._words.own, **dict(self._said(request, route)), **self._notes}
        method = attributes[http_attributes.HTTP_REQUEST_METHOD]
        self._span.update_name(" ".join(filter(None, ("HTTP" if method == OTHER else method, route))))
        self._span.set_attributes(attributes)
        if self._failed or self._status >= 500:
            self._span.set_status(StatusCode.ERROR)
        self._ended = True
        self._span.end()

    def _said(self, request: web.BaseRequest, route: str | None) -> Iterator[tuple[str, Any]]:
        yield http_attributes.HTTP_REQUEST_METHOD, request.method if request.method in METHODS else OTHER
        yield url_attributes.URL_SCHEME, peer_of(request).scheme
        if route is not None:
            yield http_attributes.HTTP_ROUTE, route
        if self._status == LEFT:
            yield error_attributes.ERROR_TYPE, GONE
        elif self._status:
            yield http_attributes.HTTP_RESPONSE_STATUS_CODE, self._status
            if self._status >= 400:
                yield error_attributes.ERROR_TYPE, str(self._status)
        if (number := REQUEST.get()) is not None:
            yield "reflector.request_id", number
        if roles := self._told_roles():
            yield "reflector.roles", roles

    def _told_roles(self) -> Sequence[str]:
        """The caller's roles, none where it is not known who calls."""
        try:
            return tuple(self._roles())
        except ReflectorError:
            return ()


def asked_of(method: str, url: str) -> Attributes:
    """The attributes of a request of ours to somebody else: of the address, neither its query nor who asks."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    named = f"[{host}]" if ":" in host else host
    return {
        http_attributes.HTTP_REQUEST_METHOD: method,
        server_attributes.SERVER_ADDRESS: host,
        server_attributes.SERVER_PORT: port,
        url_attributes.URL_FULL: f"{parts.scheme}://{named}:{port}{parts.path}",
    }
