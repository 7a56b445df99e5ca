"""SQLite, through Python's own module, in threads of our own.

Each connection has its thread; a whole plan is one job, so that a request hops over and back once. One connection
writes, the others read; the one used last is warm and is used first.

Rule: the event loop never waits for SQLite. A job is ended from outside by interrupting it, and its connection comes
back when the job has really ended, not before.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Any, Final, Generic, TypeVar

from reflector.catalog.model import DatabaseKind
from reflector.database_url import DatabaseUrl
from reflector.drivers import sqlite_errors, sqlite_file
from reflector.drivers.pool import Pool
from reflector.drivers.protocol import PLAIN, Session, Settings, Usage
from reflector.drivers.steps import UNMEASURED, Rows, Values, answer_of, needs_transaction, perform
from reflector.drivers.verdict import After
from reflector.errors import AnswerTooLarge, ConnectionRefused, DatabaseUnavailable, NotSupported, ReflectorError
from reflector.sql.plan import Answer, BoundPlan, Step

WATCH_SECONDS: Final = 0.05
"""How exactly a statement's time limit is kept."""
SCALARS: Final = frozenset({type(None), bool, int, float, str, bytes})

T = TypeVar("T")


class Job(Generic[T]):
    """Something for a connection's thread, and who waits for it."""

    __slots__ = ("loop", "turn", "work")

    def __init__(self, work: Callable[[], T]) -> None:
        self.work = work
        self.loop = asyncio.get_running_loop()
        self.turn: asyncio.Future[T] = self.loop.create_future()


