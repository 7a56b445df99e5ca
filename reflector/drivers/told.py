"""A driver that says which statements it ran for its callers, how long they took, and what came of them.

Rule: the text is said, never a value: what callers write is bound, and is not in it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from reflector.catalog.model import DatabaseKind
from reflector.drivers.protocol import PLAIN, Driver, Session, Usage
from reflector.errors import ReflectorError
from reflector.events import Listening, Observer, StatementsRun
from reflector.sql.plan import Answer, BoundPlan, Plan


class ToldDriver:
    """`driver`; whoever `listening` gives when a run begins is told of it when it has ended. Statements of our own are not
    told."""

    def __init__(self, driver: Driver, listening: Listening) -> None:
        self._driver = driver
        self._listening = listening

    @property
    def kind(self) -> DatabaseKind:
        """That of the driver which is told of."""
        return self._driver.kind

    async def open(self) -> None:
        await self._driver.open()

    async def close(self) -> None:
        await self._driver.close()

    async def fetch(self, text: str, *values: Any) -> Sequence[Sequence[Any]]:
        return await self._driver.fetch(text, *values)

    async def read(self, text: str, *values: Any) -> Sequence[Sequence[Any]]:
        return await self._driver.read(text, *values)

    async def run(self, plan: BoundPlan, session: Session = PLAIN) -> Answer:
        tell = self._listening()
        if tell is None:
            return await self._driver.run(plan, session)
        with _told(tell, (plan,)):
            return await self._driver.run(plan, session)

    async def run_all(
        self, plans: Sequence[BoundPlan], session: Session = PLAIN, done: list[Answer] | None = None
    ) -> Sequence[Answer]:
        tell = self._listening()
        if tell is None:
            return await self._driver.run_all(plans, session, done)
        with _told(tell, plans):
            return await self._driver.run_all(plans, session, done)

    def usage(self) -> Sequence[Usage]:
        return self._driver.usage()


@contextmanager
def _told(tell: Observer, plans: Sequence[BoundPlan]) -> Iterator[None]:
    began = time.perf_counter()
    error = None
    try:
        yield
    except BaseException as fault:
        error = fault.code if isinstance(fault, ReflectorError) else type(fault).__name__
        raise
    finally:
        statements = tuple(step.text for each in plans for step in each.plan.steps)
        deeds = tuple(deed_of(each.plan) for each in plans)
        tell(StatementsRun(statements, time.perf_counter() - began, deeds, error))


def deed_of(plan: Plan) -> tuple[str, tuple[str, ...]]:
    """What the plan does, and to which tables: a write to the one that it writes, whatever it reads."""
    if plan.touches is not None:
        table, deed = plan.touches
        return deed.name, (table.label,)
    tables = tuple(sorted(table.label for table in plan.reads))
    return ("SELECT" if plan.called is None else "CALL"), tables
