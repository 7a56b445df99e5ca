"""Trials, run: each in one transaction that is taken back, on the road that every request takes.

    rows that are given ─► who `where` picks, whoever asks ─► what the caller asks ─► ROLLBACK

The caller's query is rewritten by the very rules that requests meet and compiled by the same dialect. `where` is put
beside those rules afterwards: it picks rows and is a question of nobody.

Rule: nothing stays. What was written is rolled back, nobody is told of it, and no answer is kept or forgotten for it; a
number that the database gave out (a sequence, AUTO_INCREMENT) is the one thing that it does not take back.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from reflector.access.permissions import Grants, open_grants
from reflector.access.principal import Principal
from reflector.access.rewrite_sets import rewrite_any
from reflector.access.scoping import scope_for
from reflector.catalog.model import DatabaseKind, Table
from reflector.drivers.protocol import Session
from reflector.engine import Engine, Prepared
from reflector.errors import (
    DatabaseUnavailable,
    Forbidden,
    InternalError,
    MissingClaim,
    ReadOnlyDatabase,
    ReflectorError,
)
from reflector.query.nodes import TRUE, And, Field, Filter, Insert, IsNull, Not, Order, Output, Read, all_of
from reflector.query.parameterize import parameterize_any
from reflector.query.sets import AnyQuery, DeleteMany, InsertMany, UpdateMany, given_rows
from reflector.snapshot import Access, Snapshot
from reflector.sql.compile import compile_any
from reflector.sql.flat import cut_page
from reflector.sql.plan import Answer
from server.access import EVERYBODY
from server.config import Config, EffectiveLimits, limits_for
from server.trials.aggregates import COUNT
from server.trials.asking import Asking
from server.trials.callers import principal_for
from server.trials.nothing import holding
from server.trials.trial import Bound, fault_of

SHOWN = 5
"""Rows that are told of where a test fails."""
UNWRITABLE = (Forbidden, ReadOnlyDatabase, DatabaseUnavailable)
ENGINES = """
SELECT t.table_schema, t.table_name, t.engine FROM information_schema.tables t
JOIN information_schema.engines e ON e.engine = t.engine WHERE e.transactions <> 'YES' AND t.table_schema = DATABASE()
"""


@dataclass(slots=True)
class Seen:
    """What came of a trial. `refused` is the error that the caller met. `impossible` says why nothing could be tried;
    `broken`, what is wrong with the test itself. `candidates` is how many rows `where` and `filter` pick whoever asks, None
    where nobody looked, and `picked` are the first of them. `held`: of columns that are to be hidden and may be asked for, in
    how many of the caller's rows there is a value. `holding`: where there is to be nothing and nothing else is expected, how many of the rows that
    are picked hold something. `ungranted`: what the caller names is there, and the database grants it to others. `columns` are those that the caller may read."""

    refused: ReflectorError | None = None
    impossible: str | None = None
    broken: str | None = None
    candidates: int | None = None
    picked: Sequence[Any] = ()
    ungranted: bool = False
    rows: list[Any] = field(default_factory=list)
    total: int | None = None
    affected: int = 0
    columns: Sequence[str] = ()
    held: dict[str, int] = field(default_factory=dict)
    holding: int | None = None
    roles: Sequence[str] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, with which rights and limits, and the queries that are asked one after the other."""

    principal: Principal
    access: Access
    limits: EffectiveLimits
    queries: Sequence[AnyQuery]


