"""What one change means to one question: the table of images, case by case."""

from __future__ import annotations

import pytest

from reflector.changes.change import Change, Op
from reflector.changes.judging import judge, judge_asked
from reflector.changes.notices import Depends, Notice, Telling
from reflector.changes.question import Question
from reflector.query.match import ASK
from reflector.query.nodes import TRUE, all_of
from tests.changes.articles import ALL, ELSEWHERE, ID, OWNER, SALARY, TITLE, change, clock, is_, question, row

MINE = is_(OWNER, 7)
T = is_(TITLE, "t")


def ops(asked: Question, new: dict[str, object] | None, old: dict[str, object] | None = None) -> object:
    found = judge(asked, change(new, old), clock)
    return found if found is ASK else [op_of(each) for each in found]


def judged(asked: Question, change: Change) -> Notice:
    """The one thing that is told."""
    found = judge(asked, change, clock)
    assert isinstance(found, tuple)
    [notice] = found
    assert isinstance(notice, Notice)
    return notice


def op_of(telling: Telling) -> object:
    """The event, or the two of which one is told."""
    if isinstance(telling, Depends):
        return tuple(each and each.op for each in (telling.told, telling.untold))
    return telling.op


@pytest.mark.parametrize(
    ("rule", "where", "new", "old", "told"),
    [
        # inserted
        (MINE, TRUE, row(), None, ["insert"]),
        (MINE, TRUE, row(owner=8), None, []),
        (MINE, TRUE, row(owner=None), None, []),
        (TRUE, T, row(title="u"), None, []),
        (ELSEWHERE, TRUE, row(), None, ASK),
        # a definite no of one part decides, whatever another part would say
        (ELSEWHERE, T, row(title="u"), None, []),
        # updated, both images whole
        (MINE, TRUE, row(title="u"), row(), ["update"]),
        (MINE, TRUE, row(), row(owner=8), ["enter"]),
        (MINE, TRUE, row(owner=8), row(), ["leave"]),
        (MINE, TRUE, row(owner=8, title="u"), row(owner=9), []),
        (TRUE, T, row(title="u"), row(), ["leave"]),
        (TRUE, T, row(), row(title="u"), ["enter"]),
        (MINE, T, row(title="u"), row(owner=8), []),
        (MINE, TRUE, row(), row(), []),
        # updated, and only the database knows who saw the row before
        (ELSEWHERE, T, row(title="u"), row(), [("leave", None)]),
        # updated, and the old image has the key alone
        (TRUE, TRUE, row(title="u"), {"id": 1}, ["update"]),
        (TRUE, T, row(title="u"), {"id": 1}, ["leave"]),
        (TRUE, T, row(), {"id": 1}, ["update"]),
        (MINE, TRUE, row(owner=8), {"id": 1}, []),
        (MINE, TRUE, row(), {"id": 1}, ["update"]),
        # deleted
        (MINE, TRUE, None, row(), ["delete"]),
        (MINE, TRUE, None, row(owner=8), []),
        (MINE, T, None, row(title="u"), []),
        (TRUE, T, None, {"id": 1}, ["delete"]),
        (MINE, TRUE, None, {"id": 1}, []),
        (MINE, T, None, {"id": 1, "owner": 7}, ["delete"]),
        (MINE, T, None, {"id": 1, "owner": 8}, []),
        (ELSEWHERE, TRUE, None, row(), [("delete", None)]),
        (ELSEWHERE, T, None, row(title="u"), [("delete", None)]),
        (all_of(ELSEWHERE, MINE), TRUE, None, row(owner=8), []),
        # the key itself changed
        (TRUE, TRUE, row(id=2), row(), ["leave", "enter"]),
        (MINE, TRUE, row(id=2), row(owner=8), ["enter"]),
        (MINE, TRUE, row(id=2, owner=8), row(), ["leave"]),
    ],
)
def test_the_table_of_images(
    rule: object, where: object, new: dict[str, object] | None, old: dict[str, object] | None, told: object
) -> None:
    assert ops(question(rule, where), new, old) == told  # type: ignore[arg-type]


