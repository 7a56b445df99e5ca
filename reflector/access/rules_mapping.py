"""A rule in the JSON form of a filter: `{_and: [{price: {_gte: 50}}, {author: {name: {_eq: x}}}]}`.

A mapping under a relationship means that at least one related row satisfies it, whether the relationship leads to one
row or to many: it becomes `Exists`, as everywhere that this form is spoken. `_exists: {_table: …, _where: …}` asks a
table without a relationship. A text that begins with `claims.` is a claim, `now()` and `today()` are the clock.

Rule: an empty mapping or list would be a rule that has vanished, so it is refused wherever it could open a table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from reflector.access import rules_hasura
from reflector.access.rule_faults import all_made
from reflector.access.rule_syntax import ClaimPath, Clock
from reflector.access.rules_operands import Place, UnfitRule, bind_clock, negated, table_named
from reflector.access.rules_parse import parse_value
from reflector.catalog.model import Column, DatabaseKind, Table
from reflector.datatypes import Kind
from reflector.errors import InvalidValue, RuleError, suggestion
from reflector.query.comparisons import COMPARISONS, ESCAPE, IN, Comparison
from reflector.query.nodes import And, Claim, Compare, Exists, Field, Filter, Literal, Not, Operand, all_of, any_of
from reflector.query.operators import OPERATORS, Operator, apply_json

_WORDS: Final = ("_and", "_or", "_not", "_exists")
SINGLE: Final = {name: COMPARISONS[name] for name in ("eq", "ne", "lt", "lte", "gt", "gte")}
LISTED: Final = frozenset({"in", "nin"})
CLAIMED: Final = LISTED | set(SINGLE)
"""Operators that may be asked with a claim."""
_CLOCKED: Final = {Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT}


class MappingReader:
    """Reads one mapping. `trail` says where in it a fault is; `count` refuses what is too large or too deep."""

    def __init__(self, count: Callable[[int], None]) -> None:
        self.count = count

    def rule(self, given: Any, place: Place, depth: int) -> Filter:
        """The whole mapping's filter; raises RuleError."""
        return self.filled(given, place, "", depth + 1)

    def filled(self, given: Any, place: Place, trail: str, depth: int) -> Filter:
        """A mapping that must say something."""
        if isinstance(given, Mapping) and not given:
            raise _fault(trail, "an empty filter says nothing", "write true, or leave it out")
        return self.mapping(given, place, trail, depth)

    def mapping(self, given: Any, place: Place, trail: str, depth: int) -> Filter:
        self.count(depth)
        if not isinstance(given, Mapping):
            raise _fault(trail, "a filter is a mapping")
        members = ((_spelled(key), value) for key, value in given.items())
        return all_of(*all_made(lambda each: self.member(*each, place, f"{trail}.{each[0]}", depth), members))

    def member(self, key: str, given: Any, place: Place, trail: str, depth: int) -> Filter:
        if key in {"_and", "_or"}:
            parts = self.parts(given, place, trail, depth)
            return all_of(*parts) if key == "_and" else any_of(*parts)
        if key == "_not":
            return negated(self.filled(given, place, trail, depth + 1))
        if key == "_exists":
            return self.exists(given, place, trail, depth)
        column = place.table.by_name.get(key)
        if column is not None:
            return self.column(column, given, place, trail, depth)
        relationship = place.relationships.get(key)
        if relationship is None:
            known = [*place.table.by_name, *place.relationships, *_WORDS]
            raise _unfit(trail, f"{place.table.label} has no column or relationship {key!r}", suggestion(key, known))
        return Exists(relationship, self.mapping(given, place.inside(relationship.target), trail, depth + 1))

    def parts(self, given: Any, place: Place, trail: str, depth: int) -> tuple[Filter, ...]:
        if not isinstance(given, list | tuple) or not given:
            raise _fault(trail, "takes a list of filters that is not empty")
        return all_made(lambda each: self.filled(each[1], place, f"{trail}[{each[0]}]", depth + 1), enumerate(given))

    def exists(self, given: Any, place: Place, trail: str, depth: int) -> Filter:
        if not isinstance(given, Mapping) or set(given) != {"_table", "_where"}:
            raise _fault(trail, "takes _table and _where")
        table = self.table(given["_table"], place, f"{trail}._table")
        return Exists(table, self.filled(given["_where"], place.inside(table), f"{trail}._where", depth + 1))

    def table(self, given: Any, place: Place, trail: str) -> Table:
        if isinstance(given, Mapping) and set(given) == {"schema", "name"}:
            given = f"{given['schema']}.{given['name']}"
        table = table_named(place.catalog, given) if isinstance(given, str) else None
        if table is None:
            hint = suggestion(given, place.catalog.tables) if isinstance(given, str) else None
            raise _unfit(trail, f"there is no table {given!r}", hint)
        return table

    def column(self, column: Column, given: Any, place: Place, trail: str, depth: int) -> Filter:
        if not isinstance(given, Mapping) or not given:
            raise _fault(trail, "takes a mapping of operators", f"{{{column.name}: {{_eq: …}}}}")
        return all_of(*all_made(lambda each: self.operation(column, *each, place, trail, depth), given.items()))

    def operation(self, column: Column, key: Any, operand: Any, place: Place, trail: str, depth: int) -> Filter:
        self.count(depth)
        word, trail = rules_hasura.word_of(key), f"{trail}.{key}"
        try:
            if rules_hasura.is_containment(column, word):
                return rules_hasura.contained(column, word, operand, place.catalog.kind)
            if word in rules_hasura.SPELLED:
                return _compared(column, OPERATORS[rules_hasura.SPELLED[word]], operand, trail)
            if word in rules_hasura.OPPOSITES:
                return Not(_compared(column, OPERATORS[rules_hasura.OPPOSITES[word]], operand, trail))
            if word in rules_hasura.COLUMNS:
                return rules_hasura.compared(column, word, operand, place)
            if word in rules_hasura.PATTERNS:
                return self.matched(column, word, operand, place, trail)
            if word == rules_hasura.HAS_KEY:
                return rules_hasura.keyed(column, operand)
            if word in rules_hasura.HAS_KEYS:
                return rules_hasura.keys(column, word, operand)
        except InvalidValue as fault:
            raise _unfit(trail, fault.message, fault.hint) from None
        if word in rules_hasura.MISSING:
            raise _fault(trail, f"{key!r} is an operator of Hasura that rules do not have", rules_hasura.MISSING[word])
        raise _fault(trail, f"there is no operator {key!r}", suggestion(str(word), rules_hasura.WORDS))

    def matched(self, column: Column, word: str, operand: Any, place: Place, trail: str) -> Filter:
        if place.catalog.kind is DatabaseKind.SQLITE:
            raise _unfit(trail, "SQLite looks for no regular expressions", "_like, or _ilike")
        return rules_hasura.matched(column, word, operand)