class Runner:
    """Runs the trials of one configuration over one snapshot."""

    def __init__(self, engine: Engine, config: Config) -> None:
        self.engine, self.config = engine, config
        self.snapshot: Snapshot = engine.snapshot
        self.definer: Grants = open_grants(self.snapshot.catalog, writable=True)
        self.everything = Access(scope_for(self.snapshot.catalog, self.definer), self.definer)
        self.lasting: dict[tuple[str, str], str] | None = None

    async def run(self, bound: Bound) -> Seen:
        """What comes of the trial; raises ConnectionRefused and what nobody foresaw."""
        began = time.perf_counter()
        seen = await self._seen(bound)
        seen.seconds = time.perf_counter() - began
        return seen

    async def _seen(self, bound: Bound) -> Seen:
        kept = await self._kept(bound.tables)
        if kept is not None:
            return Seen(impossible=kept)
        seen = Seen()
        asked = self.asked(bound, seen)
        if asked is None:
            return seen
        try:
            tested = [self.planned(asked.access.grants, query, bound.where) for query in asked.queries]
            veiled = [*self.veiled(bound, asked.access, asked.limits, seen.columns)]
        except ReflectorError as refused:
            seen.refused = refused
            return seen
        principal, limits = asked.principal, asked.limits
        session = Session(timeout=limits.timeout.total_seconds(), largest=limits.bytes, rollback=True)
        own = self.own_filter(bound, asked.limits)
        given, picking = [*self.given(bound)], [*self.held(bound, own), *self.picking(bound, own=own)]
        try:
            for each in (*given, *picking):
                self.engine.bind(each.plans[0], each.values, principal)
        except MissingClaim as fault:
            seen.broken = f"where: {fault_of(fault)}"
            return seen
        for each in tested:
            await self._run(bound, [*given, *veiled, *picking], each, principal, session, seen)
            if seen.broken is not None and bound.trial.said.filter is not None:
                # Where the filter itself is at fault, the caller is refused for it as well.
                seen.broken = None
                await self._run(bound, [*given, *self.picking(bound)], each, principal, session, seen)
        return seen

    def asked(self, bound: Bound, seen: Seen) -> Asked | None:
        """The caller and what they ask; None where they are refused before a database is asked."""
        try:
            principal = principal_for(self.config, bound.trial.caller)
            access = self.snapshot.access(principal)
            seen.roles = access.roles
            limits = limits_for(self.config, [role for role in principal.roles if role != EVERYBODY])
            known = access.scope.tables.get(bound.table.label) if bound.table else None
            seen.columns = [*known.answered] if known is not None and known.may_read else []
            return Asked(principal, access, limits, Asking(bound, access, limits).queries())
        except ReflectorError as refused:
            seen.refused = refused
            return None

    async def _run(
        self,
        bound: Bound,
        before: Sequence[Prepared],
        tested: Prepared,
        principal: Principal,
        session: Session,
        seen: Seen,
    ) -> None:
        done: list[Answer] = []
        try:
            await self.engine.run_all([*before, tested], principal, session, done=done)
        except InternalError:
            raise
        except ReflectorError as error:
            if isinstance(error, UNWRITABLE) and bound.trial.verb != "call":
                seen.impossible = fault_of(error)
            elif len(done) < len(before) and not isinstance(error, MissingClaim):
                what = "given" if len(done) < bound.rows_given else "where"
                seen.broken = f"{what}: {fault_of(error)}"
            else:
                seen.refused = error
        if bound.table is not None and len(done) >= len(before) > bound.rows_given:
            picked = shown(before[-1], done[len(before) - 1])
            seen.candidates, seen.picked = picked.total, read_rows(picked.body)
            counts = [each.total or 0 for each in done[bound.rows_given : len(before) - 1]]
            names = bound.trial.said.veils(seen.columns)
            seen.held = dict(zip(names, counts, strict=False))
            seen.holding = counts[-1] if len(counts) > len(names) else None
        if len(done) > len(before):
            answered(bound, shown(tested, done[-1]), seen)

    # ── the queries of nobody ────────────────────────────────────────────────────────────────

    def given(self, bound: Bound) -> Iterator[Prepared]:
        """The rows that the test begins with."""
        for table, rows in bound.given:
            # One by one, in their order: a row may refer to another of its own table.
            for row in rows:
                yield self.planned(self.definer, InsertMany(table, given_rows([row], defaults=True)))

    def own_filter(self, bound: Bound, limits: EffectiveLimits) -> Filter:
        """The caller's own filter as it is for somebody who sees everything; none where that cannot be asked."""
        if bound.table is None or bound.trial.said.filter is None:
            return TRUE
        try:
            scope = self.everything.scope.table(bound.table.label)
            return Asking(bound, self.everything, limits).filter(scope)
        except ReflectorError:
            return TRUE  # the caller cannot ask it either, and hears why

    def veiled(
        self, bound: Bound, access: Access, limits: EffectiveLimits, columns: Sequence[str]
    ) -> Iterator[Prepared]:
        """Of each column that is to be hidden and may be asked for: how many of the rows of this access have a value there.
        The value is what is stored, for what stands beside the rules is not rewritten by them."""
        table = bound.table
        if table is None:
            return
        for column in (table.by_name[name] for name in bound.trial.said.veils(columns)):
            where = Asking(bound, access, limits).filter(access.scope.table(table.label))
            read = Read(table, (Output(column.name, Field(column)),), where=where, limit=1, count=True)
            yield self.planned(access.grants, read, And((bound.where, Not(IsNull(Field(column))))))

    def held(self, bound: Bound, own: Filter) -> Iterator[Prepared]:
        """How many of the rows that `where` and the filter pick hold something where there is to be nothing."""
        table, somewhere = bound.table, holding(bound, self.snapshot.catalog)
        if table is not None and somewhere is not None:
            select = (Output(table.columns[0].name, Field(table.columns[0])),)
            read = Read(table, select, where=all_of(own, somewhere), limit=1, count=True)
            yield self.planned(self.definer, read, bound.where)

    def picking(self, bound: Bound, most: int = SHOWN, own: Filter = TRUE) -> Iterator[Prepared]:
        """How many rows `where` and the filter pick whoever asks, and which those are."""
        table = bound.table
        if table is None or bound.trial.verb == "create":
            return
        columns = table.primary_key.columns if table.primary_key else table.columns[:1]
        select = tuple(Output(column.name, Field(column)) for column in columns)
        order = tuple(Order(Field(column)) for column in columns if column.type.facts.ordered)
        read = Read(table, select, where=own, order=order, limit=most, count=True)
        yield self.planned(self.definer, read, bound.where)

    def planned(self, grants: Grants, query: AnyQuery, beside: Filter = TRUE) -> Prepared:
        """The query with the rules of the grants, and what picks rows beside them. It is compiled anew, for the plans that
        are kept belong to requests."""
        shape, values = parameterize_any(paired(query, beside), buckets=self.engine.dialect.buckets)
        asked, picked, returning = parted(shape)
        plans = tuple(
            compile_any(self.engine.dialect, joined(each, picked, returning)) for each in rewrite_any(asked, grants)
        )
        return Prepared(plans, values, self.snapshot)

    async def _kept(self, tables: frozenset[Table]) -> str | None:
        """Why a write of these tables could not be taken back; None where it can."""
        if not tables or self.engine.driver.kind not in (DatabaseKind.MARIADB, DatabaseKind.MYSQL):
            return None
        if self.lasting is None:
            rows = await self.engine.driver.fetch(ENGINES)
            self.lasting = {(str(schema), str(name)): str(engine) for schema, name, engine in rows}
        for table in sorted(tables, key=lambda each: each.label):
            engine = self.lasting.get((table.schema, table.name))
            if engine is not None:
                return f"{table.label} is kept by {engine}, which takes no write back"
        return None


