"""Which entries of a config's `tables` speak of which table, and what they come to together.

Patterns come first, in the order of the file, and the exact name last: for one role the last entry that names it
counts as a whole, for the columns that are hidden every entry adds.

Rule: what matches nothing is told; where it is a name and other entries or defaults open what it was to hide, it is called so,
because then it is a misspelling that opens. A pattern that only hides may wait for what it hides.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from reflector.access.description import AccessDescription, AllowRules, ColumnList, Complaint, Severity, TableRules
from reflector.access.names import columns_named, database_names, is_pattern, matching
from reflector.catalog.model import Catalog, Column, Table
from reflector.errors import suggestion

IDLE_PATTERN: Final = "idle_pattern"
"""A pattern that allows something of tables of which there is none."""
HIDES_NOTHING: Final = "hides_nothing"
"""A name of something to hide, mask or narrow that is not there, where something else opens what was meant."""
Complain = Callable[[Complaint], None]


@dataclass(frozen=True, slots=True)
class Allowed:
    """What an entry allows one role; `exact` when the entry names the table, so that its columns must be there."""

    rules: AllowRules
    exact: bool


@dataclass(slots=True)
class TableEntry:
    """What all entries together say of one table."""

    table: Table
    hidden: set[Column] = field(default_factory=set)
    allowed: dict[str, Allowed] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Arrived:
    """`tables` that came while others were served: one may be, under a new name, what was closed or narrowed under its old one.
    `lost`: names of such, beside those of entries, that are not there."""

    tables: Collection[str] = ()
    lost: tuple[TableRules, ...] = ()


NOTHING: Final = Arrived()


def read_entries(
    description: AccessDescription,
    catalog: Catalog,
    complain: Complain,
    *,
    granted: bool = False,
    arrived: Arrived = NOTHING,
) -> list[TableEntry]:
    """One entry per table of the catalog, in its order; complaints for names that are not there. `granted`: the database opens
    tables, whether an entry names them or not."""
    known = database_names(catalog)
    entries = {table: TableEntry(table) for table in catalog.tables.values()}
    exact = [rules for rules in description.tables if rules.name in known or not is_pattern(rules.name)]
    patterns = [rules for rules in description.tables if rules not in exact]
    unnamed = _open_unnamed(description, known, exact, patterns, granted=granted)
    for rules in patterns:
        _read_pattern(rules, entries, known, complain)
    for rules in exact:
        if rules.name not in known:
            complain(_idle(rules, known, opened=bool(unnamed)))
            continue
        _add(entries[known[rules.name]], rules, exact=True)
        _check_hidden(rules, [known[rules.name]], complain)
    suspects = [known[name] for name in known if name in unnamed and name in arrived.tables]
    for rules in (*idle_names(description, known), *arrived.lost)[:1]:
        for table in suspects:
            complain(_perhaps(rules, table))
    return list(entries.values())


def _read_pattern(
    rules: TableRules, entries: Mapping[Table, TableEntry], known: Mapping[str, Table], complain: Complain
) -> None:
    found = [known[name] for name in matching(rules.name, known)]
    if not found:
        complain(_idle(rules, known))
    for table in found:
        _add(entries[table], rules, exact=False)
    _check_hidden(rules, found, complain)
    _check_listed(rules, found, complain)


def idle_names(description: AccessDescription, known: Collection[str]) -> list[TableRules]:
    """The entries of tables by name that are not there, and that allow or hide something."""
    named = (rules for rules in description.tables if rules.name not in known and not is_pattern(rules.name))
    return [rules for rules in named if rules.allow or rules.hidden]


def _perhaps(rules: TableRules, table: Table) -> Complaint:
    """What is told of a table that came."""
    return perhaps(rules, table, "of which no entry speaks", "name it in an entry")


def perhaps(rules: TableRules, table: Table, unsaid: str, hint: str) -> Complaint:
    """That a table which came may be the one of a name that is gone; `unsaid`: what would say that it is not."""
    message = f"{rules.name!r} is gone, and may be what {table.label} is now, {unsaid}"
    return Complaint(Severity.UNBOUND, "unnamed_table", message, hint, rules.where, table=table.label)


def _open_unnamed(
    description: AccessDescription,
    known: Mapping[str, Table],
    exact: list[TableRules],
    patterns: list[TableRules],
    *,
    granted: bool,
) -> set[str]:
    """The tables that patterns, defaults or grants open and no entry names: one of them may be what a misspelt name was to narrow. Where
    every open table has an entry of its own, a name that is not there is that of a table that went away."""
    opening = [rules.name for rules in patterns if rules.allow]
    defaults = granted or description.default_read or description.default_write
    found = {*known} if defaults else {name for pattern in opening for name in matching(pattern, known)}
    nobodys = {reserved.name for reserved in description.reserved if not reserved.served}
    return found - {rules.name for rules in exact} - nobodys


def _add(entry: TableEntry, rules: TableRules, *, exact: bool) -> None:
    for name in rules.hidden:
        entry.hidden.update(columns_named(name, entry.table))
    for role, allowed in rules.allow.items():
        entry.allowed[role] = Allowed(allowed, exact)


def _idle(rules: TableRules, known: Mapping[str, Table], *, opened: bool = False) -> Complaint:
    """`opened`, of a plain name: whether a table that no entry names may be open all the same."""
    pattern = is_pattern(rules.name)
    severity = Severity.WARNING if pattern and not rules.allow else Severity.UNBOUND
    message = f"no table matches {rules.name!r}" if pattern else f"there is no table {rules.name!r}"
    code = IDLE_PATTERN if pattern and rules.allow else "unknown_table"
    if opened and (rules.allow or rules.hidden):
        code = HIDES_NOTHING
    return Complaint(severity, code, message, _nearest(rules.name, known), rules.where)


def _nearest(name: str, known: Mapping[str, Table]) -> str | None:
    schema, _, plain = name.partition(".")
    if plain in known and known[plain].schema == schema:
        return f"did you mean {plain!r}? the first schema stands in no name"
    return suggestion(name, known)


def _check_hidden(rules: TableRules, tables: list[Table], complain: Complain) -> None:
    """A hidden column that is not there is a misspelling of one that stays open, unless a pattern speaks of many."""
    for name, where in rules.hidden.items():
        if not tables or any(columns_named(name, table) for table in tables):
            continue
        pattern = is_pattern(name) or is_pattern(rules.name)
        severity = Severity.WARNING if pattern else Severity.UNBOUND
        near = suggestion(name, tables[0].by_name) if len(tables) == 1 else None
        closes = None if pattern else tables[0].label
        code = HIDES_NOTHING if pattern and not is_pattern(name) else "unknown_column"
        message = f"no column of {rules.name} matches {name!r}"
        complain(Complaint(severity, code, message, near, where, table=closes))


def _check_listed(rules: TableRules, tables: list[Table], complain: Complain) -> None:
    """A column that a pattern's entry grants must be in one of its tables; an exact entry is checked when it is bound."""
    for allowed in rules.allow.values():
        for listed in _lists(allowed):
            for index, name in enumerate(listed.names):
                if tables and not any(columns_named(name, table) for table in tables):
                    message = f"no table of {rules.name} has a column {name!r}"
                    complain(
                        Complaint(Severity.UNBOUND, "unknown_column", message, None, listed.where, trail=f"[{index}]")
                    )
        for name, mask in ({} if allowed.read is None else allowed.read.masks).items():
            if tables and not any(columns_named(name, table) for table in tables):
                severity = Severity.WARNING if is_pattern(name) else Severity.UNBOUND
                code = "unknown_column" if is_pattern(name) else HIDES_NOTHING
                message = f"no table of {rules.name} has a column {name!r}"
                complain(Complaint(severity, code, message, None, mask.where))


def _lists(allowed: AllowRules) -> list[ColumnList]:
    parts = (allowed.read, allowed.create, allowed.update)
    return [part.columns for part in parts if part is not None and part.columns is not None]
