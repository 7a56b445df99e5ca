"""Whether a trial saw what it expected, and if not, both side by side.

Rule: a test that could not fail does not pass. Nothing is shown to be hidden, refused or left alone where there is
nothing to hide: then the test is told to make the rows that it is about (`given`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from reflector.catalog.model import Catalog
from server.config.trials import VERBS
from server.config.values import thaw
from server.trials.aggregates import COUNT, cells, expects_nothing, totals
from server.trials.likeness import matched, plain, same_cell, same_row
from server.trials.nothing import expected_null
from server.trials.running import Seen
from server.trials.trial import Bound, exact, fault_of, rows_of
from server.trials.wording import counted, differing, inline, sets_differ

MOST_SHOWN: Final = 8
DENIALS: Final = frozenset(
    {"forbidden", "check_refused", "row_not_found", "unknown_table", "unknown_column", "unknown_relationship"}
)
"""What being denied is, where a test names no code: a right that is not there, or a row that is out of its reach."""
FORBIDDEN: Final = "forbidden"
"""What PostgreSQL says of a table or column that it does not grant, and of what a policy refuses."""
NOT_FOUND: Final = "row_not_found"
FORGOTTEN: Final = "missing_claim"


class Outcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not run"


@dataclass(frozen=True, eq=False, slots=True)
class Result:
    """What became of a trial. `lines` say why, those of what was expected with `-` and of what was seen with `+`."""

    bound: Bound
    outcome: Outcome
    seen: Seen
    lines: tuple[str, ...] = ()


def judged(bound: Bound, seen: Seen, catalog: Catalog) -> Result:
    """The trial's result."""
    if seen.impossible is not None:
        return Result(bound, Outcome.NOT_RUN, seen, (seen.impossible,))
    lines = tuple(Judge(bound, seen, catalog).lines())
    return Result(bound, Outcome.FAILED if lines else Outcome.PASSED, seen, lines)