# ── what picks rows, apart from what the caller asks ─────────────────────────────────────────


def paired(query: AnyQuery, beside: Filter) -> AnyQuery:
    """The query with its own condition and the other one side by side, so that their values are lifted together."""
    if isinstance(query, Read | UpdateMany | DeleteMany):
        return replace(query, where=And((query.where, beside)))
    return query


def parted(shape: AnyQuery) -> tuple[AnyQuery, Filter, Read | None]:
    """The caller's part of a pair, the other condition, and what is to be seen of written rows."""
    picked: Filter = TRUE
    returning = None
    if isinstance(shape, Read | UpdateMany | DeleteMany) and isinstance(shape.where, And):
        own, picked = shape.where.parts
        shape = replace(shape, where=own)
    if isinstance(shape, Insert | InsertMany | UpdateMany):
        shape, returning = replace(shape, returning=None), shape.returning
    return shape, picked, returning


def joined(query: AnyQuery, picked: Filter, returning: Read | None) -> AnyQuery:
    """The rewritten query with what belongs to nobody in it."""
    if isinstance(query, Read | UpdateMany | DeleteMany):
        query = replace(query, where=all_of(query.where, picked))
    if isinstance(query, Insert | InsertMany | UpdateMany):
        query = replace(query, returning=returning)
    return query


# ── answers ──────────────────────────────────────────────────────────────────────────────────


def shown(prepared: Prepared, answer: Answer) -> Answer:
    """The answer as `Engine.run` gives it."""
    cut = prepared.plans[0].cut
    return answer if cut is None else cut_page(answer, cut, prepared.values)


def read_rows(body: bytes | None) -> list[Any]:
    """The rows of a document, fractions as they are written."""
    found = None if body is None else json.loads(body, parse_float=Decimal)
    return found if isinstance(found, list) else [] if found is None else [found]


def answered(bound: Bound, answer: Answer, seen: Seen) -> None:
    """Note what was answered."""
    verb = bound.trial.verb
    seen.rows, seen.total = read_rows(answer.body), answer.total
    if verb == "create":
        seen.affected = 1 if answer.affected is None else answer.affected
    elif verb in ("update", "delete"):
        seen.affected = max(seen.affected, answer.affected or 0)
    elif verb == "aggregate":
        seen.total = sum(row[COUNT] for row in seen.rows)


__all__ = ["Access", "Runner", "Seen"]
