"""The roles of a database, and what each may do there: what PostgreSQL's own grants say, as plain values.

Rule: this says what a database allows and decides nothing; a table is named by schema and name, as the database names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

TableKey: TypeAlias = tuple[str, str]
"""Schema and name."""
FunctionKey: TypeAlias = tuple[str, str, tuple[str, ...]]
"""Schema, name, and the types of all arguments: the `key` of a `Function`."""


@dataclass(frozen=True, slots=True)
class Privileges:
    """What a role may do with a table; of columns, None for all of them."""

    select: frozenset[str] | None = frozenset()
    insert: frozenset[str] | None = frozenset()
    update: frozenset[str] | None = frozenset()
    delete: bool = False


@dataclass(frozen=True, slots=True)
class DatabaseRole:
    """A role that our login can take.

    `owns` are the tables whose row level security does not bind the role, because it is theirs. `settings` are those of
    `ALTER ROLE … SET` that the login may set; `isolation` is the level of a transaction among them.
    """

    name: str
    superuser: bool = False
    bypasses: bool = False
    owns: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    isolation: str | None = None
    tables: Mapping[TableKey, Privileges] = field(default_factory=dict)
    functions: frozenset[FunctionKey] = frozenset()


@dataclass(frozen=True, slots=True)
class UnboundView:
    """A view that shows rows of a table past the table's row level security; all are named as SQL names them.

    `by` is the view that reads them so: itself, or one that it reads. Where `copies`, that one is materialized. `part` is
    the relation that is read, where that is not the table but a partition, child or parent of it without policies. `written`:
    somebody may write it as well.
    """

    view: str
    table: str
    by: str
    copies: bool = False
    part: str | None = None
    written: bool = False


@dataclass(frozen=True, slots=True)
class UnboundCall:
    """A view that calls a function which gives rows as its owner, whom policies need not bind. `by` is the view that names it."""

    view: str
    function: str
    by: str


@dataclass(frozen=True, slots=True)
class UnboundRule:
    """A rule of a relation that reaches a table as the relation's owner, past the table's row level security."""

    relation: str
    rule: str
    table: str


@dataclass(frozen=True, slots=True)
class DatabaseRoles:
    """The roles that can be `taken` by `login`, itself included, by name; and the names of those that cannot.

    `beyond`: views that some of them may read and that show rows past row level security. `calls`, `rules`: what gets past it by
    functions of such views, and by rules of what some of them may write.
    """

    login: str
    taken: Mapping[str, DatabaseRole]
    others: frozenset[str] = frozenset()
    beyond: tuple[UnboundView, ...] = ()
    calls: tuple[UnboundCall, ...] = ()
    rules: tuple[UnboundRule, ...] = ()
