"""Which of the file's words about access no test touches.

    read, create, update, delete, aggregate, call     the right: a test used it, or was refused by its rule
    columns                                           a test looked at which there are, or was refused another
    mask                                              a test saw what the column is shown as
    check                                             a row was written under it, or refused by it
    preset                                            a test saw what the column was set to
    hidden                                            a test saw that it is not there

Rule: a word is touched only by a test that ran, and that would have come out otherwise had the word not been there, as
far as the test's own words tell.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from reflector.access.description import HIDDEN, AllowRules, MaskRules, RuleText
from reflector.access.entries import read_entries
from reflector.access.names import columns_named
from reflector.catalog.model import Catalog, Table
from server.access import describe
from server.config import Config, Position
from server.config.complaints import Path
from server.config.rules import RuleSource
from server.config.values import thaw
from server.trials.judging import Outcome, Result
from server.trials.trial import rows_of

RIGHTS: Final[Mapping[str, str]] = {"read": "rows", "create": "check", "update": "rows", "delete": "rows"}
"""Each right, and which of its parts is the rule that it is about."""
UNKNOWN: Final = "unknown_column"


@dataclass(frozen=True, eq=False, slots=True)
class Word:
    """Something that the file says: `kind` of the right `verb` of a role. `tables` are those that it holds for."""

    name: str
    role: str
    verb: str
    kind: str
    text: str
    position: Position | None
    tables: frozenset[Table] = frozenset()
    column: str | None = None
    always: bool = False
    """Whether it lets everything through, so that nothing could be refused by it."""


@dataclass(slots=True)
class Touched:
    """How many tests were let through by a word, and how many refused."""

    word: Word
    passed: int = 0
    refused: int = 0

    @property
    def touched(self) -> bool:
        return bool(self.passed or self.refused)

    @property
    def both(self) -> bool:
        """Whether the word was seen to let through, and to refuse where it can."""
        return bool(self.passed and (self.refused or self.word.always))


@dataclass(frozen=True, slots=True)
class Coverage:
    """Every word, in the order of the file."""

    words: Sequence[Touched] = field(default_factory=tuple)

    @property
    def percent(self) -> int:
        """How many of a hundred words are touched, rounded down; all of none."""
        return 100 * sum(each.touched for each in self.words) // len(self.words) if self.words else 100


def coverage_of(config: Config, catalog: Catalog, results: Iterable[Result]) -> Coverage:
    """What the results touch."""
    touched = [Touched(word) for word in words_of(config, catalog)]
    for result in results:
        if result.outcome is not Outcome.NOT_RUN and result.seen.broken is None:
            below = embedded(result, catalog)
            for each in touched:
                passed, refused = touches(each.word, result, below)
                each.passed += passed
                each.refused += refused
    return Coverage(touched)


# ── the words ────────────────────────────────────────────────────────────────────────────────


def words_of(config: Config, catalog: Catalog) -> Iterator[Word]:
    """What the file says of access, word by word."""
    description = describe(config)
    held: dict[int, list[Table]] = {}
    for entry in read_entries(description, catalog, lambda _: None):
        for opened in entry.allowed.values():
            held.setdefault(id(opened.rules), []).append(entry.table)
    for rules in description.tables:
        for column in rules.hidden:
            tables = [table for table in catalog.tables.values() if columns_named(column, table)]
            place = config.position("tables", rules.name, "columns", column)
            yield Word(rules.name, "*", "read", "hidden", column, place, frozenset(tables), column)
        for role, allowed in rules.allow.items():
            path = ("tables", rules.name, "allow", role)
            yield from _allowed(config, rules.name, role, allowed, path, frozenset(held.get(id(allowed), ())))
    code = {each.name for each in catalog.functions if each.extension is not None}  # no test runs it
    for function in description.functions:
        for role in function.roles if function.name not in code else ():
            yield Word(
                function.name, role, "call", "right", "", config.position("functions", function.name), always=True
            )


def _allowed(
    config: Config, name: str, role: str, allowed: AllowRules, path: Path, tables: frozenset[Table]
) -> Iterator[Word]:
    for verb, part in RIGHTS.items():
        right = getattr(allowed, verb)
        if right is None:
            continue
        rule: RuleText = getattr(right, part)
        here = config.position(*path, verb)
        yield Word(name, role, verb, "right", worded(rule), placed(rule) or here, tables, always=rule.rule is True)
        for column, mask in getattr(right, "masks", {}).items():
            yield Word(
                name,
                role,
                verb,
                "mask",
                f"{column}: {mask_worded(mask)}",
                mask.where or here,
                tables,
                column,
                always=True,
            )
        if getattr(right, "columns", None) is not None:
            where = right.columns.where
            yield Word(name, role, verb, "columns", ", ".join(right.columns.names), where or here, tables)
        check: RuleText | None = getattr(right, "check", None) if verb == "update" else None
        if check is not None:
            yield Word(
                name, role, verb, "check", worded(check), placed(check) or here, tables, always=check.rule is True
            )
        for column, preset in getattr(right, "presets", {}).items():
            text = f"{column} = {preset.value}"
            yield Word(name, role, verb, "preset", text, preset.where or here, tables, column, always=True)
    if allowed.aggregate:
        yield Word(name, role, "aggregate", "right", "", config.position(*path, "aggregate"), tables, always=True)


def mask_worded(mask: MaskRules) -> str:
    """How a column is shown, in few words."""
    if mask.rule is None:
        return mask.way
    return f"{'null' if mask.way == HIDDEN else mask.way} unless {worded(mask.rule)}"


def worded(rule: RuleText) -> str:
    """A rule as the file writes it."""
    if isinstance(rule.rule, bool):
        return "true" if rule.rule else "false"
    return rule.rule if isinstance(rule.rule, str) else json.dumps(thaw(rule.rule), ensure_ascii=False)


def placed(rule: RuleText) -> Position | None:
    return rule.where.position if isinstance(rule.where, RuleSource) else None


# ── what a result touches ────────────────────────────────────────────────────────────────────


def embedded(result: Result, catalog: Catalog) -> frozenset[Table]:
    """The tables whose rows the trial expected below others."""
    said, table = result.bound.trial.said, result.bound.table
    if table is None or result.seen.refused is not None:
        return frozenset()
    rows = said.rows if not isinstance(said.rows, int) else ()
    return frozenset(_below((*rows_of(rows), *rows_of(said.sees)), table, catalog))


def _below(rows: Iterable[Mapping[str, Any]], table: Table, catalog: Catalog) -> Iterator[Table]:
    related = catalog.relationships.get(table, {})
    for name, given in ((name, given) for row in rows for name, given in row.items() if name in related):
        inner = [*rows_of(given)]
        if inner:
            yield related[name].target
            junction = related[name].junction
            if junction is not None:
                yield junction.table
            yield from _below(inner, related[name].target, catalog)


def touches(word: Word, result: Result, below: frozenset[Table] = frozenset()) -> tuple[bool, bool]:
    """Whether the word let the trial's caller through, and whether it refused them something. `below` are tables of which
    the trial expected related rows."""
    trial, seen = result.bound.trial, result.seen
    if word.kind == "hidden":
        named = trial.said.hidden or ()
        table = result.bound.table
        return table in word.tables and any(each in named for each in _names(word, table)), False
    if word.verb == "read" and word.kind == "right" and word.role in seen.roles and below & word.tables:
        return True, False
    if trial.verb != word.verb or word.role not in seen.roles:
        return False, False
    if word.verb == "call":
        return trial.target == word.name and seen.refused is None, False
    if result.bound.table not in word.tables:
        return False, False
    match word.kind:
        case "columns":
            return _columns(result)
        case "mask":
            return seen.refused is None and _looks_at(_names(word, result.bound.table), result), False
        case "preset":
            return word.column in (trial.said.sets or ()) and seen.refused is None, False
        case "check":
            return seen.affected > 0, _code(result) == "check_refused"
        case _:
            return _right(word, result)


def _names(word: Word, table: Table | None) -> list[str]:
    return [] if table is None or word.column is None else [each.name for each in columns_named(word.column, table)]


def _looks_at(names: Iterable[str], result: Result) -> bool:
    """Whether the trial said what some of the columns hold, or that they are hidden."""
    said = result.bound.trial.said
    rows = (*rows_of(said.rows if not isinstance(said.rows, int) else ()), *rows_of(said.sees))
    return any(each in (said.hidden or ()) or any(each in row for row in rows) for each in names)


def _columns(result: Result) -> tuple[bool, bool]:
    said = result.bound.trial.said
    if result.bound.trial.verb == "read":
        looked = said.columns is not None or said.hidden is not None
        return looked or (bool(said.fields) and result.seen.refused is None), looked or _code(result) == UNKNOWN
    written = said.values is not None and result.seen.affected > 0
    return written, _code(result) == UNKNOWN


def _right(word: Word, result: Result) -> tuple[bool, bool]:
    """A right to read, to make, to change or to remove: whether rows came through, and whether others did not."""
    seen = result.seen
    if word.verb == "create":
        return seen.affected > 0, _code(result) == "check_refused"
    if seen.refused is not None:
        return word.verb == "update" and _code(result) == "check_refused", False  # the check is asked of a row found
    if word.verb == "read":
        through = len(seen.rows) if seen.total is None else seen.total
    else:
        through = seen.affected if word.verb != "aggregate" else seen.total or 0
    return through > 0, seen.candidates is not None and seen.candidates > through


def _code(result: Result) -> str | None:
    return None if result.seen.refused is None else result.seen.refused.code
