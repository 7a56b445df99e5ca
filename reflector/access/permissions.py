"""What roles may do, bound to a catalog: the rights of each role, and what a set of roles may do together.

A caller with several roles has their union: rows that any right grants, and on each row the columns of just those
rights that grant it. `TableGrant.columns` says it column by column, as the rule under which the column is visible.

Rule: what no right opens does not exist. Nothing here looks at a caller; roles choose the shape, claims fill it later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from reflector.catalog.model import Catalog, Column, Function, Table
from reflector.errors import Forbidden
from reflector.query.masks import Mask, Masked, MaskKind
from reflector.query.nodes import FALSE, TRUE, Assignment, Field, Filter, all_of, any_of

Right = TypeVar("Right")
Ways: TypeAlias = tuple[tuple[Filter, Mask], ...]


@dataclass(frozen=True, slots=True)
class ReadRight:
    """`columns` are seen as they are; those in `cells` on rows alone where their rule holds as well. `masks` says how
    others are shown, which can be used in no other way."""

    rows: Filter
    columns: frozenset[Column]
    cells: Mapping[Column, Filter] = field(default_factory=dict, hash=False)
    masks: Mapping[Column, Mask] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class CreateRight:
    """`columns` are those a caller may give; `presets` set the others, and `check` must be true of the new row."""

    check: Filter
    columns: frozenset[Column]
    presets: tuple[Assignment, ...] = ()


@dataclass(frozen=True, slots=True)
class UpdateRight:
    """`rows` must be true of the row before, `check` of the row after."""

    rows: Filter
    check: Filter
    columns: frozenset[Column]
    presets: tuple[Assignment, ...] = ()


@dataclass(frozen=True, slots=True)
class DeleteRight:
    rows: Filter


@dataclass(frozen=True, slots=True)
class Permission:
    """What one role may do with one table, by itself. What is None is not allowed."""

    read: ReadRight | None = None
    create: CreateRight | None = None
    update: UpdateRight | None = None
    delete: DeleteRight | None = None
    aggregate: bool = False

    @property
    def empty(self) -> bool:
        return not (self.read or self.create or self.update or self.delete)


@dataclass(frozen=True, eq=False, slots=True)
class TableGrant:
    """What a set of roles may do with one table.

    `read_rows` are the rows they see, FALSE when none. `columns` are those they see, in the table's order, each with
    the rule under which it is visible: TRUE when it is on every row they see. `masked` are those that they see masked
    on some rows at least, each with the masks and the rules of their rows: what may be selected, and nothing else. Of
    `creates` and `updates` each entry stands alone: a row found by one right is judged by the check of that right.
    """

    table: Table
    read_rows: Filter
    columns: Mapping[Column, Filter]
    creates: tuple[CreateRight, ...]
    updates: tuple[UpdateRight, ...]
    deletes: tuple[DeleteRight, ...]
    aggregate: bool
    masked: Mapping[Column, Ways] = field(default_factory=dict)

    @property
    def may_read(self) -> bool:
        return self.read_rows != FALSE

    @property
    def answered(self) -> tuple[Column, ...]:
        """The columns that may be selected, in the table's order."""
        return tuple(column for column in self.table.columns if column in self.columns or column in self.masked)

    def shown(self, column: Column) -> Masked | None:
        """How the column is answered where it is masked; None where it is answered as it is."""
        ways = self.masked.get(column)
        return None if ways is None else Masked(Field(column), self.columns.get(column, FALSE), ways)


@dataclass(frozen=True, eq=False, slots=True)
class Grants:
    """What a set of roles may do.

    `roles` are the roles with all they extend, sorted: equal sets have equal plans. `broken` are the tables that would
    be open to them, and are closed because a rule no longer fits the database. `functions` are those they may call.
    """

    roles: tuple[str, ...]
    rights: Mapping[Table, tuple[Permission, ...]]
    broken: frozenset[Table] = frozenset()
    functions: frozenset[Function] = frozenset()
    _made: dict[Table, TableGrant] = field(default_factory=dict, init=False, repr=False)

    def on(self, table: Table) -> TableGrant | None:
        """What the roles may do with the table; None when nothing, as if it did not exist."""
        made = self._made.get(table)
        if made is None and table in self.rights:
            made = self._made[table] = combine(table, self.rights[table])
        return made

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables the roles may use in any way, in the catalog's order."""
        return tuple(self.rights)


