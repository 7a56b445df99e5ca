"""A plan's statements asked for what the database would do, step by step.

    nothing is carried out    each statement whose values are known beforehand is explained
    it is carried out         each statement is explained while it runs, and run once more where later ones need its rows

Rule: who drives this takes everything back; nothing that is carried out here may be kept.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias

from reflector.sql.explaining import Explained
from reflector.sql.plan import Answer, BoundPlan, Expect, FromKept, FromStep, Step, Waiting

Rows: TypeAlias = Sequence[Sequence[Any]]
Values: TypeAlias = Sequence[Any]
Performance: TypeAlias = Generator[tuple[Step, Values], Rows, Answer]

BEFORE: Final = Step("SAVEPOINT explained", (), Expect.DONE)
BACK: Final = Step("ROLLBACK TO SAVEPOINT explained", (), Expect.DONE)


def explain(bound: BoundPlan, how: Explained, performance: Performance) -> Performance:
    """The plan's statements, explained; `performance` is what carries them out. Raises what that raises."""
    said: list[str] = []
    yield from _carried_out(bound, how, performance, said) if how.runs else _foreseen(bound, how, said)
    return Answer(how.document(said))


def _foreseen(bound: BoundPlan, how: Explained, said: list[str]) -> Generator[tuple[Step, Values], Rows, None]:
    for step, values in zip(bound.plan.steps, bound.values, strict=True):
        known = _known(values)
        if known is not None:
            said.append(how.told((yield _asked(step, how), known)))


def _carried_out(
    bound: BoundPlan, how: Explained, performance: Performance, said: list[str]
) -> Generator[tuple[Step, Values], Rows, None]:
    several = len(bound.plan.steps) > 1
    try:
        step, values = next(performance)
        while True:
            if several:
                yield BEFORE, ()
            said.append(how.told((yield _asked(step, how), values)))
            if not several:
                return
            yield BACK, ()
            step, values = performance.send((yield step, values))
    except StopIteration:
        return


def _asked(step: Step, how: Explained) -> Step:
    return replace(step, text=how.words + step.text)


def _known(values: Values) -> Values | None:
    """The values that need no other statement; None where one does. Of rows that may exist already, all are taken."""
    if any(isinstance(value, FromStep | FromKept) for value in values):
        return None
    return [value.source.pack(value.rows) if isinstance(value, Waiting) else value for value in values]
