"""What webhooks are still to be told, in a SQLite file of ours, and how far the database's changes were read for it.

    webhook    those that there are
    asked      what each of them asks of each of its tables, in short: another question is answered by `resync`
    event      what is to be told, numbered in the order of commit
    message    which of them are being delivered at the moment, under which id
    gone       which of them are told nothing more, because the receiver at that address said so
    place      how far changes were read: from there on they are read again after a start

What is told and the place are written in one transaction, so that an event is in the file once. A message is made once, and
sent as it was made until it is taken or given up: whoever gets it twice knows it by its id.

Rule: one process has the file at a time, and it may be read by nobody else: it holds rows.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

VERSION: Final = 3
BUSY_SECONDS: Final = 2.0
"""For how long another process may take to be gone."""
SCHEMA: Final = """
CREATE TABLE spool (database TEXT, place TEXT);
CREATE TABLE webhook (name TEXT PRIMARY KEY);
CREATE TABLE asked (webhook TEXT NOT NULL, source TEXT NOT NULL, mark TEXT NOT NULL, PRIMARY KEY (webhook, source));
CREATE TABLE event (number INTEGER PRIMARY KEY AUTOINCREMENT, webhook TEXT NOT NULL, at REAL NOT NULL, body BLOB NOT NULL);
CREATE INDEX event_of ON event (webhook, number);
CREATE TABLE message (webhook TEXT PRIMARY KEY, id TEXT NOT NULL, last INTEGER NOT NULL, since REAL NOT NULL);
CREATE TABLE gone (webhook TEXT PRIMARY KEY, address TEXT NOT NULL, at REAL NOT NULL);
"""
LATER: Final[Mapping[int, str]] = {
    2: "CREATE TABLE gone (webhook TEXT PRIMARY KEY, address TEXT NOT NULL, at REAL NOT NULL)"
}
"""What a file of an older version lacks, by that version: one step each."""
KEEP: Final = "INSERT INTO event (webhook, at, body) VALUES (?, ?, ?)"
ASK: Final = "INSERT OR REPLACE INTO asked (webhook, source, mark) VALUES (?, ?, ?)"
GONE: Final = "INSERT OR REPLACE INTO gone (webhook, address, at) VALUES (?, ?, ?)"
OLDEST: Final = "SELECT at FROM event WHERE webhook = ? ORDER BY number LIMIT 1"
LARGEST_MESSAGE: Final = 1024 * 1024
"""Bytes of events in one message, but for a single one that is larger."""


class SpoolRefused(Exception):
    """The file cannot be used; the message ends the sentence "the file of webhooks …"."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing to tell one webhook: a JSON object. `at`: when it was known, in seconds since 1970. `asked`: from then on this
    is asked of a table, the table and the question's mark."""

    webhook: str
    at: float
    body: bytes
    asked: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for one webhook: how many events, of how many bytes, since when (None: nothing does)."""

    events: int = 0
    size: int = 0
    oldest: float | None = None

    def grown(self, event: Event) -> Waiting:
        """With one more."""
        oldest = event.at if self.oldest is None else self.oldest
        return Waiting(self.events + 1, self.size + len(event.body), oldest)


@dataclass(frozen=True, slots=True)
class Message:
    """Events that are delivered together. `since`: when that was first tried, in seconds since 1970."""

    id: str
    since: float
    bodies: tuple[bytes, ...]
    last: int

    @property
    def size(self) -> int:
        return sum(map(len, self.bodies))


class Spool:
    """The file, open. Every method takes its time and is called in one thread; each raises sqlite3.Error."""

    def __init__(self, connection: sqlite3.Connection, path: Path, identity: tuple[int, int]) -> None:
        self._connection = connection
        self._path, self._identity = path, identity
        [(self.database, self.place)] = connection.execute("SELECT database, place FROM spool").fetchall()

    @classmethod
    def open(cls, path: Path) -> Spool:
        """Open or make the file; raises SpoolRefused."""
        if not path.parent.is_dir():
            raise SpoolRefused("is to stand in a folder that is not there")
        try:
            # SQLite gives its journal the rights of the file itself.
            opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            identity = identity_of(os.fstat(opened))
            os.close(opened)
            connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as fault:
            raise SpoolRefused("cannot be written") from fault
        try:
            _prepare(connection)
            return cls(connection, path, identity)
        except (SpoolRefused, sqlite3.Error) as fault:
            connection.close()
            if isinstance(fault, SpoolRefused):
                raise
            busy = getattr(fault, "sqlite_errorname", "") in {"SQLITE_BUSY", "SQLITE_LOCKED"}
            raise SpoolRefused("is in use by another process" if busy else "is no file of ours or broken") from fault

    def close(self) -> None:
        self._connection.close()

    # ── what comes ───────────────────────────────────────────────────────────────────────────

    def write(self, events: Sequence[Event], database: str, place: str | None) -> None:
        """Keep the events, in order, and how far was read."""
        with _whole(self._connection) as connection:
            connection.executemany(KEEP, [(each.webhook, each.at, each.body) for each in events])
            connection.executemany(ASK, [(each.webhook, *each.asked) for each in events if each.asked is not None])
            if place is not None:
                connection.execute("UPDATE spool SET database = ?, place = ?", (database, place))
        if place is not None:
            self.database, self.place = database, place

    def stands(self) -> bool:
        """Whether the next start will find the file: it may be removed while it is open, and then nobody else has it."""
        try:
            return identity_of(self._path.stat()) == self._identity
        except OSError:
            return False

    def replace(self, event: Event, gone: tuple[str, float] | None = None) -> Waiting:
        """Forget all that waits for a webhook but for this one event. `gone`: the address to which nothing is sent from now on,
        and since when it takes nothing."""
        with _whole(self._connection) as connection:
            _forget(connection, event.webhook)
            connection.execute(KEEP, (event.webhook, event.at, event.body))
            if gone is not None:
                connection.execute(GONE, (event.webhook, *gone))
        return self.waiting(event.webhook)

    def gone(self, webhook: str, address: str) -> float | None:
        """Since when the receiver at this address wants to be told nothing, in seconds since 1970; None where it does. What one
        at another address said is forgotten."""
        self._connection.execute("DELETE FROM gone WHERE webhook = ? AND address <> ?", (webhook, address))
        found = self._connection.execute("SELECT at FROM gone WHERE webhook = ?", (webhook,)).fetchone()
        return None if found is None else float(found[0])

    # ── what goes ────────────────────────────────────────────────────────────────────────────

    def message(self, webhook: str, most: int) -> Message | None:
        """What is to be delivered next: at most so many events; None where nothing waits."""
        known = self._connection.execute("SELECT id, last, since FROM message WHERE webhook = ?", (webhook,)).fetchone()
        if known is None:
            known = self._made(webhook, most)
        if known is None:
            return None
        id_, last, since = known
        bodies = self._connection.execute(
            "SELECT body FROM event WHERE webhook = ? AND number <= ? ORDER BY number", (webhook, last)
        ).fetchall()
        return Message(id_, since, tuple(body for (body,) in bodies), last)

    def _made(self, webhook: str, most: int) -> tuple[str, int, float] | None:
        found = self._connection.execute(
            "SELECT number, length(body) FROM event WHERE webhook = ? ORDER BY number LIMIT ?", (webhook, most)
        ).fetchall()
        if not found:
            return None
        last, size = found[0][0], 0
        for number, length in found:
            size += length
            if size > LARGEST_MESSAGE:
                break
            last = number
        # A number would tell one receiver how much others are told.
        made = (f"msg_{secrets.token_hex(12)}", last, time.time())
        self._connection.execute("INSERT INTO message (webhook, id, last, since) VALUES (?, ?, ?, ?)", (webhook, *made))
        return made

    def delivered(self, webhook: str, message: Message) -> tuple[int, float | None]:
        """Forget what the receiver has taken: how many events that were, and since when the next one waits."""
        with _whole(self._connection) as connection:
            gone = connection.execute("DELETE FROM event WHERE webhook = ? AND number <= ?", (webhook, message.last))
            connection.execute("DELETE FROM message WHERE webhook = ? AND id = ?", (webhook, message.id))
            oldest = connection.execute(OLDEST, (webhook,)).fetchone()
        return gone.rowcount, None if oldest is None else oldest[0]

    def waiting(self, webhook: str) -> Waiting:
        """What waits for a webhook."""
        counted = "SELECT count(*), coalesce(sum(length(body)), 0), min(at) FROM event WHERE webhook = ?"
        return Waiting(*self._connection.execute(counted, (webhook,)).fetchone())

    def known(self) -> frozenset[str]:
        """The webhooks that there were when the file was last in use."""
        return frozenset(name for (name,) in self._connection.execute("SELECT name FROM webhook"))

    def asked(self) -> Mapping[tuple[str, str], str]:
        """The mark of each question, by webhook and table."""
        found = self._connection.execute("SELECT webhook, source, mark FROM asked")
        return {(webhook, source): mark for webhook, source, mark in found}

    def settle(self, webhooks: Collection[str], asked: Mapping[tuple[str, str], str]) -> Sequence[tuple[str, int]]:
        """These are the webhooks from now on, and what these ask: what waits for others is forgotten; for which, and how many
        events each."""
        with _whole(self._connection) as connection:
            waiting = connection.execute("SELECT webhook, count(*) FROM event GROUP BY webhook").fetchall()
            gone = [(name, count) for name, count in waiting if name not in webhooks]
            for name, _ in gone:
                _forget(connection, name)
            known = connection.execute("SELECT webhook FROM asked UNION SELECT webhook FROM gone").fetchall()
            left = [each for each in known if each[0] not in webhooks]
            connection.executemany("DELETE FROM asked WHERE webhook = ?", left)
            connection.executemany("DELETE FROM gone WHERE webhook = ?", left)
            connection.executemany(ASK, [(*key, mark) for key, mark in asked.items()])
            connection.execute("DELETE FROM webhook")
            connection.executemany("INSERT INTO webhook (name) VALUES (?)", [(name,) for name in webhooks])
        return gone


def identity_of(found: os.stat_result) -> tuple[int, int]:
    """Which file it is, wherever it stands."""
    return found.st_dev, found.st_ino


@contextmanager
def _whole(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All of it or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _forget(connection: sqlite3.Connection, webhook: str) -> None:
    connection.execute("DELETE FROM event WHERE webhook = ?", (webhook,))
    connection.execute("DELETE FROM message WHERE webhook = ?", (webhook,))


def _prepare(connection: sqlite3.Connection) -> None:
    # What is committed outlives a machine that stops, and the file is ours alone for as long as it is open.
    for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    with _whole(connection):
        [(version,)] = connection.execute("PRAGMA user_version").fetchall()
        if version == 0 and connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
            for statement in filter(str.strip, SCHEMA.split(";")):
                connection.execute(statement)
            connection.execute("INSERT INTO spool DEFAULT VALUES")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        elif version in LATER:
            for step in range(version, VERSION):
                connection.execute(LATER[step])
            connection.execute(f"PRAGMA user_version = {VERSION}")
        elif version != VERSION:
            raise SpoolRefused("is no file of ours, or a newer version's")
