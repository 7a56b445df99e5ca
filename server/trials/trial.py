"""A permission test, taken out of the file and bound to a catalog.

    file ─► trials_of ─► Trial (one caller, one deed) ─► Binder ─► Bound (tables, columns, rows of this database)

What picks rows (`where`) and what makes them (`given`) are words of whoever wrote the test and are judged by no right;
what the caller asks with (`fields`, `filter`, `values`) goes through the caller's scope like any request.

Rule: every name in a test is looked up in the catalog, so that a misspelt one is a complaint and never a test that passes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from reflector.access.database import quoted
from reflector.access.functions import functions_by_name
from reflector.access.names import database_names
from reflector.access.rule_faults import faults_of
from reflector.access.rules import Rule, bind_rule
from reflector.catalog.model import Catalog, Column, DatabaseKind, Function, Relationship, Table
from reflector.datatypes import Value, parse_json
from reflector.errors import InvalidValue, ReflectorError, RuleError, nearest, suggestion
from reflector.query.conditions import AND, NOT, OR
from reflector.query.nodes import TRUE, Filter
from server.config import Complaint, Config, Position
from server.config.complaints import Path, dotted
from server.config.trials import AGGREGATED, VERBS, Calling
from server.config.trials import Trial as Said
from server.config.values import thaw
from server.trials.callers import asked_roles

NOWHERE: Final = Position("the configuration")
MOST_ROWS: Final = 100
"""Rows that a test may begin with, and that it may write at once."""


@dataclass(frozen=True, eq=False, slots=True)
class Trial:
    """One caller, one deed, and what is expected. `path` is its place among the settings."""

    said: Said
    caller: Calling
    path: Path
    position: Position
    group: str | None = None
    """What the tests that it stands among are called together."""

    @property
    def verb(self) -> str:
        return self.said.verb

    @property
    def target(self) -> str:
        return self.said.target

    @property
    def writes(self) -> bool:
        """Whether anything is written before all of it is taken back."""
        return VERBS[self.verb].writes or bool(self.said.given)

    @property
    def name(self) -> str:
        """What the test is called: by its author, or else by what it does."""
        own = self.said.name or f"{self.caller}: {self.deed}"
        return own if self.group is None else f"{self.group}: {own}"

    @property
    def deed(self) -> str:
        where = self.said.where
        picked = "" if where is None else f" where {thaw(where.form)}"
        return f"{self.verb} {self.target}{picked}"


@dataclass(frozen=True, eq=False, slots=True)
class Bound:
    """A trial with everything it names found. `given` are rows in the order in which they are made."""

    trial: Trial
    table: Table | None = None
    functions: tuple[Function, ...] = ()
    where: Filter = TRUE
    given: tuple[tuple[Table, tuple[Mapping[Column, Value], ...]], ...] = ()

    @property
    def rows_given(self) -> int:
        """How many rows the test begins with."""
        return sum(len(rows) for _, rows in self.given)

    @property
    def tables(self) -> frozenset[Table]:
        """Those that are written."""
        target = [self.table] if self.table is not None and VERBS[self.trial.verb].writes else []
        return frozenset([*target, *(table for table, _ in self.given)])


def trials_of(config: Config) -> tuple[Trial, ...]:
    """Every test of the file, each for one caller."""
    return tuple(_trials(config))


def _trials(config: Config) -> Iterator[Trial]:
    for number, item in enumerate(config.tests):
        for below, said in item.flat():
            path: Path = ("tests", number, *(("tests", below[0]) if below else ()))
            position = config.position(*path) or NOWHERE
            for caller in said.callers or (Calling(anonymous=True),):
                yield Trial(said, caller, path, position, item.name if below else None)


# ── names and values ─────────────────────────────────────────────────────────────────────────


def bind_trials(
    trials: Sequence[Trial], config: Config, catalog: Catalog, policies: Mapping[str, Rule]
) -> tuple[tuple[Bound, ...], tuple[Complaint, ...]]:
    """The trials that fit the catalog, and what is wrong with the others."""
    bound: list[Bound] = []
    complaints: list[Complaint] = []
    for trial in trials:
        binder = Binder(trial, config, catalog, policies)
        made = binder.bound()
        complaints += binder.complaints
        if not binder.complaints:
            bound.append(made)
    return tuple(bound), tuple(dict.fromkeys(complaints))


class Binder:
    """Binds one trial; what is wrong is gathered."""

    def __init__(self, trial: Trial, config: Config, catalog: Catalog, policies: Mapping[str, Rule]) -> None:
        self.trial, self.config, self.catalog, self.policies = trial, config, catalog, policies
        self.known = {**database_names(catalog), **catalog.tables}
        self.complaints: list[Complaint] = []

    def bound(self) -> Bound:
        trial, said = self.trial, self.trial.said
        self._check_role()
        if trial.verb == "call":
            return Bound(trial, functions=self._functions(), given=self._given())
        table = self._table(trial.target, trial.verb)
        if table is None:
            return Bound(trial)
        self._check_names(table)
        bound = Bound(trial, table, where=self._where(table), given=self._given())
        for word in ("values", "sets", "sees"):
            for row in rows_of(getattr(said, word)):
                self._row(table, row, word)
        self._check_aggregates(table)
        for row in rows_of(said.rows) if not isinstance(said.rows, int) else ():
            self._row(table, row, "rows")
        return bound

    def _complain(self, message: str, hint: str | None, *below: str | int) -> None:
        path = (*self.trial.path, *below)
        if path not in self.config.places and (*self.trial.path[:-2], *below) in self.config.places:
            path = (*self.trial.path[:-2], *below)  # several tests share it, and it is told once
        position = self.config.position(*path) or self.trial.position
        self.complaints.append(Complaint(position, dotted(path), message, hint))

    def _check_role(self) -> None:
        """Where the database decides, the caller's role is one that the server's login can take."""
        if not self.config.decided_by_database or self.catalog.roles is None:
            return
        roles, known = asked_roles(self.config, self.trial.caller), self.catalog.roles
        if not roles:
            self._complain("nobody comes without a role here", "postgrest.db_anon_role says who they are", "as")
        for role in roles:
            if role in known.others:
                message = f"the login {quoted(known.login)} cannot take the role {role!r}"
                self._complain(message, f"GRANT {quoted(role)} TO {quoted(known.login)}", "as")
            elif role not in known.taken:
                self._complain(f"there is no role {role!r}", suggestion(role, known.taken), "as")

    def _table(self, name: str, *below: str) -> Table | None:
        found = self.known.get(name)
        if found is None:
            self._complain(f"there is no table {name!r}", suggestion(name, self.known), *below)
        return found

    def _functions(self) -> tuple[Function, ...]:
        known = functions_by_name(self.catalog)
        found = tuple(known.get(self.trial.target, ()))
        if not found:
            self._complain(f"there is no function {self.trial.target!r}", suggestion(self.trial.target, known), "call")
        if any(each.extension is not None for each in found):
            self._complain("is code of an extension, which tests do not run", "test it where it is written", "call")
        if any(each.procedure for each in found) and self.catalog.kind in (DatabaseKind.MARIADB, DatabaseKind.MYSQL):
            self._complain("is a procedure, and what that does may not be taken back", "test it elsewhere", "call")
        return found

    def _where(self, table: Table) -> Filter:
        source = self.trial.said.where
        if source is None:
            return TRUE
        try:
            return bind_rule(source.form, table, self.catalog, self.policies)
        except RuleError as error:
            for fault in faults_of(error):
                place = source.at(fault.offset) or self.config.position(*self.trial.path, "where") or NOWHERE
                told = Complaint(place, dotted((*self.trial.path, "where")), fault.message, fault.hint)
                self.complaints.append(told)
            return TRUE

    def _check_aggregates(self, table: Table) -> None:
        said = self.trial.said
        for name in said.by or ():
            self._column(table, name, "by")
        for row in ({each: getattr(said, each) for each in AGGREGATED}, *rows_of(said.groups)):
            for name, value in row.items():
                if name in AGGREGATED and (value is None or isinstance(value, Mapping)):
                    for column in value or ():
                        self._column(table, column, "groups" if said.groups is not None else name)
                elif name not in (*(said.by or ()), "count"):
                    self._complain(f"{name!r} is neither among by nor a mapping of columns", None, "groups")

    def _check_names(self, table: Table) -> None:
        for word in ("fields", "columns", "hidden"):
            for name in getattr(self.trial.said, word) or ():
                self._column(table, name, word)
        self._check_filter(table, self.trial.said.filter)

    def _check_filter(self, table: Table, given: Any) -> None:
        """What the caller's filter names is there; whether it is there for the caller is what the test finds out."""
        related = self.catalog.relationships.get(table, {})
        for name, each in given.items() if isinstance(given, Mapping) else ():
            if name in (AND, OR, NOT):
                parts = (each,) if name == NOT else each.values() if isinstance(each, Mapping) else each
                for part in parts if isinstance(parts, Iterable) and not isinstance(parts, str) else ():
                    self._check_filter(table, part)
            elif name in table.by_name:
                continue
            elif name in related:
                self._check_filter(related[name].target, each)
            elif not (name.startswith("_") and nearest(name, (AND, OR, NOT))):
                hint = suggestion(name, [*table.by_name, *related])
                self._complain(f"{table.label} has no column {name!r}", hint, "filter")

    def _column(self, table: Table, name: str, word: str) -> Column | None:
        found = table.by_name.get(name)
        if found is None and name not in (self.catalog.relationships.get(table, {}) if word == "fields" else ()):
            self._complain(f"{table.label} has no column {name!r}", suggestion(name, table.by_name), word)
        return found

    def _given(self) -> tuple[tuple[Table, tuple[Mapping[Column, Value], ...]], ...]:
        made = []
        for name, rows in self.trial.said.given.items():
            table = self._table(name, "given")
            if table is not None:
                made.append((table, tuple(self._row(table, row, "given") for row in rows[:MOST_ROWS])))
                if len(rows) > MOST_ROWS:
                    self._complain(f"a test begins with at most {MOST_ROWS} rows of a table", None, "given")
        return tuple(made)

    def _row(self, table: Table, row: Mapping[str, Any], word: str) -> dict[Column, Value]:
        """The row's values; members that are related rows are checked below their own table."""
        values: dict[Column, Value] = {}
        related = self.catalog.relationships.get(table, {})
        for name, given in row.items():
            column = table.by_name.get(name)
            if column is not None:
                values |= self._value(column, given, word)
            elif word in ("rows", "sees") and name in related:
                self._related(related[name], given, word)
            else:
                self._complain(f"{table.label} has no column {name!r}", suggestion(name, table.by_name), word)
        return values

    def _related(self, relationship: Relationship, given: Any, word: str) -> None:
        if relationship.many != isinstance(given, tuple) and given is not None:
            shape = "a list of rows" if relationship.many else "one row"
            self._complain(f"{relationship.name!r} is {shape}", None, word)
            return
        for row in rows_of(given):
            self._row(relationship.target, row, word)

    def _value(self, column: Column, given: Any, word: str) -> dict[Column, Value]:
        try:
            return {column: typed(column, given)}
        except InvalidValue as fault:
            # What a mask makes of a value need not be of the column's type.
            if word not in ("rows", "sees"):
                self._complain(f"{column.name!r}: {fault.message}", fault.hint, word)
            return {}


def rows_of(given: Any) -> Iterator[Mapping[str, Any]]:
    """The rows that stand in a setting that takes one or several."""
    if isinstance(given, Mapping):
        yield given
    elif isinstance(given, tuple):
        yield from (each for each in given if isinstance(each, Mapping))


def typed(column: Column, given: Any) -> Value:
    """A value of the file as one of the column; raises InvalidValue."""
    return parse_json(column.type, exact(thaw(given)))


def exact(given: Any) -> Any:
    """The value with its fractions as they are written: a decimal has no other digits than those."""
    if isinstance(given, float):
        return Decimal(repr(given))
    if isinstance(given, list):
        return [exact(each) for each in given]
    return {name: exact(each) for name, each in given.items()} if isinstance(given, dict) else given


def fault_of(error: ReflectorError) -> str:
    """An error in words, with what the database itself said: whoever runs tests runs the server."""
    cause = error.__cause__
    own = "" if cause is None or isinstance(cause, ReflectorError) else f" ({' '.join(str(cause).split())})"
    return f"{error.message}{own}" + (f"; {error.hint}" if error.hint else "")
