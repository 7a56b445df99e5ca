"""Which limits hold for a caller with certain roles.

Rule: a role's own word wins over what it inherits, inherited words over `limits`; among several roles the most generous
holds, because rights are a union.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from reflector.query.cost import TREE_ROWS
from server.config.models import File, RoleLimits
from server.config.rates import Rate

T = TypeVar("T")
Bound = TypeVar("Bound", int, timedelta)


@dataclass(frozen=True, slots=True)
class EffectiveLimits:
    """rows: per level; page: rows where a request says nothing; depth: nested relationships; terms: comparisons of a
    request; filter_depth: how deep they may be nested; list: values of one comparison; offset: rows a page may skip;
    bytes: of an answer's documents; regex: whether regular expressions may be asked for; cost: rows that one question could
    bring, those of all levels together; rate: requests; affected: rows that one request may write; sockets, address_sockets: of one caller, and from one address."""

    rows: int
    page: int
    depth: int
    terms: int
    filter_depth: int
    list: int
    offset: int
    bytes: int
    timeout: timedelta
    regex: bool = False
    cost: int | None = None
    rate: Rate | None = None
    affected: int | None = None
    sockets: int = 32
    address_sockets: int = 512

    @property
    def tree(self) -> int:
        """`cost`, and where nobody said one what is usual."""
        return TREE_ROWS if self.cost is None else self.cost


def limits_for(config: File, roles: Collection[str]) -> EffectiveLimits:
    """The limits of a caller with these roles; of nobody in particular, when there are none."""
    # Roles of the database need not be declared.
    words = [_inherited(config, role) for role in roles if role in config.roles]
    floor = config.limits

    def most(name: str, otherwise: Bound) -> Bound:
        found: list[Bound] = [otherwise if getattr(each, name) is None else getattr(each, name) for each in words]
        return max(found, default=otherwise)

    return EffectiveLimits(
        rows=most("max_rows", floor.rows),
        page=floor.page,
        depth=most("depth", floor.depth),
        terms=most("terms", floor.terms),
        filter_depth=floor.filter_depth,
        list=most("list", floor.list),
        offset=floor.offset,
        sockets=floor.sockets,
        address_sockets=floor.address_sockets,
        bytes=most("bytes", floor.bytes),
        timeout=most("timeout", config.database.timeout),
        regex=bool(most("regex", floor.regex)),
        cost=_most_or_any(words, "cost", floor.cost, key=int),
        rate=_most_or_any(words, "rate", floor.rate, key=lambda rate: rate.each_second),
        affected=_most_or_any(words, "max_affected", floor.max_affected, key=int),
    )


def _most_or_any(words: list[RoleLimits], name: str, otherwise: T | None, key: Callable[[T], float]) -> T | None:
    """The most generous of what roles say, None where one of them has no such limit."""
    found = [otherwise if getattr(each, name) is None else getattr(each, name) for each in words] or [otherwise]
    limits = [each for each in found if each is not None]
    return max(limits, key=key) if len(limits) == len(found) else None


def _generosity(limit: Any) -> Any:
    return limit.each_second if isinstance(limit, Rate) else limit


def _inherited(config: File, name: str) -> RoleLimits:
    """A role's limits with those of its parents filled in; `extends` has no cycles, `load` saw to that."""
    role = config.roles[name]
    parents = [_inherited(config, parent) for parent in role.extends]
    own = {field: getattr(role.limits, field) for field in RoleLimits.model_fields}
    for field, value in own.items():
        inherited = [getattr(each, field) for each in parents if getattr(each, field) is not None]
        if value is None and inherited:
            own[field] = max(inherited, key=_generosity)
    return RoleLimits.model_construct(**own)
