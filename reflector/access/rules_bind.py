"""A rule's conditions, bound to one table of a catalog: the same `Filter` as an API's, comparing text exactly.

Rule: what comes out holds nothing but catalog objects, typed constants, claims and the clock; whatever cannot be made
of these is refused with its place, and nothing is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias, assert_never

from reflector.access.rule_faults import TooLargeRule, all_made, faults_of, one_of
from reflector.access.rule_syntax import (
    Absent,
    Among,
    ClaimPath,
    ColumnTerm,
    Compared,
    Condition,
    Contains,
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
    Truth,
)
from reflector.access.rules_mapping import MappingReader
from reflector.access.rules_operands import (
    Place,
    Typed,
    UnfitRule,
    bind_column,
    bind_constant,
    bind_value,
    comparable_types,
    negated,
    spelled,
    table_named,
)
from reflector.access.rules_parse import DEEPEST, TURNED, parse_rule
from reflector.access.rules_terms import spelling
from reflector.catalog.model import Catalog, Relationship, Table
from reflector.datatypes import Kind
from reflector.errors import RuleError, suggestion
from reflector.query.comparisons import EQ, IN, Comparison
from reflector.query.native import EXACT_MEMBER, MEMBER, TEXT_MEMBER
from reflector.query.nodes import (
    FALSE,
    TEXT,
    TRUE,
    Claim,
    Compare,
    Exists,
    Field,
    Filter,
    IsNull,
    JsonPath,
    Literal,
    Lowered,
    Not,
    Outer,
    all_of,
    any_of,
)

Rule: TypeAlias = str | bool | Mapping[str, Any]
"""A rule as a config writes it: text of the rule language, true or false, or a filter in its JSON form."""

MOST_CONDITIONS: Final = 500
"""How many conditions one rule may have, its policies unfolded."""


@dataclass(frozen=True, slots=True)
class Unfolded:
    """A policy bound to a table: how many conditions it has, and how deep they stand in one another."""

    where: Filter
    conditions: int
    height: int


Unfoldings: TypeAlias = dict[tuple[str, Table, bool], Unfolded]
"""Policies that are bound already, by name, table and whether they judge a row being written. One catalog's alone."""


