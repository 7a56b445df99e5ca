"""Which limits hold for a caller with certain roles.

Rule: a role's own word wins over what it inherits, inherited words over `limits`; among several roles the most generous
holds, because rights are a union.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from server.config.models import File, RoleLimits

Bound = TypeVar("Bound", int, timedelta)


@dataclass(frozen=True, slots=True)
class EffectiveLimits:
    """rows: per level; page: rows where a request says nothing; depth: nested relationships; terms: comparisons of a
    request; filter_depth: how deep they may be nested; list: values of one comparison; offset: rows a page may skip;
    bytes: of an answer's documents; regex: whether regular expressions may be asked for."""

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
        bytes=most("bytes", floor.bytes),
        timeout=most("timeout", config.database.timeout),
        regex=bool(most("regex", floor.regex)),
    )


def _inherited(config: File, name: str) -> RoleLimits:
    """A role's limits with those of its parents filled in; `extends` has no cycles, `load` saw to that."""
    role = config.roles[name]
    parents = [_inherited(config, parent) for parent in role.extends]
    own = {field: getattr(role.limits, field) for field in RoleLimits.model_fields}
    for field, value in own.items():
        inherited = [getattr(each, field) for each in parents if getattr(each, field) is not None]
        if value is None and inherited:
            own[field] = max(inherited)
    return RoleLimits.model_construct(**own)
