"""The changes of one engine's database: which source there is, when it starts, and what it tells under which snapshot.

Capturing begins with the first who follows, or when it is asked for. Another snapshot of the engine is noticed before
anything else is told, and within half a second when nothing changes.

Rule: nothing is told that was judged under a snapshot which is no longer the engine's.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final, Protocol, assert_never

from reflector.access.principal import Principal, bind_claim
from reflector.catalog.model import Column, Table
from reflector.changes.change import Batch, TableName
from reflector.changes.hub import Hub, Listener
from reflector.changes.log import Log
from reflector.changes.question import EVENTS, AskDatabase, Question, question_of
from reflector.changes.setup import HINT, NOT_OFFERED, Setup
from reflector.changes.source import Source
from reflector.changes.terms import TableTerms, Terms
from reflector.database_url import DatabaseKind, DatabaseUrl
from reflector.datatypes import Value
from reflector.engine import Engine
from reflector.errors import ChangesNotCaptured, NotSupported, ReflectorError, RowNotFound
from reflector.events import CaptureChanged, CaptureExpected, ChangesLost
from reflector.query.comparisons import EQ
from reflector.query.nodes import TRUE, Claim, Compare, Field, Filter, Literal, Now, Output, Parameter, Read, all_of
from reflector.snapshot import Access, Snapshot
from reflector.sql.compile import moment

NOTICE_SECONDS: Final = 0.5
RECENT_SECONDS: Final = 10.0
"""For how long the lag of the newest change says something of now."""
LOOKED_SECONDS: Final = 10.0
"""For how long what is not noticed is believed."""
OFF: Final = "changes are not captured by this server"


@dataclass(frozen=True, slots=True)
class Standing:
    """How capturing is doing. `since`: when it began or went on, None while it does not. `lag`: as of `Capture`. `misses`:
    what is not noticed or told, and what would help. `reason`: why nothing is captured, where that is so."""

    source: str | None
    active: bool
    since: datetime | None
    lag: float | None
    misses: tuple[str, ...]
    reason: str | None


def source_of(url: DatabaseUrl) -> Source:
    """The source of a database's changes; raises NotSupported where this version has none."""
    match url.kind:
        case DatabaseKind.SQLITE:
            from reflector.changes.sources.sqlite import SQLiteSource

            return SQLiteSource(url)
        case DatabaseKind.POSTGRESQL:
            from reflector.changes.sources.postgresql import PostgreSQLSource

            return PostgreSQLSource(url)
        case DatabaseKind.MYSQL:
            raise NotSupported(NOT_OFFERED)
        case _:
            assert_never(url.kind)


class Keeper(Protocol):
    """Who writes down what was told, so that it outlives the process. `since`: the place to go on from, None for now."""

    @property
    def since(self) -> str | None: ...

    def came(self, place: str) -> None:
        """Everything up to this place was handed to the hub."""


