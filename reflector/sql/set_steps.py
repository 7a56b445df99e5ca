"""Steps that all writes of sets have: rows are found again by their keys, judged as they are stored, and shown.

Rule: a row that cannot be found again is judged and shown by the write itself, or not written at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from reflector.catalog.model import Column, Table, TableKind
from reflector.datatypes import DataType
from reflector.query.comparisons import EQ
from reflector.query.nodes import TRUE, Assignment, Filter, Parameter, Read
from reflector.query.reach import tables_inside, tables_of_members
from reflector.query.sets import Judge
from reflector.sql.dialect import Dialect
from reflector.sql.filters import condition, operand
from reflector.sql.members import members
from reflector.sql.plan import Expect, FromKept, Many, Pack, Part, Plan, Step
from reflector.sql.shaped import Sql
from reflector.sql.slices import amount, ordered
from reflector.sql.statement import Writer
from reflector.sql.writes import shown_key, written_document

SetKey = tuple[Column | str, ...]


def set_key(dialect: Dialect, table: Table) -> SetKey | None:
    """What finds rows again: the primary key, or on SQLite a row's place.

    PostgreSQL's place is none: rows move when they are changed, and it is not unique among partitions.
    """
    if table.primary_key is not None:
        return table.primary_key.columns
    if dialect.position is None or dialect.fused_writes or table.kind is not TableKind.TABLE:
        return None
    return (dialect.position,)


def key_types(key: SetKey) -> list[DataType | None]:
    return [each.type if isinstance(each, Column) else None for each in key]


def in_hand(dialect: Dialect, alias: str, key: Column | str) -> Sql:
    """A part of the key of the row in hand."""
    return dialect.column(alias, key) if isinstance(key, Column) else sa.literal_column(f"{alias}.{key}")


def in_one_statement(table: Table, check: Filter, returning: Read | None) -> bool:
    """Whether check and answer can be told from a written row alone, or from other tables."""
    read = set(tables_inside(check))
    if returning is not None:
        if returning.order or returning.limit is not None or returning.offset is not None:
            return False
        read |= set(tables_inside(returning.where)) | set(tables_of_members(returning.select))
    return table not in read


def alone(check: Filter, returning: Read | None) -> bool:
    """Whether check and answer are told by the row itself, for databases whose RETURNING reads nothing else."""
    read = set(tables_inside(check))
    if returning is not None:
        read |= set(tables_inside(returning.where)) | set(tables_of_members(returning.select))
    return not read


def told(
    writer: Writer, table: Table, check: Filter, returning: Read | None, *, keyed: bool
) -> tuple[list[Any], tuple[Part | None, ...]]:
    """What a write that is one statement gives back of each row: document, check, key; nothing of it where none is asked for."""
    alias = writer.dialect.quote(table.name)
    columns: list[Any] = []
    parts: list[Part | None] = []
    if returning is not None:
        columns.append(written_document(writer, returning, alias).label("body"))
        parts.append(Part.BODY)
    if check != TRUE:
        columns.append(condition(writer, check, (alias,)).label("holds"))
        parts.append(Part.HOLDS)
    if keyed and table.primary_key is not None:
        columns.append(shown_key(writer.dialect, table.primary_key, alias).label("key"))
        parts.append(Part.KEY)
    return columns or [sa.literal_column("1").label("done")], tuple(parts) or (None,)


def found_by(dialect: Dialect, table: Table, key: SetKey, alias: str) -> tuple[list[Any], tuple[Part | None, ...]]:
    """What finds a row again: its key as it is shown, then each part of it as it is bound again."""
    columns: list[Any] = []
    parts: list[Part | None] = []
    if table.primary_key is not None:
        columns.append(shown_key(dialect, table.primary_key, alias).label("key"))
        parts.append(Part.KEY)
    for index, each in enumerate(key):
        carried = in_hand(dialect, alias, each)
        carried = dialect.carried(carried, each.type) if isinstance(each, Column) else carried
        columns.append(carried.label(f"carried{index}"))
        parts.append(Part.CARRIED)
    return columns, tuple(parts)


@dataclass(frozen=True, slots=True)
class Kept:
    """Rows that earlier steps brought: found again by what they carry, at `columns` of each row.

    `fixed` are parts of the key that an update has set since, all to the same value.
    """

    dialect: Dialect
    table: Table
    key: SetKey
    steps: tuple[int, ...]
    columns: tuple[int, ...]
    fixed: tuple[Assignment, ...] = ()

    def origin(self, *more: int) -> Any:
        def source(pack: Pack) -> FromKept:
            return FromKept(self.steps, (*self.columns, *more), pack)

        return source

    def where(self, writer: Writer, alias: str) -> Sql:
        conditions: list[Sql] = []
        if self.columns:
            left = [in_hand(self.dialect, alias, each) for each in self.key]
            conditions.append(self.dialect.sets.among(writer, left, key_types(self.key), self.origin()))
        for each in self.fixed:
            value = operand(writer, each.operand, (alias,), EQ)
            conditions.append(self.dialect.column(alias, each.column) == value)
        return sa.and_(*conditions)


@dataclass(slots=True)
class Steps:
    """The steps of a plan while it is made."""

    dialect: Dialect
    table: Table
    made: list[Step] = field(default_factory=list)

    def add(self, step: Step) -> int:
        self.made.append(step)
        return len(self.made) - 1

    def plan(self, many: Many) -> Plan:
        return Plan(tuple(self.made), transaction=True, writes=True, many=many)

    def rows(self, alias: str) -> sa.FromClause:
        return self.dialect.table(self.table).alias(alias)

    def judged(self, kept: Kept, judges: Sequence[Judge], flags: Sequence[int] = ()) -> None:
        """Of each kept row, a judge that found it has to approve. `flags` are the columns that say who found it."""
        if all(judge.check == TRUE for judge in judges):
            return
        writer = Writer(self.dialect)
        alias = writer.alias()
        count = sa.func.count().label("held")
        if len(judges) == 1:
            where = [kept.where(writer, alias), condition(writer, judges[0].check, (alias,))]
            held = sa.select(count).select_from(self.rows(alias)).where(*where)
        else:
            types = [*key_types(kept.key), *(None for _ in flags)]
            listed = self.dialect.sets.relation(writer, types, kept.origin(*flags), writer.alias())
            same = [
                in_hand(self.dialect, alias, each) == self.compared(listed.c[f"c{index}"], each)
                for index, each in enumerate(kept.key)
            ]
            found = [listed.c[f"c{len(kept.key) + index}"] == sa.literal_column("1") for index in range(len(flags))]
            approved = [
                sa.and_(flag, condition(writer, judge.check, (alias,)))
                for flag, judge in zip(found, judges, strict=True)
            ]
            held = sa.select(count).select_from(self.rows(alias).join(listed, sa.and_(*same))).where(sa.or_(*approved))
        self.add(writer.finish(held, Expect.HELD, (Part.HELD,), about=kept.steps))

    def shown(self, kept: Kept, returning: Read) -> None:
        """The documents of the kept rows, as their reader sees them."""
        writer = Writer(self.dialect)
        alias = writer.alias()
        document = self.dialect.bare_document(members(writer, returning.select, (alias,))).label("body")
        again, parts = found_by(self.dialect, self.table, kept.key, alias)
        select = sa.select(document, *again).select_from(self.rows(alias)).where(kept.where(writer, alias))
        if returning.where != TRUE:
            select = select.where(condition(writer, returning.where, (alias,)))
        select = select.order_by(*(each for order in returning.order for each in ordered(writer, order, (alias,))))
        select = self.limited(writer, select, returning)
        self.add(writer.finish(select, Expect.SHOWN, (Part.BODY, *parts), about=kept.steps))

    def limited(self, writer: Writer, select: sa.Select[Any], read: Read) -> sa.Select[Any]:
        limit, offset = amount(writer, read.limit), amount(writer, read.offset)
        if offset is not None and limit is None:
            limit = sa.literal_column(str(2**63 - 1))  # two of three databases have no OFFSET without a LIMIT
        select = select if limit is None else select.limit(limit)
        return select if offset is None else select.offset(offset)

    def compared(self, given: Sql, key: Column | str) -> Sql:
        return self.dialect.sets.as_column(given, key) if isinstance(key, Column) else given


def bound_of(most: int | Parameter | None) -> int | None:
    """The number of the value that bounds a write."""
    return most.index if isinstance(most, Parameter) else None
