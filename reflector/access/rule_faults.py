"""Several faults of one rule at once: who mends a rule wants to hear of all of them, not of one at each try.

Rule: parts that do not depend on one another are read each for itself; where one part needs another that is wrong,
there is nothing to say of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from reflector.errors import RuleError

Part = TypeVar("Part")
Made = TypeVar("Made")


class TooLargeRule(RuleError):
    """A rule that has too many conditions, or too many in one another: nothing further is read of it."""


class RuleFaults(RuleError):
    """More than one fault; `faults` are the single ones, in the order of the rule."""

    def __init__(self, faults: Sequence[RuleError]) -> None:
        super().__init__("; ".join(fault.message for fault in faults), offset=faults[0].offset)
        self.faults = tuple(faults)


def all_made(make: Callable[[Part], Made], parts: Iterable[Part]) -> tuple[Made, ...]:
    """What is made of each part; raises RuleError with the faults of all of them."""
    made: list[Made] = []
    faults: list[RuleError] = []
    for part in parts:
        try:
            made.append(make(part))
        except TooLargeRule:
            raise
        except RuleError as fault:
            faults += faults_of(fault)
    if faults:
        raise one_of(faults)
    return tuple(made)


def faults_of(fault: RuleError) -> tuple[RuleError, ...]:
    """The single faults."""
    return fault.faults if isinstance(fault, RuleFaults) else (fault,)


def one_of(faults: Iterable[RuleError]) -> RuleError:
    """The faults as one, each told once: a fault itself where there is no other."""
    distinct = list({(type(each), each.message, each.offset): each for each in faults}.values())
    return distinct[0] if len(distinct) == 1 else RuleFaults(distinct)
