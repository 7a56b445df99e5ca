"""One subscription: read from its frame, begun at a place in the log, told in its frames, asked again when rules change.

    {"type":"subscribe","id","table","filter"?,"columns"?,"events"?,"since"?,"initial"?}

Rule: its place in the log is taken before the first row is read and before anything older is told, so that nothing falls
in between; what happens meanwhile is held back and told after.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from reflector.access.principal import Principal
from reflector.capture import Capture
from reflector.catalog.model import Column
from reflector.changes.change import Cursor
from reflector.changes.hub import Hub
from reflector.changes.log import Entry
from reflector.changes.notices import Notice
from reflector.changes.question import EVENTS, Question
from reflector.changes.subscription import Subscription
from reflector.changes.told import keys_of
from reflector.errors import Forbidden, InvalidRequest, InvalidValue, ReflectorError, UnknownParameter, suggestion
from reflector.query.conditions import ConditionReader
from reflector.query.faults import FaultList
from reflector.query.nodes import TRUE, Field, Filter, Order, Output, Read
from reflector.query.scope import TableScope
from reflector.snapshot import Access
from server.apis.realtime.frames import ChangeCursors, change_frame, error_frame, said
from server.apis.realtime.one_table import READ, UNKNOWN
from server.callers import session_for
from server.context import Context

MEMBERS: Final = ("table", "filter", "columns", "events", "since", "initial")
SETTLE_SECONDS: Final = 0.02
"""A change can be told a moment before other connections see its row: the first rows are read after that moment."""


@dataclass(frozen=True, eq=False, slots=True)
class Asked:
    """What a frame asks for, under one snapshot."""

    table: TableScope
    where: Filter
    columns: tuple[Column, ...]
    events: frozenset[str]
    since: str | None
    initial: bool


class Following:
    """A reader of the hub."""

    def __init__(
        self,
        id_: str,
        request: Mapping[str, Any],
        caller: Callable[[], Principal],
        present: Callable[[], Context],
        capture: Capture,
        cursors: ChangeCursors,
        put: Callable[[bytes], None],
        ended: Callable[[str], None],
    ) -> None:
        self.id = id_
        self.settled = False
        self._request = request
        self._caller = caller
        self._present = present
        self._capture = capture
        self._cursors = cursors
        self._put = put
        self._ended = ended
        self._subscription: Subscription | None = None

    # ── beginning and end ────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Begin. What is wrong is told in an error frame, and the subscription is none."""
        try:
            hub = await self._begin()
        except ReflectorError as error:
            self.end(error)
        else:
            if self._subscription is not None:
                hub.release(self._subscription)
                self.settled = True

    async def _begin(self) -> Hub:
        self._asked()  # a request that cannot be understood never starts anything
        hub = await self._capture.hub()
        asked, question = self._asked(), self.renew()
        since = None if asked.since is None else self._cursors.read(asked.since)
        subscription = self._subscription = hub.join(question, self)
        # Between the look at the head and joining there is no await: nothing is missed.
        place = question.table.schema, question.table.name
        # Where what was told decides what is told, a reader who was away cannot go on: what they hold is not known here.
        missed = None if since is None or question.remembered else hub.log.since(since, place, self._replay_of(asked))
        self._ready(asked, since if missed is not None and since is not None else hub.head)
        if asked.since is not None and missed is None:
            self.resync(hub.head, "what followed the cursor is no longer known")
        if asked.initial:
            await self._initial(asked, hub.head, subscription)
        await self._replay(hub, subscription, missed or [])
        return hub

    def _replay_of(self, asked: Asked) -> float | None:
        return self._capture.told_of(asked.table.table).replay

    async def _replay(self, hub: Hub, subscription: Subscription, missed: list[Entry]) -> None:
        if missed:
            await hub.replay(subscription, missed)

    def _ready(self, asked: Asked, cursor: Cursor) -> None:
        frame = {"type": "ready", "id": self.id, "table": asked.table.table.label, "cursor": self._cursors.text(cursor)}
        self._put(said(frame))

    async def _initial(self, asked: Asked, head: Cursor, subscription: Subscription) -> None:
        """The rows as they are, up to the caller's limit."""
        await asyncio.sleep(SETTLE_SECONDS)
        snapshot, principal = self._capture.engine.snapshot, self._caller()
        access = snapshot.access(principal)
        context = self._present()
        limits = context.limits(principal.roles)
        limit, table = limits.rows, asked.table.table
        key = () if table.primary_key is None else table.primary_key.columns
        order = tuple(Order(Field(column)) for column in key if column in asked.table.readable.values())
        select = tuple(Output(column.name, Field(column)) for column in asked.columns)
        read = Read(table, select, where=asked.where, order=order, limit=limit)
        session = session_for(context, limits)
        answer = await self._capture.engine.answer(snapshot, access, read, principal, session)
        more = answer.seen is not None and answer.seen > limit
        plain = {column for name, column in asked.table.readable.items() if name not in asked.table.masked}
        if subscription.told is not None and set(key) <= plain.intersection(asked.columns):
            subscription.remember(keys_of(answer.body or b"[]", [column.name for column in key]))
        frame = {
            "type": "initial",
            "id": self.id,
            "items": orjson.Fragment(answer.body or b"[]"),
            "more": more,
            "cursor": self._cursors.text(head),
        }
        self._put(said(frame))

    def stop(self) -> None:
        """Be told nothing any more."""
        hub = self._capture.running
        if self._subscription is not None and hub is not None:
            hub.leave(self._subscription)
        self._subscription = None

    def put_anew(self) -> None:
        """The caller's credential is another: ask under it."""
        hub = self._capture.running
        if self._subscription is not None and hub is not None:
            hub.renew(self._subscription)

    # ── what the hub asks of a reader ────────────────────────────────────────────────────────

    def tell(self, notice: Notice) -> None:
        self._put(notice.rendered.get(self.id) or change_frame(notice, self.id, self._cursors))

    def resync(self, cursor: Cursor, reason: str) -> None:
        if self._subscription is not None:
            self._subscription.forget()
        self._put(said({"type": "resync", "id": self.id, "reason": reason, "cursor": self._cursors.text(cursor)}))

    def end(self, error: ReflectorError) -> None:
        self.stop()
        self._put(said(error_frame(error, self.id)))
        self._ended(self.id)

    def renew(self) -> Question:
        asked, (access, principal) = self._asked(), self._access()
        return self._capture.question(access, principal, asked.table.table, asked.where, asked.columns, asked.events)

    # ── reading the frame ────────────────────────────────────────────────────────────────────

    def _access(self) -> tuple[Access, Principal]:
        principal = self._caller()
        return self._capture.engine.snapshot.access(principal), principal

    def _asked(self) -> Asked:
        """What the frame asks for under the present snapshot; raises everything that is wrong with it."""
        access, principal = self._access()
        faults, given = FaultList(), self._request
        for name in given:
            if name not in MEMBERS:
                faults.add(_unknown(name))
        if not isinstance(given.get("table"), str):
            raise InvalidRequest('"table" is the name of a table', pointer="/table")
        table = access.scope.table(given["table"], pointer="/table")
        if not table.may_read:
            raise Forbidden(f"you may not read {table.table.label}")
        where: Filter = TRUE
        if given.get("filter") is not None:
            limits = self._present().limits(principal.roles)
            where = ConditionReader(access.scope, limits, faults).document(table, given["filter"], "/filter")
        columns = _columns(table, given.get("columns"), faults)
        told = self._capture.told_of(table.table).events
        if not told:
            raise Forbidden(f"changes of {table.table.label} are not told")
        events = _events(given.get("events"), told, faults)
        since, initial = given.get("since"), given.get("initial", False)
        if since is not None and not isinstance(since, str):
            faults.add(InvalidValue('"since" is a cursor'), "/since")
        if not isinstance(initial, bool):
            faults.add(InvalidValue('"initial" is true or false'), "/initial")
        faults.check()
        return Asked(table, where, columns, events, since, initial)


