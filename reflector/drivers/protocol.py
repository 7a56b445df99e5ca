"""What the engine asks of a driver, whatever the database.

Rule: a driver runs plans and translates errors; it decides nothing. A connection whose command did not end is closed,
never pooled; COMMIT is shielded from cancellation; a write that was sent is never sent again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from reflector.catalog.model import DatabaseKind
from reflector.events import Listening
from reflector.sql.plan import Answer, BoundPlan


@dataclass(slots=True)
class Said:
    """What the database said beside an answer, in settings of the transaction: None where it said nothing."""

    headers: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """What a transaction is to run as. The plain session needs none and lets a single read run outside of one.

    `role` and `settings` are set with SET LOCAL (PostgreSQL), in their order and the role first. `read_only` refuses
    writes in the database as well. `isolation` None leaves the level to the driver. `first` is a function of the database,
    its name in parts, that is called before the plans. `said` is filled with what the transaction said at its end.
    `rollback`: nothing is kept, though all of it is checked as if it were.
    `timeout` in seconds is this caller's limit on each statement, `largest` in bytes that on an answer; None for the
    driver's own. `login` is whom the session itself is to belong to (PostgreSQL), for a connection that may be anybody.
    """

    role: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    read_only: bool = False
    timeout: float | None = None
    largest: int | None = None
    isolation: str | None = None
    first: tuple[str, ...] = ()
    said: Said | None = None
    rollback: bool = False
    login: str | None = None


PLAIN = Session()


@dataclass(frozen=True, slots=True)
class Settings:
    """How a driver keeps its connections. Times in seconds. `largest`: bytes of an answer, whoever asks. `lifetime` and
    `idleness` of a connection through a network, None for as long as it stands.

    `roles`: no plan is run but as the role of its session. `prepared`: statements are kept by the server (PostgreSQL).
    Who is `listening` is told of each run (StatementsRun), and of waiting for a connection (ConnectionAwaited).
    """

    pool_size: int = 10
    acquire_timeout: float = 5.0
    lifetime: float | None = None
    idleness: float | None = None
    statement_timeout: float = 10.0
    writable: bool = True
    largest: int = 32 * 1024**2
    roles: bool = False
    prepared: bool = True
    listening: Listening | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """How a pool of connections is used: `size` places, `idle` and `busy` connections, callers `waiting` for one."""

    name: str
    size: int
    idle: int
    busy: int
    waiting: int


class Driver(Protocol):
    """One database, reached."""

    @property
    def kind(self) -> DatabaseKind:
        """Which it is."""

    async def open(self) -> None:
        """Connect once to prove that it works; raises ConnectionRefused naming the part at fault."""

    async def close(self) -> None:
        """Give every connection back. Statements that are under way are ended."""

    async def fetch(self, text: str, *values: Any) -> Sequence[Sequence[Any]]:
        """All rows of a statement of our own (reflection, fingerprints); placeholders in the driver's own style."""

    async def read(self, text: str, *values: Any) -> Sequence[Sequence[Any]]:
        """The same of a statement that is not ours: the database refuses it where it would write."""

    async def run(self, plan: BoundPlan, session: Session = PLAIN) -> Answer:
        """Run one plan; in a transaction when the plan or the session asks for one.

        Raises AnswerTooLarge as early as the size is known. A write is measured only where it can be taken back.
        """

    async def run_all(
        self, plans: Sequence[BoundPlan], session: Session = PLAIN, done: list[Answer] | None = None
    ) -> Sequence[Answer]:
        """Run several plans in one transaction, in order: all of them or none.

        `done` gets the answers as they come, so that whoever meets an error can tell which plan it was.
        """

    def usage(self) -> Sequence[Usage]:
        """How the connections are used at this moment, pool by pool."""
