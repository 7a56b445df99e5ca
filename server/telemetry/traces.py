"""Traces of requests: which are made, of whom they are part, and where they go.

    nobody is trusted      of so many requests the share `sample` is traced; a `traceparent` that they came with is linked to
    a trusted proxy        where `follow` says so its `traceparent` is gone on with, and decides: traced or not

Nothing else of what callers write is read: no `tracestate`, no `baggage`.

Rule: the provider is ours, and nothing is registered with the library for the whole process. The library is imported here and
beside, and by nobody else: where no traces are configured it need not be there.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from aiohttp import web
from multidict import istr
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.semconv.attributes import service_attributes
from opentelemetry.semconv.schemas import Schemas
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from server.config.traces import Traces as Settings
from server.telemetry.figures import SpanTally
from server.telemetry.outgoing import Collector, Outgoing
from server.telemetry.spans import RequestPart, Words

TRACEPARENT: Final = istr("traceparent")
LONGEST_PARENT: Final = 128
SCHEMA: Final = Schemas.V1_40_0.value
UNTOLD: Final = frozenset({"/health/live", "/health/ready", "/metrics"})
"""Routes that machines ask all day long, and about which there is nothing to find out."""
PROPAGATOR: Final = TraceContextTextMapPropagator()


class Traces:
    """Traces requests as `settings` say. `own` are the attributes of this server's requests, `database` those of what is asked
    of its database; `instance` tells this process from others of the service, and `version` is what it runs."""

    def __init__(
        self,
        settings: Settings,
        own: Mapping[str, str | int],
        database: Mapping[str, str | int],
        tally: SpanTally,
        instance: str,
        version: str,
    ) -> None:
        self.made_of = settings, own, database
        self._settings = settings
        named = {
            **{name: sendable(value) for name, value in settings.attributes.items()},
            service_attributes.SERVICE_NAME: sendable(settings.service),
            service_attributes.SERVICE_VERSION: version,
            service_attributes.SERVICE_INSTANCE_ID: instance,
        }
        headers = {name: value.reveal() for name, value in settings.headers.items()}
        self._outgoing = Outgoing(Collector(settings.url, headers), tally)
        # Whoever gets as far as the library is traced: what is not is decided before anything is made.
        provider = TracerProvider(
            ALWAYS_ON, Resource(named, SCHEMA), shutdown_on_exit=False, span_limits=SpanLimits(max_links=1)
        )
        provider.add_span_processor(self._outgoing)
        self._tracer = provider.get_tracer("reflector", version, SCHEMA)
        self._words = Words(own, database, texts=settings.statements)

    def begin(
        self, request: web.BaseRequest, route: str | None, roles: Callable[[], Sequence[str]], *, trusted: bool
    ) -> RequestPart | None:
        """The trace of a request, None where it is not traced."""
        if route in UNTOLD:
            return None
        parent = parent_of(request) if trusted and self._settings.follow else None
        span = self._of_our_own(request) if parent is None else self._within(parent)
        return None if span is None else RequestPart(self._tracer, span, self._words, (request, route), roles)

    def _of_our_own(self, request: web.BaseRequest) -> Span | None:
        """A trace that begins here, for the share of requests that has one."""
        if random.random() >= self._settings.sample:  # noqa: S311 - nobody gains by knowing who is traced
            return None
        stranger = parent_of(request)
        links = () if stranger is None else (Link(stranger),)
        return self._tracer.start_span("request", Context(), SpanKind.SERVER, links=links)

    def _within(self, parent: SpanContext) -> Span | None:
        """A trace that somebody began, who says whether it is one."""
        if not parent.trace_flags.sampled:
            return None
        context = set_span_in_context(NonRecordingSpan(parent), Context())
        return self._tracer.start_span("request", context, SpanKind.SERVER)

    async def close(self) -> None:
        """Send what waits to be sent, within a moment."""
        await self._outgoing.close()


def sendable(text: str) -> str:
    """The text without what a variable may hold and no message can."""
    return text.encode(errors="replace").decode()


def parent_of(request: web.BaseRequest) -> SpanContext | None:
    """What the request says that it is part of; None where it says nothing that is well formed."""
    said = request.headers.getall(TRACEPARENT, ())
    if len(said) != 1 or len(said[0]) > LONGEST_PARENT:
        return None
    found = get_current_span(PROPAGATOR.extract({"traceparent": said[0]}, Context())).get_span_context()
    return found if found.is_valid else None
