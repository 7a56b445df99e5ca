"""What a caller may do, as people read it: role by role and table by table, the rules as they are written, the columns as they come out.

    books (the table book)
      guest reads rows where shown   (config.yaml:33:15)
        columns: id, title, price

Rule: what stands here is what is in force: a right that a rule does not come to is not told, and patterns and defaults are told
as the columns that they mean.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from reflector.access.description import AllowRules, MaskRules, PresetText, RuleText
from reflector.access.entries import TableEntry, read_entries
from reflector.access.names import columns_named
from reflector.access.permissions import Permission, TableGrant
from reflector.catalog.model import Catalog, Column, Table
from reflector.query.nodes import TRUE
from reflector.snapshot import Access
from server.binding import Binding
from server.commands.spoken import place_of, rows_of
from server.trials.coverage import mask_worded, worded

STEP: Final = "  "
WORD: Final = re.compile(r"'[^']*'|\"[^\"]*\"|[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Rights:
    """What `access` comes to. `rights` are those of each role by itself; without any the database, or nobody, says who may
    do what, and all that is to be told stands in the grants."""

    binding: Binding
    catalog: Catalog
    access: Access
    rights: Mapping[str, Mapping[Table, Permission]]

    def told(self) -> Iterator[str]:
        """The lines."""
        lines = [*self._tables()]
        yield from self._policies(lines)
        yield from lines
        for table in _sorted(self.access.grants.broken):
            yield f"{STEP}{table.label}: closed, because a rule of it does not fit the database"
        named = sorted(each.name for each in self.access.grants.functions)
        yield f"functions: {', '.join(named) or 'none'}"

    def _tables(self) -> Iterator[str]:
        entries = {each.table: each for each in read_entries(self.binding.description, self.catalog, lambda _: None)}
        grants = self.access.grants
        yield "tables:" if grants.tables else "tables: none"
        for table in _sorted(grants.tables):
            grant = grants.on(table)
            if grant is not None:
                renamed = (
                    "" if table.name in (table.label, table.label.rpartition(".")[2]) else f" (the table {table.name})"
                )
                yield f"{STEP}{table.label}{renamed}"
                yield from (STEP * 2 + each for each in self._table(table, grant, entries[table]))

    def _table(self, table: Table, grant: TableGrant, entry: TableEntry) -> Iterator[str]:
        if not self.rights:
            yield from _granted(grant)
        for role in self.access.roles:
            right = self.rights.get(role, {}).get(table)
            allowed = entry.allowed.get(role)
            if right is not None:
                yield from _of_role(role, right, AllowRules() if allowed is None else allowed.rules, table)
        if entry.hidden:
            yield f"hidden from everybody: {_names(table, entry.hidden)}"

    def _policies(self, lines: Iterable[str]) -> Iterator[str]:
        """The policies that the lines name, and those that these name."""
        policies, waiting, named = self.binding.description.policies, [*lines], set[str]()
        while waiting:
            new = {word for word in WORD.findall(waiting.pop()) if word in policies} - named
            named |= new
            waiting += [worded(policies[name]) for name in new]
        if named:
            yield "policies:"
            yield from (f"{STEP}{name}: {worded(policies[name])}" for name in policies if name in named)


def _of_role(role: str, right: Permission, said: AllowRules, table: Table) -> Iterator[str]:
    """What one role brings. A right of which the file says nothing is a default's."""
    if right.read is not None:
        rule = None if said.read is None else said.read.rows
        yield f"{role} reads {_which(rule, said)}"
        yield f"{STEP}columns: {_names(table, {*right.read.columns, *right.read.masks, *right.read.cells})}"
        yield from (f"{STEP}{line}" for line in _masks({} if said.read is None else said.read.masks, right, table))
    if right.create is not None:
        check = None if said.create is None else said.create.check
        yield f"{role} creates {_satisfying(check)}{'' if check is None else place_of(check, said.where)}"
        yield from _written(right.create.columns, {} if said.create is None else said.create.presets, table)
    if right.update is not None:
        yield from _updates(role, right.update.columns, said, table)
    if right.delete is not None:
        rule = None if said.delete is None else said.delete.rows
        yield f"{role} deletes {_which(rule, said)}"
    if right.aggregate:
        yield f"{role} counts and sums"


def _updates(role: str, columns: frozenset[Column], said: AllowRules, table: Table) -> Iterator[str]:
    if said.update is None:
        yield f"{role} updates all rows, by default"
    else:
        check = said.update.check
        after = "" if check is None else f", which then satisfy {worded(check)}"
        yield f"{role} updates {_which(said.update.rows, said, after)}"
    yield from _written(columns, {} if said.update is None else said.update.presets, table)


def _which(rule: RuleText | None, said: AllowRules, after: str = "") -> str:
    """The rows, and where that is written."""
    if rule is None:
        return "all rows, by default"
    return ("" if rule.rule is True else "rows ") + rows_of(rule) + after + place_of(rule, said.where)


def _satisfying(check: RuleText | None) -> str:
    if check is None:
        return "any row, by default"
    return "any row" if check.rule is True else f"rows that satisfy {worded(check)}"


def _written(columns: Iterable[Column], presets: Mapping[str, PresetText], table: Table) -> Iterator[str]:
    yield f"{STEP}gives: {_names(table, columns)}"
    if presets:
        yield f"{STEP}is given: {', '.join(f'{name} = {_term(each)}' for name, each in presets.items())}"


def _term(preset: PresetText) -> str:
    """As the file writes it: a text is a term, anything else a constant."""
    return preset.value if isinstance(preset.value, str) else json.dumps(preset.value)


def _masks(masks: Mapping[str, MaskRules], right: Permission, table: Table) -> Iterator[str]:
    """How columns are shown that are not always shown as they are; the last mask that names one counts."""
    read = right.read
    shown = {column: mask for name, mask in masks.items() for column in columns_named(name, table)}
    for column in table.columns:
        if read is not None and column in shown and (column in read.masks or column in read.cells):
            yield f"{column.name}: {mask_worded(shown[column])}"


def _granted(grant: TableGrant) -> Iterator[str]:
    """What is open without a rule of the file."""
    rows = "all rows" if grant.read_rows == TRUE else "rows"
    if grant.may_read:
        yield f"reads {rows}"
        yield f"{STEP}columns: {_names(grant.table, grant.answered)}"
    for verb, rights in (("creates rows", grant.creates), ("updates rows", grant.updates)):
        if rights:
            yield verb
            yield f"{STEP}gives: {_names(grant.table, {column for each in rights for column in each.columns})}"
    if grant.deletes:
        yield "deletes rows"
    if grant.aggregate:
        yield "counts and sums"


def _names(table: Table, columns: Iterable[Column]) -> str:
    """The columns, in the table's order."""
    named = {*columns}
    return ", ".join(column.name for column in table.columns if column in named) or "none"


def _sorted(tables: Iterable[Table]) -> list[Table]:
    return sorted(tables, key=lambda each: each.label)