class SQLiteConnection:
    """One connection and its thread. Between `submit` and the job's end, the thread alone touches `raw`, but for
    `interrupt`."""

    def __init__(
        self,
        raw: sqlite3.Connection,
        limit: float,
        ended: Callable[[SQLiteConnection, bool], None],
        *,
        reads: bool,
    ) -> None:
        self.generation = self.used = 0
        self.made = 0.0
        self._reads = reads
        self.raw = raw
        self.deadline = 0.0
        self.turn: asyncio.Future[Any] | None = None
        """Of the job under way. Who goes away interrupts their own job and no later one."""
        self.unwanted = False
        self._limit = limit
        self._ended = ended
        self._jobs: SimpleQueue[Job[Any] | None] = SimpleQueue()
        # A daemon: a process that forgets to close its driver ends all the same.
        threading.Thread(target=self._serve, name="reflector-sqlite", daemon=True).start()

    def submit(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Have the thread do something. The connection is given back to its pool when that has ended."""
        job = Job(work)
        self.turn, self.unwanted = job.turn, False
        self.deadline = time.monotonic() + self._limit
        self._jobs.put(job)
        return job.turn

    def interrupt(self) -> None:
        """End the statement under way. One that has not begun yet is not seen: to be repeated until the job ends."""
        self.unwanted = True
        with suppress(sqlite3.ProgrammingError):  # the thread closed it while its report was on the way
            self.raw.interrupt()

    def alive(self) -> bool:
        return True

    def terminate(self) -> None:
        if self.turn is not None:
            self.interrupt()
        self._jobs.put(None)

    async def close(self) -> None:
        self._jobs.put(None)

    # ── in the thread ────────────────────────────────────────────────────────────────────────

    def rows(self, text: str, values: Values, limit: float | None) -> Rows:
        """All rows of a statement; raises AnswerTooLarge where a reader meets more than its database may make."""
        if self.unwanted:
            raise _Unwanted
        for value in values:
            if type(value) not in SCALARS:
                raise TypeError(f"{type(value).__name__} cannot be sent to this database")
        self.deadline = time.monotonic() + (self._limit if limit is None else limit)
        try:
            return self.raw.execute(text, values).fetchall()
        except sqlite3.DataError as error:
            if self._reads and error.sqlite_errorcode == sqlite3.SQLITE_TOOBIG:
                raise AnswerTooLarge from error
            raise

    def one_step(self, step: Step, values: Values, largest: int) -> Answer:
        """The answer of a plan that is one step by itself. Text comes as the bytes that go to the caller."""
        self.raw.text_factory = bytes
        return answer_of(step, self.rows(step.text, values, None), largest)

    def plans(
        self,
        plans: Sequence[BoundPlan],
        session: Session,
        answers: list[Answer],
        largest: int,
        *,
        whole: bool,
        writes: bool,
    ) -> list[Answer]:
        """All plans, in one transaction if `whole`; their answers are put into `answers`."""
        self.raw.text_factory = str  # a step's text may be bound again, and then it must be text
        if whole:
            self.raw.execute("BEGIN IMMEDIATE" if writes and not session.read_only else "BEGIN")
        try:
            for plan in plans:
                most = largest if whole or not plan.plan.writes else UNMEASURED
                answers.append(self._plan(plan, session.timeout, most))
            if whole:
                self.deadline = float("inf")
                self.raw.execute("ROLLBACK" if session.rollback else "COMMIT")
        except BaseException:
            if self.raw.in_transaction:
                self.raw.execute("ROLLBACK")
            raise
        return answers

    def own_rows(self, text: str, values: Values) -> Rows:
        self.raw.text_factory = str
        return self.rows(text, values, None)

    def _plan(self, plan: BoundPlan, limit: float | None, largest: int) -> Answer:
        performance = perform(plan, largest)
        try:
            step, values = next(performance)
            while True:
                step, values = performance.send(self.rows(step.text, values, limit))
        except StopIteration as end:
            answer: Answer = end.value
            return answer

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            result, error = None, None
            try:
                result = job.work()
            except BaseException as caught:  # noqa: BLE001 - it is raised where the job is waited for
                error = caught
            # A late interrupt can stop a ROLLBACK; closing the connection does not fail to undo.
            clean = not self.raw.in_transaction
            try:
                job.loop.call_soon_threadsafe(self._report, job, result, error, clean)
            except RuntimeError:
                break  # the loop has been closed; nobody waits any more
            del job, result, error
        self.raw.close()

    # ── in the loop again ────────────────────────────────────────────────────────────────────

    def _report(self, job: Job[Any], result: Any, error: BaseException | None, clean: bool) -> None:
        self.turn = None
        told: BaseException | None = error
        sound = clean
        if error is not None and not isinstance(error, ReflectorError):
            verdict = sqlite_errors.judge(error)
            told, sound = verdict.error, clean and verdict.after is After.SOUND
            if told is not error:
                told.__cause__ = error
        self._ended(self, sound)
        if job.turn.done():
            return
        if told is None:
            job.turn.set_result(result)
        else:
            job.turn.set_exception(told)


class _Unwanted(sqlite3.OperationalError):
    """The job was given up between two statements."""

    sqlite_errorcode = sqlite3.SQLITE_INTERRUPT


class SQLiteDriver:
    """The driver of one SQLite file."""

    kind = DatabaseKind.SQLITE

    def __init__(self, url: DatabaseUrl, settings: Settings) -> None:
        self._url = url
        self._settings = settings
        self._readers = Pool(self._reader, settings.pool_size, settings.acquire_timeout, listening=settings.listening)
        self._writers = Pool(self._writer, 1, settings.acquire_timeout, listening=settings.listening)
        self._busy: set[SQLiteConnection] = set()
        self._watch: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        try:
            connection = await self._readers.acquire()
        except DatabaseUnavailable as error:
            if isinstance(error.__cause__, ConnectionRefused):
                raise error.__cause__ from error.__cause__.__cause__
            raise
        self._readers.release(connection)

    async def close(self) -> None:
        for connection in self._busy:
            connection.interrupt()
        await self._readers.close()
        await self._writers.close()

    def usage(self) -> Sequence[Usage]:
        return (self._readers.usage("read"), self._writers.usage("write"))

    async def fetch(self, text: str, *values: Any) -> Rows:
        connection = await self._readers.acquire()
        return await self._done(connection, lambda: connection.own_rows(text, values))

    async def read(self, text: str, *values: Any) -> Rows:
        return await self.fetch(text, *values)  # by a reader, which SQLite lets write nothing

    async def run(self, plan: BoundPlan, session: Session = PLAIN) -> Answer:
        steps = plan.plan.steps
        if len(steps) > 1 or session is not PLAIN or plan.plan.writes or plan.plan.transaction:
            return (await self.run_all((plan,), session))[0]
        pool, step, values = self._readers, steps[0], plan.values[0]
        connection = pool.idle.pop() if pool.idle else await pool.acquire()
        largest = self._settings.largest
        return await self._done(connection, lambda: connection.one_step(step, values, largest))

    async def run_all(
        self, plans: Sequence[BoundPlan], session: Session = PLAIN, done: list[Answer] | None = None
    ) -> Sequence[Answer]:
        answers: list[Answer] = [] if done is None else done
        if session.role is not None or session.settings:
            raise NotSupported("SQLite has no roles and no settings of a transaction")
        writes = any(plan.plan.writes for plan in plans)
        whole = len(plans) != 1 or session.read_only or session.rollback or needs_transaction(plans[0].plan)
        readers = session.read_only or not writes
        connection = await (self._readers if readers else self._writers).acquire()
        largest = self._settings.largest if session.largest is None else session.largest
        return await self._done(
            connection, lambda: connection.plans(plans, session, answers, largest, whole=whole, writes=writes)
        )

    async def _done(self, connection: SQLiteConnection, work: Callable[[], T]) -> T:
        turn = connection.submit(work)
        self._busy.add(connection)
        if self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(WATCH_SECONDS, self._look)
        try:
            return await turn
        except asyncio.CancelledError:
            # Between being cancelled and waking up, the job may have ended and the connection be another caller's.
            if connection.turn is turn:
                connection.interrupt()
            raise

    def _look(self) -> None:
        """Interrupt what is over its time, or no longer wanted."""
        now = time.monotonic()
        for connection in self._busy:
            if connection.unwanted or connection.deadline < now:
                connection.interrupt()
        self._watch = asyncio.get_running_loop().call_later(WATCH_SECONDS, self._look) if self._busy else None

    def _ended(self, connection: SQLiteConnection, sound: bool, pool: Pool[SQLiteConnection]) -> None:
        self._busy.discard(connection)
        if sound:
            pool.release(connection)
        else:
            pool.discard(connection)

    async def _reader(self) -> SQLiteConnection:
        return await self._connected(writer=False)

    async def _writer(self) -> SQLiteConnection:
        return await self._connected(writer=True)

    async def _opened(self, *, writer: bool) -> sqlite3.Connection:
        work = partial(sqlite_file.connect, self._url, self._settings, writer=writer)
        opening = asyncio.get_running_loop().run_in_executor(None, work)
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_unwanted)
            raise

    async def _connected(self, *, writer: bool) -> SQLiteConnection:
        pool = self._writers if writer else self._readers
        try:
            raw = await self._opened(writer=writer)
        except (ConnectionRefused, sqlite3.Error) as error:
            refused = sqlite_file.refusal(error, self._url)
            if refused is not error and refused is not None:
                refused.__cause__ = error
            raise DatabaseUnavailable("the database file cannot be opened") from refused
        return SQLiteConnection(
            raw,
            self._settings.statement_timeout,
            lambda connection, sound: self._ended(connection, sound, pool),
            reads=not writer,
        )


def _close_unwanted(opening: asyncio.Future[sqlite3.Connection]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
