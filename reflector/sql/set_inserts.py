"""Many new rows as a plan, and rows that take the place of others (an upsert).

    look for rows that exist (locked, each judged as it is)  ─►  make the others  ─►  change those  ─►  check  ─►  show

A database's own upsert is not used where existing rows are changed: none of them can say which right found the row before,
and MariaDB's takes any key for the one that was named. What is made by others meanwhile breaks the key, and the whole is
tried again.

Rule: given rows are only ever told apart by their place; whether two keys are the same, the database says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

import sqlalchemy as sa

from reflector.catalog.model import Column
from reflector.errors import InternalError
from reflector.query.comparisons import EQ
from reflector.query.nodes import TRUE, Assignment
from reflector.query.sets import Conflict, GivenRows, InsertMany, Judge
from reflector.sql.dialect import Dialect
from reflector.sql.filters import condition, operand
from reflector.sql.plan import Expect, FromRows, Many, Pack, Part, Plan, Step
from reflector.sql.set_forms import IgnoringSets, Origin
from reflector.sql.set_steps import Kept, SetKey, Steps, alone, found_by, in_one_statement, set_key, told
from reflector.sql.shaped import Sql
from reflector.sql.statement import Writer

Leaving: TypeAlias = Callable[[Any], Any]
"""The insert, leaving rows alone that are there already."""


def insert_many_plan(dialect: Dialect, query: InsertMany) -> Plan:
    return Inserting(dialect, query).plan()


@dataclass(slots=True)
class Inserting:
    """One such plan while it is made. `fused`: what is to be known of new rows comes back with the insert itself."""

    dialect: Dialect
    query: InsertMany
    steps: Steps = field(init=False)
    key: SetKey | None = field(init=False)
    fused: bool = field(init=False)
    new: list[int] = field(default_factory=list)
    old: list[tuple[int, tuple[Part | None, ...]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        query = self.query
        self.steps = Steps(self.dialect, query.table)
        self.key = set_key(self.dialect, query.table)
        one = in_one_statement(query.table, query.check, query.returning)
        simple = query.conflict is None or query.conflict.update is None
        self.fused = (
            one and simple and (self.dialect.fused_writes or (self.key is None and alone(query.check, query.returning)))
        )
        if self.key is None and not self.fused and not (query.check == TRUE and query.returning is None and simple):
            raise self.dialect.unsupported(f"check or answer many rows of {query.table.label}, which has no key")

    def plan(self) -> Plan:
        query = self.query
        for given in query.rows:
            self.write(given)
        if self.key is not None and not self.fused:
            self.later(self.key)
        returning = query.returning
        return self.steps.plan(
            Many(
                shown=returning is not None,
                placed=returning is not None and not returning.order,
                single=returning is not None and returning.single,
                exactly_one=query.exactly_one,
                raced=query.conflict is not None,
                inserts=True,
                sorted=self.sorted(),
            )
        )

    def sorted(self) -> tuple[tuple[int, tuple[int, ...]], ...]:
        """Rows that others may be making too are locked and made in the order of their keys.

        Where the insert itself leaves some out, nobody says which, and the order in which they were given is all there is.
        """
        conflict = self.query.conflict
        if conflict is None or (conflict.update is None and isinstance(self.dialect.sets, IgnoringSets)):
            return ()
        return tuple(
            (number_of(given), tuple(at for at, column in enumerate(given.columns) if column in conflict.columns))
            for given in self.query.rows
        )

    def write(self, given: GivenRows) -> None:
        conflict = self.query.conflict
        if conflict is None or not set(conflict.columns) <= self.set_columns(given):
            self.make(given)
        elif conflict.update is not None:
            self.merge(given, conflict)
        elif isinstance(sets := self.dialect.sets, IgnoringSets):
            self.make(given, leaving=partial(sets.ignoring, key=self.names(conflict.columns)))
        else:
            self.make_unless(given, conflict)

    def set_columns(self, given: GivenRows) -> set[Column]:
        return {*given.columns, *(each.column for each in self.query.presets)}

    def names(self, columns: Iterable[Column]) -> list[str]:
        return [column_name(self.dialect, column) for column in columns]

    # ── new rows ─────────────────────────────────────────────────────────────────────────────

    def make(self, given: GivenRows, split: tuple[int, ...] = (), leaving: Leaving | None = None) -> None:
        """`INSERT … SELECT … FROM the given rows`, in their order; `leaving` makes it leave some out."""
        writer = Writer(self.dialect)
        names = self.names([*given.columns, *(each.column for each in self.query.presets)])
        insert = self.dialect.sets.insert(target(self.dialect, self.query.table, names))
        if names:
            rows = self.given(writer, given, split)
            values = [rows.c[f"c{index}"] for index in range(len(given.columns))]
            values += [operand(writer, each.operand, (), EQ) for each in self.query.presets]
            insert = insert.from_select(names, sa.select(*values).select_from(rows).order_by(rows.c.n))
        if leaving is not None:
            insert = leaving(insert)
        columns, parts = self.returned(writer)
        repeat = None if names else number_of(given)
        made = writer.finish(insert.returning(*columns), Expect.MADE, parts, repeat=repeat)
        self.new.append(self.steps.add(made))

    def returned(self, writer: Writer) -> tuple[list[Any], tuple[Part | None, ...]]:
        query = self.query
        if self.fused or self.key is None:
            return told(writer, query.table, query.check, query.returning, keyed=query.keyed)
        return found_by(self.dialect, query.table, self.key, self.dialect.quote(query.table.name))

    def given(self, writer: Writer, given: GivenRows, split: tuple[int, ...] = (), *, met: bool = False) -> Any:
        return self.dialect.sets.relation(
            writer,
            given.given,
            self.origin(writer, given, split, met=met),
            other_than(self.query.table.name),
        )

    def origin(self, writer: Writer, given: GivenRows, split: tuple[int, ...], *, met: bool) -> Origin:
        encoders = tuple(self.dialect.sets.encoder(writer, type_) for type_ in given.given)
        index = number_of(given)

        def source(pack: Pack) -> FromRows:
            return FromRows(index, encoders, pack, split, met)

        return source

    # ── rows that exist ──────────────────────────────────────────────────────────────────────

    def merge(self, given: GivenRows, conflict: Conflict) -> None:
        """Look for them, make the others, change those."""
        if self.key is None:
            raise self.dialect.unsupported(f"change rows of {self.query.table.label}, which has no key")
        writer = Writer(self.dialect)
        alias, rows = writer.alias(), self.given(writer, given)
        columns, parts = found_by(self.dialect, self.query.table, self.key, alias)
        flags = [
            sa.case((condition(writer, judge.rows, (alias,)), sa.literal_column("1")), else_=sa.literal_column("0"))
            for judge in conflict.judges
        ]
        labelled = [flag.label(f"found{index}") for index, flag in enumerate(flags)]
        parts = (*parts, Part.PLACE, *(Part.FOUND for _ in flags))
        table = self.steps.rows(alias)
        joined = table.join(rows, sa.and_(*self.same(writer, given, conflict, rows, alias)))
        look = sa.select(*columns, rows.c.n.label("place"), *labelled).select_from(joined).order_by(rows.c.n)
        met = self.steps.add(writer.finish(self.dialect.sets.locked(look, table), Expect.MET, parts))
        self.make(given, (met,))
        self.change(given, conflict, met, parts)
        self.old.append((met, parts))

    def same(
        self,
        writer: Writer,
        given: GivenRows,
        conflict: Conflict,
        rows: sa.FromClause,
        alias: str,
        since: Sequence[Assignment] = (),
    ) -> list[Sql]:
        """That the row has the key of a given one, or where it was changed, what its columns were set to `since`."""
        presets = {each.column: each for each in (*self.query.presets, *since)}
        later = {each.column for each in since}
        places = {column: index for index, column in enumerate(given.columns) if column not in later}
        return [
            self.dialect.column(alias, column) == self.given_value(writer, column, rows, places, presets, alias)
            for column in conflict.columns
        ]

    def given_value(
        self,
        writer: Writer,
        column: Column,
        rows: sa.FromClause,
        places: dict[Column, int],
        presets: dict[Column, Assignment],
        alias: str,
    ) -> Sql:
        if column in places:
            return self.dialect.sets.as_column(rows.c[f"c{places[column]}"], column)
        return operand(writer, presets[column].operand, (alias,), EQ)

    def change(self, given: GivenRows, conflict: Conflict, met: int, parts: tuple[Part | None, ...]) -> None:
        """`UPDATE … FROM the given rows` that were met."""
        writer = Writer(self.dialect)
        rows = self.given(writer, given, (met,), met=True)
        places = {column: index for index, column in enumerate(given.columns)}
        taken = [column for column in conflict.update or () if column in places]
        values: dict[str, Sql] = {column_name(self.dialect, each): rows.c[f"c{places[each]}"] for each in taken}
        here = self.dialect.quote(self.query.table.name)
        values |= {column_name(self.dialect, each): self.dialect.sets.default(each) for each in conflict.reset}
        values |= {
            column_name(self.dialect, each.column): operand(writer, each.operand, (here,), EQ)
            for each in conflict.presets
        }
        if not values:
            return
        same = self.same(writer, given, conflict, rows, here)
        update = sa.update(target(self.dialect, self.query.table, list(values))).values(values).where(*same)
        update = update.where(
            rows.c.n.is_not(None)
        )  # a column of theirs by itself: it makes them part of the statement
        self.steps.add(writer.finish(update, Expect.DONE))
        assigned = {*taken, *conflict.reset, *(each.column for each in conflict.presets)}
        if self.key is not None and assigned & set(self.key):
            self.moved(given, conflict, met, self.key)

    def moved(self, given: GivenRows, conflict: Conflict, met: int, key: SetKey) -> None:
        """The changed rows under their new keys. What the change presets has taken the place of what they were met by."""
        writer = Writer(self.dialect)
        alias, rows = writer.alias(), self.given(writer, given, (met,), met=True)
        columns, parts = found_by(self.dialect, self.query.table, key, alias)
        same = self.same(writer, given, conflict, rows, alias, conflict.presets)
        joined = self.steps.rows(alias).join(rows, sa.and_(*same))
        look = sa.select(*columns, rows.c.n.label("place")).select_from(joined)
        self.steps.add(writer.finish(look, Expect.MOVED, (*parts, Part.PLACE), about=(met,)))

    def make_unless(self, given: GivenRows, conflict: Conflict) -> None:
        """Make the rows of which there is none, neither in the table nor given before."""
        writer = Writer(self.dialect)
        alias, rows = writer.alias(), self.given(writer, given)
        table = self.steps.rows(alias)
        joined = table.join(rows, sa.and_(*self.same(writer, given, conflict, rows, alias)))
        look = sa.select(rows.c.n.label("place")).select_from(joined)
        exist = self.steps.add(writer.finish(self.dialect.sets.locked(look, table), Expect.MET, (Part.PLACE,)))
        again = self.steps.add(self.twice(given, conflict))
        self.make(given, (exist, again))

    def twice(self, given: GivenRows, conflict: Conflict) -> Step:
        """The given rows whose key an earlier one has."""
        writer = Writer(self.dialect)
        rows = self.given(writer, given)
        key = [
            self.dialect.sets.as_column(rows.c[f"c{index}"], column)
            for index, column in enumerate(given.columns)
            if column in conflict.columns
        ]
        number = sa.func.row_number().over(partition_by=key, order_by=rows.c.n)
        known = [
            rows.c[f"c{index}"].is_not(None) for index, each in enumerate(given.columns) if each in conflict.columns
        ]
        numbered = sa.select(rows.c.n, number.label("number")).select_from(rows).where(*known).subquery("numbered")
        later = sa.select(numbered.c.n.label("place")).where(numbered.c.number > sa.literal_column("1"))
        return writer.finish(later, Expect.MET, (Part.PLACE,))

    # ── afterwards ───────────────────────────────────────────────────────────────────────────

    def later(self, key: SetKey) -> None:
        """The checks, of new rows and of changed ones, and the answer."""
        query = self.query
        if self.new:
            self.steps.judged(self.kept(key, tuple(self.new)), [Judge(TRUE, query.check)])
        for met, parts in self.old:
            judges = () if query.conflict is None else query.conflict.judges
            flags = [at for at, part in enumerate(parts) if part is Part.FOUND]
            self.steps.judged(self.kept(key, (met,)), judges, flags)
        if query.returning is not None and query.rows:
            self.steps.shown(self.kept(key, (*self.new, *(met for met, _ in self.old))), query.returning)

    def kept(self, key: SetKey, steps: tuple[int, ...]) -> Kept:
        first = 0 if self.query.table.primary_key is None else 1
        return Kept(self.dialect, self.query.table, key, steps, tuple(range(first, first + len(key))))


def number_of(given: GivenRows) -> int:
    """The number of the value that the rows are."""
    if not isinstance(given.rows, int):
        raise InternalError("rows are compiled before they were lifted out of their query")
    return given.rows


def other_than(name: str) -> str:
    """A name for given rows that is not the table's."""
    return "given_rows" if name.lower() == "given" else "given"


def target(dialect: Dialect, table: Any, names: Sequence[str]) -> sa.TableClause:
    """The table with the columns that are assigned."""
    named = dialect.table(table)
    return sa.table(named.name, *(sa.column(name) for name in names), schema=named.schema)


def column_name(dialect: Dialect, column: Column) -> str:
    return sa.sql.quoted_name(dialect.key(column.name), quote=True)
