"""PostgreSQL, through asyncpg.

A statement is prepared once per connection and kept, the one unused for longest being let go. JSON comes as the bytes
that the server made, and goes to the caller as it is.

Rule: preparing sends no Sync, so a connection on which a statement was prepared and not run would hold its locks: every
unforeseen error is followed by a round trip that ends whatever is open, or by closing the connection.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Hashable, Mapping
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, Final
from urllib.parse import urlencode

import asyncpg

from reflector.catalog.model import DatabaseKind
from reflector.database_url import DatabaseUrl
from reflector.drivers import postgresql_errors
from reflector.drivers.network import GRACE, NetworkDriver, carried_out
from reflector.drivers.protocol import Session, Settings
from reflector.drivers.steps import UNMEASURED, Rows, Values
from reflector.drivers.verdict import After, Verdict
from reflector.errors import AnswerTooLarge, ConnectionRefused, DatabaseUnavailable, InternalError
from reflector.sql.plan import Answer, BoundPlan

KEPT_STATEMENTS: Final = 200
BESIDE: Final = 64 * 1024
"""Bytes that an answer may have beside its documents: what the protocol says, notices, the order values of a row."""
CLOSE_SECONDS: Final = 1.0
TLS_OPTIONS: Final = ("sslmode", "sslrootcert", "sslcert", "sslkey")

SERVER_SETTINGS: Final[Mapping[str, str]] = {
    "application_name": "reflector",
    "client_encoding": "UTF8",
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "jit": "off",  # compiling costs more than short queries take
}
"""Constants of every connection. `search_path` is left as the database has it: it says which schema is the first, and
functions and triggers of the database's own rely on it."""

KEPT_SETTING: Final = "IntervalStyle"
"""What PostgreSQL reports of those; where it is another, something between here and there drops what a connection began with: answers
would be written otherwise, and no time limit nor the refusal of writes would hold."""

AFRESH: Final = "RESET ROLE; RESET ALL"
ANOTHER: Final = f"RESET SESSION AUTHORIZATION; {AFRESH}"
CHECKED: Final = "SET CONSTRAINTS ALL IMMEDIATE"
LATE: Final = """
SELECT DISTINCT pg_catalog.format('%I.%I', n.nspname, c.conname)
FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace WHERE c.condeferred"""
"""The constraints that are asked at the end of a transaction where nobody says otherwise."""
RENEWED: Final = """
CLOSE ALL; RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; UNLISTEN *; DISCARD TEMP; DISCARD SEQUENCES;
SELECT pg_catalog.pg_advisory_unlock_all()"""
"""What a function may have left to its session; statements that we keep stay."""
SAID: Final = """
SELECT pg_catalog.current_setting('response.headers', true), pg_catalog.current_setting('response.status', true)"""


class Gauge(asyncio.Protocol):
    """Stands between a connection's socket and the library, which would hold a message of any size several times, and
    hangs up where an answer is larger than it may be. `left`: bytes that may come before the next statement."""

    __slots__ = ("_inner", "_taken", "_transport", "left")

    def __init__(self, inner: Any, transport: Any) -> None:
        self.left = UNMEASURED
        self._inner = inner
        self._taken = inner.data_received
        self._transport = transport

    @classmethod
    def on(cls, raw: Any) -> Gauge:
        """One that is put onto a connection of the library's."""
        gauge = cls(raw._protocol, raw._transport)  # noqa: SLF001 - the library has no word for it
        raw._transport.set_protocol(gauge)  # noqa: SLF001
        return gauge

    def data_received(self, data: bytes) -> None:
        self.left -= len(data)
        if self.left < 0:
            self._transport.abort()
        else:
            self._taken(data)

    def eof_received(self) -> bool | None:
        kept: bool | None = self._inner.eof_received()
        return kept

    def connection_lost(self, exc: Exception | None) -> None:
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()


