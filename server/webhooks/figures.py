"""What is told of webhooks: figures for whoever measures, and a row each for administrators.

Rule: a webhook is named, and nothing that it is told or sent with.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

from server.telemetry.figures import Figure, Kind, Values
from server.webhooks.courier import Courier
from server.webhooks.delivery import Standing

ROWS: Final[tuple[tuple[str, Kind, str, Callable[[Standing], float]], ...]] = (
    ("queued", "gauge", "Events that wait to be delivered", lambda each: each.waiting.events),
    ("queued_bytes", "gauge", "About how much they take", lambda each: each.waiting.size),
    ("delivered", "counter", "Events that a receiver has taken", lambda each: each.delivered),
    ("failed", "counter", "Attempts that a receiver has not taken", lambda each: each.failed),
    ("given_up", "counter", "Events that were forgotten undelivered", lambda each: each.given_up),
)
OLDEST: Final = "Seconds that the oldest undelivered event waits"


def webhook_figures(courier: Courier) -> Iterator[Figure]:
    """A figure each, with the name of the webhook."""

    def values(read: Callable[[Standing], float]) -> Values:
        return [((name,), read(standing)) for name, standing in courier.standings.items()]

    def ages() -> Values:
        return [((name,), courier.age(name) or 0.0) for name in courier.standings]

    for name, kind, meaning, read in ROWS:
        yield Figure(f"webhook_{name}", kind, meaning, partial(values, read), ("webhook",))
    yield Figure("webhook_oldest_seconds", "gauge", OLDEST, ages, ("webhook",))


def details_of(courier: Courier) -> Sequence[dict[str, Any]]:
    """How each webhook is doing, for administrators."""
    return [
        {
            "name": name,
            "queued": standing.waiting.events,
            "oldest": courier.age(name),
            "failing_since": _moment(standing.failing_since),
            "reason": standing.silent or standing.fault or courier.waits or None,
            "given_up": standing.given_up,
            "closed": sorted(standing.closed),
        }
        for name, standing in courier.standings.items()
    ]


def _moment(at: float | None) -> dt.datetime | None:
    return None if at is None else dt.datetime.fromtimestamp(at, dt.UTC)