def test_what_changes_nothing_that_is_seen_is_not_told() -> None:
    some = question(columns=(ID, TITLE))
    assert ops(some, row(salary=2), row()) == []
    assert ops(some, row(title="u", salary=2), row()) == ["update"]


def test_without_an_old_image_an_update_is_told_to_those_alone_from_whom_nothing_is_hidden() -> None:
    assert ops(question(columns=(ID, TITLE), sighted=False), row(), {"id": 1}) == []
    assert ops(question(columns=(ID, TITLE), sighted=True), row(), {"id": 1}) == ["update"]


def test_a_column_that_is_seen_on_some_rows_is_null_on_others_and_its_coming_into_sight_is_told() -> None:
    guarded = question(columns=(ID, OWNER, SALARY), guards={SALARY: MINE})
    notice = judged(guarded, change(row(owner=8, salary=2), row(owner=9)))
    assert notice.new == b'{"id":1,"owner":8,"salary":null}'
    assert ops(guarded, row(owner=8, salary=2), row(owner=8)) == []
    notice = judged(guarded, change(row(owner=7, salary=2), row(owner=8, salary=2)))
    assert notice.changed == b'["owner","salary"]'


def test_a_guard_that_only_the_database_knows_is_asked() -> None:
    assert ops(question(guards={SALARY: ELSEWHERE}), row(), None) is ASK


def test_what_the_database_says_of_the_row_decides() -> None:
    asked = question(ELSEWHERE, columns=(ID, TITLE))
    insertion = change(row())
    [notice] = judge_asked(asked, insertion, b'{"id":1}', clock)
    assert isinstance(notice, Notice)
    assert (notice.op, notice.new) == ("insert", b'{"id":1}')
    assert judge_asked(asked, insertion, None, clock) == ()
    # Seen now; whether it was before cannot be known. What decides has changed: it may be new to the reader.
    moved = change(row(title="u"), row())
    asking = judge_asked(question(ELSEWHERE, T), moved, b"{}", clock)
    assert [op_of(each) for each in asking] == [("update", "enter")]
    assert [op_of(each) for each in judge_asked(question(ELSEWHERE), moved, b"{}", clock)] == ["update"]
    assert [op_of(each) for each in judge_asked(question(ELSEWHERE), moved, None, clock)] == [("leave", None)]
    rekeyed = change(row(id=2), row())
    asking = judge_asked(question(ELSEWHERE), rekeyed, b"{}", clock)
    assert [op_of(each) for each in asking] == [("leave", None), "enter"]


def test_a_large_value_that_was_left_alone_is_left_out() -> None:
    new = {name: value for name, value in row(salary=2).items() if name != "title"}
    notice = judged(question(), change(new, row()))
    assert (notice.new, notice.changed) == (b'{"id":1,"owner":7,"salary":2}', b'["salary"]')
    assert ops(question(where=T), new, row()) is ASK


def test_a_key_that_may_not_be_seen_is_a_token() -> None:
    notice = judged(question(key_seen=False), change(row()))
    assert notice.key == b'"opaque of 8"'


def test_only_events_that_are_asked_for_are_told() -> None:
    assert ops(question(events=("delete",)), row(), None) == []
    assert ops(question(MINE, events=("leave",)), row(owner=8), row()) == ["leave"]
    assert ops(question(events=("enter",)), row(id=2), row()) == ["enter"]


def test_an_image_without_values_of_other_tables_never_lends_them() -> None:
    """A column of another table that has the same name is not this row's."""
    from tests.changes.articles import MEMBER_ID

    assert MEMBER_ID not in change(row()).new  # type: ignore[operator]
    assert all(column in change(row()).new for column in ALL)  # type: ignore[operator]
    assert change(None, None, Op.DELETE).old is None