class Capture:
    """Follows the changes of an engine's database. `opaque` makes a token of a key that a reader may not see.

    captured: how many changes so far; `lag` in seconds from the newest one's commit until it was here, None before one.
    """

    def __init__(
        self, engine: Engine, url: DatabaseUrl, opaque: Callable[[bytes], str], terms: Terms | None = None
    ) -> None:
        self.engine = engine
        self.active = False
        self.since: datetime | None = None
        self.terms = Terms() if terms is None else terms
        self.captured = 0
        self.lag: float | None = None
        self._url = url
        self._opaque = opaque
        self._hub: Hub | None = None
        self._source: Source | None = None
        self._starting = asyncio.Lock()
        self._snapshot: Snapshot | None = None
        self._tables: Mapping[Table, TableTerms] = MappingProxyType({})
        self._newest = float("-inf")
        self._reason = "nobody follows yet"
        self._looked: tuple[float, tuple[str, ...]] | None = None
        self._noticing: asyncio.TimerHandle | None = None
        self._keeper: Keeper | None = None
        self._place: str | None = None

    # ── starting ─────────────────────────────────────────────────────────────────────────────

    async def hub(self) -> Hub:
        """The hub, with its source running.

        Raises NotSupported and ChangesNotCaptured where there is none, and DatabaseUnavailable.
        """
        if not self.terms.captured:
            raise ChangesNotCaptured(OFF, hint="changes.source: auto")
        if self._source is None or self._hub is None:
            async with self._starting:
                if self._source is None or self._hub is None:
                    return await self._start()
        self.notice()
        return self._hub

    @property
    def running(self) -> Hub | None:
        """The hub, where somebody follows already."""
        return self._hub

    def prepared(self) -> Hub:
        """The hub, whose source may not run yet: who joins now misses nothing of what it will tell. Raises NotSupported."""
        if self._hub is None:
            log = Log(secrets.randbits(62), self.terms.memory)
            self._hub = Hub(source_of(self._url).codec, self._bind, lambda: secrets.randbits(62), log)
            self._rebind()
        return self._hub

    def keep(self, keeper: Keeper | None) -> None:
        """From now on the database is to keep what this one has not written down yet."""
        self._keeper = keeper
        if self._source is not None:
            self._source.hold(None if keeper is None else "")
        if keeper is not None and self._place is not None:
            keeper.came(self._place)

    def written(self, place: str) -> None:
        """What came up to this place need not be kept for the keeper any more."""
        if self._source is not None and self._keeper is not None:
            self._source.hold(place)

    async def _start(self) -> Hub:
        source = source_of(self._url)
        hub, keeper = self.prepared(), self._keeper
        self._rebind()
        since = None
        if keeper is not None:
            since = keeper.since
            source.hold("")
        try:
            await source.start(self, since)
        except BaseException:
            await source.close()
            raise
        self._source = source
        self._notice_later()
        self.active, self.since = True, self.engine.clock()
        self.engine.observe(CaptureChanged(source.name, True, misses=await self._misses(source)))
        return hub

    async def _misses(self, source: Source) -> tuple[str, ...]:
        """What is not noticed. Capturing goes on where that cannot be asked at the moment."""
        try:
            found = (await source.setup()).misses
        except ReflectorError as fault:
            found = (f"what is not noticed could not be asked: {fault.message}",)
        self._looked = asyncio.get_running_loop().time(), found
        return found

    async def subscribe(self, tables: Collection[TableName] | None, callback: Listener) -> Callable[[], None]:
        """Call back for every batch of changes to these tables (None: any); starts capturing. Returns what ends that."""
        return (await self.hub()).subscribe(tables, callback)

    async def setup(self) -> Setup:
        """What is installed, and what would be; raises NotSupported."""
        return await source_of(self._url).setup()

    async def standing(self) -> Standing:
        """How capturing is doing. The database is asked for what is not noticed, at most every ten seconds."""
        if not self.terms.captured:
            return Standing(None, False, None, None, (), OFF)
        try:
            source = self._source or source_of(self._url)
        except NotSupported as fault:
            return Standing(None, False, None, None, (), fault.message)
        looked = self._looked
        if looked is None or asyncio.get_running_loop().time() - looked[0] > LOOKED_SECONDS:
            misses = await self._misses(source)
        else:
            misses = looked[1]
        return Standing(source.name, self.active, self.since, self.lag, misses, None if self.active else self._reason)

    async def announce(self) -> None:
        """Tell the engine's observer what would be captured, where nothing is captured yet."""
        if self.active:
            return
        found = await self._outlook()
        if not self.active:
            self.engine.observe(found)

    async def _outlook(self) -> CaptureExpected:
        if not self.terms.captured:
            return CaptureExpected(None, OFF)
        try:
            setup = await self.setup()
        except ReflectorError as fault:
            return CaptureExpected(None, fault.message)
        if not setup.installed:
            return CaptureExpected(None, f"what {setup.source} needs is not installed: {HINT}")
        return CaptureExpected(setup.source, misses=setup.misses)

    @property
    def late(self) -> bool:
        """Whether capturing broke off, or changes have just come later than `max_lag` allows."""
        broken = self._source is not None and not self.active
        if self.terms.max_lag is None or self.lag is None or self.lag <= self.terms.max_lag:
            return broken
        return broken or asyncio.get_running_loop().time() - self._newest < RECENT_SECONDS

    async def close(self) -> None:
        if self._noticing is not None:
            self._noticing.cancel()
        if self._source is not None:
            await self._source.close()
        if self._hub is not None:
            self._hub.close()

    # ── the sink of the source ───────────────────────────────────────────────────────────────

    def publish(self, batch: Batch, place: str = "") -> None:
        if batch:
            self.captured += len(batch)
            self.lag = max(0.0, self.engine.clock().timestamp() - batch[-1].at)
            self._newest = asyncio.get_running_loop().time()
        if self._hub is not None:
            self.notice()
            self._hub.publish(batch)
        self._reached(place)

    def lose(self, reason: str, place: str = "") -> None:
        if self._hub is not None:
            self.engine.observe(ChangesLost(reason))
            self.notice()
            self._hub.lose(reason)
        self._reached(place)

    def _reached(self, place: str) -> None:
        self._place = place
        if self._keeper is not None:
            self._keeper.came(place)

    def report(self, active: bool, reason: str) -> None:
        if active != self.active and self._source is not None:
            self.active, self._reason = active, reason
            self.since = self.engine.clock() if active else None
            self.engine.observe(CaptureChanged(self._source.name, active, reason))

    # ── snapshots ────────────────────────────────────────────────────────────────────────────

    def notice(self) -> None:
        """Have everybody ask again when the engine serves another snapshot."""
        if self._snapshot is not self.engine.snapshot:
            self._rebind()

    def follow(self, engine: Engine, terms: Terms) -> None:
        """Tell under this engine's snapshot and these terms from now on; every subscription is asked anew, at once."""
        self.engine, self.terms = engine, terms
        self._rebind()

    def _rebind(self) -> None:
        self._snapshot = self.engine.snapshot
        self._tables = self.terms.tables(self._snapshot.catalog)
        if self._hub is not None:
            self._hub.rebind(self._snapshot.catalog)

    def _notice_later(self) -> None:
        self.notice()
        self._noticing = asyncio.get_running_loop().call_later(NOTICE_SECONDS, self._notice_later)

    def told_of(self, table: Table) -> TableTerms:
        """What is told of a table of the present snapshot, to whoever may read it."""
        self.notice()
        return self._tables.get(table) or self.terms.otherwise()

    # ── questions ────────────────────────────────────────────────────────────────────────────

    def question(
        self,
        access: Access,
        principal: Principal,
        table: Table,
        where: Filter = TRUE,
        columns: Sequence[Column] | None = None,
        events: Iterable[str] = EVENTS,
    ) -> Question:
        """What this caller asks to be told of a table; `columns` None: all that they may see.

        `access` is of the present snapshot. Raises Forbidden and MissingClaim.
        """
        grant = access.grants.on(table)
        chosen = list(grant.answered) if columns is None and grant is not None else list(columns or ())
        asking = Asking(self.engine, self.engine.snapshot, access, principal, table, where, tuple(chosen))

        def claim(node: Claim) -> Value:
            return bind_claim(principal, node.path, node.type, node.many)

        ask: AskDatabase = asking.row
        return question_of(table, access.grants, where, chosen, events, claim, ask, self._opaque)

    def _bind(self, node: Claim | Parameter | Now) -> Value:
        """Questions hold no claims and no parameters any more, but they may ask for the time."""
        if not isinstance(node, Now):
            raise TypeError(f"{type(node).__name__} in a question")
        return moment(self.engine.clock(), node.type)


@dataclass(frozen=True, slots=True)
class Asking:
    """Asks the database for one row, as a caller sees it."""

    engine: Engine
    snapshot: Snapshot
    access: Access
    principal: Principal
    table: Table
    where: Filter
    columns: tuple[Column, ...]

    async def row(self, key: Sequence[Value]) -> bytes | None:
        """The row with this key as the caller sees it now, None when it is not there for them or not wanted."""
        primary = self.table.primary_key
        if primary is None:
            return None
        own = [Compare(Field(c), EQ, Literal(value, c.type)) for c, value in zip(primary.columns, key, strict=True)]
        select = tuple(Output(column.name, Field(column)) for column in self.columns)
        read = Read(self.table, select, where=all_of(self.where, *own), single=True)
        try:
            return (await self.engine.answer(self.snapshot, self.access, read, self.principal)).body
        except RowNotFound:
            return None
