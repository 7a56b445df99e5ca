"""The steps of a plan, with a database played by hand: what is filled in of earlier steps, and which rows take everything back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from reflector.drivers.sets import REFUSED, TWICE
from reflector.drivers.steps import Rows, answer_of, needs_transaction, perform
from reflector.errors import (
    AnswerTooLarge,
    CheckRefused,
    InternalError,
    NotSingular,
    RowNotFound,
    TooManyAffected,
    UniqueViolation,
)
from reflector.sql.explaining import Explained, lines
from reflector.sql.plan import (
    Answer,
    BoundPlan,
    Called,
    Expect,
    FromKept,
    FromRows,
    FromStep,
    Many,
    Part,
    Plan,
    Step,
    Waiting,
)

LARGEST = 100
BODY, KEY, HOLDS, PLACE, CARRIED, FOUND = (
    *(Part.BODY, Part.KEY, Part.HOLDS),
    *(Part.PLACE, Part.CARRIED, Part.FOUND),
)


def step(expect: Expect, *parts: Part | None, about: tuple[int, ...] = (), repeat: int | None = None) -> Step:
    return Step(expect.name, (), expect, parts, about, repeat)


def bound(*steps: Step, values: Sequence[Sequence[Any]] | None = None, **plan: Any) -> BoundPlan:
    own = {name: plan.pop(name) for name in ("optional", "most", "repeats", "original") if name in plan}
    return BoundPlan(Plan(steps, **plan), values if values is not None else [[] for _ in steps], **own)


def played(plan: BoundPlan, *answers: Rows, largest: int = LARGEST) -> tuple[list[tuple[str, list[Any]]], Answer]:
    """What a database is asked by the plan, that answers so, and what comes of it. Everything must be asked for."""
    asked: list[tuple[str, list[Any]]] = []
    going = perform(plan, largest)
    waiting = iter(answers)
    try:
        question = next(going)
        while True:
            asked.append((question[0].text, list(question[1])))
            question = going.send(next(waiting))
    except StopIteration as done:
        assert list(waiting) == []
        return asked, done.value


# ── one row after another ────────────────────────────────────────────────────────────────────


def test_what_a_step_brings_is_filled_into_the_very_places_that_name_it() -> None:
    plan = bound(
        *(step(Expect.ROW), step(Expect.ROW), step(Expect.DONE), step(Expect.ANSWER, BODY)),
        values=[["a"], [FromStep(0, 1), "b"], [FromStep(1, 0)], [FromStep(0, 0), FromStep(1, 1), FromStep(0, 1)]],
    )
    asked, answer = played(plan, [(7, 8)], [("x", "y")], [], [("{}",)])
    assert [values for _, values in asked] == [["a"], [8, "b"], ["x"], [7, "y", 8]]
    assert answer == Answer(b"{}")


def test_a_later_step_overrules_an_earlier_one_and_parts_without_a_name_are_nobodys() -> None:
    plan = bound(step(Expect.ANSWER, BODY, None, KEY), step(Expect.ANSWER, BODY))
    assert played(plan, [("{1}", "secret", 7)], [("{2}",)])[1] == Answer(b"{2}", key=b"[7]")


def test_each_part_is_what_it_is() -> None:
    parts = (Part.SEEN, Part.LAST, Part.TOTAL, KEY, Part.GIVEN)
    plan = bound(step(Expect.ANSWER, BODY, *parts))
    assert played(plan, [(b"[]", "3", "[1]", 5, "[7]", None)])[1] == Answer(b"[]", 3, b"[1]", 5, b"[7]")
    assert played(plan, [(None, None, None, None, None, 4)])[1] == Answer(affected=4)


def test_no_row_is_an_error_unless_it_may_be_missing_and_two_are_a_fault_of_ours() -> None:
    one, then = step(Expect.ROW), step(Expect.ANSWER, BODY)
    with pytest.raises(RowNotFound):
        played(bound(one, then), [])
    assert played(bound(one, then, optional=True), [])[1] == Answer()
    assert played(bound(step(Expect.DONE), then, optional=True), [], [("{}",)])[1] == Answer(b"{}")
    for optional in (True, False):
        with pytest.raises(InternalError):
            played(bound(one, then, optional=optional), [(1,), (2,)])


@pytest.mark.parametrize("held", [1, True])
def test_a_row_is_written_when_its_check_holds(held: Any) -> None:
    assert played(bound(step(Expect.ANSWER, HOLDS, BODY)), [(held, "{}")])[1] == Answer(b"{}")


@pytest.mark.parametrize("held", [0, False, None, 2, "1"])
def test_anything_else_of_a_check_is_a_refusal(held: Any) -> None:
    with pytest.raises(CheckRefused, match=REFUSED):
        played(bound(step(Expect.ANSWER, HOLDS, BODY)), [(held, "{}")])


def test_what_is_answered_is_bounded_in_bytes_all_of_its_members_together() -> None:
    answer = step(Expect.ANSWER, BODY)
    for text in ("x" * 10, b"x" * 10, "é" * 5):
        body = text if isinstance(text, bytes) else text.encode()
        assert played(bound(answer), [(text,)], largest=10)[1] == answer_of(answer, [(text,)], 10) == Answer(body)
    for text in ("x" * 11, b"x" * 11, "é" * 6):
        for run in (
            lambda text=text: played(bound(answer), [(text,)], largest=10),
            lambda text=text: answer_of(answer, [(text,)], 10),
        ):
            with pytest.raises(AnswerTooLarge):
                run()
    members = step(Expect.ANSWER, Part.MEMBER, Part.MEMBER, Part.MEMBER)
    assert played(bound(members), [("aaaa", None, "bbbbbb")], largest=10)[1].members == [b"aaaa", None, b"bbbbbb"]
    with pytest.raises(AnswerTooLarge):
        played(bound(members), [("aaaa", None, "bbbbbbb")], largest=10)


def test_a_statement_lacks_none_of_its_values() -> None:
    with pytest.raises(ValueError, match="zip"):
        played(bound(step(Expect.ANSWER, BODY), values=[]))


def test_what_is_told_of_rows_that_were_written_and_of_plans_is_bounded_as_well() -> None:
    shown = bound(step(Expect.CHANGED, BODY), many=Many(shown=True))
    assert played(shown, [("12345678",)], largest=10)[1].body == b"[12345678]"
    with pytest.raises(AnswerTooLarge):
        played(shown, [("123456789",)], largest=10)
    how = Explained("EXPLAIN ", lines, as_json=False)
    told = replace(bound(step(Expect.ANSWER, BODY)), explained=how)
    assert played(told, [("1234567890",)], largest=10) == ([("EXPLAIN ANSWER", [])], Answer(b"1234567890"))
    with pytest.raises(AnswerTooLarge):
        played(told, [("12345678901",)], largest=10)


def test_a_plan_of_one_step_is_answered_alike() -> None:
    assert answer_of(step(Expect.DONE), [], LARGEST) == Answer()
    assert answer_of(step(Expect.ANSWER, BODY, Part.SEEN), [("[]", 3)], LARGEST) == Answer(b"[]", 3)
    assert answer_of(step(Expect.ANSWER, KEY), [("[3]",)], LARGEST) == Answer(key=b"[3]")
    with pytest.raises(RowNotFound):
        answer_of(step(Expect.ANSWER, BODY), [], LARGEST)


def test_a_function_gives_as_many_rows_as_it_may() -> None:
    given = step(Expect.ANSWER, BODY, Part.GIVEN)
    for rows in (0, 2):
        with pytest.raises(NotSingular):
            played(bound(given, called=Called(exactly_one=True)), [("[]", rows)])
    assert played(bound(given, called=Called(exactly_one=True)), [("[]", 1)])[1].affected == 1
    assert played(bound(given, called=Called(), most=2), [("[]", 2)])[1].affected == 2
    with pytest.raises(TooManyAffected):
        played(bound(given, called=Called(), most=2), [("[]", 3)])
    assert played(bound(step(Expect.ANSWER, BODY), called=Called(), most=2), [("[]",)])[1] == Answer(b"[]")


def test_what_writes_in_several_steps_or_may_be_refused_afterwards_stands_or_falls_together() -> None:
    one, checked = step(Expect.ANSWER, BODY), step(Expect.ANSWER, BODY, HOLDS)
    cases = (
        (bound(one), False),
        (bound(one, one), False),
        (bound(checked), False),
        (bound(one, transaction=True), True),
        (bound(one, writes=True), False),
        (bound(one, one, writes=True), True),
        (bound(checked, writes=True), True),
    )
    assert [needs_transaction(each.plan) for each, _ in cases] == [together for _, together in cases]


# ── sets of rows ─────────────────────────────────────────────────────────────────────────────


def rows_of(split: tuple[int, ...] = (), *, met: bool = False) -> Waiting:
    return Waiting(FromRows(0, (), list, split, met), [(0, ("a",)), (1, ("b",)), (2, ("c",))])


def test_rows_that_exist_are_told_from_the_others_by_their_places() -> None:
    plan = bound(
        step(Expect.MET, PLACE),
        step(Expect.MADE, KEY),
        step(Expect.CHANGED, KEY),
        values=[[rows_of()], ["x", rows_of((0,))], [rows_of((0,), met=True)]],
        many=Many(inserts=True),
    )
    asked, answer = played(plan, [(1,)], [("[10]",), ("[12]",)], [("[11]",)])
    every, new, old = [(0, ("a",)), (1, ("b",)), (2, ("c",))], [(0, ("a",)), (2, ("c",))], [(1, ("b",))]
    assert [values for _, values in asked] == [[every], ["x", new], [old]]
    assert (answer.affected, answer.inserted, answer.keys) == (3, 2, b"[[10],[11],[12]]")


def test_a_step_about_no_rows_is_not_run() -> None:
    plan = bound(
        step(Expect.MET, PLACE),
        step(Expect.MADE, KEY),
        step(Expect.SHOWN, BODY, about=(1,)),
        values=[[rows_of()], [rows_of((0,))], []],
        many=Many(shown=True, inserts=True),
    )
    asked, answer = played(plan, [(0,), (1,), (2,)])
    assert [text for text, _ in asked] == ["MET"]
    assert answer == Answer(b"[]", 0, affected=0, inserted=0, keys=b"[]")


def test_rows_are_found_again_by_what_they_brought() -> None:
    kept = FromKept((0, 1), (1, 0), list)
    plan = bound(
        step(Expect.CHANGED, KEY, CARRIED),
        step(Expect.CHANGED, KEY, CARRIED),
        step(Expect.DONE, about=(0, 1)),
        values=[[], [], ["x", kept]],
        many=Many(),
    )
    asked, _ = played(plan, [("[1]", 10)], [("[2]", 20), ("[3]", 30)], [])
    assert asked[-1][1] == ["x", [(0, (10, "[1]")), (0, (20, "[2]")), (0, (30, "[3]"))]]


def test_a_repeated_step_is_run_for_each_place() -> None:
    plan = bound(step(Expect.MADE, KEY, repeat=0), values=[["x"]], many=Many(inserts=True), repeats={0: [4, 2]})
    asked, answer = played(plan, [("[1]",)], [("[2]",)])
    assert asked == [("MADE", ["x"])] * 2
    assert (answer.affected, answer.keys) == (2, b"[[2],[1]]")


@pytest.mark.parametrize("held", [0, False, None, 2])
def test_one_row_that_a_check_refuses_takes_all_back(held: Any) -> None:
    assert played(bound(step(Expect.MADE, HOLDS, KEY), many=Many()), [(1, "[1]"), (True, "[2]")])[1].affected == 2
    with pytest.raises(CheckRefused, match=REFUSED):
        played(bound(step(Expect.MADE, HOLDS, KEY), many=Many()), [(1, "[1]"), (held, "[2]")])


def test_rows_of_which_fewer_satisfy_their_checks_than_there_are_take_all_back() -> None:
    plan = bound(step(Expect.CHANGED, KEY), step(Expect.HELD, Part.HELD, about=(0,)), many=Many())
    assert played(plan, [("[1]",), ("[2]",)], [(2,)])[1].affected == 2
    odd: list[Rows] = [[(1,)], [(3,)], [], [(2,), (2,)]]
    for held in odd:
        with pytest.raises(CheckRefused, match=REFUSED):
            played(plan, [("[1]",), ("[2]",)], held)


def test_a_row_that_exists_is_changed_by_who_found_it_before_and_by_nobody_else() -> None:
    judged = bound(step(Expect.MET, PLACE, FOUND, FOUND, KEY), values=[[rows_of()]], many=Many())
    assert played(judged, [(0, 1, 0, "[1]"), (2, None, True, "[3]")])[1].keys == b"[[1],[3]]"
    for found in ((0, 0), (None, None), (0, 2)):
        with pytest.raises(CheckRefused, match=REFUSED):
            played(judged, [(0, 1, 0, "[1]"), (2, *found, "[3]")])


def test_rows_met_twice_or_made_a_moment_ago_have_the_same_key() -> None:
    met = step(Expect.MET, PLACE, CARRIED, CARRIED)
    assert played(bound(met, values=[[rows_of()]], many=Many()), [(0, 1, 1), (1, 1, 2)])[1].affected == 0
    with pytest.raises(UniqueViolation, match=TWICE):
        played(bound(met, values=[[rows_of()]], many=Many()), [(0, 1, 2), (1, 1, 2)])
    made = bound(step(Expect.MADE, CARRIED, CARRIED), met, values=[[rows_of()], [rows_of()]], many=Many())
    assert played(made, [(1, 1), (1, 2), (1, 3)], [(0, 2, 1)])[1].affected == 3
    with pytest.raises(UniqueViolation, match=TWICE):
        played(made, [(1, 1), (1, 2), (1, 3)], [(0, 1, 2)])


def test_more_rows_than_may_be_written_take_all_back() -> None:
    plan = bound(step(Expect.CHANGED, KEY), step(Expect.CHANGED, KEY), many=Many(), most=3)
    assert played(plan, [("[1]",)], [("[2]",), ("[3]",)])[1].affected == 3
    with pytest.raises(TooManyAffected):
        played(plan, [("[1]",), ("[2]",)], [("[3]",), ("[4]",)])
    single = bound(step(Expect.CHANGED, KEY), many=Many(exactly_one=True))
    assert played(single, [("[1]",)])[1].affected == 1
    rows: list[Rows] = [[], [("[1]",), ("[2]",)]]
    for several in rows:
        with pytest.raises(NotSingular):
            played(single, several)


def test_a_set_lacks_none_of_its_values_and_brings_no_single_row() -> None:
    with pytest.raises(ValueError, match="zip"):
        played(bound(step(Expect.MADE, KEY), values=[], many=Many()))
    with pytest.raises(InternalError):
        played(bound(step(Expect.ROW, KEY), many=Many()), [("[1]",)])


def test_of_repeated_steps_and_others_each_is_run_as_it_is_meant() -> None:
    plan = bound(
        *(step(Expect.MADE, KEY, repeat=0), step(Expect.CHANGED, KEY)),
        values=[["x"], ["y"]],
        many=Many(),
        repeats={0: [0, 1]},
    )
    assert [values for _, values in played(plan, [("[1]",)], [("[2]",)], [("[3]",)])[0]] == [["x"], ["x"], ["y"]]


# ── in which order, and what is told of them ─────────────────────────────────────────────────

UPSERT = (step(Expect.MET, PLACE, FOUND, KEY), step(Expect.MADE, KEY))
SPLIT = ([rows_of()], [rows_of((0,))])


def test_rows_are_told_in_the_order_in_which_they_were_given() -> None:
    plan = bound(*UPSERT, values=SPLIT, many=Many(inserts=True))
    answer = played(plan, [(1, 1, "[11]")], [("[10]",), ("[12]",)])[1]
    assert (answer.affected, answer.inserted, answer.keys) == (3, 2, b"[[10],[11],[12]]")
    turned = bound(*UPSERT, values=SPLIT, many=Many(), original=[2, 1, 0])
    assert played(turned, [(1, 1, "[11]")], [("[10]",), ("[12]",)])[1].keys == b"[[12],[11],[10]]"


def test_where_a_trigger_took_some_out_rows_are_told_as_they_came() -> None:
    plan = bound(step(Expect.MADE, KEY), values=[[rows_of()]], many=Many(inserts=True))
    assert played(plan, [("[2]",), ("[1]",)])[1] == Answer(affected=2, inserted=2, keys=b"[[2],[1]]")


def test_keys_are_told_of_all_rows_or_of_none() -> None:
    for steps, answers in (
        ((step(Expect.MADE, KEY),), [[("[1]",), (None,)]]),
        ((step(Expect.MADE, KEY), step(Expect.CHANGED, CARRIED)), [[("[1]",)], [(2,)]]),
    ):
        assert played(bound(*steps, many=Many()), *answers)[1].keys is None
    assert played(bound(step(Expect.MADE, KEY), many=Many()), [])[1].keys == b"[]"


def test_documents_come_as_they_were_shown_or_in_the_order_of_the_rows_they_are_of() -> None:
    shown = step(Expect.SHOWN, BODY)
    plan = bound(step(Expect.CHANGED, KEY), shown, many=Many(shown=True))
    answer = played(plan, [("[1]",), ("[2]",)], [("{2}",), (None,), (b"{1}",)])[1]
    assert (answer.body, answer.seen) == (b"[{2},{1}]", 2)
    assert played(bound(step(Expect.CHANGED, KEY), shown, many=Many()), [("[1]",)], [("{1}",)])[1].body is None
    own = bound(step(Expect.MADE, BODY), values=[[rows_of()]], many=Many(shown=True, placed=True), original=[2, 1, 0])
    assert played(own, [("{0}",), (None,), ("{2}",)])[1].body == b"[{2},{0}]"
    by_key = bound(
        *(step(Expect.CHANGED, CARRIED), step(Expect.SHOWN, CARRIED, BODY)), many=Many(shown=True, placed=True)
    )
    assert played(by_key, [(1,), (2,), (3,)], [(3, "{3}"), (1, "{1}")])[1].body == b"[{1},{3}]"


def test_of_one_row_there_is_one_document_or_none() -> None:
    plan = bound(step(Expect.MADE, BODY), many=Many(shown=True, single=True))
    assert played(plan, [("{1}",)])[1].body == b"{1}"
    assert played(plan, [])[1].body is None


def test_what_was_shown_is_no_row_that_has_a_key_already() -> None:
    plan = bound(
        *(step(Expect.SHOWN, CARRIED, BODY), step(Expect.MET, PLACE, CARRIED)), values=[[], [rows_of()]], many=Many()
    )
    assert played(plan, [(1, "{}")], [(0, 1)])[1].affected == 0


# ── rows whose keys were changed ─────────────────────────────────────────────────────────────


def test_what_was_met_is_found_by_its_new_key_and_by_whoever_found_it_before() -> None:
    kept = FromKept((0,), (0, 1, 2), list)
    met, moved = step(Expect.MET, CARRIED, PLACE, FOUND), step(Expect.MOVED, CARRIED, PLACE, about=(0,))
    plan = bound(
        *(met, moved, step(Expect.DONE, about=(0,))),
        values=[[rows_of()], [], [kept]],
        many=Many(),
    )
    asked, _ = played(plan, [(10, 0, 1), (11, 1, True)], [(21, 1), (20, 0)], [])
    assert len(asked) == 3
    assert asked[-1][1] == [[(0, (20, 0, 1)), (0, (21, 1, True))]]
    plain = bound(
        *(step(Expect.CHANGED, CARRIED), step(Expect.MOVED, CARRIED, about=(0,)), step(Expect.DONE, about=(0,))),
        values=[[], [], [FromKept((0,), (0,), list)]],
        many=Many(),
    )
    asked, _ = played(plain, [(1,), (2,)], [(3,), (4,)], [])
    assert asked[-1][1] == [[(0, (3,)), (0, (4,))]]
    for rows in ([(3,)], [(3,), (4,), (5,)], []):
        with pytest.raises(CheckRefused, match=REFUSED):
            played(plain, [(1,), (2,)], rows)
