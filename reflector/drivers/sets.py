"""What the steps of a plan that writes a set of rows ask of a database, and what is made of their rows.

As `steps.perform`, for plans of which any number of rows comes back: rows that were made or changed are kept, later
steps are about them, and a refusal of one is a refusal of all.

Rule: which rows are the same is the database's to say. Here only places are compared, and what the database itself gave
as a row's key.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from reflector.errors import CheckRefused, InternalError, NotSingular, TooManyAffected, UniqueViolation
from reflector.sql.plan import Answer, BoundPlan, Cells, Expect, FromKept, Many, Part, Step, Waiting

Row: TypeAlias = Sequence[Any]
Rows: TypeAlias = Sequence[Row]
Values: TypeAlias = Sequence[Any]
Performance: TypeAlias = Generator[tuple[Step, Values], Rows, Answer]

REFUSED: Final = "a rule refuses the row as it would be written"
TWICE: Final = "two of the rows have the same key"


def perform_set(bound: BoundPlan, many: Many) -> Performance:
    """Go through the steps. Raises CheckRefused, TooManyAffected, NotSingular, UniqueViolation."""
    done = Doing(many, bound.most, bound.original)
    for number, (step, values) in enumerate(zip(bound.plan.steps, bound.values, strict=True)):
        if step.about and not done.rows_of(step.about):
            continue
        if step.repeat is not None and bound.repeats is not None:
            for place in bound.repeats[step.repeat]:
                done.take(number, step, (yield step, values), (place,))
            continue
        filled, places = done.filled(values)
        if filled is not None:
            done.take(number, step, (yield step, filled), places)
    return done.answer()


@dataclass(slots=True)
class Doing:
    """What has come back until now: the rows of each step, and the place of each where it has one."""

    many: Many
    most: int | None
    original: Sequence[int] | None = None
    rows: dict[int, list[Row]] = field(default_factory=dict)
    steps: dict[int, Step] = field(default_factory=dict)
    places: dict[int, list[int]] = field(default_factory=dict)
    affected: int = 0
    inserted: int = 0

    # ── into a step ──────────────────────────────────────────────────────────────────────────

    def rows_of(self, steps: Iterable[int]) -> list[Row]:
        return [row for step in steps for row in self.rows.get(step, ())]

    def filled(self, values: Values) -> tuple[Values | None, Sequence[int]]:
        """The values with what earlier steps say in them, and the places of the given rows; None for no rows at all."""
        found: list[Any] = []
        places: Sequence[int] = ()
        for value in values:
            if type(value) is Waiting:
                rows = self.chosen(value)
                if not rows:
                    return None, ()
                places = [place for place, _ in rows]
                found.append(value.source.pack(rows))
            elif type(value) is FromKept:
                kept = [(0, tuple([row[at] for at in value.columns])) for row in self.rows_of(value.steps)]
                found.append(value.pack(kept))
            else:
                found.append(value)
        return found, places

    def chosen(self, waiting: Waiting) -> Sequence[tuple[int, Cells]]:
        """The given rows that count: all, those that an earlier step met, or the others."""
        source = waiting.source
        if not source.split:
            return waiting.rows
        met = {place for step in source.split for place in self.places.get(step, ())}
        return [row for row in waiting.rows if (row[0] in met) is source.met]

    # ── out of it ────────────────────────────────────────────────────────────────────────────

    def take(self, number: int, step: Step, rows: Rows, places: Sequence[int]) -> None:
        if step.expect is Expect.DONE:
            return
        if step.expect is Expect.HELD:
            if len(rows) != 1 or rows[0][0] != len(self.rows_of(step.about)):
                raise CheckRefused(REFUSED)
            return
        if step.expect is Expect.MOVED:
            self.move(step, rows)
            return
        self.steps[number] = step
        self.rows.setdefault(number, []).extend(rows)
        if Part.HOLDS in step.parts:
            self.judge(rows, step.parts.index(Part.HOLDS))
        match step.expect:
            case Expect.MADE:
                self.count(len(rows))
                self.inserted += len(rows)
                # A trigger may have taken some out; then nobody knows which.
                known = places if len(places) == len(rows) else range(len(rows))
                self.places.setdefault(number, []).extend(known)
            case Expect.MET:
                self.meet(number, step, rows)
            case Expect.CHANGED:
                self.count(len(rows))
            case Expect.SHOWN:
                return
            case _:
                raise InternalError("a step of a set brings one row")

    def judge(self, rows: Rows, at: int) -> None:
        if any(row[at] != 1 for row in rows):
            raise CheckRefused(REFUSED)

    def meet(self, number: int, step: Step, rows: Rows) -> None:
        """Rows that exist: each is met once, and by a judge where there are judges."""
        self.places[number] = [row[step.parts.index(Part.PLACE)] for row in rows]
        judges = [at for at, part in enumerate(step.parts) if part is Part.FOUND]
        if judges:
            if not all(any(row[at] == 1 for at in judges) for row in rows):
                raise CheckRefused(REFUSED)
            self.count(len(rows))
        carried = carried_by(step)
        if carried:
            keys = [tuple([row[at] for at in carried]) for row in rows]
            made = {
                key
                for other, before in self.rows.items()
                if other != number and self.steps[other].expect is not Expect.SHOWN
                for key in carried_in(self.steps[other], before)
            }
            if len(set(keys)) < len(keys) or not made.isdisjoint(keys):
                raise UniqueViolation(TWICE)

    def move(self, step: Step, rows: Rows) -> None:
        """What was met is found by other keys from now on; who found it stays as it was."""
        (met,) = step.about
        if len(rows) != len(self.rows[met]):
            raise CheckRefused(REFUSED)
        if Part.PLACE not in step.parts:
            self.rows[met] = list(rows)
            return
        place = step.parts.index(Part.PLACE)
        new = {row[place]: row for row in rows}
        self.rows[met] = [[*new[row[place]], *row[place + 1 :]] for row in self.rows[met]]

    def count(self, more: int) -> None:
        self.affected += more
        if self.most is not None and self.affected > self.most:
            raise TooManyAffected(f"more than {self.most} rows would be written")

    # ── the answer ───────────────────────────────────────────────────────────────────────────

    def answer(self) -> Answer:
        if self.many.exactly_one and self.affected != 1:
            raise NotSingular(self.affected)
        written = self.written()
        keys = [row[step.parts.index(Part.KEY)] for _, step, row in written if Part.KEY in step.parts]
        documents = self.documents(written) if self.many.shown else None
        return Answer(
            body=None if documents is None else self.body(documents),
            seen=None if documents is None else len(documents),
            affected=self.affected,
            inserted=self.inserted if self.many.inserts else None,
            keys=None if None in keys or len(keys) < len(written) else array(keys),
        )

    def body(self, documents: Sequence[Any]) -> bytes | None:
        if self.many.single:
            return as_bytes(documents[0]) if documents else None
        return array(documents)

    def written(self) -> list[tuple[int, Step, Row]]:
        """The rows that were made or changed, in the order in which they were given; each with its step."""
        found: list[tuple[int, Step, Row]] = []
        for number, step in self.steps.items():
            if step.expect in WRITTEN or Part.FOUND in step.parts:  # a judge finds what is met alone
                places: Sequence[int] = self.places.get(number) or range(len(self.rows[number]))
                if self.original is not None:
                    places = [self.original[place] for place in places]
                found += [(place, step, row) for place, row in zip(places, self.rows[number], strict=True)]
        return sorted(found, key=lambda each: each[0])

    def documents(self, written: Sequence[tuple[int, Step, Row]]) -> list[Any]:
        """What is shown: in the order in which it came, or in that of the rows that it is of."""
        shown = [(step, row) for number, step in self.steps.items() for row in self.rows[number] if shows(step)]
        if not self.many.placed:
            return [row[step.parts.index(Part.BODY)] for step, row in shown if row[step.parts.index(Part.BODY)]]
        if any(Part.BODY in step.parts for _, step, _ in written):
            return [row[step.parts.index(Part.BODY)] for _, step, row in written if row[step.parts.index(Part.BODY)]]
        by_key = {carried_in(step, [row])[0]: row[step.parts.index(Part.BODY)] for step, row in shown}
        keys = [carried_in(step, [row])[0] for _, step, row in written]
        return [by_key[key] for key in keys if key in by_key]


WRITTEN: Final = (Expect.MADE, Expect.CHANGED)


def shows(step: Step) -> bool:
    return Part.BODY in step.parts


def carried_by(step: Step) -> list[int]:
    return [at for at, part in enumerate(step.parts) if part is Part.CARRIED]


def carried_in(step: Step, rows: Rows) -> list[tuple[Any, ...]]:
    """What finds the rows again, row by row."""
    columns = carried_by(step)
    return [tuple([row[at] for at in columns]) for row in rows]


def array(documents: Iterable[Any]) -> bytes:
    return b"[" + b",".join([as_bytes(each) for each in documents]) + b"]"


def as_bytes(text: bytes | str) -> bytes:
    return text.encode() if isinstance(text, str) else text
