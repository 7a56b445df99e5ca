"""The engine: a query and a caller in, an answer out; and the watch that keeps the catalog true.

A query is parameterized, its plan looked up by shape and roles, bound to the request's values and claims, and run. Only
on a miss are access rules put in and SQL written.

Rule: the engine owns the one current snapshot and swaps it whole; nothing here knows HTTP, configuration or the
environment.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from reflector.access.principal import Principal, bind_claim
from reflector.access.rewrite_sets import rewrite_any
from reflector.catalog.diff import changes
from reflector.catalog.model import Catalog
from reflector.catalog.overlay import Overlay
from reflector.datatypes import Value
from reflector.dialects import DIALECTS
from reflector.dialects.plans import explained
from reflector.drivers.protocol import PLAIN, Driver, Session
from reflector.errors import (
    CheckRefused,
    MissingClaim,
    NotSupported,
    ReflectorError,
    RowNotFound,
    SerializationFailure,
    UniqueViolation,
)
from reflector.events import CatalogLoaded, CatalogNotice, Observer, PlanCompiled, WatchFailed, ignore
from reflector.looks import Looks
from reflector.query.calls import Call
from reflector.query.parameterize import parameterize_any
from reflector.query.sets import AnyQuery
from reflector.reflection import fingerprint, reflect
from reflector.snapshot import Access, MakeSnapshot, Snapshot, inherited
from reflector.sql.compile import bind_plan, compile_any
from reflector.sql.explaining import Explaining
from reflector.sql.flat import cut_page
from reflector.sql.plan import Answer, BoundPlan, FromClaim, Plan
from reflector.versions import TableName
from reflector.written import WriteListeners, Written

Clock = Callable[[], dt.datetime]
T = TypeVar("T")
ATTEMPTS: Final = 24
"""How often an upsert is begun that others get in the way of: those that had begun before it may each do so once."""
ANEW: Final = 3
"""The attempt of an upsert after which a key that exists is no accident: it is another one than the upsert is about."""


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass(slots=True)  # not frozen: one is made for every request, and a frozen one takes three times as long to make
class Prepared:
    """A query with its plan, ready to be run for any caller of the same roles.

    `plans` are alternatives, tried in turn: one, but for a write that several rights allow in different ways.
    """

    plans: tuple[Plan, ...]
    values: Sequence[Value]
    snapshot: Snapshot


def _raced(prepared: Sequence[Prepared]) -> TableName | None:
    """The table of an upsert whose rows others may make meanwhile."""
    for plan in (plan for each in prepared for plan in each.plans):
        if plan.many is not None and plan.many.raced and plan.touches is not None:
            return plan.touches[0].schema, plan.touches[0].name
    return None


class Engine:
    """One database, served. Made by `Engine.start`, ended by `close`."""

    def __init__(
        self, driver: Driver, make_snapshot: MakeSnapshot, overlay: Overlay, observe: Observer, clock: Clock
    ) -> None:
        self.driver = driver
        self.dialect = DIALECTS[driver.kind]
        self.make_snapshot = make_snapshot
        self.overlay = overlay
        self.observe = observe
        self.clock = clock
        self.snapshot: Snapshot
        self.seen_fingerprint = ""
        self._watching: asyncio.Task[None] | None = None
        self._renewing = asyncio.Lock()
        self._looks = Looks(self._renewing)
        self._anew: defaultdict[TableName, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._listeners = WriteListeners()
        self._retired = False

    @classmethod
    async def start(
        cls,
        driver: Driver,
        make_snapshot: MakeSnapshot,
        overlay: Overlay,
        *,
        observe: Observer = ignore,
        clock: Clock = utc_now,
    ) -> Engine:
        """Connect, reflect, and serve the first snapshot; raises CatalogError for what stands in the way."""
        engine = cls(driver, make_snapshot, overlay, observe, clock)
        await driver.open()
        engine.dialect = DIALECTS[driver.kind]
        try:
            await engine._load(0, None)
        except BaseException:
            await driver.close()
            raise
        return engine

    async def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self.driver.close()

    async def heir(self, make_snapshot: MakeSnapshot, overlay: Overlay, driver: Driver | None = None) -> Engine:
        """An engine of the same database that serves under other rules, and tells the same listeners of writes.

        Nothing is asked of the database where nothing else lies over its schema than before. `driver`: an open one to
        use from now on, the same where None. Raises what `make_snapshot` and a reflection raise; this engine serves on
        until it is retired.
        """
        heir = Engine(driver or self.driver, make_snapshot, overlay, self.observe, self.clock)
        heir._anew, heir._listeners = self._anew, self._listeners
        async with self._renewing:
            number = inherited(self.snapshot.number)
            if overlay != self.overlay:
                await heir._load(number, self.snapshot.catalog)
                return heir
            heir.snapshot = await asyncio.to_thread(make_snapshot, number, self.snapshot.catalog)
            heir.seen_fingerprint = self.seen_fingerprint
        return heir

    def retire(self) -> None:
        """Look at the schema no more: an heir does. What was prepared here can still be run."""
        self._retired = True
        if self._watching is not None:
            self._watching.cancel()

    # ── questions ────────────────────────────────────────────────────────────────────────────

    def prepare(self, snapshot: Snapshot, access: Access, query: AnyQuery) -> Prepared:
        """The query's plan, compiled when its shape is new; raises Forbidden and NotSupported."""
        if isinstance(query, Call) and query.function.extension is not None:
            raise NotSupported(f"{query.function.name} is code of an extension: no statement calls it")
        shape, values = parameterize_any(query, buckets=self.dialect.buckets)
        key = (shape, access.roles)
        plans = snapshot.plans.get(key)
        if plans is None:
            began = time.perf_counter()
            plans = tuple(compile_any(self.dialect, each) for each in rewrite_any(shape, access.grants))
            snapshot.plans.put(key, plans)
            name = query.function.name if isinstance(query, Call) else query.table.label
            self.observe(PlanCompiled(name, time.perf_counter() - began))
        return Prepared(plans, values, snapshot)

    async def run(self, prepared: Prepared, principal: Principal, session: Session = PLAIN) -> Answer:
        """The answer; raises RowNotFound, CheckRefused, MissingClaim and what the database reports."""
        plan = prepared.plans[0]
        if plan.touches is None and len(prepared.plans) == 1 and not (plan.writes and plan.called):
            answer = await self.driver.run(self.bind(plan, prepared.values, principal), session)
            return answer if plan.cut is None else cut_page(answer, plan.cut, prepared.values)
        with self._telling((prepared,), session):
            if plan.many is not None:
                return await self._undisturbed((prepared,), lambda: self._written(prepared, principal, session))
            return await self._written(prepared, principal, session)

    async def _written(self, prepared: Prepared, principal: Principal, session: Session) -> Answer:
        if len(prepared.plans) == 1:
            return await self.driver.run(self.bind(prepared.plans[0], prepared.values, principal), session)
        return await self._first_that_fits(prepared, principal, session)

    async def _undisturbed(self, prepared: Sequence[Prepared], work: Callable[[], Awaitable[T]]) -> T:
        """What the work gives. An upsert that found no row where somebody else made one meanwhile is begun anew: nothing
        of it was written."""
        table = _raced(prepared)
        if table is None:
            return await work()
        with suppress(SerializationFailure, UniqueViolation):
            return await work()
        # One after another from here on: begun anew all at once, they would only get in one another's way again.
        async with self._anew[table]:
            for attempts in range(2, ATTEMPTS):
                try:
                    return await work()
                except SerializationFailure:
                    continue
                except UniqueViolation:
                    if attempts == ANEW:
                        raise
            return await work()

    async def run_all(
        self, prepared: Sequence[Prepared], principal: Principal, session: Session = PLAIN, *, done: list[Answer]
    ) -> None:
        """Run all in one transaction, in order, and put the answers into `done` as they come: where something raises,
        its length says which one did, and nothing was written.

        An update or delete that finds no row has an answer without anything, and the others go on.
        """
        with self._telling(prepared, session):
            await self._undisturbed(prepared, lambda: self._run_all(prepared, principal, session, done))

    async def _run_all(
        self, prepared: Sequence[Prepared], principal: Principal, session: Session, done: list[Answer]
    ) -> None:
        rights = [self._bindings(each, principal) for each in prepared]
        chosen = [0] * len(rights)
        refusals: dict[int, CheckRefused] = {}
        while True:
            done.clear()
            plans = [
                replace(bound[number], optional=number + 1 == len(bound) and index not in refusals)
                for index, (bound, number) in enumerate(zip(rights, chosen, strict=True))
            ]
            try:
                await self.driver.run_all(plans, session, done)
            except (RowNotFound, CheckRefused) as fault:
                index = len(done)
                if isinstance(fault, CheckRefused):
                    refusals.setdefault(index, fault)
                if chosen[index] + 1 == len(rights[index]):
                    raise refusals.get(index, fault) from None
                chosen[index] += 1
            else:
                return

    def _bindings(self, prepared: Prepared, principal: Principal) -> list[BoundPlan]:
        """The plans whose claims the caller carries; raises MissingClaim where there is none."""
        bound: list[BoundPlan] = []
        for plan in prepared.plans:
            try:
                bound.append(self.bind(plan, prepared.values, principal))
            except MissingClaim:
                if plan is prepared.plans[-1] and not bound:
                    raise
        return bound

    async def answer(
        self, snapshot: Snapshot, access: Access, query: AnyQuery, principal: Principal, session: Session = PLAIN
    ) -> Answer:
        """Prepare and run."""
        return await self.run(self.prepare(snapshot, access, query), principal, session)

    def bind(self, plan: Plan, values: Sequence[Value], principal: Principal) -> BoundPlan:
        def claim(source: FromClaim) -> Value:
            return bind_claim(principal, source.path, source.type, source.many)

        return bind_plan(plan, values, claim, self.clock())

    async def explain(
        self, prepared: Prepared, principal: Principal, wanted: Explaining, session: Session = PLAIN
    ) -> Answer:
        """What the database would do, or did where it was carried out; nothing of that is kept. Of alternatives the first
        one that the caller carries the claims for. Raises NotSupported, MissingClaim and what the database reports."""
        how = explained(self.driver.kind, wanted)
        bound = self._bindings(prepared, principal)[0]
        # A function of constants is asked while its plan is made.
        carried_out = bound.plan.writes and (how.runs or bound.plan.called is not None)
        if carried_out and how.lasting is not None and await self.driver.fetch(how.lasting):
            raise NotSupported(
                f"{self.dialect.name} takes nothing back of tables without transactions, and there are some"
            )
        told = replace(bound, explained=how)
        taken_back = replace(session, rollback=True) if bound.plan.writes else session
        return (await self.driver.run_all((told,), taken_back))[0]

    async def _first_that_fits(self, prepared: Prepared, principal: Principal, session: Session) -> Answer:
        """Try each right as a whole; a right that does not fit leaves nothing behind."""
        faults: list[ReflectorError] = []
        for plan in prepared.plans:
            try:
                return await self.driver.run(self.bind(plan, prepared.values, principal), session)
            except (RowNotFound, CheckRefused, MissingClaim) as fault:
                faults.append(fault)
        raise next((fault for fault in faults if isinstance(fault, CheckRefused)), faults[0])

    # ── who is told of writes ────────────────────────────────────────────────────────────────

    def on_write(self, listener: Callable[[Written], None]) -> None:
        """Call back after every write of this engine, before whoever asked for it has the answer."""
        self._listeners.add(listener)

    def _telling(self, prepared: Sequence[Prepared], session: Session) -> AbstractContextManager[None]:
        plans = [plan for each in prepared for plan in each.plans]
        return self._listeners.telling(plans, prepared[0].snapshot.catalog, kept=not session.rollback)

    # ── the catalog ──────────────────────────────────────────────────────────────────────────

    async def _load(self, number: int, old: Catalog | None) -> None:
        """Reflect, bind, swap. The fingerprint is taken first: a change in between is seen by the next look."""
        began = time.perf_counter()
        seen = await fingerprint(self.driver.kind, self.driver.fetch, self.overlay)
        catalog = await reflect(self.driver.kind, self.driver.fetch, self.overlay)
        snapshot = await asyncio.to_thread(self.make_snapshot, number, catalog)
        self.snapshot, self.seen_fingerprint = snapshot, seen
        related = sum(len(each) for each in catalog.relationships.values())
        seconds = time.perf_counter() - began
        lines = () if old is None else changes(old, snapshot.catalog)
        self.observe(CatalogLoaded(number, len(catalog.tables), related, seconds, lines))
        for notice in catalog.notices:
            self.observe(CatalogNotice(notice.code, notice.message))

    async def renewed(self, stale: Snapshot) -> bool:
        """Whether another snapshot than `stale` serves now; the schema is looked at for it, which may take its turn."""
        return await self._looks.look(lambda: self.snapshot is not stale, self.refresh)

    async def refresh(self) -> bool:
        """Look at the schema once, and swap in a new snapshot when it has changed."""
        if (
            self._retired
            or await fingerprint(self.driver.kind, self.driver.fetch, self.overlay) == self.seen_fingerprint
        ):
            return False
        await self._load(self.snapshot.number + 1, self.snapshot.catalog)
        return True

    def watch(self, interval: float) -> None:
        """Look every `interval` seconds from now on, until closed."""
        self._watching = asyncio.create_task(self._watch(interval), name="reflector-watch")

    async def _watch(self, interval: float) -> None:
        failed = False
        while True:
            await asyncio.sleep(interval)
            try:
                async with self._renewing:
                    await self.refresh()
                failed = False
            except ReflectorError as fault:
                if not failed:
                    self.observe(WatchFailed(fault.message))
                failed = True