class Judge:
    """Judges one trial."""

    def __init__(self, bound: Bound, seen: Seen, catalog: Catalog) -> None:
        self.bound, self.seen, self.catalog = bound, seen, catalog
        self.said = bound.trial.said

    def lines(self) -> Iterator[str]:
        """What is wrong; nothing where all is as expected."""
        if self.seen.broken is not None:
            yield self.seen.broken
        elif self.said.denied is not None:
            yield from self.denied(self.said.denied)
        elif self.seen.refused is not None:
            yield from differing(self.expected(), self.refusal())
        elif VERBS[self.bound.trial.verb].writes and self.bound.table is not None:
            yield from self.written()
        else:
            yield from self.answered()

    def expected(self) -> str:
        """What was to be seen, where it was not even allowed."""
        words = VERBS[self.bound.trial.verb].expects
        said = (f"{word}: {inline(getattr(self.said, word))}" for word in words if getattr(self.said, word) is not None)
        return "; ".join(said) or "allowed"

    def refusal(self) -> str:
        refused = self.seen.refused
        return "" if refused is None else f"refused: {refused.code}: {fault_of(refused)}"

    # ── denied ───────────────────────────────────────────────────────────────────────────────

    def denied(self, wanted: bool | str) -> Iterator[str]:
        code = self.code()
        if code is None:
            yield from differing(f"denied{'' if wanted is True else f': {wanted}'}", self.came())
        elif code == NOT_FOUND and self.seen.refused is None and not self.seen.candidates:
            yield from self.vain("so nothing was denied")
        elif wanted is True and code not in DENIALS:
            yield from differing("denied by a right or a rule", self.refusal())
            if code == FORGOTTEN:
                yield f"give the caller that claim, or expect denied: {FORGOTTEN}"
        elif wanted is not True and code != wanted and not (self.seen.ungranted and wanted == FORBIDDEN):
            yield from differing(f"denied: {wanted}", self.refusal() or f"denied: {code}")

    def code(self) -> str | None:
        """The code of the error; also where a write found no row that it may touch. None for what was allowed."""
        if self.seen.refused is not None:
            return self.seen.refused.code
        changes = self.bound.trial.verb in ("update", "delete")
        return NOT_FOUND if changes and not self.seen.affected else None

    def came(self) -> str:
        """What came of something that was allowed."""
        if self.bound.trial.verb == "read":
            return f"{counted(self.seen.total or 0)}{'' if self.seen.total else ': say rows: 0'}"
        if self.bound.table is not None and VERBS[self.bound.trial.verb].writes:
            return f"{counted(self.seen.affected)} written"
        return "allowed"

    def void(self) -> Iterator[str]:
        """Tell of a test that expects nothing where there is nothing."""
        if self.seen.holding == 0:
            words = " and ".join(f"`{each}`" for each in ("where", "filter") if getattr(self.said, each) is not None)
            rows = f"the rows that {words} pick{'' if ' and ' in words else 's'}" if words else "the rows of the table"
            there = f"there is nothing in {', '.join(expected_null(self.said))} of {rows}, whoever asks"
            yield f"{there}: this test cannot fail; make a row with `given`"

    def vain(self, so: str) -> Iterator[str]:
        words = [f"`{each}`" for each in ("where", "filter") if getattr(self.said, each) is not None]
        pick = f"{' and '.join(words)} {'picks' if len(words) == 1 else 'pick'} no row whoever asks"
        yield f"{pick if words else 'there are none in the table'}, {so}: this test cannot fail; make a row with `given`"

    # ── what was written ─────────────────────────────────────────────────────────────────────

    def written(self) -> Iterator[str]:
        seen, said = self.seen, self.said
        wanted = self.wanted_rows()
        if said.affected == 0 and not seen.candidates:
            yield from self.vain("so nothing was left alone")
        elif not wanted and said.affected is None:
            yield from self.vain("so nothing was allowed")
        elif seen.affected != wanted:
            yield from differing(f"{counted(wanted)} written", f"{counted(seen.affected)} written{self.of_picked()}")
        elif said.sets is not None:
            for row in seen.rows:
                yield from self.cells(said.sets, row)

    def wanted_rows(self) -> int:
        if self.said.affected is not None:
            return self.said.affected
        if self.bound.trial.verb == "create":
            return sum(1 for _ in rows_of(self.said.values))
        return self.seen.candidates or 0

    def of_picked(self) -> str:
        picked = self.seen.candidates
        return "" if picked is None else f", of {picked} that `where` picks: {', '.join(map(inline, self.seen.picked))}"

    # ── what was answered ────────────────────────────────────────────────────────────────────

    def answered(self) -> Iterator[str]:
        said, seen = self.said, self.seen
        if said.count is not None and said.count != seen.total:
            yield from differing(f"count: {said.count}", f"count: {seen.total}")
        if self.bound.trial.verb == "aggregate":
            yield from self.aggregated()
            if expects_nothing(said) and seen.candidates == 0:
                yield from self.vain("so nothing was left out")
            else:
                yield from self.void()
        if said.columns is not None:
            yield from sets_differ("columns", said.columns, seen.columns)
        if isinstance(said.rows, int):
            yield from self.number(said.rows)
        elif said.rows is not None:
            yield from self.rows(said.rows)
        if said.keys is not None:
            yield from self.keys(said.keys)
        if said.sees is not None:
            yield from self.sees(said.sees)
        if said.hidden is not None:
            yield from self.hidden(said.hidden)
        if said.returns is not None and not (seen.rows and plain(seen.rows[0]) == plain(exact(thaw(said.returns)))):
            yield from differing(f"returns: {inline(said.returns)}", f"returns: {inline(seen.rows[:1])}")

    def aggregated(self) -> Iterator[str]:
        """What was worked out of several rows."""
        said, rows = self.said, self.seen.rows
        if said.groups is not None:
            missing, surplus = matched(said.groups, rows, self.same_group)
            yield from (f"- {inline(each)}" for each in missing)
            yield from (f"+ {inline(each)}" for each in surplus[:MOST_SHOWN])
            return
        for name, value in cells({name: each for name, each in totals(said).items() if name != COUNT}):
            found = rows[0].get(name) if rows else None
            if not same_cell(self.bound.table, name, value, found):
                yield from differing(f"{name}: {inline(value)}", f"{name}: {inline(found)}")

    def same_group(self, wanted: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
        return all(same_cell(self.bound.table, name, value, row.get(name)) for name, value in cells(wanted))

    def number(self, wanted: int) -> Iterator[str]:
        total = self.total
        if total != wanted:
            yield from differing(counted(wanted), f"{counted(total)}{self.found()}")
        elif not wanted and self.seen.candidates == 0:
            yield from self.vain("so nothing was hidden")

    @property
    def total(self) -> int:
        return len(self.seen.rows) if self.seen.total is None else self.seen.total

    def found(self) -> str:
        if not self.seen.rows:
            return "" if self.seen.candidates is None else f", of {self.seen.candidates} that there are"
        more = ", …" if self.total > MOST_SHOWN else ""
        return f": {', '.join(inline(self.key(row)) for row in self.seen.rows[:MOST_SHOWN])}{more}"

    def key(self, row: Mapping[str, Any]) -> Any:
        """What a row is known by: its key, where it was asked for."""
        table = self.bound.table
        names = [each.name for each in table.primary_key.columns] if table and table.primary_key else []
        return {name: row[name] for name in names} if names and all(name in row for name in names) else row

    def keys(self, wanted: Sequence[Any]) -> Iterator[str]:
        table = self.bound.table
        columns = table.primary_key.columns if table is not None and table.primary_key is not None else ()
        if not columns:
            yield "the table has no key: say rows"
            return
        rows = [
            dict(zip((column.name for column in columns), each if isinstance(each, tuple) else (each,), strict=False))
            for each in wanted
        ]
        yield from self.rows(rows)

    def rows(self, wanted: Sequence[Mapping[str, Any]]) -> Iterator[str]:
        if not wanted:
            yield from self.number(0)
            return
        table = self.bound.table or self.bound.functions[0].rows
        missing, surplus = matched(wanted, self.seen.rows, lambda each, row: same_row(self.catalog, table, each, row))
        yield from (f"- {inline(each)}" for each in missing)
        yield from (f"+ {inline(each)}" for each in surplus[:MOST_SHOWN])
        if len(surplus) > MOST_SHOWN:
            yield f"+ … {len(surplus) - MOST_SHOWN} more"

    def sees(self, wanted: Mapping[str, Any]) -> Iterator[str]:
        if not self.seen.rows:
            yield from differing(f"sees: {inline(wanted)}", f"no row{self.found()}")
        else:
            yield from self.void()
        for row in self.seen.rows:
            yield from self.cells(wanted, row)

    def hidden(self, wanted: Sequence[str]) -> Iterator[str]:
        open_ = [name for name in wanted if name in self.seen.columns]
        for name in open_:
            values = [row.get(name) for row in self.seen.rows]
            if not values:
                yield f"{name} may be read by this caller, and there is no row to show that it is null"
            elif any(value is not None for value in values):
                told = next(value for value in values if value is not None)
                yield from differing(f"hidden: {name}", f"{name}: {inline(told)}")
            elif not self.seen.held.get(name):
                there = f"{name} may be read by this caller, and holds nothing in the rows that they see, whoever asks"
                yield f"{there}: this test cannot fail; make a row with `given`"

    # ── values ───────────────────────────────────────────────────────────────────────────────

    def cells(self, wanted: Mapping[str, Any], row: Mapping[str, Any]) -> Iterator[str]:
        for name, value in wanted.items():
            if not same_row(self.catalog, self.bound.table, {name: value}, row):
                yield from differing(f"{name}: {inline(value)}", f"{name}: {inline(row.get(name))}")
