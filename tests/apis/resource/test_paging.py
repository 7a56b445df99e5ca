"""The filter of a cursor: following it gives every row once and in order, in memory and on SQLite."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Mapping, Sequence
from functools import cmp_to_key
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reflector.catalog.model import Column, DatabaseKind, Fill, Key, Table, TableKind
from reflector.datatypes import DataType, Kind, Value
from reflector.dialects import DIALECTS
from reflector.query.comparisons import GT
from reflector.query.match import matches
from reflector.query.nodes import FALSE, TRUE, Compare, Field, Filter, IsNull, Not, Order, Output, Read
from reflector.query.paging import after, can_page, reversed_order
from reflector.query.parameterize import parameterize
from reflector.sql.compile import bind_plan, compile_query
from reflector.sql.plan import FromClaim

INTEGER = DataType(Kind.INTEGER, "bigint")
LABELS = ("low", "middle", "high")
COLUMNS = (
    Column("id", INTEGER, nullable=False, fill=Fill.IDENTITY),
    Column("sure", INTEGER, nullable=False),
    Column("number", INTEGER, nullable=True),
    Column("day", DataType(Kind.DATE, "date"), nullable=True),
    Column("level", DataType(Kind.ENUM, "level", labels=LABELS), nullable=True),
)
TABLE = Table("main", "thing", "thing", TableKind.TABLE, COLUMNS, primary_key=Key(None, COLUMNS[:1]))
IN_SQL = (*COLUMNS[:3],)
"""SQLite has no labels: it would sort them as text."""

Row = Mapping[Column, Value]


def rank(column: Column, value: Value) -> Any:
    return LABELS.index(value) if column.type.kind is Kind.ENUM else value


def compared(order: Sequence[Order], left: Row, right: Row) -> int:
    """What `Order` means, said once more and in another way."""
    for each in order:
        assert isinstance(each.expression, Field)
        column = each.expression.column
        a, b = left[column], right[column]
        if a is None or b is None:
            if a is not b:
                return 1 if (a is None) == each.nulls_come_last else -1
        elif a != b:
            larger = rank(column, a) > rank(column, b)
            return 1 if larger != each.descending else -1
    return 0


def in_order(rows: Sequence[Row], order: Sequence[Order]) -> list[Row]:
    def compare(left: Row, right: Row) -> int:
        return compared(order, left, right)

    return sorted(rows, key=cmp_to_key(compare))


def unbound(term: object) -> Value:
    raise AssertionError(f"a cursor holds values alone, not {term!r}")


numbers = st.integers(-2, 2)
fields = st.builds(
    lambda sure, number, day, level: {"sure": sure, "number": number, "day": day, "level": level},
    numbers,
    st.none() | numbers,
    st.none() | st.sampled_from([dt.date(1999, 12, 31), dt.date(2000, 1, 1)]),
    st.none() | st.sampled_from(LABELS),
)


def rows_of(found: Sequence[Mapping[str, Value]]) -> list[Row]:
    return [
        {column: (number if column.name == "id" else row[column.name]) for column in COLUMNS}
        for number, row in enumerate(found)
    ]


def orders(columns: Sequence[Column]) -> st.SearchStrategy[tuple[Order, ...]]:
    """Any of the columns in any direction, ended by the key in any direction."""
    one = st.builds(
        lambda column, descending, last: Order(Field(column), descending, last),
        st.sampled_from(columns[1:]),
        st.booleans(),
        st.sampled_from([None, True, False]),
    )
    key = st.builds(lambda descending: Order(Field(columns[0]), descending), st.booleans())
    return st.tuples(st.lists(one, max_size=3), key).map(lambda parts: (*parts[0], parts[1]))


def place(order: Sequence[Order], row: Row) -> list[Value]:
    return [row[each.expression.column] for each in order if isinstance(each.expression, Field)]


@given(st.lists(fields, max_size=12).map(rows_of), orders(COLUMNS), st.integers(1, 4))
def test_in_memory_every_row_comes_once_and_in_order(rows: list[Row], order: tuple[Order, ...], limit: int) -> None:
    wanted = in_order(rows, order)
    given_so_far: list[Row] = []
    where: Filter = TRUE
    while page := [row for row in wanted if matches(where, row, unbound) is True][:limit]:
        given_so_far += page
        where = after(order, place(order, page[-1]))
    assert given_so_far == wanted


@given(st.lists(fields, max_size=10).map(rows_of), orders(COLUMNS))
def test_the_reversed_order_comes_from_the_other_end(rows: list[Row], order: tuple[Order, ...]) -> None:
    wanted = in_order(rows, order)
    back = in_order(rows, reversed_order(order))
    assert back == wanted[::-1]


@given(st.lists(fields, min_size=1, max_size=12).map(rows_of), orders(COLUMNS), st.data())
def test_the_rows_from_one_on_are_that_one_and_those_after(
    rows: list[Row], order: tuple[Order, ...], data: st.DataObject
) -> None:
    wanted = in_order(rows, order)
    at = data.draw(st.integers(0, len(wanted) - 1))
    here = place(order, wanted[at])
    onward = after(order, here, including=True)
    assert [row for row in wanted if matches(onward, row, unbound) is True] == wanted[at:]
    back = after(reversed_order(order), here, including=True)
    assert [row for row in wanted if matches(back, row, unbound) is True] == wanted[: at + 1]


@settings(max_examples=60, deadline=None)
@given(st.lists(fields, max_size=12).map(rows_of), orders(IN_SQL), st.integers(1, 4))
def test_on_sqlite_every_row_comes_once_and_in_order(rows: list[Row], order: tuple[Order, ...], limit: int) -> None:
    wanted = in_order(rows, order)
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("CREATE TABLE thing (id INTEGER PRIMARY KEY, sure INTEGER NOT NULL, number INTEGER)")
        connection.executemany(
            "INSERT INTO thing VALUES (?, ?, ?)", [[row[column] for column in IN_SQL] for row in rows]
        )
        given_so_far: list[int] = []
        where: Filter = TRUE
        while page := asked(
            connection, Read(TABLE, (Output("id", Field(COLUMNS[0])),), order=order, limit=limit, after=where)
        ):
            given_so_far += page
            last = next(row for row in rows if row[COLUMNS[0]] == page[-1])
            where = after(order, place(order, last))
    finally:
        connection.close()
    assert given_so_far == [row[COLUMNS[0]] for row in wanted]


def asked(connection: sqlite3.Connection, read: Read) -> list[int]:
    def no_claims(source: FromClaim) -> Value:
        raise AssertionError("no rule is in this query")

    shape, values = parameterize(read, buckets=False)
    plan = compile_query(DIALECTS[DatabaseKind.SQLITE], shape)
    bound = bind_plan(plan, values, no_claims, dt.datetime.now(dt.UTC))
    body = connection.execute(plan.steps[0].text, bound.values[0]).fetchone()[0]
    return [row["id"] for row in json.loads(body)]


# ── its form ─────────────────────────────────────────────────────────────────────────────────

ID, SURE, NUMBER = COLUMNS[0], COLUMNS[1], COLUMNS[2]


def test_after_a_key_is_one_comparison() -> None:
    where = after((Order(Field(ID)),), (7,))
    assert isinstance(where, Compare)
    assert where.comparison is GT


def test_the_first_key_bounds_the_range() -> None:
    """So that an index on it serves; an OR alone does not."""
    where = after((Order(Field(SURE)), Order(Field(ID))), (1, 7))
    assert str(where).startswith("And(parts=(Compare(expression=Field(column=Column('sure')), comparison=<gte>")


def test_after_the_last_null_there_is_nothing() -> None:
    assert after((Order(Field(NUMBER)),), (None,)) == FALSE
    assert after((Order(Field(NUMBER), nulls_last=False),), (None,)) == Not(IsNull(Field(NUMBER)))


def test_a_column_that_is_seen_on_some_rows_only_may_be_null() -> None:
    order = (Order(Field(SURE)),)
    assert "IsNull" not in str(after(order, (1,)))
    assert "IsNull" in str(after(order, (1,), never_null=lambda column: False))


@pytest.mark.parametrize(
    ("kind", "paged"), [(Kind.INTEGER, True), (Kind.ENUM, True), (Kind.JSON, False), (Kind.OPAQUE, False)]
)
def test_which_types_have_an_order(kind: Kind, paged: bool) -> None:
    assert can_page(DataType(kind, "x")) is paged
