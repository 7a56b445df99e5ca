"""Changes and removals of many rows as plans.

    lock what is to be written  ─►  write it by its keys  ─►  check it as it is stored  ─►  show it

Where the write itself says which rows it wrote (PostgreSQL, SQLite) it is the first step, unless several rights have to
be told apart by what they found before; where it says all that is to be known (PostgreSQL), it is the only one.

Rule: every row that is written was found under the rules by a statement that held it from then on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from reflector.query.comparisons import EQ
from reflector.query.nodes import TRUE, Assignment, Filter, Parameter, all_of, any_of
from reflector.query.sets import Change, DeleteMany, How, Judge, Share, UpdateMany
from reflector.sql.dialect import Dialect
from reflector.sql.filters import condition, operand
from reflector.sql.plan import Expect, Many, Plan
from reflector.sql.set_inserts import column_name, target
from reflector.sql.set_steps import Kept, SetKey, Steps, alone, bound_of, found_by, in_one_statement, set_key, told
from reflector.sql.shaped import Sql
from reflector.sql.slices import amount
from reflector.sql.statement import Writer


def update_many_plan(dialect: Dialect, query: UpdateMany) -> Plan:
    query = replace(query, shares=tuple(_judged(share, query.check) for share in query.shares))
    return Updating(dialect, query).plan()


def _judged(share: Share, own: Filter) -> Share:
    """The share with the query's own check."""
    return Share(share.presets, tuple(Judge(judge.rows, all_of(judge.check, own)) for judge in share.judges))


def delete_many_plan(dialect: Dialect, query: DeleteMany) -> Plan:
    return Deleting(dialect, query).plan()


