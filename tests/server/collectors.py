"""A collector of traces on this machine: it takes what OTLP over HTTP brings it, and remembers every span.

    async with collector() as told:
        async with served(url, f"observability: {{traces: {{url: '{told.url}'}}}}") as api: …
        assert told.named("GET /api/{table}")[0].attributes["http.response.status_code"] == 200

A server that ends sends what waits, so what a test asks about is there once its server has ended.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.trace import SpanKind

KINDS: Final = {number + 1: kind.name for number, kind in enumerate(SpanKind)}


@dataclass(frozen=True)
class Told:
    """One span, as it came. `milliseconds` from its beginning to its end; `resource` says who told it."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    began: int
    ended: int
    failed: bool
    attributes: Mapping[str, Any]
    links: Sequence[str]
    resource: Mapping[str, Any]


@dataclass
class Collector:
    """Who is told. `status` is what it answers, `says` the body; `raw` are the messages as they came."""

    port: int = 0
    status: int = 200
    says: bytes = b""
    spans: list[Told] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/traces"

    def settings(self, more: str = "") -> str:
        """What a configuration says of it."""
        return f"observability: {{traces: {{url: '{self.url}'{more and ', '}{more}}}}}"

    def named(self, name: str) -> list[Told]:
        return [each for each in self.spans if each.name == name]

    def one(self, name: str) -> Told:
        (found,) = self.named(name)
        return found

    def within(self, parent: Told) -> list[str]:
        """The names of a span's children, in the order in which they ended."""
        return [each.name for each in self.spans if (each.trace, each.parent) == (parent.trace, parent.id)]

    async def take(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        self.headers.append(request.headers)
        self.raw.append(body)
        if self.status == 200:
            assert (request.method, request.path) == ("POST", "/v1/traces")
            assert request.headers["Content-Type"] == "application/x-protobuf"
            self.spans += spans_of(ExportTraceServiceRequest.FromString(body))
        return web.Response(status=self.status, body=self.says, content_type="application/x-protobuf")


def spans_of(message: Any) -> list[Told]:
    return [
        Told(
            span.name,
            KINDS[span.kind],
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            span.start_time_unix_nano,
            span.end_time_unix_nano,
            span.status.code == 2,
            plain(span.attributes),
            [link.trace_id.hex() for link in span.links],
            plain(each.resource.attributes),
        )
        for each in message.resource_spans
        for scope in each.scope_spans
        for span in scope.spans
    ]


def plain(attributes: Any) -> dict[str, Any]:
    return {each.key: _value(MessageToDict(each.value)) for each in attributes}


def _value(said: Mapping[str, Any]) -> Any:
    if "arrayValue" in said:
        return [_value(each) for each in said["arrayValue"].get("values", [])]
    return int(said["intValue"]) if "intValue" in said else next(iter(said.values()))


@asynccontextmanager
async def collector(port: int = 0) -> AsyncIterator[Collector]:
    """One that takes everything."""
    made = Collector()
    runner = web.ServerRunner(web.Server(made.take, access_log=None), shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    made.port = runner.addresses[0][1]
    try:
        yield made
    finally:
        await runner.cleanup()