def _compared(column: Column, operator: Operator, given: Any, trail: str) -> Filter:
    try:
        dynamic = _dynamic(column, operator, given, trail)
        if dynamic is not None:
            return dynamic
        if operator.name in LISTED and not given:
            raise _fault(trail, "nothing is in an empty list")
        return _exact(apply_json(operator, Field(column), column.type, rules_hasura.plain(given)))
    except InvalidValue as fault:
        raise _unfit(trail, fault.message, fault.hint) from None


def _dynamic(column: Column, operator: Operator, given: Any, trail: str) -> Filter | None:
    """The filter for a claim or the clock, None for a constant."""
    if isinstance(given, list | tuple) and any(map(rules_hasura.says_who_asks, given)):
        message = "neither a claim nor a session variable can stand in a list of values"
        raise _fault(trail, message, "ask for each by itself, under _or")
    if not isinstance(given, str):
        return None
    path = rules_hasura.variable(given)
    if path is not None:
        return _claimed(column, operator, ClaimPath(path, 0), trail)
    if given.startswith(rules_hasura.CLAIMED):
        claim = parse_value(given)
        if not isinstance(claim, ClaimPath):
            raise _fault(trail, f"{given!r} is not a claim")
        return _claimed(column, operator, claim, trail)
    comparison = SINGLE.get(operator.name)
    if given in {"now()", "today()"} and column.type.kind in _CLOCKED and comparison is not None:
        return _of(column, comparison, bind_clock(Clock(given == "today()", 0), column.type), operator)
    return None


def _claimed(column: Column, operator: Operator, claim: ClaimPath, trail: str) -> Filter:
    if operator.name in LISTED:
        among = _of(column, IN, Claim(claim.parts, column.type, many=True), operator)
        return among if operator.name == "in" else Not(among)
    comparison = SINGLE.get(operator.name)
    if comparison is None:
        raise _fault(trail, f"{operator.name!r} takes no claim")
    return _of(column, comparison, Claim(claim.parts, column.type), operator)


def _of(column: Column, comparison: Comparison, operand: Operand, operator: Operator) -> Filter:
    if not operator.allowed(column.type.facts):
        raise InvalidValue(f"{operator.name!r} cannot be asked of {column.type.native}")
    return Compare(Field(column), comparison, operand, exact=True)


def _exact(where: Filter) -> Filter:
    """The same filter, comparing text bytewise as rules do."""
    match where:
        case Compare(operand=Literal(value=str(pattern)), comparison=Comparison(pattern=True)) if (
            len(pattern) - len(pattern.rstrip(ESCAPE))
        ) % 2:
            raise InvalidValue("the pattern ends in an escape that escapes nothing")
        case Compare():
            return replace(where, exact=True)
        case Not(part=part):
            return Not(_exact(part))
        case And(parts=parts):
            return And(tuple(_exact(part) for part in parts))
        case _:
            # `isnull` compares nothing; no operator makes more than these.
            return where


def _spelled(key: Any) -> str:
    """A member's name; older metadata begin the joining ones with a dollar."""
    word = rules_hasura.word_of(str(key))
    return str(word) if word in _WORDS else str(key)


def _fault(trail: str, message: str, hint: str | None = None) -> RuleError:
    return RuleError(f"{trail.lstrip('.')}: {message}" if trail else message, hint=hint, trail=trail.lstrip("."))


def _unfit(trail: str, message: str, hint: str | None = None) -> UnfitRule:
    return UnfitRule(f"{trail.lstrip('.')}: {message}", hint=hint, trail=trail.lstrip("."))