class Binder:
    """Binds one rule. Places tell it which row is in hand; it keeps which policies are being unfolded."""

    def __init__(self, policies: Mapping[str, Rule], unfolded: Unfoldings) -> None:
        self.policies = policies
        self.unfolded = unfolded
        self.unfolding: tuple[str, ...] = ()
        self.seen = 0
        self.deepest = 0

    def rule(self, rule: Rule, place: Place, depth: int = 0) -> Filter:
        """The rule's filter; raises RuleError."""
        if isinstance(rule, bool):
            return TRUE if rule else FALSE
        if isinstance(rule, str):
            return self.condition(parse_rule(rule), place, depth + 1)
        return MappingReader(self.count).rule(rule, place, depth)

    def count(self, depth: int, more: int = 1) -> None:
        """So many conditions more; raises TooLargeRule when there are too many, or too many in one another."""
        self.seen += more
        self.deepest = max(self.deepest, depth)
        if self.seen > MOST_CONDITIONS:
            raise TooLargeRule(f"the rule has more than {MOST_CONDITIONS} conditions, its policies unfolded")
        if depth > DEEPEST:
            raise TooLargeRule("the rule is nested too deeply, its policies unfolded")

    def condition(self, condition: Condition, place: Place, depth: int) -> Filter:
        self.count(depth)
        match condition:
            case Truth(value=value):
                return TRUE if value else FALSE
            case Every(parts=parts):
                return all_of(*all_made(lambda part: self.condition(part, place, depth + 1), parts))
            case Either(parts=parts):
                return any_of(*all_made(lambda part: self.condition(part, place, depth + 1), parts))
            case Negated(part=part):
                return negated(self.condition(part, place, depth + 1))
            case Holds(path=path):
                return self.holds(path, place, depth)
            case There(path=path, condition=inner):
                return self.exists(path, inner, place, depth)
            case Compared() | Among() | Absent() | Matched() | Keyed() | Contains():
                return bind_comparison(condition, place)
            case _:
                assert_never(condition)

    # ── policies ─────────────────────────────────────────────────────────────────────────────

    def holds(self, path: Path | RowPath, place: Place, depth: int) -> Filter:
        if isinstance(path, Path) and len(path.parts) == 1 and not path.quoted:
            name = path.parts[0]
            if name in self.policies:
                return self.policy(name, path.offset, place, depth)
            if name not in place.table.by_name:
                known = [*place.table.by_name, *self.policies]
                hint = spelling(name, known)
                message = f"there is neither a column of {place.table.label} nor a policy named {name!r}"
                raise UnfitRule(message, hint=hint, offset=path.offset)
        typed = bind_column(place, path)
        if typed.type.kind is not Kind.BOOLEAN:
            raise UnfitRule(
                f"{spelled(path)} is {typed.type.native}, not a condition", hint="compare it", offset=path.offset
            )
        return Compare(typed.expression, EQ, Literal(True, typed.type), exact=True)

    def policy(self, name: str, offset: int, place: Place, depth: int) -> Filter:
        if name in place.table.by_name:
            raise UnfitRule(
                f"{name!r} is a policy and a column of {place.table.label}",
                hint=f'rename the policy; the column is col("{name}")',
                offset=offset,
            )
        if name in self.unfolding:
            raise RuleError(f"policy {name!r} leads back to itself", offset=offset)
        try:
            return self.unfold(name, place.at_home(), depth)
        except RuleError as fault:
            # The offset is one of the policy's own text; the rule that uses it can only point at the name.
            raise one_of(
                type(each)(f"policy {name!r}: {each.message}", hint=each.hint, offset=offset)
                for each in faults_of(fault)
            ) from None

    def unfold(self, name: str, place: Place, depth: int) -> Filter:
        """The policy's filter. It speaks of the row in hand alone, so it is the same wherever that row is reached."""
        key = (name, place.table, place.checks)
        known = self.unfolded.get(key)
        if known is not None:
            self.count(depth + known.height, known.conditions)
            return known.where
        before = self.unfolding, self.seen, self.deepest
        self.unfolding, self.deepest = (*self.unfolding, name), depth
        try:
            where = self.rule(self.policies[name], place, depth)
            self.unfolded[key] = Unfolded(where, self.seen - before[1], self.deepest - depth)
            return where
        finally:
            self.unfolding, self.deepest = before[0], max(before[2], self.deepest)

    # ── exists ───────────────────────────────────────────────────────────────────────────────

    def exists(self, path: Path, condition: Condition, place: Place, depth: int) -> Filter:
        vias = reached(path, place)
        inner = place
        for via in vias:
            inner = inner.inside(via if isinstance(via, Table) else via.target)
        where = self.condition(condition, inner, depth + 1)
        for via in reversed(vias):
            where = Exists(via, where)
        return where


# ── what exists leads to ─────────────────────────────────────────────────────────────────────


def reached(path: Path, place: Place) -> list[Relationship | Table]:
    """The relationships of the path, or the one table of that name. A relationship is found before a table."""
    if path.parts[0] not in place.relationships:
        table = table_named(place.catalog, ".".join(path.parts))
        if table is not None:
            return [table]
        return _from_table(path, place)
    return [*_steps(path.parts, place.catalog, place.table, path.offset)]


def _from_table(path: Path, place: Place) -> list[Relationship | Table]:
    """`exists(team.members, …)` where `team` is a table without a way from here: first its rows, then theirs."""
    first = path.parts[0]
    table = table_named(place.catalog, first)
    if table is None:
        known = [*place.relationships, *place.catalog.tables]
        raise UnfitRule(
            f"there is neither a relationship of {place.table.label} nor a table named {'.'.join(path.parts)!r}",
            hint=suggestion(first, known),
            offset=path.offset,
        )
    return [table, *_steps(path.parts[1:], place.catalog, table, path.offset)]


def _steps(names: tuple[str, ...], catalog: Catalog, table: Table, offset: int) -> list[Relationship]:
    steps: list[Relationship] = []
    for name in names:
        known = catalog.relationships.get(table, {})
        if name not in known:
            raise UnfitRule(f"{table.label} has no relationship {name!r}", hint=suggestion(name, known), offset=offset)
        steps.append(known[name])
        table = known[name].target
    return steps


# ── comparisons ──────────────────────────────────────────────────────────────────────────────


