"""What belongs together at one moment: catalog, permissions, scopes, plans.

Rule: a snapshot is replaced whole. Whoever began with the old one finishes with it, and no plan, scope or rule of one
ever meets the catalog of another.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final

from reflector.access.permissions import Grants, Permissions, open_grants
from reflector.access.principal import Principal
from reflector.access.scoping import scope_for
from reflector.catalog.model import Catalog, Table
from reflector.query.scope import Scope
from reflector.sql.plan import Plan

PLAN_BYTES = 16 * 1024 * 1024
ROLE_SETS = 1024
"""Role sets of which scopes are kept; a caller cannot make up roles, but can be given many."""


@dataclass(frozen=True, eq=False, slots=True)
class Access:
    """What one set of roles may name and may do, under one snapshot."""

    scope: Scope
    grants: Grants

    @property
    def roles(self) -> tuple[str, ...]:
        return self.grants.roles


class Hashed:
    """A key whose hash is worked out once: that of a query visits every node of it."""

    __slots__ = ("_hash", "key")

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self._hash = hash(key)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hashed) and self.key == other.key


class PlanCache:
    """Plans by key, the least recently used dropped first. Bounded in bytes: callers choose shapes."""

    def __init__(self, capacity: int = PLAN_BYTES) -> None:
        self.capacity = capacity
        self.size = 0
        self.hits = 0
        self.misses = 0
        # Each entry holds its own key as well: what is found by identity is not compared again.
        self._plans: OrderedDict[Hashed, tuple[Hashed, tuple[Plan, ...]]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._plans)

    def get(self, key: Hashable) -> tuple[Plan, ...] | None:
        found = self._plans.get(Hashed(key))
        if found is None:
            self.misses += 1
            return None
        self.hits += 1
        self._plans.move_to_end(found[0])
        return found[1]

    def put(self, key: Hashable, plans: tuple[Plan, ...]) -> None:
        hashed = Hashed(key)
        if hashed in self._plans:
            return
        self._plans[hashed] = (hashed, plans)
        self.size += weight(plans)
        while self.size > self.capacity and len(self._plans) > 1:
            _, (_, dropped) = self._plans.popitem(last=False)
            self.size -= weight(dropped)


def weight(plans: tuple[Plan, ...]) -> int:
    """About how many bytes a cached plan and its key take: the text, and as much again for shape and binds."""
    return sum(2048 + 3 * len(step.text) + 200 * len(step.binds) for plan in plans for step in plan.steps)


GENERATION: Final = 1 << 32
"""The numbers of an engine and those of its heir are in different ones of this size."""


def inherited(number: int) -> int:
    """The number of an heir's first snapshot: above all that its predecessor may come to until it is retired, because two
    snapshots of one number could be taken for one another, and a lower one for an old one."""
    return (number // GENERATION + 1) * GENERATION + swaps(number) + 1


def swaps(number: int) -> int:
    """How many snapshots came before it."""
    return number % GENERATION


@dataclass(frozen=True, eq=False)
class Snapshot:
    """`permissions` None is the open mode: everybody reads everything but what is `closed`, and writes when `writable`.

    `identity` is a hash of all that answers depend on beside data, equal in every process that serves the same schema
    under the same configuration.
    """

    number: int
    catalog: Catalog
    permissions: Permissions | None
    writable: bool = False
    identity: str = ""
    closed: frozenset[Table] = frozenset()
    plans: PlanCache = field(default_factory=PlanCache)
    _access: OrderedDict[tuple[str, ...], Access] = field(default_factory=OrderedDict)

    def access(self, principal: Principal) -> Access:
        """What the caller may; raises Forbidden for a role that is not declared."""
        roles = principal.roles
        found = self._access.get(roles)
        if found is None:
            grants = self._grants(principal)
            found = self._access[roles] = Access(scope_for(self.catalog, grants), grants)
            if len(self._access) > ROLE_SETS:
                self._access.popitem(last=False)
        return found

    def _grants(self, principal: Principal) -> Grants:
        if self.permissions is None:
            return open_grants(self.catalog, self.writable, self.closed)
        return self.permissions.grants(principal.roles)


MakeSnapshot = Callable[[int, Catalog], Snapshot]
"""Binds a new catalog to what is configured: called at start and at every change of the schema."""
