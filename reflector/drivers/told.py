"""A driver that says which statements it ran for its callers, and how long they took.

Rule: the text is said, never a value: what callers write is bound, and is not in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from reflector.catalog.model import DatabaseKind
from reflector.drivers.protocol import PLAIN, Driver, Session, Usage
from reflector.sql.plan import Answer, BoundPlan

Tell = Callable[[Sequence[str], float], None]
"""Is told the statements of one run, and the seconds that all of it took, whether or not it succeeded."""


class ToldDriver:
    """`driver`, with `tell` called after each run. Statements of our own are not told."""

    def __init__(self, driver: Driver, tell: Tell) -> None:
        self._driver = driver
        self._tell = tell

    @property
    def kind(self) -> DatabaseKind:
        """Of an open connection: MySQL's driver learns which of two it is."""
        return self._driver.kind

    async def open(self) -> None:
        await self._driver.open()

    async def close(self) -> None:
        await self._driver.close()

    async def fetch(self, text: str, *values: Any) -> Sequence[Sequence[Any]]:
        return await self._driver.fetch(text, *values)

    async def run(self, plan: BoundPlan, session: Session = PLAIN) -> Answer:
        with self._told((plan,)):
            return await self._driver.run(plan, session)

    async def run_all(
        self, plans: Sequence[BoundPlan], session: Session = PLAIN, done: list[Answer] | None = None
    ) -> Sequence[Answer]:
        with self._told(plans):
            return await self._driver.run_all(plans, session, done)

    def usage(self) -> Sequence[Usage]:
        return self._driver.usage()

    @contextmanager
    def _told(self, plans: Sequence[BoundPlan]) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self._tell([step.text for each in plans for step in each.plan.steps], time.perf_counter() - began)