class PostgreSQLConnection:
    """One connection. `deadline`: seconds after which an unanswered statement is given up."""

    __slots__ = (
        "_deadline",
        "_gauge",
        "_names",
        "_prepares",
        "_read_only",
        "_role",
        "_soiled",
        "generation",
        "made",
        "raw",
        "statements",
        "used",
    )

    def __init__(self, raw: Any, deadline: float, gauge: Gauge, *, prepares: bool = True) -> None:
        self.generation = self.used = 0
        self.made = 0.0
        self.raw = raw
        self._gauge = gauge
        self.statements: OrderedDict[Hashable, Any] = OrderedDict()
        self._names = count()
        self._deadline = deadline
        self._prepares = prepares
        self._read_only = False
        self._role: str | None = None
        self._soiled = False

    async def rows(self, text: str, values: Values, limit: float | None, largest: int) -> Rows:
        self._gauge.left = largest + BESIDE
        deadline = self._deadline if limit is None else limit
        if not self._prepares:
            found: Rows = await self.raw.fetch(text, *values, timeout=deadline)
            return found
        # What was planned for one role is never run for another, whatever the server remembers of it.
        key: Hashable = text if self._role is None else (self._role, text)
        statement = self.statements.get(key)
        if statement is None:
            statement = await self._prepare(key, text, deadline)
        else:
            self.statements.move_to_end(key)
        try:
            rows: Rows = await statement.fetch(*values, timeout=deadline)
        except asyncpg.PostgresError as error:
            if error.sqlstate in {"0A000", *postgresql_errors.STALE_STATEMENT}:
                self.statements.pop(key, None)
            raise
        return rows

    async def own_rows(self, text: str, values: Values) -> Rows:
        self._gauge.left = UNMEASURED
        if self._soiled:
            await self.raw.execute(AFRESH, timeout=self._deadline)
            self._soiled = False
        rows: Rows = await self.raw.fetch(text, *values, timeout=self._deadline)
        return rows

    async def read_rows(self, text: str, values: Values) -> Rows:
        return await self.own_rows(text, values)

    async def begin(self, session: Session, *, read_only: bool) -> None:
        """Readers see one moment; writers see what is committed, statement by statement."""
        self._read_only = read_only
        self._gauge.left = UNMEASURED
        mode = _mode(session, read_only=read_only)
        afresh = self._soiled or session.role is not None
        # Functions of the database may set something for longer than their transaction.
        self._soiled = session.role is not None
        await self.raw.execute(f"{AFRESH}; {mode}" if afresh else mode, timeout=self._deadline)
        await self._become(session)
        await self.call_first(session)

    async def turn(self, session: Session) -> None:
        """Go on with the transaction as another session. Its level stays; one that was not read-only may become so."""
        await self.raw.execute(ANOTHER, timeout=self._deadline)
        self._role, self._read_only = None, session.read_only
        if session.read_only:
            await self.raw.execute("SET TRANSACTION READ ONLY", timeout=self._deadline)
        await self._become(session)

    async def check_constraints(self, *, again: bool) -> None:
        """Ask at once what would be asked at the end. `again`: what is written from here on is asked about in its own time."""
        await self.raw.execute(CHECKED, timeout=self._deadline)
        late = [str(name) for (name,) in await self.raw.fetch(LATE, timeout=self._deadline)] if again else []
        if late:
            await self.raw.execute(f"SET CONSTRAINTS {', '.join(late)} DEFERRED", timeout=self._deadline)

    async def _become(self, session: Session) -> None:
        """Take the session's role and settings, for this transaction alone; all in one statement."""
        settings = dict(session.settings)
        if session.role is not None:
            settings = {"role": session.role, **settings}
        if session.login is not None:
            settings = {"session_authorization": session.login, **settings}
        if not settings:
            return
        calls = ", ".join(f"pg_catalog.set_config(${2 * n + 1}, ${2 * n + 2}, true)" for n in range(len(settings)))
        values = [part for pair in settings.items() for part in pair]
        found = await self.rows(f"SELECT {calls}, current_user::pg_catalog.text", values, session.timeout, UNMEASURED)
        if session.role is not None:
            self._role = session.role
            if found[0][-1] != session.role:
                raise InternalError("the database did not take the caller's role")

    async def call_first(self, session: Session) -> None:
        """Call the function that the session has called before anything else."""
        if session.first:
            await self.rows(f"SELECT {'.'.join(map(_quoted, session.first))}()", (), session.timeout, UNMEASURED)

    async def commit(self, session: Session) -> None:
        self._gauge.left = UNMEASURED
        if session.said is not None:
            ((headers, status),) = await self.rows(SAID, (), session.timeout, UNMEASURED)
            session.said.headers, session.said.status = headers or None, status or None
        if session.rollback:
            # What would be refused at the end is refused all the same.
            await self.raw.execute(f"{CHECKED}; ROLLBACK", timeout=self._deadline)
        elif await self.raw.execute("COMMIT", timeout=self._deadline) != "COMMIT":
            raise DatabaseUnavailable("the database did not keep the change")
        self._read_only, self._role = False, None

    async def settle(self) -> None:
        # asyncpg holds this back until the cancelled command has ended; a cancel that comes late meets this, not
        # the next caller's statement.
        self._gauge.left = max(self._gauge.left, BESIDE)
        await self.raw.execute("ROLLBACK")
        self._read_only, self._role = False, None

    async def renew(self) -> bool:
        self._gauge.left = UNMEASURED
        await self.raw.execute(RENEWED, timeout=self._deadline)
        return True

    def judge(self, error: BaseException) -> Verdict:
        if self._gauge.left < 0 and isinstance(error, Exception):
            return Verdict(AnswerTooLarge(), After.LOST)
        return postgresql_errors.judge(error, own_read_only=self._read_only)

    def alive(self) -> bool:
        return not self.raw.is_closed()

    def terminate(self) -> None:
        self.statements.clear()
        self.raw.terminate()

    async def close(self) -> None:
        try:
            await self.raw.close(timeout=CLOSE_SECONDS)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            self.raw.terminate()

    async def _prepare(self, key: Hashable, text: str, deadline: float) -> Any:
        # To prepare waits for whoever holds the table, as to run does.
        statement = await self.raw.prepare(text, name=f"reflector_{next(self._names)}", timeout=deadline)
        if len(self.statements) >= KEPT_STATEMENTS:
            self.statements.popitem(last=False)  # asyncpg tells the server before the next one is prepared
        self.statements[key] = statement
        return statement


