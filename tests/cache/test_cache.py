"""The cache by itself, with a clock that the test moves: what is joined, kept and believed, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import pytest

from reflector.access.principal import Principal
from reflector.catalog.model import Catalog, Table
from reflector.engine import Prepared
from reflector.snapshot import Snapshot
from reflector.sql.plan import Bind, Constant, Expect, FromRequest, Part, Plan, Step
from reflector.versions import TableName, Versions
from reflector.written import Written
from server.cache.answers import AnswerCache, Rendered
from server.cache.question import Key, Question, name_of
from server.cache.rules import CacheRule
from tests.cache.test_versions import Time, chain

A = ("main", "a")


@dataclass
class World:
    """A cache over a catalog of four tables and a view, each of which may be kept for ten seconds."""

    time: Time = field(default_factory=Time)
    catalog: Catalog = field(default_factory=chain)
    ttl: dict[str, float] = field(default_factory=lambda: dict.fromkeys("abcdv", 10.0))
    asked: int = 0

    def __post_init__(self) -> None:
        self.cache = AnswerCache(100_000, b"secret", self.rules, Versions(self.time), self.time, 5.0)
        self.snapshot = Snapshot(0, self.catalog, None, identity="one")

    def rules(self, catalog: Catalog) -> dict[Table, CacheRule]:
        return {catalog.tables[name]: CacheRule(ttl) for name, ttl in self.ttl.items()}

    def prepared(
        self, *tables: str, text: str = "SELECT", volatile: bool = False, binds: Sequence[Bind] = ()
    ) -> Prepared:
        step = Step(text, tuple(binds), Expect.ANSWER, (Part.BODY,))
        reads = frozenset(self.catalog.tables[name] for name in tables)
        return Prepared((Plan((step,), volatile=volatile, reads=reads),), [], self.snapshot)

    def question(self, *tables: str, volatile: bool = False) -> Question:
        prepared = self.prepared(*tables, text=f"SELECT {tables} {volatile}", volatile=volatile)
        found = self.cache.question(prepared, ("role",), "/api/a")
        assert found is not None
        return found

    async def ask(self, question: Question, body: bytes = b"[]", slow: asyncio.Event | None = None) -> bytes:
        """Asked as an API asks; `slow` keeps the database busy until it is set."""
        key = key_of(question)
        found = self.cache.find(key)
        if found is not None:
            return found.body

        async def make() -> Rendered:
            self.asked += 1
            if slow is not None:
                await slow.wait()
            return Rendered(body)

        async with asyncio.timeout(5):
            return (await self.cache.fill(question, key, make)).body


def key_of(question: Question) -> Key:
    key = question.key([], Principal())
    assert key is not None
    return key


async def test_nobody_joins_a_question_that_was_asked_before_a_write() -> None:
    world, slow = World(), asyncio.Event()
    question = world.question("a")
    early = asyncio.create_task(world.ask(question, b"old", slow))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    world.cache.written(Written(frozenset({A})))
    assert await world.ask(question, b"new") == b"new"
    slow.set()
    assert await early == b"old"
    assert await world.ask(question, b"never asked") == b"new"


async def test_what_was_asked_before_a_write_is_not_kept() -> None:
    world, slow = World(), asyncio.Event()
    question = world.question("a")
    asking = asyncio.create_task(world.ask(question, b"old", slow))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    world.cache.written(Written(frozenset({A})))
    slow.set()
    assert await asking == b"old"
    assert len(world.cache.memory) == 0


async def test_nobody_joins_a_question_older_than_an_answer_may_be() -> None:
    world, slow = World(), asyncio.Event()
    question = world.question("a")
    early = asyncio.create_task(world.ask(question, b"old", slow))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    world.time.now += 10.5
    assert await world.ask(question, b"new") == b"new"
    slow.set()
    assert await early == b"old"
    assert await world.ask(question) == b"new"


async def test_while_nobody_knows_whether_a_write_was_done_nothing_is_kept_and_nobody_joins() -> None:
    world = World()
    question, other = world.question("a"), world.question("b")
    world.cache.written(Written(frozenset({A}), certain=False))
    assert [await world.ask(question, body) for body in (b"1", b"2")] == [b"1", b"2"]
    assert [await world.ask(other, body) for body in (b"1", b"2")] == [b"1", b"1"]
    slow = asyncio.Event()
    tasks = [asyncio.create_task(world.ask(question, body, slow)) for body in (b"3", b"4")]
    await asyncio.sleep(0)
    slow.set()
    assert await asyncio.gather(*tasks) == [b"3", b"4"]
    world.time.now += 5.5
    assert [await world.ask(question, body) for body in (b"5", b"6")] == [b"5", b"5"]


async def test_an_age_counts_from_before_the_question() -> None:
    world, slow = World(), asyncio.Event()
    question = world.question("a")
    asking = asyncio.create_task(world.ask(question, b"1", slow))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    world.time.now += 9
    slow.set()
    await asking
    world.time.now += 0.9
    assert await world.ask(question, b"2") == b"1"
    world.time.now += 0.2
    assert await world.ask(question, b"2") == b"2"


async def test_the_least_ttl_holds() -> None:
    world = World(ttl={"a": 10.0, "b": 2.0})
    question = world.question("a", "b")
    await world.ask(question, b"1")
    world.time.now += 2.1
    assert await world.ask(question, b"2") == b"2"


@pytest.mark.parametrize(("tables", "volatile"), [(("a", "v"), False), (("a",), True)])
async def test_what_no_version_tells_of_holds_for_its_ttl_however_much_is_heard(
    tables: tuple[str, ...], volatile: bool
) -> None:
    world = World()
    world.cache.covered = lambda _: True
    question, settled = world.question(*tables, volatile=volatile), world.question("a", "b")
    await world.ask(question, b"1")
    await world.ask(settled, b"1")
    world.time.now += 10.1
    assert await world.ask(question, b"2") == b"2"
    assert await world.ask(settled, b"2") == b"1"


@pytest.mark.parametrize(("tables", "volatile"), [(("a", "v"), False), (("a", "b"), True)])
def test_what_no_version_tells_of_is_not_kept_where_a_table_has_no_ttl(tables: tuple[str, ...], volatile: bool) -> None:
    world = World(ttl={"a": 10.0})
    world.cache.covered = lambda _: True
    assert world.cache.question(world.prepared(*tables, volatile=volatile), (), "x") is None
    assert world.cache.question(world.prepared("a", "b"), (), "x") is not None
    assert world.cache.question(world.prepared("b"), (), "x") is None


async def test_an_older_snapshot_is_not_kept_for() -> None:
    world, slow = World(), asyncio.Event()
    old = world.question("a")
    asking = asyncio.create_task(world.ask(old, b"old", slow))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    world.snapshot = Snapshot(1, world.catalog, None, identity="one")
    new = world.question("a")
    slow.set()
    await asking
    assert len(world.cache.memory) == 0
    assert key_of(old) != key_of(new)


@dataclass
class Silent:
    """Other servers, heard or not."""

    hears: bool = True
    garbled: int = 0
    told: list[tuple[Collection[TableName] | None, float]] = field(default_factory=list)

    def heard(self) -> bool:
        return self.hears

    def tell(self, tables: Collection[TableName] | None, doubt: float) -> None:
        self.told.append((tables, doubt))


async def test_while_others_are_not_heard_nothing_older_than_a_second_is_shown() -> None:
    world, others = World(), Silent()
    world.cache.others = others
    world.cache.covered = lambda _: True
    question = world.question("a")
    await world.ask(question, b"1")
    world.time.now += 0.9
    others.hears = False
    assert await world.ask(question, b"2") == b"1"
    world.time.now += 0.2
    assert await world.ask(question, b"2") == b"2"


def test_others_are_told_of_what_was_written_here_and_not_of_what_was_heard() -> None:
    world, others = World(), Silent()
    world.cache.others = others
    world.cache.written(Written(frozenset({A})))
    world.cache.written(Written(None, certain=False))
    world.cache.changed(frozenset({A}))
    assert others.told == [(frozenset({A}), 0.0), (None, 5.0)]


def test_statement_and_sources_of_its_values_name_a_question() -> None:
    world = World()
    one, other = Bind(FromRequest(0)), Bind(FromRequest(1))
    prepared = [
        world.prepared("a", text="SELECT 1"),
        world.prepared("a", text="SELECT 2"),
        world.prepared("a", text="SELECT ?, ?", binds=(one, other)),
        world.prepared("a", text="SELECT ?, ?", binds=(other, one)),
        world.prepared("a", text="SELECT ?, ?", binds=(Bind(Constant("x")), one)),
        world.prepared("a", text="SELECT ?, ?", binds=(Bind(Constant("y")), one)),
    ]
    parts = [(("r",), ("x",)), (("r", "x"), ()), (("rx",), ()), (("r",), ("x", "")), ((), ("r", "x"))]
    names = {name_of(each.plans[0], roles, rendering) for each in prepared for roles, rendering in parts}
    assert len(names) == len(prepared) * len(parts)