def bind_comparison(condition: Compared | Among | Absent | Matched | Keyed | Contains, place: Place) -> Filter:
    """The comparison's filter; raises UnfitRule."""
    match condition:
        case Compared():
            return _compared(condition, place)
        case Among():
            return _among(condition, place)
        case Absent(term=term):
            return IsNull(bind_column(place, term).expression)
        case Matched(term=term, comparison=comparison, pattern=pattern):
            typed = bind_column(place, term)
            _check_offered(typed, term, comparison)
            value = bind_constant(pattern, typed.type)
            return Compare(typed.expression, comparison, Literal(value, typed.type), exact=True)
        case Keyed(term=term, key=key):
            typed = bind_column(place, term)
            if typed.type.kind is not Kind.JSON:
                raise UnfitRule(f"{spelled(term)} is {typed.type.native}, which has no keys", offset=term.offset)
            return Not(IsNull(JsonPath(typed.expression, (key,))))
        case Contains():
            return _contains(condition, place)
        case _:
            assert_never(condition)


def _compared(condition: Compared, place: Place) -> Filter:
    right = condition.right
    columns = (condition.left, right) if isinstance(right, Path | RowPath | Lower) else (condition.left,)
    left, *others = all_made(lambda term: bind_column(place, term), columns)
    _check_offered(left, condition.left, condition.comparison)
    if not isinstance(right, Path | RowPath | Lower):
        return Compare(left.expression, condition.comparison, bind_value(right, left.type), exact=True)
    return _columns_compared(condition, left, right, others[0])


def _columns_compared(condition: Compared, left: Typed, term: ColumnTerm, right: Typed) -> Filter:
    comparison = condition.comparison
    _check_offered(right, term, comparison)
    if not comparable_types(left.type, right.type):
        raise UnfitRule(
            f"{spelled(condition.left)} is {left.type.native} and {spelled(term)} is {right.type.native}",
            hint="columns are compared with columns of the same type",
            offset=condition.offset,
        )
    match left.expression, right.expression:
        case _, Field() | Outer() | Lowered() as operand:
            return Compare(left.expression, comparison, operand, exact=True)
        case Field() | Outer() | Lowered() as operand, _:
            return Compare(right.expression, TURNED[comparison], operand, exact=True)
        case _:
            raise UnfitRule(
                "two paths cannot be compared with one another",
                hint="compare a path with a column of the row itself, or use exists(path, column == row.column)",
                offset=condition.offset,
            )


def _among(condition: Among, place: Place) -> Filter:
    typed = bind_column(place, condition.term)
    _check_offered(typed, condition.term, IN)
    choices = condition.choices
    if isinstance(choices, ClaimPath):
        return Compare(typed.expression, IN, Claim(choices.parts, typed.type, many=True), exact=True)
    values = tuple(dict.fromkeys(all_made(lambda each: bind_constant(each, typed.type), choices)))
    return Compare(typed.expression, IN, Literal(values, typed.type, many=True), exact=True)


def _contains(condition: Contains, place: Place) -> Filter:
    typed = bind_column(place, condition.term)
    type_ = typed.type
    if type_.kind is Kind.JSON:
        item = bind_value(condition.item, TEXT)
        return Compare(typed.expression, TEXT_MEMBER, item)
    if type_.kind is Kind.SET:
        # A label that the column does not have is a fault, as with a column of one label.
        return Compare(typed.expression, MEMBER, bind_value(condition.item, replace(type_, kind=Kind.ENUM)))
    if type_.element is not None and type_.element.facts.comparable:
        if type_.element.kind is Kind.TEXT:
            return Compare(typed.expression, EXACT_MEMBER, bind_value(condition.item, TEXT))
        return Compare(typed.expression, MEMBER, bind_value(condition.item, type_.element))
    message = f"{spelled(condition.term)} is {type_.native}, which has no items"
    raise UnfitRule(
        message, hint="x in ['a', 'b'] asks whether a column is one of several", offset=condition.term.offset
    )


def _check_offered(typed: Typed, term: ColumnTerm, comparison: Comparison) -> None:
    facts = typed.type.facts
    offered = facts.textual if comparison.pattern else facts.comparable if comparison.equality else facts.ordered
    if not offered:
        offset = term.offset
        raise UnfitRule(f"{spelled(term)} is {typed.type.native}, which {comparison.name!r} is not for", offset=offset)
