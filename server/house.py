"""What one configuration decides, in one value.

Rule: a house never changes, and a request ends in the one that it came into; so nobody is ever judged half by the old
rules and half by the new ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from reflector.engine import Engine
from server.auth.frame import Authenticator, Open
from server.binding import Binding
from server.config import Config
from server.context import Context
from server.guard import Guard
from server.middleware.entrance import Entrance
from server.traced import Tracing

LONGEST_VISIT: Final = 120.0
"""For how long a house is kept for those who came in before it was left; only sockets stay longer, and they move."""


@dataclass(frozen=True, slots=True, eq=False)
class House:
    """Everything that the configuration decides. `handlers` are those of `routes`, behind `entrance`."""

    config: Config
    engine: Engine
    binding: Binding
    guard: Guard
    callers: Authenticator | Open
    context: Context
    entrance: Entrance
    routes: tuple[web.RouteDef, ...]

    @property
    def traces(self) -> Tracing | None:
        """Who traces requests, None where nobody does."""
        return self.entrance.traces

    def watch(self) -> None:
        """Look at the schema from now on, as often as the configuration says."""
        if self.config.database.watch is not None:
            self.engine.watch(self.config.database.watch.total_seconds())

    async def leave(self, heir: House) -> None:
        """Wait for those who are still inside, and give back what the next house does not use."""
        try:
            await self.entrance.emptied(LONGEST_VISIT)
        finally:
            await self.callers.close()
            if self.traces is not None and heir.traces is not self.traces:
                await self.traces.close()
            if heir.engine.driver is not self.engine.driver:
                await self.engine.driver.close()
