"""Changes of a PostgreSQL database, by any program: its own logical replication (`pgoutput`), streamed as it commits.

The slot keeps what was not read while we are away. Where to go on is known here, not taken from the slot, which may be
behind: so nothing is told twice after a broken connection or a crash of the server. One process reads a slot at a time.

Rule: only a whole transaction is told, and only after that is its place acknowledged. When the slot, the server or the
timeline is another than it was, what was missed cannot be known, and everybody is told to read afresh.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from reflector.changes.change import Codec
from reflector.changes.setup import DEFAULT, HINT, NAME, Choices, Setup, SetupFailed, Step
from reflector.changes.source import Sink
from reflector.changes.sources.pgoutput import EPOCH, Decoder
from reflector.changes.sources.postgresql_link import Link, ServerRefused
from reflector.changes.sources.postgresql_setup import look, setup_of, slot_name
from reflector.changes.sources.postgresql_values import CODEC
from reflector.database_url import DatabaseUrl
from reflector.errors import ChangesNotCaptured, ConnectionRefused, DatabaseUnavailable, ReflectorError

STATUS_SECONDS: Final = 5.0
BUSY: Final = "55006"
BUSY_SECONDS: Final = 0.2
BUSY_ATTEMPTS: Final = 5
LONGEST_WAIT: Final = 2.0
"""Seconds between two attempts to connect again; the first is made at once."""

Got = TypeVar("Got")

_DATA: Final = struct.Struct(">QQq")
_KEEPALIVE: Final = struct.Struct(">QqB")
_STATUS: Final = struct.Struct(">cQQQqB")


@dataclass(frozen=True, slots=True)
class Identity:
    """Which server this is, and on which line of its history."""

    system: str
    timeline: str


class PostgreSQLSource:
    """The changes of one database."""

    name = "PostgreSQL logical replication"
    codec: Codec = CODEC

    def __init__(self, url: DatabaseUrl) -> None:
        self._url = url
        self._sink: Sink | None = None
        self._task: asyncio.Task[None] | None = None
        self._identity: Identity | None = None
        self._done = 0
        """The end of the last transaction that was told: the place to go on from."""
        self._held: int | None = None
        """The place that may be acknowledged at most; None where all that was told may."""
        self._link: Link | None = None
        self._ticking: asyncio.TimerHandle | None = None

    async def start(self, sink: Sink, since: str | None = None) -> None:
        self._sink = sink
        if since is not None:
            system, timeline, place = since.split(" ")
            self._identity, self._done = Identity(system, timeline), number(place)
        try:
            link = await unoccupied(self._streaming)
        except ServerRefused as fault:
            raise explained(fault) from fault
        except (OSError, EOFError) as fault:
            raise DatabaseUnavailable("the database cannot be reached") from fault
        sink.publish((), self._place())
        self._task = asyncio.create_task(self._run(link, sink), name="reflector-changes")

    def hold(self, place: str | None) -> None:
        if place is None:
            self._held = None
        else:
            self._held = number(place.rpartition(" ")[2]) if place else 0
        if self._link is not None and place:
            self._acknowledge(self._link)

    def _place(self) -> str:
        known = self._identity or Identity("", "")
        return f"{known.system} {known.timeline} {text(self._done)}"

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    # ── what is installed ────────────────────────────────────────────────────────────────────

    async def setup(self, choices: Choices = DEFAULT) -> Setup:
        async with self._connected() as link:
            return setup_of(await look(link), choices)

    async def perform(self, steps: Sequence[Step]) -> None:
        async with self._connected() as link:
            for step in steps:
                try:
                    await unoccupied(partial(link.query, step.sql))
                except ServerRefused as fault:
                    raise SetupFailed(f"PostgreSQL refuses {step.sql!r}: {fault.text}") from fault

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Link]:
        """A plain connection, for questions."""
        link = None
        try:
            link = await Link.open(self._url, replication=False)
            yield link
        except (ServerRefused, OSError, EOFError) as fault:
            raise DatabaseUnavailable("the database cannot be reached") from fault
        finally:
            if link is not None:
                link.close()

    # ── the stream ───────────────────────────────────────────────────────────────────────────

    async def _streaming(self) -> Link:
        """A connection that streams from the place where we are; at first, from now."""
        link = await Link.open(self._url, replication=True)
        try:
            [[system, timeline, flushed, *_]] = await link.query("IDENTIFY_SYSTEM")
            [[database]] = await link.query(
                "SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()"
            )
            slot = slot_name(str(database))
            self._check(Identity(str(system), str(timeline)), await self._confirmed(link, slot), number(str(flushed)))
            place = text(self._done)
            await link.copy_both(
                f"START_REPLICATION SLOT \"{slot}\" LOGICAL {place} (proto_version '1', publication_names '\"{NAME}\"')"
            )
        except BaseException:
            link.close()
            raise
        return link

    async def _confirmed(self, link: Link, slot: str) -> int:
        """Up to where the slot was read."""
        rows = await link.query(
            f"SELECT confirmed_flush_lsn, wal_status FROM pg_catalog.pg_replication_slots WHERE slot_name = '{slot}'"
        )
        if not rows:
            raise ChangesNotCaptured("changes of this database are not captured", hint=HINT)
        [[confirmed, status]] = rows
        if status == "lost":
            raise ChangesNotCaptured("what was to be kept of changes has been dropped: install again", hint=HINT)
        published = await link.query(f"SELECT 1 FROM pg_catalog.pg_publication WHERE pubname = '{NAME}'")
        if not published:
            raise ChangesNotCaptured("changes of this database are not captured", hint=HINT)
        return number(str(confirmed))

    def _check(self, identity: Identity, confirmed: int, flushed: int) -> None:
        """Whether the stream goes on where we are; where it cannot, begin from now and say so."""
        known = self._identity is None or (self._identity == identity and confirmed <= self._done <= flushed)
        if self._identity is None or not known:
            self._done = max(flushed, confirmed)
        self._identity = identity
        if not known and self._sink is not None:
            self._sink.lose(
                "the database is another than before, was restored, or told its changes to another", self._place()
            )

    async def _run(self, link: Link | None, sink: Sink) -> None:
        """Stream until closed; where the stream breaks, go on with another."""
        wait = 0.0
        while True:
            reason = "the connection was lost"
            try:
                if link is None:
                    link = await self._streaming()
                wait = 0.0
                sink.report(True, "")
                await self._follow(link, sink)
            except (OSError, EOFError, ReflectorError) as fault:
                reason = str(fault)
            except ServerRefused as fault:
                reason = str(explained(fault))
            finally:
                if link is not None:
                    link.close()
                    link = None
            sink.report(False, reason)
            await asyncio.sleep(wait)
            wait = min(LONGEST_WAIT, wait * 2 or 0.05)

    async def _follow(self, link: Link, sink: Sink) -> None:
        decoder = Decoder()
        loop = asyncio.get_running_loop()
        last = loop.time()
        self._link = link
        self._tick(link)
        try:
            async for batch in link.copied():
                asked = False
                for body in batch:
                    asked = self._take(decoder, body, sink) or asked
                if asked or loop.time() - last > 1.0:
                    last = loop.time()
                    self._acknowledge(link)
        finally:
            self._link = None
            if self._ticking is not None:
                self._ticking.cancel()

    def _take(self, decoder: Decoder, body: bytes, sink: Sink) -> bool:
        """Tell what a message completes; whether the server wants to hear from us."""
        if body[:1] == b"w":
            transaction = decoder.feed(body[1 + _DATA.size :])
            if transaction is not None and transaction.end > self._done:
                self._done = transaction.end
                sink.publish(transaction.changes, self._place())
            return False
        if body[:1] == b"k":
            end, _, asked = _KEEPALIVE.unpack_from(body, 1)
            if not decoder.open:
                # Nothing is under way: what lies before this place is not for us.
                self._done = max(self._done, end)
                sink.publish((), self._place())
            return bool(asked)
        return False

    def _tick(self, link: Link) -> None:
        self._acknowledge(link)
        self._ticking = asyncio.get_running_loop().call_later(STATUS_SECONDS, self._tick, link)

    def _acknowledge(self, link: Link) -> None:
        now = int((time.time() - EPOCH) * 1e6)
        kept = self._done if self._held is None else min(self._done, self._held)
        link.copy(_STATUS.pack(b"r", self._done, kept, kept, now, 0))


async def unoccupied(ask: Callable[[], Awaitable[Got]]) -> Got:
    """What is got of a slot. Whoever read it before us may take a moment to be gone; raises ServerRefused."""
    for _ in range(BUSY_ATTEMPTS):
        try:
            return await ask()
        except ServerRefused as fault:
            if fault.sqlstate != BUSY:
                raise
        await asyncio.sleep(BUSY_SECONDS)
    return await ask()


def number(place: str) -> int:
    """`16/B374D848` as a number."""
    high, _, low = place.partition("/")
    return int(high, 16) << 32 | int(low, 16)


def text(place: int) -> str:
    return f"{place >> 32:X}/{place & 0xFFFFFFFF:X}"


def explained(fault: ServerRefused) -> ReflectorError:
    """What a refusal means to those who follow."""
    match fault.sqlstate:
        case "42704":
            return ChangesNotCaptured("changes of this database are not captured", hint=HINT)
        case "55006":
            return ChangesNotCaptured("another server captures the changes of this database at the moment")
        case "55000":
            return ChangesNotCaptured("what was to be kept of changes has been dropped: install again", hint=HINT)
        case "42501" | "28000" | "28P01":
            return ConnectionRefused("the database's role may not replicate", hint=HINT)
        case _:
            return DatabaseUnavailable("the database does not stream at the moment")
