"""Changes of a SQLite file, by any program: triggers write them down, and this reads them as soon as they are committed.

One connection of our own looks every 5 ms whether the file has changed (`data_version`, some microseconds), in a
thread of its own, and reads what is new. Look and read are one transaction with a look at the schema, so that an image
is never read under columns that it was not written for.

Rule: a gap is never guessed over: missing numbers, another file in the place of this one, or a schema that has changed
under the triggers, and everybody is told to read afresh.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from reflector.changes.change import Batch, Codec
from reflector.changes.setup import DEFAULT, HINT, Choices, Setup, SetupFailed, Step
from reflector.changes.source import Sink
from reflector.changes.sources.sqlite_outbox import resolved
from reflector.changes.sources.sqlite_setup import (
    OUTBOX,
    Shape,
    install_steps,
    needed,
    opened,
    ours,
    perform,
    quoted,
    setup_of,
    shapes,
)
from reflector.changes.sources.sqlite_values import CODEC
from reflector.database_url import DatabaseUrl
from reflector.drivers.protocol import Settings
from reflector.drivers.sqlite_file import connect, usable_file
from reflector.errors import ChangesNotCaptured, ConnectionRefused, DatabaseUnavailable

POLL_SECONDS: Final = 0.005
LOOK_AROUND_SECONDS: Final = 0.5
"""How often to look whether the path still leads to the same file."""
AGAIN_SECONDS: Final = 0.5
NEW: Final = f"SELECT seq, at, tab, op, old, new FROM {quoted(OUTBOX)} WHERE seq > ? ORDER BY seq"
ONE: Final = f"SELECT seq, at, tab, op, old, new FROM {quoted(OUTBOX)} WHERE seq = ?"
NEXT: Final = f"SELECT min(seq) FROM {quoted(OUTBOX)} WHERE seq > ?"
NEWEST: Final = f"SELECT coalesce(max(seq), 0) FROM {quoted(OUTBOX)}"


class SQLiteSource:
    """The changes of one file."""

    name = "SQLite triggers"
    codec: Codec = CODEC

    def __init__(self, url: DatabaseUrl) -> None:
        self._url = url
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    async def start(self, sink: Sink, since: str | None = None) -> None:
        loop = asyncio.get_running_loop()
        started: asyncio.Future[None] = loop.create_future()
        follower = Follower(self._url, self._stop, Told(loop, sink), Told.of(loop, started), since)
        self._thread = threading.Thread(target=follower.run, name="reflector-changes", daemon=True)
        self._thread.start()
        await started

    def hold(self, place: str | None) -> None:
        """Nothing: the ring keeps what it keeps, whoever has read it."""

    async def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    async def setup(self, choices: Choices = DEFAULT) -> Setup:
        return await asyncio.to_thread(self._setup)

    async def perform(self, steps: Sequence[Step]) -> None:
        await asyncio.to_thread(self._perform, steps)

    def _perform(self, steps: Sequence[Step]) -> None:
        try:
            with closing(opened(self._url)) as connection:
                perform(connection, steps)
        except sqlite3.Error as error:
            raise SetupFailed(f"SQLite refuses: {error}") from error

    def _setup(self) -> Setup:
        try:
            with closing(connect(self._url, Settings(writable=False), writer=False)) as connection:
                return setup_of(connection)
        except sqlite3.Error as error:
            raise DatabaseUnavailable("the database file cannot be read") from error


class Told:
    """The sink, from the thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sink: Sink) -> None:
        self._loop = loop
        self._sink = sink

    def publish(self, batch: Batch, place: str) -> None:
        self._call(self._sink.publish, batch, place)

    def lose(self, reason: str, place: str) -> None:
        self._call(self._sink.lose, reason, place)

    def report(self, active: bool, reason: str) -> None:
        self._call(self._sink.report, active, reason)

    def _call(self, what: Callable[..., None], *values: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(what, *values)

    @staticmethod
    def of(loop: asyncio.AbstractEventLoop, future: asyncio.Future[None]) -> Callable[[Exception | None], None]:
        """Settles the future from the thread."""

        def settle(error: Exception | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

        def tell(error: Exception | None) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, error)

        return tell


@dataclass(slots=True)
class Position:
    """Where the reading is. `file` tells the file apart from another of the same path."""

    last: int
    schema_version: int
    file: tuple[int, int]
    triggers: Mapping[str, str]
    shapes: Mapping[str, Shape]
    row: str = ""
    """What tells the last row that was read from any other of its number."""

    def text(self) -> str:
        """The place for whoever goes on from here, perhaps after another start."""
        return f"{self.last} {self.row or '-'} {self.schema_version} {_mark(sorted(self.triggers.items()))}"


class Follower:
    """The thread's work. `since`: the text of a position to go on from."""

    def __init__(
        self,
        url: DatabaseUrl,
        stop: threading.Event,
        told: Told,
        started: Callable[[Exception | None], None],
        since: str | None = None,
    ) -> None:
        self._url = url
        self._stop = stop
        self._told = told
        self._started = started
        self._since = since
        self._active = False

    def run(self) -> None:
        """Follow the file until stopped; where it cannot be read, try again."""
        began = False
        while True:
            try:
                with closing(self._connected()) as connection:
                    position = self._begun(connection)
                    if began:
                        self._told.lose("the file was away for a moment", position.text())
                    elif self._since is not None and not self._goes_on(connection, position, self._since):
                        self._told.lose("more changed than is kept while nobody followed", position.text())
                    else:
                        self._told.publish((), position.text())
                    began = True
                    self._started(None)
                    self._say(True, "")
                    self._follow(connection, position)
            except (ConnectionRefused, ChangesNotCaptured, sqlite3.Error) as error:
                if not began:
                    self._started(_explained(error))
                    return
                self._say(False, f"the file cannot be read: {error}")
            if self._stop.wait(AGAIN_SECONDS):
                return

    def _say(self, active: bool, reason: str) -> None:
        if active != self._active:
            self._active = active
            self._told.report(active, reason)

    def _connected(self) -> sqlite3.Connection:
        return connect(self._url, Settings(writable=False), writer=False)

    def _begun(self, connection: sqlite3.Connection) -> Position:
        """The place behind everything that is committed now."""
        connection.execute("BEGIN")
        try:
            triggers = ours(connection)
            if OUTBOX not in triggers or triggers != needed(connection):
                raise ChangesNotCaptured("changes of this file are not captured", hint=HINT)
            return self._position(connection, triggers)
        finally:
            connection.execute("COMMIT")

    def _goes_on(self, connection: sqlite3.Connection, position: Position, since: str) -> bool:
        """Whether everything that followed that place is still here; the position is there then."""
        last, row, *schema = since.split(" ")
        at, now = int(last), position.text().split(" ")[2:]
        if position.last == at:
            same = now == schema if row == "-" else position.row == row
            return same and now[1:] == schema[1:]
        first = connection.execute(NEXT, (at,)).fetchone()
        # Before the first change there is no row to know the ring by: then nothing of the schema may have changed.
        known = now == schema if row == "-" else _row_mark(connection, at) == row and now[1:] == schema[1:]
        if not known or first is None or first[0] != at + 1:
            return False
        position.last, position.row = at, row
        return True

    def _position(self, connection: sqlite3.Connection, triggers: Mapping[str, str]) -> Position:
        [(last,)] = connection.execute(NEWEST).fetchall()
        by_name = {shape.name: shape for shape in shapes(connection)}
        version, row = _number(connection, "schema_version"), _row_mark(connection, last)
        return Position(last, version, self._file(), triggers, by_name, row)

    def _file(self) -> tuple[int, int]:
        found = usable_file(self._url).stat()
        return found.st_dev, found.st_ino

    def _follow(self, connection: sqlite3.Connection, position: Position) -> None:
        version, idle = -1, 0.0
        while not self._stop.wait(POLL_SECONDS):
            seen = _number(connection, "data_version")
            if seen != version:
                version, idle = seen, 0.0
                self._read(connection, position)
                continue
            idle += POLL_SECONDS
            if idle >= LOOK_AROUND_SECONDS:
                idle = 0.0
                if self._file() != position.file:
                    return

    def _read(self, connection: sqlite3.Connection, position: Position) -> None:
        connection.execute("BEGIN")
        try:
            if _number(connection, "schema_version") != position.schema_version:
                stale = self._look_at_schema(connection, position)
            else:
                stale = False
            rows = [] if stale else connection.execute(NEW, (position.last,)).fetchall()
            gap = rows and rows[0][0] != position.last + 1
            if not rows and not stale:
                gap = connection.execute(NEWEST).fetchone()[0] < position.last
            if stale or gap:
                position.last = connection.execute(NEWEST).fetchone()[0]
                position.row = _row_mark(connection, position.last)
        finally:
            connection.execute("COMMIT")
        if stale:
            self._told.lose("the schema has changed", position.text())
            self._mend()
        elif gap:
            self._told.lose("more changed at once than is kept", position.text())
        elif rows:
            position.last, position.row = rows[-1][0], _mark(rows[-1])
            self._told.publish(list(resolved(rows, position.shapes)), position.text())

    def _look_at_schema(self, connection: sqlite3.Connection, position: Position) -> bool:
        """Whether what the triggers wrote since may not be what it seems."""
        triggers, by_name = ours(connection), {shape.name: shape for shape in shapes(connection)}
        if OUTBOX not in triggers:
            raise ChangesNotCaptured("changes of this file are no longer captured", hint=HINT)
        same = triggers == position.triggers and by_name == position.shapes
        position.schema_version = _number(connection, "schema_version")
        position.triggers, position.shapes = triggers, by_name
        return not same

    def _mend(self) -> None:
        """Bring the triggers up to the tables as they are now."""
        try:
            with closing(opened(self._url)) as connection:
                steps = list(install_steps(connection))
                if steps:
                    perform(connection, steps)
        except (ConnectionRefused, sqlite3.Error) as error:
            self._told.report(False, f"the triggers do not fit the tables any more and cannot be renewed: {error}")


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    [(number,)] = connection.execute(f"PRAGMA {pragma}").fetchall()
    return int(number)


def _row_mark(connection: sqlite3.Connection, number: int) -> str:
    """The mark of the row of the ring with this number, "" where it is not there."""
    found = connection.execute(ONE, (number,)).fetchone()
    return "" if found is None else _mark(found)


def _mark(value: object) -> str:
    return blake2b(repr(value).encode(), digest_size=8).hexdigest()


def _explained(error: Exception) -> Exception:
    if isinstance(error, ChangesNotCaptured):
        return error
    unavailable = DatabaseUnavailable("the database file cannot be read")
    unavailable.__cause__ = error
    return unavailable
