"""What the steps of a plan ask of a database and make of its rows, whoever carries them there.

`perform` is a generator: it yields each step with its values filled in, is sent that step's rows, and returns the
`Answer`. The network drivers feed it from the event loop, SQLite from a thread, so that a plan means the same on all.

Rule: nothing here waits, and nothing here knows a database.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias

from reflector.drivers.explaining import explain
from reflector.drivers.sets import perform_set
from reflector.errors import (
    AnswerTooLarge,
    CheckRefused,
    InternalError,
    NotSingular,
    RowNotFound,
    TooManyAffected,
)
from reflector.sql.plan import Answer, BoundPlan, Called, Expect, FromStep, Part, Plan, Step

Row: TypeAlias = Sequence[Any]
Rows: TypeAlias = Sequence[Row]
Values: TypeAlias = Sequence[Any]
UNMEASURED: Final = sys.maxsize
"""For the answer of a write that cannot be taken back."""
Performance: TypeAlias = Generator[tuple[Step, Values], Rows, Answer]


def perform(bound: BoundPlan, largest: int) -> Performance:
    """Go through a plan's steps. Raises RowNotFound, CheckRefused; AnswerTooLarge for documents of more than `largest`
    bytes; InternalError where a plan contradicts itself."""
    if bound.explained is not None:
        told = yield from explain(bound, bound.explained, perform(replace(bound, explained=None), UNMEASURED))
        document(told.body, largest)
        return told
    if bound.plan.many is not None:
        made = yield from perform_set(bound, bound.plan.many)
        document(made.body, largest)
        return made
    kept: dict[int, Row] = {}
    fields: dict[str, Any] = {}
    for number, (step, values) in enumerate(zip(bound.plan.steps, bound.values, strict=True)):
        rows = yield step, _filled(values, kept) if kept else values
        if not rows and bound.optional and step.expect is not Expect.DONE:
            return Answer()
        if step.expect is not Expect.DONE:
            row = kept[number] = the_row(rows)
            read_parts(step.parts, row, fields, largest)
    answer = Answer(**fields)
    if bound.plan.called is not None:
        _allow(answer.affected or 0, bound.plan.called, bound.most)
    return answer


def _allow(rows: int, called: Called, most: int | None) -> None:
    """Raise NotSingular or TooManyAffected where a function gave another number of rows than it may."""
    if called.exactly_one and rows != 1:
        raise NotSingular(rows)
    if most is not None and rows > most:
        raise TooManyAffected(f"The query affects {rows} rows")


def answer_of(step: Step, rows: Rows, largest: int) -> Answer:
    """The answer of a plan that has this step alone; raises as `perform` does."""
    if step.expect is Expect.DONE:
        return Answer()
    row, parts = the_row(rows), step.parts
    if len(parts) == 1 and parts[0] is _BODY:
        return Answer(document(row[0], largest))
    fields: dict[str, Any] = {}
    read_parts(parts, row, fields, largest)
    return Answer(**fields)


def needs_transaction(plan: Plan) -> bool:
    """Whether the plan's steps stand or fall together; a refused check must be able to take a write back."""
    if plan.transaction:
        return True
    return plan.writes and (len(plan.steps) > 1 or any(Part.HOLDS in step.parts for step in plan.steps))


def the_row(rows: Rows) -> Row:
    """The one row of a step that must bring one."""
    if len(rows) == 1:
        return rows[0]
    if not rows:
        raise RowNotFound("no such row")
    raise InternalError(f"a step that must bring one row brought {len(rows)}")


def document(value: str | bytes | None, largest: int) -> bytes | None:
    """A document as bytes; raises AnswerTooLarge. Text is measured before it is copied."""
    if value is None:
        return None
    if len(value) > largest:
        raise AnswerTooLarge
    if isinstance(value, bytes):
        return value
    encoded = value.encode()
    if len(encoded) > largest:
        raise AnswerTooLarge
    return encoded


def read_parts(parts: tuple[Part | None, ...], row: Row, fields: dict[str, Any], largest: int) -> None:
    """Put the named columns of a row into an answer's fields, over what earlier steps put there. What is `largest` holds
    for all members of an overview together."""
    for part, value in zip(parts, row, strict=False):
        if part is _BODY:
            fields["body"] = document(value, largest)
        elif part is _MEMBER:
            member = document(value, largest)
            fields.setdefault("members", []).append(member)
            largest -= 0 if member is None else len(member)
        elif part is _HOLDS:
            if value != 1:  # true is 1 wherever booleans are numbers; NULL is not true
                raise CheckRefused("a rule refuses the row as it would be written")
        elif part in _COUNTS:
            fields[_COUNTS[part]] = None if value is None else int(value)
        elif part in _DOCUMENTS:
            fields[_DOCUMENTS[part]] = _document(value)


def _document(value: str | bytes | int | None) -> bytes | None:
    """A small document; a key of one whole number is told without the brackets of a list."""
    if isinstance(value, str):
        return value.encode()
    return b"[%d]" % value if isinstance(value, int) else value


_BODY: Final = Part.BODY  # looking a member up in its class costs as much as all the rest here
_MEMBER: Final = Part.MEMBER
_HOLDS: Final = Part.HOLDS
_COUNTS: Final[dict[Part | None, str]] = {Part.SEEN: "seen", Part.TOTAL: "total", Part.GIVEN: "affected"}
_DOCUMENTS: Final[dict[Part | None, str]] = {Part.LAST: "last", Part.KEY: "key"}


def _filled(values: Values, kept: dict[int, Row]) -> Values:
    return [kept[value.step][value.column] if type(value) is FromStep else value for value in values]
