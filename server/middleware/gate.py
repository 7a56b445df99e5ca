"""The one gate: every request comes in here, is let in or refused, waits until it is known who calls, and is counted.

It is one middleware because each costs every request a few per cent. What it asks stands in `admission` and `origins`, what
is answered where something was raised in `refusals`, what every answer says in `dressing`.

Rule: whatever is refused here is refused before any handler runs; what a handler raises leaves as a problem document, or
in the form of the API that was asked, and an exception nobody foresaw as a 500 that says nothing of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from server.journal import REQUEST, facts
from server.middleware.admission import admit, is_public
from server.middleware.dressing import dress
from server.middleware.entrance import ENTRANCE, Entrance
from server.middleware.refusals import refusal
from server.middleware.request_ids import request_id_of
from server.middleware.tracing import begun, ended_with, proving
from server.telemetry.requests import LEFT, Requests
from server.traced import Part

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LOG_OF_REQUESTS: Final = logging.getLogger("reflector.requests")


def gate(present: Callable[[], Entrance], requests: Requests) -> Middleware:
    """The middleware that holds the rules of the present entrance and counts `requests`."""

    @web.middleware
    async def pass_gate(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = perf_counter()
        request_id = request_id_of(request)
        REQUEST.set(request_id)
        requests.running += 1
        entrance = request[ENTRANCE] = present()
        entrance.inside += 1
        response: web.StreamResponse | None
        trace: Part | None = None
        fault: Exception | None = None
        try:
            if entrance.traces is not None:
                trace = begun(entrance, entrance.traces, request, handler)
            response = admit(entrance.rules, request)
            if response is None:
                if entrance.callers is not None and (waiting := entrance.callers.waiting(request)) is not None:
                    await (waiting if trace is None else proving(waiting))
                if entrance.rates is not None and not is_public(request.path):
                    await entrance.rates.charge(request, entrance.asked)
                response = await ((entrance.added and entrance.further(request)) or handler)(request)
        except asyncio.CancelledError:
            ended(requests, entrance, request, LEFT, began)
            ended_with(trace, LEFT)
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is answered, and logged where nobody foresaw it
            response, fault = refusal(error, request, request_id, entrance.form), error
        if not response.prepared:
            dress(entrance, request, response, request_id)
        ended(requests, entrance, request, response.status, began)
        if trace is not None:
            ended_with(trace, response.status, fault)
        return response

    return pass_gate


def ended(requests: Requests, entrance: Entrance, request: web.Request, status: int, began: float) -> None:
    """Count a request that has ended, and tell of it where that is wanted."""
    seconds = perf_counter() - began
    requests.running -= 1
    entrance.leave()
    requests.note(request.rel_url.raw_path, request.method, status, seconds)
    if entrance.told:
        tell(request, status, seconds)


def tell(request: web.Request, status: int, seconds: float) -> None:
    """A line in the log about a request that has ended."""
    said = facts(status=status, milliseconds=round(seconds * 1e3, 1))
    LOG_OF_REQUESTS.info("%s %s", request.method, request.path, extra=said)
