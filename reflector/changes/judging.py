"""What one change means to those who asked.

    image before ↓  after →   seen              not seen       only the database knows
    seen                      update            leave          ask, then as one of the others
    not seen                  enter             –
    rule holds, filter ?      update            leave, by key
    rule ?                    update or enter   withheld, or as the reader was told

Rule: the same rules as for reading, asked of both images. What cannot be decided is asked of the database for the row as
it is now. For the row as it was, what was told to the reader decides where the rule reads other tables (`Depends`), and
otherwise it is withheld: nobody hears of a row that they may never have seen. What changed nothing that the reader sees
is not told at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum

from reflector.catalog.model import Column
from reflector.changes.change import Change, Op, Row
from reflector.changes.notices import Depends, Notice, Telling, notice_of, object_of
from reflector.changes.question import Question
from reflector.changes.shown import shown_of, visibly_changed
from reflector.datatypes import Value
from reflector.query.match import ASK, Ask, Bind, matches
from reflector.query.nodes import all_of
from reflector.query.walk import columns_inside


class Sight(Enum):
    """Whether a reader sees an image of a row."""

    SEEN = "seen"
    UNSEEN = "not seen"
    MAYBE = "the rule holds, the filter cannot be decided"
    UNKNOWN = "the rule cannot be decided"


def judge(question: Question, change: Change, bind: Bind) -> tuple[Telling, ...] | Ask:
    """What the change means to the readers; ASK when only the database knows what they see of the row now.

    For a question whose readers are remembered, also events that nobody asked for: they change what is told later.
    """
    if change.op is Op.DELETE or change.new is None:
        return _told(question, change, Sight.UNSEEN, None, bind)
    seen = matches(all_of(question.rule, question.where), change.new, bind)
    if seen is ASK:
        return ASK
    if seen is not True:
        return _told(question, change, Sight.UNSEEN, None, bind)
    shown = shown_of(question, change.new, bind)
    return ASK if shown is None else _told(question, change, Sight.SEEN, object_of(shown), bind)


def judge_asked(question: Question, change: Change, now: bytes | None, bind: Bind) -> tuple[Telling, ...]:
    """The same, with what the database says of the row: as the readers see it, None where they do not."""
    return _told(question, change, Sight.UNSEEN if now is None else Sight.SEEN, now, bind)


def key_values(change: Change) -> Sequence[Value] | None:
    """The key of the row as it is now; None where it has none, or the image does not tell."""
    row = change.new
    if row is None or not change.key or not all(column in row for column in change.key):
        return None
    return [row[column] for column in change.key]


def _told(question: Question, change: Change, after: Sight, body: bytes | None, bind: Bind) -> tuple[Telling, ...]:
    found: list[Telling]
    if change.op is Op.INSERT:
        found = [notice_of(question, change, "insert", change.new, body)] if after is Sight.SEEN else []
    elif change.op is Op.DELETE:
        found = _gone(question, change, "delete", change.old, before(question, change.old, bind))
    else:
        found = _updated(question, change, after, body, bind)
    if question.remembered:
        return tuple(found)
    return tuple(each for each in found if isinstance(each, Depends) or each.op in question.events)


def _updated(question: Question, change: Change, after: Sight, body: bytes | None, bind: Bind) -> list[Telling]:
    was = before(question, change.old, bind)
    if after is Sight.UNSEEN:
        return _gone(question, change, "leave", change.old or change.new, was)
    enter = notice_of(question, change, "enter", change.new, body)
    if change.moved:
        return [*_gone(question, change, "leave", change.old, was), enter]
    if was is Sight.UNSEEN:
        return [enter]
    update = _update(question, change, body, bind)
    if was is Sight.UNKNOWN and _decides(question, change):
        return [Depends(enter.key, update, enter)] if question.remembered else [enter]
    return [] if update is None else [update]


def _gone(question: Question, change: Change, op: str, row: Row | None, was: Sight) -> list[Telling]:
    """The row is no longer there for the readers, if it ever was."""
    if was is Sight.UNSEEN or (was is Sight.UNKNOWN and not question.remembered):
        return []
    notice = notice_of(question, change, op, row, None)
    return [Depends(notice.key, notice, None)] if was is Sight.UNKNOWN else [notice]


def _update(question: Question, change: Change, body: bytes | None, bind: Bind) -> Notice | None:
    """The row is still there; None where nothing changed that the readers see."""
    changed = visibly_changed(question, change, bind)
    if changed is None:
        # Whether anything changed that may be seen cannot be told: those hear of it to whom nothing is hidden.
        return notice_of(question, change, "update", change.new, body) if question.sighted else None
    return notice_of(question, change, "update", change.new, body, changed) if changed else None


def before(question: Question, row: Row | None, bind: Bind) -> Sight:
    """Whether the readers saw the row as it was."""
    image: Mapping[Column, Value] = {} if row is None else row
    allowed = matches(question.rule, image, bind)
    if allowed is ASK:
        return Sight.UNKNOWN
    if allowed is not True:
        return Sight.UNSEEN
    wanted = matches(question.where, image, bind)
    return Sight.MAYBE if wanted is ASK else Sight.SEEN if wanted is True else Sight.UNSEEN


def _decides(question: Question, change: Change) -> bool:
    """Whether the change touched what decides whether the row is seen."""
    if change.changed is None:
        return False
    return not change.changed.isdisjoint([*columns_inside(question.rule), *columns_inside(question.where)])
