"""Policies by themselves: whether each is a rule at all, which of them name one another, and whether one that no rule
uses could be used anywhere.

Rule: what is wrong with a policy wherever it is used is told once, at the policy; the rules that use it say nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from reflector.access.complaints import of_rule
from reflector.access.description import Complaint, RuleText, Severity
from reflector.access.rule_faults import faults_of
from reflector.access.rule_syntax import (
    Absent,
    Among,
    Compared,
    Condition,
    Either,
    Every,
    Holds,
    Keyed,
    Lower,
    Matched,
    Negated,
    Path,
    RowPath,
    There,
)
from reflector.access.rules_parse import parse_rule, policies_named
from reflector.access.rules_terms import WORDS
from reflector.catalog.model import Catalog, Table
from reflector.errors import RuleError, suggestion
from reflector.query.nodes import Filter

JOINING: Final = ("_and", "_or", "_not")


@dataclass(slots=True)
class Policies:
    """What can be said of policies without a catalog. `broken` are those that nothing may use."""

    texts: Mapping[str, RuleText]
    named: dict[str, frozenset[str]] = field(default_factory=dict, init=False)
    broken: set[str] = field(default_factory=set, init=False)
    complaints: list[Complaint] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        for name, policy in self.texts.items():
            self.read(name, policy)
        for name, named in self.named.items():
            if name in self.reached(named):
                self.break_off(name, f"policy {name!r} leads back to itself")

    def read(self, name: str, policy: RuleText) -> None:
        if name.lower() in WORDS:
            self.break_off(name, f"{name!r} is a word of the rule language, and no name of a policy")
        try:
            self.named[name] = names_in(policy.rule)
        except RuleError as fault:
            self.broken.add(name)
            self.complaints += [of_rule(each, policy.where) for each in faults_of(fault)]

    def break_off(self, name: str, message: str) -> None:
        self.broken.add(name)
        self.complaints.append(Complaint(Severity.ERROR, "policy_error", message, None, self.texts[name].where))

    def reached(self, names: Iterable[str]) -> frozenset[str]:
        """The policies named, and those that they name."""
        found = {name for name in names if name in self.texts}
        waiting = list(found)
        while waiting:
            for name in self.named.get(waiting.pop(), ()):
                if name not in found and name in self.texts:
                    found.add(name)
                    waiting.append(name)
        return frozenset(found)


def names_in(rule: Any) -> frozenset[str]:
    """The bare names in a rule that may be policies; raises RuleError. A filter in JSON form has none."""
    return policies_named(parse_rule(rule)) if isinstance(rule, str) else frozenset()


# ── those that no rule uses ──────────────────────────────────────────────────────────────────

Bind = Callable[[RuleText, Table, bool], Filter]
Offsets = Mapping[str, int | None]
"""Names, and where in a rule's text each of them begins."""


def check_unused(policies: Policies, used: Collection[str], catalog: Catalog, bind: Bind) -> Iterator[Complaint]:
    """What is wrong with the policies that no rule uses: each must fit one table at least. `bind` raises RuleError."""
    for name, policy in policies.texts.items():
        if name not in used and catalog.tables and not policies.broken & policies.reached((name,)):
            names = {each: offset for each, offset in _names(policy.rule) if each not in policies.texts}
            yield from _check(name, policy, catalog, bind, names)


def _check(name: str, policy: RuleText, catalog: Catalog, bind: Bind, names: Offsets) -> Iterator[Complaint]:
    known = {table: _known(table, catalog) for table in catalog.tables.values()}
    for table, there in known.items():
        if there.issuperset(names) and _binds(policy, table, bind):
            return
    everywhere = frozenset[str]().union(*known.values())
    nowhere = [each for each in names if each not in everywhere]
    for each in nowhere:
        message = f"policy {name!r}, which no rule uses: no table has a column or relationship {each!r}"
        hint = suggestion(each, sorted(everywhere))
        yield Complaint(Severity.UNBOUND, "rule_unbound", message, hint, policy.where, names[each])
    if nowhere:
        return
    nearest = max(known, key=lambda table: len(known[table].intersection(names)))
    try:
        bind(policy, nearest, True)
    except RuleError as fault:
        for single in faults_of(fault):
            message = f"policy {name!r}, which no rule uses, fits no table: {single.message}"
            yield of_rule(type(single)(message, hint=single.hint, offset=single.offset), policy.where)


def _known(table: Table, catalog: Catalog) -> frozenset[str]:
    """What a condition on the table's rows may begin with. Behind `exists` also other tables stand."""
    return frozenset({*table.by_name, *catalog.relationships.get(table, {}), *catalog.tables})


def _binds(policy: RuleText, table: Table, bind: Bind) -> bool:
    try:
        bind(policy, table, True)
    except RuleError:
        return False
    return True


def _names(rule: Any) -> Iterator[tuple[str, int | None]]:
    """The names that belong to the row in hand."""
    if isinstance(rule, str):
        yield from _in_condition(parse_rule(rule))
    elif isinstance(rule, Mapping):
        for key, given in rule.items():
            if key in JOINING:
                for part in given if isinstance(given, list | tuple) else (given,):
                    yield from _names(part)
            elif not key.startswith("_"):
                yield key, None


def _in_condition(condition: Condition) -> Iterator[tuple[str, int]]:
    match condition:
        case Every(parts=parts) | Either(parts=parts):
            for part in parts:
                yield from _in_condition(part)
        case Negated(part=part):
            yield from _in_condition(part)
        case Compared(left=left, right=right):
            yield from (*_in_term(left), *_in_term(right))
        case Among(term=term) | Absent(term=term) | Matched(term=term) | Keyed(term=term):
            yield from _in_term(term)
        case Holds(path=path):
            yield from _in_term(path)
        case There(path=path):
            yield path.parts[0], path.offset


def _in_term(term: Any) -> Iterator[tuple[str, int]]:
    if isinstance(term, Lower):
        yield from _in_term(term.term)
    elif isinstance(term, Path | RowPath):
        yield term.parts[0], term.offset
