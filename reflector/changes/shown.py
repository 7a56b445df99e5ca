"""An image of a row as the readers of a question see it: column by column, as JSON.

Rule: what is told here is what a read would answer; what cannot be told from the image alone is left to the database.
"""

from __future__ import annotations

from reflector.access.permissions import Ways
from reflector.catalog.model import Column, Fill
from reflector.changes.change import NULL, Change, Row
from reflector.changes.masked import masked_value
from reflector.changes.question import Question
from reflector.query.match import ASK, Bind, matches
from reflector.query.nodes import TRUE, Filter


def visibly_changed(question: Question, change: Change, bind: Bind) -> list[Column] | None:
    """The columns that look different to the readers; None where that cannot be told."""
    if change.changed is None or change.new is None or change.old is None:
        return None
    if all(guard == TRUE for _, guard in question.columns):
        if any(_untold(column, change.new) for column, _ in question.columns) and not question.sighted:
            return None
        return [column for column, _ in question.columns if column in change.changed]
    new, old = shown_of(question, change.new, bind), shown_of(question, change.old, bind)
    if new is None or old is None:
        return None
    return [column for column, shown in new.items() if old.get(column) != shown]


def shown_of(question: Question, row: Row, bind: Bind) -> dict[Column, bytes] | None:
    """The row as the readers see it; a large value that was left alone is left out. None: only the database knows."""
    shown: dict[Column, bytes] = {}
    masked = dict(question.masked)
    for column, guard in question.columns:
        if _untold(column, row):
            return None
        if column not in row:
            continue
        if guard == TRUE:
            shown[column] = row.shown(column)
            continue
        value = _cell(column, guard, masked.get(column), row, bind)
        if value is None:
            return None
        shown[column] = value
    return shown


def _cell(column: Column, guard: Filter, ways: Ways | None, row: Row, bind: Bind) -> bytes | None:
    """One value that is seen on some rows, or masked, as the readers see it. None: only the database knows."""
    seen = matches(guard, row, bind)
    if seen is ASK:
        return None
    if seen is True:
        return row.shown(column) if ways is None else masked_value(column, row.shown(column), None)
    for rule, mask in ways or ():
        holds = matches(rule, row, bind)
        if holds is ASK:
            return None
        if holds is True:
            return masked_value(column, row.shown(column), mask)
    return NULL


def _untold(column: Column, row: Row) -> bool:
    """Whether the column is computed and the source does not tell it: PostgreSQL's stream has no generated columns."""
    return column.fill is Fill.COMPUTED and column not in row