@dataclass(frozen=True, eq=False, slots=True)
class Permissions:
    """The rights of every role, bound to one catalog.

    `ancestors` maps each role to itself and all that it extends. `closed` maps a table that is closed, because a rule
    of it does not fit the catalog, to the roles for which it would be open. `functions` are those that each role may call.
    """

    catalog: Catalog
    ancestors: Mapping[str, tuple[str, ...]]
    rights: Mapping[str, Mapping[Table, Permission]]
    closed: Mapping[Table, frozenset[str]] = field(default_factory=dict)
    functions: Mapping[str, frozenset[Function]] = field(default_factory=dict)

    def effective(self, roles: Iterable[str]) -> tuple[str, ...]:
        """The roles and all that they extend, sorted; raises Forbidden for a role that is not declared."""
        found: set[str] = set()
        for role in roles:
            if role not in self.ancestors:
                raise Forbidden("the credential names a role that does not exist here")
            found.update(self.ancestors[role])
        return tuple(sorted(found))

    def grants(self, roles: Iterable[str]) -> Grants:
        """What the roles may do together; raises Forbidden for a role that is not declared."""
        effective = self.effective(roles)
        held = [self.rights[role] for role in effective if role in self.rights]
        rights = {
            table: permissions
            for table in self.catalog.tables.values()
            if (permissions := tuple(each[table] for each in held if table in each))
        }
        broken = frozenset(table for table, closed in self.closed.items() if closed.intersection(effective))
        functions = frozenset[Function]().union(*(self.functions.get(role, ()) for role in effective))
        return Grants(effective, rights, broken, functions)

    def all_grants(self) -> Grants:
        """What there is for anybody at all: the rights of every role, put together."""
        return self.grants(self.ancestors)


def open_grants(catalog: Catalog, writable: bool, closed: frozenset[Table] = frozenset()) -> Grants:
    """The grants of everybody where nothing is configured: all of it that is not `closed` can be read, and written when
    `writable`."""
    opened = (table for table in catalog.tables.values() if table not in closed)
    return Grants((), {table: (open_permission(table, writable),) for table in opened}, closed)


def open_permission(
    table: Table, writable: bool, reads: bool = True, hidden: frozenset[Column] = frozenset()
) -> Permission:
    """Every row and every column that is not hidden; writes as far as the database has them."""
    given = frozenset(column for column in table.columns if column.writable) - hidden
    return Permission(
        ReadRight(TRUE, frozenset(table.columns) - hidden) if reads else None,
        CreateRight(TRUE, given) if writable and table.insertable else None,
        UpdateRight(TRUE, TRUE, given) if writable and table.updatable else None,
        DeleteRight(TRUE) if writable and table.deletable else None,
        aggregate=reads,
    )


# ── the union ────────────────────────────────────────────────────────────────────────────────


def combine(table: Table, permissions: Sequence[Permission]) -> TableGrant:
    """What the permissions of several roles allow together."""
    reads = [each.read for each in permissions if each.read is not None]
    rows = any_of(*(each.rows for each in reads))
    return TableGrant(
        table,
        rows,
        dict(_visible(table, reads, rows)),
        _distinct(each.create for each in permissions),
        _distinct(each.update for each in permissions),
        _distinct(each.delete for each in permissions),
        any(each.aggregate for each in permissions),
        dict(_masked(table, reads, rows)),
    )


def _visible(table: Table, reads: Sequence[ReadRight], rows: Filter) -> Iterator[tuple[Column, Filter]]:
    for column in table.columns:
        granting = [each for each in reads if column in each.columns]
        if granting:
            rule = any_of(*(all_of(each.rows, each.cells.get(column, TRUE)) for each in granting))
            whole = len(granting) == len(reads) and not any(column in each.cells for each in granting)
            yield column, TRUE if whole or rule == rows else rule


def _masked(table: Table, reads: Sequence[ReadRight], rows: Filter) -> Iterator[tuple[Column, Ways]]:
    """The columns that some right shows masked and none shows on all rows; of two masks of a row the one that shows more."""
    if not any(each.masks for each in reads):
        return
    whole = {column for column, rule in _visible(table, reads, rows) if rule == TRUE}
    for column in table.columns:
        masking = [(each.masks[column], each.rows) for each in reads if column in each.masks]
        if masking and column not in whole:
            kinds = list(MaskKind)
            by_mask: dict[Mask, list[Filter]] = {}
            for mask, granted in sorted(masking, key=lambda each: kinds.index(each[0].kind)):
                by_mask.setdefault(mask, []).append(granted)
            ways = ((any_of(*granted), mask) for mask, granted in by_mask.items())
            yield column, tuple((TRUE if rule == rows else rule, mask) for rule, mask in ways)


def _distinct(rights: Iterable[Right | None]) -> tuple[Right, ...]:
    return tuple(dict.fromkeys(each for each in rights if each is not None))
