"""Trials where the database decides, each one transaction in which several take turns:

    whoever may (`testing.by`) makes the rows that are given and picks those of `where`
        ─► the caller, in the session of a request, does the deed to the rows with those keys
        ─► whoever may reads what was written ─► ROLLBACK

The caller is not asked about the columns of `where`, which may be none of theirs, and a row that `where` picks is picked
whether or not they see it. So that no row is left out of a test by mistake, whoever picks must surely see every one: where
row security could hide some, the test says so and does not pass.

Rule: the deed is the query that a request makes, in the session that a request has; what else happens here may narrow it
to rows, and never helps it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from reflector.access.principal import Principal
from reflector.catalog.model import Column, Table, TableKind
from reflector.datatypes import Value, parse_json
from reflector.drivers.postgresql import Rehearsal
from reflector.drivers.protocol import Session
from reflector.engine import Engine, Prepared
from reflector.errors import (
    DatabaseUnavailable,
    Forbidden,
    InternalError,
    ReadOnlyDatabase,
    ReflectorError,
    UnknownColumn,
    UnknownRelationship,
    UnknownTable,
)
from reflector.query.calls import Call, Gathered
from reflector.query.comparisons import EQ, IN
from reflector.query.nodes import TRUE, And, Compare, Field, Filter, Insert, Literal, Or, Output, Read
from reflector.query.reach import tables_inside
from reflector.query.sets import AnyQuery, InsertMany, UpdateMany
from reflector.query.walk import columns_inside
from reflector.reflection.policies import surely_whole
from reflector.sql.plan import Answer
from server.config import Config
from server.config.trials import VERBS
from server.transactions import Sent, Transactions, hoisted, transactions_of
from server.trials.aggregates import expects_nothing
from server.trials.nothing import expected_null, holding
from server.trials.running import SHOWN, Asked, Runner, Seen, answered, read_rows, shown
from server.trials.stage import Stage, barred
from server.trials.trial import Bound, fault_of

METHODS: Final[Mapping[str, str]] = {
    "read": "GET",
    "aggregate": "GET",
    "create": "POST",
    "update": "PATCH",
    "delete": "DELETE",
    "call": "POST",
}
MOST_PICKED: Final = 1000
"""Rows that `where` may pick: the deed is told the key of each."""
UNREACHED: Final = (ReadOnlyDatabase, DatabaseUnavailable)
UNGRANTED: Final = (UnknownTable, UnknownColumn, UnknownRelationship)
DEED: Final = "deed"
AS: Final = "as"
FILTER: Final = "filter"


class UnfitTrialError(Exception):
    """Why a trial can show nothing as it is written."""


class Rehearsing(Runner):
    """Runs the trials of a configuration whose database decides."""

    def __init__(self, engine: Engine, config: Config, stage: Stage) -> None:
        Runner.__init__(self, engine, config)
        self.stage = stage
        told = transactions_of(config)
        if told is None:
            raise InternalError("requests are told nothing, where the database is to decide by what they are told")
        self.transactions: Transactions = told

    async def _seen(self, bound: Bound) -> Seen:
        seen = Seen()
        asked = self.asked(bound, seen)
        # Names of the caller's own filter may be of nothing at all.
        seen.ungranted = isinstance(seen.refused, UNGRANTED) and bound.trial.said.filter is None
        if asked is not None:
            own = self.own_filter(bound, asked.limits)
            for query in asked.queries:
                rehearsed = Rehearsed(self, bound, asked, query, seen, own)
                await rehearsed.run()
                if rehearsed.unasked:
                    await Rehearsed(self, bound, asked, query, seen).run()
        return seen


@dataclass(slots=True)
class Rehearsed:
    """One deed of a trial while it is carried out. `own` is the caller's filter as anybody would ask it, and `unasked` tells
    that the database does not take it. `at` is the word of the test that it has come to."""

    runner: Rehearsing
    bound: Bound
    asked: Asked
    query: AnyQuery
    seen: Seen
    own: Filter = TRUE
    at: str = "given"
    unasked: bool = False

    async def run(self) -> None:
        """Carry it out and note what is seen."""
        stage, caller = self.runner.stage, self.caller()
        try:
            whole = not self.looks or await surely_whole(stage.driver.fetch, stage.maker, self.looked_at())
            maker = self.maker(caller)
            async with stage.driver.rehearsal(maker) as rehearsal:
                await self.make(rehearsal)
                # What could hide a row from whoever picks is an error of the database's own then.
                await self.play(rehearsal, caller, maker if whole else setting(maker, row_security="off"))
        except UnfitTrialError as fault:
            self.seen.broken = str(fault)
        except InternalError:
            raise
        except ReflectorError as error:
            self.met(error)

    async def make(self, rehearsal: Rehearsal) -> None:
        """The rows that the test begins with."""
        for each in self.runner.given(self.bound):
            await self.carry_out(rehearsal, each)
        if self.bound.given:
            await rehearsal.check_constraints(again=True)

    async def play(self, rehearsal: Rehearsal, caller: Session, maker: Session) -> None:
        """Pick the rows, do the deed, look at what became of them."""
        self.at = "where"
        beside: Filter = TRUE
        if self.looks:
            await rehearsal.turn(maker)
            beside = await self.picked(rehearsal)
            await self.unveil(rehearsal)
        self.at = DEED
        self.check_changes()
        tested = self.runner.planned(self.asked.access.grants, without_answer(self.query), beside)
        writes = any(plan.writes for plan in tested.plans)
        # That the caller's role cannot be taken is no answer to the caller, and denies them nothing.
        self.at = AS
        await rehearsal.turn(replace(caller, read_only=caller.read_only or not writes))
        self.at = DEED
        await rehearsal.enter()
        answer = await self.carry_out(rehearsal, tested)
        await rehearsal.check_constraints()
        answered(self.bound, shown(tested, answer), self.seen)
        if self.bound.trial.said.sets and self.seen.affected:
            self.at = "sets"
            await rehearsal.turn(maker)
            self.seen.rows = await self.written(rehearsal, answer)

    async def carry_out(self, rehearsal: Rehearsal, prepared: Prepared) -> Answer:
        engine = self.runner.engine
        return await rehearsal.run(engine.bind(prepared.plans[0], prepared.values, self.asked.principal))

    # ── who ──────────────────────────────────────────────────────────────────────────────────

    def caller(self) -> Session:
        """The session that a request of the caller to PostgREST's API would have."""
        trial, limits = self.bound.trial, self.asked.limits
        function = self.query.function if isinstance(self.query, Call | Gathered) else None
        asked = self.query.function if isinstance(self.query, Call | Gathered) else self.query.table
        name = asked.name if function is None else f"rpc/{asked.name}"
        own = Session(timeout=limits.timeout.total_seconds(), largest=limits.bytes, login=self.runner.stage.becomes)
        sent = Sent(METHODS[trial.verb], f"/{name}", dict(trial.said.headers), inside=True, profile=asked.schema)
        session = self.runner.transactions.asking(sent, self.asked.principal, self.runner.snapshot, own)
        session = replace(session, settings={**self.runner.stage.settings, **session.settings})
        hoist = self.runner.config.postgrest.db_hoisted_tx_settings
        return session if function is None else hoisted(session, function, hoist)

    def maker(self, caller: Session) -> Session:
        """The session of whoever makes and picks rows, in a transaction of the caller's level."""
        stage = self.runner.stage
        principal, sent = Principal((stage.maker,)), Sent("POST", "/")
        session = self.runner.transactions.asking(sent, principal, self.runner.snapshot, Session())
        return replace(session, role=stage.by, isolation=caller.isolation, first=())

    # ── which rows ───────────────────────────────────────────────────────────────────────────

    @property
    def looks(self) -> bool:
        """Whether it must be known which rows there are, whoever asks: to keep to them, or because none is expected."""
        said, verb = self.bound.trial.said, self.bound.trial.verb
        if self.bound.table is None or verb == "create":
            return False
        if said.where is not None or self.veiled or expected_null(said):
            return True
        if VERBS[verb].writes:
            return not said.affected
        return said.rows in (0, ()) or said.keys == () or (verb == "aggregate" and expects_nothing(said))

    @property
    def veiled(self) -> bool:
        """Whether a view is to hide a column that it grants. A table shows every value that it has."""
        table = self.bound.table
        return (
            table is not None and table.kind is TableKind.VIEW and bool(self.bound.trial.said.veils(self.seen.columns))
        )

    async def unveil(self, rehearsal: Rehearsal) -> None:
        """Note in how many of the rows there is something to hide, or something where there is to be nothing."""
        if self.veiled:
            names = self.bound.trial.said.veils(self.seen.columns)
            veils = self.runner.veiled(self.bound, self.runner.everything, self.asked.limits, names)
            for name, prepared in zip(names, veils, strict=True):
                self.seen.held[name] = shown(prepared, await self.carry_out(rehearsal, prepared)).total or 0
        for prepared in self.runner.held(self.bound, self.own):
            self.seen.holding = shown(prepared, await self.carry_out(rehearsal, prepared)).total or 0

    def looked_at(self) -> Sequence[Table]:
        """The tables that `where` and the filter are asked of."""
        table = () if self.bound.table is None else (self.bound.table,)
        null = holding(self.bound, self.runner.snapshot.catalog) or TRUE
        asked = (each for where in (self.bound.where, self.own, null) for each in tables_inside(where))
        return [*dict.fromkeys((*table, *asked))]

    async def picked(self, rehearsal: Rehearsal) -> Filter:
        """Note how many rows `where` and the filter pick; what keeps the caller's deed to those of `where`."""
        total, rows = there, those = await self.found(rehearsal, self.bound)
        if self.own is not TRUE:
            self.at = FILTER
            there, those = await self.found(rehearsal, self.bound, self.own)
            self.at = "where"
        self.seen.candidates, self.seen.picked = there, those[:SHOWN]
        table, where = self.bound.table, self.bound.trial.said.where
        if table is None or where is None:
            return TRUE
        key = () if table.primary_key is None else table.primary_key.columns
        if not key or not self.may_read(table, key):
            return self.by_columns(table, key)
        if total > MOST_PICKED:
            raise UnfitTrialError(f"where: picks more than {MOST_PICKED} rows: pick fewer")
        kept = among(key, [{each: parse_json(each.type, row[each.name]) for each in key} for row in rows])
        if await self.found(rehearsal, replace(self.bound, where=kept)) != (total, rows):
            raise UnfitTrialError(f"where: rows of {table.label} are not found again by their key {named(key)}")
        return kept

    async def found(self, rehearsal: Rehearsal, bound: Bound, own: Filter = TRUE) -> tuple[int, list[Any]]:
        """How many rows `where` and the filter pick, and the keys of the first of them."""
        (prepared,) = self.runner.picking(bound, MOST_PICKED, own)
        answer = shown(prepared, await self.carry_out(rehearsal, prepared))
        return answer.total or 0, read_rows(answer.body)

    def by_columns(self, table: Table, key: Sequence[Column]) -> Filter:
        """`where` itself, asked as the caller, where no key tells its rows: of columns that they may read alone."""
        inside = [*tables_inside(self.bound.where)]
        columns = [*dict.fromkeys(columns_inside(self.bound.where))]
        if not inside and self.may_read(table, columns):
            return self.bound.where
        why = f"{self.asked.principal.roles[0]} may not read {named(key)}" if key else f"{table.label} has no key"
        raise UnfitTrialError(
            f"where: {why}, by which rows are kept to: say where with columns of the table that the caller may read, or none"
        )

    def check_changes(self) -> None:
        """Raise UnfitTrialError where a column would become what it is, and only a reader may say that."""
        if not isinstance(self.query, UpdateMany):
            return
        for each in self.query.changes:
            if isinstance(each.operand, Field) and not self.may_read(self.query.table, (each.column,)):
                who = self.asked.principal.roles[0]
                raise UnfitTrialError(
                    f"update: {who} may not read {each.column.name}, so it cannot stay as it is: say values"
                )

    def may_read(self, table: Table, columns: Sequence[Column]) -> bool:
        grant = self.asked.access.grants.on(table)
        return grant is not None and all(each in grant.columns for each in columns)

    async def written(self, rehearsal: Rehearsal, answer: Answer) -> list[Any]:
        """The rows that were written, as they are now."""
        table, said = self.bound.table, self.bound.trial.said
        keys = answer.keys if answer.keys is not None else answer.key and b"[%b]" % answer.key
        if table is None or table.primary_key is None or keys is None:
            raise UnfitTrialError("sets: the table has no key, by which the written rows would be found")
        columns = table.primary_key.columns
        found = [
            {column: parse_json(column.type, cell) for column, cell in zip(columns, each, strict=True)}
            for each in json.loads(keys, parse_float=Decimal)
        ]
        select = tuple(Output(name, Field(table.by_name[name])) for name in said.sets or ())
        prepared = self.runner.planned(self.runner.definer, Read(table, select), among(columns, found))
        rows = read_rows(shown(prepared, await self.carry_out(rehearsal, prepared)).body)
        if len(rows) != len(found):
            raise UnfitTrialError(f"sets: {self.runner.stage.described} does not see every row that was written")
        return rows

    # ── errors ───────────────────────────────────────────────────────────────────────────────

    def met(self, error: ReflectorError) -> None:
        """Note what an error of the present moment means."""
        reads_only = isinstance(error, ReadOnlyDatabase) and not VERBS[self.bound.trial.verb].writes
        if isinstance(error, UNREACHED) and not (self.at == DEED and reads_only):
            self.seen.impossible = fault_of(error)
        elif self.at == DEED:
            self.seen.refused = error
        elif self.at == FILTER and not isinstance(error, Forbidden):
            self.unasked = True  # and the caller is refused for it as well
        else:
            told = f"{self.at}: {fault_of(error)}"
            made = self.at != AS and isinstance(error, Forbidden)
            self.seen.broken = barred(self.runner.stage, error, told, self.reached()) if made else told

    def reached(self) -> Sequence[Table]:
        """The tables that are asked by somebody who may, at the present moment."""
        return [table for table, _ in self.bound.given] if self.at == "given" else self.looked_at()


def setting(session: Session, **settings: str) -> Session:
    return replace(session, settings={**session.settings, **settings})


def without_answer(query: AnyQuery) -> AnyQuery:
    """The query without an answer of its own: what was written is looked at by somebody else."""
    return replace(query, returning=None) if isinstance(query, Insert | InsertMany | UpdateMany) else query


def among(key: Sequence[Column], rows: Sequence[Mapping[Column, Value]]) -> Filter:
    """The rows with one of the keys."""
    if len(key) == 1:
        (column,) = key
        values = tuple(row[column] for row in rows)
        return Compare(Field(column), IN, Literal(values, column.type, many=True))
    return Or(
        tuple(And(tuple(Compare(Field(each), EQ, Literal(row[each], each.type)) for each in key)) for row in rows)
    )


def named(columns: Sequence[Column]) -> str:
    return ", ".join(each.name for each in columns)
