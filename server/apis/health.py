"""Whether the process lives, and whether it can serve: one word each, for those who balance and restart.

    GET /health/live     200 {"status":"live"} for as long as the process answers
    GET /health/ready    200 {"status":"ready"}, or {"status":"degraded"} while a table is closed by a rule that does not fit,
                         kept answers do not hear of changes that they heard of before, capturing broke off or is late, or
                         the configuration as it is written is refused
                         503 {"status":"unavailable"} while the database does not answer, {"status":"draining"} at the end

While `--insecure` serves everybody without a question, `"insecure":true` stands beside the word.

An administrator is told besides, as `changes`, how capturing is doing, and as `configuration` what cannot be used of it.

Rule: anybody may ask, so an answer to anybody else names nothing, whatever credential came with it, and however often it
is asked the database hears once a second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from aiohttp import web
from marshmallow import Schema, fields, validate

from reflector.errors import ReflectorError
from server.openapi.described import described

FRESH_SECONDS: Final = 1.0
PATIENCE_SECONDS: Final = 2.0


class CaptureStatus(Schema):
    """How capturing changes is doing."""

    source = fields.String(required=True, allow_none=True)
    active = fields.Boolean(required=True)
    since = fields.DateTime(required=True, allow_none=True)
    lag = fields.Float(required=True, allow_none=True, metadata={"description": "Seconds, of the newest change."})
    misses = fields.List(fields.String(), required=True)
    reason = fields.String(required=True, allow_none=True)


class ConfigurationStatus(Schema):
    """How the configuration is doing."""

    since = fields.DateTime(required=True, metadata={"description": "When the one that serves was read."})
    refused = fields.List(
        fields.String(), required=True, metadata={"description": "Why the one that is written is not taken."}
    )
    restart = fields.List(fields.String(), required=True, metadata={"description": "Settings that need a restart."})
    closed = fields.List(
        fields.String(), required=True, metadata={"description": "What does not fit the database, and is closed."}
    )
    exposed = fields.List(
        fields.String(), required=True, metadata={"description": "Columns that appeared, and are read unnamed."}
    )


class WebhookStatus(Schema):
    """How one webhook is doing."""

    name = fields.String(required=True)
    queued = fields.Integer(required=True, metadata={"description": "Events that wait."})
    oldest = fields.Float(required=True, allow_none=True, metadata={"description": "Seconds that the oldest waits."})
    failing_since = fields.DateTime(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True, metadata={"description": "Why nothing is delivered."})
    given_up = fields.Integer(required=True, metadata={"description": "Events that were forgotten undelivered."})
    closed = fields.List(fields.String(), required=True, metadata={"description": "Tables that it is not told of."})


class Details(Schema):
    """What administrators are told."""

    changes = fields.Nested(CaptureStatus)
    configuration = fields.Nested(ConfigurationStatus)
    webhooks = fields.List(fields.Nested(WebhookStatus))


class HealthStatus(Schema):
    """The answer, for the document of the API."""

    status = fields.String(
        required=True, validate=validate.OneOf(["live", "ready", "degraded", "unavailable", "draining"])
    )
    insecure = fields.Boolean(metadata={"description": "There while everybody is served without a question."})
    changes = fields.Nested(CaptureStatus, metadata={"description": "Told to administrators."})
    configuration = fields.Nested(ConfigurationStatus, metadata={"description": "Told to administrators."})
    webhooks = fields.List(fields.Nested(WebhookStatus), metadata={"description": "Told to administrators."})


class Health:
    """What is known of the server's state. `ask` reaches the database or raises; `degraded` tells whether
    it does less than it should, `insecure` whether it serves everybody without a question."""

    def __init__(
        self,
        ask: Callable[[], Awaitable[object]],
        degraded: Callable[[], bool],
        insecure: Callable[[], bool] = lambda: False,
    ) -> None:
        self._ask = ask
        self._degraded = degraded
        self.insecure = insecure
        self._answers = True
        self._asked = float("-inf")
        self._asking = asyncio.Lock()
        self.draining = False

    async def word(self) -> str:
        """`ready`, `degraded`, `unavailable` or `draining`."""
        if self.draining:
            return "draining"
        if not await self._answered():
            return "unavailable"
        return "degraded" if self._degraded() else "ready"

    async def _answered(self) -> bool:
        async with self._asking:
            if time.monotonic() - self._asked >= FRESH_SECONDS:
                try:
                    await asyncio.wait_for(self._ask(), PATIENCE_SECONDS)
                    self._answers = True
                except (ReflectorError, TimeoutError):
                    self._answers = False
                self._asked = time.monotonic()
            return self._answers


Detail = Callable[[], Awaitable[Mapping[str, Any]]]
"""What `Details` are made of."""


def health_routes(
    health: Health, detail: Detail | None = None, administers: Callable[[web.Request], bool] = lambda _: False
) -> list[web.RouteDef]:
    """The two routes. `administers` tells for whom there is `detail`."""

    @described("check_live", "Whether the process answers", {200: (HealthStatus, "It does.")}, public=True)
    async def live(_: web.Request) -> web.Response:
        return web.json_response({"status": "live"})

    @described(
        "check_ready",
        "Whether requests can be served",
        {
            200: (
                HealthStatus,
                "They can; `degraded` while a table is closed, changes are not heard, or the configuration is refused.",
            ),
            503: (HealthStatus, "Not at the moment."),
        },
        public=True,
    )
    async def ready(request: web.Request) -> web.Response:
        word = await health.word()
        said: dict[str, Any] = {"status": word} | ({"insecure": True} if health.insecure() else {})
        if detail is not None and word != "unavailable" and administers(request):
            said |= Details().dump(await detail())
        return web.json_response(said, status=200 if word in {"ready", "degraded"} else 503)

    return [web.get("/health/live", live), web.get("/health/ready", ready)]