class Rehearsal:
    """A transaction that several sessions take turns in. Where one of its statements failed, no other is carried out.

    Whoever's turn it comes to has not `entered` yet: being let in by a function of the database's own is a thing by itself.
    """

    def __init__(self, connection: PostgreSQLConnection, session: Session) -> None:
        self._connection = connection
        self._session = session

    async def turn(self, session: Session) -> None:
        """From now on as another; raises Forbidden where the connection may not be that one."""
        await self._connection.turn(session)
        self._session = session

    async def enter(self) -> None:
        """Call the function that is called before whatever the session asks; raises what it raises."""
        await self._connection.call_first(self._session)

    async def run(self, plan: BoundPlan) -> Answer:
        """What comes of the plan for whoever's turn it is; raises what `Driver.run` raises."""
        largest = UNMEASURED if self._session.largest is None else self._session.largest
        return await carried_out(self._connection, plan, self._session.timeout, largest)

    async def check_constraints(self, *, again: bool = False) -> None:
        """Ask at once what the database would ask when the transaction ends, as whoever's turn it is. `again`: what is
        written from here on is asked about in its own time."""
        await self._connection.check_constraints(again=again)


class PostgreSQLDriver(NetworkDriver[PostgreSQLConnection]):
    """The driver of one PostgreSQL database."""

    kind = DatabaseKind.POSTGRESQL

    def __init__(self, url: DatabaseUrl, settings: Settings) -> None:
        super().__init__(settings)
        self._url = url
        self._settings = settings

    async def connect(self) -> PostgreSQLConnection:
        url = self._url
        tls = {name: value for name in TLS_OPTIONS if (value := url.option(name)) is not None}
        raw = await asyncpg.connect(
            dsn=f"postgresql:///?{urlencode(tls)}" if tls else None,
            host=url.host,
            port=url.port,
            user=url.user,
            password=url.password.reveal() if url.password is not None else None,
            database=url.database,
            timeout=float(url.option("connect_timeout") or self._settings.acquire_timeout),
            statement_cache_size=0,  # we keep our own: keyed by text, and never parted with in the middle of a burst
            server_settings=self._server_settings(),
        )
        if getattr(raw.get_settings(), KEPT_SETTING, None) != SERVER_SETTINGS[KEPT_SETTING]:
            raw.terminate()
            raise postgresql_errors.dropped(self._url)
        await raw.set_type_codec("json", schema="pg_catalog", encoder=_json_out, decoder=bytes, format="binary")
        await raw.set_type_codec("jsonb", schema="pg_catalog", encoder=_jsonb_out, decoder=_jsonb_in, format="binary")
        deadline = self._settings.statement_timeout + GRACE
        return PostgreSQLConnection(raw, deadline, Gauge.on(raw), prepares=self._settings.prepared)

    @asynccontextmanager
    async def rehearsal(self, session: Session) -> AsyncIterator[Rehearsal]:
        """A transaction that others than the session take turns in, and of which nothing stays."""
        async with self.taken_back(session) as connection:
            yield Rehearsal(connection, session)

    def refusal(self, error: Exception) -> ConnectionRefused | None:
        return postgresql_errors.refusal(error, self._url)

    def _server_settings(self) -> dict[str, str]:
        settings = {
            **SERVER_SETTINGS,
            "statement_timeout": str(round(self._settings.statement_timeout * 1000)),
            "default_transaction_read_only": "off" if self._settings.writable else "on",
        }
        if (name := self._url.option("application_name")) is not None:
            settings["application_name"] = name
        return settings


def _json_out(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _jsonb_out(value: str | bytes) -> bytes:
    return b"\x01" + _json_out(value)


def _jsonb_in(value: bytes) -> bytes:
    return bytes(value[1:])  # the first byte is the version of the form


def _mode(session: Session, *, read_only: bool) -> str:
    """The beginning of a transaction. The level is one of LEVELS."""
    if session.isolation is not None:
        level = next(each for each in LEVELS if each.lower() == session.isolation)
        return f"BEGIN ISOLATION LEVEL {level} {'READ ONLY' if read_only else 'READ WRITE'}"
    return "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" if read_only else "BEGIN READ WRITE"


LEVELS: Final = ("READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
