"""The changes of one engine's database: which source there is, when it starts, and what it tells under which snapshot.

Capturing begins with the first who follows, or when it is asked for. Another snapshot of the engine is noticed before
anything else is told, and within half a second when nothing changes.

Rule: nothing is told that was judged under a snapshot which is no longer the engine's.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from reflector.access.principal import Principal, bind_claim
from reflector.catalog.model import Column, Table
from reflector.changes.change import Batch, TableName
from reflector.changes.hub import Hub, Listener
from reflector.changes.setup import NOT_OFFERED, Setup
from reflector.changes.source import Source
from reflector.changes.subscription import EVENTS, AskDatabase, Question, question_of
from reflector.database_url import DatabaseKind, DatabaseUrl
from reflector.datatypes import Value
from reflector.engine import Engine
from reflector.errors import NotSupported, ReflectorError, RowNotFound
from reflector.events import CaptureChanged, ChangesLost
from reflector.query.comparisons import EQ
from reflector.query.nodes import TRUE, Claim, Compare, Field, Filter, Literal, Now, Output, Parameter, Read, all_of
from reflector.snapshot import Access, Snapshot
from reflector.sql.compile import moment

NOTICE_SECONDS: Final = 0.5


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


class Capture:
    """Follows the changes of an engine's database. `opaque` makes a token of a key that a reader may not see.

    captured: how many changes so far; `lag` in seconds from the newest one's commit until it was here, None before one.
    """

    def __init__(self, engine: Engine, url: DatabaseUrl, opaque: Callable[[bytes], str]) -> None:
        self.engine = engine
        self.active = False
        self.captured = 0
        self.lag: float | None = None
        self._url = url
        self._opaque = opaque
        self._hub: Hub | None = None
        self._source: Source | None = None
        self._starting = asyncio.Lock()
        self._snapshot: Snapshot | None = None
        self._noticing: asyncio.TimerHandle | None = None

    # ── starting ─────────────────────────────────────────────────────────────────────────────

    async def hub(self) -> Hub:
        """The hub, with its source running.

        Raises NotSupported and ChangesNotCaptured where there is none, and DatabaseUnavailable.
        """
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

    async def _start(self) -> Hub:
        source = source_of(self._url)
        hub = self._hub
        if hub is None:
            hub = self._hub = Hub(source.codec, self._bind, lambda: secrets.randbits(62))
        self._rebind()
        try:
            await source.start(self)
        except BaseException:
            await source.close()
            raise
        self._source = source
        self._notice_later()
        self.active = True
        self.engine.observe(CaptureChanged(source.name, True, misses=await self._misses(source)))
        return hub

    async def _misses(self, source: Source) -> tuple[str, ...]:
        """What is not noticed. Capturing goes on where that cannot be asked at the moment."""
        try:
            return (await source.setup()).misses
        except ReflectorError as fault:
            return (f"what is not noticed could not be asked: {fault.message}",)

    async def subscribe(self, tables: Collection[TableName] | None, callback: Listener) -> Callable[[], None]:
        """Call back for every batch of changes to these tables (None: any); starts capturing. Returns what ends that."""
        return (await self.hub()).subscribe(tables, callback)

    async def setup(self) -> Setup:
        """What is installed, and what would be; raises NotSupported."""
        return await source_of(self._url).setup()

    async def close(self) -> None:
        if self._noticing is not None:
            self._noticing.cancel()
        if self._source is not None:
            await self._source.close()
        if self._hub is not None:
            self._hub.close()

    # ── the sink of the source ───────────────────────────────────────────────────────────────

    def publish(self, batch: Batch) -> None:
        if batch:
            self.captured += len(batch)
            self.lag = max(0.0, self.engine.clock().timestamp() - batch[-1].at)
        if self._hub is not None:
            self.notice()
            self._hub.publish(batch)

    def lose(self, reason: str) -> None:
        if self._hub is not None:
            self.engine.observe(ChangesLost(reason))
            self.notice()
            self._hub.lose(reason)

    def report(self, active: bool, reason: str) -> None:
        if active != self.active and self._source is not None:
            self.active = active
            self.engine.observe(CaptureChanged(self._source.name, active, reason))

    # ── snapshots ────────────────────────────────────────────────────────────────────────────

    def notice(self) -> None:
        """Have everybody ask again when the engine serves another snapshot."""
        if self._snapshot is not self.engine.snapshot:
            self._rebind()

    def _rebind(self) -> None:
        self._snapshot = self.engine.snapshot
        if self._hub is not None:
            self._hub.rebind(self._snapshot.catalog)

    def _notice_later(self) -> None:
        self.notice()
        self._noticing = asyncio.get_running_loop().call_later(NOTICE_SECONDS, self._notice_later)

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
        chosen = list(grant.columns) if columns is None and grant is not None else list(columns or ())
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
