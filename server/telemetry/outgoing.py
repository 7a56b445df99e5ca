"""Spans on their way to the collector: they wait for one another, and are sent many at once.

    taken       at once, whoever ends a span: it is put into a list
    sent        a second after the first of them, or when there are many; OTLP over HTTP, in protobuf
    away        they wait for the collector to come back; those that there is no room for are dropped, which the log is told
                once
    at the end  what waits is sent within two seconds, or not at all

Rule: no request waits for any of it, and none fails by it. This runs in the event loop alone, but for the writing of
messages, which has a thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass, field
from typing import Final

from google.protobuf.message import DecodeError
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from server.auth.outbound import Answered, Away, Outbound
from server.telemetry.figures import SpanTally

LOG: Final = logging.getLogger("reflector.server")
MOST_WAITING: Final = 4096
TOGETHER: Final = 512
PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE: Final = 30.0
ASKING_SECONDS: Final = 10.0
LAST_SECONDS: Final = 2.0
LARGEST_ANSWER: Final = 64 * 1024
PROTOBUF: Final = "application/x-protobuf"
LATER: Final = frozenset({408, 429, 502, 503, 504})
"""What a collector answers that may take the same a moment later."""


class Refused(Exception):
    """The collector will never take this; the message says how it answered."""


@dataclass(frozen=True, slots=True)
class Collector:
    """Where spans go, and the headers that they go with."""

    url: str
    headers: Mapping[str, str] = field(repr=False)

    async def take(self, outbound: Outbound, message: bytes) -> int:
        """Give it a message; how many spans of it were not wanted. Raises Away and Refused."""
        headers = {**self.headers, "Content-Type": PROTOBUF, "Accept": PROTOBUF}
        answer = await outbound.ask("POST", self.url, headers=headers, content=message)
        if answer.status in LATER:
            raise Away(f"the answer is {answer.status}")
        if answer.status >= 300:
            raise Refused(f"the answer is {answer.status}")
        return unwanted(answer)


def unwanted(answer: Answered) -> int:
    """How many spans the collector did not take of a message that it took."""
    try:
        rejected: int = ExportTraceServiceResponse.FromString(answer.body).partial_success.rejected_spans
    except DecodeError:
        return 0  # collectors that say something else all the same are not asked what
    return max(rejected, 0)


class Outgoing(SpanProcessor):
    """The spans of one process that end, on their way to `collector`. `tally` counts what becomes of them."""

    def __init__(self, collector: Collector, tally: SpanTally) -> None:
        self._collector, self._tally = collector, tally
        self._outbound = Outbound(ASKING_SECONDS, LARGEST_ANSWER, anywhere=True)
        self._waiting: deque[ReadableSpan] = deque()
        self._wake = asyncio.Event()
        self._sending: asyncio.Task[None] | None = None
        self._away = False
        # What was told of since spans were last taken: that the collector does not take them, and a fault of ours.
        self._refused = self._failed = False
        self._lost = 0
        self._pause = PAUSE_SECONDS
        self._closing = False

    def on_end(self, span: ReadableSpan) -> None:
        """Take one."""
        if self._closing or len(self._waiting) >= MOST_WAITING:
            self._drop(1)
            return
        self._waiting.append(span)
        if self._sending is None:
            # In a context of its own: what is sent is no part of the request that happened to be the first.
            self._sending = asyncio.get_running_loop().create_task(
                self._send_all(), name="reflector-traces", context=Context()
            )
        elif len(self._waiting) >= TOGETHER and not self._away:
            self._wake.set()

    async def close(self) -> None:
        """Send what waits, within a moment, and take nothing any more."""
        self._closing = True
        self._wake.set()
        if self._sending is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._sending, LAST_SECONDS)
        self._drop(len(self._waiting))
        self._waiting.clear()
        await self._outbound.close()

    async def _send_all(self) -> None:
        """Until nothing waits."""
        while self._waiting:
            if not self._closing:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), self._pause)
                if not self._closing:
                    self._wake.clear()
            await self._send()
            if self._away and self._closing:
                break
        self._sending = None

    async def _send(self) -> None:
        """Some of those that wait: they are gone when they were taken, or never will be."""
        some = [self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))]
        try:
            rejected = await self._collector.take(self._outbound, await asyncio.to_thread(written, some))
        except Away as away:
            self._keep(some)
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
            self._tell(str(away), "they wait, and those that there is no room for are dropped")
        except Refused as refused:
            self._drop(len(some))
            self._tell(str(refused), "they are dropped")
        except asyncio.CancelledError:
            self._drop(len(some))
            raise
        except Exception:
            self._drop(len(some))
            if not self._failed:
                LOG.exception("traces: spans cannot be sent, and are dropped")
            self._away = self._failed = True
        else:
            self._tally.sent += len(some) - rejected
            self._drop(rejected)
            self._pause = PAUSE_SECONDS
            self._came(rejected)

    def _keep(self, some: Sequence[ReadableSpan]) -> None:
        """Have them wait again, the oldest first to go where there is no room for all."""
        room = MOST_WAITING - len(self._waiting)
        kept = some[max(len(some) - room, 0) :]
        self._drop(len(some) - len(kept))
        self._waiting.extendleft(reversed(kept))

    def _drop(self, spans: int) -> None:
        self._tally.dropped += spans
        self._lost += spans

    def _tell(self, reason: str, comes_of_it: str) -> None:
        if not self._refused:
            LOG.warning("traces: the collector does not take spans (%s): %s", reason, comes_of_it)
        self._away = self._refused = True

    def _came(self, rejected: int) -> None:
        if self._away:
            LOG.info("traces: the collector takes spans again; %d were dropped", self._lost)
        self._away = self._refused = self._failed = False
        self._lost = rejected


def written(spans: Sequence[ReadableSpan]) -> bytes:
    """The message that has these spans."""
    message: bytes = encode_spans(spans).SerializeToString()
    return message
