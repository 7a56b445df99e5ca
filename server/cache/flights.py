"""One question at a time: whoever asks what is being asked already waits for that answer.

Rule: a caller who leaves fails nobody else; when the last one has left, the question to the database is given up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

Result = TypeVar("Result")


@dataclass(eq=False, slots=True)
class Flight(Generic[Result]):
    """A question under way. `began` is on the clock of whoever began it."""

    task: asyncio.Task[Result]
    began: float
    waiting: int = 0


class Flights(Generic[Result]):
    """Questions under way, by key."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, Flight[Result]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def find(self, key: Hashable) -> Flight[Result] | None:
        return self._flights.get(key)

    def begin(self, key: Hashable, began: float, work: Callable[[], Awaitable[Result]]) -> Flight[Result]:
        """Ask; one that was under way for the same key is joined by nobody any more."""

        async def worked() -> Result:
            return await work()

        flight = Flight(asyncio.get_running_loop().create_task(worked(), name="reflector-fill"), began)
        self._flights[key] = flight
        flight.task.add_done_callback(lambda _: self._ended(key, flight))
        return flight

    async def wait(self, key: Hashable, flight: Flight[Result]) -> Result:
        """The flight's result, or what it raised."""
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if flight.waiting == 0 and not flight.task.done():
                self._forget(key, flight)
                flight.task.cancel()

    def _ended(self, key: Hashable, flight: Flight[Result]) -> None:
        self._forget(key, flight)
        if not flight.task.cancelled():
            flight.task.exception()  # those who waited have raised it; one that left will not ask

    def _forget(self, key: Hashable, flight: Flight[Result]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
