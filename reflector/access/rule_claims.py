"""Which claims a rule asks for, before it meets a catalog: whoever knows what callers carry holds the rule against that.

Rule: a claim that a rule would ask a caller for is found here in whichever form the rule is written, and a text that a rule
takes as it stands is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from reflector.access import rules_hasura
from reflector.access.rule_syntax import (
    Absent,
    Among,
    ClaimPath,
    Compared,
    Condition,
    Contains,
    Either,
    Every,
    Holds,
    Keyed,
    Matched,
    Negated,
    There,
    Truth,
)
from reflector.access.rules_mapping import CLAIMED
from reflector.access.rules_parse import parse_rule, parse_value
from reflector.errors import RuleError

Asked: TypeAlias = tuple[tuple[str | int, ...], ClaimPath]
"""A claim, and the steps to it in a rule that is a mapping: none in a text, of which the claim has its offset."""


def claims_asked(rule: Any) -> Iterator[Asked]:
    """The claims of a rule in either form; raises RuleError for a text that is no rule."""
    if isinstance(rule, str):
        yield from (((), claim) for claim in _of_condition(parse_rule(rule)))
    elif isinstance(rule, Mapping):
        yield from _of_mapping(rule)


def claim_set(preset: Any) -> Iterator[Asked]:
    """The claim that a column is preset to, if it is one; raises RuleError for a text that is no term."""
    term = parse_value(preset) if isinstance(preset, str) else None
    if isinstance(term, ClaimPath):
        yield (), term


def _of_condition(condition: Condition) -> Iterator[ClaimPath]:
    match condition:
        case Compared(right=ClaimPath() as claim) | Among(choices=ClaimPath() as claim):
            yield claim
        case Contains(item=ClaimPath() as claim):
            yield claim
        case Every(parts=parts) | Either(parts=parts):
            for part in parts:
                yield from _of_condition(part)
        case Negated(part=part) | There(condition=part):
            yield from _of_condition(part)
        case Truth() | Holds() | Compared() | Among() | Absent() | Matched() | Keyed() | Contains():
            return


def _of_mapping(given: Any) -> Iterator[Asked]:
    """What stands below names of columns, relationships and joining words; below an operator stands a value."""
    members = given.items() if isinstance(given, Mapping) else enumerate(given)
    for key, value in members:
        word = rules_hasura.word_of(key)
        if word in rules_hasura.WORDS or word in rules_hasura.MISSING:
            claim = _operand(word, value)
            if claim is not None:
                yield (key,), claim
        elif isinstance(value, Mapping | list | tuple):
            yield from (((key, *steps), claim) for steps, claim in _of_mapping(value))


def _operand(word: str, given: Any) -> ClaimPath | None:
    """The claim that an operator is asked with; what is odd about it is told by whoever binds it."""
    if rules_hasura.SPELLED.get(word) not in CLAIMED or not isinstance(given, str):
        return None
    variable = rules_hasura.variable(given)
    if variable is not None:
        return ClaimPath(variable, 0)
    if not given.startswith(rules_hasura.CLAIMED):
        return None
    try:
        term = parse_value(given)
    except RuleError:
        return None
    return term if isinstance(term, ClaimPath) else None
