"""How plans run on a database that is reached through a network: what PostgreSQL and MariaDB share.

A single reading step runs by itself; everything that must stand or fall together runs between BEGIN and COMMIT.

Rule: a caller never waits for the repair of a connection, and a connection is repaired, or closed, before anybody else
has it. What was lost is sent again once, and only where it had no effect. COMMIT runs to its end whoever goes away.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Generic, NoReturn, Protocol, TypeVar

from reflector.drivers.pool import Pool, Pooled
from reflector.drivers.protocol import PLAIN, Session, Settings, Usage
from reflector.drivers.steps import UNMEASURED, Rows, Values, answer_of, needs_transaction, perform
from reflector.drivers.verdict import After, Verdict, outcome_unknown
from reflector.errors import ConnectionRefused, DatabaseUnavailable, InternalError, ReflectorError
from reflector.sql.plan import Answer, BoundPlan

GRACE = 2.0
"""Seconds beyond the database's own time limit after which we stop waiting for a statement's end."""
SETTLE_SECONDS = 2.0


class Connection(Pooled, Protocol):
    """One connection, as the shared code needs it. Methods raise what the library raises; `judge` explains it."""

    async def rows(self, text: str, values: Values, limit: float | None, largest: int) -> Rows:
        """All rows of a plan's step. `limit` in seconds, None for the connection's own. Raises AnswerTooLarge where it
        knows, before it has all of them, that they are of more than `largest` bytes."""
        ...

    async def own_rows(self, text: str, values: Values) -> Rows:
        """All rows of a statement of ours that is not sent often enough to be kept."""
        ...

    async def read_rows(self, text: str, values: Values) -> Rows:
        """The same of a statement that is not ours, in a transaction that only reads: whatever it is, it writes nothing."""
        ...

    async def begin(self, session: Session, *, read_only: bool) -> None: ...

    async def commit(self, session: Session) -> None:
        """End the transaction as the session wants it, after noting what it said."""
        ...

    async def settle(self) -> None:
        """Wait for the command under way, roll back what is open; raise where that cannot be done."""
        ...

    async def renew(self) -> bool:
        """Forget what a function may have left behind; False where a connection cannot."""
        ...

    def judge(self, error: BaseException) -> Verdict:
        """What an error that a method raised means."""
        ...


C = TypeVar("C", bound=Connection)


class NetworkDriver(ABC, Generic[C]):
    """Runs plans on a pool of connections; the database's own driver says how one is made."""

    def __init__(self, settings: Settings) -> None:
        self._pool: Pool[C] = Pool(
            self._connected,
            settings.pool_size,
            settings.acquire_timeout,
            settings.lifetime,
            settings.idleness,
            settings.listening,
        )
        self._largest = settings.largest
        self._roles = settings.roles
        self._errands: set[asyncio.Task[Any]] = set()
        self._soiled: set[C] = set()

    @abstractmethod
    async def connect(self) -> C:
        """A new connection; raises what the library raises."""

    @abstractmethod
    def refusal(self, error: Exception) -> ConnectionRefused | None:
        """Which part of the configuration makes connecting fail; None where the error is no such thing."""

    async def open(self) -> None:
        try:
            connection = await self._pool.acquire()
        except DatabaseUnavailable as error:
            if isinstance(error.__cause__, ConnectionRefused):
                raise error.__cause__ from error
            raise
        self._pool.release(connection)

    async def close(self) -> None:
        await self._pool.close()
        while self._errands:
            await asyncio.wait(self._errands, timeout=SETTLE_SECONDS)
            for errand in list(self._errands):
                errand.cancel()

    def usage(self) -> Sequence[Usage]:
        return (self._pool.usage("all"),)

    async def fetch(self, text: str, *values: Any) -> Rows:
        try:
            return await self._fetch(text, values)
        except _Again:
            return await self._fetch(text, values, last=True)

    async def read(self, text: str, *values: Any) -> Rows:
        try:
            return await self._read(text, values)
        except _Again:
            return await self._read(text, values, last=True)

    async def run(self, plan: BoundPlan, session: Session = PLAIN) -> Answer:
        steps = plan.plan.steps
        if len(steps) > 1 or session is not PLAIN or self._roles or needs_transaction(plan.plan):
            return (await self.run_all((plan,), session))[0]
        # The road of most requests: as few turns as possible.
        pool, step = self._pool, steps[0]
        largest = UNMEASURED if plan.plan.writes else self._largest
        connection = pool.idle.pop() if pool.idle else await pool.acquire()
        try:
            rows = await connection.rows(step.text, plan.values[0], None, largest)
        except BaseException as error:  # noqa: BLE001 - _raise raises it, or what it means
            verdict, _ = self._part_with(connection, error)
            writes = plan.plan.writes
            if not verdict.again or (writes and not verdict.unsent):
                _raise(outcome_unknown(verdict) if writes and verdict.undecided else verdict.error, error)
        else:
            pool.release(connection)
            return answer_of(step, rows, largest)
        return (await self._attempt((plan,), session, last=True))[0]

    async def run_all(
        self, plans: Sequence[BoundPlan], session: Session = PLAIN, done: list[Answer] | None = None
    ) -> Sequence[Answer]:
        try:
            return await self._attempt(plans, session, done)
        except _Again:
            return await self._attempt(plans, session, done, last=True)

    async def _attempt(
        self, plans: Sequence[BoundPlan], session: Session, done: list[Answer] | None = None, *, last: bool = False
    ) -> Sequence[Answer]:
        if self._roles and session.role is None:
            raise InternalError("a plan was to run as nobody, where the database judges by the role")
        answers: list[Answer] = [] if done is None else done
        answers.clear()
        writes = any(plan.plan.writes for plan in plans)
        whole = _stand_or_fall(plans, session, writes=writes)
        largest = self._largest if session.largest is None else session.largest
        connection = await self._pool.acquire()
        if any(plan.plan.called is not None for plan in plans):
            self._soiled.add(connection)
        begun = False
        try:
            if whole:
                await connection.begin(session, read_only=session.read_only or not writes)
                begun = True
            for plan in plans:
                most = largest if whole or not plan.plan.writes else UNMEASURED
                answers.append(await carried_out(connection, plan, session.timeout, most))
        except BaseException as error:
            verdict, repair = self._part_with(connection, error, in_transaction=whole)
            if repair is not None and verdict.after is After.SOUND:
                await asyncio.shield(repair)  # who is told "refused" finds the row as it was, and unlocked
            harmless = not writes or verdict.unsent or (whole and not begun)
            if verdict.again and harmless and not last:
                raise _Again from error
            _raise(outcome_unknown(verdict) if writes and not whole and verdict.undecided else verdict.error, error)
        if whole:
            await asyncio.shield(self._errand(self._commit(connection, session, writes=writes)))
        else:
            self._release(connection)
        return answers

    @asynccontextmanager
    async def taken_back(self, session: Session) -> AsyncIterator[C]:
        """A connection in a transaction of which nothing stays, however it is left. What is met in it is raised as `run`
        raises it."""
        connection = await self._pool.acquire()
        self._soiled.add(connection)
        try:
            await connection.begin(session, read_only=False)
            yield connection
            await connection.settle()
        except BaseException as error:  # noqa: BLE001 - _raise raises it, or what it means
            verdict, repair = self._part_with(connection, error, in_transaction=True)
            if repair is not None:
                await asyncio.shield(repair)
            _raise(verdict.error, error)
        self._release(connection)

    def _release(self, connection: C) -> None:
        """Give the connection back; where a function ran on it, once it is as it was before."""
        if connection in self._soiled:
            self._errand(self._renew(connection))
        else:
            self._pool.release(connection)

    async def _renew(self, connection: C) -> None:
        renewed = False
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                renewed = await connection.renew()
        except Exception as error:  # noqa: BLE001 - nobody waits for it, and the connection is let go
            if connection.judge(error).purge:
                self._pool.empty()
        finally:
            self._soiled.discard(connection)
            if renewed:
                self._pool.release(connection)
            else:
                self._pool.discard(connection)

    async def _commit(self, connection: C, session: Session, *, writes: bool) -> None:
        try:
            await connection.commit(session)
        except BaseException as error:  # noqa: BLE001 - _raise raises it, or what it means
            verdict, _ = self._part_with(connection, error, in_transaction=True)
            _raise(outcome_unknown(verdict) if writes and verdict.undecided else verdict.error, error)
        self._release(connection)

    async def _fetch(self, text: str, values: Values, *, last: bool = False) -> Rows:
        connection = await self._pool.acquire()
        try:
            rows = await connection.own_rows(text, values)
        except BaseException as error:
            verdict, _ = self._part_with(connection, error)
            if verdict.again and not last:
                raise _Again from error
            _raise(verdict.error, error)
        self._pool.release(connection)
        return rows

    async def _read(self, text: str, values: Values, *, last: bool = False) -> Rows:
        """The rows of a statement in a transaction that refuses writes, and of which nothing stays."""
        connection = await self._pool.acquire()
        self._soiled.add(connection)
        try:
            await connection.begin(PLAIN, read_only=True)
            rows = await connection.read_rows(text, values)
            await connection.settle()
        except BaseException as error:
            verdict, _ = self._part_with(connection, error, in_transaction=True)
            if verdict.again and not last:
                raise _Again from error
            _raise(verdict.error, error)
        self._release(connection)
        return rows

    async def _connected(self) -> C:
        try:
            return await self.connect()
        except Exception as error:
            refused = error if isinstance(error, ConnectionRefused) else self.refusal(error)
            if refused is None:
                raise
            if refused is not error:
                refused.__cause__ = error
            raise DatabaseUnavailable("no connection to the database can be had") from refused

    def _part_with(
        self, connection: C, error: BaseException, *, in_transaction: bool = False
    ) -> tuple[Verdict, asyncio.Task[None] | None]:
        """Give the connection back after an error, by way of its repair where it needs one."""
        verdict = Verdict(error, After.SOUND) if isinstance(error, ReflectorError) else connection.judge(error)
        repair = None
        if verdict.purge:
            self._pool.empty()
        if verdict.after is After.LOST:
            self._soiled.discard(connection)
            self._pool.discard(connection)
        elif verdict.after is After.UNSETTLED or in_transaction:
            repair = self._errand(self._settle(connection))
        else:
            self._release(connection)
        return verdict, repair

    async def _settle(self, connection: C) -> None:
        settled = False
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                await connection.settle()
            settled = True
        except Exception as error:  # noqa: BLE001
            # The request has been told of the error before this one; all that this one says is that the connection
            # is of no use, and whether the others are of none either.
            if connection.judge(error).purge:
                self._pool.empty()
        finally:
            if settled:
                self._release(connection)
            else:
                self._soiled.discard(connection)
                self._pool.discard(connection)

    def _errand(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Something that runs to its end even when the request that began it goes away."""
        errand = asyncio.get_running_loop().create_task(work)
        self._errands.add(errand)
        errand.add_done_callback(self._ended)
        return errand

    def _ended(self, errand: asyncio.Task[None]) -> None:
        self._errands.discard(errand)
        if not errand.cancelled():
            errand.exception()  # its waiter has raised it; one that went away will not ask


class _Again(Exception):
    """The attempt had no effect and may be made once more."""


async def carried_out(connection: Connection, plan: BoundPlan, limit: float | None, largest: int) -> Answer:
    """What comes of a plan on a connection."""
    performance = perform(plan, largest)
    try:
        step, values = next(performance)
        while True:
            step, values = performance.send(await connection.rows(step.text, values, limit, largest))
    except StopIteration as end:
        answer: Answer = end.value
        return answer


def _stand_or_fall(plans: Sequence[BoundPlan], session: Session, *, writes: bool) -> bool:
    """Whether the plans need a transaction. A write under a caller's own time limit does: rolled back, its end is
    known."""
    if session.role is not None or session.settings or session.read_only or session.rollback:
        return True
    if writes and session.timeout is not None:
        return True
    return len(plans) != 1 or needs_transaction(plans[0].plan)


def _raise(told: BaseException, met: BaseException) -> NoReturn:
    if told is met:
        raise met
    raise told from met
