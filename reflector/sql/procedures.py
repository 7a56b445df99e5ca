"""Calls of procedures as plans: `CALL p(…)`, whose rows or `OUT` arguments are the answer.

    mark the transaction  ─►  set INOUT arguments  ─►  CALL  ─►  see that the mark is there  ─►  read OUT arguments

A procedure may end the transaction that it is called in; then the mark is gone, and nothing can be taken back any more.

Rule: arguments are bound values of the procedure's own types; what it gives is not read as a table's, for nobody knows its
columns before it has run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from reflector.catalog.model import Argument
from reflector.datatypes import Kind
from reflector.query.calls import Call
from reflector.query.comparisons import EQ
from reflector.query.forms import Form
from reflector.sql.dialect import Dialect
from reflector.sql.filters import operand
from reflector.sql.plan import Called, Expect, Part, Plan, Step
from reflector.sql.routine import Routine
from reflector.sql.shaped import Shaped, Sql
from reflector.sql.statement import Writer
from reflector.zones import Zone

MARK: Final = "reflector_call"
MARKED: Final = Step(f"SAVEPOINT {MARK}", (), Expect.DONE)
TYPED: Final[Mapping[Kind, str]] = {
    **dict.fromkeys((Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.BOOLEAN), "({x} + 0)"),
    Kind.DATE: "CAST({x} AS DATE)",
    Kind.TIME: "CAST({x} AS TIME(6))",
    Kind.TIMESTAMP: "CAST({x} AS DATETIME(6))",
    Kind.INSTANT: "CAST({x} AS DATETIME(6))",
}
"""Types that a variable does not have, or that are not seen in it where a document is made."""
STILL_MARKED: Final = Step(f"RELEASE SAVEPOINT {MARK}", (), Expect.DONE)


def procedure_plan(dialect: Dialect, call: Call, bounds: Called) -> Plan:
    """The plan of a call; its transaction is never read-only."""
    given = {each.argument.name: each.operand for each in call.arguments}
    before: list[Step] = []
    words: list[Any] = []
    writer = Writer(dialect)
    for number, argument in enumerate(call.function.arguments):
        if argument.mode == "in":
            words.append(operand(writer, given[argument.name], (), EQ))
            continue
        words.append(_variable(number))
        if argument.mode == "inout":
            own = Writer(dialect)
            value = operand(own, given[argument.name], (), EQ)
            before.append(own.finish(Shaped(f"SET @reflector_{number} = {{x}}", value), Expect.DONE))
    name = f"{dialect.quote(call.function.schema)}.{dialect.quote(call.function.name)}"
    routine = Routine(name, [""] * len(words), words)
    called = writer.finish(
        Shaped(f"CALL {written_in(call.form)}{{x}}", routine), Expect.ANSWER, (Part.BODY, Part.SEEN, Part.GIVEN)
    )
    after = [] if call.function.rows is None else [_outcome(dialect, call)]
    steps = (MARKED, *before, called, STILL_MARKED, *after)
    return Plan(steps, transaction=True, writes=True, volatile=True, called=bounds)


def written_in(form: Form | None) -> str:
    """How values are to be written, as a comment that `formed` reads: a zone's name is that of a database of zones, no
    text of a caller's."""
    if form is None:
        return ""
    zone = form.zone or Zone()
    return f"/*{'text' if form.plain else 'json'} {zone.name} {'' if zone.offset is None else zone.offset}*/ "


def formed(text: str) -> Form | None:
    """The form in which a `CALL` wants its values."""
    found = WRITTEN_IN.match(text)
    if found is None:
        return None
    zone = Zone(found[2], int(found[3])) if found[3] else Zone(found[2])
    return Form(zone, plain=found[1] == "text")


WRITTEN_IN: Final = re.compile(r"CALL /\*(text|json) (\S*) (-?\d*)\*/ ", re.ASCII)


def _variable(number: int) -> Sql:
    return sa.literal_column(f"@reflector_{number}")


def _outcome(dialect: Dialect, call: Call) -> Step:
    """What the OUT arguments hold, as one object in an array; it stands for whatever rows there were."""
    places = [(number, each) for number, each in enumerate(call.function.arguments) if each.mode != "in"]
    members = [member for number, each in places for member in _member(dialect, number, each, call.form)]
    one: Sql = sa.literal_column("1")
    document = sa.func.json_array(sa.func.json_object(*members))
    statement = sa.select(document.label("body"), one.label("seen"), one.label("given"))
    return Writer(dialect).finish(statement, Expect.ANSWER, (Part.BODY, Part.SEEN, Part.GIVEN))


def _member(dialect: Dialect, number: int, argument: Argument, form: Form | None) -> tuple[Sql, Sql]:
    held, typed = _variable(number), TYPED.get(argument.type.kind)
    value = held if typed is None else Shaped(typed, held)
    own = None if form is None else form.of(argument.type)
    shown = dialect.show(value, argument.type) if own is None else dialect.formed(value, argument.type, own)
    return sa.literal(argument.name), shown
