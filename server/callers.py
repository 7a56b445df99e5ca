"""Who calls under which snapshot, and what of the API's caches belongs to them.

Rule: what is kept here never crosses snapshots or sets of roles, and is bounded in bytes: callers choose what there is
to keep.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, TypeVar

from aiohttp import web

from reflector.access.principal import Principal
from reflector.catalog.model import Column, Table
from reflector.drivers.protocol import PLAIN, Session
from reflector.engine import Prepared
from reflector.query.nodes import TRUE
from reflector.snapshot import Access, Snapshot, weight
from server.config.limits import EffectiveLimits
from server.context import Context

KEPT_BYTES: Final = 8 * 1024 * 1024
LONGEST_KEPT: Final = 4 * 1024
"""Characters of a query string that is kept. A longer one is read anew each time."""

Kept = TypeVar("Kept")


class Recent(Generic[Kept]):
    """Values by key, the least recently used dropped first when their weight goes beyond the capacity."""

    def __init__(self, capacity: int = KEPT_BYTES) -> None:
        self.capacity = capacity
        self.size = 0
        self._kept: OrderedDict[Hashable, tuple[Kept, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable) -> Kept | None:
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: Hashable, value: Kept, size: int) -> None:
        if key in self._kept:
            return
        self._kept[key] = (value, size)
        self.size += size
        while self.size > self.capacity and self._kept:
            _, (_, dropped) = self._kept.popitem(last=False)
            self.size -= dropped

    def clear(self) -> None:
        self._kept.clear()
        self.size = 0


@dataclass(frozen=True, eq=False, slots=True)
class Rights:
    """What a set of roles may do and how much, under one snapshot, and what was read of requests under it.

    `recent` is one for all roles of a snapshot and goes with it: a request that began under an older one, and still
    waits for its body, finds and keeps nothing where newer requests look.
    """

    snapshot: Snapshot
    access: Access
    limits: EffectiveLimits
    session: Session
    recent: Recent[Any] = field(default_factory=Recent)

    def surely_seen(self, table: Table, column: Column) -> bool:
        """Whether the column is visible on every row that these roles see."""
        grant = self.access.grants.on(table)
        return grant is not None and grant.columns.get(column) == TRUE

    def keep(self, key: tuple[Hashable, ...], query: str, value: Any, prepared: Prepared) -> None:
        """Keep what a request was read as; `query` is its raw query string."""
        if len(query) <= LONGEST_KEPT:
            self.recent.put(key, value, weight(prepared.plans) + 8 * len(query) + 200 * len(prepared.values))

    def never_null(self, table: Table, column: Column) -> bool:
        """Whether the column has a value on every row, as these roles see it."""
        return not column.nullable and self.surely_seen(table, column)


@dataclass(
    eq=False, slots=True
)  # not frozen: one is made for every request, and a frozen one takes three times as long to make
class Caller:
    """Whoever sent the request."""

    principal: Principal
    rights: Rights


class Callers:
    """Finds the rights of a request's caller, and keeps what was read of requests while one snapshot lasts.

    `root`: where PostgREST's API begins, for its own callers.
    """

    def __init__(self, context: Context, root: str | None = None) -> None:
        self.context = context
        self.root = root
        self._recent: Recent[Any] = Recent()
        self._rights: dict[tuple[str, ...], Rights] = {}
        self._snapshot: Snapshot | None = None

    def of(self, request: web.BaseRequest) -> Caller:
        """Who sent the request; raises Unauthenticated, and Forbidden for a role that does not exist."""
        principal = self.context.authenticate(request)
        snapshot = self.context.engine.snapshot
        if snapshot is not self._snapshot:
            self._snapshot = snapshot
            self._rights.clear()
            self._recent = Recent()
        rights = self._rights.get(principal.roles)
        if rights is None:
            rights = self._find(snapshot, principal)
        transactions = self.context.transactions
        if transactions is not None:
            rights = replace(rights, session=transactions.of(request, principal, snapshot, rights.session, self.root))
        return Caller(principal, rights)

    def _find(self, snapshot: Snapshot, principal: Principal) -> Rights:
        access = snapshot.access(principal)
        limits = self.context.limits(principal.roles)
        rights = Rights(snapshot, access, limits, session_for(self.context, limits), self._recent)
        if len(self._rights) >= ROLE_SETS:
            self._rights.clear()
        self._rights[principal.roles] = rights
        return rights


def session_for(context: Context, limits: EffectiveLimits) -> Session:
    """What the driver is to be told of limits that are narrower than its own."""
    timeout = None if limits.timeout == context.timeout else limits.timeout.total_seconds()
    largest = None if limits.bytes == context.largest else limits.bytes
    return PLAIN if timeout is None and largest is None else Session(timeout=timeout, largest=largest)


ROLE_SETS: Final = 1024
