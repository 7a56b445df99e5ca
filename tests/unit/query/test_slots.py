"""Which value fills which place of a statement: a caller's own, a claim of their credential, the moment, and never another's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from reflector.datatypes import DataType, Kind, Value
from reflector.errors import MissingClaim
from reflector.query.calls import Gathered
from reflector.query.comparisons import EQ, IN
from reflector.query.nodes import (
    COUNT,
    Apart,
    Claim,
    Compare,
    Field,
    Literal,
    Now,
    Overview,
    Parameter,
    Read,
    all_of,
)
from reflector.query.parameterize import COMMON_LIMITS, parameterize, parameterize_any
from reflector.sql.compile import bind_plan, moment
from reflector.sql.plan import (
    Bind,
    BoundPlan,
    Called,
    Constant,
    Expect,
    FromClaim,
    FromRequest,
    FromRows,
    FromStep,
    Many,
    Moment,
    Plan,
    Step,
    Waiting,
)
from tests.unit.access.blog import ARTICLE, AUTHOR, DATE, INSTANT, INTEGER, TEXT, TIMESTAMP
from tests.unit.access.test_rewrite import GATHERS

NOW = datetime(2024, 5, 1, 23, 30, tzinfo=UTC)
OWNER, TITLE, DUE = (Field(ARTICLE.by_name[name]) for name in ("owner_id", "title", "publish_at"))


def bound(*binds: Bind, values: list[Any], claims: dict[tuple[str, ...], Value] | None = None) -> list[Any]:
    """What fills the places of a statement of one step."""

    def claim(source: FromClaim) -> Value:
        if source.path not in (claims or {}):
            raise MissingClaim("not carried")
        return (claims or {})[source.path]

    made = bind_plan(Plan((Step("", binds, Expect.ANSWER),)), values, claim, NOW)
    return list(made.values[0])


# ── out of the tree ──────────────────────────────────────────────────────────────────────────


def test_a_caller_s_values_are_numbered_and_what_a_rule_asks_for_stays_in_the_shape() -> None:
    rule = Compare(OWNER, EQ, Claim(("sub",), INTEGER), exact=True)
    clock = Compare(DUE, EQ, Now(TIMESTAMP))
    first, second = (Compare(TITLE, EQ, Literal(text, TEXT)) for text in ("a", "b"))
    shape, values = parameterize(Read(ARTICLE, (), all_of(rule, clock, first, second)), buckets=False)
    places = (Compare(TITLE, EQ, Parameter(number, TEXT)) for number in (0, 1))
    assert (shape, values) == (Read(ARTICLE, (), all_of(rule, clock, *places)), ["a", "b"])


@pytest.mark.parametrize(
    ("given", "padded"),
    [
        ((), ()),
        ((1,), (1,)),
        ((1, 2), (1, 2)),
        ((1, 2, 3), (1, 2, 3, 3)),
        ((1, 2, 3, 4), (1, 2, 3, 4)),
        (tuple(range(5)), (0, 1, 2, 3, 4, 4, 4, 4)),
    ],
)
def test_lists_are_filled_up_with_their_own_last_value_and_only_where_there_are_no_arrays(
    given: Any, padded: Any
) -> None:
    asked = Read(ARTICLE, (), Compare(OWNER, IN, Literal(given, INTEGER, many=True)))
    shape, values = parameterize(asked, buckets=True)
    assert values == [padded]
    assert shape == Read(ARTICLE, (), Compare(OWNER, IN, Parameter(0, INTEGER, True, len(padded))))
    shape, values = parameterize(asked, buckets=False)
    assert values == [given]
    assert shape == Read(ARTICLE, (), Compare(OWNER, IN, Parameter(0, INTEGER, True)))


def test_limits_that_everybody_uses_stay_and_others_are_values_behind_all_before_them() -> None:
    common = min(COMMON_LIMITS)
    asked = Read(ARTICLE, (), Compare(TITLE, EQ, Literal("a", TEXT)), limit=common, offset=40)
    shape, values = parameterize(asked, buckets=False)
    assert values == ["a", 40]
    assert isinstance(shape, Read)
    assert (shape.limit, shape.offset) == (common, Parameter(1, COUNT))
    shape, values = parameterize(Read(ARTICLE, (), limit=7, offset=0), buckets=False)
    assert (values, shape) == ([0, 7], Read(ARTICLE, (), limit=Parameter(1, COUNT), offset=Parameter(0, COUNT)))
    plain = Read(ARTICLE, ())
    assert parameterize(plain, buckets=False) == (plain, [])


def test_every_read_of_an_overview_has_its_own_values() -> None:
    members = tuple(
        Apart(name, Read(table, (), Compare(Field(table.by_name["id"]), EQ, Literal(number, INTEGER)), limit=7))
        for number, (name, table) in enumerate({"a": ARTICLE, "b": AUTHOR}.items())
    )
    shape, values = parameterize(Overview(ARTICLE, members), buckets=False)
    assert isinstance(shape, Overview)
    assert values == [0, 1, 7, 7]
    assert [each.read.limit for each in shape.select if isinstance(each, Apart)] == [
        Parameter(2, COUNT),
        Parameter(3, COUNT),
    ]


# ── into the statement ───────────────────────────────────────────────────────────────────────


def test_each_place_has_the_value_that_it_names() -> None:
    binds = (Bind(FromRequest(1)), Bind(FromRequest(0)), Bind(FromRequest(2, 1)), Bind(Constant("of the plan")))
    assert bound(*binds, values=["first", "second", ("x", "y")]) == ["second", "first", "y", "of the plan"]


def test_a_claim_is_the_caller_s_own_or_an_error() -> None:
    sub, org = Bind(FromClaim(("sub",), INTEGER)), Bind(FromClaim(("org", "id"), INTEGER))
    carried: dict[tuple[str, ...], Value] = {("sub",): 7, ("org", "id"): 3}
    assert bound(org, sub, values=[], claims=carried) == [3, 7]
    with pytest.raises(MissingClaim):
        bound(sub, org, values=[8], claims={("sub",): 7})


def test_values_are_encoded_and_null_is_null() -> None:
    shouted = str.upper
    binds = (Bind(FromRequest(0), shouted), Bind(FromRequest(1), shouted), Bind(FromClaim(("c",), TEXT), shouted))
    assert bound(*binds, values=["a", None], claims={("c",): "mine"}) == ["A", None, "MINE"]
    assert bound(Bind(Constant(None), shouted), values=[]) == [None]


def test_rows_are_encoded_cell_by_cell_and_wait() -> None:
    rows = [(0, ("a", 1)), (1, (None, 2))]
    plain, shouted = FromRows(0, (None, None), list), FromRows(0, (str.upper, None), list)
    assert bound(Bind(plain), Bind(shouted), values=[rows]) == [
        Waiting(plain, rows),
        Waiting(shouted, [(0, ("A", 1)), (1, (None, 2))]),
    ]


def test_what_an_earlier_step_brings_is_left_to_it() -> None:
    later = FromStep(0, 1)
    assert bound(Bind(later, str.upper), values=["not this"]) == [later]


@pytest.mark.parametrize(
    ("type_", "meant"),
    [
        (DATE, NOW.date()),
        (TIMESTAMP, NOW.replace(tzinfo=None)),
        (INSTANT, NOW),
        (DataType(Kind.TIME, "time"), NOW.time()),
    ],
)
def test_the_moment_is_the_request_s_in_the_type_that_it_meets(type_: DataType, meant: Any) -> None:
    assert moment(NOW, type_) == meant
    assert bound(Bind(Moment(type_)), values=["not this"]) == [meant]


def test_what_gathers_rows_is_lifted_like_them() -> None:
    asked = Gathered(GATHERS, Read(ARTICLE, (), Compare(TITLE, EQ, Literal("a", TEXT)), limit=7))
    shape, values = parameterize_any(asked, buckets=False)
    assert isinstance(shape, Gathered)
    assert (values, shape.read.limit) == (["a", 7], Parameter(1, COUNT))


# ── sets of rows, and calls ──────────────────────────────────────────────────────────────────


def ready(many: Many | None, values: list[Any], called: Called | None = None, repeat: int | None = None) -> BoundPlan:
    steps = Step("", (), Expect.DONE), Step("", (Bind(FromRequest(1)),), Expect.DONE, repeat=repeat)
    return bind_plan(Plan(steps, many=many, called=called), values, lambda source: source, NOW)


def test_the_bound_of_a_set_and_of_a_call_is_the_value_that_it_names() -> None:
    assert ready(Many(most=1), [2, 5]).most == ready(None, [2, 5], Called(most=1)).most == 5
    assert ready(Many(), [2, 5]).most is ready(None, [2, 5], Called()).most is ready(None, [2, 5]).most is None


def test_a_step_for_each_row_knows_the_places_of_the_rows() -> None:
    rows = [(4, ("a",)), (7, ("b",))]
    assert ready(Many(), [rows, 5], repeat=0).repeats == {0: [4, 7]}
    assert ready(Many(), [rows, 5]).repeats == {}


def test_rows_are_sorted_by_what_they_are_found_by_and_each_remembers_its_place() -> None:
    """All writers take rows in one order, and each caller is told of its own in the order in which it gave them."""
    first = ((0, ("c", 1)), (1, ("a", 2)))
    second = ((2, (5, "b")), (3, (5, "a")))
    source = FromRows(0, (None, None), list), FromRows(1, (None, None), list)
    plan = Plan(
        (Step("", tuple(Bind(each) for each in source), Expect.MADE),),
        many=Many(sorted=((0, (0,)), (1, (0, 1)))),
    )
    bound = bind_plan(plan, [first, second], lambda claim: claim, NOW)
    assert bound.values == [
        [Waiting(source[0], ((0, ("a", 2)), (1, ("c", 1)))), Waiting(source[1], ((2, (5, "a")), (3, (5, "b"))))]
    ]
    assert bound.original == [1, 0, 3, 2]
    assert ready(Many(), [first, second]).original is None


def test_a_row_that_lacks_a_value_is_never_written_without_it() -> None:
    rows = [(0, ("a", 1)), (1, ("b",))]
    with pytest.raises(ValueError, match="zip"):
        bound(Bind(FromRows(0, (str.upper, None), list)), values=[rows])