@dataclass(slots=True)
class Updating:
    """The plan of an update while it is made."""

    dialect: Dialect
    query: UpdateMany
    steps: Steps = field(init=False)
    key: SetKey | None = field(init=False)

    def __post_init__(self) -> None:
        self.steps = Steps(self.dialect, self.query.table)
        self.key = set_key(self.dialect, self.query.table)

    def plan(self) -> Plan:
        shares = [share for share in self.query.shares if self.query.changes or share.presets]
        if shares:
            self.write([part for share in shares for part in self.followed(share)])
        return self.steps.plan(many_of(self.query))

    def followed(self, share: Share) -> list[Share]:
        """A row whose key is changed cannot be told from another afterwards: there the first judge that finds it judges."""
        if self.key is None or not self.assigned(share, self.key):
            return [share]
        return [Share(share.presets, (judge,)) for judge in share.judges]

    def write(self, shares: Sequence[Share]) -> None:
        query = self.query
        simple = len(shares) == 1 and len(shares[0].judges) == 1
        if simple and self.dialect.update_returning:
            judge = shares[0].judges[0]
            if self.dialect.fused_writes and in_one_statement(query.table, judge.check, query.returning):
                self.at_once(shares[0], whole=True)
                return
            if self.key is not None:
                kept = self.at_once(shares[0], whole=False)
                self.steps.judged(kept, [judge])
                self.answer([kept])
                return
        if self.key is None:
            self.without_key(shares)
        else:
            self.in_turn(shares, self.key)

    def at_once(self, share: Share, *, whole: bool) -> Kept:
        """`UPDATE … RETURNING` all that is to be known, or what finds the rows again."""
        writer = Writer(self.dialect)
        here = self.dialect.quote(self.query.table.name)
        update = self.update(writer, share).where(condition(writer, self.query.where, (here,)))
        update = update.where(condition(writer, share.judges[0].rows, (here,)))
        if whole:
            check, returning = share.judges[0].check, self.query.returning
            columns, parts = told(writer, self.query.table, check, returning, keyed=self.query.keyed)
        else:
            columns, parts = found_by(self.dialect, self.query.table, self.key or (), here)
        step = self.steps.add(writer.finish(update.returning(*columns), Expect.CHANGED, parts))
        return self.kept(self.key or (), step)

    def in_turn(self, shares: Sequence[Share], key: SetKey) -> None:
        """Lock the rows of each share, with which judges found them; then write share by share."""
        locks = [self.lock(share, shares[:index], key) for index, share in enumerate(shares)]
        written = [self.by_key(share, key, lock) for share, lock in zip(shares, locks, strict=True)]
        first = (0 if self.query.table.primary_key is None else 1) + len(key)
        for share, kept in zip(shares, written, strict=True):
            self.steps.judged(kept, share.judges, [first + index for index in range(len(share.judges))])
        self.answer(written)

    def lock(self, share: Share, before: Sequence[Share], key: SetKey) -> int:
        writer = Writer(self.dialect)
        alias = writer.alias()
        columns, parts = found_by(self.dialect, self.query.table, key, alias)
        flags = [number(condition(writer, judge.rows, (alias,))) for judge in share.judges]
        labelled = [flag.label(f"found{index}") for index, flag in enumerate(flags)]
        rows = self.steps.rows(alias)
        select = sa.select(*columns, *labelled).select_from(rows)
        select = select.where(*self.found(writer, share, before, alias))
        select = beyond(writer, select, self.query.most)
        # Which judges found a row is looked at by the check; that one of them did, by the condition here.
        parts = (*parts, *(None for _ in flags))
        return self.steps.add(writer.finish(self.dialect.sets.locked(select, rows), Expect.CHANGED, parts))

    def found(self, writer: Writer, share: Share, before: Sequence[Share], alias: str) -> list[Sql]:
        """The rows of this share: found by one of its judges, and by none of the shares before it."""
        rows = any_of(*(judge.rows for judge in share.judges))
        where = [condition(writer, self.query.where, (alias,)), condition(writer, rows, (alias,))]
        for each in before:
            earlier = any_of(*(judge.rows for judge in each.judges))
            where.append(number(condition(writer, earlier, (alias,))) == sa.literal_column("0"))
        return where

    def by_key(self, share: Share, key: SetKey, lock: int) -> Kept:
        """Write the locked rows; what they are found by afterwards."""
        writer = Writer(self.dialect)
        here = self.dialect.quote(self.query.table.name)
        kept = self.kept(key, lock)
        update = self.update(writer, share).where(kept.where(writer, here))
        assigned = self.assigned(share, key)
        if not assigned:
            self.steps.add(writer.finish(update, Expect.DONE, about=(lock,)))
            return kept
        if self.dialect.update_returning:
            columns, parts = found_by(self.dialect, self.query.table, key, here)
            self.steps.add(writer.finish(update.returning(*columns), Expect.MOVED, parts, about=(lock,)))
            return kept
        self.steps.add(writer.finish(update, Expect.DONE, about=(lock,)))
        return self.fixed(kept, key, assigned)

    def assigned(self, share: Share, key: SetKey) -> list[Change]:
        """The changes of the key itself."""
        changes = [*self.query.changes, *(Change(each.column, each.operand) for each in share.presets)]
        return [each for each in changes if each.column in key]

    def fixed(self, kept: Kept, key: SetKey, assigned: Sequence[Change]) -> Kept:
        """The rows by the parts of the key that stay, and what the others were set to."""
        fixed: list[Assignment] = []
        for each in assigned:
            if each.how is not How.SET or each.operand is None:
                raise self.dialect.unsupported("count up a key and tell its rows afterwards")
            fixed.append(Assignment(each.column, each.operand))
        changed = {each.column for each in fixed}
        stay = [(part, at) for part, at in zip(key, kept.columns, strict=True) if part not in changed]
        parts, columns = tuple(part for part, _ in stay), tuple(at for _, at in stay)
        return Kept(self.dialect, self.query.table, parts, kept.steps, columns, tuple(fixed))

    def without_key(self, shares: Sequence[Share]) -> None:
        """Lock, count and write by the same condition: for tables whose rows cannot be told apart."""
        query = self.query
        simple = len(shares) == 1 and len(shares[0].judges) == 1
        if not simple or query.returning is not None or shares[0].judges[0].check != TRUE:
            raise self.dialect.unsupported(f"check or answer many rows of {query.table.label}, which has no key")
        writer = Writer(self.dialect)
        alias = writer.alias()
        rows = self.steps.rows(alias)
        select: sa.Select[Any] = sa.select(sa.literal_column("1").label("found")).select_from(rows)
        select = select.where(*self.found(writer, shares[0], (), alias))
        select = self.dialect.sets.locked(beyond(writer, select, query.most), rows)
        lock = self.steps.add(writer.finish(select, Expect.CHANGED, (None,)))
        writer = Writer(self.dialect)
        here = self.dialect.quote(query.table.name)
        update = self.update(writer, shares[0]).where(*self.found(writer, shares[0], (), here))
        self.steps.add(writer.finish(update, Expect.DONE, about=(lock,)))

    def update(self, writer: Writer, share: Share) -> Any:
        here = self.dialect.quote(self.query.table.name)
        values = {column_name(self.dialect, each.column): self.value(writer, each, here) for each in self.query.changes}
        values |= {
            column_name(self.dialect, each.column): operand(writer, each.operand, (here,), EQ) for each in share.presets
        }
        return sa.update(target(self.dialect, self.query.table, list(values))).values(values)

    def value(self, writer: Writer, change: Change, here: str) -> Sql:
        if change.operand is None:
            return self.dialect.sets.default(change.column)
        value = operand(writer, change.operand, (here,), EQ)
        if change.how is How.INCREMENT:
            return self.dialect.column(here, change.column) + value
        return value

    def answer(self, written: Sequence[Kept]) -> None:
        returning = self.query.returning
        if returning is None:
            return
        if len(written) > 1 and any(each.fixed for each in written):
            raise self.dialect.unsupported("change keys of many rows under several rights and tell of them")
        self.steps.shown(replace(written[0], steps=tuple(step for each in written for step in each.steps)), returning)

    def kept(self, key: SetKey, step: int) -> Kept:
        first = 0 if self.query.table.primary_key is None else 1
        return Kept(self.dialect, self.query.table, key, (step,), tuple(range(first, first + len(key))))


