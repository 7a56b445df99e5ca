"""Questions and deeds in no API's spelling, what they come to by the reference evaluator, and how each API spells them.

Rule: a question is answered from the world that its caller sees, and from nothing else.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from tests.reference.configurations import Drawing
from tests.reference.evaluator import Reference, Sight
from tests.reference.model import COLUMNS, WAYS, Caller, Row, State, cell, follow

MADE: Mapping[str, Callable[[Sequence[Any]], Any]] = {"count": len, "sum": sum, "min": min, "max": max}
APIS = ("resource", "graphql", "postgrest")
Where = Mapping[str, Any]


class RefusedError(Exception):
    """The caller may not name this."""


@dataclass(frozen=True)
class Question:
    """Rows of a table. `embeds` are ways with the columns and conditions of the rows behind them."""

    table: str
    columns: tuple[str, ...]
    where: Where = field(default_factory=dict)
    embeds: Mapping[str, tuple[tuple[str, ...], Where]] = field(default_factory=dict)
    order: tuple[tuple[str, bool], ...] = ()
    limit: int | None = None
    offset: int = 0
    aggregates: tuple[tuple[str, str], ...] = ()
    count: bool = False


@dataclass(frozen=True)
class Answer:
    """Runs of rows that no order tells apart, one after another, before `limit` and `offset`."""

    runs: tuple[tuple[Any, ...], ...]

    @property
    def total(self) -> int:
        return sum(map(len, self.runs))


# ── answers ──────────────────────────────────────────────────────────────────────────────────


def answer(reference: Reference, state: State, caller: Caller, asked: Question) -> Answer:
    """What the caller is to be told; raises RefusedError."""
    check(reference, caller, asked)
    seen = Sight(reference, state, caller).seen()
    rows = [row for row in seen.state[asked.table] if seen.mapping(asked.where, (asked.table, row)) is True]
    if asked.aggregates:
        return Answer((tuple(grouped(asked, rows)),))
    for name, descending in reversed(asked.order):
        rows.sort(
            key=lambda row: (row[name] is None, row[name]) if row[name] is not None else (True,), reverse=descending
        )
    runs: dict[tuple[Any, ...], list[Any]] = {}
    for row in rows:
        runs.setdefault(tuple(row[name] for name, _ in asked.order), []).append(document(seen, asked, row))
    return Answer(tuple(map(tuple, runs.values())))


def check(reference: Reference, caller: Caller, asked: Question) -> None:
    if not reference.rights(caller, asked.table, "read"):
        raise RefusedError(asked.table)
    check_names(reference, caller, asked.table, asked.columns, masked=not asked.aggregates)
    names = [*(name for name, _ in asked.order), *(name for _, name in asked.aggregates if name)]
    check_names(reference, caller, asked.table, names)
    check_where(reference, caller, asked.table, asked.where)
    for name, (columns, where) in asked.embeds.items():
        if not reference.reaches(caller, asked.table, name):
            raise RefusedError(name)
        check_names(reference, caller, WAYS[asked.table][name].target, columns, masked=True)
        check_where(reference, caller, WAYS[asked.table][name].target, where)
    if asked.aggregates and not reference.rights(caller, asked.table, "aggregate"):
        raise RefusedError("aggregates")
    if asked.aggregates and not covered(reference, caller, asked.table).isdisjoint(asked.columns):
        raise RefusedError("groups of what is masked on some rows")


def covered(reference: Reference, caller: Caller, table: str) -> set[str]:
    """The columns that are masked on some row, as far as rules tell."""
    rights = reference.rights(caller, table, "read")
    whole = [right.columns.difference(right.unless) for right in rights if right.rows is True]
    return {name for right in rights for name in right.masks}.difference(*whole)


def check_names(
    reference: Reference, caller: Caller, table: str, names: Sequence[str], *, masked: bool = False
) -> None:
    """Raise RefusedError for what may not be asked about; `masked`: what may not be answered."""
    if not reference.scope(caller, table, masked=masked).issuperset(names):
        raise RefusedError(f"{table}: {names}")


def check_where(reference: Reference, caller: Caller, table: str, where: Where) -> None:
    for name, given in where.items():
        if name in {"_and", "_or"}:
            for each in given:
                check_where(reference, caller, table, each)
        elif name == "_not":
            check_where(reference, caller, table, given)
        elif name in COLUMNS[table]:
            check_names(reference, caller, table, [name])
        elif not reference.reaches(caller, table, name):
            raise RefusedError(name)
        else:
            check_where(reference, caller, WAYS[table][name].target, given)


def document(seen: Sight, asked: Question, row: Row) -> Any:
    found: dict[str, Any] = {name: cell(row, name) for name in asked.columns}
    for name, (columns, where) in asked.embeds.items():
        way, far = WAYS[asked.table][name], follow(seen.state, (asked.table, row), name)
        rows = [each for each in far if seen.mapping(where, (way.target, each)) is True]
        told = [{column: cell(each, column) for column in columns} for each in rows]
        found[name] = told if way.many else next(iter(told), None)
    return canonical(found)


def grouped(asked: Question, rows: Sequence[Row]) -> Iterator[Any]:
    groups: dict[tuple[Any, ...], list[Row]] = {} if asked.columns else {(): []}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in asked.columns), []).append(row)
    for key, members in groups.items():
        found = dict(zip(asked.columns, key, strict=True))
        for function, name in asked.aggregates:
            cells = [row[name] for row in members if row[name] is not None] if name else members
            made = MADE[function](cells) if cells or function == "count" else None
            found[f"{function}_{name}"] = made
        yield canonical(found)


def canonical(value: Any) -> Any:
    """JSON in one form: lists without their order, numbers by their worth."""
    match value:
        case dict():
            return tuple(sorted((name, canonical(each)) for name, each in value.items()))
        case list():
            return ("list", *sorted((canonical(each) for each in value), key=repr))
        case bool() | None:
            return value
        case int() | float() | Decimal():
            return Decimal(str(value)).normalize() + 0
        case date():
            return value.isoformat()
        case str():
            return value
    raise TypeError(type(value))


# ── drawing ──────────────────────────────────────────────────────────────────────────────────


class Asking:
    """Draws for one caller, mostly from what they may name."""

    def __init__(self, dice: random.Random, reference: Reference, caller: Caller, api: str) -> None:
        self.dice, self.reference, self.caller, self.api = dice, reference, caller, api
        self.wild = dice.random() < 0.1
        self.drawing = Drawing(dice)

    def chance(self, share: float) -> bool:
        return self.dice.random() < share

    def columns(self, table: str) -> list[str]:
        known = list(COLUMNS[table]) if self.wild else sorted(self.reference.scope(self.caller, table))
        return known or list(COLUMNS[table])

    def ways(self, table: str) -> list[str]:
        return [name for name in WAYS[table] if self.wild or self.reference.reaches(self.caller, table, name)]

    def some(self, table: str, *, masked: bool = True) -> tuple[str, ...]:
        """Columns to be answered; those alone that may be asked about where they are not `masked`."""
        names = self.columns(table)
        if masked and not self.wild:
            names = sorted({*names, *self.reference.scope(self.caller, table, masked=True)})
        return tuple(self.dice.sample(names, self.dice.randint(1, len(names))))

    def question(self) -> Question:
        readable = [each for each in COLUMNS if self.reference.scope(self.caller, each)]
        table = self.dice.choice(list(COLUMNS) if self.wild or not readable else readable)
        where = self.where(table, 2) if self.chance(0.6) else {}
        if self.api == "postgrest" and self.chance(0.25):
            return Question(table, self.group(table), where, aggregates=self.aggregates(table))
        order = (
            tuple((name, self.chance(0.5)) for name in self.some(table, masked=False)[:2] if comparable(table, name))
            if self.chance(0.4)
            else ()
        )
        limit = self.dice.choice((None, None, 1, 2, 3))
        count = self.chance(0.3) and (
            self.api != "graphql" or bool(self.reference.rights(self.caller, table, "aggregate"))
        )
        offset = self.dice.choice((0, 1)) if self.api != "resource" and limit else 0
        embeds = self.embeds(table)
        if self.api == "postgrest" and "boss_id" in str(where):
            embeds.pop(
                "boss", None
            )  # which is asked for by that name, so that a condition of it would be one of the rows
        return Question(table, self.some(table), where, embeds, order, limit, offset, (), count)

    def group(self, table: str) -> tuple[str, ...]:
        never = set() if self.wild else covered(self.reference, self.caller, table)
        names = self.some(table, masked=False)[: self.dice.choice((0, 1, 2))]
        return tuple(name for name in names if COLUMNS[table][name] != "loose" and name not in never)

    def aggregates(self, table: str) -> tuple[tuple[str, str], ...]:
        found = [("count", "")] if self.chance(0.7) else []
        for name in self.some(table, masked=False):
            functions = {"int": ("sum", "min", "max", "count"), "date": ("min", "max"), "text": ("count",)}
            fitting = functions.get(COLUMNS[table][name], ())
            if fitting and len(found) < 3:
                found.append((self.dice.choice(fitting), name))
        return tuple(found or [("count", "")])

    def embeds(self, table: str) -> dict[str, tuple[tuple[str, ...], Where]]:
        found: dict[str, tuple[tuple[str, ...], Where]] = {}
        ways = self.ways(table)
        for name in self.dice.sample(ways, min(len(ways), self.dice.choice((0, 0, 1, 2)))):
            target = WAYS[table][name].target
            asked = (self.api == "postgrest" or (self.api == "graphql" and WAYS[table][name].many)) and self.chance(0.3)
            found[name] = self.some(target), (self.where(target, 0) if asked else {})
        return found

    def where(self, table: str, depth: int) -> dict[str, Any]:
        forms = ["plain", "plain", "_and", "_or", "_not"] if depth else ["plain"]
        form = self.dice.choice([*forms, "related"] if depth and self.api != "postgrest" else forms)
        match form:
            case "_and" | "_or":
                return {form: [self.where(table, depth - 1) for _ in range(2)]}
            case "_not":
                return {"_not": self.where(table, depth - 1)}
            case "related" if self.ways(table):
                name = self.dice.choice(self.ways(table))
                return {name: self.where(WAYS[table][name].target, depth - 1) if self.chance(0.8) else {}}
        fitting = [name for name in self.columns(table) if comparable(table, name)]
        if not fitting:
            return {self.columns(table)[0]: {"_isnull": False}}
        name = self.dice.choice(fitting)
        operation = self.drawing.operation(COLUMNS[table][name], claims=False)
        if self.api == "graphql" and COLUMNS[table][name] == "truth" and "_ne" in operation:
            operation = {"_eq": operation["_ne"]}
        return {name: operation}


def comparable(table: str, name: str) -> bool:
    return COLUMNS[table][name] != "loose"
