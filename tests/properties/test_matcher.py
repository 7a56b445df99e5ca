"""What a filter means in memory is what it means in SQL: on three databases, with NULLs and Not, or it says ASK."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reflector.access.principal import Principal
from reflector.catalog.model import Column, DatabaseKind, Table
from reflector.datatypes import DataType, Kind, Value
from reflector.engine import Engine
from reflector.query.comparisons import COMPARISONS
from reflector.query.match import ASK, matches
from reflector.query.nodes import (
    And,
    Assignment,
    Compare,
    Field,
    Filter,
    Insert,
    IsNull,
    Literal,
    Lowered,
    Not,
    Or,
    Output,
    Read,
)
from tests.bookshops import KINDS, Databases, serving

COLUMNS = {
    DatabaseKind.POSTGRESQL: "n bigint, d numeric(12,3), f float8, t text, b boolean, day date, clock time(6), at timestamp, "
    "seen timestamptz, u uuid",
    DatabaseKind.MARIADB: "n bigint, d decimal(12,3), f double, t text, b boolean, day date, clock time(6), at datetime(6), "
    "seen timestamp(6) null, u uuid",
    DatabaseKind.SQLITE: "n bigint, d decimal(12,3), f double, t text, b boolean, day date, clock time, at timestamp, "
    "seen timestamptz, u uuid",
}
UTC = dt.UTC
POOLS: dict[str, list[Value]] = {
    "n": [0, 1, -1, 7, 2**53 + 1, -(2**63), 2**63 - 1],
    "d": [Decimal("0.000"), Decimal("1.500"), Decimal("-3.125"), Decimal("99999.999")],
    "f": [0.0, 0.1, 0.30000000000000004, -2.5, 1e300],
    "t": ["", "a", "A", "ab", "b", "a%", "a_", "a*", "[a]", "a\\b", "é", "a'b", 'q"', "日本", " a", "%s", "?"],
    "b": [True, False],
    "day": [dt.date(1999, 12, 31), dt.date(2024, 2, 29)],
    "clock": [dt.time(0, 0), dt.time(9, 30, 0, 500000), dt.time(23, 59, 59, 999999)],
    "at": [dt.datetime.fromisoformat("2024-01-01"), dt.datetime.fromisoformat("2024-01-01T10:00:00.500000")],
    "seen": [
        dt.datetime(2024, 1, 1, tzinfo=UTC),
        dt.datetime(2024, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        dt.datetime(2030, 6, 1, 12, tzinfo=UTC),
    ],
    "u": ["00000000-0000-0000-0000-000000000000", "f0000000-0000-4000-8000-00000000abcd"],
}
PATTERNS = ["", "%", "a%", "%b", "_", "a_", "a\\%", "a\\_", "%a%", "[a]", "a*", "A%", "é", "%\\\\%", "\\"]
NAMES = list(POOLS)
ROWS = 34


def built(shape: Any, table: Table) -> Filter:
    match shape:
        case ("and", parts):
            return And(tuple(built(part, table) for part in parts))
        case ("or", parts):
            return Or(tuple(built(part, table) for part in parts))
        case ("not", part):
            return Not(built(part, table))
        case ("null", name):
            return IsNull(Field(table.by_name[name]))
        case ("compare", name, comparison, value, exact):
            column = table.by_name[name]
            return Compare(Field(column), COMPARISONS[comparison], Literal(value, column.type), exact)
        case ("in", name, chosen, exact):
            column = table.by_name[name]
            return Compare(Field(column), COMPARISONS["in"], Literal(tuple(chosen), column.type, many=True), exact)
        case ("lower", text):
            column = table.by_name["t"]
            return Compare(Lowered(Field(column)), COMPARISONS["eq"], Literal(text, column.type), exact=True)
    raise AssertionError(shape)


@st.composite
def comparison(draw: st.DrawFn) -> Any:
    name = draw(st.sampled_from(NAMES))
    kinds = ["null", "in", "eq", "ne"]
    if name not in ("b", "u"):
        kinds += ["lt", "lte", "gt", "gte"]
    if name == "t":
        kinds += ["like", "ilike", "lower"]
    kind = draw(st.sampled_from(kinds))
    exact = draw(st.booleans())
    if kind == "null":
        return ("null", name)
    if kind == "in":
        return ("in", name, draw(st.lists(st.sampled_from(POOLS[name]), max_size=4)), exact)
    if kind in ("like", "ilike"):
        return ("compare", name, kind, draw(st.sampled_from(PATTERNS)), exact)
    if kind == "lower":
        return ("lower", draw(st.sampled_from(POOLS["t"])))
    return ("compare", name, kind, draw(st.sampled_from(POOLS[name])), exact)


FILTERS = st.recursive(
    comparison(),
    lambda inner: st.one_of(
        st.tuples(st.just("not"), inner),
        st.tuples(st.just("and"), st.lists(inner, max_size=3)),
        st.tuples(st.just("or"), st.lists(inner, max_size=3)),
    ),
    max_leaves=6,
)


def row_values(index: int) -> dict[str, Value]:
    """Row `index`: every value of every pool occurs, every column is NULL in some rows."""
    row: dict[str, Value] = {}
    for place, name in enumerate(NAMES):
        pool = [*POOLS[name], None]
        row[name] = pool[(index * (place + 1) + place) % len(pool)] if place else pool[index % len(pool)]
    row["t"] = [*POOLS["t"], None][index % (len(POOLS["t"]) + 1)]
    return row


class World:
    """One database with the rows in it. No dataclass: a failing example would print every row."""

    def __init__(self, engine: Engine, table: Table, rows: dict[int, dict[Column, Value]]) -> None:
        self.engine, self.table, self.rows = engine, table, rows

    def __repr__(self) -> str:
        return str(self.engine.driver.kind)


@pytest.fixture(scope="module")
def worlds(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[asyncio.Runner, list[World]]]:
    databases = Databases(
        lambda: request.getfixturevalue("postgresql_server"),
        lambda: request.getfixturevalue("mariadb_server"),
        tmp_path_factory.mktemp("matcher"),
    )
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        made = [runner.run(_world(stack, kind, databases)) for kind in KINDS]
        yield runner, made
        runner.run(stack.aclose())


async def _world(stack: AsyncExitStack, kind: DatabaseKind, databases: Databases) -> World:
    url = databases.database(kind, f"CREATE TABLE thing (id integer PRIMARY KEY, {COLUMNS[kind]});")
    engine = await stack.enter_async_context(serving(url))
    table = engine.snapshot.catalog.tables["thing"]
    rows = {}
    for number in range(ROWS):
        given = {"id": number, **row_values(number)}
        rows[number] = {table.by_name[name]: value for name, value in given.items()}
        assignments = tuple(Assignment(column, Literal(value, column.type)) for column, value in rows[number].items())
        await _answer(engine, Insert(table, assignments))
    return World(engine, table, rows)


async def _answer(engine: Engine, query: Any) -> bytes | None:
    snapshot, nobody = engine.snapshot, Principal()
    return (await engine.answer(snapshot, snapshot.access(nobody), query, nobody)).body


def never(operand: Any) -> Value:
    raise AssertionError(operand)


@settings(max_examples=300, deadline=None)
@given(shape=FILTERS)
def test_a_filter_means_the_same_in_memory_and_in_sql(shape: Any, worlds: tuple[asyncio.Runner, list[World]]) -> None:
    runner, made = worlds
    for world in made:
        where = built(shape, world.table)
        query = Read(world.table, (Output("id", Field(world.table.by_name["id"])),), where=where, limit=1000)
        body = runner.run(_answer(world.engine, query))
        assert body is not None
        found = {row["id"] for row in json.loads(body)}
        for number, row in world.rows.items():
            answer = matches(where, row, never)
            if answer is not ASK:
                assert (number in found) == (answer is True), (world.engine.driver.kind, row, shape)


def test_the_property_asks_about_kinds_that_can_be_told_apart() -> None:
    """The pools hold what the property is about: NULLs, collation's twins, LIKE's marks, numbers beyond a double."""
    assert {"a", "A"} <= set(POOLS["t"])
    assert 2**53 + 1 in POOLS["n"]
    assert all(any(row_values(index)[name] is None for index in range(ROWS)) for name in NAMES)
    assert DataType(Kind.TEXT, "text").facts.textual
