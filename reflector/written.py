"""Who is told of writes: which tables were written, with those that foreign keys reach.

Rule: whoever listens is told before the writer has its answer, also of a write of which nobody knows whether it was kept;
of one that surely was not, nobody is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from reflector.catalog.model import Catalog
from reflector.errors import OutcomeUnknown, ReflectorError
from reflector.sql.plan import Plan
from reflector.versions import Reach, TableName


@dataclass(frozen=True, slots=True)
class Written:
    """Rows of these tables were written here and are there to be read; `tables` None for any table at all.

    Where it is not `certain`, nobody knows whether they were, or whether they will be in a moment.
    """

    tables: frozenset[TableName] | None
    certain: bool = True


Listener: TypeAlias = Callable[[Written], None]


class WriteListeners:
    """Those who are told of one database's writes."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._reach: Reach | None = None

    def add(self, listener: Listener) -> None:
        self._listeners.append(listener)

    @contextmanager
    def telling(self, plans: Sequence[Plan], catalog: Catalog, *, kept: bool) -> Iterator[None]:
        """Tell what the plans wrote once it is; what was refused, or is not `kept`, was not written."""
        by_itself = any(plan.called is not None and plan.called.procedure for plan in plans)
        if not (kept or by_itself):
            yield
            return
        try:
            yield
        except ReflectorError as error:
            # A procedure may have kept something though an error was met.
            if isinstance(error, OutcomeUnknown) or by_itself:
                self._tell(plans, catalog, certain=False)
            raise
        except BaseException:
            # Who asked has gone, and the database may commit all the same.
            self._tell(plans, catalog, certain=False)
            raise
        self._tell(plans, catalog, certain=True)

    def _tell(self, plans: Sequence[Plan], catalog: Catalog, *, certain: bool) -> None:
        if not self._listeners:
            return
        touches = {plan.touches for plan in plans if plan.touches is not None}
        # What a function wrote it alone knows.
        anything = any(plan.writes and plan.called is not None for plan in plans)
        if not (touches or anything):
            return
        if self._reach is None or self._reach.catalog is not catalog:
            self._reach = Reach(catalog)
        found: set[TableName] = set()
        for table, deed in touches:
            tables = self._reach.of(table, deed)
            anything = anything or tables is None
            found.update(tables or ())
        for listener in self._listeners:
            listener(Written(None if anything else frozenset(found), certain))