def _unknown(name: str) -> UnknownParameter:
    """A member that is none, or a parameter of the address that is none."""
    parameter = name.removeprefix(UNKNOWN)
    return UnknownParameter(parameter, MEMBERS if parameter == name else READ, pointer=f"/{parameter}")


def _columns(table: TableScope, given: Any, faults: FaultList) -> tuple[Column, ...]:
    if given is None:
        return tuple(table.answered.values())
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        faults.add(InvalidValue('"columns" is a list of names'), "/columns")
        return ()
    found: dict[Column, None] = {}
    for index, name in enumerate(given):
        with faults.at(f"/columns/{index}"):
            found[table.answered_column(name)] = None
    return tuple(found)


def _events(given: Any, told: frozenset[str], faults: FaultList) -> frozenset[str]:
    if given is None:
        return told
    if not isinstance(given, list) or not given or not all(isinstance(each, str) for each in given):
        faults.add(InvalidValue(f'"events" is a list of {", ".join(EVENTS)}'), "/events")
        return frozenset()
    for index, name in enumerate(given):
        if name not in EVENTS:
            faults.add(InvalidValue(f"there is no event {name!r}", hint=suggestion(name, EVENTS)), f"/events/{index}")
        elif name not in told:
            faults.add(InvalidValue(f"{name!r} is not told of this table"), f"/events/{index}")
    return frozenset(given)