@dataclass(slots=True)
class Deleting:
    """The plan of a removal while it is made."""

    dialect: Dialect
    query: DeleteMany
    steps: Steps = field(init=False)

    def __post_init__(self) -> None:
        self.steps = Steps(self.dialect, self.query.table)

    def plan(self) -> Plan:
        query, key = self.query, set_key(self.dialect, self.query.table)
        # What RETURNING reads besides the row is as it was before the statement, the table itself included.
        shaped = query.returning is not None and bool(
            query.returning.order or query.returning.limit is not None or query.returning.offset is not None
        )
        plain = query.returning is None or (self.dialect.fused_writes and not shaped)
        if plain or (key is None and self.dialect.position is None and not shaped and alone(TRUE, query.returning)):
            self.at_once()
        elif key is None:
            raise self.dialect.unsupported(f"answer with many rows of {query.table.label}, which has no key")
        else:
            self.last_seen(key)
        return self.steps.plan(many_of(query))

    def at_once(self) -> None:
        writer, query = Writer(self.dialect), self.query
        here = self.dialect.quote(query.table.name)
        gone = sa.delete(self.dialect.table(query.table)).where(condition(writer, query.where, (here,)))
        columns, parts = told(writer, query.table, TRUE, query.returning, keyed=query.keyed)
        self.steps.add(writer.finish(gone.returning(*columns), Expect.CHANGED, parts))

    def last_seen(self, key: SetKey) -> None:
        """Lock the rows, read them, and delete them by their keys."""
        writer = Writer(self.dialect)
        alias = writer.alias()
        columns, parts = found_by(self.dialect, self.query.table, key, alias)
        rows = self.steps.rows(alias)
        select = sa.select(*columns).select_from(rows).where(condition(writer, self.query.where, (alias,)))
        select = self.dialect.sets.locked(beyond(writer, select, self.query.most), rows)
        lock = self.steps.add(writer.finish(select, Expect.CHANGED, parts))
        first = 0 if self.query.table.primary_key is None else 1
        kept = Kept(self.dialect, self.query.table, key, (lock,), tuple(range(first, first + len(key))))
        if self.query.returning is not None:
            self.steps.shown(kept, self.query.returning)
        writer = Writer(self.dialect)
        here = self.dialect.quote(self.query.table.name)
        gone = sa.delete(self.dialect.table(self.query.table)).where(kept.where(writer, here))
        self.steps.add(writer.finish(gone, Expect.DONE, about=(lock,)))


def many_of(query: UpdateMany | DeleteMany) -> Many:
    returning = query.returning
    return Many(
        shown=returning is not None,
        single=returning is not None and returning.single,
        most=bound_of(query.most),
        exactly_one=query.exactly_one,
    )


def number(condition_: Sql) -> Sql:
    """1 where it is true, 0 where it is false or unknown."""
    return sa.case((condition_, sa.literal_column("1")), else_=sa.literal_column("0"))


def beyond(writer: Writer, select: sa.Select[Any], most: int | Parameter | None) -> sa.Select[Any]:
    """No more rows than it takes to see that they are too many."""
    return select if most is None else select.limit(amount(writer, most, 1))
