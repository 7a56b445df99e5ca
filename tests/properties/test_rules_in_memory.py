"""A rule means in memory what it means in SQL, over columns whose database does not tell all texts apart: on three databases,
with claims and constants, columns beside columns, and items of arrays and documents; or memory says ASK."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reflector.access.permissions import Permission, Permissions, ReadRight
from reflector.access.principal import Principal, bind_claim
from reflector.access.rules import bind_rule
from reflector.catalog.model import Column, DatabaseKind, Table
from reflector.datatypes import Value
from reflector.engine import Engine
from reflector.query.match import ASK, Answer, matches
from reflector.query.nodes import Assignment, Claim, Field, Filter, Insert, Literal, Now, Output, Parameter, Read
from reflector.snapshot import Snapshot
from tests.bookshops import KINDS, Databases, serving

BEFORE = """
CREATE EXTENSION citext;
CREATE COLLATION no_case (PROVIDER = icu, LOCALE = 'und-u-ks-level1', DETERMINISTIC = false);
"""
COLUMNS = {
    DatabaseKind.POSTGRESQL: "a text, b citext, c char(4), d text COLLATE no_case, tags text[], kinds citext[], codes char(4)[], "
    "numbers integer[], doc jsonb",
    DatabaseKind.MARIADB: "a varchar(9), b varchar(9) COLLATE utf8mb4_unicode_ci, c char(4), d varchar(9) COLLATE utf8mb4_unicode_nopad_ci, "
    "tags SET('', 'a', 'A', 'ab', 'á') COLLATE utf8mb4_bin, doc JSON",
    DatabaseKind.SQLITE: "a text, b text COLLATE NOCASE, c char(4), d text COLLATE RTRIM, doc JSON",
}
TEXTS = ("", "a", "A", "a ", " a", "ab", "á", "a_")
LISTS: tuple[tuple[str | None, ...], ...] = ((), ("a",), ("A", "ab"), ("á", "a"), ("a ", None), ("ab", "a", "A"))
DOCUMENTS: tuple[Any, ...] = (["a"], ["A", 7, None], [], "a", {"a": 1}, [["a"]], ["a ", "á"], 7)
TEXT_COLUMNS = ("a", "b", "c", "d")
LABELS = ("", "a", "A", "ab", "á")
ROWS = 40
CLAIMS: Mapping[str, Any] = {f"c{number}": text for number, text in enumerate(TEXTS)} | {
    "l0": [],
    "l1": ["a", "A"],
    "l2": ["a ", "ab"],
    "l3": list(TEXTS),
    "n1": 1,
}
CALLER = Principal(roles=("reader",), claims=CLAIMS)


def value() -> st.SearchStrategy[str]:
    return st.one_of(st.sampled_from(TEXTS).map(repr), st.sampled_from(range(len(TEXTS))).map("claims.c{}".format))


def column() -> st.SearchStrategy[str]:
    plain = st.sampled_from(TEXT_COLUMNS)
    return st.one_of(plain, plain, plain.map("lower({})".format))


ORDERS = ("==", "==", "!=", "<", "<=", ">", ">=")
COMMON = st.one_of(
    st.builds("{} {} {}".format, column(), st.sampled_from(ORDERS), value()),
    st.builds("{} {} {}".format, column(), st.sampled_from(ORDERS), column()),
    st.builds("{} {} claims.l{}".format, column(), st.sampled_from(("in", "not in")), st.integers(0, 3)),
    st.builds("{} in {}".format, column(), st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3)),
    st.builds(
        "{}({}, {!r})".format, st.sampled_from(("like", "ilike")), column(), st.sampled_from(("a%", "A_", "%b", "a"))
    ),
    st.builds("{} {} doc".format, value(), st.sampled_from(("in", "not in"))),
    st.builds("{} is None".format, st.sampled_from(TEXT_COLUMNS)),
)
LABEL = st.one_of(
    st.sampled_from(LABELS).map(repr), st.sampled_from(("claims.c1", "claims.c2", "claims.c5", "claims.c6"))
)
OWN: Mapping[DatabaseKind, st.SearchStrategy[str]] = {
    DatabaseKind.POSTGRESQL: st.one_of(
        st.builds(
            "{} {} {}".format, value(), st.sampled_from(("in", "not in")), st.sampled_from(("tags", "kinds", "codes"))
        ),
        st.sampled_from(("1 in numbers", "claims.n1 not in numbers")),
    ),
    DatabaseKind.MARIADB: st.builds("{} {} tags".format, LABEL, st.sampled_from(("in", "not in"))),
    DatabaseKind.SQLITE: COMMON,
}


def rules(kind: DatabaseKind) -> st.SearchStrategy[str]:
    return st.recursive(
        st.one_of(COMMON, OWN[kind]),
        lambda inner: st.one_of(
            st.builds("not ({})".format, inner),
            st.builds("({}) {} ({})".format, inner, st.sampled_from(("and", "or")), inner),
        ),
        max_leaves=4,
    )


class World:
    """One database with the rows in it, as its changes have them. No dataclass: a failing example would print every row."""

    def __init__(self, engine: Engine, table: Table, rows: dict[int, dict[Column, Value]]) -> None:
        self.engine, self.table, self.rows = engine, table, rows

    def __repr__(self) -> str:
        return str(self.engine.driver.kind)


@pytest.fixture(scope="module")
def worlds(databases: Databases) -> Iterator[tuple[asyncio.Runner, Mapping[DatabaseKind, World]]]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        yield runner, {kind: runner.run(_world(stack, kind, databases)) for kind in KINDS}
        runner.run(stack.aclose())


async def _world(stack: AsyncExitStack, kind: DatabaseKind, databases: Databases) -> World:
    before = BEFORE if kind is DatabaseKind.POSTGRESQL else ""
    url = databases.database(kind, f"{before} CREATE TABLE thing (id integer PRIMARY KEY, {COLUMNS[kind]});")
    engine = await stack.enter_async_context(serving(url))
    table = engine.snapshot.catalog.tables["thing"]
    rows = {}
    for number in range(ROWS):
        given = {name: each for name, each in row(number, kind).items() if name in table.by_name}
        values = {table.by_name[name]: each for name, each in given.items()}
        await _answer(
            engine,
            engine.snapshot,
            Insert(table, tuple(Assignment(each, Literal(v, each.type)) for each, v in values.items())),
        )
        rows[number] = {each: stored(kind, each.name, v) for each, v in values.items()}
    return World(engine, table, rows)


def row(number: int, kind: DatabaseKind) -> dict[str, Value]:
    """Every text meets every other in some row, and every column is NULL in some."""
    texts = [*TEXTS, None]
    lists = [*LISTS, None]
    steps = dict(zip(TEXT_COLUMNS, (1, 2, 4, 5), strict=True))
    chosen = {name: texts[(number * step + number // len(texts)) % len(texts)] for name, step in steps.items()}
    listed: Value = lists[number // 2 % len(lists)]
    if kind is DatabaseKind.MARIADB and listed is not None:
        listed = tuple(each for each in LABELS if each and each in listed)
    numbers = [(1, 2), (), None, (None, 3)][number % 4]
    document = [*DOCUMENTS, None][number % (len(DOCUMENTS) + 1)]
    arrays = {"tags": listed, "kinds": listed, "codes": listed, "numbers": numbers}
    return {"id": number, **chosen, **arrays, "doc": document}


def stored(kind: DatabaseKind, name: str, given: Value) -> Value:
    """The value as a change has it: PostgreSQL fills `char(n)` up with spaces, MariaDB takes those away; documents are texts."""
    if name == "c" and given is not None:
        return {DatabaseKind.POSTGRESQL: given.ljust(4), DatabaseKind.MARIADB: given.rstrip(" ")}.get(kind, given)
    if name == "codes" and given is not None:
        return tuple(each if each is None else each.ljust(4) for each in given)
    return json.dumps(given, ensure_ascii=False) if name == "doc" and given is not None else given


async def _answer(engine: Engine, snapshot: Snapshot, query: Any) -> bytes | None:
    return (await engine.answer(snapshot, snapshot.access(CALLER), query, CALLER)).body


def bind(operand: Claim | Parameter | Now) -> Value:
    assert isinstance(operand, Claim)
    return bind_claim(CALLER, operand.path, operand.type, operand.many)


async def found(world: World, where: Filter) -> set[int]:
    """The rows that a role sees by this rule."""
    catalog, right = world.engine.snapshot.catalog, ReadRight(where, frozenset(world.table.columns))
    permissions = Permissions(catalog, {"reader": ("reader",)}, {"reader": {world.table: Permission(read=right)}})
    query = Read(world.table, (Output("id", Field(world.table.by_name["id"])),), limit=1000)
    return {
        each["id"] for each in json.loads(await _answer(world.engine, Snapshot(1, catalog, permissions), query) or b"")
    }


def in_memory(world: World, where: Filter) -> dict[int, Answer]:
    return {number: matches(where, each, bind) for number, each in world.rows.items()}


@pytest.mark.parametrize("kind", KINDS, ids=str)
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_rule_means_the_same_in_memory_and_in_sql(
    kind: DatabaseKind, data: st.DataObject, worlds: tuple[asyncio.Runner, Mapping[DatabaseKind, World]]
) -> None:
    runner, made = worlds
    world, rule = made[kind], data.draw(rules(kind))
    where = bind_rule(rule, world.table, world.engine.snapshot.catalog)
    rows = runner.run(found(world, where))
    for number, answer in in_memory(world, where).items():
        if answer is not ASK:
            assert (number in rows) == (answer is True), (rule, world.rows[number])


DEFINITE = (
    *(f"{name} == claims.c1" for name in TEXT_COLUMNS),
    *(f"{name} in ['a', 'A']" for name in TEXT_COLUMNS),
    "c == a",
    "b < d",
    "'a' in doc",
    "claims.c1 not in doc",
)
ARRAYS = ("'a' in tags", "claims.c1 in kinds", "'a' in codes", "'a ' not in codes", "1 in numbers")


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_memory_knows_what_it_can_know(
    kind: DatabaseKind, worlds: tuple[asyncio.Runner, Mapping[DatabaseKind, World]]
) -> None:
    """A rule that is asked of the database for each change, or a delete that is withheld, is the last resort."""
    runner, made = worlds
    world = made[kind]
    own = {DatabaseKind.POSTGRESQL: ARRAYS, DatabaseKind.MARIADB: ("'a' in tags",), DatabaseKind.SQLITE: ()}[kind]
    for rule in (*DEFINITE, *own):
        where = bind_rule(rule, world.table, world.engine.snapshot.catalog)
        answers = in_memory(world, where)
        assert ASK not in answers.values(), rule
        kept = {number for number, answer in answers.items() if answer is True}
        assert kept == runner.run(found(world, where)), rule
        assert 0 < len(kept) < ROWS, f"{rule} tells no rows apart"
